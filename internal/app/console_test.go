package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/internal/chamber"
	"rollcall/internal/config"
	"rollcall/internal/pgtest"
	"rollcall/internal/store"
	"rollcall/sql"
)

// manyReps is a member database with 20,000 reps and the state of a first sync.
func manyReps(ctx context.Context, conn *pgx.Conn) error {
	for _, script := range append(sql.Reference(), sql.Contract()...) {
		if _, err := conn.Exec(ctx, script); err != nil {
			return err
		}
	}
	if _, err := chamber.Generate(ctx, conn, chamber.Options{Seed: 1, Associations: 1, Reps: 20_000, Groups: 40}); err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, conn.Config().ConnString())
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := store.Migrate(ctx, pool); err != nil {
		return err
	}
	state, err := os.ReadFile("../../e2e/commands/testdata/synced.sql")
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, string(state)); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "update chamber.sync_options set sync_all_active = true, sync_membership_types = true, sync_groups = true")
	return err
}

// consoleConfig is a configuration for a database with nobody behind it.
func consoleConfig(t *testing.T, db *pgtest.DB) *config.Config {
	t.Helper()
	dir := t.TempDir()
	token, path := filepath.Join(dir, "token"), filepath.Join(dir, "rollcall.yaml")
	text := fmt.Sprintf(`source: {name: chamber, url: %q, slot: %s}
constant_contact: {connections: [{association: "1", access_token: {file: %q}}]}
console: {listen: "127.0.0.1:0"}
`, db.URL, pgtest.Slot(t), token)
	for name, content := range map[string]string{token: "none\n", path: text} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// bigScans counts the rows that sequential scans read of tables that have a row a
// person. The people of questions are not among them: the page of all questions
// counts the people of each. Sessions report theirs when they end.
func bigScans(t *testing.T, db *pgtest.DB) (scans map[string]int64) {
	t.Helper()
	conn := db.Conn(t)
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var others int
		err := conn.QueryRow(t.Context(), "select count(*) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid() and backend_type = 'client backend'", db.Name).Scan(&others)
		if err != nil {
			t.Fatal(err)
		}
		if others == 0 {
			break
		}
		select {
		case <-deadline:
			t.Fatal("sessions are still there")
		case <-tick.C:
		}
	}
	rows, err := conn.Query(t.Context(), `select schemaname || '.' || relname, seq_tup_read from pg_stat_user_tables
		where schemaname || '.' || relname in ('chamber.rep', 'chamber.group_membership', 'chamber.opt_out', 'rollcall_state.ledger', 'rollcall_state.contact',
			'rollcall_state.rep_seen', 'rollcall_state.rep_now', 'rollcall_state.intent', 'rollcall_state.standing')`)
	if err != nil {
		t.Fatal(err)
	}
	scans = map[string]int64{}
	var table string
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&table, &n}, func() error { scans[table] = n; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return scans
}

// TestPagesReadNoTableToItsEnd asks for every page of an association with 20,000
// reps: none goes through a table that has a row for everybody.
func TestPagesReadNoTableToItsEnd(t *testing.T) {
	db := pgtest.Template(t, "many", manyReps)
	cfg := consoleConfig(t, db)
	open := func() *App {
		t.Helper()
		a, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := open()
	v, err := newOffice(a).View("1")
	begun := time.Now()
	if err == nil {
		err = v.Count(t.Context(), "counted")
	}
	t.Logf("counting 20,000 people took %s", time.Since(begun).Round(time.Millisecond))
	a.Close()
	if err != nil {
		t.Fatal(err)
	}
	db.Exec(t, "vacuum analyze")
	var name, address string
	conn := db.Conn(t)
	if err := conn.QueryRow(t.Context(), "select last_name, (select address from rollcall_state.rep_seen order by ord desc limit 1) from chamber.rep where rep_id = 77").Scan(&name, &address); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := bigScans(t, db)

	a = open()
	ask := func(path string, form url.Values) string {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
		if form != nil {
			r = httptest.NewRequest(http.MethodPost, "http://localhost"+path, strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		w := httptest.NewRecorder()
		begun := time.Now()
		a.pages.ServeHTTP(w, r)
		t.Logf("%4d ms  %3d kB  %s", time.Since(begun).Milliseconds(), w.Body.Len()/1024, path)
		if w.Code != http.StatusOK && w.Code != http.StatusSeeOther {
			t.Errorf("%s: status %d: %.300s", path, w.Code, w.Body)
		}
		if w.Code == http.StatusSeeOther {
			return w.Header().Get("Location")
		}
		return w.Body.String()
	}
	group := regexp.MustCompile(`/a/1/groups/group:\d+`).FindString(ask("/a/1/groups?show=all", nil))
	for _, path := range []string{
		"/a/1/", group, "/a/1/groups/all_active", "/a/1/groups/all_active/people/in_database", "/a/1/groups/all_active/people/expected",
		"/a/1/groups/all_active/people/on_list", "/a/1/groups/all_active/people/pending", "/a/1/groups/all_active/people/to_add",
		"/a/1/groups/all_active/people/foreign", "/a/1/groups/all_active/people/left_behind", "/a/1/groups/all_active/people/held?reason=member_not_active",
		group + "/people/held?reason=disabled_in_group", "/a/1/people", "/a/1/approvals", "/a/1/adoption", "/a/1/activity", "/a/1/problems",
		"/a/1/problems/invalid_email", "/a/1/problems/member_not_active", "/a/1/options", "/a/1/connect", "/a/1/audit", "/a/1/health",
	} {
		ask(path, nil)
	}
	next := regexp.MustCompile(`href="([^"]*after=[^"]*)"`).FindStringSubmatch(ask("/a/1/groups/all_active/people/in_database", nil))
	if next == nil {
		t.Fatal("a list of 20,000 people has one page")
	}
	ask(strings.ReplaceAll(next[1], "&amp;", "&"), nil)
	ask("/a/1/people", url.Values{"who": {name}})
	ask("/a/1/people/rep/77", nil)
	ask(ask("/a/1/people", url.Values{"who": {address}}), nil)
	a.Close()

	for table, n := range bigScans(t, db) {
		if n > before[table] {
			t.Errorf("sequential scans read %d rows of %s", n-before[table], table)
		}
	}
}
