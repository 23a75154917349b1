package constantcontact

import (
	"context"
	"time"
)

// Spacing is the time between the starts of two requests that stays below the
// vendor's limit of 4 a second for one API key.
const Spacing = 270 * time.Millisecond

// Limiter spaces the starts of requests. It allows no burst: time that passed
// unused is not saved up. One limiter serves all clients of an API key.
type Limiter struct {
	now      func() time.Time
	interval time.Duration
	turn     chan time.Time // holds the start of the last request
}

// NewLimiter returns a limiter with the interval between two starts; see
// Spacing.
func NewLimiter(now func() time.Time, interval time.Duration) *Limiter {
	l := &Limiter{now: now, interval: interval, turn: make(chan time.Time, 1)}
	l.turn <- time.Time{}
	return l
}

// Wait returns when the next request may start, or with the context's error.
func (l *Limiter) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var last time.Time
	select {
	case last = <-l.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	// A clock that was set back must not stop us: never wait longer than the
	// interval.
	pause := min(l.interval-l.now().Sub(last), l.interval)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		l.turn <- l.now()
		return nil
	case <-ctx.Done():
		l.turn <- last
		return ctx.Err()
	}
}
