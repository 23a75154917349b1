package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/cdc"
	"rollcall/internal/ccsim"
	"rollcall/internal/chamber"
	"rollcall/internal/deliver"
	"rollcall/internal/localpg"
	"rollcall/internal/reconcile"
	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/internal/widen"
	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
	"rollcall/sql"
)

const (
	account = "harbour"
	linger  = 2 * time.Second
	// activities of Constant Contact are done before the first poll
	activityTakes = 500 * time.Millisecond
)

// clock is a time that goes on only when told to.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// world is a member database with one association, Rollcall and its account.
type world struct {
	*deliver.Deliverer
	clock   *clock
	sim     *ccsim.Sim
	store   *store.Store
	pool    *pgxpool.Pool
	widen   *widen.Widener
	keeper  *reconcile.Reconciler
	summary chamber.Summary
	out     io.Writer
	found   found
	batches *listener
	stop    []func()
}

// listener is a log that counts the batches that were sent, which later rounds of
// one are not.
type listener struct {
	slog.Handler
	heard int
}

// Enabled is true for what is listened to.
func (l *listener) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || l.Handler.Enabled(ctx, level)
}

// Handle counts and hands on.
func (l *listener) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "delivered batch" {
		l.heard++
	}
	if !l.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return l.Handler.Handle(ctx, r)
}

// found is what a scenario turned out to be.
type found struct {
	bound, batches int
	changed        map[mapper.Address]bool
	pairs          map[mapper.PairOp]bool // counted in bound
}

func newWorld(ctx context.Context, server *localpg.Server, o options) (_ *world, err error) {
	w := &world{clock: &clock{t: time.Date(2026, 6, 1, 15, 0, 0, 0, time.UTC)}, out: o.out}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.summary, err = makeChamber(ctx, server, o); err != nil {
		return nil, fmt.Errorf("make the member database: %w", err)
	}
	cfg, err := pgxpool.ParseConfig(server.URL("chamber"))
	if err != nil {
		return nil, err
	}
	source.Configure(cfg.ConnConfig)
	if w.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, err
	}
	w.stop = append(w.stop, w.pool.Close)
	if err := store.Migrate(ctx, w.pool); err != nil {
		return nil, err
	}
	src, err := source.New(ctx, w.pool)
	if err != nil {
		return nil, err
	}
	w.sim = ccsim.New(ccsim.Config{Now: w.clock.now, Delay: activityTakes})
	w.sim.AddAccount(account, "key", "token")
	base, err := w.serve(ctx)
	if err != nil {
		return nil, err
	}
	client, err := constantcontact.New(constantcontact.Config{
		BaseURL: base + "/v3", UserAgent: "rollcall bench", Now: w.clock.now,
		Token: func(context.Context) (string, error) { return "token", nil },
		Wait:  func(context.Context) error { w.clock.advance(constantcontact.Spacing); return nil },
	})
	if err != nil {
		return nil, err
	}
	w.stop = append(w.stop, client.Close)
	w.store = store.New(w.pool, "chamber", w.clock.now)
	association := fmt.Sprint(w.summary.Associations.First)
	state := w.store.Association(association)
	w.widen = &widen.Widener{Source: src, Store: w.store, Log: o.log, Watch: func(string) (cdc.Watch, bool) { return cdc.Watch{}, false }}
	w.batches = &listener{Handler: o.log.Handler()}
	w.Deliverer = &deliver.Deliverer{
		ID: association, Source: src, Store: state, Now: w.clock.now, Log: slog.New(w.batches),
		Policy: mapper.Policy{AllActiveName: "All Active and Courtesy Representatives", Thresholds: mapper.DefaultThresholds},
		Applier: &sink.Applier{
			API: client, Ledger: state, Now: w.clock.now, Log: o.log,
			Pause: func(_ context.Context, d time.Duration) error { w.clock.advance(d); return nil },
		},
	}
	w.keeper = &reconcile.Reconciler{
		ID: association, Source: src, Store: state, Applier: w.Applier, Deliverer: w.Deliverer,
		Settings: reconcile.Settings{Every: 24 * time.Hour, SweepEvery: time.Hour, Retention: 30 * 24 * time.Hour},
		Now:      w.clock.now, Log: o.log,
	}
	w.Applier.TypeIDs = w.keeper.TypeIDs
	return w, nil
}

