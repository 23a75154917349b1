// Package pgtest gives tests their databases: one Postgres for each test
// process, started when the first test asks, and one database for each test.
package pgtest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"rollcall/internal/localpg"
)

// cluster is the server of this test process and what was made in it.
var cluster struct {
	once   sync.Once
	server *localpg.Server
	err    error

	mu        sync.Mutex
	templates map[string]*template
	names     int
}

// Main is the body of TestMain in a package that uses databases. It runs the
// tests, stops the server, and fails the run if a goroutine is left over.
func Main(m *testing.M) {
	code := m.Run()
	if cluster.server != nil {
		if err := cluster.server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			code = max(code, 1)
		}
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		code = 1
	}
	os.Exit(code)
}

// shared is the server of this test process. Only Main stops it.
func shared(t testing.TB) *localpg.Server {
	t.Helper()
	cluster.once.Do(func() {
		cluster.server, cluster.err = localpg.Start(context.Background(), localpg.Options{Temp: localpg.Memory(), Log: os.Stderr})
	})
	if cluster.err != nil {
		t.Fatalf("start Postgres: %v", cluster.err)
	}
	return cluster.server
}

// Server starts a server for one test: one with settings of its own, or one that
// the test means to stop or kill. It is stopped when the test ends.
func Server(t testing.TB, settings map[string]string) *localpg.Server {
	t.Helper()
	s, err := localpg.Start(context.Background(), localpg.Options{Temp: localpg.Memory(), Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("stop Postgres: %v", err)
		}
	})
	return s
}

// Slot is a name for a replication slot that no other test uses: slots belong to
// the whole server.
func Slot(t testing.TB) string { return uniqueName("slot", t.Name()) }

// uniqueName is kind, a number and as much of hint as a Postgres identifier and
// a slot name can take: 63 lower-case letters, digits and underscores.
func uniqueName(kind, hint string) string {
	cluster.mu.Lock()
	cluster.names++
	number := cluster.names
	cluster.mu.Unlock()
	name := []byte(fmt.Sprintf("%s_%d_%s", kind, number, hint))
	for i, c := range name {
		switch {
		case 'A' <= c && c <= 'Z':
			name[i] = c - 'A' + 'a'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		default:
			name[i] = '_'
		}
	}
	return string(name[:min(len(name), 63)])
}
