package deliver_test

import (
	"testing"

	"rollcall/mapper"
	"rollcall/sink"
)

// reasons are those of one address, by list.
func (b *bench) reasons(t *testing.T, address mapper.Address) map[mapper.ListKey]mapper.Reason {
	t.Helper()
	decisions, err := b.Decide(t.Context(), address)
	must(t, err)
	reasons := map[mapper.ListKey]mapper.Reason{}
	for _, d := range decisions {
		reasons[d.List] = d.Reason
	}
	return reasons
}

// An opt-out outlives its rep. Only a living holder who is seen to change lifts
// it.
func TestAnOptOutOutlivesItsRep(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, `update chamber.rep set opted_out = true where rep_id = 1`)
	b.wantOn(t, board, "p1@example.org", false)
	b.exec(t, `delete from chamber.rep where rep_id = 1`)
	b.exec(t, `insert into chamber.rep (association_id, member_id, email) values (1, 1, 'P1@example.org');
		insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 1, 21)`)
	b.wantOn(t, everybody, "p1@example.org", false)
	b.wantOn(t, board, "p1@example.org", false)
	if got := b.reasons(t, "p1@example.org")["group:1"]; got != mapper.ReasonOptedOut {
		t.Errorf("the reason is %q, want %s", got, mapper.ReasonOptedOut)
	}
	b.exec(t, `update chamber.rep set opted_out = true where rep_id = 21`)
	b.exec(t, `update chamber.rep set opted_out = false where rep_id = 21`)
	b.wantOn(t, everybody, "p1@example.org", true)
	b.wantOn(t, board, "p1@example.org", true)
	b.referee(t)
}

// An opt-out outlives its rep, also where the rep comes back under its own id: only
// then can a change of that one lift it.
func TestAnOptOutOutlivesARepOfTheSameID(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, `update chamber.rep set email = 'later@example.org' where rep_id = 1`)
	b.exec(t, `update chamber.rep set opted_out = true where rep_id in (1, 2)`)
	b.exec(t, `delete from chamber.rep where rep_id in (1, 2)`)
	b.exec(t, `insert into chamber.rep (rep_id, association_id, member_id, email) overriding system value values (1, 1, 1, 'p1@example.org'), (2, 1, 1, 'p2@example.org');
		insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 1, 1), (1, 1, 2)`)
	for _, address := range []string{"p1@example.org", "later@example.org", "p2@example.org"} { // p1 followed
		b.wantOn(t, board, address, false)
		b.wantOn(t, everybody, address, false)
	}
	b.exec(t, `update chamber.rep set job_title = 'Baker' where rep_id in (1, 2)`)
	b.wantOn(t, board, "p2@example.org", false)
	b.exec(t, `update chamber.rep set opted_out = true where rep_id = 2`)
	b.exec(t, `update chamber.rep set opted_out = false where rep_id = 2`)
	b.wantOn(t, board, "p2@example.org", true)
	b.wantOn(t, board, "p1@example.org", false)
	b.referee(t)
}

// A rep who only seems to be gone, because a view lacks rows for a while, is the same
// one afterwards and may opt in.
func TestARepWhomAViewLackedForAWhileMayOptIn(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, `update chamber.rep set opted_out = true where rep_id = 1`)
	b.exec(t, `create table chamber.aside as select * from chamber.rep; delete from chamber.rep`)
	b.exec(t, `insert into chamber.rep overriding system value select * from chamber.aside; update chamber.rep set opted_out = false`)
	b.wantOn(t, everybody, "p1@example.org", true)
}

// An opt-out is about the inbox: everybody who shares the address is concerned,
// and so are the addresses that the rep had before.
func TestAnOptOutIsAboutTheInbox(t *testing.T) {
	b := newBench(t, guarded)
	b.exec(t, `update chamber.rep set email = 'p1@example.org' where rep_id = 2`)
	b.exec(t, `update chamber.rep set email = 'later@example.org' where rep_id = 3`)
	b.wantOn(t, board, "p3@example.org", true)
	b.exec(t, `update chamber.rep set opted_out = true where rep_id in (1, 3)`)
	for _, list := range []string{everybody, board, golf} {
		b.wantOn(t, list, "p1@example.org", false)
		b.wantOn(t, list, "p3@example.org", false)
		b.wantOn(t, list, "later@example.org", false)
	}
	b.exec(t, `update chamber.rep set email = 'p4@example.org' where rep_id = 3`) // who has not opted out keeps it
	b.exec(t, `update chamber.rep set email = 'elsewhere@example.org' where rep_id = 3`)
	b.wantOn(t, board, "p4@example.org", false) // but while rep 3 had it, it was opted out, and that is remembered
	b.referee(t)
}

