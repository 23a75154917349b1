package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const lockInterval = 100 * time.Millisecond // between two looks at a lock that is held

// cacheDir is where builds are kept: in the user's cache, or in a shared folder
// where the server's account cannot reach that, as it cannot reach root's home.
// It must be ours alone, as programs are run from it.
func cacheDir(a *account) (string, error) {
	dir := os.Getenv("ROLLCALL_CACHE")
	if dir == "" {
		dir = filepath.Join(sharedTemp, "rollcall-cache-"+strconv.Itoa(os.Getuid()))
		if home, err := os.UserCacheDir(); err == nil && a.canEnter(home) {
			dir = filepath.Join(home, "rollcall-postgres")
		}
	}
	dir, err := makeOpen(dir)
	if err != nil {
		return "", fmt.Errorf("make cache of Postgres builds: %w: name another folder in ROLLCALL_CACHE", err)
	}
	if !private(dir) {
		return "", fmt.Errorf("use cache of Postgres builds: others may change %s: remove it, or name another folder in ROLLCALL_CACHE", dir)
	}
	if !a.canEnter(dir) {
		return "", fmt.Errorf("use cache of Postgres builds: the server's account cannot enter %s: name another folder in ROLLCALL_CACHE", dir)
	}
	return dir, nil
}

// makeOpen makes dir where there is none, for all to enter, whatever the umask
// is. It returns its absolute path.
func makeOpen(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	err = os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return dir, nil
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	return dir, err
}

// lockCache waits until no other process changes the cache. Closing the file
// gives it free.
func lockCache(ctx context.Context, cache string) (*os.File, error) {
	f, err := os.Create(filepath.Join(cache, lockName))
	if err != nil {
		return nil, fmt.Errorf("lock cache of Postgres builds: %w", err)
	}
	again := time.NewTicker(lockInterval)
	defer again.Stop()
	for {
		err := tryLock(f)
		if err == nil {
			return f, nil
		}
		if held(err) {
			select {
			case <-again.C:
				continue
			case <-ctx.Done():
				err = context.Cause(ctx)
			}
		}
		_ = f.Close()
		return nil, fmt.Errorf("lock cache of Postgres builds: %w", err)
	}
}

// publish lets every account read and run what is in a folder, whatever the
// umask was when it was written.
func publish(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return os.Chmod(path, 0o755)
	})
}
