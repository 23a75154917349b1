package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
	"rollcall/sql"
)

// TracedKeys are touched keys of one kind that nobody has looked at yet.
type TracedKeys struct {
	Kind              string
	TouchedAt         time.Time // the oldest
	FirstLSN, LastLSN *string   // ends of the first and the last commit; nil: we touched them ourselves
	Keys              int
	Named             bool // they are the rep's that is traced
}

// TraceTouched reads what nobody has looked at yet and concerns a rep, or may.
func (s *Store) TraceTouched(ctx context.Context, rep mapper.RepID) ([]TracedKeys, error) {
	rows, err := s.pool.Query(ctx, sql.Query("trace_touched"), s.source, string(rep))
	if err != nil {
		return nil, fmt.Errorf("trace touched keys: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[TracedKeys])
	if err != nil {
		return nil, fmt.Errorf("trace touched keys: %w", err)
	}
	return found, nil
}

// TracedRow is an address in the queue.
type TracedRow struct {
	CommittedAt       *time.Time // of the oldest change; nil: a run asked
	FirstLSN, LastLSN *string
	TouchedAt         time.Time
	NotBefore         *time.Time
	Run               int64 // that asked for it; 0: none
	Version           int64
}

// TraceQueue reads an address's row of the queue; nil: it is not queued.
func (a *Association) TraceQueue(ctx context.Context, address mapper.Address) (*TracedRow, error) {
	rows, err := a.pool.Query(ctx, sql.Query("trace_queue"), a.source, a.id, string(address))
	if err != nil {
		return nil, fmt.Errorf("trace queue: %w", err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToAddrOfStructByPos[TracedRow])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("trace queue: %w", err)
	}
	return row, nil
}

// TracedCall is what one call did to an address on one list.
type TracedCall struct {
	Call              int64
	Kind, State       string
	ActivityID        string // Constant Contact's; empty: it has none, or the reply was lost
	Outcome           string
	CommittedAt       *time.Time // of the oldest change that asked for it; nil: none did
	FirstLSN, LastLSN *string
	PlannedAt         time.Time
	SentAt, EndedAt   *time.Time
	List              mapper.ListKey // empty for fields
	Op                string
	Reason            mapper.Reason
	Rep               mapper.RepID
	Run               int64
	// Result is open, rejected, ended (for fields), superseded, confirmed or
	// not_applied.
	Result string
}

// TraceCalls reads the last calls about an address, the newest first.
func (a *Association) TraceCalls(ctx context.Context, address mapper.Address, limit int) ([]TracedCall, error) {
	rows, err := a.pool.Query(ctx, sql.Query("trace_calls"), a.source, a.id, string(address), limit)
	if err != nil {
		return nil, fmt.Errorf("trace calls: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[TracedCall])
	if err != nil {
		return nil, fmt.Errorf("trace calls: %w", err)
	}
	return found, nil
}
