package e2e

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/chamber"
	"rollcall/internal/pgtest"
	"rollcall/sql"
)

// The program is killed while triggers capture an office's changes, the state in
// another database. In the end Constant Contact must be what a plain SQL statement
// over the member tables says, and the log of changes is empty.
func TestKilledWhileTriggersCapture(t *testing.T) {
	t.Parallel()
	var summary chamber.Summary
	w := newWorld(t, "small", fillSmall) // for its simulator
	w.db = pgtest.Template(t, "captured", func(ctx context.Context, conn *pgx.Conn) (err error) {
		for _, script := range append(sql.Reference(), sql.ByTriggers(sql.Contract())...) {
			if _, err := conn.Exec(ctx, script); err != nil {
				return err
			}
		}
		summary, err = chamber.Generate(ctx, conn, chamber.Options{Seed: 11, Associations: 1, Reps: 300, Groups: 6})
		return err
	})
	w.member = w.db.Conn(t)
	state := pgtest.Database(t)
	w.state = state.Conn(t)
	w.config = writeConfig(t, w.db.URL, pgtest.Slot(t), w.address)
	w.reconfigure(t, "capture: "+pgtest.Capture(), "capture: triggers", "constant_contact:", "state: {url: \""+state.URL+"\"}\nconstant_contact:")
	const writers, changes, kills = 2, 1200, 3
	done := make(chan struct{}, changes)
	var load sync.WaitGroup
	w.start(t)
	for i := range writers {
		conn := w.db.Conn(t)
		load.Go(func() {
			for s := range chamber.Changes(uint64(20+i), summary, changes/writers) {
				if _, err := conn.Exec(t.Context(), s.SQL, s.Args...); err != nil {
					t.Errorf("office work: %v", err)
					return
				}
				done <- struct{}{}
			}
		})
	}
	for range kills {
		for range changes / (kills + 1) {
			select {
			case <-done:
			case <-time.After(time.Minute):
				t.Fatal("the office stands still")
			}
		}
		w.kill(t)
		w.start(t)
	}
	load.Wait()
	w.settle(t, 5*time.Minute)
	w.compare(t)
	if n := 0; w.member.QueryRow(t.Context(), "select count(*) from rollcall.log").Scan(&n) != nil || n > 0 {
		t.Errorf("%d rows are left in the log", n)
	}
	// What is asked for by SQL goes the same way.
	w.exec(t, "select rollcall.sync_now((select min(group_id)::text from rollcall.groups where sync))")
	w.settle(t, 2*time.Minute)
	if n := w.count(t, "select count(*) from rollcall_state.request where content ->> 'ask' = 'sync_now'"); n != 1 {
		t.Errorf("%d requests, want one", n)
	}
	w.stop(t)
}
