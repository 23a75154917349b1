package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// done is what a load did.
type done struct {
	took    []time.Duration // of each transaction
	elapsed time.Duration
}

func (d *done) add(more done) {
	d.took = append(d.took, more.took...)
	d.elapsed += more.elapsed
}

func (d *done) perSecond() float64 { return float64(len(d.took)) / d.elapsed.Seconds() }

func (d *done) p95() time.Duration {
	if len(d.took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d.took))
	return sorted[len(sorted)*95/100]
}

// load has the application's sessions work on a side for so long: as fast as they can,
// or with so many transactions a second altogether. What a transaction at a rate takes
// is counted from when it should have begun. The same seed does the same work.
func (s *side) load(ctx context.Context, seed uint64, rate float64, length time.Duration) (done, error) {
	var mu sync.Mutex
	var d done
	var failed error
	var group sync.WaitGroup
	start := time.Now()
	end := start.Add(length)
	for i, conn := range s.sessions {
		group.Go(func() {
			took, err := s.work(ctx, conn, rand.New(rand.NewPCG(seed, uint64(i))), schedule(start, rate, i, len(s.sessions)), end)
			mu.Lock()
			defer mu.Unlock()
			d.took = append(d.took, took...)
			if err != nil {
				failed = err
			}
		})
	}
	group.Wait()
	d.elapsed = time.Since(start)
	return d, failed
}

// schedule says when a session's n-th transaction begins; nil: at once.
func schedule(start time.Time, rate float64, session, sessions int) func(n int) time.Time {
	if rate == 0 {
		return nil
	}
	between := time.Duration(float64(time.Second) / rate)
	return func(n int) time.Time { return start.Add(time.Duration(n*sessions+session) * between) }
}

func (s *side) work(ctx context.Context, conn *pgx.Conn, random *rand.Rand, begins func(int) time.Time, end time.Time) (took []time.Duration, err error) {
	for n := 0; ; n++ {
		begin := time.Now()
		if begins != nil {
			begin = begins(n)
			time.Sleep(time.Until(begin))
		}
		if !begin.Before(end) {
			return took, nil
		}
		if err := s.transact(ctx, conn, random); err != nil {
			return took, err
		}
		took = append(took, time.Since(begin))
	}
}

// transact is what an office does: it looks at a person, changes the person and
// the member, and sometimes a membership of a group.
func (s *side) transact(ctx context.Context, conn *pgx.Conn, random *rand.Rand) error {
	rep := s.reps.First + random.Int64N(s.reps.Len())
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var name string
		if err := tx.QueryRow(ctx, "select coalesce(last_name, '') from chamber.rep where rep_id = $1", rep).Scan(&name); err != nil {
			return fmt.Errorf("read rep: %w", err)
		}
		if _, err := tx.Exec(ctx, "update chamber.rep set phone = $2, job_title = 'Head of ' || $3::text where rep_id = $1", rep, fmt.Sprintf("+1 555 %04d", random.IntN(10_000)), name); err != nil {
			return fmt.Errorf("update rep: %w", err)
		}
		// By id, so that nobody waits for another session's locks in a circle.
		member := s.members.First + random.Int64N(s.members.Len())
		if _, err := tx.Exec(ctx, "update chamber.member set name = name where member_id = $1", member); err != nil {
			return fmt.Errorf("update member: %w", err)
		}
		if random.IntN(4) == 0 {
			if _, err := tx.Exec(ctx, "update chamber.group_membership set disabled = not disabled where rep_id = $1", rep); err != nil {
				return fmt.Errorf("update membership: %w", err)
			}
		}
		return nil
	})
}
