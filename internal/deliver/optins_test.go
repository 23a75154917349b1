package deliver_test

import (
	"testing"
	"time"

	"rollcall/internal/store"
	"rollcall/mapper"
)

// chess makes a third group, which p2 joins.
const chess = `insert into chamber.rep_group (association_id, name) values (1, 'Chess');
	insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 3, 2)`

// Whether somebody who had opted out may be mailed again is a question about the
// person: until it is approved it holds lists that the person was never on, too.
func TestADoubtfulOptInIsHeldOnEveryList(t *testing.T) {
	for name, tc := range map[string]struct {
		out, in string // who opts out, and in again
		restore bool   // the database goes back in time in between
		kind    mapper.HoldKind
	}{
		"the database went back": {
			out: `update chamber.rep set opted_out = true where rep_id = 2`, in: `update chamber.rep set opted_out = false where rep_id = 2`,
			restore: true, kind: mapper.HoldWentBack,
		},
		"many opted in again": {
			out: `update chamber.rep set opted_out = true where rep_id <= 11`, in: `update chamber.rep set opted_out = false where rep_id <= 11`,
			kind: mapper.HoldOptedIn,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, guarded)
			b.settle(t)
			b.exec(t, tc.out)
			if tc.restore {
				must(t, b.store.RaiseAlarms(t.Context(), store.AlarmWentBack))
			}
			b.clock.advance(2 * time.Hour)
			b.exec(t, tc.in)
			b.wantOn(t, board, "p2@example.org", false)
			b.clock.advance(2 * time.Hour) // nobody counts the opt-in any more
			b.exec(t, chess)
			b.wantOn(t, board, "p2@example.org", false)
			b.wantOn(t, "Chess", "p2@example.org", false)
			ids, _ := b.asked(t)
			b.decide(t, ids[tc.kind], true)
			b.wantOn(t, board, "p2@example.org", true)
			b.wantOn(t, "Chess", "p2@example.org", true)
			b.referee(t)
		})
	}
}

// Whoever was only taken off a list is held on that one when the database has gone
// back in time, and on no other.
func TestAfterARestoreWhoWasTakenOffIsHeldOnThatListOnly(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, `update chamber.group_membership set disabled = true where group_id = 1 and rep_id = 2`)
	must(t, b.store.RaiseAlarms(t.Context(), store.AlarmWentBack))
	b.exec(t, `update chamber.group_membership set disabled = false where group_id = 1 and rep_id = 2`)
	b.exec(t, chess)
	b.wantOn(t, board, "p2@example.org", false)
	b.wantOn(t, "Chess", "p2@example.org", true)
	if _, pairs := b.asked(t); pairs[mapper.HoldWentBack] != 1 {
		t.Errorf("asked about %v, want one addition", pairs)
	}
	b.referee(t)
}

// That a group is not synced for a while answers no question about many who opted in
// again.
func TestManyOptInsAreHeldAfterTheGroupWasUnticked(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, `update chamber.rep set opted_out = true where rep_id <= 11`)
	b.clock.advance(2 * time.Hour)
	b.exec(t, `update chamber.rep set opted_out = false where rep_id <= 11`)
	b.wantOn(t, board, "p2@example.org", false)
	b.exec(t, `update chamber.rep_group set sync = false where group_id = 1`)
	b.clock.advance(2 * time.Hour)
	b.exec(t, `update chamber.rep_group set sync = true where group_id = 1`)
	b.wantOn(t, board, "p2@example.org", false)
	b.referee(t)
}

// What was asked when the database had gone back, and expired, is asked with the next
// question and done by its answer.
func TestAQuestionAfterARestoreThatExpiredIsAskedWithTheNext(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	must(t, b.store.RaiseAlarms(t.Context(), store.AlarmWentBack))
	b.exec(t, `update chamber.group_membership set disabled = true where rep_id = 3`)
	b.wantOn(t, board, "p3@example.org", true)
	b.clock.advance(25 * time.Hour)
	_, err := b.store.ExpireApprovals(t.Context())
	must(t, err)
	b.exec(t, `update chamber.group_membership set disabled = true where rep_id = 4`)
	ids, pairs := b.asked(t)
	if pairs[mapper.HoldWentBack] != 4 {
		t.Errorf("asked about %v, want two people on two lists", pairs)
	}
	b.decide(t, ids[mapper.HoldWentBack], true)
	b.wantOn(t, board, "p3@example.org", false)
	b.wantOn(t, board, "p4@example.org", false)
}

// Whoever is not to be added again after a restore stays off, whatever the office
// does to the row later.
func TestAnAdditionAfterARestoreThatWasRejectedStaysUndone(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	must(t, b.store.RaiseAlarms(t.Context(), store.AlarmWentBack))
	b.exec(t, `update chamber.rep set opted_out = true where rep_id = 2`)
	b.exec(t, `update chamber.rep set opted_out = false where rep_id = 2`)
	ids, _ := b.asked(t)
	b.decide(t, ids[mapper.HoldWentBack], false)
	b.clock.advance(2 * time.Hour)
	b.exec(t, `update chamber.group_membership set disabled = true where rep_id = 2`)
	b.exec(t, `update chamber.group_membership set disabled = false where rep_id = 2`)
	b.wantOn(t, board, "p2@example.org", false)
	b.referee(t)
}
