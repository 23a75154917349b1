package deliver

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// turns is how many turns a worker takes within a minute in which somebody wakes it
// every millisecond, each of which takes so long.
func turns(t *testing.T, takes, next time.Duration, failure error) (n int) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		wake := make(chan struct{}, 1)
		w := &Worker{Now: time.Now, Log: slog.New(slog.DiscardHandler)}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = w.run(ctx, wake, func(context.Context) (time.Duration, error) {
				n++
				<-time.After(takes)
				return next, failure
			})
		}()
		for ctx.Err() == nil {
			select {
			case wake <- struct{}{}:
			default:
			}
			<-time.After(time.Millisecond)
		}
		<-ended
	})
	return n
}

// While changes stream in, a worker that finds nothing to do rests nine times as long as
// it looked, and a quarter of a second at most. It does not rest while something is due,
// and after a failure nobody's call brings the next turn forward.
func TestWorkersRest(t *testing.T) {
	for _, c := range []struct {
		name        string
		takes, next time.Duration
		failure     error
		least, most int
	}{
		{"a short look", 10 * time.Millisecond, idlePause, nil, 590, 605},
		{"a long look", 100 * time.Millisecond, idlePause, nil, 170, 173},
		{"something is due soon", 10 * time.Millisecond, 20 * time.Millisecond, nil, 1900, 2001},
		{"something is due", 10 * time.Millisecond, 0, nil, 5900, 6001},
		{"failures", 10 * time.Millisecond, 0, errors.New("connection lost"), 4, 30},
	} {
		if n := turns(t, c.takes, c.next, c.failure); n < c.least || n > c.most {
			t.Errorf("%s: %d turns within a minute, want %d to %d", c.name, n, c.least, c.most)
		}
	}
}
