package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"rollcall/bench/association"
	"rollcall/cdc"
	"rollcall/internal/ccsim"
	"rollcall/internal/deliver"
	"rollcall/internal/localpg"
	"rollcall/internal/setup"
	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/internal/widen"
	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

const (
	account = "harbour"
	token   = "token"
	slot    = "latency"
	// leastReps is how large the association is at the least.
	leastReps = 20_000
)

// world is an association whose reps are all members of one group, each with the
// membership switched off, and Rollcall at work for it.
type world struct {
	size  association.Size
	url   string
	clock clock
	sim   *ccsim.Sim
	api   *httptest.Server
	pool  *pgxpool.Pool // of the member database
	state *pgxpool.Pool
	marks *marks

	client *constantcontact.Client
	stop   context.CancelFunc
	parts  *errgroup.Group
	ctx    context.Context // ends when a part fails
}

// clock is the simulator's: the computer's, and further by what the worker would
// have had to wait for Constant Contact.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// pass lets time pass for Constant Contact only.
func (c *clock) pass(_ context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
	return nil
}

// open fills the database and the account, and begins to work.
func open(ctx context.Context, server *localpg.Server, reps int, linger time.Duration) (_ *world, err error) {
	w := &world{size: association.Size{Reps: reps, Groups: 1, OfARep: 1}, url: server.URL("office"), marks: newMarks()}
	admin, err := pgx.Connect(ctx, server.URL("postgres"))
	if err != nil {
		return nil, err
	}
	_, err = admin.Exec(ctx, "create database office")
	if err = errors.Join(err, admin.Close(ctx)); err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(w.url)
	if err != nil {
		return nil, err
	}
	own := cfg.Copy()
	source.Configure(cfg.ConnConfig)
	if w.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, err
	}
	store.Configure(own.ConnConfig)
	if w.state, err = pgxpool.NewWithConfig(ctx, own); err != nil {
		return nil, err
	}
	w.sim = ccsim.New(ccsim.Config{Now: w.clock.now, Delay: time.Millisecond})
	w.api = httptest.NewServer(w.sim.Handler())
	if err = w.fill(ctx); err == nil {
		err = w.begin(ctx, linger)
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// fill makes the association, and the state after a first sync, in the database and
// in the account.
func (w *world) fill(ctx context.Context) error {
	if err := w.size.Members(ctx, w.pool); err != nil {
		return fmt.Errorf("fill the member database: %w", err)
	}
	if err := w.size.State(ctx, w.pool, association.ContactID); err != nil {
		return fmt.Errorf("fill the state: %w", err)
	}
	w.sim.AddAccount(account, "key", token)
	for _, name := range w.size.Names() {
		if err := w.sim.CreateList(account, name); err != nil {
			return err
		}
	}
	contacts := make([][]any, w.size.Reps)
	for i := range contacts {
		address, lists := w.size.Rep(i + 1)
		if err := w.sim.AddContact(account, address, lists[:len(lists)-w.size.OfARep]...); err != nil {
			return err
		}
		shown, err := w.sim.Contact(account, address)
		if err != nil {
			return err
		}
		contacts[i] = []any{address, shown["contact_id"]}
	}
	if _, err := w.pool.Exec(ctx, "create unlogged table public.contact_ids (address text, id text)"); err != nil {
		return err
	}
	if _, err := w.pool.CopyFrom(ctx, pgx.Identifier{"public", "contact_ids"}, []string{"address", "id"}, pgx.CopyFromRows(contacts)); err != nil {
		return err
	}
	if err := w.nameLists(ctx); err != nil {
		return err
	}
	for _, statement := range []string{
		"update rollcall_state.contact c set contact_id = k.id from public.contact_ids k where k.address = c.address",
		"drop table public.contact_ids",
		"update chamber.group_membership set disabled = true",
		"delete from rollcall_state.ledger where list like 'group:%'",
	} {
		if _, err := w.pool.Exec(ctx, statement); err != nil {
			return err
		}
	}
	conn, err := w.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := setup.Apply(ctx, conn.Conn(), setup.Contract{Slot: slot}); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "vacuum analyze")
	return err
}

