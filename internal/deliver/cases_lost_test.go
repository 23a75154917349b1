package deliver_test

import (
	"testing"
	"time"

	"rollcall/internal/ccsim"
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
