package source

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/mapper"
	"rollcall/sql"
)

// ErrCannotSet says that the member database does not let Rollcall set ticks or
// options: it lacks the functions for that, or this role may not call them.
var ErrCannotSet = errors.New("the member database does not let Rollcall change ticks and options")

// RefusedValueError says that the member database refused what was to be set.
type RefusedValueError struct{ SQLState string }

func (e *RefusedValueError) Error() string {
	return "set in the member database: it refused the value: SQLSTATE " + e.SQLState
}

// CanSet reports whether the functions rollcall.set_group_sync and
// rollcall.set_options exist and this role may call them.
func (s *Source) CanSet(ctx context.Context) (bool, error) {
	var can bool
	if err := s.pool.QueryRow(ctx, sql.Query("source_can_set")).Scan(&can); err != nil {
		return false, fmt.Errorf("look for the functions that set options: %w", err)
	}
	return can, nil
}

// SetTicks ticks and unticks groups of an association, all or none of them.
func (s *Source) SetTicks(ctx context.Context, association string, tick, untick []mapper.GroupID) error {
	ids, ticked := make([]string, 0, len(tick)+len(untick)), make([]bool, 0, len(tick)+len(untick))
	for _, id := range tick {
		ids, ticked = append(ids, string(id)), append(ticked, true)
	}
	for _, id := range untick {
		ids, ticked = append(ids, string(id)), append(ticked, false)
	}
	return s.set(ctx, "tick groups", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "select rollcall.set_group_sync($1, x.id, x.sync) from unnest($2::text[], $3::boolean[]) as x (id, sync)", association, ids, ticked)
		return err
	})
}

// SetOptions sets what an association chose.
func (s *Source) SetOptions(ctx context.Context, association string, o mapper.Options) error {
	return s.set(ctx, "set options", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "select rollcall.set_options($1, $2, $3, $4, $5, $6, $7, $8)", association, o.NewsletterSolution,
			o.SyncAllActive, o.SyncMembershipTypes, o.SyncGroups, o.WindowStart, o.WindowEnd, o.TimeZone)
		return err
	})
}

func (s *Source) set(ctx context.Context, what string, f func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, s.pool, f)
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		switch {
		case pgErr.Code == "42883" || pgErr.Code == "42501": // undefined_function, insufficient_privilege
			return fmt.Errorf("%s: %w", what, ErrCannotSet)
		case strings.HasPrefix(pgErr.Code, "22") || strings.HasPrefix(pgErr.Code, "23") || pgErr.Code == "P0002":
			return fmt.Errorf("%s: %w", what, &RefusedValueError{SQLState: pgErr.Code})
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
