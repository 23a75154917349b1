package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/cdc"
	"rollcall/sql"
)

// Source reads one member database.
type Source struct {
	// Log is told of rows that cannot be used; nil: nobody is.
	Log *slog.Logger

	pool     *pgxpool.Pool
	custom   []string // further columns of rollcall.reps that are read
	findings findings

	has atomic.Pointer[extras]
}

// sessionSettings make the views mean the same in every session: a policy
// fails loudly (42501) instead of hiding rows, no search path can put another
// table in their place, and jit, which costs such views seconds, is off. Ids are
// written in one way, whatever a role or the database is set to.
var sessionSettings = map[string]string{
	"application_name":                    "rollcall",
	"client_encoding":                     "UTF8",
	"row_security":                        "off",
	"search_path":                         "",
	"jit":                                 "off",
	"timezone":                            "UTC",
	"statement_timeout":                   "0",
	"idle_in_transaction_session_timeout": "0",
	"lock_timeout":                        "0",
	"default_transaction_isolation":       "read committed",
	// As triggers write keys. Not datestyle and intervalstyle: by those a view also
	// reads what is kept as text.
	"extra_float_digits": "1",
	"bytea_output":       "hex",
}

// Configure sets what every session on the member database needs.
func Configure(cfg *pgx.ConnConfig) {
	for name, value := range sessionSettings {
		cfg.RuntimeParams[name] = value
	}
}

// ContractError says which part of the contract schema is missing.
type ContractError struct {
	Missing []string // views, or view.column
}

func (e *ContractError) Error() string {
	return fmt.Sprintf("read contract: the member database lacks %s; create what is missing as the files of sql/contract do, "+
		"and run 05_role.sql there for the privileges", strings.Join(e.Missing, ", "))
}

var contract = map[string][]string{
	"reps": {
		"association_id", "rep_id", "member_id", "email", "first_name", "last_name", "company", "job_title", "phone",
		"street", "city", "state", "zip", "country", "active", "member_status", "membership_types", "opted_out",
	},
	"groups":        {"association_id", "group_id", "name", "sync"},
	"group_members": {"association_id", "group_id", "rep_id", "disabled"},
	"options": {
		"association_id", "newsletter_solution", "sync_all_active", "sync_membership_types", "sync_groups",
		"window_start", "window_end", "time_zone",
	},
	"watches": {"table", "keys", "kind", "resolve"},
}

// New checks the contract on a pool whose sessions Configure prepared. A
// missing view or column is a *ContractError. custom are further columns of
// rollcall.reps that are read as texts; see mapper.Rep.Custom.
func New(ctx context.Context, pool *pgxpool.Pool, custom ...string) (*Source, error) {
	have, err := columns(ctx, pool)
	if err != nil {
		return nil, err
	}
	s := &Source{pool: pool, custom: custom}
	if missing := s.missingFrom(have); len(missing) > 0 {
		return nil, &ContractError{Missing: missing}
	}
	s.has.Store(extrasIn(have))
	return s, nil
}

// extras are the parts of the contract that may be left out.
type extras struct{ mailable, optOuts, types bool }

func extrasIn(have map[string]bool) *extras {
	return &extras{mailable: have["reps.mailable"], optOuts: have["opt_outs"], types: have["membership_types"]}
}

// Reload looks again for the parts of the contract that may be left out, after
// somebody has changed it. Snapshots that are open may see either.
func (s *Source) Reload(ctx context.Context) error {
	have, err := columns(ctx, s.pool)
	if err != nil {
		return err
	}
	if missing := s.missingFrom(have); len(missing) > 0 {
		return &ContractError{Missing: missing}
	}
	s.has.Store(extrasIn(have))
	return nil
}

// Querier asks the member database: a connection, a pool or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Missing says what the schema rollcall lacks of the contract: tables, views
// and their columns, with the schema.
func Missing(ctx context.Context, db Querier) ([]string, error) {
	have, err := columns(ctx, db)
	return missingFrom(have), err
}

// columns are the views that there are, and their columns as view.column.
func columns(ctx context.Context, db Querier) (map[string]bool, error) {
	rows, err := db.Query(ctx, sql.Query("source_contract"))
	if err != nil {
		return nil, fmt.Errorf("read contract: %w", err)
	}
	type column struct{ View, Name string }
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil {
		return nil, fmt.Errorf("read contract: %w", err)
	}
	have := map[string]bool{}
	for _, c := range found {
		have[c.View] = true
		have[c.View+"."+c.Name] = true
	}
	return have, nil
}

