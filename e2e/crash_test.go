package e2e

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
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
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("ROLLCALL_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ROLLCALL_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	var summary chamber.Summary
	w := newWorld(t, "crash", func(ctx context.Context, conn *pgx.Conn) (err error) {
		summary, err = chamber.Generate(ctx, conn, chamber.Options{Seed: 7, Associations: 1, Reps: 1000, Groups: 15})
		return err
	})
	const writers, changes, kills = 4, 10_000, 6
	done := make(chan struct{}, changes)
	var load sync.WaitGroup
	w.start(t)
	for i := range writers {
		conn := w.db.Conn(t)
		load.Go(func() {
			for s := range chamber.Changes(seed+uint64(i), summary, changes/writers) {
				if _, err := conn.Exec(t.Context(), s.SQL, s.Args...); err != nil {
					t.Errorf("office work: %v", err)
					return
				}
				done <- struct{}{}
			}
		})
	}
	// Kills are spread over the load and the time after it, when calls are on
	// their way.
	for range kills - 2 {
		for range random.IntN(2*changes/kills) + 1 {
			select {
			case <-done:
			case <-time.After(30 * time.Second):
				t.Fatal("the office stands still")
			}
		}
		w.kill(t)
		w.start(t)
	}
	load.Wait()
	for range 2 {
		before := len(w.sim.Requests())
		wait(t, "calls", func() bool { return len(w.sim.Requests()) > before+random.IntN(12) })
		w.kill(t)
		w.start(t)
	}
	w.settle(t, 5*time.Minute)
	w.compare(t)
	w.stop(t)
}

// wait waits until something has happened.
func wait(t *testing.T, what string, happened func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-deadline:
			t.Fatalf("waited a minute for %s", what)
		case <-tick.C:
		}
	}
}
