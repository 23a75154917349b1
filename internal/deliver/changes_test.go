package deliver_test

import (
	"fmt"
	"testing"

	"rollcall/internal/ccsim"
	"rollcall/mapper"
)

const (
	newsletter = "Newsletter of the Board" // a list of the account that is not ours
	moveA      = `update chamber.rep set email = 'b@example.org' where rep_id = 1`
)

// semantics.md, section 7: b gets b's verdicts, the group lists where a stays
// with no row, and once the lists of the account that are not ours.
func TestEmailChangeCarriesOver(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	must(t, b.sim.CreateList(account, newsletter))
	must(t, b.sim.AddContact(account, "p1@example.org", newsletter))
	b.exec(t, `delete from chamber.group_membership where group_id = 2 and rep_id = 1`)
	b.exec(t, moveA)
	for _, list := range []string{everybody, board, golf, newsletter} {
		b.wantOn(t, list, "b@example.org", true)
		b.wantOn(t, list, "p1@example.org", true)
	}
	// Once for each change: whoever is taken off afterwards stays off.
	must(t, b.sim.Leave(account, "b@example.org", newsletter))
	b.exec(t, `update chamber.rep set job_title = 'Baker' where rep_id = 1`)
	b.wantOn(t, newsletter, "b@example.org", false)
	b.referee(t)
}

func TestEmailChangeCarriesNothingWhileSomebodyHasTheAddress(t *testing.T) {
	b := newBench(t, guarded)
	b.exec(t, `update chamber.rep set email = 'p1@example.org' where rep_id = 2`)
	must(t, b.sim.CreateList(account, newsletter))
	must(t, b.sim.AddContact(account, "p1@example.org", newsletter))
	b.exec(t, moveA)
	b.wantOn(t, board, "b@example.org", true)
	b.wantOn(t, newsletter, "b@example.org", false)
}

// Where the new address is on a list already, nothing is left to carry over: the
// change ends with the rest of it.
func TestEmailChangeEndsOnListsThatTheAddressIsOn(t *testing.T) {
	for name, there := range map[string][]string{"on one": {board}, "on all": {board, golf}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, guarded)
			b.settle(t)
			must(t, b.sim.AddContact(account, "b@example.org", there...))
			b.exec(t, `delete from chamber.group_membership where rep_id = 1`)
			b.exec(t, moveA)
			for _, list := range []string{board, golf} {
				b.wantOn(t, list, "b@example.org", true)
			}
			var open int
			must(t, b.member.QueryRow(t.Context(), `select count(*) from rollcall_state.address_change where ended_at is null`).Scan(&open))
			if open != 0 {
				t.Errorf("%d e-mail changes still want something", open)
			}
			b.referee(t)
		})
	}
}

// Consent belongs to the person: it follows along the chain of addresses.
func TestConsentFollowsToTheNewAddress(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	must(t, b.sim.Unsubscribe(account, "p1@example.org"))
	b.exec(t, moveA)
	b.exec(t, `update chamber.rep set email = 'c@example.org' where rep_id = 1`)
	for _, address := range []string{"b@example.org", "c@example.org"} {
		b.wantOn(t, board, address, false)
	}
	decisions, err := b.Decide(t.Context(), "c@example.org")
	must(t, err)
	for _, d := range decisions {
		if d.Reason != mapper.ReasonPreviousUnsubscribed {
			t.Errorf("%s: %s %s, want %s", d.List, d.Verdict, d.Reason, mapper.ReasonPreviousUnsubscribed)
		}
	}
	// Another holder of the new address is not affected.
	b.exec(t, `update chamber.rep set email = 'c@example.org' where rep_id = 2`)
	b.wantOn(t, board, "c@example.org", true)
	b.referee(t)
}

// a→b, then a unsubscribes, then b→c: each address of the chain is asked for.
func TestAnUnsubscribeFurtherUpTheChainFollows(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, moveA)
	b.wantOn(t, board, "b@example.org", true)
	must(t, b.sim.Unsubscribe(account, "p1@example.org"))
	b.exec(t, `update chamber.rep set email = 'c@example.org' where rep_id = 1`)
	b.wantOn(t, board, "c@example.org", false)
	b.referee(t)
}

