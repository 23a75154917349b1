package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/mapper"
)

// Store is the state of one source (one member database).
type Store struct {
	pool   *pgxpool.Pool
	source string
	now    func() time.Time
}

// New returns the state of the source with that configured name.
func New(pool *pgxpool.Pool, source string, now func() time.Time) *Store {
	return &Store{pool: pool, source: source, now: now}
}

// Association narrows the state to one association.
func (s *Store) Association(id string) *Association {
	return &Association{Store: s, id: id}
}

// Association is the state of one association of a source.
type Association struct {
	*Store
	id string
}

func (s *Store) begin(ctx context.Context, what string, f func(pgx.Tx) error) error {
	if err := pgx.BeginFunc(ctx, s.pool, f); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func addressStrings(addresses []mapper.Address) []string {
	out := make([]string, len(addresses))
	for i, a := range addresses {
		out[i] = string(a)
	}
	return out
}
