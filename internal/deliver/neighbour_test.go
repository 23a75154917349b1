package deliver_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"rollcall/internal/deliver"
)

// attended counts the turns of an association, which may fail each time.
type attended struct {
	turns   int
	failure error
}

func (a *attended) Pause(context.Context) (time.Duration, error) {
	a.turns++
	return 0, a.failure
}

func (a *attended) Failed(_ context.Context, err error) error { return err }

// What fails again and again for one association does not let another one of the key
// wait. It is tried again itself, later each time, and is served again when that is over.
func TestANeighbourThatFailsHoldsUpNobody(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	healthy, broken := &attended{}, &attended{failure: errors.New("answer is incomplete")}
	worker := &deliver.Worker{
		Associations: []*deliver.Deliverer{{ID: "2"}, b.Deliverer},
		Accounts:     map[string]deliver.Account{"1": healthy, "2": broken},
		Visible:      func(context.Context, uint64) (bool, error) { return true, nil },
		Store:        b.store, Now: b.clock.now, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	const turns = 100
	for range turns {
		next, err := worker.Turn(t.Context())
		if err != nil || next > time.Second {
			t.Fatalf("the next turn is in %s: %v", next, err)
		}
		b.clock.advance(time.Second)
	}
	if healthy.turns != turns || broken.turns < 3 || broken.turns > turns/3 {
		t.Errorf("%d turns of the association that works, %d of the one that fails", healthy.turns, broken.turns)
	}
	broken.failure = errors.New("still")
	b.clock.advance(10 * time.Minute)
	before := broken.turns
	_, err := worker.Turn(t.Context())
	must(t, err)
	if broken.turns != before+1 {
		t.Error("an association is not tried again after ten minutes")
	}
}
