package deliver_test

import (
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/pgtest"
	"rollcall/internal/store"
	"rollcall/mapper"
)

// unbounded lets any number of people go whose row is gone.
var unbounded = mapper.Policy{Thresholds: mapper.Thresholds{Off: true}, RemoveOnMissingRow: true}

// A view that has no rows all at once says nothing about anybody, however few
// it had.
func TestAnEmptyViewHoldsRemovals(t *testing.T) {
	b := newBench(t, unbounded)
	b.exec(t, `delete from chamber.group_membership where rep_id > 4`)
	b.exec(t, `delete from chamber.group_membership; update chamber.rep set opted_out = true where rep_id = 2;
		insert into chamber.rep (association_id, member_id, email) values (1, 1, 'new@example.org')`)
	b.wantOn(t, board, "p1@example.org", true)
	b.wantOn(t, board, "p2@example.org", false) // an opt-out waits for nothing
	b.wantOn(t, everybody, "new@example.org", true)
	ids, pairs := b.asked(t)
	if pairs[mapper.HoldSource] != 6 {
		t.Fatalf("asked about %v, want three people on two lists", pairs)
	}
	b.decide(t, ids[mapper.HoldSource], false)
	b.wantOn(t, board, "p1@example.org", true)
	b.referee(t)
}

// A view that fails says nothing either, and is heard again when it is mended.
func TestAFailingViewTakesNobodyOff(t *testing.T) {
	b := newBench(t, unbounded)
	b.settle(t)
	const view = `create or replace view rollcall.group_members as select association_id, group_id, rep_id, disabled from chamber.group_membership`
	must(t, execute(t, b, view+` where 1 / (rep_id - rep_id) = 1`))
	must(t, execute(t, b, `update chamber.group_membership set disabled = true where rep_id = 1`))
	must(t, execute(t, b, `update chamber.rep set active = false where rep_id = 1`))
	b.sim.Reset()
	if failed := b.tryFor(t, 5); failed == 0 {
		t.Error("nothing failed although a view does")
	}
	if n := len(b.sim.Requests()); n > 0 {
		t.Errorf("%d requests on the word of a view that fails", n)
	}
	b.wantOn(t, board, "p1@example.org", true)
	b.exec(t, view)
	b.wantOn(t, board, "p1@example.org", false)
	b.wantOn(t, everybody, "p1@example.org", false)
}

// A view that fails at one person's row holds up that person. Somebody else who opts
// out in the same moment is taken off.
func TestAViewThatFailsAtARowHoldsUpNobodyElse(t *testing.T) {
	b := newBench(t, unbounded)
	b.settle(t)
	must(t, execute(t, b, pgtest.WithColumn("rollcall.reps", "phone", "case when x.rep_id = 1 then (1 / (x.rep_id - 1))::text else x.phone end")))
	must(t, execute(t, b, `update chamber.rep set phone = '1', active = false where rep_id = 1`))
	must(t, execute(t, b, `update chamber.rep set opted_out = true where rep_id = 2`))
	if failed := b.tryFor(t, 10); failed > 0 {
		t.Errorf("%d turns failed", failed)
	}
	b.wantOn(t, everybody, "p2@example.org", false)
	b.wantOn(t, everybody, "p1@example.org", true)
	b.referee(t)
}

// Where not even the address can be read, the person may have it still: an exact list
// takes nobody off for that.
func TestAViewThatFailsAtARowKeepsItsPersonOnExactLists(t *testing.T) {
	b := newBench(t, unbounded)
	b.settle(t)
	must(t, execute(t, b, pgtest.WithColumn("rollcall.reps", "opted_out", "case when x.rep_id = 1 then 1 / (x.rep_id - 1) = 1 else x.opted_out end")))
	_, out, err := b.Plan(t.Context(), []mapper.Address{"p1@example.org", "p2@example.org"}, []mapper.ListKey{"all_active", "group:1"})
	must(t, err)
	for _, d := range out.Decisions {
		if want := map[mapper.Address]mapper.Verdict{"p1@example.org": mapper.None, "p2@example.org": mapper.On}[d.Address]; d.Verdict != want {
			t.Errorf("%s on %s: %q, want %q", d.Address, d.List, d.Verdict, want)
		}
	}
	if len(out.Decisions) < 4 || len(out.Ops) > 0 {
		t.Errorf("%+v", out.Ops)
	}
}

// execute changes the member database; nobody looks.
func execute(t *testing.T, b *bench, statement string) error {
	t.Helper()
	_, err := b.member.Exec(t.Context(), statement)
	return err
}