// HasTypes reports whether the optional view rollcall.membership_types exists.
func (s *Source) HasTypes() bool { return s.has.Load().types }

// missingFrom is what is missing of the contract and of the columns for custom
// fields.
func (s *Source) missingFrom(have map[string]bool) []string {
	missing := missingFrom(have)
	for _, name := range s.custom {
		if have["reps"] && !have["reps."+name] {
			missing = append(missing, "rollcall.reps."+name+" (of rules.custom_fields)")
		}
	}
	return missing
}

func missingFrom(have map[string]bool) []string {
	var missing []string
	for _, view := range []string{"reps", "groups", "group_members", "options", "watches"} {
		if !have[view] {
			missing = append(missing, "rollcall."+view)
			continue
		}
		for _, name := range contract[view] {
			if !have[view+"."+name] {
				missing = append(missing, "rollcall."+view+"."+name)
			}
		}
	}
	return missing
}

// Watches reads rollcall.watches.
func (s *Source) Watches(ctx context.Context) ([]cdc.Watch, error) {
	// CollectRows returns the error of Query too.
	rows, _ := s.pool.Query(ctx, `select "table", keys, kind, coalesce(resolve, '') from rollcall.watches order by 1, 2, 3`)
	watches, err := pgx.CollectRows(rows, pgx.RowToStructByPos[cdc.Watch])
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == "42501" { // insufficient_privilege
		return nil, fmt.Errorf("read rollcall.watches: the role %q may not; let the database's owner run sql/contract/05_role.sql, "+
			"or grant that role what it grants the role rollcall", s.pool.Config().ConnConfig.User)
	}
	if err != nil {
		return nil, fmt.Errorf("read rollcall.watches: %w", err)
	}
	if len(watches) == 0 {
		return nil, errors.New("read rollcall.watches: it has no rows, so no change would ever be noticed; insert one row for each table that the views read")
	}
	return watches, nil
}

// CurrentSnapshot asks for pg_current_snapshot() outside any transaction.
func (s *Source) CurrentSnapshot(ctx context.Context) (cdc.Snapshot, error) {
	var text string
	if err := s.pool.QueryRow(ctx, "select pg_catalog.pg_current_snapshot()::text").Scan(&text); err != nil {
		return cdc.Snapshot{}, fmt.Errorf("read snapshot of the member database: %w", err)
	}
	return cdc.ParseSnapshot(text)
}

// NewTransactionID assigns a transaction id and commits. Every transaction
// that is older has ended once pg_snapshot_xmin has passed it.
func (s *Source) NewTransactionID(ctx context.Context) (uint64, error) {
	var id uint64
	if err := s.pool.QueryRow(ctx, "select pg_catalog.pg_current_xact_id()::text::bigint").Scan(&id); err != nil {
		return 0, fmt.Errorf("assign transaction id in the member database: %w", err)
	}
	return id, nil
}

// Identity tells a database from its copies.
type Identity struct {
	SystemID    string
	Timeline    int32
	DatabaseOID uint32
}

// Identity reads the identity of the member database; see ReadIdentity.
func (s *Source) Identity(ctx context.Context) (Identity, error) { return ReadIdentity(ctx, s.pool) }

// ReadIdentity reads the server's system identifier and timeline, and the
// database's oid. The timeline is that of the log that is being written: what
// the last checkpoint says is old for a while after a stand-by was promoted. Of
// a stand-by the error is cdc.ErrRecovery.
func ReadIdentity(ctx context.Context, db interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
},
) (Identity, error) {
	var id Identity
	var file *string
	err := db.QueryRow(ctx, `select s.system_identifier::text, d.oid,
			case when not pg_catalog.pg_is_in_recovery() then pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()) end
		from pg_catalog.pg_control_system() s, pg_catalog.pg_database d
		where d.datname = pg_catalog.current_database()`).Scan(&id.SystemID, &id.DatabaseOID, &file)
	if err == nil && file == nil {
		err = cdc.ErrRecovery
	}
	if err != nil {
		return id, fmt.Errorf("read identity of the member database: %w", err)
	}
	timeline, err := strconv.ParseUint((*file)[:timelineDigits], 16, 32)
	if err != nil {
		return id, fmt.Errorf("read identity of the member database: %w", err)
	}
	id.Timeline = int32(timeline)
	return id, nil
}

// timelineDigits is how much of a log file's name is the timeline.
const timelineDigits = 8

// array is a text array literal: it lets the server read the elements as the
// view's own type, whatever that is.
func array(values []string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		for _, r := range v {
			if r == '"' || r == '\\' {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}
