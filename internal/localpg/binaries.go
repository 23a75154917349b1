package localpg

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const oldestMajor = 14 // the first version with what the stream needs

// binaries is the folder with the server programs: the one asked for, else one
// of this machine, else a fetched one.
func binaries(ctx context.Context, a *account, log io.Writer) (string, error) {
	if bin := os.Getenv("ROLLCALL_PG_BIN"); bin != "" {
		if !complete(bin) {
			return "", fmt.Errorf("use ROLLCALL_PG_BIN: %s does not hold both initdb and postgres", bin)
		}
		return filepath.Abs(bin)
	}
	if major := os.Getenv("ROLLCALL_PG_VERSION"); major != "" {
		return fetched(ctx, major, a, log)
	}
	for _, bin := range installed(ctx) {
		if complete(bin) {
			return bin, nil
		}
	}
	return fetched(ctx, defaultMajor, a, log)
}

// installed lists where this machine may have server programs, best first.
func installed(ctx context.Context) []string {
	var dirs []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	dirs = append(dirs, versioned("/usr/lib/postgresql")...)
	if path, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	return dirs
}

// versioned lists the bin folders below root/<major version>, newest first.
func versioned(root string) []string {
	entries, _ := os.ReadDir(root) // none is a normal case
	var majors []int
	for _, e := range entries {
		if major, err := strconv.Atoi(e.Name()); err == nil && major >= oldestMajor {
			majors = append(majors, major)
		}
	}
	slices.Sort(majors)
	slices.Reverse(majors)
	dirs := make([]string, len(majors))
	for i, major := range majors {
		dirs[i] = filepath.Join(root, strconv.Itoa(major), "bin")
	}
	return dirs
}

// complete says whether dir holds both programs a server needs; packages of
// client programs bring only some.
func complete(dir string) bool {
	for _, program := range []string{"initdb", "postgres"} {
		info, err := os.Stat(filepath.Join(dir, program))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}
