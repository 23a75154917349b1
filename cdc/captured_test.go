package cdc_test

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/cdc"
	"rollcall/internal/pgtest"
	"rollcall/sql"
)

// watchRows are the watches of the member database, for its triggers.
const watchRows = `insert into rollcall.watches values ('public.rep', '{rep_id}', 'rep'), ('public.member', '{member_id}', 'member')`

// newCaptured prepares a database whose changes triggers capture.
func newCaptured(t *testing.T, statements ...string) *member {
	t.Helper()
	return capture(t, newDatabase(t, pgtest.Database(t).URL), statements...)
}

func capture(t *testing.T, m *member, statements ...string) *member {
	t.Helper()
	m.exec(t, statements...)
	m.exec(t, watchRows, sql.ByTriggers(sql.Contract())[3], "delete from rollcall.log")
	return m
}

// moving is a mover at work.
type moving struct {
	*cdc.Mover
	reading
	pool *pgxpool.Pool
}

// move starts a mover. It is stopped when the test ends.
func (m *member) move(t *testing.T, configure func(*cdc.MoverConfig)) *moving {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), m.url)
	if err != nil {
		t.Fatal(err)
	}
	log, err := cdc.PrepareLog(t.Context(), connect(t, m.url))
	if err != nil {
		t.Fatal(err)
	}
	r := &moving{reading: reading{ended: make(chan error, 1), log: &logBuffer{}}, pool: pool}
	cfg := cdc.MoverConfig{
		DB: pool, LogID: log.ID, Watches: watches, Store: m.store, Now: time.Now, Every: time.Millisecond,
		Log: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	if configure != nil {
		configure(&cfg)
	}
	if r.Mover, err = cdc.NewMover(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.ended <- r.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		pool.Close()
		if t.Failed() {
			t.Logf("the mover's log:\n%s", r.log)
		}
	})
	return r
}

// Run is the mover's.
func (r *moving) Run(ctx context.Context) error { return r.Mover.Run(ctx) }

// moved waits until the log is empty, and so everything committed is stored.
func (m *member) moved(t *testing.T) {
	t.Helper()
	m.eventually(t, "0", "select count(*)::text from rollcall.log")
}

func (s *memory) wantKeys(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := s.keys(); !slices.Equal(got, want) {
		t.Errorf("touched %q, want %q", got, want)
	}
}

// What happens to a table touches the keys that its rows had before and have
// afterwards.
func TestCapturedTouches(t *testing.T) {
	m := newCaptured(t)
	for _, c := range []struct {
		name string
		do   []string
		want string
	}{
		{"insert", []string{"insert into public.rep values (1), (2)"}, "rep 1,rep 2"},
		{"update", []string{"insert into public.rep values (1)", "update public.rep set note = 'x'"}, "rep 1"},
		{"a key that moves", []string{"insert into public.rep values (1)", "update public.rep set rep_id = 2"}, "rep 1,rep 2"},
		{"delete", []string{"insert into public.rep values (1)", "delete from rollcall.log", "delete from public.rep"}, "rep 1"},
		{"nothing", []string{"update public.rep set note = 'x'", "delete from public.rep", "update public.member set name = ''"}, ""},
		{"an upsert", []string{
			"insert into public.rep values (1)", "delete from rollcall.log", "insert into public.rep values (1), (3) on conflict (rep_id) do update set note = 'again'",
		}, "rep 1,rep 3"},
		{"what is not watched", []string{"insert into public.invoice (note) values ('x')", "truncate public.invoice"}, ""},
		{"truncate", []string{"truncate public.rep"}, "all"},
		{"a rollback", []string{"begin", "insert into public.rep values (1)", "rollback"}, ""},
		{"session_replication_role", []string{
			"set session_replication_role = replica", "insert into public.rep values (1)", "update public.rep set rep_id = 2", "delete from public.rep", "reset session_replication_role",
		}, "rep 1,rep 2"},
		{"savepoints", []string{
			"begin", "insert into public.rep values (1)", "savepoint a", "insert into public.rep values (8)", "savepoint b",
			"insert into public.rep values (9)", "release savepoint b", "rollback to savepoint a", "insert into public.rep values (2)", "commit",
		}, "rep 1,rep 2"},
		{"very many rows", []string{"insert into public.rep select i from generate_series(1, 50001) i"}, "all"},
		{"a key that is NULL", []string{"alter table public.member drop constraint member_pkey, alter member_id drop not null", "insert into public.member values (null), (5)"}, "member 5"},
		{"a column that was renamed", []string{"alter table public.rep rename rep_id to id", "insert into public.rep values (4)", "alter table public.rep rename id to rep_id"}, "all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m.store = newMemory()
			m.exec(t, "truncate public.rep, public.member", "delete from rollcall.log")
			m.exec(t, c.do...)
			r := m.move(t, nil)
			m.moved(t)
			r.stop(t)
			var want []string
			if c.want != "" {
				want = strings.Split(c.want, ",")
			}
			m.store.wantKeys(t, want...)
			truncated := slices.ContainsFunc(m.store.batches, func(b cdc.Batch) bool { return b.Truncated })
			if truncated != (c.name == "truncate") {
				t.Errorf("truncated is %v", truncated)
			}
			for _, touched := range m.store.touched {
				if len(touched.XIDs) > 0 || touched.End == 0 || time.Since(touched.CommitTime) > time.Hour {
					t.Errorf("%s %v waits for %v, is of %s at %s", touched.Kind, touched.Key, touched.XIDs, touched.End, touched.CommitTime)
				}
			}
		})
	}
}

