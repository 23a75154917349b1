package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
)

// Stand-ins until branch reconcile brings them.
type (
	RunKind  string
	RunState string
)

type Run struct {
	ID        int64
	Kind      RunKind
	Lists     []mapper.ListKey
	AskedBy   string
	State     RunState
	Detail    string
	StartedAt time.Time
	EndedAt   *time.Time
	Found     map[string]int
}

func (a *Association) Runs(ctx context.Context, limit int) ([]Run, error) {
	rows, err := a.pool.Query(ctx, `select id, kind, lists, asked_by, state, detail, started_at, ended_at, counts
		from rollcall_state.run where source = $1 and association = $2 order by id desc limit $3`, a.source, a.id, limit)
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Run])
}

func (a *Association) RunReport(ctx context.Context, id int64) ([]RunCount, error) {
	rows, err := a.pool.Query(ctx, "select what, reason, n from rollcall_state.run_count where run = $1 order by what, reason", id)
	if err != nil {
		return nil, fmt.Errorf("read report of run: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (RunCount, error) {
		c := RunCount{Run: id}
		err := row.Scan(&c.What, &c.Reason, &c.N)
		return c, err
	})
}
