package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/bench/association"
	"rollcall/bench/memory"
	"rollcall/cdc"
	"rollcall/internal/deliver"
	"rollcall/internal/reconcile"
	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/internal/widen"
	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

// figures are what one measurement found.
type figures struct {
	Seconds     float64 // without waiting for Constant Contact to answer
	ResidentMiB float64 // the most
	Calls       int64
}

// office is Rollcall's part, whose clock and that of the simulator go on only when
// something waits.
type office struct {
	now      time.Time
	base     string // of the simulator
	client   *http.Client
	calls    atomic.Int64
	answered atomic.Int64 // nanoseconds that the simulator took to answer

	state   *store.Association
	store   *store.Store
	source  *source.Source
	widen   *widen.Widener
	deliver *deliver.Deliverer
	keeper  *reconcile.Reconciler
}

// RoundTrip counts the time until an answer begins.
func (o *office) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	defer func() { o.answered.Add(int64(time.Since(began))) }()
	o.calls.Add(1)
	return o.client.Transport.RoundTrip(r)
}

// wait lets time pass for both.
func (o *office) wait(ctx context.Context, d time.Duration) error {
	began := time.Now()
	defer func() { o.answered.Add(int64(time.Since(began))) }()
	body, err := json.Marshal(map[string]string{"duration": d.String()})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.base+"/_sim/advance", bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := o.client.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	o.now = o.now.Add(d)
	return errors.Join(err, answer.Body.Close())
}

// measure does a first sync or a full reconciliation, in a process of its own so
// that its memory is its own.
func measure(ctx context.Context, what, url, simulator string) (f figures, err error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return f, err
	}
	source.Configure(cfg.ConnConfig)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return f, err
	}
	defer pool.Close()
	if err := store.Migrate(ctx, pool); err != nil {
		return f, err
	}
	o := &office{now: start, base: simulator, client: &http.Client{Transport: &http.Transport{}}}
	defer o.client.CloseIdleConnections()
	if err := o.open(ctx, pool); err != nil {
		return f, err
	}
	began := time.Now()
	if what == firstSync {
		if err = o.touchAll(ctx); err == nil {
			err = o.widenAll(ctx)
		}
		if err == nil {
			// As autovacuum does within a minute; the clock of the bench is faster.
			_, err = pool.Exec(ctx, "analyze")
		}
	}
	if err == nil {
		err = o.work(ctx)
	}
	if err == nil && what == fullReconciliation {
		o.calls.Store(0)
		o.answered.Store(0)
		began = time.Now()
		err = o.reconcile(ctx)
	}
	if err != nil {
		return f, err
	}
	f = figures{Seconds: (time.Since(began) - time.Duration(o.answered.Load())).Seconds(), Calls: o.calls.Load()}
	f.ResidentMiB, err = memory.ResidentMiB()
	return f, err
}

func (o *office) open(ctx context.Context, pool *pgxpool.Pool) (err error) {
	if o.source, err = source.New(ctx, pool); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	now := func() time.Time { return o.now }
	client, err := constantcontact.New(constantcontact.Config{
		BaseURL: o.base + "/v3", UserAgent: "rollcall bench", Now: now, HTTP: &http.Client{Transport: o},
		Token: func(context.Context) (string, error) { return token, nil },
		Wait:  func(ctx context.Context) error { return o.wait(ctx, constantcontact.Spacing) },
	})
	if err != nil {
		return err
	}
	o.store = store.New(pool, association.Source, now)
	if _, err := o.store.Installation(ctx, store.Installation{SystemID: "1", Timeline: 1, DatabaseOID: 1, Slot: "none"}); err != nil {
		return err
	}
	o.state = o.store.Association("1")
	o.widen = &widen.Widener{Source: o.source, Store: o.store, Log: log, Watch: func(string) (cdc.Watch, bool) { return cdc.Watch{}, false }}
	o.deliver = &deliver.Deliverer{
		ID: "1", Source: o.source, Store: o.state, Now: now, Log: log, Linger: 2 * time.Second,
		Policy:  mapper.Policy{AllActiveName: association.AllActive, Thresholds: mapper.DefaultThresholds},
		Applier: &sink.Applier{API: client, Ledger: o.state, Now: now, Log: log, Pause: o.wait},
	}
	o.keeper = &reconcile.Reconciler{
		ID: "1", Source: o.source, Store: o.state, Applier: o.deliver.Applier, Deliverer: o.deliver,
		Settings: reconcile.Settings{Every: 24 * time.Hour, SweepEvery: time.Hour, Retention: 30 * 24 * time.Hour},
		Now:      now, Log: log,
	}
	return nil
}

func (o *office) touchAll(ctx context.Context) error {
	after, err := o.source.NewTransactionID(ctx)
	if err != nil {
		return err
	}
	return o.store.TouchAll(ctx, after)
}

// widenAll finds the addresses of what was touched.
func (o *office) widenAll(ctx context.Context) error {
	for {
		if took, _, err := o.widen.Pass(ctx); err != nil || took == 0 {
			return err
		}
	}
}

// reconcile lets the daily full reconciliation become due and does it.
func (o *office) reconcile(ctx context.Context) error {
	agenda, err := o.state.Agenda(ctx)
	if err != nil {
		return err
	}
	due, planned := agenda.Due[reconcile.DueReconcile]
	if !planned {
		return errors.New("no full reconciliation is planned")
	}
	// Looking for people who left the database long ago is due at the same time, and is
	// something else.
	if err := o.state.SetDue(ctx, store.Due{What: "retention", At: due.At.Add(24 * time.Hour)}); err != nil {
		return err
	}
	if err := o.wait(ctx, max(0, due.At.Sub(o.now))); err != nil {
		return err
	}
	if err := o.work(ctx); err != nil {
		return err
	}
	if agenda, err = o.state.Agenda(ctx); err != nil {
		return err
	}
	if !agenda.Due[reconcile.DueReconcile].At.After(due.At) || len(agenda.Running) > 0 {
		return errors.New("the full reconciliation was not done")
	}
	return nil
}

// work does what is due, and delivers, until nothing is left.
func (o *office) work(ctx context.Context) error {
	for idle := 0; idle < 3; {
		kept, _, err := o.keeper.Turn(ctx)
		if err != nil {
			return err
		}
		took, _, err := o.widen.Pass(ctx)
		if err != nil {
			return err
		}
		_, open, err := o.deliver.Applier.Poll(ctx)
		if err != nil {
			return err
		}
		worked, _, err := o.deliver.Batch(ctx)
		if err != nil {
			return err
		}
		queued, err := o.state.Queued(ctx)
		if err != nil {
			return err
		}
		if kept || took > 0 || worked {
			idle = 0
			continue
		}
		if open == 0 && queued == 0 {
			idle++
		}
		if err := o.wait(ctx, 2*time.Second); err != nil {
			return err
		}
	}
	return nil
}