func TestCapturedMeetsCOPY(t *testing.T) {
	m := newCaptured(t)
	r := m.move(t, func(c *cdc.MoverConfig) { c.MaxKeys = 100 })
	n, err := m.CopyFrom(t.Context(), pgx.Identifier{"public", "rep"}, []string{"rep_id"},
		pgx.CopyFromSlice(3000, func(i int) ([]any, error) { return []any{i + 1}, nil }))
	if err != nil || n != 3000 {
		t.Fatal(n, err)
	}
	for i := range 1000 { // each a row of the log
		m.exec(t, "insert into public.member values ("+strconv.Itoa(i)+")")
	}
	m.moved(t)
	if n := len(m.store.keys()); n != 4000 {
		t.Errorf("%d keys, want 4000", n)
	}
	if n := r.Mover.Stats().Transactions.Load(); n != 1001 {
		t.Errorf("%d transactions, want 1001", n)
	}
}

// An application that asks for the id of what it has just inserted gets its own.
func TestCapturedLeavesTheSessionAlone(t *testing.T) {
	m := newCaptured(t)
	m.exec(t, "insert into rollcall.watches values ('public.invoice', '{id}', 'group')", "select rollcall.make_triggers()", "delete from rollcall.log",
		"insert into public.invoice (note) values ('x')")
	if got, want := m.text(t, "select lastval()::text"), m.text(t, "select max(id)::text from public.invoice"); got != want {
		t.Errorf("lastval() is %s, want %s", got, want)
	}
	if got := m.text(t, "select count(*)::text from rollcall.log where keys = '{{1}}'"); got != "1" {
		t.Errorf("%s rows in the log, want the one", got)
	}
	tag, err := m.Exec(t.Context(), "update public.invoice set note = 'y'")
	if err != nil || tag.RowsAffected() != 1 {
		t.Errorf("the application is told of %d rows, %v", tag.RowsAffected(), err)
	}
	// A partition of a watched table is watched with it, and not by itself.
	_, err = m.Exec(t.Context(), `create table public.act (id integer primary key) partition by range (id); create table public.act_1 partition of public.act for values from (0) to (9);
		insert into rollcall.watches values ('public.act', '{id}', 'rep'), ('public.act_1', '{id}', 'rep'); select rollcall.make_triggers()`)
	if err == nil || !strings.Contains(err.Error(), "capture public.act_1: it is a partition of") {
		t.Errorf("a partition that is watched by itself too: %v", err)
	}
}
