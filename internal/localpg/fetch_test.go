package localpg

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// pack is an npm package with these files.
func pack(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	archive := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := files[name]
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(text)), Mode: 0o644}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// mirror is a registry that answers every request with one package.
func mirror(t *testing.T, body []byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/"
}

func TestInstall(t *testing.T) {
	body := pack(t, map[string]string{
		"package/native/bin/initdb":        "#!",
		"package/native/bin/postgres":      "#!",
		"package/native/lib/libpq.so.5.17": "code",
		"package/native/pg-symlinks.json":  `[{"source":"native/lib/libpq.so.5.17","target":"native/lib/libpq.so.5"}]`,
	})
	sum := sha512.Sum512(body)
	good := pin{"linux-x64", "1.0.0", base64.StdEncoding.EncodeToString(sum[:])}
	cache := t.TempDir()
	home := filepath.Join(cache, good.version)

	if err := install(t.Context(), mirror(t, append(body, 0)), good, home); !errors.Is(err, errIntegrity) {
		t.Errorf("install of a changed package: %v, want %v", err, errIntegrity)
	}
	if left, _ := os.ReadDir(cache); len(left) != 0 {
		t.Errorf("a refused package left %v", left)
	}
	if err := install(t.Context(), mirror(t, body), good, home); err != nil {
		t.Fatal(err)
	}
	if !complete(filepath.Join(home, "native", "bin")) {
		t.Error("the programs are not there or not executable")
	}
	if text, err := os.ReadFile(filepath.Join(home, "native", "lib", "libpq.so.5")); string(text) != "code" {
		t.Errorf("the linked library = %q, %v", text, err)
	}
}

func TestUnpackStaysInItsFolder(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"file":        {"package/../../out": "x"},
		"link":        {"package/native/pg-symlinks.json": `[{"source":"native/a","target":"../../out"}]`},
		"link source": {"package/native/pg-symlinks.json": `[{"source":"../../../etc","target":"native/out"}]`},
	} {
		t.Run(name, func(t *testing.T) {
			if err := unpack(bytes.NewReader(pack(t, files)), filepath.Join(t.TempDir(), "tree")); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestRegistryComesFromNpmsConfiguration(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("PATH", t.TempDir()) // no npm
	t.Setenv("npm_config_registry", "")
	t.Setenv("NPM_CONFIG_REGISTRY", "")
	if _, err := registry(t.Context()); !errors.Is(err, errNoRegistry) {
		t.Errorf("registry without any configuration: %v", err)
	}
	settings := "fund=false\nregistry = \"https://npm.example.org/mirror/\"\n"
	if err := os.WriteFile(filepath.Join(home, ".npmrc"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := registry(t.Context()); got != "https://npm.example.org/mirror/" {
		t.Errorf("registry from .npmrc = %q, %v", got, err)
	}
	t.Setenv("npm_config_registry", "https://other.example.org")
	if got, err := registry(t.Context()); got != "https://other.example.org/" {
		t.Errorf("registry from the environment = %q, %v", got, err)
	}
}

func TestVersionedPrefersTheNewest(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"9.6", "13", "15", "9", "18", "16", "common"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for _, major := range []string{"18", "16", "15"} {
		want = append(want, filepath.Join(root, major, "bin"))
	}
	if got := versioned(root); !slices.Equal(got, want) {
		t.Errorf("versioned = %v, want %v", got, want)
	}
}

func TestSweepSparesFoldersInUse(t *testing.T) {
	base := t.TempDir()
	t.Setenv("TMPDIR", base)
	ours, err := newTempDir(os.TempDir(), &account{})
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(base, tempPrefix+"dead")
	if err := os.Mkdir(dead, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dead, lockName), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	sweep(base)
	if _, err := os.Stat(ours.path); err != nil {
		t.Errorf("our own folder: %v", err)
	}
	if _, err := os.Stat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder nobody holds: %v", err)
	}
	if err := ours.remove(); err != nil {
		t.Error(err)
	}
}
