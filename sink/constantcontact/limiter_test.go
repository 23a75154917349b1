package constantcontact

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimiterSpacesStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(time.Now, Spacing)
		first := time.Now()
		var mu sync.Mutex
		var starts []time.Duration
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if err := l.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				starts = append(starts, time.Since(first))
			})
		}
		wg.Wait()
		for i, at := range starts {
			if at != time.Duration(i)*Spacing {
				t.Errorf("start %d is after %s", i, at)
			}
		}
	})
}

func TestLimiterHasNoBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(time.Now, Spacing)
		_ = l.Wait(t.Context())
		<-time.After(time.Hour)
		idle := time.Now()
		for range 3 {
			_ = l.Wait(t.Context())
		}
		if took := time.Since(idle); took != 2*Spacing {
			t.Errorf("three starts after an idle hour took %s", took)
		}
	})
}

func TestLimiterAndContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(time.Now, time.Minute)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.Wait(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("ended context: %v", err)
		}
		begin := time.Now()
		_ = l.Wait(t.Context())
		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Wait(brief); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
		// The one that gave up took no turn.
		_ = l.Wait(t.Context())
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("the next start is after %s", took)
		}
	})
}

func TestLimiterWithClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
		l := NewLimiter(func() time.Time { return clock }, Spacing)
		_ = l.Wait(t.Context())
		clock = clock.Add(-24 * time.Hour)
		begin := time.Now()
		_ = l.Wait(t.Context())
		if took := time.Since(begin); took != Spacing {
			t.Errorf("waited %s", took)
		}
	})
}

// Requests that are long on their way arrive late. However long, no five arrive
// within a second when each waits for the answer to the one before.
func TestLimiterAllowsForTheWay(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			l := NewLimiter(time.Now, Spacing)
			var arrivals []time.Time
			for range 40 {
				_ = l.Wait(t.Context())
				<-time.After(time.Duration(random.IntN(600)) * time.Millisecond)
				arrivals = append(arrivals, time.Now())
				<-time.After(time.Duration(random.IntN(30)) * time.Millisecond)
			}
			for i := range arrivals[4:] {
				if took := arrivals[i+4].Sub(arrivals[i]); took < time.Second {
					t.Errorf("seed %d: five arrive within %s", seed, took)
				}
			}
		})
	}
}

// The way costs nothing while it is short.
func TestLimiterKeepsItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, begin := NewLimiter(time.Now, Spacing), time.Now()
		for range 100 {
			_ = l.Wait(t.Context())
			<-time.After(70 * time.Millisecond)
		}
		if took := time.Since(begin); took != 99*Spacing+70*time.Millisecond {
			t.Errorf("100 requests took %s", took)
		}
	})
}
