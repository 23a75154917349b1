// Package statetest gives tests databases that have a state already.
package statetest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/internal/pgtest"
	"rollcall/internal/store"
)

// Database is a new database with an empty state and nothing else.
func Database(t testing.TB) *pgtest.DB {
	t.Helper()
	return pgtest.Template(t, "state", Migrate)
}

// Migrate makes an empty state in the database of a session, beside what is there:
// the last step of building a template.
func Migrate(ctx context.Context, conn *pgx.Conn) error {
	config, err := pgxpool.ParseConfig("")
	if err != nil {
		return err
	}
	config.ConnConfig = conn.Config().Copy()
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	return store.Migrate(ctx, pool)
}
