package source

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The columns that touched keys name. With a limit of 0 the server reads the
// keys as the column's type, and no row.
const (
	repKeys         = "select from rollcall.reps where rep_id = any($1) limit 0"
	memberKeys      = "select from rollcall.reps where member_id = any($1) limit 0"
	associationKeys = "select from rollcall.reps where association_id = any($1) limit 0"
	memberGroupKeys = "select from rollcall.group_members where group_id = any($1) limit 0"
	groupKeys       = "select from rollcall.groups where group_id = any($1) limit 0"
)

// possible asks for ids, and leaves out those that cannot be ids of this
// database, such as a word where they are numbers. Anybody may ask by SQL for
// any key to be touched, and one that is none must not hold up all others. What
// ask has found may be found again.
func (sn *Snap) possible(ctx context.Context, column string, ids []string, ask func([]string) error) error {
	problem := sn.protected(ctx, func() error { return ask(ids) })
	if !unreadable(problem) {
		return problem
	}
	// A view can fail with the same error at a row that it shows. That is no
	// reason to leave anybody out.
	err := sn.protected(ctx, func() error {
		_, err := sn.tx.Exec(ctx, column, array(ids))
		return err
	})
	switch {
	case err == nil:
		return problem
	case !unreadable(err):
		return err
	case len(ids) > 1:
		half := len(ids) / 2
		return errors.Join(sn.possible(ctx, column, ids[:half], ask), sn.possible(ctx, column, ids[half:], ask))
	}
	if sn.src.Log != nil {
		sn.src.Log.Warn("a touched key cannot be an id: leaving it out", "looked_for", column)
	}
	return nil
}

// protected runs f at a savepoint: an error spoils a transaction, but not
// beyond that.
func (sn *Snap) protected(ctx context.Context, f func() error) error {
	return pgx.BeginFunc(ctx, sn.tx, func(pgx.Tx) error { return f() })
}

// unreadable says whether the server could not read a value as its type.
func unreadable(err error) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return false
	}
	switch pgErr.Code {
	case "22P02", // invalid_text_representation
		"22003",                   // numeric_value_out_of_range
		"22007", "22008", "23514": // dates, and the check of a domain
		return true
	}
	return false
}
