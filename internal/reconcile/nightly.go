package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// byClock is who asks for a run that is due.
const byClock = "schedule"

func (r *Reconciler) firstNight(ctx context.Context) (time.Time, error) {
	o, err := r.options(ctx)
	if err != nil {
		return time.Time{}, err
	}
	hours, err := HoursOf(o)
	if err != nil {
		return r.Now(), nil // so that it is shown at once
	}
	// A window that is open already is not used: what is being set up is looked
	// at first.
	return hours.Next(r.Now(), "").later(r, hours), nil
}

// later is when a run begins in the window, or in the next one if that time has
// passed.
func (w Window) later(r *Reconciler, h Hours) time.Time {
	if begin := w.Begin(r.ID); begin.After(r.Now()) {
		return begin
	}
	return h.Next(r.Now(), w.Day).Begin(r.ID)
}

// newHours plans the night anew after the options may have changed.
func (r *Reconciler) newHours(ctx context.Context, d store.Due) error {
	if d.What == "" || !d.At.After(r.Now()) {
		return nil // not planned yet, or due: then it is looked at anyway
	}
	o, err := r.options(ctx)
	if err != nil {
		return err
	}
	hours, err := HoursOf(o)
	if err != nil {
		d.At = r.Now()
		return r.Store.SetDue(ctx, d)
	}
	at := hours.Next(r.Now(), d.DoneFor).later(r, hours)
	if at.Equal(d.At) {
		return nil
	}
	d.At = at
	return r.Store.SetDue(ctx, d)
}

const inactivePause = 15 * time.Minute // between looks at options that are all off

// nightly begins the run of the night. The due row's At is when it was to begin,
// DoneFor the day of the last window that is settled.
func (r *Reconciler) nightly(ctx context.Context, d store.Due) error {
	o, err := r.options(ctx)
	if err != nil {
		return err
	}
	now := r.Now()
	hours, err := HoursOf(o)
	if err != nil {
		return r.unreadableHours(ctx, d, err)
	}
	if planned := hours.Next(d.At, d.DoneFor); active(o) && !planned.End.After(now) {
		d.DoneFor = planned.Day
		if err := r.missed(ctx, planned); err != nil {
			return err
		}
	}
	w := hours.Next(now, d.DoneFor)
	if !active(o) {
		d.At = w.Begin(r.ID)
		if !d.At.After(now) {
			d.At = now.Add(inactivePause)
		}
		return r.Store.SetDue(ctx, d)
	}
	if d.At = w.Begin(r.ID); d.At.After(now) {
		return r.Store.SetDue(ctx, d)
	}
	return r.night(ctx, o, store.Due{What: d.What, At: hours.Next(now, w.Day).Begin(r.ID), DoneFor: w.Day})
}

// unreadableHours records once a day that the window cannot be read. No run is
// started at some other hour instead.
func (r *Reconciler) unreadableHours(ctx context.Context, d store.Due, finding error) error {
	// The last day that is settled stays in front: no later day is before it.
	last, said, _ := strings.Cut(d.DoneFor, " ")
	if today := r.Now().UTC().Format(time.DateOnly); said != today {
		r.Log.Warn("nightly run cannot be planned", "association", r.ID, "err", finding)
		if err := r.failed(ctx, store.RunNightly, finding.Error()); err != nil {
			return err
		}
		d.DoneFor = last + " " + today
	}
	return r.next(ctx, d, time.Hour)
}

// missed records that a window passed without a run: the program was not
// running, or could not reach anything. The full reconciliation covers the gap.
func (r *Reconciler) missed(ctx context.Context, w Window) error {
	r.Log.Warn("nightly window was missed: waiting for the next one", "association", r.ID, "day", w.Day)
	return r.failed(ctx, store.RunNightly, "missed: the window of "+w.Day+" passed without a run")
}

// failed records a run that never began.
func (r *Reconciler) failed(ctx context.Context, kind store.RunKind, detail string) error {
	run, err := r.Store.StartRun(ctx, store.Run{Kind: kind, AskedBy: byClock})
	if err != nil {
		return err
	}
	return r.Store.EndRun(ctx, run, store.RunFailed, detail)
}

