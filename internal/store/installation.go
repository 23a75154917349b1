package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/sql"
)

// Installation says which database a source is.
type Installation struct {
	SystemID    string
	Timeline    int32
	DatabaseOID uint32
	Slot        string
	WithState   bool // the state is in the same database
}

// Same says whether two are the same database, and neither is a copy of it that
// began a life of its own.
func (i Installation) Same(other Installation) bool {
	return i.SystemID == other.SystemID && i.Timeline == other.Timeline && i.DatabaseOID == other.DatabaseOID
}

// NameError says that a database is on record under another name. Under a new
// one, nothing would be known of who left a list.
type NameError struct {
	Source string // the name that is configured
	Known  string // the name on record
}

func (e *NameError) Error() string {
	return fmt.Sprintf("check installation: source %q is on record as %q: every row of the state begins with that name", e.Source, e.Known)
}

// Installation returns what is on record for the source; the first time it
// records what is given. A database that is on record under another name is a
// *NameError.
func (s *Store) Installation(ctx context.Context, now Installation) (known Installation, err error) {
	err = s.begin(ctx, "read installation", func(tx pgx.Tx) error {
		found, recorded, err := s.known(ctx, tx)
		if err != nil {
			return err
		}
		if recorded {
			known = found
			_, err := tx.Exec(ctx, `update rollcall_state.installation set with_state = $2 where source = $1 and with_state is null`, s.source, now.WithState)
			return err
		}
		var other string
		err = tx.QueryRow(ctx, sql.Query("installation_other"), s.source, now.SystemID, now.DatabaseOID, now.WithState).Scan(&other)
		if err == nil {
			return &NameError{Source: s.source, Known: other}
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		known = now
		_, err = tx.Exec(ctx, `insert into rollcall_state.installation (source, system_id, timeline, database_oid, slot, with_state, created_at)
			values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`,
			s.source, now.SystemID, now.Timeline, now.DatabaseOID, now.Slot, now.WithState, s.now())
		return err
	})
	return known, err
}

// KnownInstallation returns which database the source is on record as; recorded
// is false before run has seen it.
func (s *Store) KnownInstallation(ctx context.Context) (known Installation, recorded bool, err error) {
	known, recorded, err = s.known(ctx, s.pool)
	if err != nil {
		return known, false, fmt.Errorf("read installation: %w", err)
	}
	return known, recorded, nil
}

// queryRower is a pool or a transaction.
type queryRower interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (s *Store) known(ctx context.Context, db queryRower) (known Installation, recorded bool, err error) {
	err = db.QueryRow(ctx, `select system_id, timeline, database_oid, slot, coalesce(with_state, false)
		from rollcall_state.installation where source = $1`, s.source).
		Scan(&known.SystemID, &known.Timeline, &known.DatabaseOID, &known.Slot, &known.WithState)
	if errors.Is(err, pgx.ErrNoRows) {
		return known, false, nil
	}
	return known, err == nil, err
}

// AdoptedAs says why another database is the right one.
type AdoptedAs string

// The reasons of an adoption.
const (
	AdoptedFailover AdoptedAs = "failover" // a stand-by took over, or the database moved
	AdoptedRestored AdoptedAs = "restored" // it is a backup: it went back in time
)

// Adoption takes a database for the right one from now on.
type Adoption struct {
	Database Installation
	As       AdoptedAs
	By       string // a person, or the setting
	// Kept is up to where the log of the database that was known before is this
	// one's too: 0 for another log.
	Kept cdc.LSN
	// WentBack: what was read before is not all in this database.
	WentBack bool
}

// Adopted is what is on record of the last adoption. At is zero for none.
type Adopted struct {
	At time.Time
	By string
	As AdoptedAs
}

// LastAdoption reads who took the present database for the right one, and when.
func (s *Store) LastAdoption(ctx context.Context) (last Adopted, err error) {
	var at *time.Time
	err = s.pool.QueryRow(ctx, "select adopted_at, adopted_by, adopted_as from rollcall_state.installation where source = $1", s.source).
		Scan(&at, &last.By, &last.As)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return last, fmt.Errorf("read installation: %w", err)
	}
	if at != nil {
		last.At = *at
	}
	return last, nil
}

// ErrAdoptedMeanwhile says that another has adopted a database in between.
var ErrAdoptedMeanwhile = errors.New("another has adopted a database meanwhile; look again")

// Adopt makes a database the source's in one transaction. Transaction ids of the
// one that was known before mean nothing there and are dropped. Everything is
// touched, and a full reconciliation is due. Removals are held: after a failover
// until that is complete, and where the database went back in time until
// somebody agrees.
func (s *Store) Adopt(ctx context.Context, known Installation, a Adoption) error {
	return s.begin(ctx, "adopt database", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql.Query("installation_adopt"), s.source, known.SystemID, known.Timeline, known.DatabaseOID,
			a.Database.SystemID, a.Database.Timeline, a.Database.DatabaseOID, a.Database.Slot, a.Database.WithState, s.now(), a.By, string(a.As))
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrAdoptedMeanwhile
		}
		for _, statement := range []string{
			"delete from rollcall_state.touched where source = $1 and via = 'packed'", // transactions are in its keys too; everything is touched below
			"update rollcall_state.touched set xids = '{}', version = version + 1 where source = $1 and xids <> '{}'",
			"update rollcall_state.request set xid = null where source = $1 and xid is not null",
		} {
			if _, err := tx.Exec(ctx, statement, s.source); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `update rollcall_state.position set durable_lsn = least(durable_lsn, '0/0'::pg_lsn + $2::numeric), touch_all_after = null
			where source = $1`, s.source, uint64(a.Kept)); err != nil {
			return err
		}
		if a.As == AdoptedFailover {
			if err := s.raise(ctx, tx, AlarmGap); err != nil {
				return err
			}
		}
		if a.As == AdoptedRestored || a.WentBack {
			if err := s.raise(ctx, tx, AlarmWentBack); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, sql.Query("widen_touch"), s.source, string(cdc.KindAll), []string{}, s.now()); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "update rollcall_state.due set at = least(at, $2::timestamptz) where source = $1 and what = 'reconcile'", s.source, s.now())
		if err != nil {
			return err
		}
		return s.Association("").record(ctx, tx, a.By, Act{
			What: ActAdoptDatabase, Subjects: []string{subject("system", a.Database.SystemID), subject("system", known.SystemID)},
			Detail: "in place of the database before, as " + string(a.As),
		})
	})
}
