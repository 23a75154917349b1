package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/internal/failpoint"
	"rollcall/internal/lease"
	"rollcall/sql"
)

// Leases are the leases of all processes that share the state database, whatever
// source they serve. It is a lease.Store.
type Leases struct {
	pool *pgxpool.Pool
	now  func() time.Time
}

// NewLeases returns the leases of a state database.
func NewLeases(pool *pgxpool.Pool, now func() time.Time) *Leases {
	return &Leases{pool: pool, now: now}
}

// Lease reads a lease; see lease.Store.
func (s *Leases) Lease(ctx context.Context, key string) (lease.Row, error) {
	rows, err := s.Read(ctx, []string{key})
	return rows[key], err
}

// Read reads leases; see lease.Board.
func (s *Leases) Read(ctx context.Context, keys []string) (map[string]lease.Row, error) {
	rows, err := s.pool.Query(ctx, sql.Query("lease_read"), keys)
	if err != nil {
		return nil, fmt.Errorf("read lease: %w", err)
	}
	found := make(map[string]lease.Row, len(keys))
	var key string
	var row lease.Row
	_, err = pgx.ForEachRow(rows, []any{
		&key, &row.Holder, &row.Serves, &row.Token, &row.Renewals, &row.HeldSince, &row.WantedBy, &row.WantedUntil,
	}, func() error {
		found[key] = row
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read lease: %w", err)
	}
	return found, nil
}

// TakeLease takes a lease that is as it was seen; see lease.Store.
func (s *Leases) TakeLease(ctx context.Context, key string, seen lease.Row, holder, serves string) (token int64, err error) {
	now := s.now()
	err = s.pool.QueryRow(ctx, sql.Query("lease_take"), key, seen.Token, seen.Renewals, holder, serves, now, now.Add(lease.TTL)).Scan(&token)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("take lease: %w", err)
	}
	failpoint.Hit(failpoint.LeaseTaken)
	return token, nil
}

// RenewLease renews a lease; see lease.Store. It does not wait for the disk: a
// server that forgets a renewal in a crash only makes others watch a little
// longer, because they count from what they saw last.
func (s *Leases) RenewLease(ctx context.Context, key string, token int64) (now lease.Row, ok bool, err error) {
	rows, err := s.pool.Query(ctx, sql.Query("lease_renew"), key, token, s.now().Add(lease.TTL))
	if err == nil {
		now, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[lease.Row])
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return lease.Row{}, false, nil
	}
	if err != nil {
		return lease.Row{}, false, fmt.Errorf("renew lease: %w", err)
	}
	return now, true, nil
}

// ReleaseLease frees a lease; see lease.Store.
func (s *Leases) ReleaseLease(ctx context.Context, key string, token int64) error {
	failpoint.Hit(failpoint.LeaseReleasing)
	_, err := s.pool.Exec(ctx, `update rollcall_state.lease set holder = '', renewals = renewals + 1, expires_at = $3 where key = $1 and token = $2`,
		key, token, s.now())
	if err != nil {
		return fmt.Errorf("release lease: %w", err)
	}
	return nil
}

// WantLease asks the holder of a lease to give it up; see lease.Store.
func (s *Leases) WantLease(ctx context.Context, key, who string, lasts time.Duration) error {
	now := s.now()
	_, err := s.pool.Exec(ctx, `update rollcall_state.lease set wanted_by = $2, wanted_until = $4
		where key = $1 and (wanted_by in ('', $2) or wanted_until <= $3)`, key, who, now, now.Add(lasts))
	if err != nil {
		return fmt.Errorf("ask for lease: %w", err)
	}
	return nil
}
