package source

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rollcall/sql"
)

// Parts says where the rows of partitioned tables, named as schema.table, are kept:
// for each partition its file, and whether that is empty. What becomes of a partition
// as a whole (attached, detached, dropped, truncated by itself) is not on the stream,
// which carries the changes of its table.
func (s *Source) Parts(ctx context.Context, tables []string) (map[string]bool, error) {
	rows, err := s.pool.Query(ctx, sql.Query("source_parts"), tables)
	if err != nil {
		return nil, fmt.Errorf("read partitions of the watched tables: %w", err)
	}
	parts := map[string]bool{}
	var file string
	var empty bool
	_, err = pgx.ForEachRow(rows, []any{&file, &empty}, func() error {
		parts[file] = empty
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read partitions of the watched tables: %w", err)
	}
	return parts, nil
}
