package source

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rollcall/sql"
)

// Counts returns how many rows each view of the contract has for an
// association, by the view's name without its schema.
func (sn *Snap) Counts(ctx context.Context, association string) (map[string]int64, error) {
	query := sql.Query("source_counts")
	if sn.src.has.Load().optOuts {
		query += " union all select 'opt_outs', count(*) from rollcall.opt_outs where association_id = $1"
	}
	rows, err := sn.tx.Query(ctx, query, association)
	if err != nil {
		return nil, fmt.Errorf("count rows of the views: %w", err)
	}
	counts := map[string]int64{}
	var view string
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&view, &n}, func() error { counts[view] = n; return nil }); err != nil {
		return nil, fmt.Errorf("count rows of the views: %w", err)
	}
	return counts, nil
}
