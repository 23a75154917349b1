package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/sql"
)

// CallRow is one call to Constant Contact.
type CallRow struct {
	ID       int64
	Kind     string // import, add, remove or move
	ListIDs  []string
	People   int
	State    string // intended, sent, unknown, ended or rejected
	Activity string // Constant Contact's id; empty: it has none
	At       time.Time
	EndedAt  *time.Time
	Outcome  string
	Counters map[string]int
}

// Calls returns at most limit calls of the association before a number, the
// newest first; 0 is behind the last.
func (a *Association) Calls(ctx context.Context, before int64, limit int) ([]CallRow, error) {
	return a.callRows(ctx, "calls_recent", before, limit)
}

// CallsOfRun returns at most limit calls of a run, the newest first.
func (a *Association) CallsOfRun(ctx context.Context, run int64, limit int) ([]CallRow, error) {
	return a.callRows(ctx, "calls_of_run", run, limit)
}

func (a *Association) callRows(ctx context.Context, query string, args ...any) ([]CallRow, error) {
	rows, err := a.pool.Query(ctx, sql.Query(query), append([]any{a.source, a.id}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	calls, err := pgx.CollectRows(rows, pgx.RowToStructByPos[CallRow])
	if err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	return calls, nil
}

// OpenLists are the ids of the lists that Constant Contact is working on.
func (a *Association) OpenLists(ctx context.Context) (map[string]bool, error) {
	rows, err := a.pool.Query(ctx, `select distinct unnest(list_ids) from rollcall_state.activity
		where source = $1 and association = $2 and state in ('intended', 'sent', 'unknown')`, a.source, a.id)
	if err != nil {
		return nil, fmt.Errorf("read open calls: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read open calls: %w", err)
	}
	open := map[string]bool{}
	for _, id := range ids {
		open[id] = true
	}
	return open, nil
}

// LeftOfRun is how many people of a run are still queued; at most
// BacklogCeiling.
func (a *Association) LeftOfRun(ctx context.Context, run int64) (left int, err error) {
	err = a.pool.QueryRow(ctx, "select count(*)::int from (select from rollcall_state.dirty where run = $1 limit $2) x", run, BacklogCeiling).Scan(&left)
	if err != nil {
		return 0, fmt.Errorf("read rest of run: %w", err)
	}
	return left, nil
}

// Asked reads how far a request of the association is. Without one the error is
// pgx.ErrNoRows.
func (a *Association) Asked(ctx context.Context, id int64) (RequestState, error) {
	var r RequestState
	var answer *Answer
	err := a.pool.QueryRow(ctx, `select state, answer from rollcall_state.request
		where source = $1 and id = $2 and content->>'association' = $3`, a.source, id, a.id).Scan(&r.State, &answer)
	if err != nil {
		return r, fmt.Errorf("read request: %w", err)
	}
	if answer != nil {
		r.Answer = *answer
	}
	return r, nil
}
