package chamber

import (
	"context"
	_ "embed" // for expected.sql
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ExpectedSQL is the statement behind Expected. Its columns are those of
// Expectation, in that order.
//
//go:embed expected.sql
var ExpectedSQL string

// Expectation says whether an address must be on a list or must not.
type Expectation struct {
	Association int64
	List        string // name of the list in Constant Contact
	Address     string // normalised
	On          bool
}

// Expected reads from the member tables who must be on which list and who must
// not, ordered by association, list and address. It is a reading of
// docs/semantics.md in plain SQL, independent of the planner. Pairs that it
// does not name may be on the list or not; lists nobody has a claim on are not
// named either.
func Expected(ctx context.Context, db interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
},
) ([]Expectation, error) {
	rows, err := db.Query(ctx, ExpectedSQL)
	if err != nil {
		return nil, fmt.Errorf("read expected lists: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Expectation, error) {
		var e Expectation
		var verdict string
		err := row.Scan(&e.Association, &e.List, &e.Address, &verdict)
		e.On = verdict == "on"
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("read expected lists: %w", err)
	}
	return all, nil
}
