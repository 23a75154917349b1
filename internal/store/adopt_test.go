package store_test

import (
	"errors"
	"testing"
	"time"

	"rollcall/internal/statetest"
	"rollcall/internal/store"
)

// What an adoption changes is one transaction: which database it is, that no
// transaction of the other one is waited for, where the stream is, what is held.
func TestAdopt(t *testing.T) {
	ctx := t.Context()
	pool := statetest.Database(t).Pool(t)
	now := func() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }
	s := store.New(pool, "chamber", now)
	old := store.Installation{SystemID: "7000", Timeline: 1, DatabaseOID: 16384, Slot: "rollcall"}
	if _, err := s.Installation(ctx, old); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(ctx, `
		insert into rollcall_state.touched (source, kind, via, key, xids, end_lsn, touched_at) values
			('chamber', 'rep', '', '{1}', '{900,901}', '0/50', now()), ('chamber', 'rep', '', '{2}', '{}', '0/50', now()), ('other', 'rep', '', '{1}', '{900}', '0/50', now());
		insert into rollcall_state.request (source, content, xid, asked_at, lsn) values ('chamber', '{}', '900', now(), '0/50');
		insert into rollcall_state.position (source, durable_lsn, saved_at, touch_all_after, full_pass_at) values ('chamber', '0/60', now(), '901', now());
		insert into rollcall_state.source_count (source, association, view, rows, read_at) values ('chamber', '1', 'reps', 5, now());
		insert into rollcall_state.list (source, association, key, kind, ref, name, list_id, state, existed, bound_at)
			values ('chamber', '2', 'all-active', 'all-active', '', 'All', 'x', 'bound', false, now())`); err != nil {
		t.Fatal(err)
	}
	next := old
	next.Timeline = 2
	adoption := store.Adoption{Database: next, As: store.AdoptedFailover, By: "Olive Office", Kept: 0x55, WentBack: true}
	if err := s.Adopt(ctx, old, adoption); err != nil {
		t.Fatal(err)
	}
	var left int
	var durable string
	var second *string
	err := pool.QueryRow(ctx, `select (select count(*) from rollcall_state.touched where source = 'chamber' and xids <> '{}')
			+ (select count(*) from rollcall_state.request where xid is not null), durable_lsn::text, touch_all_after::text
		from rollcall_state.position where source = 'chamber'`).Scan(&left, &durable, &second)
	if err != nil || left != 0 || durable != "0/55" || second != nil {
		t.Errorf("%d transactions are waited for, durable at %s, second pass after %v, %v", left, durable, second, err)
	}
	var others int
	if err := pool.QueryRow(ctx, "select count(*) from rollcall_state.touched where source = 'other' and xids = '{900}'").Scan(&others); err != nil || others != 1 {
		t.Errorf("the other source's rows were changed: %d, %v", others, err)
	}
	for _, association := range []string{"1", "2"} {
		source, wentBack, err := s.Association(association).Alarms(ctx)
		if err != nil || !source || !wentBack {
			t.Errorf("association %s: alarms %v, %v, %v", association, source, wentBack, err)
		}
	}
	if known, _, err := s.KnownInstallation(ctx); err != nil || !known.Same(next) {
		t.Errorf("on record is %v, %v", known, err)
	}
	last, err := s.LastAdoption(ctx)
	if want := (store.Adopted{At: now(), By: "Olive Office", As: store.AdoptedFailover}); err != nil || !last.At.Equal(want.At) || last.By != want.By || last.As != want.As {
		t.Errorf("the adoption on record is %v, %v", last, err)
	}
	if acts, err := s.Audit(ctx, "", 0, 5); err != nil || len(acts) != 1 || acts[0].Who != "Olive Office" || acts[0].What != store.ActAdoptDatabase {
		t.Errorf("the audit log has %v, %v", acts, err)
	}
	if err := s.Adopt(ctx, old, adoption); !errors.Is(err, store.ErrAdoptedMeanwhile) {
		t.Errorf("a second adoption of what was on record before: %v", err)
	}
}

// A gap is closed by a full reconciliation that began after it, once everything
// was read from the database, and not before.
func TestCloseGap(t *testing.T) {
	ctx := t.Context()
	pool := statetest.Database(t).Pool(t)
	clock := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	s := store.New(pool, "chamber", func() time.Time { return clock })
	a := s.Association("1")
	if _, err := pool.Exec(ctx, `
		insert into rollcall_state.position (source, durable_lsn, saved_at, full_pass_at) values ('chamber', '0/60', $1, $1)`, clock); err != nil {
		t.Fatal(err)
	}
	reconcile := func() int64 {
		id, err := a.StartRun(ctx, store.Run{Kind: store.RunReconcile})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	closed := func(when string, want bool) {
		t.Helper()
		got, err := a.CloseGap(ctx)
		if err != nil || got != want {
			t.Errorf("%s: closed %v, %v, want %v", when, got, err, want)
		}
	}
	end := func(id int64, state store.RunState) {
		t.Helper()
		if err := a.EndRun(ctx, id, state, ""); err != nil {
			t.Fatal(err)
		}
	}
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := pool.Exec(ctx, statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	before := reconcile()
	clock = clock.Add(time.Minute)
	if err := a.RaiseAlarm(ctx, store.AlarmGap, ""); err != nil {
		t.Fatal(err)
	}
	closed("at once", false)
	end(before, store.RunDone)
	closed("after a run that had begun before", false)
	end(reconcile(), store.RunFailed)
	closed("after a run that failed", false)
	end(reconcile(), store.RunDone)
	closed("before the database was read", false)
	exec("update rollcall_state.position set full_pass_at = $1, touch_all_after = '7'", clock)
	closed("before it was read twice", false)
	exec("update rollcall_state.position set touch_all_after = null")
	closed("after all", true)
	closed("twice", false)
}

// A database is on record under one name, and a state inside a member database
// under one too.
func TestOneNameForADatabase(t *testing.T) {
	ctx := t.Context()
	pool := statetest.Database(t).Pool(t)
	at := func(name string, i store.Installation) error {
		_, err := store.New(pool, name, time.Now).Installation(ctx, i)
		return err
	}
	chamber := store.Installation{SystemID: "7000", Timeline: 1, DatabaseOID: 1, WithState: true}
	if err := at("chamber", chamber); err != nil {
		t.Fatal(err)
	}
	if err := at("club", store.Installation{SystemID: "7000", Timeline: 1, DatabaseOID: 2}); err != nil {
		t.Errorf("a second source: %v", err)
	}
	for what, i := range map[string]store.Installation{
		"the same database":         {SystemID: "7000", Timeline: 2, DatabaseOID: 1},
		"a copy with its own state": {SystemID: "8000", Timeline: 1, DatabaseOID: 5, WithState: true},
	} {
		other, ok := errors.AsType[*store.NameError](at("staging", i))
		if !ok || other.Known != "chamber" {
			t.Errorf("%s: %v", what, other)
		}
	}
}
