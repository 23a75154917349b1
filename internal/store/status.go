package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
	"rollcall/sql"
)

// StreamStatus is how far the stream of a source has come; a time is nil for
// never.
type StreamStatus struct {
	SavedAt      *time.Time // when the durable position was saved last
	FullPassAt   *time.Time // the last time that every row of the database was read
	Touched      int        // keys that nobody has looked at yet
	TouchedSince *time.Time
}

// StreamStatus reads how far the stream of the source has come.
func (s *Store) StreamStatus(ctx context.Context) (StreamStatus, error) {
	var st StreamStatus
	err := s.pool.QueryRow(ctx, sql.Query("status_source"), s.source).Scan(&st.SavedAt, &st.FullPassAt, &st.Touched, &st.TouchedSince)
	if err != nil {
		return st, fmt.Errorf("read position: %w", err)
	}
	return st, nil
}

// Holder is the process that has a lease, empty for none, and until when by that
// process's clock.
func (s *Store) Holder(ctx context.Context, lease string) (holder string, until time.Time, err error) {
	err = s.pool.QueryRow(ctx, "select holder, expires_at from rollcall_state.lease where key = $1", lease).Scan(&holder, &until)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", until, fmt.Errorf("read lease: %w", err)
	}
	return holder, until, nil
}

// AssociationStatus is how an association is; a time is nil for never, or for
// none.
type AssociationStatus struct {
	Due            int // addresses that are to be planned now
	DueSince       *time.Time
	Later          int // that wait for a time
	Open           int // calls on their way
	OpenSince      *time.Time
	Questions      int // that wait for an answer
	QuestionsSince *time.Time
	Alarms         []string   // why the database is not to be trusted with removals
	PulledAt       *time.Time // the end of the last run that read the whole account
	NightlyAt      *time.Time // when the next nightly run begins
	Problems       []ProblemCount
}

// ProblemCount is how many people or lists have a problem that people mend.
type ProblemCount struct {
	Reason mapper.Reason
	N      int
}

// Status reads how the association is.
func (a *Association) Status(ctx context.Context) (AssociationStatus, error) {
	var st AssociationStatus
	err := a.pool.QueryRow(ctx, sql.Query("status_association"), a.source, a.id, a.now()).Scan(
		&st.Due, &st.DueSince, &st.Later, &st.Open, &st.OpenSince, &st.Questions, &st.QuestionsSince, &st.Alarms, &st.PulledAt, &st.NightlyAt)
	if err != nil {
		return st, fmt.Errorf("read status: %w", err)
	}
	rows, err := a.pool.Query(ctx, sql.Query("status_problems"), a.source, a.id)
	if err != nil {
		return st, fmt.Errorf("read problems: %w", err)
	}
	if st.Problems, err = pgx.CollectRows(rows, pgx.RowToStructByPos[ProblemCount]); err != nil {
		return st, fmt.Errorf("read problems: %w", err)
	}
	return st, nil
}

// PeopleCounted is how many rows of people the member database had at the last
// complete read, 0 before the first.
func (a *Association) PeopleCounted(ctx context.Context) (people int, err error) {
	err = a.pool.QueryRow(ctx, "select coalesce(max(rows), 0) from rollcall_state.source_count where source = $1 and association = $2 and view = 'reps'",
		a.source, a.id).Scan(&people)
	if err != nil {
		return 0, fmt.Errorf("read counts: %w", err)
	}
	return people, nil
}
