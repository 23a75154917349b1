package deliver

import (
	"time"

	"github.com/cenkalti/backoff/v4"

	"rollcall/sink/constantcontact"
)

// retryMost is the longest pause after failures.
const retryMost = 5 * time.Minute

// newRetry are the pauses after failures. They never end: what is queued stays queued.
func newRetry() *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(backoff.WithInitialInterval(idlePause), backoff.WithMaxInterval(retryMost), backoff.WithMaxElapsedTime(0))
}

// trouble is an association that failed, while others of the key go on.
type trouble struct {
	until time.Time // when it is served again
	retry *backoff.ExponentialBackOff
}

// wait is how long the association is not served, and no longer than any pause though
// the clock was set back. One without trouble is served at once.
func (t *trouble) wait(now time.Time) time.Duration {
	if t == nil {
		return 0
	}
	return min(t.until.Sub(now), retryMost)
}

// troubled records that an association failed.
func (w *Worker) troubled(id string, err error) {
	t := w.trouble[id]
	if t == nil {
		t = &trouble{retry: newRetry()}
		w.trouble[id] = t
	}
	next := t.retry.NextBackOff()
	t.until = w.Now().Add(next)
	w.Log.Error("deliver", "association", id, "err", err, "class", string(constantcontact.Classify(err)), "retry_in", next.String())
}
