package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/failpoint"
	"rollcall/mapper"
	"rollcall/sql"
)

// RunKind is the kind of a run.
type RunKind string

// The kinds of run.
const (
	RunNightly   RunKind = "nightly"
	RunSyncNow   RunKind = "sync_now"
	RunReconcile RunKind = "reconcile"
	RunFirstLook RunKind = "first_look"
)

// RunState is how far a run is.
type RunState string

// The states of a run.
const (
	RunRunning RunState = "running"
	RunDone    RunState = "done"
	RunFailed  RunState = "failed"
	RunRefused RunState = "refused"
)

// Run is one pass with a report.
type Run struct {
	ID        int64
	Kind      RunKind
	Lists     []mapper.ListKey // that it makes exact or looks at; empty: all
	AskedBy   string           // schedule, sql, or the name that a command gave
	State     RunState
	Detail    string // why it failed or was refused
	StartedAt time.Time
	EndedAt   *time.Time
	Found     map[string]int // by the pull
}

// The words of a run's report, beside those that deliver counts.
const (
	countQueued      = "queued"
	countAdded       = "added"
	countUpdated     = "updated"
	countInactivated = "inactivated"
)

// StartRun records that a run begins.
func (a *Association) StartRun(ctx context.Context, r Run) (id int64, err error) {
	err = a.begin(ctx, "record run", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `insert into rollcall_state.run (source, association, kind, lists, asked_by, state, detail, started_at)
			values ($1, $2, $3, $4, $5, 'running', $6, $7) returning id`,
			a.source, a.id, string(r.Kind), keyStrings(r.Lists), r.AskedBy, r.Detail, a.now()).Scan(&id)
	})
	failpoint.Hit(failpoint.RunRecorded)
	return id, err
}

// EndRun records how a run ended, and counts from its calls what was added,
// updated and inactivated: calls are not kept as long as reports.
func (a *Association) EndRun(ctx context.Context, id int64, state RunState, detail string) error {
	var kind RunKind
	err := a.begin(ctx, "record end of run", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sql.Query("runs_count_calls"), id); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `update rollcall_state.run set state = $2, detail = $3, ended_at = $4 where id = $1 and state = 'running' returning kind`,
			id, string(state), detail, a.now()).Scan(&kind)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // it had ended
		}
		return err
	})
	failpoint.Hit(failpoint.RunEnded)
	if err == nil && kind != "" && a.observer != nil {
		a.observer.RunEnded(kind, state)
	}
	return err
}

// RunFound records what a run's pull found.
func (a *Association) RunFound(ctx context.Context, id int64, found map[string]int) error {
	_, err := a.write(ctx, "record what run found", `update rollcall_state.run set counts = $2 where id = $1`, id, found)
	return err
}

// CountRun adds to one number of a run's report.
func (a *Association) CountRun(ctx context.Context, run int64, what string, reason mapper.Reason, n int) error {
	_, err := a.write(ctx, "count for run", sql.Query("runs_count"), run, what, string(reason), n)
	return err
}

// RunLeft reports whether addresses that the run queued are still queued, or a
// call about them is on its way.
func (a *Association) RunLeft(ctx context.Context, id int64) (left bool, err error) {
	err = a.pool.QueryRow(ctx, `select exists (select from rollcall_state.dirty where run = $1)
		or exists (select from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
			where i.run = $1 and a.state in ('intended', 'sent', 'unknown'))`, id).Scan(&left)
	if err != nil {
		return false, fmt.Errorf("read rest of run: %w", err)
	}
	return left, nil
}

// RunState is how far a run is.
func (a *Association) RunState(ctx context.Context, id int64) (state RunState, detail string, err error) {
	err = a.pool.QueryRow(ctx, "select state, detail from rollcall_state.run where id = $1", id).Scan(&state, &detail)
	if errors.Is(err, pgx.ErrNoRows) {
		return RunFailed, "the run is not on record any more", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("read run: %w", err)
	}
	return state, detail, nil
}

// Interrupt ends the runs that a stopped process left before they had queued
// anything.
func (a *Association) Interrupt(ctx context.Context) error {
	_, err := a.write(ctx, "end interrupted runs", `update rollcall_state.run r set state = 'failed', detail = 'interrupted', ended_at = $3
		where source = $1 and association = $2 and state = 'running'
		  and not exists (select from rollcall_state.run_count c where c.run = r.id and c.what = 'queued')`, a.source, a.id, a.now())
	return err
}

// Runs returns the association's last runs, the newest first.
func (a *Association) Runs(ctx context.Context, limit int) ([]Run, error) {
	rows, err := a.pool.Query(ctx, `select id, kind, lists, asked_by, state, detail, started_at, ended_at, counts
		from rollcall_state.run where source = $1 and association = $2 order by id desc limit $3`, a.source, a.id, limit)
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	runs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Run])
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	return runs, nil
}

// RunReport returns what a run did and found so far, by word and reason, in a
// fixed order: checked, added, updated, inactivated, held and refused.
func (a *Association) RunReport(ctx context.Context, id int64) ([]RunCount, error) {
	rows, err := a.pool.Query(ctx, sql.Query("runs_report"), id)
	if err != nil {
		return nil, fmt.Errorf("read report of run: %w", err)
	}
	report, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (RunCount, error) {
		c := RunCount{Run: id}
		err := row.Scan(&c.What, &c.Reason, &c.N)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("read report of run: %w", err)
	}
	return report, nil
}

// Queue is what a run queues.
type Queue struct {
	Run int64
	// Exact are lists from which everybody whose verdict is not on is to go.
	Exact []mapper.ListKey
	// Only narrows the run to a list: its people as the ledger has them, and the
	// addresses named. Empty: every address that the state knows.
	Only  mapper.ListKey
	Named []mapper.Address
	// Sifted is up to which address, in the order of KnownAddresses, all were looked at
	// already: of them only those named have work. Idle is how many have none.
	Sifted mapper.Address
	Idle   int
	// Ceiling: only those go whose removal a person approved.
	Ceiling bool
	Done    *Due // recorded in the same transaction
}

// QueueRun queues the addresses of a run, and returns how many they are.
func (a *Association) QueueRun(ctx context.Context, q Queue) (queued int, err error) {
	err = a.begin(ctx, "queue run", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql.Query("runs_queue"),
			a.source, a.id, q.Run, a.now(), keyStrings(q.Exact), string(q.Only), addressStrings(q.Named), q.Ceiling, string(q.Sifted))
		if err != nil {
			return err
		}
		queued = int(tag.RowsAffected())
		if _, err := tx.Exec(ctx, sql.Query("runs_count"), q.Run, countQueued, "", queued+q.Idle); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "update rollcall_state.run set lists = $2 where id = $1", q.Run, keyStrings(q.Exact)); err != nil {
			return err
		}
		if q.Done == nil {
			return nil
		}
		_, err = tx.Exec(ctx, setDue, a.source, a.id, q.Done.What, q.Done.At, q.Done.DoneFor)
		return err
	})
	return queued, err
}

// Enqueue has addresses planned again.
func (a *Association) Enqueue(ctx context.Context, addresses []mapper.Address) error {
	_, err := a.write(ctx, "queue addresses", sql.Query("reconcile_enqueue"), a.source, a.id, addressStrings(addresses), a.now())
	return err
}

func keyStrings(keys []mapper.ListKey) []string {
	out := make([]string, len(keys))
	for i, key := range keys {
		out[i] = string(key)
	}
	return out
}
