package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"rollcall/sql"
)

// ErrNewerState says that a newer binary has migrated the state schema.
var ErrNewerState = errors.New("the state schema is newer than this binary; run the version that migrated it, or a later one")

// Migrate creates the schema rollcall_state when it is missing and brings its
// tables to this binary's version. Several starters at once are safe.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	if err := createSchema(ctx, pool); err != nil {
		return err
	}
	files, err := fs.Sub(sql.FS, "migrations")
	if err != nil {
		return fmt.Errorf("open migrations: %w", err)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("lock state schema: %w", err)
	}
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName("rollcall_state.schema_version"), goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("open migrations: %w", err)
	}
	if err := up(ctx, provider); err != nil {
		return fmt.Errorf("migrate schema rollcall_state: %w", err)
	}
	// Up is silent about versions that it does not know.
	has, knows, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read version of schema rollcall_state: %w", err)
	}
	if has > knows {
		return compatible(ctx, pool, int(has), int(knows))
	}
	return nil
}

// migrateAttempts is how often a migration is tried that got into a deadlock with
// an older binary at work.
const migrateAttempts = 5

func up(ctx context.Context, provider *goose.Provider) error {
	for attempt := 1; ; attempt++ {
		_, err := provider.Up(ctx)
		var pgErr *pgconn.PgError
		if errors.As(err, &pgErr) && pgErr.Code == "40P01" && attempt < migrateAttempts { // deadlock_detected
			continue
		}
		return err
	}
}

// compatible says whether a binary may work with a schema that is newer: another
// one is being put in its place, and both run for a while.
func compatible(ctx context.Context, pool *pgxpool.Pool, has, knows int) error {
	var level int
	if err := pool.QueryRow(ctx, "select level from rollcall_state.compat").Scan(&level); err != nil {
		return fmt.Errorf("read level of schema rollcall_state: %w", err)
	}
	if knows < level {
		return fmt.Errorf("read schema rollcall_state: it has version %d and needs a binary that knows %d; this one knows %d: %w", has, level, knows, ErrNewerState)
	}
	return nil
}

// createSchema asks first: CREATE SCHEMA IF NOT EXISTS wants the privilege
// even where the schema exists, which the contract's role does not have.
func createSchema(ctx context.Context, pool *pgxpool.Pool) error {
	var exists bool
	err := pool.QueryRow(ctx, "select exists (select from pg_catalog.pg_namespace where nspname = 'rollcall_state')").Scan(&exists)
	if err != nil {
		return fmt.Errorf("look for schema rollcall_state: %w", err)
	}
	if exists {
		return nil
	}
	_, err = pool.Exec(ctx, "create schema if not exists rollcall_state")
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == "42501" {
		return fmt.Errorf("create schema rollcall_state: the role %q may not; let the database's owner run: create schema rollcall_state authorization %q",
			pool.Config().ConnConfig.User, pool.Config().ConnConfig.User)
	}
	if pgErr != nil && pgErr.Code == "23505" {
		return nil // another starter was faster: IF NOT EXISTS does not wait for it
	}
	if err != nil {
		return fmt.Errorf("create schema rollcall_state: %w", err)
	}
	return nil
}
