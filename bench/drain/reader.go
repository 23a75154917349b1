package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/bench/memory"
	"rollcall/cdc"
	"rollcall/internal/store"
)

// read drains a slot with the real reader into the real store, and prints the
// most resident memory it had, in MiB. Arguments: URL, slot, end LSN.
func read(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New("the reader takes a URL, a slot and an LSN")
	}
	var end cdc.LSN
	if err := end.Scan(args[2]); err != nil {
		return err
	}
	cfg, err := pgxpool.ParseConfig(args[0])
	if err != nil {
		return err
	}
	store.Configure(cfg.ConnConfig)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	reader, err := cdc.NewReader(cdc.Config{
		Conn: &pool.Config().ConnConfig.Config, Slot: args[1], Publication: "rollcall",
		Watches: []cdc.Watch{{Table: "public.rep", Keys: []string{"rep_id"}, Kind: cdc.KindRep}},
		Store:   until{store.New(pool, source, time.Now), end, cancel},
		Snapshot: func(ctx context.Context) (cdc.Snapshot, error) {
			var text string
			if err := pool.QueryRow(ctx, "select pg_current_snapshot()::text").Scan(&text); err != nil {
				return cdc.Snapshot{}, err
			}
			return cdc.ParseSnapshot(text)
		},
		Now: time.Now,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	if err := reader.Run(ctx); !errors.Is(context.Cause(ctx), errDrained) {
		return err
	}
	mib, err := memory.ResidentMiB()
	if err != nil {
		return err
	}
	fmt.Println(mib)
	return nil
}

// makeState makes the tables in which the reader stores.
func makeState(ctx context.Context, url string) error {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	return store.Migrate(ctx, pool)
}

// source is the name under which the reader stores.
const source = "bench"

var errDrained = errors.New("drained")

// storedKeys counts the different keys that a reader has stored, as who works
// them off gets them.
func storedKeys(ctx context.Context, url string) (int, error) {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	s := store.New(pool, source, time.Now)
	different := map[string]bool{}
	for {
		rows, err := s.Touched(ctx, 50_000)
		if err != nil || len(rows) == 0 {
			return len(different), err
		}
		for _, row := range rows {
			different[row.Key[0]] = true
		}
		if err := s.Widen(ctx, rows, false, false, func(*store.Marks) error { return nil }); err != nil {
			return 0, err
		}
	}
}

// until ends the run once everything up to a position is stored.
type until struct {
	cdc.Store
	end     cdc.LSN
	drained context.CancelCauseFunc
}

// Save stores the batch; see cdc.Store.
func (u until) Save(ctx context.Context, b *cdc.Batch) error {
	if err := u.Store.Save(ctx, b); err != nil {
		return err
	}
	if b.End > u.end {
		u.drained(errDrained)
	}
	return nil
}
