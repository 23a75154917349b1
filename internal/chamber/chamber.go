// Package chamber fills the example member schema (sql/reference) with invented
// associations, makes up the work of their office, and says which lists the
// people should be on. Demonstrations, load tests and the end-to-end tests use
// it.
//
// Everything follows from a seed: the same options give the same rows, whatever
// the day. All addresses lie under example.org, example.com and example.net.
package chamber

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Options say how much to generate.
type Options struct {
	Seed         uint64
	Associations int // at least 1
	Reps         int // of each association
	Groups       int // of each association
}

// IDs are consecutive keys of one table, from First to Last.
type IDs struct{ First, Last int64 }

// Len is the number of keys.
func (r IDs) Len() int64 { return r.Last - r.First + 1 }

// part cuts the keys into n equal parts and returns the i-th.
func (r IDs) part(i, n int64) IDs {
	size := r.Len() / n
	return IDs{First: r.First + i*size, Last: r.First + (i+1)*size - 1}
}

// Summary says what was generated. Associations have the same number of reps
// and of groups, and their keys are consecutive: the first association has the
// lowest.
type Summary struct {
	Associations, Members, Reps, Groups IDs

	Types       []IDs // membership types of each association
	Memberships int64 // rows of chamber.group_membership
	OptOuts     int64 // rows of chamber.opt_out
}

// Generate adds associations to the example schema, in one transaction. Rows
// are streamed: memory does not grow with their number. The keys begin behind
// those that exist, so that in an empty schema they depend on the options only.
func Generate(ctx context.Context, conn *pgx.Conn, o Options) (Summary, error) {
	if o.Associations < 1 || o.Reps < 0 || o.Groups < 0 {
		return Summary{}, errors.New("generate chamber: want at least one association, no negative numbers")
	}
	var s Summary
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		g := generator{Options: o, first: map[string]int64{}}
		for _, t := range []struct{ table, column string }{
			{"association", "association_id"},
			{"membership_type", "membership_type_id"},
			{"member", "member_id"},
			{"rep", "rep_id"},
			{"rep_group", "group_id"},
			{"opt_out", "opt_out_id"},
		} {
			var last int64
			if err := tx.QueryRow(ctx, fmt.Sprintf("select coalesce(max(%s), 0) from chamber.%s", t.column, t.table)).Scan(&last); err != nil {
				return fmt.Errorf("read last key of chamber.%s: %w", t.table, err)
			}
			g.first[t.table] = last + 1
		}
		var err error
		s, err = g.fill(ctx, tx)
		return err
	})
	if err != nil {
		return Summary{}, fmt.Errorf("generate chamber: %w", err)
	}
	return s, nil
}
