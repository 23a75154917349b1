package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
)

const (
	// sessions are those of the member application.
	sessions = 4
	// patience is how long the last change may take to the wire.
	patience = 5 * time.Minute
)

// load is a number of changes at a rate, each of a rep of its own.
type load struct {
	rate    int // changes a second
	first   int // rep
	changes int
}

// run makes the changes, and waits until the last one is on the wire.
func (l load) run(ctx context.Context, w *world) (latencies, error) {
	began := time.Now()
	committed, err := l.change(ctx, w)
	elapsed := time.Since(began)
	if err != nil {
		return latencies{}, err
	}
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	seen, err := w.marks.await(ctx, committed)
	if err != nil {
		return latencies{}, fmt.Errorf("wait for the last change: %w", err)
	}
	t := latencies{perSecond: float64(l.changes) / elapsed.Seconds()}
	for address, at := range committed {
		t.offered = append(t.offered, seen[address].offered.Sub(at))
		t.wire = append(t.wire, seen[address].wire.Sub(at))
	}
	t.sort()
	return t, nil
}

// change has the application's sessions make the changes, each at its time or as
// soon after as its session can. It returns when each was sent.
func (l load) change(ctx context.Context, w *world) (map[mapper.Address]time.Time, error) {
	var mu sync.Mutex
	committed := make(map[mapper.Address]time.Time, l.changes)
	var failed error
	var group sync.WaitGroup
	start := time.Now()
	for session := range sessions {
		group.Go(func() {
			sent, err := l.session(ctx, w, start, session)
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
			for address, at := range sent {
				committed[address] = at
			}
		})
	}
	group.Wait()
	return committed, failed
}

func (l load) session(ctx context.Context, w *world, start time.Time, session int) (map[mapper.Address]time.Time, error) {
	conn, err := pgx.Connect(ctx, w.url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	between := time.Second / time.Duration(l.rate)
	sent := map[mapper.Address]time.Time{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := session; n < l.changes; n += sessions {
		timer.Reset(time.Until(start.Add(time.Duration(n) * between)))
		select {
		case <-ctx.Done():
			return sent, ctx.Err()
		case <-timer.C:
		}
		rep := l.first + n
		address, _ := w.size.Rep(rep)
		sent[mapper.Address(address)] = time.Now()
		if _, err := conn.Exec(ctx, "update chamber.group_membership set disabled = false where rep_id = $1", rep); err != nil {
			return sent, fmt.Errorf("change a membership: %w", err)
		}
	}
	return sent, nil
}
