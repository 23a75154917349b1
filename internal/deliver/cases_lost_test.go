package deliver_test

import (
	"testing"
	"time"

	"rollcall/internal/ccsim"
	"rollcall/internal/store"
	"rollcall/mapper"
)

// work works for some turns although a call may fail.
func (b *bench) work(t *testing.T, turns int) {
	t.Helper()
	for range turns {
		b.clock.advance(3 * time.Second)
		_, _, _ = b.widen.Pass(t.Context())
		_, _, _ = b.Applier.Poll(t.Context())
		_, _, _ = b.Batch(t.Context())
	}
}

// The reply to a call is lost: where its activity can be found nothing is sent
// again, where it cannot the people are read and planned again.
func TestALostReply(t *testing.T) {
	for name, tc := range map[string]struct {
		fault ccsim.FaultKind
		calls int
	}{
		"after the request was done":  {ccsim.FaultResetAfter, 1},
		"before the request was done": {ccsim.FaultResetBefore, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, guarded)
			b.settle(t)
			b.sim.Reset()
			must(t, b.sim.Fault(ccsim.Fault{PathPrefix: "/v3/activities/" + imports, Kind: tc.fault}))
			must(t, execute(t, b, `insert into chamber.rep (association_id, member_id, email) values (1, 1, 'new@example.org')`))
			must(t, b.store.TouchAll(t.Context(), 0))
			b.work(t, 60)
			b.wantOn(t, everybody, "new@example.org", true)
			if n := b.calls(imports); n != tc.calls {
				t.Errorf("%d imports, want %d", n, tc.calls)
			}
			b.referee(t)
		})
	}
}

// A repeat reads consent again: who unsubscribed meanwhile is left out.
func TestARepeatReadsConsentAgain(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	must(t, b.sim.AddContact(account, "new@example.org"))
	b.sim.Reset()
	must(t, b.sim.Fault(ccsim.Fault{PathPrefix: "/v3/activities/" + adds, Kind: ccsim.FaultActivityFailed}))
	must(t, execute(t, b, `insert into chamber.rep (association_id, member_id, email) values (1, 1, 'new@example.org')`))
	must(t, b.Store.Touch(t.Context(), "rep", "21"))
	for range 10 {
		b.work(t, 1)
		if b.calls(adds) > 0 {
			break
		}
	}
	must(t, b.sim.Unsubscribe(account, "new@example.org"))
	b.work(t, 60)
	if n := b.calls(adds) + b.calls(imports); n != 1 {
		t.Errorf("%d calls that add, want the first only", n)
	}
	b.wantOn(t, everybody, "new@example.org", false)
	b.referee(t)
}

// An approval is used up by a call that does something: one that is refused for a
// moment, or whose activity fails, leaves it as it was.
func TestAnApprovalOutlastsACallThatDoesNothing(t *testing.T) {
	for name, fault := range map[string]ccsim.FaultKind{"refused": ccsim.FaultQuota, "failed": ccsim.FaultActivityFailed} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, guarded)
			b.settle(t)
			b.exec(t, `update chamber.rep set job_title = 'Baker'`) // everybody is read
			b.exec(t, `delete from chamber.group_membership where group_id = 1 and rep_id = 1`)
			b.wantOn(t, board, "p1@example.org", true) // left behind
			_, err := b.Store.ApproveRemovals(t.Context(), "group:1", []store.AskedPair{{Address: "p1@example.org", List: "group:1", Op: mapper.InactivateFromList}}, "ann")
			must(t, err)
			b.sim.Reset()
			must(t, b.sim.Fault(ccsim.Fault{PathPrefix: "/v3/activities/" + removals, Kind: fault}))
			b.work(t, 60)
			b.settle(t)
			b.wantOn(t, board, "p1@example.org", false)
			if n := b.calls(removals); n != 2 {
				t.Errorf("%d removals, want the one that did nothing and another", n)
			}
		})
	}
}
