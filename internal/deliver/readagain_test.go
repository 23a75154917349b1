package deliver_test

import (
	"context"
	"testing"

	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

// slowByName is a Constant Contact that takes its time when it is asked for
// somebody by name.
type slowByName struct {
	sink.API
	meanwhile func()
}

// ContactByEmail answers late.
func (s *slowByName) ContactByEmail(ctx context.Context, address string) (*constantcontact.Contact, error) {
	s.meanwhile()
	return s.API.ContactByEmail(ctx, address)
}

// When those who are asked for by name take longer than a reading stays fresh, the
// account is read once more before somebody is reached with a list that they were
// only read on.
func TestAnAccountIsReadAgainWhenAskingByNameTookLong(t *testing.T) {
	b := newBench(t, mapper.Policy{Thresholds: mapper.Thresholds{Off: true}})
	b.arrive(t)
	b.sim.Hold(false)
	b.turns(t, 20)
	b.wantOn(t, golf, "new15@example.org", true)

	must(t, b.sim.Leave(account, "p3@example.org", board))
	must(t, execute(t, b, `update chamber.rep set first_name = first_name || 'x'`))
	must(t, b.Store.Touch(t.Context(), "association", "1"))
	asked := 0
	b.Applier.API = &slowByName{API: b.Applier.API, meanwhile: func() {
		if asked++; asked > 1 {
			return
		}
		b.clock.advance(2 * sink.FreshFor)
		must(t, b.sim.Leave(account, "p5@example.org", everybody))
		must(t, b.sim.DeleteContact(account, "p6@example.org"))
		b.clock.advance(2 * sink.FreshFor)
	}}
	before := b.calls(imports)
	b.turns(t, 20)
	if asked == 0 || b.calls(imports) == before {
		t.Fatalf("%d people asked for by name, %d imports", asked, b.calls(imports)-before)
	}
	for _, list := range []string{everybody, board, golf} {
		b.wantOn(t, list, "p3@example.org", list != board)
		b.wantOn(t, list, "p5@example.org", list != everybody)
		b.wantOn(t, list, "p6@example.org", false)
		b.wantOn(t, list, "p7@example.org", true)
	}
	b.referee(t)
}

// slowRemovals is a Constant Contact that takes its time over removals.
type slowRemovals struct {
	sink.API
	meanwhile func()
}

// RemoveListMemberships answers late.
func (s *slowRemovals) RemoveListMemberships(ctx context.Context, contactIDs, listIDs []string) (constantcontact.Activity, error) {
	defer s.meanwhile()
	return s.API.RemoveListMemberships(ctx, contactIDs, listIDs)
}

// Few people were asked for by name. When that is more than a minute ago by the time
// that an import goes out, they are asked for again: nobody is put back on a list
// that they left in between, and a deleted contact is not revived.
func TestPeopleAreAskedForAgainWhenACallBeforeTookLong(t *testing.T) {
	b := newBench(t, mapper.Policy{Thresholds: mapper.Thresholds{Off: true}})
	b.exec(t, ``)
	for _, change := range []string{
		`update chamber.rep set first_name = first_name || 'x' where rep_id between 3 and 12`,
		`update chamber.group_membership set disabled = true where group_id = 1 and rep_id = 20`,
	} {
		must(t, execute(t, b, change))
	}
	slow := 0
	b.Applier.API = &slowRemovals{API: b.Applier.API, meanwhile: func() {
		if slow++; slow > 1 {
			return
		}
		must(t, b.sim.Leave(account, "p5@example.org", everybody))
		must(t, b.sim.Leave(account, "p5@example.org", board))
		must(t, b.sim.Leave(account, "p5@example.org", golf))
		must(t, b.sim.DeleteContact(account, "p6@example.org"))
		must(t, b.sim.SetPermission(account, "p7@example.org", "temp_hold"))
		b.clock.advance(2 * sink.FreshFor)
	}}
	before := b.calls(imports)
	b.settle(t)
	if slow == 0 || b.calls(imports) == before {
		t.Fatalf("%d removals, %d imports", slow, b.calls(imports)-before)
	}
	for _, list := range []string{everybody, board, golf} {
		b.wantOn(t, list, "p5@example.org", false)
		b.wantOn(t, list, "p6@example.org", false)
		b.wantOn(t, list, "p8@example.org", true)
	}
	b.wantOn(t, board, "p20@example.org", false)
	b.referee(t)
}

// Very many people are not asked for again one by one: who unsubscribed since is
// taken out.
func TestWhoUnsubscribedIsTakenOutWhenACallBeforeTookLong(t *testing.T) {
	b := newBench(t, mapper.Policy{Thresholds: mapper.Thresholds{Off: true}})
	b.exec(t, `insert into chamber.rep (association_id, member_id, email) select 1, 1, 'q' || n || '@example.org' from generate_series(1, 20) n`)
	for _, change := range []string{
		`update chamber.rep set first_name = coalesce(first_name, 'Q') || 'x'`,
		`update chamber.group_membership set disabled = true where group_id = 1 and rep_id = 20`,
	} {
		must(t, execute(t, b, change))
	}
	slow := 0
	b.Applier.API = &slowRemovals{API: b.Applier.API, meanwhile: func() {
		if slow++; slow == 1 {
			must(t, b.sim.Unsubscribe(account, "p5@example.org"))
			b.clock.advance(2 * sink.FreshFor)
		}
	}}
	before := b.calls(imports)
	b.settle(t)
	if slow == 0 || b.calls(imports) == before {
		t.Fatalf("%d removals, %d imports", slow, b.calls(imports)-before)
	}
	b.wantOn(t, everybody, "p8@example.org", true)
	b.referee(t)
}