// What changes while another solution sends the newsletter waits until this one does
// again: what the change carries over, and whose consent follows.
func TestEmailChangeWhileAnotherSolutionSends(t *testing.T) {
	for _, unsubscribes := range []bool{true, false} {
		t.Run(fmt.Sprint("unsubscribes: ", unsubscribes), func(t *testing.T) {
			b := newBench(t, guarded)
			b.settle(t)
			must(t, b.sim.CreateList(account, newsletter))
			must(t, b.sim.AddContact(account, "p1@example.org", newsletter))
			b.exec(t, `update chamber.sync_options set newsletter_solution = 'Other'`)
			if unsubscribes {
				must(t, b.sim.Unsubscribe(account, "p1@example.org"))
			}
			b.exec(t, moveA)
			b.exec(t, `update chamber.sync_options set newsletter_solution = 'ConstantContact'`)
			for _, list := range []string{board, everybody, newsletter} {
				b.wantOn(t, list, "b@example.org", !unsubscribes)
			}
			b.referee(t)
		})
	}
}

// a→(empty)→b is a→b.
func TestEmptyInBetweenIsOneChange(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	must(t, b.sim.CreateList(account, newsletter))
	must(t, b.sim.AddContact(account, "p1@example.org", newsletter))
	b.exec(t, `update chamber.rep set email = null where rep_id = 1`)
	b.exec(t, moveA)
	b.wantOn(t, newsletter, "b@example.org", true)
}

func TestSwapCarriesNothing(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	must(t, b.sim.CreateList(account, newsletter))
	must(t, b.sim.AddContact(account, "p1@example.org", newsletter))
	b.exec(t, `update chamber.rep set email = case rep_id when 1 then 'p2@example.org' else 'p1@example.org' end where rep_id in (1, 2)`)
	b.wantOn(t, newsletter, "p2@example.org", false)
	for _, address := range []string{"p1@example.org", "p2@example.org"} {
		b.wantOn(t, board, address, true)
	}
}

func TestManyEmailChangesHoldUnmanagedLists(t *testing.T) {
	b := newBench(t, guarded)
	b.exec(t, `insert into chamber.rep (association_id, member_id, email) select 1, 1, 'q' || n || '@example.org' from generate_series(1, 51) n`)
	must(t, b.sim.CreateList(account, newsletter))
	for n := range 51 {
		must(t, b.sim.AddContact(account, fmt.Sprintf("q%d@example.org", n+1), newsletter))
	}
	b.exec(t, `update chamber.rep set email = 'new.' || email where email like 'q%'`)
	b.wantOn(t, everybody, "new.q1@example.org", true)
	b.wantOn(t, newsletter, "new.q1@example.org", false)
	ids, pairs := b.asked(t)
	if pairs[mapper.HoldAddressChanges] != 51 {
		t.Fatalf("asked about %v, want 51 additions", pairs)
	}
	b.decide(t, ids[mapper.HoldAddressChanges], true)
	b.wantOn(t, newsletter, "new.q1@example.org", true)
}

// on_email_change: move.
func TestMoveGivesTheContactTheNewAddress(t *testing.T) {
	b := newBench(t, mapper.Policy{Thresholds: mapper.DefaultThresholds, MoveAddress: true})
	b.settle(t)
	must(t, b.sim.CreateList(account, newsletter))
	must(t, b.sim.AddContact(account, "p1@example.org", newsletter))
	before := len(b.sim.Contacts(account))
	b.exec(t, moveA)
	if n := len(b.sim.Contacts(account)); n != before {
		t.Errorf("%d contacts, want %d: the same contact has the new address", n, before)
	}
	for _, list := range []string{everybody, board, golf, newsletter} {
		b.wantOn(t, list, "b@example.org", true)
		b.wantOn(t, list, "p1@example.org", false)
	}
	b.exec(t, `update chamber.group_membership set disabled = true where group_id = 1 and rep_id = 1`)
	b.wantOn(t, board, "b@example.org", false)
	b.referee(t)
}

