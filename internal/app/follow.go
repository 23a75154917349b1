package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/cdc"
	"rollcall/internal/failpoint"
	"rollcall/internal/lease"
	"rollcall/internal/pause"
	"rollcall/internal/store"
	"rollcall/internal/widen"
)

// follow reads the stream and widens what it touched whenever this process has
// the source's lease. Another process with this role stands by. What a former
// holder still had in its hands is refused by the fence.
func (a *App) follow(ctx context.Context, leases *store.Leases) error {
	keeper := newKeeper(leases, "run", "source "+a.cfg.Source.Name, a.now, a.log)
	keeper.AtOnce = true // the slot lets in one reader only
	began := false
	return keeper.Hold(ctx, sourceLease(a.cfg), func(ctx context.Context, l *lease.Lease) error {
		state := a.store.Fenced(l.Fence)
		if err := a.beginReading(ctx, state); err != nil {
			if !began || !cdc.Passing(err) || ctx.Err() != nil {
				return err
			}
			a.log.Warn("reading cannot begin again: trying later", "source", a.cfg.Source.Name, "err", err)
			if err := pause.For(ctx, lease.Poll); err != nil {
				return err
			}
			return lease.ErrYield // and be a candidate like any other
		}
		began = true
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return a.read(ctx, state) })
		group.Go(func() error { return a.widen(ctx, state) })
		group.Go(func() error { return a.watchTables(ctx, state) })
		return group.Wait()
	})
}

// beginReading looks at what may have changed while another process was reading.
func (a *App) beginReading(ctx context.Context, state *store.Store) error {
	if err := a.source.Reload(ctx); err != nil {
		return err
	}
	if err := a.loadWatches(ctx); err != nil {
		return err
	}
	if byTriggers(a.cfg) {
		return a.prepareLog(ctx, state)
	}
	return a.prepareStream(ctx, state)
}

// read follows the stream. When the watches changed it starts again with the
// new ones, after touching everything.
func (a *App) read(ctx context.Context, state *store.Store) error {
	for {
		reader, err := a.newCapture(state)
		if err != nil {
			return err
		}
		a.watched.stream.Follow(reader.Stats())
		err = reader.Run(ctx)
		if errors.Is(err, cdc.ErrOtherServer) {
			return a.otherServer(ctx, err)
		}
		if !errors.Is(err, cdc.ErrWatchesChanged) {
			return err
		}
		a.log.Info("watches changed: touching everything")
		if err := a.awaitWatches(ctx); err != nil {
			return err
		}
		if err := a.source.Reload(ctx); err != nil {
			return err
		}
		if err := a.loadWatches(ctx); err != nil {
			return err
		}
		if err := a.touchAll(ctx, state); err != nil {
			return err
		}
	}
}

func (a *App) widen(ctx context.Context, state *store.Store) error {
	w := &widen.Widener{Source: a.source, Store: state, Watch: a.watch, Now: a.now, Log: a.log.With("component", "widen")}
	return w.Run(ctx, a.touched, func() {
		a.widened.Add(1)
		if len(a.keys) > 1 {
			a.queued.set()
			return
		}
		for _, s := range a.keys {
			s.dirty.set()
		}
	})
}

// awaitWatches waits until a change of the watches that was read from the
// stream can be seen: a commit can be decoded before that, and reading too early
// would give the old watches, for ever. The change touched everything, and that
// touch has its transaction until it is worked off, which is when it is seen.
func (a *App) awaitWatches(ctx context.Context) error {
	const first, most = 10 * time.Millisecond, time.Second
	for delay := first; ; delay = min(2*delay, most) {
		xids, err := a.store.TouchedAllXIDs(ctx)
		if err != nil {
			return err
		}
		shows, err := a.source.CurrentSnapshot(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(xids, func(xid uint64) bool { return !shows.Visible(xid) }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(delay):
		}
	}
}

func (a *App) loadWatches(ctx context.Context) error {
	watches, err := a.source.Watches(ctx)
	if err != nil {
		return err
	}
	a.watches.Store(&watches)
	return nil
}

func (a *App) watch(via string) (cdc.Watch, bool) {
	for _, w := range *a.watches.Load() {
		if w.Via() == via {
			return w, true
		}
	}
	return cdc.Watch{}, false
}

// touchAll has everything looked at twice: a commit that was logged before the
// stream began and is not visible yet is in neither the first look nor the
// stream.
func (a *App) touchAll(ctx context.Context, state *store.Store) error {
	after, err := a.source.NewTransactionID(ctx)
	if err != nil {
		return err
	}
	if err := state.TouchAll(ctx, after); err != nil {
		return err
	}
	failpoint.Hit(failpoint.AllTouched)
	a.touched.set()
	return nil
}
