package source

import (
	"context"

	"github.com/jackc/pgx/v5"

	"rollcall/sql"
)

// Counts returns how many rows each view of the contract has for an
// association, by the view's name without its schema.
func (sn *Snap) Counts(ctx context.Context, association string) (counts map[string]int64, err error) {
	err = sn.protected(ctx, func() error {
		counts, err = sn.counts(ctx, association)
		return sn.viewError("the contract's views", err)
	})
	return counts, err
}

func (sn *Snap) counts(ctx context.Context, association string) (map[string]int64, error) {
	query := sql.Query("source_counts")
	if sn.src.has.Load().optOuts {
		query += " union all select 'opt_outs', count(*) from rollcall.opt_outs where association_id = $1"
	}
	rows, err := sn.tx.Query(ctx, query, association)
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	var view string
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&view, &n}, func() error { counts[view] = n; return nil }); err != nil {
		return nil, err
	}
	return counts, nil
}
