package widen

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/internal/pgtest"
	"rollcall/internal/source"
	"rollcall/internal/statetest"
	"rollcall/internal/store"
	"rollcall/sql"
)

// twoOffices has two reps in each of two associations. The view cannot compute the
// e-mail address of one while the rep is in public.fragile.
const twoOffices = `
insert into chamber.association (name) values ('Harbour'), ('Hill');
insert into chamber.sync_options (association_id, sync_all_active, sync_groups) values (1, true, true), (2, true, true);
insert into chamber.member (association_id, name, status) values (1, 'Bakery', 'active'), (2, 'Forge', 'active');
insert into chamber.rep (association_id, member_id, email) values
    (1, 1, 'ann@example.org'), (1, 1, 'bob@example.org'), (2, 2, 'cas@example.org'), (2, 2, 'dee@example.org');
create table public.fragile (rep_id bigint primary key);`

var fragileView = pgtest.WithColumn("rollcall.reps", "email", "case when x.rep_id in (select rep_id from public.fragile) then x.email::integer::text else x.email end")

// offices is a widener of keys that a test touches itself.
type offices struct {
	*Widener
	*pgx.Conn
	log   bytes.Buffer
	watch cdc.Watch
	time  time.Time
}

func newOffices(t *testing.T) *offices {
	t.Helper()
	db := pgtest.Template(t, "offices", func(ctx context.Context, conn *pgx.Conn) error {
		for _, script := range append(append(sql.Reference(), sql.Contract()...), twoOffices, fragileView) {
			if _, err := conn.Exec(ctx, script); err != nil {
				return err
			}
		}
		return statetest.Migrate(ctx, conn)
	})
	o := &offices{Conn: db.Conn(t), time: time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)}
	pool := db.Pool(t)
	src, err := source.New(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return o.time }
	o.Widener = &Widener{
		Source: src, Store: store.New(pool, "chamber", now), Now: now, Log: slog.New(slog.NewTextHandler(&o.log, nil)),
		Watch: func(via string) (cdc.Watch, bool) { return o.watch, via == o.watch.Via() },
	}
	o.touch(t, cdc.KindAll, "")
	o.pass(t)
	exec(t, o.Conn, "delete from rollcall_state.dirty")
	return o
}