func (w *world) close() {
	for i := len(w.stop) - 1; i >= 0; i-- {
		w.stop[i]()
	}
}

// makeChamber makes the member database. Every group is ticked.
func makeChamber(ctx context.Context, server *localpg.Server, o options) (s chamber.Summary, err error) {
	admin, err := pgx.Connect(ctx, server.URL("postgres"))
	if err != nil {
		return s, err
	}
	_, err = admin.Exec(ctx, "create database chamber")
	if err := errors.Join(err, admin.Close(ctx)); err != nil {
		return s, err
	}
	member, err := pgx.Connect(ctx, server.URL("chamber"))
	if err != nil {
		return s, err
	}
	defer member.Close(ctx)
	for _, script := range append(sql.Reference(), sql.Contract()...) {
		if _, err := member.Exec(ctx, script); err != nil {
			return s, err
		}
	}
	if s, err = chamber.Generate(ctx, member, chamber.Options{Seed: 7, Associations: 1, Reps: o.reps, Groups: o.groups}); err != nil {
		return s, err
	}
	_, err = member.Exec(ctx, "update chamber.rep_group set sync = true; analyze;"+capture)
	return s, err
}

func (w *world) serve(ctx context.Context) (base string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: w.sim.Handler(), ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	w.stop = append(w.stop, func() {
		_ = server.Close()
		<-served
	})
	return "http://" + listener.Addr().String(), nil
}

// nextDay lets the vendor's limits begin anew.
func (w *world) nextDay() { w.clock.advance(25 * time.Hour) }

// Polls of the real worker (internal/deliver, Worker).
const (
	pollFirst = time.Second
	pollMost  = 30 * time.Second
)

// deliverAll delivers what was touched, and what arrives, until nothing is queued
// or nothing was due for an hour.
func (w *world) deliverAll(ctx context.Context, a *arrivals) error {
	var poll struct {
		open  bool
		at    time.Time
		delay time.Duration
	}
	quietSince := w.clock.now()
	for {
		next, err := w.arrive(ctx, a)
		if err != nil {
			return err
		}
		took, err := w.pass(ctx)
		if err != nil {
			return err
		}
		if poll.open && !w.clock.now().Before(poll.at) {
			ended, open, err := w.Applier.Poll(ctx)
			if err != nil {
				return err
			}
			poll.delay = min(poll.delay*2, pollMost)
			if ended > 0 {
				poll.delay = pollFirst
			}
			poll.open, poll.at = open > 0, w.clock.now().Add(poll.delay)
		}
		count, err := w.expect(ctx)
		if err != nil {
			return err
		}
		if w.found.batches == 0 && a.statements == nil {
			// As autovacuum does within a minute; the clock of the bench is faster.
			if _, err := w.pool.Exec(ctx, "analyze"); err != nil {
				return err
			}
		}
		w.batches.heard = 0
		worked, wait, err := w.Batch(ctx)
		if err != nil {
			return err
		}
		if w.batches.heard > 0 {
			count()
		}
		switch {
		case worked:
			w.found.batches++
			poll.open, poll.delay, poll.at = true, pollFirst, w.clock.now().Add(pollFirst)
			quietSince = w.clock.now()
			continue
		case poll.open:
			wait = poll.at.Sub(w.clock.now())
		case wait == 0 && took == 0 && next.IsZero():
			queued, err := w.Store.Queued(ctx)
			if err != nil || queued == 0 || w.clock.now().Sub(quietSince) > time.Hour {
				return err
			}
			wait = time.Minute // whoever waits in the queue
		case wait == 0:
			wait = time.Second
		}
		if !next.IsZero() {
			wait = min(wait, next.Sub(w.clock.now()))
		}
		w.clock.advance(max(wait, time.Millisecond))
	}
}

func (w *world) pass(ctx context.Context) (took int, err error) {
	for {
		n, _, err := w.widen.Pass(ctx)
		took += n
		if err != nil || n == 0 {
			return took, err
		}
	}
}

// settled checks that nobody is left in the queue.
func (w *world) settled(ctx context.Context) error {
	queued, err := w.Store.Queued(ctx)
	if err == nil && queued > 0 {
		err = fmt.Errorf("%d addresses are still queued", queued)
	}
	return err
}
