package cdc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// slotPatience is how long the creation of a slot may wait for older
// transactions of the server.
const slotPatience = 20 * time.Second

// Slot is what pg_replication_slots says of a slot, and where the server is.
type Slot struct {
	Exists            bool // without it only CurrentLSN is set
	Plugin            string
	Here              bool // it belongs to the database that was asked
	Active            bool
	RestartLSN        LSN
	ConfirmedFlushLSN LSN
	WALStatus         string // reserved, extended, unreserved or lost
	SafeWALBytes      int64  // until the slot is lost; -1: no limit
	CurrentLSN        LSN    // how far the server has written
}

// RetainedBytes is how much write-ahead log the server keeps for the slot.
func (s Slot) RetainedBytes() int64 { return int64(s.CurrentLSN - s.RestartLSN) }

// usable says why a slot cannot be read, with what to do about it.
func (s Slot) usable(name string) error {
	switch {
	case !s.Exists:
		return missing(name)
	case !s.Here || s.Plugin != "pgoutput":
		return problem(ErrSlotForeign, "slot %q; set source.slot to another name", name)
	case s.WALStatus == "lost":
		return lost(name)
	}
	return nil
}

// ReadSlot reads the state of a slot over any connection to its server.
func ReadSlot(ctx context.Context, conn *pgx.Conn, slot string) (Slot, error) {
	rows, err := query(ctx, conn.PgConn(), fmt.Sprintf(inspectQuery, literal(""), literal(slot)))
	if err != nil {
		return Slot{}, fmt.Errorf("read slot %s: %w", slot, err)
	}
	return parseSlot(slot, rows[0])
}

// inspectQuery asks for all that has to be in order before a stream can start.
const inspectQuery = `select pg_catalog.current_setting('wal_level'), pg_catalog.pg_is_in_recovery(),
		exists (select from pg_catalog.pg_publication where pubname = %s), pg_catalog.current_database(),
		s.slot_name is not null, s.plugin, coalesce(s.database = pg_catalog.current_database(), false), s.active,
		s.restart_lsn, s.confirmed_flush_lsn, s.wal_status, s.safe_wal_size,
		case when not pg_catalog.pg_is_in_recovery() then pg_catalog.pg_current_wal_lsn() end
	from (values (1)) x left join pg_catalog.pg_replication_slots s on s.slot_name = %s`

// inspect reads the slot and says what else keeps the database from being
// followed.
func inspect(ctx context.Context, conn *pgconn.PgConn, slot, publication string) (Slot, error) {
	rows, err := query(ctx, conn, fmt.Sprintf(inspectQuery, literal(publication), literal(slot)))
	if err != nil {
		return Slot{}, fmt.Errorf("read slot %s: %w", slot, err)
	}
	switch row := rows[0]; {
	case string(row[1]) == "t":
		return Slot{}, problem(ErrRecovery, "point source.url at the primary")
	case string(row[0]) != "logical":
		return Slot{}, problem(ErrWALLevel, "it is %s; run alter system set wal_level = 'logical' and restart the server", row[0])
	case string(row[2]) != "t":
		return Slot{}, problem(ErrPublicationMissing, "there is no publication %q in database %q; run sql/contract/04_publication.sql there", publication, row[3])
	}
	return parseSlot(slot, rows[0])
}

func parseSlot(name string, row [][]byte) (Slot, error) {
	s := Slot{
		Exists: string(row[4]) == "t", Plugin: string(row[5]), Here: string(row[6]) == "t", Active: string(row[7]) == "t",
		WALStatus: string(row[10]), SafeWALBytes: -1,
	}
	var errs [4]error
	for i, column := range []struct {
		lsn  *LSN
		text []byte
	}{{&s.RestartLSN, row[8]}, {&s.ConfirmedFlushLSN, row[9]}, {&s.CurrentLSN, row[12]}} {
		if column.text != nil {
			errs[i] = column.lsn.Scan(string(column.text))
		}
	}
	if row[11] != nil {
		s.SafeWALBytes, errs[3] = strconv.ParseInt(string(row[11]), 10, 64)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return Slot{}, fmt.Errorf("read slot %s: %w", name, err)
	}
	return s, nil
}

