package source

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// ViewError says that the server answered a question about the member
// database's rows with an error: a view is missing or forbidden, or it fails at
// a row. The connection is as good as before. Its text has no row's values.
type ViewError struct {
	View string // of the contract, or the table whose watch has the statement
	Err  error
}

// Error names the view and the SQLSTATE; the server's own text may quote values.
func (e *ViewError) Error() string {
	return fmt.Sprintf("read %s: SQLSTATE %s", e.View, e.Code())
}

// Unwrap returns the server's error.
func (e *ViewError) Unwrap() error { return e.Err }

// Code is the SQLSTATE, or "none" for what was refused before the server saw it.
func (e *ViewError) Code() string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](e.Err); ok {
		return pgErr.Code
	}
	return "none"
}

// AtRow says that some row may be the cause, so that other rows can be read.
func (e *ViewError) AtRow() bool {
	switch e.Code()[:2] {
	case "21", "22", "23", "2F", "38", "39", "44", "P0": // cardinality, data, constraints, routines, raised
		return true
	}
	return false
}

// viewError classifies what came of a question about a view. What the server
// says about itself, or the connection, is no ViewError.
func (sn *Snap) viewError(view string, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*ViewError](err); ok {
		return known
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && !sn.tx.Conn().IsClosed() {
		switch pgErr.Code[:2] {
		case "08", "25", "40", "53", "57", "58", "XX": // connection, state, rollback, resources, operator, system, internal
		default:
			return &ViewError{View: view, Err: err}
		}
	}
	return fmt.Errorf("read %s: %w", view, err)
}
