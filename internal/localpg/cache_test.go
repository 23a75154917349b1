package localpg

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPinnedBuilds(t *testing.T) {
	for _, ok := range []struct{ architecture, major, name string }{
		{"amd64", "14", "linux-x64"}, {"amd64", "18", "linux-x64"}, {"arm64", "17", "linux-arm64"},
	} {
		p, err := pinned("linux", ok.architecture, ok.major)
		if err != nil || p.name != ok.name || !strings.HasPrefix(p.version, ok.major+".") {
			t.Errorf("build of %s for %s = %s %s, %v", ok.major, ok.architecture, p.name, p.version, err)
		}
	}
	for _, not := range []struct{ system, architecture, major string }{
		{"linux", "amd64", "13"}, {"linux", "arm64", "14"}, {"linux", "riscv64", "17"}, {"darwin", "arm64", "17"},
	} {
		if _, err := pinned(not.system, not.architecture, not.major); err == nil || !strings.Contains(err.Error(), "ROLLCALL_PG_BIN") {
			t.Errorf("build of %s for %s/%s: %v, want an error with a remedy", not.major, not.system, not.architecture, err)
		}
	}
}

func TestCacheIsOursAlone(t *testing.T) {
	base, err := os.MkdirTemp("", "localpg-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	named := filepath.Join(base, "named")
	t.Setenv("ROLLCALL_CACHE", named)
	us, err := unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := cacheDir(us); got != named || err != nil {
		t.Errorf("cache = %q, %v, want %q", got, err, named)
	}
	if err := os.Chmod(named, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := cacheDir(us); err == nil {
		t.Error("a folder that everybody may write to is a cache of programs")
	}
}

func TestLockOfTheCacheIsExclusiveAndCanBeGivenUp(t *testing.T) {
	cache := t.TempDir()
	first, err := lockCache(t.Context(), cache)
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lockCache(gone, cache); !errors.Is(err, context.Canceled) {
		t.Errorf("lock of a held cache: %v, want %v", err, context.Canceled)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := lockCache(t.Context(), cache)
	if err != nil {
		t.Fatalf("lock of a cache that was given free: %v", err)
	}
	second.Close()
}

func TestEndOfAProgramThatDidNotStart(t *testing.T) {
	s := &Server{bin: t.TempDir(), dir: t.TempDir(), account: &account{}}
	var err error
	if s.process, err = spawn(s.command("postgres")); err == nil {
		t.Fatal("a missing program started")
	}
	s.Kill()
}
