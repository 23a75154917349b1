//go:build !linux

package localpg

import (
	"errors"
	"os"
	"syscall"
)

// account is always ourselves: only on Linux are servers started for root.
type account struct{}

func unprivileged() (*account, error) { return &account{}, nil }

func (*account) attributes() *syscall.SysProcAttr { return nil }

func (*account) own(string) error { return nil }

func (*account) canEnter(string) bool { return true }

// tryLock fails elsewhere than on Linux: left-over folders stay.
func tryLock(*os.File) error { return errors.ErrUnsupported }

func lock(*os.File) error { return errors.ErrUnsupported }

func private(string) bool { return false }