// tryFor has everything looked at and works for some turns, whatever fails. It
// counts what failed.
func (b *bench) tryFor(t *testing.T, turns int) (failed int) {
	t.Helper()
	ctx := t.Context()
	must(t, b.store.TouchAll(ctx, 0))
	for range turns {
		b.clock.advance(3 * time.Second)
		_, _, widened := b.widen.Pass(ctx)
		_, _, polled := b.Applier.Poll(ctx)
		_, _, delivered := b.Batch(ctx)
		for _, err := range []error{widened, polled, delivered} {
			if err != nil {
				failed++
			}
		}
	}
	return failed
}

// The whole table is gone: that is on record before anybody looks at the rows.
func TestATruncatedTableHoldsRemovals(t *testing.T) {
	b := newBench(t, unbounded)
	b.settle(t)
	must(t, b.store.Save(t.Context(), &cdc.Batch{End: 1 << 40, Truncated: true}))
	b.exec(t, `truncate chamber.group_membership; insert into chamber.rep (association_id, member_id, email) values (1, 1, 'new@example.org')`)
	b.wantOn(t, board, "p1@example.org", true)
	b.wantOn(t, everybody, "new@example.org", true)
	ids, pairs := b.asked(t)
	if pairs[mapper.HoldSource] != 40 {
		t.Fatalf("asked about %v, want 20 people on two lists", pairs)
	}
	b.decide(t, ids[mapper.HoldSource], true)
	b.wantOn(t, board, "p1@example.org", false)
	if source, _, err := b.Store.Alarms(t.Context()); err != nil || source {
		t.Errorf("the alarm stands after the approval: %v, %v", source, err)
	}
}

// A table that no view counts may be the one that is gone: few removals are held
// like many, and rows that look right say nothing of it.
func TestATruncatedTableHoldsFewRemovals(t *testing.T) {
	b := newBench(t, unbounded)
	b.settle(t)
	must(t, b.store.Save(t.Context(), &cdc.Batch{End: 1 << 40, Truncated: true}))
	b.exec(t, `update chamber.group_membership set disabled = true where rep_id = 1`)
	b.wantOn(t, board, "p1@example.org", true)
	ids, pairs := b.asked(t)
	if pairs[mapper.HoldSource] != 2 {
		t.Fatalf("asked about %v, want one person on two lists", pairs)
	}
	b.clock.advance(2 * time.Hour) // nobody has answered
	b.settle(t)
	b.wantOn(t, board, "p1@example.org", true)
	b.decide(t, ids[mapper.HoldSource], true)
	b.wantOn(t, board, "p1@example.org", false)
	b.wantOn(t, golf, "p1@example.org", false)
}

// Whoever was not approved would go still: the alarm stands until the rows want
// them again, or an approval.
func TestATruncationThatWasRejected(t *testing.T) {
	b := newBench(t, unbounded)
	b.settle(t)
	must(t, b.store.Save(t.Context(), &cdc.Batch{End: 1 << 40, Truncated: true}))
	b.exec(t, `update chamber.group_membership set disabled = true where rep_id = 1`)
	b.settle(t)
	ids, _ := b.asked(t)
	b.decide(t, ids[mapper.HoldSource], false)
	later := func() {
		b.clock.advance(2 * time.Hour)
		must(t, b.store.TouchAll(t.Context(), 0))
		b.settle(t)
	}
	later()
	b.exec(t, `update chamber.group_membership set disabled = true where rep_id = 2`)
	b.wantOn(t, board, "p1@example.org", true)
	b.wantOn(t, board, "p2@example.org", true)
	b.exec(t, `update chamber.group_membership set disabled = false where rep_id in (1, 2)`)
	later()
	b.exec(t, `update chamber.group_membership set disabled = true where rep_id = 2`)
	b.wantOn(t, board, "p2@example.org", false)
	b.wantOn(t, board, "p1@example.org", true)
}

// Truncated and filled again, as some software does every night: nobody would
// go, so that the alarm ends by itself at a later complete read.
func TestATableThatIsFilledAgain(t *testing.T) {
	b := newBench(t, unbounded)
	b.settle(t)
	must(t, b.store.Save(t.Context(), &cdc.Batch{End: 1 << 40, Truncated: true}))
	b.exec(t, `create temporary table kept as select * from chamber.group_membership; truncate chamber.group_membership;
		insert into chamber.group_membership select * from kept`)
	alarmed := func() bool {
		source, _, err := b.Store.Alarms(t.Context())
		must(t, err)
		return source
	}
	if !alarmed() {
		t.Error("no alarm stands right after the table was truncated")
	}
	b.clock.advance(2 * time.Hour)
	b.settle(t)
	if alarmed() {
		t.Error("the alarm stands two hours later")
	}
	b.exec(t, `update chamber.group_membership set disabled = true where rep_id = 1`)
	b.wantOn(t, board, "p1@example.org", false)
}

