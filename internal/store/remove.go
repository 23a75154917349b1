package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Remembered counts what would be forgotten with a source's state.
type Remembered struct {
	OptOuts     int // erased people's included
	Departures  int
	Connections int      // connected accounts
	Others      []string // further sources of this state
	// Working names a process that has a lease for the source, by what is on
	// record; it may have died within the last seconds.
	Working string
}

// Remembered reads what would be forgotten.
func (s *Store) Remembered(ctx context.Context) (r Remembered, err error) {
	err = s.pool.QueryRow(ctx, `select
		(select count(*) from rollcall_state.opt_out where source = $1) + (select count(*) from rollcall_state.erased where source = $1 and list = ''),
		(select count(*) from rollcall_state.ledger where source = $1 and departed_at is not null) + (select count(*) from rollcall_state.erased where source = $1 and list <> ''),
		(select count(*) from rollcall_state.connection where source = $1 and state <> 'disconnected'),
		array(select source from rollcall_state.installation where source <> $1 order by 1),
		coalesce((select holder from rollcall_state.lease where serves = 'source ' || $1 and holder <> '' and expires_at > $2 limit 1), '')`,
		s.source, s.now()).Scan(&r.OptOuts, &r.Departures, &r.Connections, &r.Others, &r.Working)
	if err != nil {
		return r, fmt.Errorf("read what is remembered: %w", err)
	}
	return r, nil
}

// RemoveSource deletes everything of the source, and the schema rollcall_state
// where no other source is left in it.
func (s *Store) RemoveSource(ctx context.Context) error {
	return s.begin(ctx, "remove state", func(tx pgx.Tx) error {
		var others bool
		if err := tx.QueryRow(ctx, "select exists (select from rollcall_state.installation where source <> $1)", s.source).Scan(&others); err != nil {
			return err
		}
		if !others {
			_, err := tx.Exec(ctx, "drop schema rollcall_state cascade")
			return err
		}
		tables, err := sourceTables(ctx, tx)
		if err != nil {
			return err
		}
		for _, table := range tables {
			if _, err := tx.Exec(ctx, "delete from rollcall_state."+pgx.Identifier{table}.Sanitize()+" where source = $1", s.source); err != nil {
				return err
			}
		}
		return nil
	})
}

// sourceTables are the tables whose rows belong to a source. Rows of the others
// go with these, or belong to API keys.
func sourceTables(ctx context.Context, tx pgx.Tx) ([]string, error) {
	rows, err := tx.Query(ctx, `select c.relname
		from pg_catalog.pg_class c
		join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'source' and not a.attisdropped
		where c.relnamespace = 'rollcall_state'::regnamespace and c.relkind = 'r'
		order by 1`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
