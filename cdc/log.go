package cdc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// LogTable is where triggers write the keys of changed rows, on a server where
// logical replication cannot be had.
const LogTable = "rollcall.log"

// ChangeLog is what there is of the log of changes, and where the server is.
type ChangeLog struct {
	ID         uint32    // of the table: another one when it was made anew; 0: there is none
	Oldest     time.Time // when the oldest row that is not moved yet was written; zero: all are moved
	Bytes      int64     // with its index, and with the room of rows that were moved
	CurrentLSN LSN       // everything before it is on the server's disk
}

// ReadChangeLog reads the state of the log over any connection to the database.
func ReadChangeLog(ctx context.Context, conn *pgx.Conn) (ChangeLog, error) {
	var l ChangeLog
	var at int64
	err := conn.QueryRow(ctx, `select coalesce(pg_catalog.to_regclass('rollcall.log')::oid, 0),
		case when not pg_catalog.pg_is_in_recovery() then (pg_catalog.pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint else -1 end`).Scan(&l.ID, &at)
	if err == nil && at < 0 {
		return ChangeLog{}, problem(ErrRecovery, "point source.url at the primary")
	}
	if err == nil && l.ID != 0 {
		var oldest *time.Time
		err = conn.QueryRow(ctx, "select oldest, bytes from rollcall.log_lag()").Scan(&oldest, &l.Bytes)
		if oldest != nil {
			l.Oldest = *oldest
		}
	}
	if err != nil {
		return ChangeLog{}, logError(fmt.Errorf("read %s: %w", LogTable, err))
	}
	l.CurrentLSN = LSN(at)
	return l, nil
}

// PrepareLog checks that the database can be followed by its log of changes, and
// says where it is. What it finds wrong is one of the package's errors.
func PrepareLog(ctx context.Context, conn *pgx.Conn) (ChangeLog, error) {
	l, err := ReadChangeLog(ctx, conn)
	if err != nil {
		return l, err
	}
	if l.ID == 0 {
		return l, noLog()
	}
	var may bool
	err = conn.QueryRow(ctx, "select pg_catalog.has_table_privilege('rollcall.log', 'select') and pg_catalog.has_table_privilege('rollcall.log', 'delete')").Scan(&may)
	if err != nil {
		return l, logError(fmt.Errorf("look at %s: %w", LogTable, err))
	}
	if !may {
		return l, problem(ErrLogRefused, "the role %q may not read and empty it; run sql/contract/05_role.sql again", conn.Config().User)
	}
	return l, nil
}

func noLog() error {
	return problem(ErrLogMissing, "there is no table %s; run sql/contract/triggers/04_triggers.sql, or set source.capture: replication", LogTable)
}

// logError types what the server answers to whoever reads the log, by SQLSTATE.
func logError(err error) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err
	}
	switch pgErr.Code {
	case "42P01", "3F000", "42883": // undefined_table, invalid_schema_name, undefined_function
		return noLog()
	case "42501": // insufficient_privilege
		return problem(ErrLogRefused, "Rollcall's role may not read and empty %s; run sql/contract/05_role.sql again", LogTable)
	case "28000", "28P01", "3D000": // authorization, password, database
		return problem(ErrRefused, "SQLSTATE %s; look at the address, the password and the server's pg_hba.conf", pgErr.Code)
	}
	return err
}

// logRow is a row of the log.
type logRow struct {
	id        pgtype.UUID
	xid       uint64
	at        time.Time
	table     *string // nil: a request
	columns   []string
	keys      pgtype.FlatArray[*string] // of all changed rows, one after the other, in the order of columns
	truncated bool
	request   *string
}

// declareLog reads the rows of transactions from an id on.
const declareLog = `declare moved no scroll cursor for
	select id, xid::text::bigint, at, "table", columns, keys, coalesce(truncated, false), request
	from rollcall.log where xid >= $1::text::xid8 order by xid`

func (r *logRow) targets() []any {
	return []any{&r.id, &r.xid, &r.at, &r.table, &r.columns, &r.keys, &r.truncated, &r.request}
}

// digest tells a request from all others when its row is read again: rows have no
// position of their own.
func (r *logRow) digest() uint64 {
	return binary.BigEndian.Uint64(r.id.Bytes[8:]) | 1<<63 // beyond every position
}
