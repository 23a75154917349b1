package cdc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// slotPatience is how long the creation of a slot may wait for older
// transactions of the server.
const slotPatience = 20 * time.Second

// Prepared says what Prepare found.
type Prepared struct {
	Created   bool // the slot is new: everything has to be looked at
	Confirmed LSN  // its confirmed_flush_lsn
}

// Prepare checks that the member database can be followed and creates the slot
// if there is none. The publication has to exist before the slot: a slot that
// is older than its publication fails for ever. What it finds wrong is one of
// the package's errors and leaves nothing behind.
func Prepare(ctx context.Context, conn *pgx.Conn, slot, publication string) (Prepared, error) {
	if err := checkServer(ctx, conn, publication); err != nil {
		return Prepared{}, err
	}
	found, err := findSlot(ctx, conn, slot)
	if err != nil || !found.Created {
		return found, err
	}
	if err := createSlot(ctx, conn, slot); err != nil {
		return Prepared{}, err
	}
	found, err = findSlot(ctx, conn, slot)
	found.Created = true
	return found, err
}

func checkServer(ctx context.Context, conn *pgx.Conn, publication string) error {
	var level string
	var recovering, replication, published bool
	err := conn.QueryRow(ctx, `select pg_catalog.current_setting('wal_level'), pg_catalog.pg_is_in_recovery(),
			(select rolreplication or rolsuper from pg_catalog.pg_roles where rolname = current_user),
			exists (select from pg_catalog.pg_publication where pubname = $1)`, publication).
		Scan(&level, &recovering, &replication, &published)
	if err != nil {
		return fmt.Errorf("check the member database: %w", err)
	}
	switch {
	case level != "logical":
		return problem(ErrWALLevel, "it is %s; run alter system set wal_level = logical and restart the server", level)
	case recovering:
		return problem(ErrSlotForeign, "the server is a stand-by; point source.url at the primary")
	case !replication:
		return problem(ErrNoReplication, "run alter role %q replication as a superuser", conn.Config().User)
	case !published:
		return problem(ErrPublicationMissing, "there is no publication %q in database %s; run sql/contract/04_publication.sql there", publication, conn.Config().Database)
	}
	return nil
}

// findSlot looks for the slot; Created says that it has to be made.
func findSlot(ctx context.Context, conn *pgx.Conn, slot string) (Prepared, error) {
	var plugin, database *string
	var here, gone bool
	var confirmed *string
	err := conn.QueryRow(ctx, `select plugin::text, database::text, coalesce(database = current_database(), false),
			confirmed_flush_lsn::text, coalesce(wal_status = 'lost', false)
		from pg_catalog.pg_replication_slots where slot_name = $1`, slot).Scan(&plugin, &database, &here, &confirmed, &gone)
	if errors.Is(err, pgx.ErrNoRows) {
		return Prepared{Created: true}, nil
	}
	if err != nil {
		return Prepared{}, fmt.Errorf("read slot %s: %w", slot, err)
	}
	switch {
	case !here || plugin == nil || *plugin != "pgoutput" || confirmed == nil:
		return Prepared{}, problem(ErrSlotForeign, "slot %q exists for another database or plugin; set source.slot to another name", slot)
	case gone:
		return Prepared{}, lost(slot)
	}
	var p Prepared
	if err := p.Confirmed.Scan(*confirmed); err != nil {
		return Prepared{}, fmt.Errorf("read slot %s: %w", slot, err)
	}
	return p, nil
}

func lost(slot string) error {
	return problem(ErrSlotLost, "slot %q; drop it with select pg_drop_replication_slot('%s') and start again: everything is looked at anew. "+
		"max_slot_wal_keep_size decides how much the server keeps", slot, slot)
}

// createSlot waits for older transactions only so long: statement_timeout does
// not bound that wait, lock_timeout does. A slot that did not come about in
// time leaves nothing behind.
func createSlot(ctx context.Context, conn *pgx.Conn, slot string) error {
	if _, err := conn.Exec(ctx, fmt.Sprintf("set lock_timeout = %d", slotPatience.Milliseconds())); err != nil {
		return fmt.Errorf("create slot %s: %w", slot, err)
	}
	_, err := conn.Exec(ctx, "select pg_catalog.pg_create_logical_replication_slot($1, 'pgoutput')", slot)
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err
	}
	switch pgErr.Code {
	case "55P03":
		return problem(ErrSlotWaits, "waited %s; open are %s; end them, or start again when they have ended", slotPatience, waitsFor(ctx, conn))
	case "42501":
		return problem(ErrNoReplication, "run alter role %q replication as a superuser", conn.Config().User)
	case "53400":
		return fmt.Errorf("create slot %s: all replication slots are in use; raise max_replication_slots or drop one that nobody uses: SQLSTATE %s", slot, pgErr.Code)
	case "42710":
		return nil // another process made it at the same moment
	}
	return fmt.Errorf("create slot %s: %w", slot, err)
}

// waitsFor names the transactions that hold up the creation of a slot.
func waitsFor(ctx context.Context, conn *pgx.Conn) string {
	var who string
	err := conn.QueryRow(ctx, `select coalesce(string_agg(w, ', '), 'transactions that this role may not see') from (
			(select 'process ' || pid as w from pg_catalog.pg_stat_activity
				where backend_xid is not null and pid <> pg_backend_pid() order by xact_start limit 5)
			union all
			(select 'prepared transaction ' || quote_literal(gid) from pg_catalog.pg_prepared_xacts order by prepared limit 5)) x`).Scan(&who)
	if err != nil {
		return "transactions that could not be listed"
	}
	return who
}
