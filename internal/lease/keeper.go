package lease

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"rollcall/internal/pause"
)

// Keeper takes leases for one process.
type Keeper struct {
	Store  Store
	Holder string // names this process to people, such as "rollcall run on db1, process 4711"
	// Serves says what leases are held for. A process asks the holder to give
	// way when that one serves something else; one that serves the same stands by.
	Serves string
	Now    func() time.Time
	Log    *slog.Logger
	// AtOnce: nothing of the holder before is to be waited out, because no limit
	// counts on what the lease is for.
	AtOnce bool
	// Share is how processes that serve the same share leases; nil: each takes
	// what it can have.
	Share *Share
}

// Hold does work whenever this process has the lease, until the context ends or
// work ends with anything but ErrLost and ErrYield. The context of work ends with
// the cause ErrLost when the lease is lost.
func (k *Keeper) Hold(ctx context.Context, key string, work func(context.Context, *Lease) error) error {
	for {
		l, err := k.claim(ctx, key)
		if err != nil {
			return err
		}
		err = k.serve(ctx, l, work)
		if k.Share != nil {
			k.Share.drop(key)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrLost):
			k.Log.Warn("lease was lost", "lease", key, "token", l.token)
		case !errors.Is(err, ErrYield):
			return err
		}
	}
}

// Once does work once, with the lease. When the lease is not to be had within
// patience, the error is a *HeldError.
func (k *Keeper) Once(ctx context.Context, key string, patience time.Duration, work func(context.Context, *Lease) error) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	l, err := k.claim(waiting, key)
	if err != nil && ctx.Err() == nil {
		row, readErr := k.Store.Lease(ctx, key)
		if readErr != nil {
			return readErr
		}
		return &HeldError{Key: key, Holder: row.Holder, Since: row.HeldSince}
	}
	if err != nil {
		return err
	}
	return k.serve(ctx, l, work)
}

// claim waits until the lease is ours. Its error is the context's: a state
// database that cannot be asked now may answer later.
func (k *Keeper) claim(ctx context.Context, key string) (*Lease, error) {
	var seen watch
	told := false
	for {
		l, row, err := k.try(ctx, key, &seen)
		if l != nil || ctx.Err() != nil {
			return l, ctx.Err()
		}
		if err != nil {
			k.Log.Warn("lease cannot be read", "lease", key, "err", err)
		} else if !told && row.Holder != "" {
			told = true
			k.Log.Info("standing by", "lease", key, "holder", row.Holder)
		}
		if err := pause.For(ctx, min(Poll, seen.left(k.Now()))); err != nil {
			return nil, err
		}
	}
}

// try takes one look, and the lease if it may be taken.
func (k *Keeper) try(ctx context.Context, key string, seen *watch) (*Lease, Row, error) {
	row, err := k.Store.Lease(ctx, key)
	if err != nil {
		return nil, row, err
	}
	wantedByAnother := row.WantedBy != "" && row.WantedBy != k.Holder && row.WantedUntil.After(k.Now())
	if !seen.free(row, k.Now()) {
		if !wantedByAnother && (row.Serves != k.Serves || k.Share != nil && k.Share.ask(key, row.Holder)) {
			err = k.Store.WantLease(ctx, key, k.Holder, wantFor)
		}
		return nil, row, err
	}
	if wantedByAnother || k.Share != nil && !k.Share.take(key, row.Holder == "", k.Now().Sub(seen.since)) {
		return nil, row, nil
	}
	before := k.Now()
	token, err := k.Store.TakeLease(ctx, key, row, k.Holder, k.Serves)
	if err != nil || token == 0 {
		if k.Share != nil {
			k.Share.drop(key)
		}
		return nil, row, err
	}
	return &Lease{key: key, token: token, now: k.Now, taken: before, granted: before}, row, nil
}

// releasePatience bounds the release of a lease. Others wait it out.
const releasePatience = 5 * time.Second

// serve renews the lease while work runs, and releases it afterwards.
func (k *Keeper) serve(ctx context.Context, l *Lease, work func(context.Context, *Lease) error) error {
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Renewals go on while a planned stop lets work finish.
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.renew(renewing, l, cancel)
	}()
	err := k.settled(working, l, work)
	stop()
	<-done
	l.end()
	if errors.Is(context.Cause(working), ErrLost) {
		err = errors.Join(ErrLost, notCanceled(err))
	}
	// Also after a loss: it does nothing when another has the lease, and spares
	// everybody the wait when nobody has.
	releasing, cancelRelease := context.WithTimeout(context.WithoutCancel(ctx), releasePatience)
	defer cancelRelease()
	if releaseErr := k.Store.ReleaseLease(releasing, l.key, l.token); releaseErr != nil {
		k.Log.Warn("lease was not released: others wait until it ends", "lease", l.key, "err", releaseErr)
	}
	return err
}

// settled waits, then works.
func (k *Keeper) settled(ctx context.Context, l *Lease, work func(context.Context, *Lease) error) error {
	settle := Settle
	if k.AtOnce {
		settle = 0
	}
	if err := pause.For(ctx, settle); err != nil {
		return err
	}
	k.Log.Info("lease taken", "lease", l.key, "token", l.token)
	return work(ctx, l)
}

// notCanceled drops the error of a context that ended because the lease did.
func notCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// renew renews the lease until the context ends, and ends work when it is lost.
func (k *Keeper) renew(ctx context.Context, l *Lease, lost context.CancelCauseFunc) {
	next := Renew
	for {
		if err := pause.For(ctx, next); err != nil {
			return
		}
		ended, err := k.renewOnce(ctx, l)
		if ctx.Err() != nil {
			return
		}
		if ended {
			l.end()
			lost(ErrLost)
			return
		}
		if next = Renew; err != nil {
			k.Log.Warn("lease was not renewed", "lease", l.key, "err", err)
			next = Poll
		}
	}
}

// renewOnce gives up after two looks' time, so that it is tried again before the
// lease ends.
func (k *Keeper) renewOnce(ctx context.Context, l *Lease) (ended bool, err error) {
	if l.expired() {
		// Another may have it by now, or nobody. To take it again is claim's job.
		return true, nil
	}
	bounded, cancel := context.WithTimeout(ctx, 2*Poll)
	defer cancel()
	sent := k.Now()
	row, ok, err := k.Store.RenewLease(bounded, l.key, l.token)
	if err != nil {
		return l.expired(), err
	}
	if row.WantedBy != "" && !row.WantedUntil.After(k.Now()) {
		row.WantedBy = ""
	}
	if k.Share != nil && ok && !k.Share.gives(l.key, row.WantedBy) {
		row.WantedBy = ""
	}
	l.renewed(sent, row.WantedBy != "", ok)
	return !ok, nil
}
