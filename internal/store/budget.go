package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/internal/budget"
	"rollcall/sql"
)

// Budgets are the days of API keys, of all sources. It is a budget.Store.
type Budgets struct{ pool *pgxpool.Pool }

// NewBudgets returns the budgets of a state database.
func NewBudgets(pool *pgxpool.Pool) *Budgets { return &Budgets{pool: pool} }

// ReadDay reads a day of a key; see budget.Store.
func (s *Budgets) ReadDay(ctx context.Context, key string, day time.Time) (budget.Record, error) {
	r := budget.Record{Counts: map[budget.Member]budget.Count{}}
	var closed *time.Time
	err := s.pool.QueryRow(ctx, "select taken, closed_until from rollcall_state.budget where key = $1 and day = $2", key, day).Scan(&r.Taken, &closed)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return budget.Record{}, fmt.Errorf("read budget: %w", err)
	}
	if closed != nil {
		r.ClosedUntil = *closed
	}
	rows, err := s.pool.Query(ctx, "select source, association, calls, opt_outs from rollcall_state.budget_share where key = $1 and day = $2", key, day)
	if err != nil {
		return budget.Record{}, fmt.Errorf("read budget: %w", err)
	}
	var m budget.Member
	var c budget.Count
	_, err = pgx.ForEachRow(rows, []any{&m.Source, &m.Association, &c.Calls, &c.OptOuts}, func() error {
		r.Counts[m] = c
		return nil
	})
	if err != nil {
		return budget.Record{}, fmt.Errorf("read budget: %w", err)
	}
	return r, nil
}

// CountCalls counts a block of calls; see budget.Store.
func (s *Budgets) CountCalls(ctx context.Context, fence budget.Fence, key string, day time.Time, n int, counts map[budget.Member]budget.Count) error {
	var sources, associations []string
	var calls, optOuts []int
	for m, c := range counts {
		sources, associations = append(sources, m.Source), append(associations, m.Association)
		calls, optOuts = append(calls, c.Calls), append(optOuts, c.OptOuts)
	}
	return s.fenced(ctx, "count calls", fence, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sql.Query("budget_count"), key, day, n, sources, associations, calls, optOuts)
		return err
	})
}

// CloseDay records until when a key makes no call; see budget.Store.
func (s *Budgets) CloseDay(ctx context.Context, fence budget.Fence, key string, day, until time.Time) error {
	return s.fenced(ctx, "close day", fence, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into rollcall_state.budget (key, day, taken, closed_until) values ($1, $2, 0, $3)
			on conflict (key, day) do update set closed_until = excluded.closed_until`, key, day, until)
		return err
	})
}

func (s *Budgets) fenced(ctx context.Context, what string, fence budget.Fence, f func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := fence(ctx, tx); err != nil {
			return err
		}
		return f(tx)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