// nameLists gives the lists of the state the ids that the account has for them.
func (w *world) nameLists(ctx context.Context) error {
	client, err := w.connect(http.DefaultTransport)
	if err != nil {
		return err
	}
	defer client.Close()
	var batch pgx.Batch
	err = client.Lists(ctx, func(page []constantcontact.List) error {
		for _, l := range page {
			batch.Queue("update rollcall_state.list set list_id = $2 where name = $1", l.Name, l.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.pool.SendBatch(ctx, &batch).Close()
}

// connect is a client of the account that never has to wait.
func (w *world) connect(transport http.RoundTripper) (*constantcontact.Client, error) {
	return constantcontact.New(constantcontact.Config{
		BaseURL: w.api.URL + "/v3", UserAgent: "rollcall bench", Now: w.clock.now, HTTP: &http.Client{Transport: transport},
		Token: func(context.Context) (string, error) { return token, nil },
		Wait:  func(ctx context.Context) error { return w.clock.pass(ctx, constantcontact.Spacing) },
	})
}

// begin starts the reader, the widener and the worker, connected as the program
// connects them.
func (w *world) begin(ctx context.Context, linger time.Duration) (err error) {
	src, err := source.New(ctx, w.pool)
	if err != nil {
		return err
	}
	watches, err := src.Watches(ctx)
	if err != nil {
		return err
	}
	if w.client, err = w.connect(markedTransport{&http.Transport{}, w.marks}); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	state := store.New(w.state, association.Source, time.Now)
	if _, err := state.Installation(ctx, store.Installation{SystemID: "1", Timeline: 1, DatabaseOID: 1, Slot: slot}); err != nil {
		return err
	}
	office := state.Association("1")
	touched, dirty := make(chan struct{}, 1), make(chan struct{}, 1)
	reader, err := cdc.NewReader(cdc.Config{
		Conn: &w.pool.Config().ConnConfig.Config, Slot: slot, Publication: setup.Publication, Watches: watches,
		Store: waking{state, touched}, Snapshot: src.CurrentSnapshot, Now: time.Now, Log: log,
	})
	if err != nil {
		return err
	}
	widener := &widen.Widener{Source: src, Store: state, Now: time.Now, Log: log, Watch: func(via string) (cdc.Watch, bool) {
		for _, one := range watches {
			if one.Via() == via {
				return one, true
			}
		}
		return cdc.Watch{}, false
	}}
	worker := &deliver.Worker{
		Associations: []*deliver.Deliverer{{
			ID: "1", Source: src, Store: office, Linger: linger, Now: time.Now, Log: log,
			Policy: mapper.Policy{AllActiveName: association.AllActive, Thresholds: mapper.DefaultThresholds},
			Applier: &sink.Applier{
				API: markedAPI{w.client, w.marks}, Ledger: markedLedger{office, w.marks}, Now: time.Now, Pause: w.clock.pass, Log: log,
			},
		}},
		Visible: func(ctx context.Context, xid uint64) (bool, error) {
			shows, err := src.CurrentSnapshot(ctx)
			return err == nil && shows.Visible(xid), err
		},
		Store: state, Now: time.Now, Log: log,
	}
	running, stop := context.WithCancel(ctx)
	w.stop = stop
	w.parts, w.ctx = errgroup.WithContext(running)
	w.parts.Go(func() error { return reader.Run(w.ctx) })
	w.parts.Go(func() error { return widener.Run(w.ctx, touched, func() { wake(dirty) }) })
	w.parts.Go(func() error { return worker.Run(w.ctx, dirty) })
	return nil
}

// waking wakes the widener after each stored batch.
type waking struct {
	cdc.Store
	touched chan struct{}
}

// Save stores the batch; see cdc.Store.
func (s waking) Save(ctx context.Context, b *cdc.Batch) error {
	if err := s.Store.Save(ctx, b); err != nil {
		return err
	}
	wake(s.touched)
	return nil
}

func wake(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

// judge wants nothing done that no client may do.
func (w *world) judge() error {
	for _, v := range w.sim.Violations() {
		return fmt.Errorf("the simulator's referee saw %s: %s", v.Rule, v.Detail)
	}
	return nil
}

func (w *world) close() error {
	var err error
	if w.parts != nil {
		w.stop()
		if err = w.parts.Wait(); errors.Is(err, context.Canceled) {
			err = nil
		}
	}
	if w.client != nil {
		w.client.Close()
	}
	w.api.Close()
	w.state.Close()
	w.pool.Close()
	return err
}
