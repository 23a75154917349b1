package localpg

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	tempPrefix = "rollcall-postgres-"
	lockName   = "lock"
	sharedTemp = "/var/tmp" // where every account may enter
)

// tempDir is a server folder that is held by a file lock for as long as we live.
type tempDir struct {
	path string
	lock *os.File
}

// newTempDir makes a folder that a may enter, in base if a may enter that. It also
// removes the folders of processes that were killed: those nobody holds the lock of.
func newTempDir(base string, a *account) (*tempDir, error) {
	if !a.canEnter(base) {
		base = sharedTemp
	}
	sweep(base)
	// The folder gets its final name only when it is locked: until then no sweep sees it.
	fresh, err := os.MkdirTemp(base, "new-"+tempPrefix)
	if err != nil {
		return nil, fmt.Errorf("make server folder: %w", err)
	}
	lock, err := os.Create(filepath.Join(fresh, lockName))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make server folder: %w", err), os.RemoveAll(fresh))
	}
	path := filepath.Join(base, strings.TrimPrefix(filepath.Base(fresh), "new-"))
	if err := errors.Join(tryLock(lock), a.own(fresh), os.Rename(fresh, path)); err != nil {
		return nil, errors.Join(fmt.Errorf("make server folder: %w", err), lock.Close(), os.RemoveAll(fresh))
	}
	return &tempDir{path: path, lock: lock}, nil
}

func (d *tempDir) remove() error {
	if d == nil {
		return nil
	}
	return errors.Join(os.RemoveAll(d.path), d.lock.Close())
}

// sweep removes what it can; what it cannot belongs to somebody else.
func sweep(base string) {
	left, _ := filepath.Glob(filepath.Join(base, tempPrefix+"*"))
	for _, path := range left {
		lock, err := os.Open(filepath.Join(path, lockName))
		if err != nil {
			continue
		}
		if tryLock(lock) == nil {
			_ = os.RemoveAll(path)
		}
		_ = lock.Close()
	}
}