// night brings the all-active list and those of the types to exactly who is
// wanted, by the difference: nobody is taken off who stays. The groups' lists
// lose only whom the rows take off.
func (r *Reconciler) night(ctx context.Context, o mapper.Options, done store.Due) error {
	return r.run(ctx, store.Run{Kind: store.RunNightly, AskedBy: byClock}, func(run int64) error {
		account, err := r.keepLists(ctx, true)
		if err != nil {
			return err
		}
		lists, err := r.exactLists(ctx, o)
		if err != nil {
			return err
		}
		if len(lists) > 0 {
			if err := r.readFor(ctx, run, account, lists); err != nil {
				return err
			}
		}
		if err := r.readDatabase(ctx); err != nil {
			return err
		}
		exact, err := r.keysNow(ctx, lists)
		if err != nil {
			return err
		}
		return r.queue(ctx, store.Queue{Run: run, Exact: exact, Done: &done})
	})
}

// keysNow are the keys that lists have by now: a type may be renamed while the
// account is read.
func (r *Reconciler) keysNow(ctx context.Context, lists []sink.BoundList) ([]mapper.ListKey, error) {
	all, err := r.Store.Lists(ctx)
	if err != nil {
		return nil, err
	}
	var keys []mapper.ListKey
	for _, l := range all {
		if slices.ContainsFunc(lists, func(before sink.BoundList) bool { return before.ListID == l.ListID }) {
			keys = append(keys, l.Key)
		}
	}
	return keys, nil
}

// exactLists are the bound lists that a night makes exact.
func (r *Reconciler) exactLists(ctx context.Context, o mapper.Options) ([]sink.BoundList, error) {
	all, err := r.Store.Lists(ctx)
	if err != nil {
		return nil, err
	}
	var lists []sink.BoundList
	for _, l := range all {
		wanted := l.Kind == mapper.ListAllActive && o.SyncAllActive || l.Kind == mapper.ListType && o.SyncMembershipTypes
		if wanted && l.State == mapper.ListBound && (l.Looked || !l.Existed) {
			lists = append(lists, l)
		}
	}
	return lists, nil
}

// readFor reads who is on the lists: the whole account or only these, whichever
// takes fewer calls.
func (r *Reconciler) readFor(ctx context.Context, run int64, account sink.Account, lists []sink.BoundList) error {
	size, err := r.Applier.AccountSize(ctx)
	if err != nil {
		return err
	}
	var found map[string]int
	if calls(account, lists) >= r.Applier.PullCalls(size) {
		found, err = r.pull(ctx, nil, size)
	} else if err = r.sweepNow(ctx); err == nil { // who unsubscribed is off every list without having left one
		found, err = r.pullLists(ctx, lists)
	}
	if err != nil {
		return err
	}
	return r.Store.RunFound(ctx, run, found)
}

// pullLists reads lists by themselves, and the whole account where they do not
// tell what became of their people.
func (r *Reconciler) pullLists(ctx context.Context, lists []sink.BoundList) (map[string]int, error) {
	found, err := r.pull(ctx, lists, 0)
	if errors.Is(err, errTooManyUnshown) || errors.Is(err, sink.ErrIncomplete) {
		return r.pullAll(ctx)
	}
	return found, err
}

// calls is how many calls it takes to read the lists by themselves.
func calls(account sink.Account, lists []sink.BoundList) int {
	n, members := 0, 0
	for i, l := range lists {
		members += max(account[l.ListID].Members, 0)
		if (i+1)%listsPerQuery == 0 || i == len(lists)-1 {
			n += pagesOf(members)
			members = 0
		}
	}
	return n
}

// What one call reads.
const (
	contactsPerPage = 500
	listsPerQuery   = 25
)

func pagesOf(contacts int) int { return max(1, (contacts+contactsPerPage-1)/contactsPerPage) }

// sweepNow is the hourly sweep, before its time.
func (r *Reconciler) sweepNow(ctx context.Context) error {
	agenda, err := r.Store.Agenda(ctx)
	if err != nil {
		return err
	}
	return r.sweep(ctx, store.Due{What: dueSweep, DoneFor: agenda.Due[dueSweep].DoneFor})
}

