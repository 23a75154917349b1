package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Sample is how something was at a time.
type Sample struct {
	At    time.Time
	Value float64
}

// SaveSamples records how things are now, by name, and forgets what is older than
// keep.
func (a *Association) SaveSamples(ctx context.Context, values map[string]float64, keep time.Duration) error {
	return a.begin(ctx, "record samples", func(tx pgx.Tx) error {
		for what, value := range values {
			_, err := tx.Exec(ctx, `insert into rollcall_state.sample (source, association, what, at, value) values ($1, $2, $3, $4, $5)
				on conflict do nothing`, a.source, a.id, what, a.now(), value)
			if err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "delete from rollcall_state.sample where source = $1 and association = $2 and at < $3", a.source, a.id, a.now().Add(-keep))
		return err
	})
}

// LastSample is when samples were recorded last; the zero time for never.
func (a *Association) LastSample(ctx context.Context) (time.Time, error) {
	var at *time.Time
	err := a.pool.QueryRow(ctx, "select max(at) from rollcall_state.sample where source = $1 and association = $2", a.source, a.id).Scan(&at)
	if err != nil || at == nil {
		return time.Time{}, err
	}
	return *at, nil
}

// Samples reads how something was since a time, the oldest first.
func (a *Association) Samples(ctx context.Context, what string, since time.Time) ([]Sample, error) {
	rows, err := a.pool.Query(ctx, `select at, value from rollcall_state.sample
		where source = $1 and association = $2 and what = $3 and at >= $4 order by at`, a.source, a.id, what, since)
	if err != nil {
		return nil, fmt.Errorf("read samples: %w", err)
	}
	samples, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Sample])
	if err != nil {
		return nil, fmt.Errorf("read samples: %w", err)
	}
	return samples, nil
}
