package deliver

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"rollcall/internal/pause"
	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// Worker delivers all associations of one API key, in one goroutine: the
// vendor's limits are per key.
type Worker struct {
	Associations []*Deliverer
	// Keepers do what is due or asked for beside the changes, one for each
	// association, by its id.
	Keepers map[string]Keeper
	// Accounts say when an association is not to be served, by its id. One that
	// is not there always is.
	Accounts map[string]Account
	// Elsewhere are the associations that workers of other keys serve: they
	// take up what is asked of these.
	Elsewhere map[string]bool
	// Visible says whether a request's transaction can be seen in the member
	// database by now.
	Visible func(ctx context.Context, xid uint64) (bool, error)
	Store   *store.Store
	Now     func() time.Time
	Log     *slog.Logger
	// Idle is the time between two looks at the queue when nobody wakes the worker;
	// 0: a second. Longer where somebody looks for many workers and wakes them.
	Idle time.Duration

	polls   map[string]*poll
	trouble map[string]*trouble // associations that failed the last time
}

// Account is what stands between an association and Constant Contact: its
// connection, and its share of the calls.
type Account interface {
	// Pause is how long nothing is to be sent; 0: go on.
	Pause(ctx context.Context) (time.Duration, error)
	// Failed is told of what went wrong. It returns nil when Pause accounts for
	// that from now on, so that it is no news.
	Failed(ctx context.Context, err error) error
}

// Keeper does what is due for an association, and what somebody asks for.
type Keeper interface {
	// Turn does what is due. pause is how long until something is due next.
	Turn(ctx context.Context) (worked bool, pause time.Duration, err error)
	// Request takes up what somebody asked for, or follows it to its end.
	Request(ctx context.Context, r store.Request) error
}

// poll is when an association's open activities are asked for next.
type poll struct {
	open  bool
	at    time.Time
	delay time.Duration
}

const (
	idlePause = time.Second // between looks at the queue when nobody wakes us
	pollFirst = time.Second
	pollMost  = 30 * time.Second

	// After a turn that found nothing to do the worker rests restShare times as long
	// as that took, and not longer than restMost or than until something is due:
	// while changes stream in, somebody wakes it many times a second.
	restShare = 9
	restMost  = 250 * time.Millisecond
)

// Run delivers until the context ends. wake cuts a pause short.
func (w *Worker) Run(ctx context.Context, wake <-chan struct{}) error {
	w.start()
	return w.run(ctx, wake, w.turn)
}

func (w *Worker) start() {
	w.polls, w.trouble = map[string]*poll{}, map[string]*trouble{}
	for _, d := range w.Associations {
		w.polls[d.ID] = &poll{open: true, delay: pollFirst}
	}
}

// run takes turns, each of which says how long there is nothing to do after it.
func (w *Worker) run(ctx context.Context, wake <-chan struct{}, turn func(context.Context) (time.Duration, error)) error {
	retry := newRetry()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		case <-timer.C:
		}
		began := w.Now()
		next, err := turn(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			next = retry.NextBackOff()
			w.Log.Error("deliver", "err", err, "class", string(constantcontact.Classify(err)), "retry_in", next.String())
			// A wake-up must not cut this pause short.
			if err := pause.For(ctx, next); err != nil {
				return err
			}
			next = 0
		} else {
			retry.Reset()
			rest := min(restShare*w.Now().Sub(began), restMost, next)
			if err := pause.For(ctx, rest); err != nil {
				return err
			}
			next -= rest
		}
		timer.Reset(next)
	}
}

func (w *Worker) idle() time.Duration {
	if w.Idle > 0 {
		return w.Idle
	}
	return idlePause
}

// turn does what is due for every association once.
func (w *Worker) turn(ctx context.Context) (pause time.Duration, err error) {
	pause = w.idle()
	var errs []error
	if err := w.requests(ctx); err != nil {
		errs = append(errs, err)
	}
	for _, d := range w.Associations {
		if wait := w.trouble[d.ID].wait(w.Now()); wait > 0 {
			pause = min(pause, wait)
			continue
		}
		next, err := w.attend(ctx, d)
		pause = min(pause, next)
		switch {
		case err == nil:
			delete(w.trouble, d.ID)
		case len(w.Associations) == 1 || ctx.Err() != nil:
			errs = append(errs, err)
		default:
			// Others of the key do not wait with it.
			w.troubled(d.ID, err)
		}
	}
	return pause, errors.Join(errs...)
}

