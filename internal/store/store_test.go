package store_test

import (
	"context"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/pgtest"
	"rollcall/internal/statetest"
	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sql"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var noon = time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)

// newAssociation is the state of an association in a fresh database.
func newAssociation(t *testing.T) (*store.Association, *pgx.Conn) {
	t.Helper()
	db := statetest.Database(t)
	pool := db.Pool(t)
	conn := db.Conn(t)
	t.Cleanup(func() { wantCounted(context.Background(), t, conn, "in the end") })
	return store.New(pool, "chamber", func() time.Time { return noon }).Association("1"), conn
}

// Every statement is one that this server can prepare.
func TestStatementsPrepare(t *testing.T) {
	db := pgtest.Template(t, "contract", func(ctx context.Context, conn *pgx.Conn) error {
		for _, script := range append(sql.Reference(), sql.Contract()...) {
			if _, err := conn.Exec(ctx, script); err != nil {
				return err
			}
		}
		return statetest.Migrate(ctx, conn)
	})
	conn := db.Conn(t)
	for _, statement := range []string{sql.Query("touched_temp"), sql.Query("widen_temp")} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	files, err := fs.Glob(sql.FS, "queries/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d statements, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "queries/"), ".sql")
		if _, err := conn.Prepare(t.Context(), name, sql.Query(name)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestMigrateBySeveralStartersAtOnce(t *testing.T) {
	db := pgtest.Database(t)
	errs := make(chan error)
	for range 5 {
		pool := db.Pool(t)
		go func() { errs <- store.Migrate(context.Background(), pool) }()
	}
	for range 5 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// queue makes addresses dirty.
func queue(t *testing.T, conn *pgx.Conn, addresses ...string) {
	t.Helper()
	for _, address := range addresses {
		_, err := conn.Exec(t.Context(), `insert into rollcall_state.dirty as d (source, association, address, touched_at) values ('chamber', '1', $1, $2)
			on conflict (source, association, address) do update set version = d.version + 1`, address, noon)
		if err != nil {
			t.Fatal(err)
		}
	}
}

func add(list mapper.ListKey, address mapper.Address) *sink.Call {
	return &sink.Call{
		Kind: sink.CallImport, ListIDs: []string{"l"}, Addresses: []mapper.Address{address},
		Intents: []sink.Intent{{List: list, Address: address, Op: "add", Rep: "7", Fields: "f"}},
	}
}

func remove(list mapper.ListKey, address mapper.Address) *sink.Call {
	return &sink.Call{
		Kind: sink.CallRemove, ListIDs: []string{"l"}, Addresses: []mapper.Address{address}, IDs: []string{"id"},
		Intents: []sink.Intent{{List: list, Address: address, Op: "remove"}},
	}
}

func known(t *testing.T, a *store.Association, address mapper.Address) *store.Known {
	t.Helper()
	all, err := a.Known(t.Context(), []mapper.Address{address})
	if err != nil {
		t.Fatal(err)
	}
	return all[address]
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const ann = mapper.Address("ann@example.org")

// An address leaves the queue with its intent, but not when it was touched
// since the plan read it.
func TestQueueKeepsWhatWasTouchedSince(t *testing.T) {
	a, conn := newAssociation(t)
	queue(t, conn, "ann@example.org", "bob@example.org")
	queue(t, conn, "bob@example.org") // touched again, after the plan read version 1
	must[int64](t)(a.Begin(t.Context(), add("group:1", ann), []sink.Done{{Address: ann, Version: 1}}))
	must[int64](t)(a.Begin(t.Context(), add("group:1", "bob@example.org"), []sink.Done{{Address: "bob@example.org", Version: 1}}))
	due := must[[]store.Dirty](t)(a.Due(t.Context(), 10))
	if len(due) != 1 || due[0].Address != "bob@example.org" || !due[0].Busy {
		t.Errorf("queue has %+v, want bob's address, busy", due)
	}
}

func TestLedgerFollowsACall(t *testing.T) {
	a, _ := newAssociation(t)
	ctx := t.Context()
	id := must[int64](t)(a.Begin(ctx, add("group:1", ann), nil))
	k := known(t, a, ann)
	if got := k.Pairs["group:1"]; got.Told != mapper.ToldAdd || got.Confirmed || k.Open["group:1"] != "add" || len(k.ImportedAt) != 1 {
		t.Errorf("before the reply: %+v, open %v, imports %d", got, k.Open, len(k.ImportedAt))
	}
	ok(t, a.Sent(ctx, id, "theirs"))
	ok(t, a.Settle(ctx, id, sink.Outcome{State: "completed", Completed: true, Clean: true}))
	k = known(t, a, ann)
	if got := k.Pairs["group:1"]; !got.Confirmed || len(k.Open) != 0 || k.Contact.TouchedBy != "7" || k.Contact.Fields != "f" {
		t.Errorf("after a clean end: %+v, contact %+v", got, k.Contact)
	}
}

// A call that was refused leaves no trace but the place in the queue.
func TestRejectRestoresTheLedger(t *testing.T) {
	a, _ := newAssociation(t)
	ctx := t.Context()
	id := must[int64](t)(a.Begin(ctx, add("group:1", ann), nil))
	ok(t, a.Sent(ctx, id, "theirs"))
	ok(t, a.Settle(ctx, id, sink.Outcome{State: "completed", Clean: true, Completed: true}))
	before := known(t, a, ann).Pairs["group:1"]
	id = must[int64](t)(a.Begin(ctx, remove("group:1", ann), nil))
	ok(t, a.Reject(ctx, id, "throttle", noon))
	if after := known(t, a, ann).Pairs["group:1"]; after != before {
		t.Errorf("after the refusal %+v, before %+v", after, before)
	}
	if due := must[[]store.Dirty](t)(a.Due(ctx, 10)); len(due) != 1 || due[0].Busy {
		t.Errorf("queue has %+v, want ann's address, free", due)
	}
}

// What a read-back shows counts, whatever the counters said. Who got what they were to
// get is planned at once for what else there is; whom the call left out waits.
func TestSettleByReadBack(t *testing.T) {
	for _, c := range []struct {
		name            string
		shown           sink.Shown
		told            mapper.Told
		confirmed, gone bool
	}{
		{"on the list", sink.Shown{State: mapper.ContactActive, ID: "c", Lists: map[string]bool{"l": true}}, mapper.ToldAdd, true, false},
		{"not applied", sink.Shown{State: mapper.ContactActive, ID: "c"}, mapper.ToldNothing, false, false},
		{"refused", sink.Shown{State: mapper.ContactAbsent}, mapper.ToldNothing, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _ := newAssociation(t)
			ctx := t.Context()
			ok(t, a.SaveList(ctx, sink.BoundList{Key: "group:1", Kind: mapper.ListGroup, Ref: "1", Name: "Board", ListID: "l", State: mapper.ListBound}))
			id := must[int64](t)(a.Begin(ctx, add("group:1", ann), nil))
			c.shown.ReadAt = noon
			ok(t, a.Settle(ctx, id, sink.Outcome{State: "completed", Completed: true, Shown: map[mapper.Address]sink.Shown{ann: c.shown}}))
			k := known(t, a, ann)
			if p := k.Pairs["group:1"]; p.Told != c.told || p.Confirmed != c.confirmed || k.Contact.Refused != c.gone {
				t.Errorf("pair %+v, refused %v", p, k.Contact.Refused)
			}
			if due := must[[]store.Dirty](t)(a.Due(ctx, 10)); (len(due) == 1) != c.confirmed {
				t.Errorf("%d are due", len(due))
			}
		})
	}
}

// Whom a removal left on the list, and who had been put there by a confirmed call, is
// known to be there as before: who is missed later has left.
func TestARemovalThatWasNotApplied(t *testing.T) {
	for name, first := range map[string]sink.Outcome{
		"put there by us":  {State: "completed", Completed: true, Clean: true},
		"nobody knows how": {State: "failed"},
		"on its way still": {},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := newAssociation(t)
			ctx := t.Context()
			ok(t, a.SaveList(ctx, sink.BoundList{Key: "group:1", Kind: mapper.ListGroup, Ref: "1", Name: "Board", ListID: "l", State: mapper.ListBound}))
			addition := must[int64](t)(a.Begin(ctx, add("group:1", ann), nil))
			if first.State != "" {
				ok(t, a.Settle(ctx, addition, first))
			}
			removal := must[int64](t)(a.Begin(ctx, remove("group:1", ann), nil))
			ok(t, a.Settle(ctx, removal, sink.Outcome{State: "likely", Shown: map[mapper.Address]sink.Shown{
				ann: {State: mapper.ContactActive, ID: "c", ReadAt: noon, Lists: map[string]bool{"l": true}},
			}}))
			p := known(t, a, ann).Pairs["group:1"]
			if p.Shown != mapper.ShownOn || p.Told == mapper.ToldRemove || p.Seen != first.Clean {
				t.Errorf("pair %+v, want it shown on the list, and seen: %v", p, first.Clean)
			}
		})
	}
}

// A removal that overtook another call is sent again: when it has ended the person
// may be on the list and may not, also where reading back shows that they are not.
func TestOvertakingRemovalIsNotTheLastWord(t *testing.T) {
	clean := sink.Outcome{State: "completed", Completed: true, Clean: true}
	for name, end := range map[string]sink.Outcome{
		"clean":     clean,
		"read back": {State: "likely", Shown: map[mapper.Address]sink.Shown{ann: {State: mapper.ContactActive, ID: "7", Lists: map[string]bool{}}}},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := newAssociation(t)
			ctx := t.Context()
			first := must[int64](t)(a.Begin(ctx, add("group:1", ann), nil))
			call := remove("group:1", ann)
			call.Intents[0].Again = true
			second := must[int64](t)(a.Begin(ctx, call, nil))
			ok(t, a.Settle(ctx, second, end))
			ok(t, a.Settle(ctx, first, clean))
			p := known(t, a, ann).Pairs["group:1"]
			if p.Told != mapper.ToldRemove || p.Confirmed || p.Shown != mapper.ShownUnknown || !p.BelievedOn() {
				t.Errorf("pair %+v, want a removal that is not confirmed, and nothing shown", p)
			}
		})
	}
}

// What is read of a stretch is what is read of each address in it, and nothing else.
func TestKnownOfAStretch(t *testing.T) {
	a, conn := newAssociation(t)
	ctx := t.Context()
	people := []mapper.Address{"a@example.org", "c@example.org", "d@example.org"}
	_, err := conn.Exec(ctx, `
		insert into rollcall_state.rep_seen (source, association, rep, address, opted_out)
			select 'chamber', '1', n::text, chr(96 + n) || '@example.org', n = 3 from generate_series(1, 6) n;
		insert into rollcall_state.rep_seen (source, association, rep, address) values ('chamber', '1', '7', 'c@example.org'), ('chamber', '2', '8', 'c@example.org');
		insert into rollcall_state.contact (source, association, address, contact_id, state, read_at)
			select source, association, address, 'id' || rep, 'active', '2026-06-30 11:00Z' from rollcall_state.rep_seen where rep::int <= 6;
		insert into rollcall_state.ledger (source, association, list, address, told, confirmed, shown)
			select source, association, 'group:1', address, 'add', true, 'on' from rollcall_state.contact;
		insert into rollcall_state.opt_out values ('chamber', '1', 'b@example.org', '2026-06-30Z'), ('chamber', '1', 'c@example.org', '2026-06-30Z'), ('chamber', '1', 'd@example.org', '2026-06-30Z');
		insert into rollcall_state.opt_in values ('chamber', '1', 'b@example.org', '2026-06-30 11:59Z'), ('chamber', '1', 'a@example.org', '2026-06-30 11:59Z'), ('chamber', '1', 'c@example.org', '2026-06-30 11:59Z');
		insert into rollcall_state.old_account (source, association, address, state) values ('chamber', '1', 'b@example.org', 'deleted'), ('chamber', '1', 'c@example.org', 'deleted'), ('chamber', '1', 'd@example.org', 'deleted');
		insert into rollcall_state.address_change (source, association, rep, from_address, to_address, seen_at)
			values ('chamber', '1', '1', '{b@example.org}', 'd@example.org', '2026-06-30Z')`)
	ok(t, err)
	ok(t, a.Ask(ctx, store.Question{Kind: mapper.HoldRemovals, List: "group:1", Pairs: []store.AskedPair{
		{Address: "b@example.org", List: "group:1", Op: mapper.InactivateFromList}, {Address: "c@example.org", List: "group:1", Op: mapper.InactivateFromList},
	}}))
	must[int64](t)(a.Begin(ctx, add("group:2", "a@example.org"), nil))
	must[int64](t)(a.Begin(ctx, add("group:2", "b@example.org"), nil))
	want := must[map[mapper.Address]*store.Known](t)(a.Known(ctx, people))
	got := must[map[mapper.Address]*store.Known](t)(a.KnownStretch(ctx, people))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("of the stretch: %+v\nof each: %+v", got, want)
	}
	if k := want["a@example.org"]; !k.Busy || !k.OptedIn || k.Open["group:2"] != "add" || len(k.Pairs) != 2 {
		t.Errorf("of a: %+v", k)
	}
	// The one in the middle has all of it: none of the statements may read the ends only.
	if k := want["c@example.org"]; k.Busy || !k.OptOut || !k.OptedIn || k.OldAccount == "" || len(k.Seen) != 2 || k.Pairs["group:1"].Remove.State != mapper.HoldWaiting {
		t.Errorf("of c: %+v", k)
	}
	if k := want["d@example.org"]; !k.OptOut || k.OldAccount != mapper.ContactDeleted || len(k.Changes) != 1 {
		t.Errorf("of d: %+v", k)
	}
}

