package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/internal/lease"
	"rollcall/sql"
)

// Workers are the processes that share the API keys of a source. It is a
// lease.Fellows.
type Workers struct {
	pool   *pgxpool.Pool
	source string
}

// NewWorkers returns the workers of a source.
func NewWorkers(pool *pgxpool.Pool, source string) *Workers { return &Workers{pool, source} }

// Beat says that a process is alive and returns all that are on record; see
// lease.Fellows. Like a renewal it does not wait for the disk.
func (s *Workers) Beat(ctx context.Context, holder string) (all []lease.Fellow, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "set local synchronous_commit = off"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sql.Query("worker_beat"), s.source, holder); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, sql.Query("worker_all"), s.source)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[lease.Fellow])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("record that a worker is alive: %w", err)
	}
	return all, nil
}

// Forget deletes a process that has not beaten since; see lease.Fellows.
func (s *Workers) Forget(ctx context.Context, f lease.Fellow) error {
	_, err := s.pool.Exec(ctx, "delete from rollcall_state.worker where source = $1 and holder = $2 and beats = $3", s.source, f.Holder, f.Beats)
	if err != nil {
		return fmt.Errorf("forget a worker that died: %w", err)
	}
	return nil
}
