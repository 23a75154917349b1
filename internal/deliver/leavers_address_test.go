package deliver_test

import (
	"testing"

	"rollcall/mapper"
)

// semantics.md, section 7: whoever left a list under one address has left it under
// the next, and under those after it. What the office or a field that cannot be used
// does in between changes nothing about it.
func TestADepartureFollowsToTheNewAddress(t *testing.T) {
	const moveFive = `update chamber.rep set email = 'b@example.org' where rep_id = 5`
	for name, tc := range map[string]struct {
		changes []string // after rep 5 has left the board, one batch each
		away    []string // addresses that are on the board neither
	}{
		"read before the change": {
			changes: []string{`update chamber.rep set job_title = 'Baker' where rep_id = 5`, moveFive},
			away:    []string{"b@example.org"},
		},
		"read with the change": {
			changes: []string{moveFive},
			away:    []string{"b@example.org"},
		},
		"two changes": {
			changes: []string{moveFive, `update chamber.rep set email = 'c@example.org' where rep_id = 5`},
			away:    []string{"b@example.org", "c@example.org"},
		},
		"an empty field in between, and back": {
			changes: []string{
				`update chamber.rep set email = null where rep_id = 5`, moveFive,
				`update chamber.rep set email = 'p5@example.org' where rep_id = 5`,
				`update chamber.rep set email = 'c@example.org' where rep_id = 5`,
			},
			away: []string{"b@example.org", "p5@example.org", "c@example.org"},
		},
		"taken off by the office meanwhile": {
			changes: []string{offBoard, moveFive, onBoard},
			away:    []string{"b@example.org"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, guarded)
			b.settle(t)
			b.exec(t, `update chamber.rep set last_name = 'Reader' where rep_id = 5`) // who was never read is read for the contact's id
			must(t, b.sim.Leave(account, "p5@example.org", board))
			for _, change := range tc.changes {
				b.exec(t, change)
			}
			for _, address := range tc.away {
				b.wantOn(t, board, address, false)
			}
			b.wantOn(t, golf, tc.away[len(tc.away)-1], true)
			b.referee(t)
		})
	}
}

// a→b, b leaves, b→c→d: the addresses in between count like the first.
func TestADepartureUnderAnAddressInBetweenFollows(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, moveA)
	b.wantOn(t, board, "b@example.org", true)
	must(t, b.sim.Leave(account, "b@example.org", board))
	for _, address := range []string{"c@example.org", "d@example.org"} {
		b.exec(t, `update chamber.rep set email = '`+address+`' where rep_id = 1`)
		b.wantOn(t, board, address, false)
	}
	b.referee(t)
}

// Of two who share an address that left a list, one gets an address of their own.
func TestADepartureOfASharedAddressFollows(t *testing.T) {
	b := newBench(t, guarded)
	b.exec(t, `update chamber.rep set email = 'p1@example.org' where rep_id = 2`)
	must(t, b.sim.Leave(account, "p1@example.org", board))
	b.exec(t, `update chamber.rep set email = 'c@example.org' where rep_id = 2`)
	b.wantOn(t, board, "c@example.org", false)
	b.wantOn(t, golf, "c@example.org", true)
	b.referee(t)
}

// on_email_change: move. The contact brings along which lists it left.
func TestADepartureStaysWithAContactThatMoves(t *testing.T) {
	b := newBench(t, mapper.Policy{Thresholds: mapper.DefaultThresholds, MoveAddress: true})
	b.settle(t)
	must(t, b.sim.Leave(account, "p1@example.org", board))
	b.exec(t, moveA)
	b.wantOn(t, board, "b@example.org", false)
	b.wantOn(t, golf, "b@example.org", true)
	b.exec(t, `update chamber.rep set job_title = 'Baker'`)
	b.wantOn(t, board, "b@example.org", false)
	b.referee(t)
}

// Somebody leaves a list, and in one transaction another rep takes the address: the
// inbox has left, and so has the person.
func TestADepartureStaysWithAnAddressThatAnotherTakes(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	must(t, b.sim.Leave(account, "p1@example.org", board))
	b.exec(t, `update chamber.rep set email = case rep_id when 1 then 'b@example.org' else 'p1@example.org' end where rep_id in (1, 2)`)
	b.wantOn(t, board, "b@example.org", false)
	b.wantOn(t, board, "p1@example.org", false)
	b.wantOn(t, golf, "b@example.org", true)
	b.referee(t)
}
