package app

import (
	"context"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/access"
	"rollcall/internal/chamber"
	"rollcall/internal/config"
	"rollcall/internal/pgtest"
	"rollcall/internal/statetest"
	"rollcall/sql"
)

// smallGroup is a group that does not grow with the reps. The others do, and what a
// group's page shows before a sync is everybody in it.
const smallGroup = `
with g as (insert into chamber.rep_group (association_id, name, sync) values (1, 'Fifty', true) returning group_id)
insert into chamber.group_membership (association_id, group_id, rep_id) select 1, group_id, rep_id from g, generate_series(101, 150) rep_id`

// synced fills a member database with reps, and the state with what a first sync
// leaves.
func synced(reps int) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, conn *pgx.Conn) error {
		for _, script := range append(sql.Reference(), sql.Contract()...) {
			if _, err := conn.Exec(ctx, script); err != nil {
				return err
			}
		}
		if _, err := chamber.Generate(ctx, conn, chamber.Options{Seed: 1, Associations: 1, Reps: reps, Groups: 40}); err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, smallGroup); err != nil {
			return err
		}
		if err := statetest.Migrate(ctx, conn); err != nil {
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

// rowsRead counts the rows that were read of all tables so far, and the entries of
// all indexes. The people of questions are not among them: a page of questions counts
// the people of each, and they may be everybody. Sessions report theirs when they end.
func rowsRead(t *testing.T, db *pgtest.DB) (n int64) {
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
	err := conn.QueryRow(t.Context(), `select (select coalesce(sum(seq_tup_read), 0) from pg_stat_user_tables where relname <> 'approval_pair') +
		(select coalesce(sum(idx_tup_read), 0) from pg_stat_user_indexes where relname <> 'approval_pair')`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n
}

// looker asks for pages of a console, each in sessions of its own, so that the rows
// that it read are known.
type looker struct {
	db     *pgtest.DB
	cfg    *config.Config
	cookie *http.Cookie
	total  int64            // rows that were read so far
	read   map[string]int64 // rows by page
}

// newLooker prepares an association with so many reps, counts it for the console,
// and signs in.
func newLooker(t *testing.T, reps int) *looker {
	t.Helper()
	l := &looker{db: pgtest.Template(t, fmt.Sprintf("reps%d", reps), synced(reps)), read: map[string]int64{}}
	l.cfg = consoleConfig(t, l.db)
	a := l.open(t)
	defer a.Close()
	v, err := newOffice(a).View("1")
	if err == nil {
		err = v.Count(t.Context(), "counted")
	}
	const password = "correct horse battery"
	hash, hashErr := access.HashPassword("olive", password)
	if err := errors.Join(err, hashErr, a.store.AddConsoleUser(t.Context(), access.User{Name: "olive", Role: access.Admin}, hash, "test")); err != nil {
		t.Fatal(err)
	}
	answer := l.send(a, "/login", url.Values{"name": {"olive"}, "password": {password}})
	if cookies := answer.Result().Cookies(); len(cookies) == 1 {
		l.cookie = cookies[0]
	} else {
		t.Fatalf("signing in: status %d", answer.Code)
	}
	l.db.Exec(t, "vacuum analyze")
	return l
}

func (l *looker) open(t *testing.T) *App {
	t.Helper()
	a, err := New(t.Context(), l.cfg, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// send asks for a page; a form makes it a POST.
func (l *looker) send(a *App, path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
	if form != nil {
		r = httptest.NewRequest(http.MethodPost, "http://localhost"+path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if l.cookie != nil {
		r.AddCookie(l.cookie)
	}
	w := httptest.NewRecorder()
	a.pages.ServeHTTP(w, r)
	return w
}

// ask asks for the page that has a name in the comparison, and goes on to where it
// leads, and to the link of it that then finds, if anything.
func (l *looker) ask(t *testing.T, name, path string, form url.Values, then *regexp.Regexp) {
	t.Helper()
	a := l.open(t)
	w := l.send(a, path, form)
	to := w.Header().Get("Location")
	if w.Code == http.StatusSeeOther && !strings.HasPrefix(to, "/login") {
		w = l.send(a, to, nil)
	}
	if then != nil && w.Code == http.StatusOK {
		link := then.FindStringSubmatch(w.Body.String())
		if link == nil {
			t.Fatalf("%s has no link %s", path, then)
		}
		w = l.send(a, html.UnescapeString(link[1]), nil)
	}
	a.Close()
	before := l.total
	l.total = rowsRead(t, l.db)
	l.read[name] = l.total - before
	if w.Code != http.StatusOK {
		t.Errorf("%s: status %d, to %q: %.300s", path, w.Code, to, w.Body)
	}
}

// askAll asks for every page.
func (l *looker) askAll(t *testing.T) {
	t.Helper()
	var name, address, group string
	conn := l.db.Conn(t)
	if err := conn.QueryRow(t.Context(), `select last_name, (select address from rollcall_state.rep_seen order by ord desc limit 1),
		(select key from rollcall_state.list where name = 'Fifty') from chamber.rep where rep_id = 77`).Scan(&name, &address, &group); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.total = rowsRead(t, l.db)
	for _, path := range []string{
		"/groups", "/groups?show=all", "/groups/GROUP", "/groups/GROUP/sync", "/groups/GROUP/people/held?reason=disabled_in_group", "/groups/all_active",
		"/groups/all_active/people/in_database", "/groups/all_active/people/expected", "/groups/all_active/people/on_list",
		"/groups/all_active/people/pending", "/groups/all_active/people/to_add", "/groups/all_active/people/foreign",
		"/groups/all_active/people/left_behind", "/groups/all_active/people/held?reason=member_not_active", "/people", "/people/rep/77",
		"/approvals", "/approvals?show=all", "/approvals/1", "/adoption", "/activity", "/problems", "/problems/invalid_email", "/problems/member_not_active",
		"/options", "/connect", "/audit", "/health",
	} {
		l.ask(t, path, "/a/1"+strings.Replace(path, "GROUP", group, 1), nil, nil)
	}
	l.ask(t, "two pages of people", "/a/1/groups/all_active/people/in_database", nil, regexp.MustCompile(`href="([^"]*after=[^"]*)"`))
	l.ask(t, "people by name", "/a/1/people", url.Values{"who": {name}}, nil)
	l.ask(t, "a person by address", "/a/1/people", url.Values{"who": {address}}, nil)
}

// TestNoPageGrowsWithTheReps asks for every page of an association with some reps
// and of one with ten times as many: the rows that a page reads may at most double,
// as the server looks fewer up one by one where a table is small.
func TestNoPageGrowsWithTheReps(t *testing.T) {
	const few, many = 2_000, 20_000
	small, large := newLooker(t, few), newLooker(t, many)
	small.askAll(t)
	large.askAll(t)
	for _, name := range slices.Sorted(maps.Keys(large.read)) {
		s, l := small.read[name], large.read[name]
		t.Logf("%6d rows of %d reps, %6d of %d: %s", s, few, l, many, name)
		if l > 2*s+500 {
			t.Errorf("%s reads %d rows with %d reps, and %d with %d", name, s, few, l, many)
		}
	}
}
