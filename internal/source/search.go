package source

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
	"rollcall/sql"
)

// RepsNamed finds, by last name, at most limit reps of an association whose last
// name begins with the text, or with its last word while the first name begins
// with the words before. Where names have no index it looks through all reps:
// the caller bounds the time.
func (s *Source) RepsNamed(ctx context.Context, association, text string, limit int) ([]mapper.RepID, error) {
	words := strings.Fields(strings.ToLower(text))
	if len(words) == 0 {
		return nil, nil
	}
	first, last := strings.Join(words[:len(words)-1], " "), words[len(words)-1]
	// Last names may have several words too.
	rows, err := s.pool.Query(ctx, sql.Query("source_reps_named"), association, prefix(strings.Join(words, " ")), prefix(last), prefix(first), first != "", limit)
	if err != nil {
		return nil, fmt.Errorf("look for names in rollcall.reps: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[mapper.RepID])
	if err != nil {
		return nil, fmt.Errorf("look for names in rollcall.reps: %w", err)
	}
	return ids, nil
}

// prefix is a pattern of LIKE for texts that begin so.
func prefix(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
}
