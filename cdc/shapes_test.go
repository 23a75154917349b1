package cdc_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/internal/pgtest"
)

// Whatever way a change is committed, its key arrives with the transaction that
// a snapshot knows, and what was rolled back does not.
func TestReaderMeetsEveryKindOfTransaction(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*testing.T, *member)
		want int // reps 1 to want
	}{
		"10,000 subtransactions": {func(t *testing.T, m *member) {
			m.exec(t, `do $$ begin
					for i in 1..20000 loop
						begin
							insert into public.rep values (i);
							if i > 10000 then raise exception 'no'; end if;
						exception when raise_exception then null;
						end;
					end loop;
				end $$`)
		}, 10_000},
		"savepoints in savepoints": {func(t *testing.T, m *member) {
			m.exec(t, "begin", "insert into public.rep values (1)", "savepoint a", "insert into public.rep values (8)", "savepoint b",
				"insert into public.rep values (9)", "release savepoint b", "rollback to savepoint a", "insert into public.rep values (2)",
				"savepoint a", "insert into public.rep values (3)", "release savepoint a", "commit")
		}, 3},
		"COPY": {func(t *testing.T, m *member) {
			n, err := m.CopyFrom(t.Context(), pgx.Identifier{"public", "rep"}, []string{"rep_id"},
				pgx.CopyFromSlice(3000, func(i int) ([]any, error) { return []any{i + 1}, nil }))
			if err != nil || n != 3000 {
				t.Fatal(n, err)
			}
		}, 3000},
		"session_replication_role": {func(t *testing.T, m *member) {
			m.exec(t, "set session_replication_role = replica", "insert into public.rep values (1)", "reset session_replication_role", "insert into public.rep values (2)")
		}, 2},
		"a replication origin": {func(t *testing.T, m *member) {
			origin := pgtest.Slot(t)
			m.exec(t, "select pg_replication_origin_create('"+origin+"')", "select pg_replication_origin_session_setup('"+origin+"')",
				"insert into public.rep values (1)", "select pg_replication_origin_session_reset()", "select pg_replication_origin_drop('"+origin+"')")
		}, 1},
		"synchronous_commit off": {func(t *testing.T, m *member) {
			m.exec(t, "set synchronous_commit = off", "insert into public.rep values (1)", "set synchronous_commit = on")
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMember(t)
			m.read(t, nil)
			c.do(t, m)
			m.store.waitFor(t, m)
			m.store.wantReps(t, c.want)
		})
	}
}

// A transaction that was prepared counts when it is committed, under its own id,
// however long that takes and whoever does it.
func TestReaderMeetsPreparedTransactions(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, map[string]string{"max_prepared_transactions": "5"})
	m := newDatabase(t, server.URL("postgres"))
	m.exec(t, publication)
	if _, err := cdc.Prepare(t.Context(), m.Conn, m.slot, "rollcall"); err != nil {
		t.Fatal(err)
	}
	first := m.read(t, func(c *cdc.Config) { c.Snapshot = seesNothing })
	m.exec(t, "begin", "insert into public.rep values (1)")
	xid := m.text(t, "select pg_current_xact_id()::text")
	m.exec(t, "prepare transaction 'harbour'", "begin", "insert into public.rep values (2)", "prepare transaction 'hill'")
	m.store.waitFor(t, m)
	m.store.wantReps(t, 0)
	first.stop(t)
	m.read(t, func(c *cdc.Config) { c.Snapshot = seesNothing })
	other := connect(t, m.url)
	for _, statement := range []string{"commit prepared 'harbour'", "rollback prepared 'hill'"} {
		if _, err := other.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	m.store.waitFor(t, m)
	m.store.wantReps(t, 1)
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	i := slices.IndexFunc(m.store.touched, func(touched cdc.Touched) bool { return touched.Kind == cdc.KindRep })
	if got := fmt.Sprint(m.store.touched[i].XIDs); got != "["+xid+"]" {
		t.Errorf("it waits for %s, want the transaction that was prepared, %s", got, xid)
	}
}

// Messages of others, and messages that only look like ours, cost nothing but
// their bytes.
func TestReaderIgnoresMessagesThatAreNotForIt(t *testing.T) {
	m := newMember(t)
	r := m.read(t, nil)
	m.exec(t,
		"select pg_logical_emit_message(true, 'rollcall', repeat('x', 1025))",
		"select pg_logical_emit_message(true, 'rollcall', repeat('x', 5000000))",
		"select pg_logical_emit_message(true, 'rollcall2', 'x')",
		"select pg_logical_emit_message(true, '', 'x')",
		`select pg_logical_emit_message(true, 'other', '\x00ff00'::bytea)`,
		"select pg_logical_emit_message(true, 'rollcall', '')",
		`select pg_logical_emit_message(true, 'rollcall', '\x00ff00'::bytea)`,
		"select pg_logical_emit_message(true, 'rollcall', repeat('x', 1024))",
		"insert into public.rep values (1)",
	)
	m.store.waitFor(t, m)
	m.store.wantReps(t, 1)
	if n := r.Stats().Ignored.Load(); n != 5 {
		t.Errorf("%d messages ignored, want 5", n)
	}
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	if n := len(m.store.requests); n != 3 {
		t.Errorf("%d requests, want those of at most 1 KiB with our prefix, whatever is in them", n)
	}
}
