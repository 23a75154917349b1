package access

import (
	"sync"
	"time"
)

// How many logins may be tried at once, and after that one in which time.
const (
	userBurst, userEvery     = 5, time.Minute
	clientBurst, clientEvery = 20, 5 * time.Second
	// maxTracked bounds the memory. Above it all others share one count.
	maxTracked = 10_000
)

// throttle counts attempts by a key: a bucket that holds burst attempts and
// gets one back every so often.
type throttle struct {
	burst int
	every time.Duration
	now   func() time.Time

	mu sync.Mutex
	// full is when the bucket of a key is full again. That says how many
	// attempts are left.
	full map[string]time.Time
}

func newThrottle(burst int, every time.Duration, now func() time.Time) *throttle {
	return &throttle{burst: burst, every: every, now: now, full: map[string]time.Time{}}
}

// take counts an attempt and returns how long to wait, 0 where it may be made.
// One that may not be made does not count.
func (t *throttle) take(key string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	key = t.place(key, now)
	full := t.full[key]
	if full.Before(now) {
		full = now
	}
	full = full.Add(t.every)
	if wait := full.Sub(now) - time.Duration(t.burst)*t.every; wait > 0 {
		return wait
	}
	t.full[key] = full
	return 0
}

// place is the key to count on: the one given, while there is room. Those that
// are full again make room.
func (t *throttle) place(key string, now time.Time) string {
	if _, tracked := t.full[key]; tracked || len(t.full) < maxTracked {
		return key
	}
	for k, full := range t.full {
		if full.Before(now) {
			delete(t.full, k)
		}
	}
	if len(t.full) < maxTracked {
		return key
	}
	return ""
}

// forget fills the bucket of a key.
func (t *throttle) forget(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.full, key)
}
