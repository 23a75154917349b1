package deliver_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/ccsim"
	"rollcall/internal/deliver"
	"rollcall/mapper"
	"rollcall/sink"
)

// newPeople are sixty reps whose addresses Constant Contact does not know, in all
// combinations of four groups: whoever's number has rest three by four is in both
// Board and Golf.
const newPeople = `insert into chamber.rep (association_id, member_id, email, first_name)
	select 1, 1, 'new' || n || '@example.org', 'New' from generate_series(1, 60) n;
	insert into chamber.rep_group (association_id, name) values (1, 'Chess'), (1, 'Tennis');
	insert into chamber.group_membership (association_id, group_id, rep_id)
	select 1, g, 20 + n from generate_series(1, 4) g, generate_series(1, 60) n where n >> (g - 1) & 1 = 1`

// arrive has the new people looked at and the calls of the first round sent, while
// Constant Contact works on nothing. It returns how many these are.
func (b *bench) arrive(t *testing.T) (sent int) {
	t.Helper()
	b.settle(t)
	b.sim.Reset()
	b.sim.Hold(true)
	must(t, execute(t, b, newPeople))
	must(t, b.Store.Touch(t.Context(), "association", "1"))
	b.turns(t, 4)
	if sent = b.calls(imports); sent == 0 || sent > 4 {
		t.Fatalf("%d imports, want those that make everybody and no more", sent)
	}
	return sent
}

// told are the lists that calls so far put an address on.
func (b *bench) told(t *testing.T, address string) []string {
	t.Helper()
	rows, err := b.member.Query(t.Context(), "select list from rollcall_state.intent where address = $1 and op = 'add' order by list", address)
	must(t, err)
	lists, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return lists
}

// A contact that an import is only making is on no other import until that has
// ended, and then no call is taken twice.
func TestAContactIsMadeBeforeItsNextImport(t *testing.T) {
	b := newBench(t, guarded)
	first := b.arrive(t)
	b.turns(t, 10)
	if n := b.calls(imports); n != first {
		t.Fatalf("%d imports before the first %d have ended", n, first)
	}
	b.sim.Hold(false)
	b.turns(t, 20)
	for _, list := range []string{everybody, board, golf, "Chess", "Tennis"} {
		b.wantOn(t, list, "new15@example.org", true)
		b.wantOn(t, list, "new16@example.org", list == everybody)
	}
	if n := b.calls(imports) + b.calls(adds); n != 5 {
		t.Errorf("%d calls for five lists", n)
	}
	b.referee(t)
}

// Whoever opts out, is changed, or unsubscribes while the rest of a batch waits is
// not on its calls.
func TestTheRestOfABatchIsPlannedAgain(t *testing.T) {
	b := newBench(t, guarded)
	b.arrive(t)
	before := b.told(t, "new7@example.org")
	if slices.Contains(before, "group:1") && slices.Contains(before, "group:2") {
		t.Fatalf("nothing waits for them: %v", before)
	}
	b.touchRep(t, `update chamber.rep set opted_out = true where rep_id = 23`, "23")
	// Nobody tells of the change, as when the stream is late.
	must(t, execute(t, b, `update chamber.group_membership set disabled = true where rep_id = 27`))
	b.sim.Hold(false)
	_, _, err := b.Applier.Poll(t.Context())
	must(t, err)
	b.clock.advance(2 * sink.FreshFor)
	_, _, err = b.Applier.Poll(t.Context())
	must(t, err)
	must(t, b.sim.Unsubscribe(account, "new11@example.org"))
	b.turns(t, 30)
	if after := b.told(t, "new7@example.org"); !slices.Equal(after, before) {
		t.Errorf("calls put them on %v, and on %v before the change", after, before)
	}
	for _, list := range []string{board, golf} {
		b.wantOn(t, list, "new3@example.org", false)
		b.wantOn(t, list, "new11@example.org", false)
		b.wantOn(t, list, "new15@example.org", true)
	}
	b.wantOn(t, everybody, "new3@example.org", false)
	b.wantOn(t, everybody, "new7@example.org", true)
	b.referee(t)
}

// Who is to be on a later call is read once more before it is sent, if that was not
// just now: whoever was deleted meanwhile is not revived by it, and whoever left a
// list is not put back.
func TestTheRestOfABatchIsReadAgain(t *testing.T) {
	b := newBench(t, guarded)
	b.arrive(t)
	b.sim.Hold(false)
	_, _, err := b.Applier.Poll(t.Context())
	must(t, err)
	b.clock.advance(2 * sink.FreshFor)
	_, _, err = b.Applier.Poll(t.Context())
	must(t, err)
	waits := func(address string) bool { return len(b.told(t, address)) < 5 }
	if !waits("new15@example.org") || !waits("new31@example.org") {
		t.Fatal("nothing waits for them")
	}
	must(t, b.sim.DeleteContact(account, "new15@example.org"))
	must(t, b.sim.Leave(account, "new31@example.org", everybody))
	b.sim.Reset()
	b.clock.advance(2 * sink.FreshFor)
	b.turns(t, 30)
	for _, list := range []string{everybody, board, golf, "Chess", "Tennis"} {
		b.wantOn(t, list, "new15@example.org", false)
		b.wantOn(t, list, "new31@example.org", list != everybody)
		b.wantOn(t, list, "new47@example.org", true)
	}
	b.referee(t)
}

