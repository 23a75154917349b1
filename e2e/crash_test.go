package e2e

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/chamber"
)

// The program is killed at random moments while an office makes 10,000 changes,
// and each time started again. In the end Constant Contact must be what a plain
// SQL statement over the member tables says.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	seed := testSeed(t)
	random := rand.New(rand.NewPCG(seed, 0))

	var summary chamber.Summary
	w := newWorld(t, "crash", func(ctx context.Context, conn *pgx.Conn) (err error) {
		summary, err = chamber.Generate(ctx, conn, chamber.Options{Seed: 7, Associations: 1, Reps: 1000, Groups: 15})
		return err
	})
	const writers, changes = 4, 10_000
	kills := 4
	if crashLong() {
		kills = 12
	}
	work := make(chan struct{}, changes) // a change that may be made
	var made atomic.Int64
	var load sync.WaitGroup
	for i := range writers {
		conn := w.db.Conn(t)
		load.Go(func() {
			for s := range chamber.Changes(seed+uint64(i), summary, changes) {
				if _, more := <-work; !more {
					return
				}
				if _, err := conn.Exec(t.Context(), s.SQL, s.Args...); err != nil {
					t.Errorf("office work: %v", err)
				}
				made.Add(1)
			}
		})
	}
	for range kills {
		w.start(t)
		for range changes / kills {
			work <- struct{}{}
		}
		enough := made.Load() + random.Int64N(int64(changes/kills))
		w.killAfter(t, random.IntN(12), func() bool { return made.Load() >= enough })
	}
	close(work)
	// And in the time after the load, when calls are on their way.
	load.Wait()
	for range 2 {
		w.start(t)
		w.killAfter(t, random.IntN(12), func() bool { return true })
	}
	w.start(t)
	w.settle(t, 5*time.Minute)
	w.compare(t)
	w.stop(t)
}

// killAfter kills the program once it has made some calls and more is so.
func (w *world) killAfter(t *testing.T, calls int, more func() bool) {
	t.Helper()
	before := len(w.sim.Requests())
	wait(t, "calls", func() bool { return len(w.sim.Requests()) >= before+calls && more() })
	w.kill(t)
}

// wait waits until something has happened.
func wait(t *testing.T, what string, happened func() bool) {
	t.Helper()
	deadline := time.After(4 * time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-deadline:
			t.Fatalf("waited four minutes for %s", what)
		case <-tick.C:
		}
	}
}
