package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/sql"
)

// Backlog is what is still to be done.
type Backlog struct {
	DurableAt    *time.Time // when the position of the stream was saved last
	Touched      int        // keys of the source that nobody has looked at yet; at most BacklogCeiling
	TouchedSince *time.Time
	Due          int // addresses of the association that are to be planned now; at most BacklogCeiling
	DueSince     *time.Time
	Open         int // calls on their way, of the association
}

// BacklogCeiling is as far as a backlog is counted: a page does not wait for
// more.
const BacklogCeiling = 100_000

// Backlog reads what is still to be done for the association.
func (a *Association) Backlog(ctx context.Context) (Backlog, error) {
	var b Backlog
	err := a.pool.QueryRow(ctx, sql.Query("inspect_backlog"), a.source, a.id, a.now(), BacklogCeiling).
		Scan(&b.DurableAt, &b.Touched, &b.TouchedSince, &b.Due, &b.DueSince, &b.Open)
	if err != nil {
		return b, fmt.Errorf("read backlog: %w", err)
	}
	return b, nil
}

// Accounts are the names of the accounts that the source's associations are
// connected to.
func (s *Store) Accounts(ctx context.Context) (map[string]string, error) {
	rows, err := s.pool.Query(ctx, "select association, account_name from rollcall_state.connection where source = $1", s.source)
	if err != nil {
		return nil, fmt.Errorf("read connections: %w", err)
	}
	names := map[string]string{}
	var association, name string
	_, err = pgx.ForEachRow(rows, []any{&association, &name}, func() error { names[association] = name; return nil })
	if err != nil {
		return nil, fmt.Errorf("read connections: %w", err)
	}
	return names, nil
}
