package localpg

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

const (
	memory     = "/dev/shm"
	memoryRoom = 4 << 30 // bytes: enough for several servers with the databases of tests
)

// Memory is the folder that the system keeps in memory, for Options.Temp, if it has
// 4 GB free, and otherwise nothing. A server makes some 300 files for each database
// and removes them with it, which there costs little.
func Memory() string {
	var has syscall.Statfs_t
	if err := syscall.Statfs(memory, &has); err != nil || has.Bavail*uint64(has.Bsize) < memoryRoom {
		return ""
	}
	return memory
}

// account is whom the server programs run as. The zero value is ourselves.
type account struct {
	credential *syscall.Credential
}

// unprivileged is the account postgres or nobody where we are root, which initdb
// and postgres refuse.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return &account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read account %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read account %s: %w", name, err)
		}
		return &account{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return nil, fmt.Errorf("start postgres: it refuses to run as root, and there is neither an account postgres nor nobody")
}

// attributes make a program run as a, out of reach of the terminal's Ctrl-C, and
// shut down at once when we die.
func (a *account) attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: a.credential, Setpgid: true, Pdeathsig: syscall.SIGQUIT}
}

// own gives dir and what it holds to a.
func (a *account) own(dir string) error {
	if a.credential == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(a.credential.Uid), int(a.credential.Gid))
	})
}

// canEnter says whether a can reach dir and everything above it.
func (a *account) canEnter(dir string) bool {
	if a.credential == nil {
		return true
	}
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
		dir = filepath.Dir(dir)
	}
}

// private says whether only we can change what is in dir.
func private(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode()&0o022 != 0 {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
