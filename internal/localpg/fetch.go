package localpg

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	packageScope = "@embedded-postgres/"
	defaultMajor = "17"
	fetchTimeout = 10 * time.Minute
	workPrefix   = "new-" // of a folder in which a build is being unpacked
)

// pin is one build of the server: the package, its version, and the integrity
// that the registry publishes for it.
type pin struct{ name, version, sha512 string }

// pins are the builds by architecture and major version. There is none of
// version 14 for arm64.
var pins = map[string]map[string]pin{
	"amd64": {
		"14": {"linux-x64", "14.23.0-beta.17", "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w=="},
		"15": {"linux-x64", "15.18.0-beta.17", "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA=="},
		"16": {"linux-x64", "16.14.0-beta.17", "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg=="},
		"17": {"linux-x64", "17.10.0-beta.17", "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="},
		"18": {"linux-x64", "18.4.0-beta.17", "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="},
	},
	"arm64": {
		"15": {"linux-arm64", "15.18.0-beta.17", "ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg=="},
		"16": {"linux-arm64", "16.14.0-beta.17", "LNT9TXoOGR/RSop1PewcMtpuf1Dtg6sKU7sFA1ODqInRA8NoP15HyLekUHW5aWnruu4yfs1pcy6DaV39T556mQ=="},
		"17": {"linux-arm64", "17.10.0-beta.17", "mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig=="},
		"18": {"linux-arm64", "18.4.0-beta.17", "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg=="},
	},
}

// pinned is the build of a major version for this machine.
func pinned(system, architecture, major string) (pin, error) {
	builds := pins[architecture]
	if p, ok := builds[major]; ok && system == "linux" {
		return p, nil
	}
	const remedy = "install Postgres, or name the folder of its programs in ROLLCALL_PG_BIN"
	if builds == nil || system != "linux" {
		return pin{}, fmt.Errorf("fetch Postgres: builds are pinned for linux on amd64 and arm64, not for %s/%s: %s", system, architecture, remedy)
	}
	majors := strings.Join(slices.Sorted(maps.Keys(builds)), ", ")
	return pin{}, fmt.Errorf("fetch Postgres: no build of version %q is pinned for %s: use one of %s, %s", major, architecture, majors, remedy)
}

// fetched is the bin folder of the pinned build of a major version, which it
// downloads if no earlier call did. Processes that want it at once wait for each other.
func fetched(ctx context.Context, major string, a *account, log io.Writer) (string, error) {
	p, err := pinned(runtime.GOOS, runtime.GOARCH, major)
	if err != nil {
		return "", err
	}
	cache, err := cacheDir(a)
	if err != nil {
		return "", err
	}
	guard, err := lockCache(ctx, cache)
	if err != nil {
		return "", err
	}
	defer guard.Close()
	home := filepath.Join(cache, p.name+"-"+p.version)
	bin := filepath.Join(home, "native", "bin")
	if complete(bin) {
		return bin, nil
	}
	base, err := registry(ctx)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(log, "fetching Postgres %s (24 MB), once\n", p.version)
	if err := install(ctx, base, p, home); err != nil {
		return "", fmt.Errorf("fetch Postgres %s: %w", p.version, err)
	}
	return bin, nil
}

// install downloads a build and puts it at home in one step, so that home is
// there complete or not at all. The caller holds the lock of the cache, so other
// unpacking folders there are those of processes that were killed.
func install(ctx context.Context, base string, p pin, home string) error {
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(home), workPrefix+"*"))
	for _, dir := range left {
		_ = os.RemoveAll(dir)
	}
	work, err := os.MkdirTemp(filepath.Dir(home), workPrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	archive, err := os.Create(filepath.Join(work, "package.tgz"))
	if err != nil {
		return err
	}
	defer archive.Close()
	if err := download(ctx, base+packageScope+p.name+"/-/"+p.name+"-"+p.version+".tgz", p.sha512, archive); err != nil {
		return err
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return err
	}
	tree := filepath.Join(work, "tree")
	if err := unpack(archive, tree); err != nil {
		return err
	}
	if err := errors.Join(publish(tree), os.RemoveAll(home)); err != nil {
		return err
	}
	return os.Rename(tree, home)
}

// errIntegrity says that a download is not the pinned file.
var errIntegrity = errors.New("its SHA-512 is not the pinned one")

func download(ctx context.Context, address, want string, to io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	// One request and no connection kept: nothing is left running behind it.
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the registry answered %s", resp.Status)
	}
	sum := sha512.New()
	if _, err := io.Copy(io.MultiWriter(to, sum), resp.Body); err != nil {
		return err
	}
	if base64.StdEncoding.EncodeToString(sum.Sum(nil)) != want {
		return errIntegrity
	}
	return nil
}
