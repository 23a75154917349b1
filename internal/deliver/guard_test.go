package deliver_test

import (
	"testing"
	"time"

	"rollcall/mapper"
)

var guarded = mapper.Policy{Thresholds: mapper.DefaultThresholds}

// semantics.md, section 6: more than 10 and more than 20 % of a list.
func TestRemovalsAboveTheThresholdAreHeldAndAdditionsGoOn(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.clock.advance(2 * time.Hour)
	b.exec(t, `update chamber.group_membership set disabled = true where group_id = 1 and rep_id <= 11;
		insert into chamber.rep (association_id, member_id, email) values (1, 1, 'new@example.org');
		insert into chamber.group_membership (association_id, group_id, rep_id) select 1, 1, max(rep_id) from chamber.rep`)
	b.wantOn(t, board, "p1@example.org", true)
	b.wantOn(t, board, "new@example.org", true)
	ids, pairs := b.asked(t)
	if pairs[mapper.HoldRemovals] != 11 {
		t.Fatalf("removals asked about: %v, want 11", pairs)
	}

	// One that is wanted again leaves the question; an approval is a ceiling.
	b.exec(t, `update chamber.group_membership set disabled = false where group_id = 1 and rep_id = 11`)
	if _, pairs = b.asked(t); pairs[mapper.HoldRemovals] != 10 {
		t.Errorf("removals asked about after one was enabled again: %v, want 10", pairs)
	}
	b.decide(t, ids[mapper.HoldRemovals], true)
	b.wantOn(t, board, "p10@example.org", false)
	b.wantOn(t, board, "p11@example.org", true)
	b.referee(t)
}

func TestRejectedRemovalsAreAskedAgainOnlyWhenTheSetChanges(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.clock.advance(2 * time.Hour)
	b.exec(t, `update chamber.group_membership set disabled = true where group_id = 1 and rep_id <= 11`)
	ids, _ := b.asked(t)
	b.decide(t, ids[mapper.HoldRemovals], false)
	b.settle(t)
	if ids, _ = b.asked(t); len(ids) != 0 {
		t.Fatalf("asked again: %v", ids)
	}
	b.wantOn(t, board, "p1@example.org", true)
	b.exec(t, `update chamber.group_membership set disabled = true where group_id = 1 and rep_id = 12`)
	if _, pairs := b.asked(t); pairs[mapper.HoldRemovals] != 12 {
		t.Errorf("removals asked about after the set changed: %v, want 12", pairs)
	}
}

func TestQuestionsExpire(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.clock.advance(2 * time.Hour)
	b.exec(t, `update chamber.group_membership set disabled = true where group_id = 1 and rep_id <= 11`)
	ids, _ := b.asked(t)
	b.clock.advance(25 * time.Hour)
	if err := b.store.Decide(t.Context(), ids[mapper.HoldRemovals], true, "ann"); err == nil {
		t.Error("an expired question was approved")
	}
	if n, err := b.store.ExpireApprovals(t.Context()); n != 1 || err != nil {
		t.Errorf("expired %d, %v; want 1", n, err)
	}
	b.settle(t)
	if ids, _ := b.asked(t); len(ids) != 0 {
		t.Errorf("asked again: %v", ids)
	}
	b.wantOn(t, board, "p1@example.org", true)
}

func TestOptOutsAreNeverHeld(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.clock.advance(2 * time.Hour)
	b.exec(t, `update chamber.rep set opted_out = true`)
	if n := len(b.sim.ListAddresses(account, board)) + len(b.sim.ListAddresses(account, everybody)); n != 0 {
		t.Errorf("%d people who opted out are still on lists", n)
	}
}

// More than 10 opt-ins within an hour look like a restored backup.
func TestManyOptInsAreHeld(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, `update chamber.rep set opted_out = true where rep_id <= 11`)
	b.clock.advance(2 * time.Hour)
	b.exec(t, `update chamber.rep set opted_out = false where rep_id <= 11`)
	ids, pairs := b.asked(t)
	if pairs[mapper.HoldOptedIn] != 33 {
		t.Fatalf("additions asked about: %v, want 11 people on 3 lists", pairs)
	}
	b.wantOn(t, board, "p1@example.org", false)
	b.decide(t, ids[mapper.HoldOptedIn], true)
	b.wantOn(t, board, "p1@example.org", true)
	b.referee(t)
}

// Rows that vanish in bulk are not believed: nobody is taken off a list.
func TestVanishedRowsHoldRemovals(t *testing.T) {
	b := newBench(t, mapper.Policy{Thresholds: mapper.Thresholds{Off: true}, RemoveOnMissingRow: true})
	b.settle(t)
	b.exec(t, `delete from chamber.group_membership where group_id = 1 and rep_id <= 12`)
	b.wantOn(t, board, "p1@example.org", true)
	ids, pairs := b.asked(t)
	if pairs[mapper.HoldSource] != 12 {
		t.Fatalf("removals asked about: %v, want 12", pairs)
	}
	b.decide(t, ids[mapper.HoldSource], true)
	b.wantOn(t, board, "p1@example.org", false)

	// The rows that are left are the measure now.
	b.exec(t, `delete from chamber.group_membership where group_id = 1 and rep_id = 13`)
	b.wantOn(t, board, "p13@example.org", false)
}

func TestRowsThatComeBackWithdrawTheQuestion(t *testing.T) {
	b := newBench(t, mapper.Policy{Thresholds: mapper.Thresholds{Off: true}, RemoveOnMissingRow: true})
	b.settle(t)
	b.exec(t, `delete from chamber.group_membership where group_id = 1 and rep_id <= 12`)
	b.exec(t, `insert into chamber.group_membership (association_id, group_id, rep_id) select 1, 1, n from generate_series(1, 12) n`)
	if ids, _ := b.asked(t); len(ids) != 0 {
		t.Errorf("still asked: %v", ids)
	}
	b.exec(t, `delete from chamber.group_membership where group_id = 1 and rep_id = 1`)
	b.wantOn(t, board, "p1@example.org", false)
}