// What waits is not sent half an hour after its people were read: they are read
// again.
func TestTheRestOfABatchIsNotSentLate(t *testing.T) {
	b := newBench(t, guarded)
	b.arrive(t)
	b.sim.Reset()
	b.clock.advance(31 * time.Minute)
	b.turns(t, 2)
	b.sim.Hold(false)
	b.turns(t, 30)
	if b.sim.Counts()["GET /v3/contacts"] == 0 {
		t.Error("nobody was read again")
	}
	b.wantOn(t, board, "new15@example.org", true)
	b.wantOn(t, golf, "new15@example.org", true)
	b.referee(t)
}

// The rest of a batch is kept in memory: a process that starts anew finds its
// people in the queue.
func TestTheRestOfABatchIsNotLostWithTheProcess(t *testing.T) {
	b := newBench(t, guarded)
	b.arrive(t)
	b.Deliverer = &deliver.Deliverer{
		ID: b.ID, Source: b.Source, Store: b.Store, Applier: b.Applier, Policy: b.Policy, Linger: b.Linger, Now: b.Now, Log: b.Log,
	}
	b.sim.Hold(false)
	b.clock.advance(3 * time.Minute)
	b.turns(t, 30)
	b.wantOn(t, board, "new15@example.org", true)
	b.wantOn(t, golf, "new15@example.org", true)
	b.referee(t)
}

// When the call that makes people fails, they are made by another, and nobody is
// left without a name because the rest was sent.
func TestTheRestOfABatchWhoseFirstCallFailed(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.sim.Reset()
	must(t, b.sim.Fault(ccsim.Fault{PathPrefix: "/v3/activities/" + imports, Kind: ccsim.FaultActivityFailed}))
	must(t, execute(t, b, newPeople))
	must(t, b.Store.Touch(t.Context(), "association", "1"))
	b.turns(t, 60)
	b.wantOn(t, board, "new15@example.org", true)
	b.wantOn(t, golf, "new15@example.org", true)
	shown, err := b.sim.Contact(account, "new15@example.org")
	must(t, err)
	if shown["first_name"] != "New" {
		t.Errorf("the first name is %v", shown["first_name"])
	}
	b.referee(t)
}

// Whoever opted out is the first in the queue, even if others have waited for
// longer: over all batches, not only within one.
func TestWhoOptedOutIsFirstInTheQueue(t *testing.T) {
	b := newBench(t, mapper.Policy{Thresholds: mapper.Thresholds{Off: true}})
	b.settle(t)
	must(t, execute(t, b, `update chamber.rep set first_name = 'X' where rep_id <= 5`))
	for _, rep := range []string{"1", "2", "3"} {
		must(t, b.Store.Touch(t.Context(), "rep", rep))
	}
	_, _, err := b.widen.Pass(t.Context())
	must(t, err)
	b.clock.advance(time.Second)
	b.touchRep(t, `update chamber.rep set opted_out = true where rep_id = 20`, "20")
	_, _, err = b.widen.Pass(t.Context())
	must(t, err)
	due, err := b.Store.Due(t.Context(), 2)
	must(t, err)
	if len(due) != 2 || due[0].Address != "p20@example.org" || due[1].Address != "p1@example.org" {
		t.Errorf("due are %+v, want p20 and then p1", due)
	}
	// A later touch of somebody who opted out keeps the place.
	must(t, b.Store.Touch(t.Context(), "member", "1"))
	_, _, err = b.widen.Pass(t.Context())
	must(t, err)
	due, err = b.Store.Due(t.Context(), 1)
	must(t, err)
	if len(due) != 1 || due[0].Address != "p20@example.org" {
		t.Errorf("due are %+v, want p20", due)
	}
}

// One bad moment of Constant Contact while a list is made keeps its people waiting
// for seconds, and others not at all; a long one is not asked about all the time.
func TestAListThatCannotBeMadeIsTriedAgainSoon(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	for _, bad := range []struct {
		moments int
		group   string
		within  time.Duration
	}{{1, "Chess", 15 * time.Second}, {6, "Tennis", 4 * time.Minute}} {
		b.sim.Reset()
		must(t, b.sim.Fault(ccsim.Fault{Method: "POST", PathPrefix: "/v3/contact_lists", Kind: ccsim.Fault500, Count: bad.moments}))
		must(t, execute(t, b, `insert into chamber.rep_group (association_id, name) values (1, '`+bad.group+`');
			insert into chamber.group_membership (association_id, group_id, rep_id) select 1, max(group_id), 1 from chamber.rep_group`))
		must(t, b.Store.Touch(t.Context(), "rep", "1"))
		began := b.clock.now()
		for !b.on(bad.group, "p1@example.org") && b.clock.now().Sub(began) < bad.within {
			_, _, err := b.widen.Pass(t.Context())
			must(t, err)
			b.clock.advance(time.Second)
			_, _, err = b.Applier.Poll(t.Context())
			must(t, err)
			_, _, _ = b.Batch(t.Context()) // the error that the fault makes
		}
		if took := b.clock.now().Sub(began); !b.on(bad.group, "p1@example.org") {
			t.Errorf("not on %s %s after %d bad moments", bad.group, took, bad.moments)
		}
		if n := b.sim.Counts()["POST /v3/contact_lists"]; n > bad.moments+1 {
			t.Errorf("%d requests for one list, after %d bad moments", n, bad.moments)
		}
	}
}
