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
	fence  func(context.Context, pgx.Tx) error // nil: none

	observer Observer // nil: nobody
	growth   *growth
}

// sessionSettings: a stopped process must not hold locks that another waits for; and
// no plan is kept, because tables as the queue are empty at one time and full at
// another, and a plan made for the one reads all of the other for each row. Nothing is
// compiled either: a statement about many rows runs too short for that to pay.
var sessionSettings = map[string]string{
	"application_name":                    "rollcall state",
	"timezone":                            "UTC",
	"idle_in_transaction_session_timeout": "5s",
	"plan_cache_mode":                     "force_custom_plan",
	"jit":                                 "off",
	"statement_timeout":                   "0",
	"lock_timeout":                        "0",
	"default_transaction_isolation":       "read committed", // a stricter one refuses to change what somebody else has
}

// Configure sets what every session on the state needs.
func Configure(cfg *pgx.ConnConfig) {
	for name, value := range sessionSettings {
		cfg.RuntimeParams[name] = value
	}
}

// New returns the state of the source with that configured name.
func New(pool *pgxpool.Pool, source string, now func() time.Time) *Store {
	return &Store{pool: pool, source: source, now: now, growth: newGrowth()}
}

// Fenced is the same state for who may change it only while a lease is held: each
// change is a transaction that begins with fence, see lease.Lease. Reading needs
// no lease.
func (s *Store) Fenced(fence func(context.Context, pgx.Tx) error) *Store {
	fenced := *s
	fenced.fence = fence
	return &fenced
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
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if s.fence != nil {
			if err := s.fence(ctx, tx); err != nil {
				return err
			}
		}
		return f(tx)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// write runs one statement that changes the state, fenced like a transaction.
func (s *Store) write(ctx context.Context, what, statement string, args ...any) (rows int64, err error) {
	if s.fence == nil {
		tag, err := s.pool.Exec(ctx, statement, args...)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", what, err)
		}
		return tag.RowsAffected(), nil
	}
	err = s.begin(ctx, what, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, statement, args...)
		rows = tag.RowsAffected()
		return err
	})
	return rows, err
}

func addressStrings(addresses []mapper.Address) []string {
	out := make([]string, len(addresses))
	for i, a := range addresses {
		out[i] = string(a)
	}
	return out
}
