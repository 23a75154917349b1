package deliver_test

import (
	"fmt"
	"testing"

	"rollcall/mapper"
)

// manyLeave takes eleven off the board in Constant Contact, p1 and p10 among them. It
// returns the question whether they left.
func (b *bench) manyLeave(t *testing.T) (question int64) {
	t.Helper()
	for _, address := range b.sim.ListAddresses(account, board)[:11] { // p10 to p19, and p1
		must(t, b.sim.Leave(account, address, board))
	}
	b.exec(t, `update chamber.rep set job_title = 'Baker'`) // everybody is read
	ids, pairs := b.asked(t)
	if pairs[mapper.HoldManyLeft] != 11 {
		t.Fatalf("asked about %v, want 11 who left", pairs)
	}
	return ids[mapper.HoldManyLeft]
}

// Many who leave a list between two reads are asked about. Whoever the office takes off
// and puts on again meanwhile stays in the question.
func TestManyWhoLeftAreAskedAbout(t *testing.T) {
	for _, putBack := range []bool{true, false} {
		t.Run(fmt.Sprint("put back: ", putBack), func(t *testing.T) {
			b := newBench(t, guarded)
			b.settle(t)
			question := b.manyLeave(t)
			b.exec(t, `update chamber.group_membership set disabled = true where group_id = 1 and rep_id <= 2`)
			b.exec(t, `update chamber.group_membership set disabled = false where group_id = 1 and rep_id <= 2`)
			b.wantOn(t, board, "p1@example.org", false)
			b.wantOn(t, board, "p10@example.org", false)
			b.decide(t, question, putBack)
			b.wantOn(t, board, "p1@example.org", putBack)
			b.wantOn(t, board, "p10@example.org", putBack)
		})
	}
}

// While it is asked whether they left nobody is put on the list under another address
// either. The answer counts for that address.
func TestTheAnswerWhetherManyLeftCountsForANewAddress(t *testing.T) {
	for _, putBack := range []bool{true, false} {
		t.Run(fmt.Sprint("put back: ", putBack), func(t *testing.T) {
			b := newBench(t, guarded)
			b.settle(t)
			question := b.manyLeave(t)
			b.exec(t, moveA)
			b.wantOn(t, board, "b@example.org", false)
			b.decide(t, question, putBack)
			b.wantOn(t, board, "b@example.org", putBack)
		})
	}
}

// Who was said to have left is not in the next question about the list, whose answer
// is about others.
func TestAnAnswerWhetherManyLeftIsNotAskedForTwice(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, `insert into chamber.rep (association_id, member_id, email) select 1, 1, 'q' || n || '@example.org' from generate_series(1, 20) n;
		insert into chamber.group_membership (association_id, group_id, rep_id) select 1, 1, rep_id from chamber.rep where email like 'q%'`)
	leave := func(address string) int64 {
		for n := range 12 {
			must(t, b.sim.Leave(account, fmt.Sprintf(address, n+1), board))
		}
		b.exec(t, `update chamber.rep set job_title = coalesce(job_title, '') || 'x'`)
		ids, pairs := b.asked(t)
		if pairs[mapper.HoldManyLeft] != 12 {
			t.Fatalf("asked about %v, want the 12 of now", pairs)
		}
		return ids[mapper.HoldManyLeft]
	}
	b.decide(t, leave("p%d@example.org"), false)
	b.decide(t, leave("q%d@example.org"), true)
	b.wantOn(t, board, "q1@example.org", true)
	b.wantOn(t, board, "p1@example.org", false)
}
