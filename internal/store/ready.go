package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/sql"
)

// ErrNotStarted says that there is no state yet.
var ErrNotStarted = errors.New("there is no schema rollcall_state: run has not been started yet")

// ErrOlderState says that the state was made by an older version.
var ErrOlderState = errors.New("the state schema is older than this binary")

// Started checks that there is a state. The error is ErrNotStarted or one of the
// connection.
func Started(ctx context.Context, pool *pgxpool.Pool) error {
	var exists bool
	err := pool.QueryRow(ctx, `select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		where n.nspname = 'rollcall_state' and c.relname = 'schema_version')`).Scan(&exists)
	if err != nil {
		return fmt.Errorf("look for schema rollcall_state: %w", err)
	}
	if !exists {
		return ErrNotStarted
	}
	return nil
}

// Ready checks that the schema rollcall_state has this binary's version. Unlike
// Migrate it changes nothing. The error is ErrNotStarted, ErrOlderState,
// ErrNewerState or one of the connection.
func Ready(ctx context.Context, pool *pgxpool.Pool) error {
	if err := Started(ctx, pool); err != nil {
		return err
	}
	var has int
	if err := pool.QueryRow(ctx, "select coalesce(max(version_id), 0) from rollcall_state.schema_version where is_applied").Scan(&has); err != nil {
		return fmt.Errorf("read version of schema rollcall_state: %w", err)
	}
	knows, err := newestMigration()
	switch {
	case err != nil:
		return err
	case has > knows:
		return compatible(ctx, pool, has, knows)
	case has < knows:
		return fmt.Errorf("read schema rollcall_state: it has version %d, this binary needs %d: %w", has, knows, ErrOlderState)
	}
	return nil
}

// newestMigration is the number that the last migration's file name begins with.
func newestMigration() (int, error) {
	files, err := fs.ReadDir(sql.FS, "migrations") // sorted by name
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("open migrations: %w", err)
	}
	number, _, _ := strings.Cut(files[len(files)-1].Name(), "_")
	n, err := strconv.Atoi(number)
	if err != nil {
		return 0, fmt.Errorf("open migrations: %w", err)
	}
	return n, nil
}