// reconcile is the full reconciliation: the whole account is read, then
// everybody is planned again. No list is made exact.
func (r *Reconciler) reconcile(ctx context.Context, d store.Due) error {
	o, err := r.options(ctx)
	if err != nil {
		return err
	}
	if !active(o) {
		return r.next(ctx, d, r.Every)
	}
	d.At = r.Now().Add(r.Every)
	return r.reconcileNow(ctx, byClock, &d, nil)
}

// reconcileNow runs a full reconciliation. started is told its number.
func (r *Reconciler) reconcileNow(ctx context.Context, by string, done *store.Due, started func(run int64) error) error {
	return r.run(ctx, store.Run{Kind: store.RunReconcile, AskedBy: by}, func(run int64) error {
		if started != nil {
			if err := started(run); err != nil {
				return err
			}
		}
		if _, err := r.keepLists(ctx, true); err != nil {
			return err
		}
		found, err := r.pullAll(ctx)
		if err != nil {
			return err
		}
		if err := r.Store.RunFound(ctx, run, found); err != nil {
			return err
		}
		if err := r.readDatabase(ctx); err != nil {
			return err
		}
		return r.queue(ctx, store.Queue{Run: run, Done: done})
	})
}

// runError says that a run failed, which is on record.
type runError struct{ error }

func (e runError) Unwrap() error { return e.error }

// run records a run around what queues its addresses. It ends by itself when
// they are delivered, see endRuns. A run that fails is a runError.
func (r *Reconciler) run(ctx context.Context, run store.Run, do func(id int64) error) error {
	id, err := r.Store.StartRun(ctx, run)
	if err != nil {
		return err
	}
	if err := do(id); err != nil {
		if lost := r.Store.EndRun(context.WithoutCancel(ctx), id, store.RunFailed, err.Error()); lost != nil {
			return errors.Join(err, lost)
		}
		return runError{err}
	}
	return nil
}

func (r *Reconciler) queue(ctx context.Context, q store.Queue) error {
	if q.Only == "" {
		if err := r.sift(ctx, &q); err != nil {
			return err
		}
	}
	queued, err := r.Store.QueueRun(ctx, q)
	if err != nil {
		return err
	}
	r.Log.Info("run queued", "association", r.ID, "run", q.Run, "addresses", queued, "idle", q.Idle, "exact_lists", len(q.Exact))
	return nil
}

// endRuns ends the runs of which nothing is left to do.
func (r *Reconciler) endRuns(ctx context.Context, running []int64) error {
	for _, run := range running {
		left, err := r.Store.RunLeft(ctx, run)
		if err != nil {
			return err
		}
		if left {
			continue
		}
		if err := r.Store.EndRun(ctx, run, store.RunDone, ""); err != nil {
			return err
		}
		r.Log.Info("run ended", "association", r.ID, "run", run)
		if err := r.closeGap(ctx); err != nil {
			return err
		}
	}
	return nil
}

// readDatabase reads every row of the association: addresses that no change on
// the stream led to are found, and rows that vanished in bulk are noticed.
func (r *Reconciler) readDatabase(ctx context.Context) error {
	snap, err := r.Source.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close(ctx)
	counts, err := snap.Counts(ctx, r.ID)
	if err != nil {
		return err
	}
	trusted, err := r.Store.Counted(ctx, counts, true)
	if err != nil {
		return err
	}
	if !trusted {
		r.Log.Warn("rows vanished from the member database: removals are held", "association", r.ID)
	}
	err = r.Store.Remember(ctx, func(m *store.Marks) error {
		return snap.RefsByAssociation(ctx, r.ID, func(ref source.RepRef) error { return mark(m, ref) })
	})
	if err != nil {
		return fmt.Errorf("read database: %w", err)
	}
	// And the lists themselves are planned again.
	return r.Store.Enqueue(ctx, []mapper.Address{""})
}

func mark(m *store.Marks, ref source.RepRef) error {
	address, problem := mapper.Normalize(ref.Email)
	return m.Rep(ref.Association, ref.Rep, address, problem, ref.OptedOut)
}

func keysOf(lists []sink.BoundList) []mapper.ListKey {
	keys := make([]mapper.ListKey, len(lists))
	for i, l := range lists {
		keys[i] = l.Key
	}
	return keys
}
