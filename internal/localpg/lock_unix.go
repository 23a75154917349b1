//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package localpg

import (
	"os"
	"syscall"
)

// tryLock takes an exclusive lock that ends with the file or with us, or fails at once.
func tryLock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// held says whether tryLock failed because somebody else has the lock.
func held(err error) bool { return err == syscall.EWOULDBLOCK }
