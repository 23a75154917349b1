package localpg_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"rollcall/internal/localpg"
)

func TestMain(m *testing.M) {
	if os.Getenv(orphanMaker) != "" {
		abandonServer()
	}
	goleak.VerifyTestMain(m)
}

func start(t *testing.T, o localpg.Options) *localpg.Server {
	t.Helper()
	s, err := localpg.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// openFolder is a folder for the test that every account can enter. Where the tests
// run as root, the server's account could not enter that of t.TempDir.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "localpg-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// query is the first value of the last of some statements.
func query(t *testing.T, s *localpg.Server, sql string) string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgconn.Connect(ctx, s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return string(results[len(results)-1].Rows[0][0])
}

func TestServerLivesAndLeavesNothing(t *testing.T) {
	s := start(t, localpg.Options{Settings: map[string]string{"max_connections": "33", "cluster_name": `it's a \ test`}})
	if s.Version() < 14 {
		t.Errorf("Version() = %d", s.Version())
	}
	for setting, want := range map[string]string{
		"wal_level": "logical", "max_connections": "33", "cluster_name": `it's a \ test`, "TimeZone": "GMT",
	} {
		if got := query(t, s, "select current_setting('"+setting+"')"); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
	if got := query(t, s, "select lower('É')"); got != "é" {
		t.Errorf("lower('É') = %q: letters outside ASCII have no case", got)
	}
	address := s.URL("postgres")
	if got := query(t, s, "create table kept as select 7 as id; select id::text from kept"); got != "7" {
		t.Fatalf("row = %q, want 7", got)
	}

	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if conn, err := pgconn.Connect(t.Context(), address); err == nil {
		conn.Close(t.Context())
		t.Fatal("a killed server still answers")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.URL("postgres") != address {
		t.Errorf("address after Restart = %s, want %s", s.URL("postgres"), address)
	}
	if got := query(t, s, "select id::text from kept"); got != "7" {
		t.Errorf("row after a crash = %q, want 7", got)
	}

	dir := filepath.Dir(s.DataDir())
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

func TestChosenFolderIsKeptAndUsedAgain(t *testing.T) {
	dir := filepath.Join(openFolder(t), "server")
	first := start(t, localpg.Options{Dir: dir})
	query(t, first, "create table kept as select 7 as id; select 'done'")
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	second := start(t, localpg.Options{Dir: dir})
	if got := query(t, second, "select count(*)::text from kept"); got != "1" {
		t.Errorf("rows = %s, want 1", got)
	}
}

func TestStartTellsWhyTheServerDoesNotStart(t *testing.T) {
	_, err := localpg.Start(t.Context(), localpg.Options{Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil {
		t.Fatal("no error")
	}
	if got := err.Error(); !strings.Contains(got, "no_such_setting") {
		t.Errorf("the error does not quote the server's log: %s", got)
	}
}

func TestStopIsContentWithAServerThatCannotStart(t *testing.T) {
	s := start(t, localpg.Options{})
	data := s.DataDir()
	if err := os.Rename(data, data+"-away"); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err == nil {
		t.Error("a server without its data started")
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func TestStartRefusesAFolderWithoutPrograms(t *testing.T) {
	t.Setenv("ROLLCALL_PG_VERSION", "17") // the named folder wins
	t.Setenv("ROLLCALL_PG_BIN", t.TempDir())
	if _, err := localpg.Start(t.Context(), localpg.Options{}); err == nil {
		t.Fatal("no error")
	}
}