// An opted-out address is taken by another rep, and the first one is deleted: it stays
// opted out until its holder is seen to opt out and in again.
func TestAnOptOutStaysWithTheAddressThatAnotherTakes(t *testing.T) {
	for name, changes := range map[string][]string{
		"who is switched off and on": {
			`update chamber.rep set opted_out = true where rep_id = 1`,
			`update chamber.rep set email = 'p1@example.org' where rep_id = 2; delete from chamber.rep where rep_id = 1`,
			`update chamber.rep set active = false where rep_id = 2`,
			`update chamber.rep set active = true where rep_id = 2`,
		},
		"who opts in with the change of address": {
			`update chamber.rep set opted_out = true where rep_id = 1`,
			`delete from chamber.rep where rep_id = 1`,
			`update chamber.rep set opted_out = true where rep_id = 2`,
			`update chamber.rep set email = 'p1@example.org', opted_out = false where rep_id = 2`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, guarded)
			b.settle(t)
			for _, change := range changes {
				b.exec(t, change)
			}
			b.wantOn(t, board, "p1@example.org", false)
			b.wantOn(t, everybody, "p1@example.org", false)
			b.referee(t)
		})
	}
}

// A rep opts out while the e-mail field is empty: the address before goes, and the one
// after is not added.
func TestAnOptOutWhileTheFieldIsEmpty(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, `update chamber.rep set email = null, opted_out = true where rep_id = 1`)
	b.wantOn(t, board, "p1@example.org", false)
	b.exec(t, `update chamber.rep set email = 'b@example.org' where rep_id = 1`)
	b.wantOn(t, board, "b@example.org", false)
	b.referee(t)
}

// Nothing is carried over to the address of somebody who opted out with the change.
func TestAnOptOutWithAnEmailChangeCarriesNothing(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	must(t, b.sim.CreateList(account, newsletter))
	must(t, b.sim.AddContact(account, "p1@example.org", newsletter))
	b.exec(t, `update chamber.rep set email = 'b@example.org', opted_out = true where rep_id = 1`)
	b.wantOn(t, newsletter, "b@example.org", false)
	b.referee(t)
}

// The optional view: opt-outs by address, of everything or of one group, with or
// without a rep who has the address.
func TestOptOutsKeptByAddress(t *testing.T) {
	b := newBench(t, guarded)
	b.exec(t, `update chamber.rep set email = 'p1@example.org' where rep_id = 2`)
	b.exec(t, `insert into chamber.opt_out (association_id, email, group_id, opted_out_at) values
		(1, 'P1@example.org', 1, '2026-01-01Z'), (1, 'p3@example.org', null, '2026-01-01Z'), (1, 'nobody@example.org', null, '2026-01-01Z')`)
	b.wantOn(t, board, "p1@example.org", false) // for both holders
	b.wantOn(t, golf, "p1@example.org", true)
	b.wantOn(t, everybody, "p1@example.org", true)
	for _, list := range []string{everybody, board, golf} {
		b.wantOn(t, list, "p3@example.org", false)
	}
	if got := b.reasons(t, "p1@example.org")["group:1"]; got != mapper.ReasonOptedOutOfGroup {
		t.Errorf("the reason is %q, want %s", got, mapper.ReasonOptedOutOfGroup)
	}
	b.exec(t, `insert into chamber.rep (association_id, member_id, email) values (1, 1, 'nobody@example.org')`)
	b.wantOn(t, everybody, "nobody@example.org", false)
	b.exec(t, `update chamber.opt_out set withdrawn_at = '2026-02-01Z'`)
	b.wantOn(t, board, "p1@example.org", true) // of the group: as disabled, and no longer
	b.wantOn(t, board, "p3@example.org", false)
	b.referee(t)
}

