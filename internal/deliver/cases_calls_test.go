package deliver_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"rollcall/internal/ccsim"
	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

// changes writes without anybody looking but the queue.
func (b *bench) touchRep(t *testing.T, statement, rep string) {
	t.Helper()
	must(t, execute(t, b, statement))
	must(t, b.Store.Touch(t.Context(), "rep", rep))
}

// turns works a number of times, three seconds each.
func (b *bench) turns(t *testing.T, n int) {
	t.Helper()
	for range n {
		_, _, err := b.widen.Pass(t.Context())
		must(t, err)
		b.clock.advance(3 * time.Second)
		_, _, err = b.Applier.Poll(t.Context())
		must(t, err)
		_, _, err = b.Batch(t.Context())
		must(t, err)
	}
}

// calls counts the requests since the simulator's reset that change people.
func (b *bench) calls(path string) int { return b.sim.Counts()["POST /v3/activities/"+path] }

const (
	imports  = "contacts_json_import"
	removals = "remove_list_memberships"
	adds     = "add_list_memberships"
)

// A change waits for others to share its calls.
func TestABatchLingers(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.sim.Reset()
	b.touchRep(t, `update chamber.group_membership set disabled = true where rep_id = 1`, "1")
	_, _, err := b.widen.Pass(t.Context())
	must(t, err)
	worked, wait, err := b.Batch(t.Context())
	must(t, err)
	if worked || wait <= 0 || wait > 2*time.Second {
		t.Errorf("worked %v, wait %s; want it to wait for up to two seconds", worked, wait)
	}
	b.clock.advance(time.Second)
	b.touchRep(t, `update chamber.group_membership set disabled = true where rep_id = 2`, "2")
	b.turns(t, 3)
	if n := b.calls(removals); n != 1 {
		t.Errorf("%d calls for two people, want one", n)
	}
	b.wantOn(t, board, "p1@example.org", false)
	b.wantOn(t, board, "p2@example.org", false)
}

// While Constant Contact works on a call, later changes of its people wait, and
// nobody else's do.
func TestALaterBatchOfAnAddressWaits(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.sim.Hold(true)
	for _, rep := range []string{"3", "4", "5"} { // few would be told one by one
		must(t, b.Store.Touch(t.Context(), "rep", rep))
	}
	b.touchRep(t, `update chamber.rep set first_name = 'Paula' where rep_id in (1, 3, 4, 5)`, "1")
	b.turns(t, 2)
	b.sim.Reset()
	b.touchRep(t, `update chamber.group_membership set disabled = true where rep_id in (1, 2)`, "1")
	must(t, b.Store.Touch(t.Context(), "rep", "2"))
	b.touchRep(t, `with choir as (insert into chamber.rep_group (association_id, name) values (1, 'Choir') returning group_id)
		insert into chamber.group_membership (association_id, group_id, rep_id) select 1, group_id, 3 from choir`, "3")
	b.turns(t, 5)
	for _, r := range b.sim.Requests() {
		if r.Method != "GET" && r.Path != "/v3/activities/"+removals && r.Path != "/v3/contact_lists" {
			t.Errorf("%s %s while the first change is worked on", r.Method, r.Path)
		}
	}
	if n := b.calls(removals); n != 1 {
		t.Errorf("%d removals, want that of the one who has no call on the way", n)
	}
	b.sim.Hold(false)
	b.turns(t, 30)
	b.wantOn(t, board, "p1@example.org", false)
	b.wantOn(t, board, "p2@example.org", false)
	b.wantOn(t, "Choir", "p3@example.org", true)
	if n := b.calls(removals); n != 2 {
		t.Errorf("%d removals, want one more when the first change had ended", n)
	}
}