// The database went back in time: nobody is taken off, and nobody comes back
// whom we took off or who had opted out. What is new goes on, and so do opt-outs.
func TestADatabaseThatWentBackHoldsBothWays(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, `update chamber.group_membership set disabled = true where rep_id = 1; update chamber.rep set opted_out = true where rep_id = 2`)
	b.wantOn(t, board, "p1@example.org", false)
	must(t, b.store.RaiseAlarms(t.Context(), store.AlarmWentBack))
	b.exec(t, `update chamber.group_membership set disabled = false where rep_id = 1; update chamber.rep set opted_out = false where rep_id = 2;
		update chamber.group_membership set disabled = true where rep_id = 3; update chamber.rep set opted_out = true where rep_id = 4;
		insert into chamber.rep (association_id, member_id, email) values (1, 1, 'new@example.org')`)
	b.wantOn(t, board, "p1@example.org", false)
	b.wantOn(t, board, "p2@example.org", false)
	b.wantOn(t, board, "p3@example.org", true)
	b.wantOn(t, board, "p4@example.org", false)
	b.wantOn(t, everybody, "new@example.org", true)
	ids, _ := b.asked(t)
	b.decide(t, ids[mapper.HoldWentBack], true)
	b.wantOn(t, board, "p1@example.org", true)
	b.wantOn(t, board, "p2@example.org", true)
	b.wantOn(t, board, "p3@example.org", false)
	if _, wentBack, err := b.Store.Alarms(t.Context()); err != nil || wentBack {
		t.Errorf("the alarm stands after the approval: %v, %v", wentBack, err)
	}
	b.referee(t)
}

// The number counts over the rolling hour and not by batch: what went before
// holds up what comes.
func TestRemovalsOfAnHourAreCountedTogether(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.clock.advance(2 * time.Hour)
	disable := func(from, to int) {
		t.Helper()
		_, err := b.member.Exec(t.Context(), `update chamber.group_membership set disabled = true where group_id = 1 and rep_id between $1 and $2`, from, to)
		must(t, err)
		b.settle(t)
	}
	disable(1, 6)
	b.wantOn(t, board, "p6@example.org", false)
	b.clock.advance(20 * time.Minute)
	disable(7, 10)
	b.wantOn(t, board, "p10@example.org", false)
	b.clock.advance(20 * time.Minute)
	disable(11, 12) // 12 of 20 within the hour
	b.wantOn(t, board, "p11@example.org", true)
	if _, pairs := b.asked(t); pairs[mapper.HoldRemovals] != 2 {
		t.Fatalf("asked about %v, want 2", pairs)
	}
	// An hour later the first six no longer count, but what is asked about waits
	// for its answer.
	b.clock.advance(time.Hour)
	b.settle(t)
	b.wantOn(t, board, "p11@example.org", true)
}

// An approval is a ceiling of one day: what was not sent by then is not sent.
func TestAnApprovalExpires(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.clock.advance(2 * time.Hour)
	b.exec(t, `update chamber.group_membership set disabled = true where group_id = 1 and rep_id <= 11`)
	ids, _ := b.asked(t)
	must(t, b.store.Decide(t.Context(), ids[mapper.HoldRemovals], true, "ann"))
	b.clock.advance(25 * time.Hour) // as if the host had been down
	b.settle(t)
	b.wantOn(t, board, "p1@example.org", true)
	if ids, _ := b.asked(t); len(ids) != 0 {
		t.Errorf("asked again although the set is the same: %v", ids)
	}
}

// A list of five would become empty: that is asked about, of four it is not.
func TestASmallListThatWouldBecomeEmpty(t *testing.T) {
	b := newBench(t, guarded)
	must(t, execute(t, b, `delete from chamber.group_membership where group_id = 1 and rep_id > 5 or group_id = 2 and rep_id > 4`))
	b.settle(t)
	b.clock.advance(2 * time.Hour)
	b.exec(t, `update chamber.group_membership set disabled = true`)
	b.wantOn(t, board, "p1@example.org", true)
	b.wantOn(t, golf, "p1@example.org", false)
	if _, pairs := b.asked(t); pairs[mapper.HoldRemovals] != 5 {
		t.Errorf("asked about %v, want the 5 of the board", pairs)
	}
}