// A complete reading of the account counts for everybody whom it showed, not for
// those whom it did not.
func TestAccountRead(t *testing.T) {
	a, _ := newAssociation(t)
	ctx := t.Context()
	const bob, cid = mapper.Address("bob@example.org"), mapper.Address("cid@example.org")
	first, second, third := noon.Add(-3*time.Hour), noon.Add(-2*time.Hour), noon.Add(-time.Hour)
	reading := func(address mapper.Address, at time.Time) store.Reading {
		return store.Reading{Address: address, Contact: mapper.Contact{ID: "id", State: mapper.ContactActive, ReadAt: at}}
	}
	readAt := func(want map[mapper.Address]time.Time) {
		t.Helper()
		for address, at := range want {
			if got := known(t, a, address).Contact.ReadAt; !got.Equal(at) {
				t.Errorf("%s was read at %s, want %s", address, got, at)
			}
		}
	}
	ok(t, a.SaveReadings(ctx, []store.Reading{reading(ann, first), reading(bob, first), reading(cid, first)}))
	ok(t, a.KeepShown(ctx, []mapper.Address{ann, bob}))
	if unshown := must[[]mapper.Address](t)(a.Unshown(ctx, second, nil, 10)); len(unshown) != 1 || unshown[0] != cid {
		t.Errorf("unshown: %v", unshown)
	}
	ok(t, a.AccountRead(ctx, second))
	ok(t, a.ForgetPull(ctx))
	readAt(map[mapper.Address]time.Time{ann: second, bob: second, cid: first})
	ok(t, a.KeepShown(ctx, []mapper.Address{ann, cid}))
	ok(t, a.AccountRead(ctx, third))
	ok(t, a.ForgetPull(ctx))
	readAt(map[mapper.Address]time.Time{ann: third, bob: second, cid: third})
	ok(t, a.SaveReadings(ctx, []store.Reading{reading(bob, noon)}))
	readAt(map[mapper.Address]time.Time{ann: third, bob: noon})
}
