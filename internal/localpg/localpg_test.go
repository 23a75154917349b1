package localpg_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"rollcall/internal/localpg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

// query is the only value of a statement's only row, as text.
func query(t *testing.T, s *localpg.Server, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var text string
	if err := conn.QueryRow(t.Context(), sql, pgx.QueryExecModeSimpleProtocol).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
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
	query(t, s, "create table kept (id int); insert into kept values (7); select 'done'")

	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if conn, err := pgx.Connect(t.Context(), address); err == nil {
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
	dir := t.TempDir()
	first := start(t, localpg.Options{Dir: dir})
	query(t, first, "create table kept (id int); select 'done'")
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	second := start(t, localpg.Options{Dir: dir})
	if got := query(t, second, "select count(*)::text from kept"); got != "0" {
		t.Errorf("rows = %s, want 0", got)
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

func TestStartRefusesAFolderWithoutPrograms(t *testing.T) {
	t.Setenv("ROLLCALL_PG_VERSION", "")
	t.Setenv("ROLLCALL_PG_BIN", t.TempDir())
	if _, err := localpg.Start(t.Context(), localpg.Options{}); err == nil {
		t.Fatal("no error")
	}
}
