//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package localpg

import (
	"errors"
	"os"
)

// tryLock says that this system has no such locks, and so no private servers.
func tryLock(*os.File) error { return errors.ErrUnsupported }

func held(error) bool { return false }
