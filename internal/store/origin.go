package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/mapper"
	"rollcall/sql"
)

// origin is the stretch of the stream that led to dirty addresses; zero when no
// change of the database did.
type origin struct {
	committedAt time.Time // of the oldest commit
	first, last cdc.LSN   // its commit end LSN, and that of the last commit
}

// add takes in a touched key, unless we touched it ourselves.
func (o *origin) add(t TouchedRow) {
	if t.End == 0 {
		return
	}
	if o.first == 0 || t.CommitTime.Before(o.committedAt) {
		o.committedAt = t.CommitTime
	}
	if o.first == 0 || t.End < o.first {
		o.first = t.End
	}
	o.last = max(o.last, t.End)
}

// columns are the values of committed_at, first_lsn and last_lsn.
func (o origin) columns() [3]any {
	if o.first == 0 {
		return [3]any{}
	}
	return [3]any{o.committedAt, int64(o.first), int64(o.last)}
}

// origins reads where queued addresses come from.
func (a *Association) origins(ctx context.Context, tx pgx.Tx, addresses []mapper.Address) (map[mapper.Address]origin, error) {
	rows, err := tx.Query(ctx, sql.Query("ledger_origins"), a.source, a.id, addressStrings(addresses))
	if err != nil {
		return nil, fmt.Errorf("read where addresses come from: %w", err)
	}
	found := map[mapper.Address]origin{}
	var address mapper.Address
	var o origin
	var first, last int64
	_, err = pgx.ForEachRow(rows, []any{&address, &o.committedAt, &first, &last}, func() error {
		o.first, o.last = cdc.LSN(first), cdc.LSN(last)
		found[address] = o
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read where addresses come from: %w", err)
	}
	return found, nil
}
