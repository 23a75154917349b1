package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"rollcall/cdc"
	"rollcall/internal/config"
	"rollcall/internal/console"
	"rollcall/internal/lease"
	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/mapper"
)

// App is the running system.
type App struct {
	roles []Role // none: all

	cfg *config.Config
	log *slog.Logger
	now func() time.Time

	member *pgxpool.Pool // the member database
	state  *pgxpool.Pool // schema rollcall_state

	source  *source.Source
	store   *store.Store
	watches atomic.Pointer[[]cdc.Watch] // the reader replaces them when they change
	keys    []*served                   // API keys with their workers

	logID atomic.Uint32 // of the log of changes, where triggers write one

	touched signal // touched keys were stored
	queued  signal // addresses became dirty, of whichever key

	widened atomic.Int64 // how often addresses became dirty

	console         *http.Server // nil: not served
	pages           *console.Console
	consoleListener net.Listener
	identity        identity // of the member database, as it was when it was checked
	watched         *watched
}

// New connects to the databases, checks what it finds there and prepares the
// state, for a process with these roles; without any named, for all. It starts
// nothing. Close must be called on what it returns.
func New(ctx context.Context, cfg *config.Config, log *slog.Logger, now func() time.Time, roles ...Role) (_ *App, err error) {
	a := &App{roles: roles, cfg: cfg, log: log, now: now, touched: newSignal(), queued: newSignal(), identity: newIdentity(), watched: newWatched()}
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
	// Before anything is made: a database that cannot be followed keeps no trace.
	if a.has(RoleReader) {
		if err = a.loadWatches(ctx); err != nil {
			return nil, err
		}
		if err = a.checkCapture(ctx); err != nil {
			return nil, err
		}
	}
	if a.state, err = statePool(ctx, cfg, a.identity.recogniseState); err != nil {
		return nil, err
	}
	if err = store.Migrate(ctx, a.state); err != nil {
		return nil, err
	}
	a.store = store.New(a.state, cfg.Source.Name, now).Observe(a.watched.process)
	if err = a.settleInstallation(ctx); err != nil {
		return nil, err
	}
	if err = a.connect(); err != nil {
		return nil, err
	}
	a.collect()
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
	listener, err := a.listen()
	if err != nil {
		return err
	}
	a.log.Info("started", "source", a.cfg.Source.Name, "capture", string(a.cfg.Source.Capture), "slot", a.cfg.Source.Slot, "associations", len(a.cfg.ConstantContact.Connections), "roles", a.roleNames())
	group, ctx := errgroup.WithContext(ctx)
	if listener != nil {
		group.Go(func() error { return a.serveWatchers(ctx, listener) })
		group.Go(func() error { return a.watched.collector.Run(ctx) })
	}
	group.Go(func() error { return a.watchIdentity(ctx) })
	leases := store.NewLeases(a.state, a.now)
	if a.has(RoleReader) {
		group.Go(func() error { return a.follow(ctx, leases) })
	}
	if a.has(RoleWorker) {
		keeper := newKeeper(leases, "run", "source "+a.cfg.Source.Name, a.now, a.log)
		if len(a.keys) > 1 {
			keeper.Share = &lease.Share{
				Fellows: store.NewWorkers(a.state, a.cfg.Source.Name), Holder: keeper.Holder, Leases: len(a.keys), Now: a.now, Log: keeper.Log,
			}
			board := &lease.Board{Store: leases, Read: leases.Read, Now: a.now}
			for _, s := range a.keys {
				board.Keys = append(board.Keys, s.key.id)
				s.worker.Idle = unprompted
			}
			keeper.Store = board
			keeper.Share.Look(ctx)
			group.Go(func() error { return keeper.Share.Run(ctx) })
			group.Go(func() error { return a.prompt(ctx) })
		}
		for _, s := range a.keys {
			group.Go(func() error { return a.hold(ctx, keeper, s) })
		}
	}
	if a.has(RoleConsole) {
		group.Go(func() error { return a.serveConsole(ctx) })
		group.Go(func() error { return a.countForConsole(ctx) })
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

// signal is a wake-up that may be set any number of times before it is taken.
type signal chan struct{}

func newSignal() signal { return make(signal, 1) }

func (s signal) set() {
	select {
	case s <- struct{}{}:
	default:
	}
}