// Check says what keeps a database from being followed and waiting does not
// mend, as one of the package's errors. It asks over conn, and then logs in as
// a reader does. A slot that is missing is no error: Prepare makes it. Check
// leaves nothing behind.
func Check(ctx context.Context, conn *pgx.Conn, slot, publication string) error {
	found, err := inspect(ctx, conn.PgConn(), slot, publication)
	if err == nil && found.Exists {
		err = found.usable(slot)
	}
	if err != nil {
		return err
	}
	settings := conn.Config().Config.Copy()
	settings.RuntimeParams["replication"] = "database"
	reader, err := pgconn.ConnectConfig(ctx, settings)
	if err != nil {
		if err = streamError(err, Config{Conn: settings, Slot: slot, Publication: publication}); passing(err) {
			return nil
		}
		return err
	}
	return reader.Close(ctx)
}

// Prepared says what Prepare found.
type Prepared struct {
	Created bool // the slot is new: everything has to be looked at
	// Confirmed is its confirmed_flush_lsn. Above the stored position, somebody
	// else has read the slot, or it was made anew.
	Confirmed LSN
	// Current is how far the server has written. Below the stored position, it
	// went back in time.
	Current LSN
}

// Prepare checks that the member database can be followed and creates the slot
// if there is none. The publication has to exist before the slot: a slot that
// is older than its publication fails for ever. What it finds wrong is one of
// the package's errors and leaves nothing behind.
func Prepare(ctx context.Context, conn *pgx.Conn, slot, publication string) (Prepared, error) {
	return prepare(ctx, conn, slot, publication, slotPatience)
}

func prepare(ctx context.Context, conn *pgx.Conn, slot, publication string, patience time.Duration) (Prepared, error) {
	found, err := inspect(ctx, conn.PgConn(), slot, publication)
	if err != nil {
		return Prepared{}, err
	}
	created := !found.Exists
	if created {
		if err := createSlot(ctx, conn, slot, patience); err != nil {
			return Prepared{}, err
		}
		if found, err = inspect(ctx, conn.PgConn(), slot, publication); err != nil {
			return Prepared{}, err
		}
	}
	if err := found.usable(slot); err != nil {
		return Prepared{}, err
	}
	return Prepared{Created: created, Confirmed: found.ConfirmedFlushLSN, Current: found.CurrentLSN}, nil
}

// failoverSlots is the first version on which a stand-by that synchronises slots
// takes ours over. Without such a stand-by that costs nothing.
const failoverSlots = 170000

// createSlot waits for older transactions only so long: statement_timeout does
// not bound that wait, lock_timeout does. A slot that did not come about in
// time leaves nothing behind.
func createSlot(ctx context.Context, conn *pgx.Conn, slot string, patience time.Duration) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, fmt.Sprintf("set local lock_timeout = %d", patience.Milliseconds())); err != nil {
			return err
		}
		var version int
		if err := tx.QueryRow(ctx, "select pg_catalog.current_setting('server_version_num')::integer").Scan(&version); err != nil {
			return err
		}
		create := "select pg_catalog.pg_create_logical_replication_slot($1, 'pgoutput')"
		if version >= failoverSlots {
			create = "select pg_catalog.pg_create_logical_replication_slot($1, 'pgoutput', failover => true)"
		}
		_, err := tx.Exec(ctx, create, slot)
		return err
	})
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		switch pgErr.Code {
		case "42710": // duplicate_object
			return nil // another process made it at the same moment
		case "55P03": // lock_not_available
			return problem(ErrSlotWaits, "waited %s; open are %s; end them, or start again when they have ended", patience, holdUps(ctx, conn))
		case "42501": // insufficient_privilege
			return noReplication(conn.Config().User)
		case "53400": // configuration_limit_exceeded
			return problem(ErrSlotsExhausted, "drop one that nobody reads (select slot_name from pg_replication_slots where not active), "+
				"or raise max_replication_slots and restart the server")
		}
	}
	if err != nil {
		return fmt.Errorf("create slot %s: %w", slot, err)
	}
	return nil
}

// holdUps names the transactions that hold up the creation of a slot.
func holdUps(ctx context.Context, conn *pgx.Conn) string {
	var who string
	err := conn.QueryRow(ctx, `select coalesce(string_agg(w, ', '), 'transactions that this role may not see') from (
			(select 'process ' || pid as w from pg_catalog.pg_stat_activity
				where backend_xid is not null and pid <> pg_catalog.pg_backend_pid() order by xact_start limit 5)
			union all
			(select 'prepared transaction ' || pg_catalog.quote_literal(gid) from pg_catalog.pg_prepared_xacts order by prepared limit 5)) x`).Scan(&who)
	if err != nil {
		return "transactions that could not be listed"
	}
	return who
}
