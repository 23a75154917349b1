package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// Deliverer plans addresses and takes in what was read of them.
type Deliverer interface {
	// Observe folds a read of Constant Contact into what is known of people.
	Observe(ctx context.Context, shown map[mapper.Address]sink.Shown) error
	// Plan plans addresses and sends nothing. Exact names lists from which
	// everybody whose verdict is not on is to go.
	Plan(ctx context.Context, addresses []mapper.Address, exact []mapper.ListKey) (mapper.Input, mapper.Output, error)
	// Sift plans addresses, which follow each other in the order of
	// store.KnownAddresses, for a run and returns those that have work. What follows for
	// the others is recorded, with the run. Several may go on at a time.
	Sift(ctx context.Context, run int64, addresses []mapper.Address, exact []mapper.ListKey) ([]mapper.Address, error)
}

// Reconciler keeps one association's lists in step beside the stream of
// changes. It is used by one goroutine at a time, the one that delivers.
type Reconciler struct {
	ID        string // the association
	Source    *source.Source
	Store     *store.Association
	Applier   *sink.Applier
	Deliverer Deliverer
	Settings
	// Between is called between two calls of a long reading, for opt-outs that
	// must not wait for its end. Nil: nothing is.
	Between func(ctx context.Context) error
	Now     func() time.Time
	Log     *slog.Logger

	piece    int // of sift; 0: siftPiece
	begun    bool
	followed string // the lists' row in the queue for which names were followed
}

// Settings are what the operator may set about time.
type Settings struct {
	Every      time.Duration // between full reconciliations
	SweepEvery time.Duration // between sweeps of who unsubscribed
	Retention  time.Duration // that rows of people are kept whom nobody in the database has any more
}

const (
	idlePause  = time.Second      // before the database was read for the first time
	mostPause  = 10 * time.Second // between looks at the agenda
	retryPause = 5 * time.Minute  // after something failed
	bulk       = 500              // addresses planned at once
)

// task is something that is done at its time.
type task struct {
	what  string
	first func(r *Reconciler, ctx context.Context) (time.Time, error) // when, on a new association
	do    func(r *Reconciler, ctx context.Context, d store.Due) error // sets the next time
}

// The names of tasks in the table due.
const (
	dueApprovals = "approvals"
	dueSweep     = "sweep"
	dueFirstLook = "first_look"
	dueNames     = "names"
	dueRefusals  = "refusals"
	dueRetention = "retention"
)

// The tasks in the table due that others know of.
const (
	DueReconcile = "reconcile" // the full reconciliation
	DueNightly   = "nightly"   // the run of the night
)

// tasks are in the order in which they come when several are due: first what is
// about consent.
var tasks = []task{
	{dueApprovals, atOnce, (*Reconciler).expireApprovals},
	{dueSweep, atOnce, (*Reconciler).sweep},
	{dueFirstLook, atOnce, (*Reconciler).firstLook},
	{dueNames, atOnce, (*Reconciler).namesTask},
	{DueNightly, (*Reconciler).firstNight, (*Reconciler).nightly},
	{DueReconcile, (*Reconciler).firstReconcile, (*Reconciler).reconcile},
	{dueRefusals, atOnce, (*Reconciler).retryRefusals},
	{dueRetention, (*Reconciler).firstRetention, (*Reconciler).retention},
}

func atOnce(r *Reconciler, _ context.Context) (time.Time, error) { return r.Now(), nil }

func (r *Reconciler) firstReconcile(context.Context) (time.Time, error) {
	return r.Now().Add(spread(r.ID, r.Every)), nil
}

func (r *Reconciler) firstRetention(context.Context) (time.Time, error) {
	return r.Now().Add(spread(r.ID, retentionEvery)), nil
}

// Turn does at most one thing that is due. pause is how long until the next may
// be. Nothing is done before the database was read once: until then nobody can
// say who is foreign.
func (r *Reconciler) Turn(ctx context.Context) (worked bool, pause time.Duration, err error) {
	agenda, err := r.Store.Agenda(ctx)
	if err != nil || !agenda.FullPass {
		return false, idlePause, err
	}
	if !r.begun {
		if err := r.Store.Interrupt(ctx); err != nil {
			return false, idlePause, err
		}
		r.begun = true
	}
	if agenda.Lists != "" && agenda.Lists != r.followed {
		// Before the queue's row is worked off: a list is renamed before another
		// of its new name could be made.
		if err := r.followNames(ctx, false); err != nil {
			return false, idlePause, err
		}
		r.followed = agenda.Lists
		if err := r.newHours(ctx, agenda.Due[DueNightly]); err != nil {
			return false, idlePause, err
		}
	}
	if err := r.endRuns(ctx, agenda.Running); err != nil {
		return false, idlePause, err
	}
	pause = mostPause
	for _, t := range tasks {
		if t.what == dueFirstLook && !agenda.Unseen {
			continue
		}
		d, known := agenda.Due[t.what]
		if !known {
			d.What = t.what
			if d.At, err = t.first(r, ctx); err == nil {
				err = r.Store.SetDue(ctx, d)
			}
			if err != nil {
				return false, idlePause, err
			}
		}
		if wait := d.At.Sub(r.Now()); wait > 0 {
			pause = min(pause, wait)
			continue
		}
		return true, 0, r.attempt(ctx, t, d)
	}
	return false, pause, nil
}

