package store_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/statetest"
	"rollcall/internal/store"
	"rollcall/sql"
)

// forgetful is a store whose first answer is lost after it has stored everything.
type forgetful struct {
	cdc.Store
	saves atomic.Int64
}

func (f *forgetful) Save(ctx context.Context, b *cdc.Batch) error {
	if err := f.Store.Save(ctx, b); err != nil {
		return err
	}
	if f.saves.Add(1) == 1 {
		return errors.New("the answer was lost")
	}
	return nil
}

// Rows of the log of changes that are moved twice ask for the same thing once, and
// two rows that ask for the same are two requests.
func TestRequestsOfTheLogAreTakenOnce(t *testing.T) {
	db := statetest.Database(t)
	pool := db.Pool(t)
	s := store.New(pool, "chamber", func() time.Time { return noon })
	for _, script := range append(sql.Reference(), sql.ByTriggers(sql.Contract())...) {
		db.Exec(t, script)
	}
	conn := db.Conn(t)
	db.Exec(t, "delete from rollcall.log; select rollcall.sync_now('Board'), rollcall.sync_now('Board'); select rollcall.touch('rep', '5'); truncate chamber.opt_out")
	log, err := cdc.PrepareLog(t.Context(), conn)
	ok(t, err)
	state := &forgetful{Store: s}
	mover, err := cdc.NewMover(cdc.MoverConfig{
		DB: pool, LogID: log.ID, Watches: []cdc.Watch{{Table: "chamber.opt_out", Keys: []string{"opt_out_id"}, Kind: cdc.KindRep}},
		Store: state, Now: time.Now, Log: slog.New(slog.DiscardHandler), Every: time.Millisecond,
	})
	ok(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mover.Run(ctx) }()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for left := 1; left > 0; {
		ok(t, conn.QueryRow(t.Context(), "select count(*) from rollcall.log").Scan(&left))
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the log is not emptied")
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n := state.saves.Load(); n < 2 {
		t.Fatalf("%d saves, want the batch twice", n)
	}
	requests, err := s.Requests(t.Context())
	ok(t, err)
	if len(requests) != 2 || requests[0].XID != 0 {
		t.Errorf("%d requests, want two that wait for nothing: %+v", len(requests), requests)
	}
	touched, err := s.Touched(t.Context(), 10)
	ok(t, err)
	kinds := map[cdc.Kind]bool{}
	for _, row := range touched {
		kinds[row.Kind] = true
	}
	if len(touched) != 2 || !kinds[cdc.KindRep] || !kinds[cdc.KindAll] {
		t.Errorf("touched %+v, want the rep and, for the TRUNCATE, everything", touched)
	}
	durable, known, err := s.Position(t.Context())
	if err != nil || !known || durable < log.CurrentLSN {
		t.Errorf("position %s, %v, %v; want %s or more", durable, known, err, log.CurrentLSN)
	}
	ok(t, s.FollowLog(t.Context(), log.ID))
	if id, err := s.Log(t.Context()); err != nil || id != log.ID {
		t.Errorf("log %d is on record, %v; want %d", id, err, log.ID)
	}
}
