package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"rollcall/cdc"
	"rollcall/internal/config"
	"rollcall/internal/console"
	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/internal/widen"
	"rollcall/mapper"
)

// App is the running system.
type App struct {
	cfg *config.Config
	log *slog.Logger
	now func() time.Time

	member *pgxpool.Pool // the member database
	state  *pgxpool.Pool // schema rollcall_state

	source  *source.Source
	store   *store.Store
	watches atomic.Pointer[[]cdc.Watch] // the reader replaces them when they change
	keys    []*served                   // API keys with their workers

	touched signal // touched keys were stored

	widened atomic.Int64 // how often addresses became dirty

	console         *http.Server // nil: not served
	pages           *console.Console
	consoleListener net.Listener
	identity        identity // of the member database, as it was when it was checked
}

// New connects to the databases, checks what it finds there and prepares the
// state. It starts nothing. Close must be called on what it returns.
func New(ctx context.Context, cfg *config.Config, log *slog.Logger, now func() time.Time) (_ *App, err error) {
	a := &App{cfg: cfg, log: log, now: now, touched: newSignal(), identity: newIdentity()}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	if err = readTokens(cfg); err != nil {
		return nil, err
	}
	if a.member, err = memberPool(ctx, cfg, a.identity.recognise); err != nil {
		return nil, err
	}
	if a.source, err = source.New(ctx, a.member, customColumns(cfg)...); err != nil {
		return nil, err
	}
	a.source.Log = log.With("component", "source")
	if err = a.loadWatches(ctx); err != nil {
		return nil, err
	}
	// Before anything is made: a database that cannot be followed keeps no trace.
	if err = a.checkStream(ctx); err != nil {
		return nil, err
	}
	if a.state, err = statePool(ctx, cfg, a.identity.recogniseState); err != nil {
		return nil, err
	}
	if err = store.Migrate(ctx, a.state); err != nil {
		return nil, err
	}
	a.store = store.New(a.state, cfg.Source.Name, now)
	if err = a.settleInstallation(ctx); err != nil {
		return nil, err
	}
	if err = a.connect(); err != nil {
		return nil, err
	}
	err = a.openConsole()
	return a, err
}

// Close gives the database connections back.
func (a *App) Close() {
	if a.consoleListener != nil {
		_ = a.consoleListener.Close()
		a.pages.Close()
	}
	if a.member != nil {
		a.member.Close()
	}
	if a.state != nil {
		a.state.Close()
	}
}

// Run works until the context ends, which is a planned stop and no error, or
// until something happens that only a person can mend.
func (a *App) Run(ctx context.Context) error {
	if err := a.prepareStream(ctx); err != nil {
		return err
	}
	a.log.Info("started", "source", a.cfg.Source.Name, "slot", a.cfg.Source.Slot, "associations", len(a.cfg.ConstantContact.Connections))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.watchIdentity(ctx) })
	group.Go(func() error { return a.read(ctx) })
	group.Go(func() error { return a.widen(ctx) })
	group.Go(func() error { return a.serveConsole(ctx) })
	group.Go(func() error { return a.countForConsole(ctx) })
	leases := store.NewLeases(a.state, a.now)
	keeper := newKeeper(leases, "run", "source "+a.cfg.Source.Name, a.now, a.log)
	for _, s := range a.keys {
		group.Go(func() error { return a.hold(ctx, keeper, s) })
	}
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	a.log.Info("stopped")
	return nil
}

// Decide says what Rollcall decides about an address of an association now,
// list by list, from the member database and the state alone.
func (a *App) Decide(ctx context.Context, association string, address mapper.Address) ([]mapper.Decision, error) {
	for _, s := range a.keys {
		for _, d := range s.worker.Associations {
			if d.ID == association {
				return d.Decide(ctx, address)
			}
		}
	}
	return nil, fmt.Errorf("decide: association %s is not connected", association)
}

// read follows the stream. When the watches changed it starts again with the
// new ones, after touching everything.
func (a *App) read(ctx context.Context) error {
	for {
		reader, err := a.newReader()
		if err != nil {
			return err
		}
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
		if err := a.touchAll(ctx); err != nil {
			return err
		}
	}
}

func (a *App) widen(ctx context.Context) error {
	w := &widen.Widener{Source: a.source, Store: a.store, Watch: a.watch, Log: a.log.With("component", "widen")}
	return w.Run(ctx, a.touched, func() {
		a.widened.Add(1)
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
func (a *App) touchAll(ctx context.Context) error {
	after, err := a.source.NewTransactionID(ctx)
	if err != nil {
		return err
	}
	if err := a.store.TouchAll(ctx, after); err != nil {
		return err
	}
	a.touched.set()
	return nil
}

// signal is a wake-up that may be set any number of times before it is taken.
type signal chan struct{}

func newSignal() signal { return make(signal, 1) }

func (s signal) set() {
	select {
	case s <- struct{}{}:
	default:
	}
}
