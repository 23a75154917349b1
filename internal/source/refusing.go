package source

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rollcall/sql"
)

// Refusing is a published table on which the server refuses the application's own
// UPDATE and DELETE, because what is published does not identify a row.
type Refusing struct {
	Table    string // as in the publication, quoted where SQL needs it
	Part     string // the partition that it is about, or the table itself
	SQLState string // 55000: no replica identity; 42P10: the column list lacks it
}

// Refusing reads the tables of a publication of which that is so at present.
func (s *Source) Refusing(ctx context.Context, publication string) ([]Refusing, error) {
	rows, err := s.pool.Query(ctx, sql.Query("source_refusing"), publication)
	if err == nil {
		var found []Refusing
		if found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Refusing]); err == nil {
			return found, nil
		}
	}
	return nil, fmt.Errorf("read what identifies rows of publication %s: %w", publication, err)
}

// Unpublished says which of the tables, named as schema.table, a publication
// lacks, or has in part only: with a filter, or not with every kind of change.
func (s *Source) Unpublished(ctx context.Context, publication string, tables []string) ([]string, error) {
	rows, err := s.pool.Query(ctx, `select t from unnest($2::text[]) t
		where t not in (
			select x.schemaname || '.' || x.tablename
			from pg_catalog.pg_publication_tables x
			join pg_catalog.pg_publication p on p.pubname = x.pubname
			where x.pubname = $1 and p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate
			  and pg_catalog.to_jsonb(x) ->> 'rowfilter' is null) order by 1`, publication, tables)
	if err == nil {
		var lacks []string
		if lacks, err = pgx.CollectRows(rows, pgx.RowTo[string]); err == nil {
			return lacks, nil
		}
	}
	return nil, fmt.Errorf("read publication %s: %w", publication, err)
}

// Uncaptured says on which watched tables, and partitions of them, triggers that
// capture changes are not as they should be.
func (s *Source) Uncaptured(ctx context.Context) ([]string, error) {
	rows, err := s.pool.Query(ctx, "select distinct part::text from rollcall.triggers() where state <> 'ok' order by 1")
	if err == nil {
		var wrong []string
		if wrong, err = pgx.CollectRows(rows, pgx.RowTo[string]); err == nil {
			return wrong, nil
		}
	}
	return nil, fmt.Errorf("read triggers of the watched tables: %w", err)
}
