package constantcontact

import (
	"context"
	"time"
)

// Spacing is the time between the starts of two requests that stays below the
// vendor's limit of 4 a second for one API key.
const Spacing = 270 * time.Millisecond

// Limiter spaces the starts of requests. It allows no burst: time that passed
// unused is not saved up. One limiter serves all clients of an API key, which
// make one request after the other.
//
// The vendor counts when requests arrive, and one that is long on its way arrives
// late: four that follow faster could arrive within its second. It has arrived when
// it was answered, which was before the next one asked for its turn. So nobody
// starts within a second of the time at which the third before asked, which costs
// a fifth of a second after an idle time, and nothing while the way is short.
type Limiter struct {
	now      func() time.Time
	interval time.Duration
	fit      int        // requests of the interval that fit into a second; 1: the interval is longer
	turn     chan turns // has what was before
}

// turns are what a limiter remembers.
type turns struct {
	last  time.Time   // the start of the last request
	asked []time.Time // when the last fit ones asked for their turns
}

// NewLimiter returns a limiter with the interval between two starts; see
// Spacing.
func NewLimiter(now func() time.Time, interval time.Duration) *Limiter {
	l := &Limiter{now: now, interval: interval, fit: int(time.Second/interval) + 1, turn: make(chan turns, 1)}
	l.turn <- turns{}
	return l
}

// Wait returns when the next request may start, or with the context's error.
func (l *Limiter) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	asked := l.now()
	var before turns
	select {
	case before = <-l.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	// A clock that was set back must not stop us: never wait longer than the
	// interval, or the second.
	now := l.now()
	pause := min(l.interval-now.Sub(before.last), l.interval)
	if l.fit > 1 && len(before.asked) == l.fit {
		pause = max(pause, min(time.Second-now.Sub(before.asked[1]), time.Second))
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		l.turn <- turns{l.now(), l.remember(before.asked, asked)}
		return nil
	case <-ctx.Done():
		l.turn <- before
		return ctx.Err()
	}
}

func (l *Limiter) remember(all []time.Time, asked time.Time) []time.Time {
	all = append(all, asked)
	return all[max(0, len(all)-l.fit):]
}