// attend serves an association unless its account is to be left alone.
func (w *Worker) attend(ctx context.Context, d *Deliverer) (next time.Duration, err error) {
	account := w.Accounts[d.ID]
	if account == nil {
		return w.serve(ctx, d)
	}
	if wait, err := account.Pause(ctx); err != nil || wait > 0 {
		return max(wait, idlePause), err
	}
	if next, err = w.serve(ctx, d); err != nil && ctx.Err() == nil {
		return idlePause, account.Failed(ctx, err)
	}
	return next, err
}

// Between delivers what has become due while somebody reads a whole account:
// opt-outs are among it, which wait for nothing.
func (w *Worker) Between(ctx context.Context) {
	for _, d := range w.Associations {
		if account := w.Accounts[d.ID]; account != nil {
			if wait, err := account.Pause(ctx); err != nil || wait > 0 {
				continue
			}
		}
		if _, _, err := d.Batch(ctx); err != nil && ctx.Err() == nil {
			w.Log.Warn("deliver while an account is read", "association", d.ID, "err", err)
		}
	}
}

// serve does what is due for one association once: calls that ended, what is due
// by the clock, changes. What is due comes before the changes, because a list is
// renamed before another of its new name could be made. next is how long until
// there is something to do.
func (w *Worker) serve(ctx context.Context, d *Deliverer) (next time.Duration, err error) {
	p := w.polls[d.ID]
	if p.open && !w.Now().Before(p.at) {
		if err := w.poll(ctx, d, p); err != nil {
			if ctx.Err() != nil {
				return idlePause, err
			}
			// Whoever opted out does not wait for that, nor for ordinary calls to be left.
			// Others go on as well, except those of whom a call is still open.
			_, _, without := d.Batch(ctx)
			return idlePause, errors.Join(err, without)
		}
	}
	next = w.idle()
	waiting := p.open // calls that are on their way already, for which p.at holds
	var errs []error
	if k := w.Keepers[d.ID]; k != nil {
		worked, due, err := k.Turn(ctx)
		if err != nil {
			errs = append(errs, err)
		}
		if p.open = p.open || worked; worked {
			next = 0
		} else {
			next = min(next, due)
		}
	}
	worked, wait, err := d.Batch(ctx)
	if err != nil {
		errs = append(errs, err)
	}
	switch {
	case worked:
		// Not later than it was to be: changes may go on coming without a pause.
		if soon := w.Now().Add(pollFirst); !waiting || p.at.After(soon) {
			p.at = soon
		}
		p.open, p.delay = true, pollFirst
		next = 0
	case wait > 0:
		next = min(next, wait)
	}
	if p.open {
		next = min(next, max(0, p.at.Sub(w.Now())))
	}
	return next, errors.Join(errs...)
}

func (w *Worker) poll(ctx context.Context, d *Deliverer, p *poll) error {
	ended, open, err := d.Applier.Poll(ctx)
	if err != nil {
		return err
	}
	if ended > 0 {
		p.delay = pollFirst
	} else {
		p.delay = min(p.delay*2, pollMost)
	}
	p.open, p.at = open > 0, w.Now().Add(p.delay)
	return nil
}

// requests takes up what was asked for by SQL, once its transaction can be
// seen.
func (w *Worker) requests(ctx context.Context) error {
	requests, err := w.Store.Requests(ctx)
	if err != nil {
		return err
	}
	for _, r := range requests {
		visible, err := w.Visible(ctx, r.XID)
		if err != nil {
			return err
		}
		if !visible {
			continue
		}
		if err := w.request(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// request hands a request to the keeper of its association.
func (w *Worker) request(ctx context.Context, r store.Request) error {
	if named := r.Content.Association; named != nil {
		switch k := w.Keepers[*named]; {
		case k != nil:
			return k.Request(ctx, r)
		case w.Elsewhere[*named]:
			return nil
		}
		return w.Store.SetRequest(ctx, r.ID, "refused", store.Answer{Reason: mapper.ReasonNotConnected, Detail: mapper.ReasonNotConnected.Text()})
	}
	if len(w.Keepers)+len(w.Elsewhere) > 1 {
		return w.Store.SetRequest(ctx, r.ID, "refused", store.Answer{Detail: "there are several associations; name one as the second argument"})
	}
	for _, k := range w.Keepers {
		return k.Request(ctx, r)
	}
	return nil
}
