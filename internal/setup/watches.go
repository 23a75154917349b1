package setup

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/cdc"
)

// WatchError says why the resolve statement of a watch cannot be used.
type WatchError struct {
	Watch cdc.Watch
	// Kind is columns, parameters or refused.
	Kind string
	Text string
}

func (e *WatchError) Error() string {
	return fmt.Sprintf("watch of %s (%s): its resolve statement %s", e.Watch.Table, e.Watch.Kind, e.Text)
}

// resolveHints say what mends a statement that the server refuses, by SQLSTATE.
var resolveHints = map[string]string{
	"42P01": "it runs with an empty search_path, so name each view with its schema: rollcall.…",
	"42883": "it runs with an empty search_path, and a key has the type of what it is compared with",
	"42501": "it runs as the role rollcall, which reads the views of the schema rollcall and no table: make a view there for it",
	"42P18": "it must use every parameter, $1 and on in the order of keys; where nothing gives one a type, write $1::text",
}

// TryResolve has the server prepare a watch's resolve statement with the rights
// of the present user. What is wrong with it is a *WatchError.
func TryResolve(ctx context.Context, conn *pgx.Conn, w cdc.Watch) error {
	if w.Resolve == "" {
		return nil
	}
	const name = "rollcall_resolve"
	description, err := conn.Prepare(ctx, name, w.Resolve)
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		text := fmt.Sprintf("is refused: %s (SQLSTATE %s)", pgErr.Message, pgErr.Code)
		if more := resolveHints[pgErr.Code]; more != "" {
			text += "; " + more
		}
		return &WatchError{Watch: w, Kind: "refused", Text: text}
	}
	if err != nil {
		return fmt.Errorf("prepare resolve statement of %s: %w", w.Table, err)
	}
	if err := conn.Deallocate(ctx, name); err != nil {
		return fmt.Errorf("prepare resolve statement of %s: %w", w.Table, err)
	}
	want := 1
	if w.Kind == cdc.KindAddress {
		want = 2
	}
	switch {
	case len(description.Fields) != want:
		return &WatchError{Watch: w, Kind: "columns", Text: fmt.Sprintf("returns %d columns, and the kind %s wants %d", len(description.Fields), w.Kind, want)}
	case len(description.ParamOIDs) != len(w.Keys):
		return &WatchError{Watch: w, Kind: "parameters", Text: fmt.Sprintf("uses %d parameters, and there are %d keys", len(description.ParamOIDs), len(w.Keys))}
	}
	return nil
}

// tryWatches tries every resolve statement as the role that will run it, or as
// the present user where that may not become the role.
func tryWatches(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `select "table", keys, kind, coalesce(resolve, '') from rollcall.watches order by 1, 2, 3`)
	if err != nil {
		return fmt.Errorf("read rollcall.watches: %w", err)
	}
	watches, err := pgx.CollectRows(rows, pgx.RowToStructByPos[cdc.Watch])
	if err != nil {
		return fmt.Errorf("read rollcall.watches: %w", err)
	}
	if len(watches) == 0 {
		return errors.New("apply the watches: rollcall.watches has no rows, so no change would ever be noticed; insert one row for each table that the views read")
	}
	// Since version 16 whoever made the role is a member of it that may not become it.
	var may bool
	err = tx.QueryRow(ctx, `select pg_catalog.pg_has_role(current_user, 'rollcall',
		case when pg_catalog.current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end)`).Scan(&may)
	if err != nil {
		return fmt.Errorf("look at the role rollcall: %w", err)
	}
	if may {
		if _, err := tx.Exec(ctx, "set local role rollcall"); err != nil {
			return fmt.Errorf("become the role rollcall: %w", err)
		}
	}
	if _, err := tx.Exec(ctx, "set local search_path = ''"); err != nil { // as run does
		return fmt.Errorf("set search_path: %w", err)
	}
	for _, w := range watches {
		if err := w.Validate(); err != nil {
			return err
		}
		if err := TryResolve(ctx, tx.Conn(), w); err != nil {
			return err
		}
	}
	// The explicit role and path end with the transaction, but what follows in
	// it is done as before.
	_, err = tx.Exec(ctx, "set local role none; set local search_path to default")
	if err != nil {
		return fmt.Errorf("go on as before: %w", err)
	}
	return nil
}