// Opting in adds again only whom Constant Contact still lets us mail.
func TestOptingInAgainAsksConstantContact(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, `update chamber.rep set opted_out = true where rep_id in (1, 2)`)
	must(t, b.sim.Unsubscribe(account, "p2@example.org"))
	b.exec(t, `update chamber.rep set opted_out = false where rep_id in (1, 2)`)
	b.wantOn(t, board, "p1@example.org", true)
	b.wantOn(t, board, "p2@example.org", false)
	b.referee(t)
}

// Whoever unsubscribed is no departure: shown active again, they are added again.
func TestAnUnsubscribeEndsWithTheResubscribe(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	must(t, b.sim.Unsubscribe(account, "p1@example.org"))
	b.exec(t, `update chamber.rep set job_title = 'Baker' where rep_id = 1`)
	b.wantOn(t, board, "p1@example.org", false)
	must(t, b.sim.Resubscribe(account, "p1@example.org"))
	b.sim.Reset()
	b.exec(t, `update chamber.rep set job_title = 'Cook' where rep_id = 1`)
	if n := b.calls(imports) + b.calls(adds); n > 0 {
		t.Errorf("%d calls for somebody who is not known to have come back", n)
	}
	// A read of the whole account shows it, see internal/reconcile.
	shown, err := b.Applier.ReadAddress(t.Context(), "p1@example.org")
	must(t, err)
	must(t, b.Observe(t.Context(), map[mapper.Address]sink.Shown{"p1@example.org": shown}))
	b.settle(t)
	b.wantOn(t, board, "p1@example.org", true)
	b.wantOn(t, everybody, "p1@example.org", true)
	b.referee(t)
}

// A new contact that comes back as pending is not tried again.
func TestANewContactThatIsPending(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, `insert into chamber.rep (association_id, member_id, email) values (1, 1, 'new@example.org')`)
	must(t, b.sim.SetPermission(account, "new@example.org", "pending_confirmation"))
	b.exec(t, `update chamber.rep set job_title = 'Baker' where rep_id = 21`)
	b.sim.Reset()
	b.exec(t, `update chamber.rep set job_title = 'Cook' where rep_id = 21`)
	b.exec(t, `insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 1, 21)`)
	if n := b.calls(imports) + b.calls(adds); n > 0 {
		t.Errorf("%d calls for a contact that is pending", n)
	}
	b.wantOn(t, board, "new@example.org", false)
	if got := b.reasons(t, "new@example.org")["group:1"]; got != mapper.ReasonAwaitingConfirmation {
		t.Errorf("the reason is %q, want %s", got, mapper.ReasonAwaitingConfirmation)
	}
	b.referee(t)
}

// Nothing is carried over to what is ours and not to be: an unticked group.
func TestEmailChangeLeavesOurOwnListsToTheRules(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, `update chamber.rep_group set sync = false where group_id = 2`)
	b.exec(t, moveA)
	b.wantOn(t, board, "b@example.org", true)
	b.wantOn(t, golf, "b@example.org", false)
	b.wantOn(t, golf, "p1@example.org", true)
}

// A rep who has nothing to do with our lists, and whose address has not either,
// carries nothing.
func TestEmailChangeOfSomebodyElse(t *testing.T) {
	b := newBench(t, guarded)
	b.exec(t, `insert into chamber.rep (association_id, email) values (1, 'prospect@example.org')`)
	must(t, b.sim.CreateList(account, newsletter))
	must(t, b.sim.AddContact(account, "prospect@example.org", newsletter))
	b.exec(t, `update chamber.rep set email = 'prospect2@example.org' where rep_id = 21`)
	b.wantOn(t, newsletter, "prospect2@example.org", false)
}

// a→b→a: b is left behind, and a keeps its place.
func TestEmailChangeThereAndBack(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, moveA)
	b.exec(t, `update chamber.rep set email = 'p1@example.org' where rep_id = 1`)
	b.wantOn(t, board, "p1@example.org", true)
	b.wantOn(t, board, "b@example.org", true)
	if got := b.reasons(t, "b@example.org")["group:1"]; got != mapper.ReasonAddressReplaced {
		t.Errorf("the reason is %q, want %s", got, mapper.ReasonAddressReplaced)
	}
	b.exec(t, `update chamber.rep set email = ' P1@EXAMPLE.org ' where rep_id = 1`)
	b.sim.Reset()
	b.settle(t)
	for _, r := range b.sim.Requests() {
		if r.Method != "GET" {
			t.Errorf("%s %s for another spelling", r.Method, r.Path)
		}
	}
}
