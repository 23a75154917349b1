package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/cdc"
	"rollcall/internal/store"
)

// read drains a slot with the real reader into the real store, checks that
// every change arrived, and prints the most resident memory it had, in MiB.
// Arguments: URL, slot, end LSN, changes.
func read(ctx context.Context, args []string) error {
	if len(args) != 4 {
		return errors.New("the reader takes a URL, a slot, an LSN and a number of changes")
	}
	var end cdc.LSN
	if err := end.Scan(args[2]); err != nil {
		return err
	}
	changes, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, args[0])
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := store.Migrate(ctx, pool); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	reader, err := cdc.NewReader(cdc.Config{
		Conn: &pool.Config().ConnConfig.Config, Slot: args[1], Publication: "rollcall",
		Watches: []cdc.Watch{{Table: "public.rep", Keys: []string{"rep_id"}, Kind: cdc.KindRep}},
		Store:   until{store.New(pool, "bench", time.Now), end, cancel},
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
	var keys int
	if err := pool.QueryRow(context.WithoutCancel(ctx), "select count(*) from rollcall_state.touched").Scan(&keys); err != nil {
		return err
	}
	if keys != changes {
		return fmt.Errorf("%d keys were stored, want %d", keys, changes)
	}
	mib, err := residentMiB()
	if err != nil {
		return err
	}
	fmt.Println(mib)
	return nil
}

var errDrained = errors.New("drained")

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

// residentMiB is the most memory that this process had resident.
func residentMiB() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("read own memory: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(status))
	for lines.Scan() {
		var kib float64
		if _, err := fmt.Sscanf(lines.Text(), "VmHWM: %f kB", &kib); err == nil {
			return kib / 1024, nil
		}
	}
	return 0, errors.New("read own memory: this system does not tell it")
}
