package constantcontact

import (
	"context"
	"errors"
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
