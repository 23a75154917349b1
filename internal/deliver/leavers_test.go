package deliver_test

import (
	"context"
	"errors"
	"testing"

	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

const (
	offBoard = `update chamber.group_membership set disabled = true where group_id = 1 and rep_id = 5`
	onBoard  = `update chamber.group_membership set disabled = false where group_id = 1 and rep_id = 5`
)

// wantLeft wants that p5 is not on the board, for having left it.
func (b *bench) wantLeft(t *testing.T) {
	t.Helper()
	b.wantOn(t, board, "p5@example.org", false)
	if got := b.reasons(t, "p5@example.org")["group:1"]; got != mapper.ReasonLeftList {
		t.Errorf("the reason is %q, want %s", got, mapper.ReasonLeftList)
	}
	b.referee(t)
}

// Whoever leaves a list between two readings and is then taken off by the office,
// too, has left: people are read before they are taken off, because after that
// nobody could tell.
func TestWhoLeftBeforeTheOfficeTookThemOffHasLeft(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	b.exec(t, `update chamber.rep set job_title = 'Baker'`) // who was never read is read for the contact's id
	must(t, b.sim.Leave(account, "p5@example.org", board))
	b.exec(t, offBoard)
	b.exec(t, onBoard)
	b.wantLeft(t)
}

// rereading is a Constant Contact whose first removal takes long.
type rereading struct {
	sink.API
	meanwhile func()
	slow      int
	err       error // of p5's reading after that
}

// RemoveListMemberships answers late the first time.
func (s *rereading) RemoveListMemberships(ctx context.Context, contactIDs, listIDs []string) (constantcontact.Activity, error) {
	if s.slow++; s.slow == 1 {
		defer s.meanwhile()
	}
	return s.API.RemoveListMemberships(ctx, contactIDs, listIDs)
}

// ContactByEmail fails for p5 once the first removal was sent.
func (s *rereading) ContactByEmail(ctx context.Context, address string) (*constantcontact.Contact, error) {
	if s.slow > 0 && s.err != nil && address == "p5@example.org" {
		return nil, s.err
	}
	return s.API.ContactByEmail(ctx, address)
}

// The reading before a removal is as fresh as that before an addition. Where it
// cannot be had, the removal goes on.
func TestPeopleAreReadAgainBeforeALateRemoval(t *testing.T) {
	for name, test := range map[string]struct {
		leaves bool
		err    error
	}{
		"left meanwhile": {leaves: true},
		"stayed":         {},
		"cannot be read": {err: errors.New("nobody can be read")},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, guarded)
			b.settle(t)
			b.exec(t, `update chamber.rep set job_title = 'Baker'`) // read since, so that their ids are known
			for _, change := range []string{`update chamber.rep set opted_out = true where rep_id = 1`, offBoard} {
				must(t, execute(t, b, change))
			}
			api := &rereading{API: b.Applier.API, err: test.err, meanwhile: func() {
				if test.leaves {
					must(t, b.sim.Leave(account, "p5@example.org", board))
				}
				b.clock.advance(2 * sink.FreshFor)
			}}
			b.Applier.API = api
			b.settle(t)
			b.Applier.API = api.API
			if want := map[bool]int{true: 1, false: 2}[test.leaves]; api.slow != want {
				t.Errorf("%d removals, want %d", api.slow, want)
			}
			b.wantOn(t, board, "p5@example.org", false)
			b.exec(t, onBoard)
			if test.leaves {
				b.wantLeft(t)
				return
			}
			b.wantOn(t, board, "p5@example.org", true)
			b.referee(t)
		})
	}
}