func (o *offices) touch(t *testing.T, kind cdc.Kind, keys ...string) {
	t.Helper()
	for _, key := range keys {
		var err error
		if kind == cdc.KindAll {
			err = o.Store.TouchAll(t.Context(), 0)
		} else {
			err = o.Store.Touch(t.Context(), kind, key)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// pass does a pass when all that waits may be tried again.
func (o *offices) pass(t *testing.T) {
	t.Helper()
	o.time = o.time.Add(time.Hour)
	if _, _, err := o.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (o *offices) want(t *testing.T, when, query string, want ...string) {
	t.Helper()
	rows, err := o.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: %s: %q, want %q", when, query, got, want)
	}
}

const (
	dirtyPeople = "select address from rollcall_state.dirty where address <> '' order by 1"
	leftTouched = "select kind || ' ' || key[1] from rollcall_state.touched order by 1"
	alarmed     = "select association || ' ' || kind || ' ' || detail from rollcall_state.alarm order by 1"
)

// One row that fails stops its association. Everything else goes on, and nothing
// is lost.
func TestAFailingRowStopsItsAssociationOnly(t *testing.T) {
	const alarm = "2 unreadable read rollcall.reps: SQLSTATE 22P02"
	o := newOffices(t)
	exec(t, o.Conn, "insert into public.fragile values (3)")
	o.touch(t, cdc.KindRep, "1", "3", "4")
	o.pass(t)
	o.want(t, "first", dirtyPeople, "ann@example.org", "cas@example.org", "dee@example.org") // cas is known from before
	o.want(t, "first", leftTouched, "association 2")
	o.want(t, "first", alarmed, alarm)

	exec(t, o.Conn, "delete from rollcall_state.dirty")
	o.touch(t, cdc.KindMember, "1", "2")
	o.pass(t)
	o.want(t, "members", dirtyPeople, "ann@example.org", "bob@example.org")
	o.want(t, "members", leftTouched, "association 2")

	exec(t, o.Conn, "update chamber.rep set email = 'eve@example.org' where rep_id in (2, 3)")
	o.touch(t, cdc.KindAll, "")
	o.pass(t)
	o.want(t, "all", "select address from rollcall_state.dirty where association = '1' and address <> '' order by 1", "ann@example.org", "bob@example.org", "eve@example.org")
	o.want(t, "all", leftTouched, "association 2")
	o.want(t, "all", alarmed, alarm)
	if log := o.log.String(); strings.Count(log, "level=ERROR") != 1 || !strings.Contains(log, "association=2 view=rollcall.reps sqlstate=22P02") || strings.Contains(log, "example.org") {
		t.Errorf("the log: %s", log)
	}

	exec(t, o.Conn, "delete from rollcall_state.dirty; delete from public.fragile")
	o.pass(t)
	o.want(t, "mended", dirtyPeople, "cas@example.org", "dee@example.org", "eve@example.org")
	o.want(t, "mended", leftTouched)
	o.want(t, "mended", alarmed)
	if !strings.Contains(o.log.String(), "can be read again") {
		t.Errorf("the log: %s", &o.log)
	}
}

// A row without an id concerns its own association at most.
func TestARowWithoutAnIDStopsNobodyElse(t *testing.T) {
	for name, bad := range map[string]string{
		"rep":     pgtest.WithColumn("rollcall.reps", "rep_id", "nullif(x.rep_id, 3)"),
		"options": pgtest.WithColumn("rollcall.options", "association_id", "nullif(x.association_id, 2)"),
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffices(t)
			exec(t, o.Conn, bad)
			o.touch(t, cdc.KindAll, "")
			o.pass(t)
			o.want(t, "the other association", "select address from rollcall_state.dirty where association = '1' and address <> '' order by 1", "ann@example.org", "bob@example.org")
		})
	}
}

// A view that is missing stops everybody who needs it, is told of for each, and
// nothing is lost.
func TestAMissingViewLosesNothing(t *testing.T) {
	o := newOffices(t)
	exec(t, o.Conn, "alter view rollcall.reps rename to away")
	o.touch(t, cdc.KindRep, "1", "3")
	o.pass(t)
	o.pass(t)
	o.want(t, "missing", leftTouched, "association 1", "association 2")
	o.want(t, "missing", alarmed, "1 unreadable read rollcall.reps: SQLSTATE 42P01", "2 unreadable read rollcall.reps: SQLSTATE 42P01")
	exec(t, o.Conn, "delete from rollcall_state.dirty; alter view rollcall.away rename to reps")
	o.pass(t)
	o.want(t, "back", dirtyPeople, "ann@example.org", "bob@example.org", "cas@example.org", "dee@example.org")
	o.want(t, "back", leftTouched)
	o.want(t, "back", alarmed)
}

// While nobody can say which associations there are, everything waits to be read
// and single keys go on.
func TestMissingOptionsKeepEverythingWaiting(t *testing.T) {
	o := newOffices(t)
	exec(t, o.Conn, "alter view rollcall.options rename to away")
	o.touch(t, cdc.KindAll, "")
	o.touch(t, cdc.KindRep, "1")
	o.pass(t)
	o.want(t, "missing", dirtyPeople, "ann@example.org")
	o.want(t, "missing", "select kind from rollcall_state.touched", "all")
	o.want(t, "missing", "select association from rollcall_state.alarm where kind = 'unreadable' order by 1", "1", "2")
	exec(t, o.Conn, "alter view rollcall.away rename to options")
	o.pass(t)
	o.want(t, "back", "select kind from rollcall_state.touched")
	o.want(t, "back", alarmed)
	if _, pending, err := o.Store.SecondPass(t.Context()); err != nil || pending {
		t.Errorf("the second look is still to be done: %t, %v", pending, err)
	}
}

// A statement that fails stops the keys of its watch, and no others.
func TestAFailingStatementStopsItsWatchOnly(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		left      int // of 20 keys
	}{
		"for some keys":         {"select 10 / ($1::integer - 7) where $1::integer < 0 or $1 = '7'", 1},
		"for every key":         {"select 1 / ($1::integer - $1::integer)", 20},
		"without the table":     {"select rep_id from public.nothing where $1 = ''", 20},
		"with other parameters": {"select 1::bigint", 20},
		"with other columns":    {"select 1, 2 where $1 <> ''", 20},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffices(t)
			o.watch = cdc.Watch{Table: "public.company", Keys: []string{"id"}, Kind: cdc.KindRep, Resolve: c.statement}
			for i := range 20 {
				exec(t, o.Conn, fmt.Sprintf(`insert into rollcall_state.touched (source, kind, via, key, xids, end_lsn, touched_at)
					values ('chamber', 'rep', '%s', array['%d'], '{}', '0/0', now())`, o.watch.Via(), i))
			}
			o.touch(t, cdc.KindRep, "1")
			for range 3 {
				o.pass(t)
			}
			o.want(t, "broken", dirtyPeople, "ann@example.org")
			o.want(t, "broken", "select count(*)::text from rollcall_state.touched", fmt.Sprint(c.left))
			o.want(t, "broken", alarmed)
			if log := o.log.String(); strings.Count(log, "level=ERROR") != 1 || !strings.Contains(log, "table=public.company kind=rep sqlstate=") {
				t.Errorf("the log: %s", log)
			}
			via := o.watch.Via()
			o.watch.Resolve = "select 2 where $1 = '7'"
			o.Watch = func(string) (cdc.Watch, bool) { return o.watch, true }
			o.pass(t)
			o.want(t, "mended "+via, "select count(*)::text from rollcall_state.touched", "0")
			o.want(t, "mended", dirtyPeople, "ann@example.org", "bob@example.org")
		})
	}
}

// What cannot be read is tried again after a second, ever more rarely, at least
// once a minute.
func TestTroublesWaitLongerEachTime(t *testing.T) {
	ts := troubles{}
	at := time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)
	one := trouble{via: "one"}
	for _, delay := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		ts.note(one, "22012", at)
		if !ts.waits(one, at.Add(delay*time.Second-1)) || ts.waits(one, at.Add(delay*time.Second)) {
			t.Errorf("does not wait for %d s", delay)
		}
		if got := ts.vias(at); !slices.Equal(got, []string{"one"}) {
			t.Errorf("watches that wait: %q", got)
		}
	}
	if ts.note(one, "22012", at) || !ts.note(one, "42P01", at) {
		t.Error("told of twice, or not of something new")
	}
}
