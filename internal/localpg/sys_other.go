//go:build !linux

package localpg

import "syscall"

// account is always ourselves: only on Linux are servers started for root, and
// only there are builds fetched.
type account struct{}

// Memory is nothing: only Linux has a known folder in memory.
func Memory() string { return "" }

func unprivileged() (*account, error) { return &account{}, nil }

func (*account) attributes() *syscall.SysProcAttr { return nil }

func (*account) own(string) error { return nil }

func (*account) canEnter(string) bool { return true }

func private(string) bool { return false }
