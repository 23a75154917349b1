package widen

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// passes is how many passes there are within a minute in which somebody wakes the
// widener every millisecond, each of which takes so long and so many keys, and how
// long it is after a pause until a single change is taken.
func passes(t *testing.T, takes time.Duration, keys int) (n int, alone time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		wake := make(chan struct{}, 1)
		var mu sync.Mutex
		var began time.Time
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = run(ctx, wake, func(context.Context) (done, error) {
				mu.Lock()
				n, began = n+1, time.Now()
				mu.Unlock()
				<-time.After(takes)
				return done{took: keys, worked: takes}, nil
			})
		}()
		for range 60_000 {
			select {
			case wake <- struct{}{}:
			default:
			}
			<-time.After(time.Millisecond)
		}
		mu.Lock()
		counted := n
		mu.Unlock()
		<-time.After(10*time.Second + 500*time.Millisecond) // between two looks that nobody asks for
		woken := time.Now()
		wake <- struct{}{}
		synctest.Wait()
		mu.Lock()
		alone = began.Sub(woken)
		mu.Unlock()
		cancel()
		<-ended
		n = counted
	})
	return n, alone
}

// Under load passes are made apart, so that they take a tenth of the time, and those
// over many keys that take long less than that; those over few are at most two seconds
// apart. A backlog is worked off without a rest, and so is a change when nothing else
// goes on.
func TestPassesRest(t *testing.T) {
	for _, c := range []struct {
		takes       time.Duration
		keys        int
		least, most int
	}{
		{10 * time.Millisecond, 100, 550, 650},
		{time.Second, manyKeys - 1, 18, 26},
		{200 * time.Millisecond, manyKeys, 29, 31},
		{400 * time.Millisecond, manyKeys, 8, 9},
		{time.Second, manyKeys, 2, 3},
		{5 * time.Second, manyKeys, 2, 2},
		{10 * time.Millisecond, passKeys, 5000, 7100},
	} {
		n, alone := passes(t, c.takes, c.keys)
		if n < c.least || n > c.most {
			t.Errorf("%d passes of %s that take %d keys within a minute, want %d to %d", n, c.takes, c.keys, c.least, c.most)
		}
		if c.keys < manyKeys && c.takes < time.Second && alone != 0 {
			t.Errorf("a single change was taken after %s", alone)
		}
	}
}
