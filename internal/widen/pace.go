package widen

import (
	"context"
	"time"

	"rollcall/internal/pause"
)

const (
	passKeys   = 150_000 // keys a pass takes, some 30 MiB
	retryFirst = 10 * time.Millisecond
	retryMost  = time.Second

	// After a pass it rests restShare times as long as that worked, unless there are
	// more keys than a pass takes. So it takes a tenth of a processor from whoever
	// writes, and what changes again and again is looked at once. One that worked
	// longer than restLong rests longer than in proportion: where so much changes, much
	// of it does so again. A pass over few keys rests at most restFew, one over
	// manyKeys and more restMost.
	restShare = 9
	restLong  = 200 * time.Millisecond
	restFew   = 2 * time.Second
	restMost  = 30 * time.Second
	manyKeys  = 1000
)

// done is what a pass did.
type done struct {
	took, kept int // keys
	worked     time.Duration
}

// rest is how long to rest after a pass.
func (d done) rest() time.Duration {
	if d.took >= passKeys {
		return 0
	}
	most := restMost
	if d.took < manyKeys {
		most = restFew
	}
	share := restShare * max(1, d.worked.Seconds()/restLong.Seconds())
	return time.Duration(min(share*float64(d.worked), float64(most)))
}

// run makes passes, and rests after those that took keys.
func run(ctx context.Context, wake <-chan struct{}, pass func(context.Context) (done, error)) error {
	var delay time.Duration
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		case <-timer.C:
		}
		d, err := pass(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		next := retryMost
		if d.took > 0 {
			delay = 0
			if err := pause.For(ctx, d.rest()); err != nil {
				return err
			}
		}
		switch {
		case d.took >= passKeys:
			next = 0
		case d.kept > 0 && err == nil:
			delay = min(max(delay*2, retryFirst), retryMost)
			next = delay
		}
		timer.Reset(next)
	}
}
