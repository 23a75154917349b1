package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
	"rollcall/sql"
)

// RunsBefore returns at most limit runs before a number, the newest first; 0 is
// behind the last.
func (a *Association) RunsBefore(ctx context.Context, before int64, limit int) ([]Run, error) {
	rows, err := a.pool.Query(ctx, sql.Query("runs_before"), a.source, a.id, before, limit)
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	runs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Run])
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	return runs, nil
}

// RunTotals are the numbers of runs as far as they are recorded: what calls did
// is, once a run has ended.
func (a *Association) RunTotals(ctx context.Context, runs []Run) (map[int64][]RunCount, error) {
	ids := make([]int64, len(runs))
	for i, r := range runs {
		ids[i] = r.ID
	}
	rows, err := a.pool.Query(ctx, `select run, what, '', sum(n)::int from rollcall_state.run_count
		where run = any($1) and what <> $2 group by run, what`, ids, countQueued)
	if err != nil {
		return nil, fmt.Errorf("read totals of runs: %w", err)
	}
	totals := map[int64][]RunCount{}
	var c RunCount
	_, err = pgx.ForEachRow(rows, []any{&c.Run, &c.What, &c.Reason, &c.N}, func() error { totals[c.Run] = append(totals[c.Run], c); return nil })
	if err != nil {
		return nil, fmt.Errorf("read totals of runs: %w", err)
	}
	return totals, nil
}

// RunIntent is what a call of a run did to a person.
type RunIntent struct {
	Call    int64
	Address mapper.Address
	List    mapper.ListKey // empty for fields
	Op      string         // add, remove or fields
	Reason  mapper.Reason
	Rep     mapper.RepID
	State   string // of the call
	Outcome string
}

// EachOfRun goes through what the calls of a run did, call by call.
func (a *Association) EachOfRun(ctx context.Context, run int64, each func(RunIntent) error) error {
	rows, err := a.pool.Query(ctx, sql.Query("runs_intents"), a.source, a.id, run)
	if err != nil {
		return fmt.Errorf("read people of run: %w", err)
	}
	var e RunIntent
	_, err = pgx.ForEachRow(rows, []any{&e.Call, &e.Address, &e.List, &e.Op, &e.Reason, &e.Rep, &e.State, &e.Outcome}, func() error { return each(e) })
	if err != nil {
		return fmt.Errorf("read people of run: %w", err)
	}
	return nil
}

// OverallCounts reads the numbers over all lists.
func (a *Association) OverallCounts(ctx context.Context) ([]StandingCount, error) {
	rows, err := a.pool.Query(ctx, `select list, what, reason, n from rollcall_state.standing_count
		where source = $1 and association = $2 and list = ''`, a.source, a.id)
	if err != nil {
		return nil, fmt.Errorf("read counts: %w", err)
	}
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[StandingCount])
	if err != nil {
		return nil, fmt.Errorf("read counts: %w", err)
	}
	return counts, nil
}