// Who opts out while a call that adds them is worked on is taken off at once,
// and once more when that call has ended, which may have put them on the list
// after all.
func TestAnOptOutOvertakesAndIsSentAgain(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	must(t, b.sim.AddContact(account, "new@example.org"))
	must(t, b.sim.Fault(ccsim.Fault{PathPrefix: "/v3/activities/" + adds, Kind: ccsim.FaultActivityStuck}))
	must(t, execute(t, b, `insert into chamber.rep (association_id, member_id, email) values (1, 1, 'new@example.org')`))
	must(t, b.Store.Touch(t.Context(), "rep", "21"))
	b.turns(t, 3)
	if b.calls(adds)+b.calls(imports) == 0 {
		t.Fatal("no call that adds is on its way")
	}
	b.sim.Reset()
	b.touchRep(t, `update chamber.rep set opted_out = true where rep_id = 21`, "21")
	b.turns(t, 3)
	if n := b.calls(removals); n != 1 {
		t.Errorf("%d removals while the addition is worked on, want one at once", n)
	}
	b.turns(t, 30) // the removal has ended, the addition has not
	must(t, b.sim.Release(account))
	b.turns(t, 10)
	if n := b.calls(removals); n != 2 {
		t.Errorf("%d removals, want another after the addition had ended", n)
	}
	b.wantOn(t, everybody, "new@example.org", false)
	b.referee(t)
}

// Who opts in again before that is put on the list again, although the removal was
// never confirmed.
func TestAnOptOutOvertakesAndIsTakenBack(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	must(t, b.sim.AddContact(account, "new@example.org"))
	b.sim.Hold(true)
	must(t, execute(t, b, `insert into chamber.rep (association_id, member_id, email) values (1, 1, 'new@example.org')`))
	must(t, b.Store.Touch(t.Context(), "rep", "21"))
	b.turns(t, 3)
	b.touchRep(t, `update chamber.rep set opted_out = true where rep_id = 21`, "21")
	b.turns(t, 3)
	b.touchRep(t, `update chamber.rep set opted_out = false where rep_id = 21`, "21")
	b.turns(t, 3)
	b.sim.Hold(false) // the addition is done, then the removal
	b.turns(t, 30)
	if n := b.calls(removals); n != 1 {
		t.Errorf("%d removals, want the one that overtook", n)
	}
	b.wantOn(t, everybody, "new@example.org", true)
	b.referee(t)
}

// An address is written five times in 24 hours, by import or by itself; the sixth
// change waits and brings the latest data. Removals do not count.
func TestTheSixthImportOfADayWaits(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t) // the first row
	b.sim.Reset()
	writes := func() int {
		n := b.calls(imports)
		for _, r := range b.sim.Requests() {
			if r.Method == "PUT" {
				n++
			}
		}
		return n
	}
	name := func(text string) {
		t.Helper()
		b.touchRep(t, `update chamber.rep set first_name = '`+text+`' where rep_id = 1`, "1")
		b.turns(t, 6)
	}
	for _, text := range []string{"A", "B", "C", "D", "E", "F", "G"} {
		name(text)
	}
	if n := writes(); n != 4 {
		t.Errorf("written %d times after the first, want 4", n)
	}
	b.touchRep(t, `update chamber.group_membership set disabled = true where group_id = 1 and rep_id = 1`, "1")
	b.turns(t, 6)
	b.wantOn(t, board, "p1@example.org", false)
	b.clock.advance(23 * time.Hour)
	b.turns(t, 3)
	if n := writes(); n != 4 {
		t.Errorf("written %d times within a day, want 4", n)
	}
	b.clock.advance(time.Hour)
	b.turns(t, 6)
	if n := writes(); n != 5 {
		t.Errorf("written %d times after a day, want one more", n)
	}
	shown, err := b.sim.Contact(account, "p1@example.org")
	must(t, err)
	if shown["first_name"] != "G" {
		t.Errorf("the first name is %v, want the latest", shown["first_name"])
	}
	b.referee(t)
}

// slowAPI lets something happen after people were read one by one.
type slowAPI struct {
	sink.API
	afterRead func(address string)
}

func (a *slowAPI) ContactByEmail(ctx context.Context, address string) (*constantcontact.Contact, error) {
	c, err := a.API.ContactByEmail(ctx, address)
	a.afterRead(address)
	return c, err
}