// The contact of an address that two people shared goes with one of them when both
// have others now. The other one is added.
func TestOneOfTwoWhoSharedAnAddressGetsItsContact(t *testing.T) {
	b := newBench(t, mapper.Policy{Thresholds: mapper.DefaultThresholds, MoveAddress: true})
	b.settle(t)
	b.exec(t, `update chamber.rep set email = 'p1@example.org' where rep_id = 2`)
	before := len(b.sim.Contacts(account))
	b.exec(t, `update chamber.rep set email = case rep_id when 1 then 'b@example.org' else 'c@example.org' end where rep_id in (1, 2)`)
	if n := len(b.sim.Contacts(account)); n != before+1 {
		t.Errorf("%d contacts, want one more than the %d before", n, before)
	}
	for _, address := range []string{"b@example.org", "c@example.org"} {
		b.wantOn(t, everybody, address, true)
	}
	b.wantOn(t, everybody, "p1@example.org", false)
	b.referee(t)
}

// Where the contact cannot be given the new address, the old one leaves our
// lists.
func TestMoveOntoAContactThatExists(t *testing.T) {
	b := newBench(t, mapper.Policy{Thresholds: mapper.DefaultThresholds, MoveAddress: true})
	b.settle(t)
	must(t, b.sim.AddContact(account, "b@example.org"))
	b.exec(t, moveA)
	for _, list := range []string{everybody, board, golf} {
		b.wantOn(t, list, "b@example.org", true)
		b.wantOn(t, list, "p1@example.org", false)
	}
}

// The old one stays until the new one is on the lists, however often adding it fails.
func TestMoveKeepsThePreviousAddressUntilTheNewOneIsAdded(t *testing.T) {
	b := newBench(t, mapper.Policy{Thresholds: mapper.DefaultThresholds, MoveAddress: true})
	b.settle(t)
	must(t, b.sim.AddContact(account, "b@example.org"))
	for _, path := range []string{adds, imports} {
		must(t, b.sim.Fault(ccsim.Fault{PathPrefix: "/v3/activities/" + path, Kind: ccsim.FaultActivityFailed, Count: 5}))
	}
	must(t, execute(t, b, moveA))
	must(t, b.store.TouchAll(t.Context(), 0))
	for turn := range 60 {
		b.work(t, 1)
		if !b.on(board, "p1@example.org") && !b.on(board, "b@example.org") {
			t.Fatalf("neither address is on the list after %d turns", turn+1)
		}
	}
	if n := b.calls(adds) + b.calls(imports); n < 2 {
		t.Errorf("%d calls that add, want some that failed", n)
	}
}

func TestAnOptOutTakesTheAddressOffWhereWePutIt(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	must(t, b.sim.CreateList(account, newsletter))
	must(t, b.sim.AddContact(account, "p1@example.org", newsletter))
	b.exec(t, moveA)
	b.exec(t, `update chamber.rep set opted_out = true where rep_id = 1`)
	b.wantOn(t, newsletter, "b@example.org", false)
}

// A removal whose reply is lost and that was not done is sent again, also on a list
// that is not ours.
func TestALostRemovalOffAListThatIsNotOurs(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	must(t, b.sim.CreateList(account, newsletter))
	must(t, b.sim.AddContact(account, "p1@example.org", newsletter))
	b.exec(t, moveA)
	b.wantOn(t, newsletter, "b@example.org", true)
	must(t, b.sim.Fault(ccsim.Fault{PathPrefix: "/v3/activities/remove_list_memberships", Kind: ccsim.FaultHTML502}))
	must(t, execute(t, b, `update chamber.rep set opted_out = true where rep_id = 1`))
	must(t, b.store.TouchAll(t.Context(), 0))
	b.work(t, 60)
	b.wantOn(t, newsletter, "b@example.org", false)
	b.wantOn(t, everybody, "b@example.org", false)
}
