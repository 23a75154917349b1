package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rollcall/sql"
)

// Measure is one number about the state, for metrics.
type Measure struct {
	Metric      string   // without prefix
	Association string   // empty: of the source, or of all
	Labels      []string // without the association
	Value       float64
}

// The groups of measures, each of one statement.
const (
	MeasureQueue      = "metrics_queue"
	MeasurePosition   = "metrics_position"
	MeasureActivities = "metrics_activities"
	MeasurePeople     = "metrics_people"
	MeasureQuestions  = "metrics_questions"
	MeasureRuns       = "metrics_runs"
	MeasureAccounts   = "metrics_accounts"
	MeasureKeys       = "metrics_keys"
	// MeasureLists reads the whole ledger, so it is not for every few seconds.
	MeasureLists = "metrics_lists"
)

// Measure reads one group. It holds no member data.
func (s *Store) Measure(ctx context.Context, group string) ([]Measure, error) {
	args := []any{s.source, s.now()}
	if group == MeasurePosition {
		args = args[:1]
	}
	rows, err := s.pool.Query(ctx, sql.Query(group), args...)
	if err != nil {
		return nil, fmt.Errorf("measure %s: %w", group, err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Measure])
	if err != nil {
		return nil, fmt.Errorf("measure %s: %w", group, err)
	}
	return found, nil
}