// What was read more than a minute ago is not believed: who unsubscribed since
// is taken out of the call.
func TestAnOldReadingIsRepeatedBeforeSending(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	slow := true
	must(t, b.sim.AddContact(account, "first@example.org"))
	must(t, b.sim.AddContact(account, "second@example.org"))
	b.Applier.API = &slowAPI{API: b.Applier.API, afterRead: func(address string) {
		if slow && address == "second@example.org" {
			slow = false
			b.clock.advance(2 * sink.FreshFor)
			_ = b.sim.Unsubscribe(account, "first@example.org")
		}
	}}
	b.exec(t, `insert into chamber.rep (association_id, member_id, email) values (1, 1, 'first@example.org'), (1, 1, 'second@example.org')`)
	b.wantOn(t, everybody, "second@example.org", true)
	b.wantOn(t, everybody, "first@example.org", false)
	b.referee(t)
}

// While people cannot be read nobody is added. Removals go on, and those for an
// opt-out first of all.
func TestNobodyIsAddedWhileNobodyCanBeRead(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, `update chamber.rep set job_title = 'Baker'`) // read since, so that their ids are known
	must(t, execute(t, b, `update chamber.rep set opted_out = true where rep_id = 1;
		update chamber.group_membership set disabled = true where group_id = 1 and rep_id = 2;
		insert into chamber.rep (association_id, member_id, email) values (1, 1, 'new@example.org')`))
	must(t, b.sim.Fault(ccsim.Fault{Method: "GET", PathPrefix: "/v3/contacts", Kind: ccsim.FaultUnauthorized, Count: 1000}))
	if failed := b.tryFor(t, 6); failed == 0 {
		t.Error("nothing failed although nobody can be read")
	}
	b.clock.advance(time.Minute)
	b.wantOn(t, board, "p1@example.org", false)
	b.wantOn(t, board, "p2@example.org", false)
	b.wantOn(t, everybody, "new@example.org", false)
	b.referee(t)
}

// Opt-outs come before all else that is sent.
func TestOptOutsAreSentFirst(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	must(t, b.sim.AddContact(account, "known@example.org"))
	b.sim.Reset()
	b.exec(t, `update chamber.group_membership set disabled = true where group_id = 1 and rep_id = 2;
		insert into chamber.rep (association_id, member_id, email) values (1, 1, 'new@example.org'), (1, 1, 'known@example.org');
		update chamber.rep set opted_out = true where rep_id = 1`)
	var sent []string
	rows, err := b.member.Query(t.Context(), `select case when bool_or(i.opt_out) then 'opt-out' else a.kind end
		from rollcall_state.activity a join rollcall_state.intent i on i.activity = a.id
		where a.created_at > (select max(created_at) - interval '1 minute' from rollcall_state.activity) and i.address in ('p1@example.org', 'p2@example.org', 'new@example.org', 'known@example.org')
		group by a.id order by a.id`)
	must(t, err)
	for rows.Next() {
		var kind string
		must(t, rows.Scan(&kind))
		sent = append(sent, kind)
	}
	must(t, rows.Err())
	if want := []string{"opt-out", "remove", "import"}; !slices.Equal(sent[max(0, len(sent)-3):], want) {
		t.Errorf("sent %v, want %v last", sent, want)
	}
}

// A contact has room for 50 lists. Whoever has 49 gets the first of ours, and
// others are not kept waiting.
func TestAContactOnFiftyLists(t *testing.T) {
	b := newBench(t, guarded)
	var names []string
	for n := range 49 {
		names = append(names, "Office "+time.Duration(n).String())
		must(t, b.sim.CreateList(account, names[n]))
	}
	must(t, b.sim.AddContact(account, "p1@example.org", names...))
	b.settle(t)
	b.wantOn(t, everybody, "p1@example.org", true)
	b.wantOn(t, board, "p1@example.org", false)
	b.wantOn(t, board, "p2@example.org", true)
	decisions, err := b.Decide(t.Context(), "p1@example.org")
	must(t, err)
	if !slices.ContainsFunc(decisions, func(d mapper.Decision) bool { return d.Reason == mapper.ReasonTooManyLists }) {
		t.Errorf("decisions: %+v, want %s", decisions, mapper.ReasonTooManyLists)
	}
	must(t, b.sim.Leave(account, "p1@example.org", names[0]))
	b.settle(t)
	b.exec(t, `update chamber.rep set job_title = 'Baker' where rep_id = 1`) // so that the contact is read
	b.wantOn(t, board, "p1@example.org", true)
	b.referee(t)
}
