package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/sql"
)

// Due is when something is to be done for an association next. It is a row and
// no timer, so that nothing is missed or doubled over restarts.
type Due struct {
	What    string
	At      time.Time
	DoneFor string // the last day, or the like, for which it was done
}

// Agenda is what an association's turn begins with.
type Agenda struct {
	FullPass bool // every row of the member database was read once
	// Lists tells the states of the queue's row that stands for the lists
	// themselves from each other; empty when it is not queued.
	Lists   string
	Unseen  bool    // a list that existed waits for its first look
	Running []int64 // runs that have not ended
	Due     map[string]Due
}

// Agenda reads what there may be to do.
func (a *Association) Agenda(ctx context.Context) (Agenda, error) {
	g := Agenda{Due: map[string]Due{}}
	err := a.pool.QueryRow(ctx, sql.Query("reconcile_agenda"), a.source, a.id).Scan(&g.FullPass, &g.Lists, &g.Unseen, &g.Running)
	if err != nil {
		return g, fmt.Errorf("read agenda: %w", err)
	}
	rows, err := a.pool.Query(ctx, "select what, at, done_for from rollcall_state.due where source = $1 and association = $2", a.source, a.id)
	if err != nil {
		return g, fmt.Errorf("read what is due: %w", err)
	}
	var d Due
	_, err = pgx.ForEachRow(rows, []any{&d.What, &d.At, &d.DoneFor}, func() error { g.Due[d.What] = d; return nil })
	if err != nil {
		return g, fmt.Errorf("read what is due: %w", err)
	}
	return g, nil
}

const setDue = `insert into rollcall_state.due (source, association, what, at, done_for) values ($1, $2, $3, $4, $5)
	on conflict (source, association, what) do update set at = excluded.at, done_for = excluded.done_for`

// SetDue records when something is due next.
func (a *Association) SetDue(ctx context.Context, d Due) error {
	_, err := a.write(ctx, "record what is due", setDue, a.source, a.id, d.What, d.At, d.DoneFor)
	return err
}

// Hasten makes something due now for every association that has it on its
// agenda.
func (s *Store) Hasten(ctx context.Context, what string) error {
	_, err := s.write(ctx, "record what is due", "update rollcall_state.due set at = least(at, $3) where source = $1 and what = $2", s.source, what, s.now())
	return err
}
