package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Installation says which database a source is.
type Installation struct {
	SystemID    string
	Timeline    int32
	DatabaseOID uint32
	Slot        string
}

// Installation returns what is on record for the source; the first time it
// records what is given.
func (s *Store) Installation(ctx context.Context, now Installation) (Installation, error) {
	rows, err := s.pool.Query(ctx, `with first as (
			insert into rollcall_state.installation (source, system_id, timeline, database_oid, slot, created_at)
			values ($1, $2, $3, $4, $5, $6) on conflict do nothing
			returning system_id, timeline, database_oid, slot)
		select * from first union all
		select system_id, timeline, database_oid, slot from rollcall_state.installation where source = $1 limit 1`,
		s.source, now.SystemID, now.Timeline, now.DatabaseOID, now.Slot, s.now())
	if err != nil {
		return Installation{}, fmt.Errorf("read installation: %w", err)
	}
	known, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Installation])
	if err != nil {
		return Installation{}, fmt.Errorf("read installation: %w", err)
	}
	return known, nil
}