// attempt does a task. When it fails it is due again soon, and holds up no
// other association.
func (r *Reconciler) attempt(ctx context.Context, t task, d store.Due) error {
	err := t.do(r, ctx, d)
	if err == nil || ctx.Err() != nil {
		return err
	}
	r.Log.Error("do what is due", "association", r.ID, "what", t.what, "err", err, "again_in", retryPause.String())
	d.At = r.Now().Add(retryPause)
	return r.Store.SetDue(ctx, d)
}

// next sets when a task is due again.
func (r *Reconciler) next(ctx context.Context, d store.Due, after time.Duration) error {
	d.At = r.Now().Add(after)
	return r.Store.SetDue(ctx, d)
}

// between lets opt-outs pass.
func (r *Reconciler) between(ctx context.Context) error {
	if r.Between == nil {
		return ctx.Err()
	}
	return errors.Join(ctx.Err(), r.Between(ctx))
}

// options are the association's own choices as they are now.
func (r *Reconciler) options(ctx context.Context) (mapper.Options, error) {
	snap, err := r.Source.Snapshot(ctx)
	if err != nil {
		return mapper.Options{}, err
	}
	defer snap.Close(ctx)
	return snap.Options(ctx, r.ID)
}

// active reports whether anything is synchronised at all. Without that nothing
// is read either.
func active(o mapper.Options) bool {
	return mapper.IsConstantContact(o.NewsletterSolution) && (o.SyncAllActive || o.SyncMembershipTypes || o.SyncGroups)
}

const approvalsEvery = time.Minute

func (r *Reconciler) expireApprovals(ctx context.Context, d store.Due) error {
	expired, err := r.Store.ExpireApprovals(ctx)
	if err != nil {
		return err
	}
	if expired > 0 {
		r.Log.Info("questions expired", "questions", expired)
	}
	if err := r.closeGap(ctx); err != nil {
		return err
	}
	return r.next(ctx, d, approvalsEvery)
}

// closeGap lets removals go again after another server took over, once both
// systems were compared completely.
func (r *Reconciler) closeGap(ctx context.Context) error {
	closed, err := r.Store.CloseGap(ctx)
	if closed {
		r.Log.Info("everything was compared since the database changed servers: removals go on", "association", r.ID)
	}
	return err
}

const refusalsEvery = time.Hour

// retryRefusals queues whom Constant Contact refused and who may be tried once
// more by now.
func (r *Reconciler) retryRefusals(ctx context.Context, d store.Due) error {
	queued, err := r.Store.QueueRefused(ctx)
	if err != nil {
		return err
	}
	if queued > 0 {
		r.Log.Info("trying again what was refused", "association", r.ID, "addresses", queued)
	}
	return r.next(ctx, d, refusalsEvery)
}

// sweep takes in who unsubscribed since the last sweep. No filter by time of
// change shows that, so it has a question of its own.
func (r *Reconciler) sweep(ctx context.Context, d store.Due) error {
	o, err := r.options(ctx)
	if err != nil {
		return err
	}
	if !active(o) {
		return r.next(ctx, d, r.SweepEvery)
	}
	began := r.Now()
	if err := r.sweepSince(ctx, d.DoneFor); err != nil {
		return err
	}
	d.DoneFor = began.UTC().Format(time.RFC3339)
	return r.next(ctx, d, r.SweepEvery)
}

func (r *Reconciler) sweepSince(ctx context.Context, last string) error {
	since, _ := time.Parse(time.RFC3339, last) // none yet: from the beginning
	news := 0
	err := r.Applier.OptedOut(ctx, since, func(people map[mapper.Address]sink.Shown) error {
		addresses, err := r.Store.StillMailable(ctx, addressesOf(people))
		if err != nil {
			return err
		}
		shown := make(map[mapper.Address]sink.Shown, len(addresses))
		for _, address := range addresses {
			if shown[address] = people[address]; shown[address].Lists != nil {
				continue
			}
			if shown[address], err = r.Applier.ReadAddress(ctx, address); err != nil {
				return err
			}
		}
		if err := r.Deliverer.Observe(ctx, shown); err != nil {
			return err
		}
		news += len(addresses)
		if err := r.Store.Enqueue(ctx, addresses); err != nil {
			return err
		}
		return r.between(ctx)
	})
	if news > 0 {
		r.Log.Info("people unsubscribed in Constant Contact", "association", r.ID, "people", news)
	}
	return err
}
