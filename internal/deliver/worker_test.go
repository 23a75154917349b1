package deliver_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"rollcall/internal/deliver"
	"rollcall/internal/store"
)

// busyOffice changes somebody before each batch, for a number of turns.
type busyOffice struct {
	bench *bench
	turns int
	over  context.CancelFunc
	err   error
}

func (o *busyOffice) Turn(ctx context.Context) (bool, time.Duration, error) {
	o.turns--
	if o.turns < 0 || o.err != nil {
		o.over()
		return false, time.Second, nil
	}
	rep := fmt.Sprint(o.turns%20 + 1)
	_, o.err = o.bench.member.Exec(ctx, "update chamber.group_membership set disabled = not disabled where rep_id = $1", o.turns%20+1)
	if o.err == nil {
		o.err = o.bench.store.Touch(ctx, "rep", rep)
	}
	if o.err == nil {
		_, _, o.err = o.bench.widen.Pass(ctx)
	}
	if o.err == nil { // it has lingered already
		_, o.err = o.bench.member.Exec(ctx, "update rollcall_state.dirty set touched_at = touched_at - interval '1 minute'")
	}
	return false, time.Second, nil
}

func (o *busyOffice) Request(context.Context, store.Request) error { return nil }

// Changes that come without a pause, each batch with the next one behind it, do
// not keep calls from being followed to their end.
func TestCallsAreFollowedWhileChangesGoOn(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	ctx, cancel := context.WithCancel(t.Context())
	office := &busyOffice{bench: b, turns: 40, over: cancel}
	worker := &deliver.Worker{
		Associations: []*deliver.Deliverer{b.Deliverer}, Keepers: map[string]deliver.Keeper{"1": office},
		Visible: func(context.Context, uint64) (bool, error) { return true, nil },
		Store:   b.store, Now: b.clock.now, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	var before, after, sent int
	count := func(n *int, where string) {
		t.Helper()
		must(t, b.member.QueryRow(t.Context(), "select count(*) from rollcall_state.activity where "+where).Scan(n))
	}
	count(&before, "state = 'ended'")
	_ = worker.Run(ctx, nil)
	must(t, office.err)
	count(&after, "state = 'ended'")
	count(&sent, "true")
	if sent < before+5 {
		t.Fatalf("%d calls were sent", sent-before)
	}
	if after == before {
		t.Errorf("none of %d calls has ended", sent-before)
	}
}
