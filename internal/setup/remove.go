package setup

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/sql"
)

// Present says what of Rollcall there is in a member database.
type Present struct {
	Slot        bool
	Active      bool     // somebody reads the slot
	OtherSlots  []string // of this database, by the name Rollcall's too
	Publication bool
	Log         bool // of changes, with the triggers that write it
	Schema      bool // rollcall
	State       bool // rollcall_state
	Role        bool
	Owned       bool // the session may drop the publication and the schema, if any
}

// Any says whether there is anything.
func (p Present) Any() bool { return p.Slot || p.Publication || p.Schema || p.State || p.Role }

// Look finds out what of Rollcall there is in a member database.
func Look(ctx context.Context, conn *pgx.Conn, slot string) (p Present, err error) {
	err = conn.QueryRow(ctx, `select
			exists (select from pg_catalog.pg_replication_slots where slot_name = $1 and database = current_database()),
			exists (select from pg_catalog.pg_replication_slots where slot_name = $1 and database = current_database() and active),
			array(select slot_name::text from pg_catalog.pg_replication_slots
			      where slot_name <> $1 and slot_name like 'rollcall%' and database = current_database() order by 1),
			exists (select from pg_catalog.pg_publication where pubname = $2),
			to_regclass('rollcall.log') is not null,
			exists (select from pg_catalog.pg_namespace where nspname = 'rollcall'),
			exists (select from pg_catalog.pg_namespace where nspname = 'rollcall_state'),
			exists (select from pg_catalog.pg_roles where rolname = 'rollcall'),
			not exists (select from pg_catalog.pg_publication where pubname = $2 and not pg_catalog.pg_has_role(pubowner, 'usage'))
			and not exists (select from pg_catalog.pg_namespace where nspname = 'rollcall' and not pg_catalog.pg_has_role(nspowner, 'usage'))`, slot, Publication).
		Scan(&p.Slot, &p.Active, &p.OtherSlots, &p.Publication, &p.Log, &p.Schema, &p.State, &p.Role, &p.Owned)
	if err != nil {
		return p, fmt.Errorf("look at the member database: %w", err)
	}
	return p, nil
}

// ErrSlotActive says that somebody reads the slot: Rollcall is running.
var ErrSlotActive = errors.New("the slot is in use: Rollcall is running")

// Remove drops the slot and undoes the contract, as the owner of the member
// tables. What is there no more is no error, so it may be run again.
func Remove(ctx context.Context, conn *pgx.Conn, slot string) error {
	_, err := conn.Exec(ctx, `select pg_catalog.pg_drop_replication_slot(slot_name)
		from pg_catalog.pg_replication_slots where slot_name = $1 and database = current_database()`, slot)
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == "55006" { // object_in_use
		return fmt.Errorf("drop slot %s: %w", slot, ErrSlotActive)
	}
	if err != nil {
		return fmt.Errorf("drop slot %s: %w", slot, err)
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "set local lock_timeout = '"+lockPatience+"'"); err != nil {
			return fmt.Errorf("set lock_timeout: %w", err)
		}
		return run(ctx, tx, part{name: "the removal", text: sql.Uninstall()})
	})
}

// RemovalScript is what Remove does as one file for psql, to be handed to a DBA.
func RemovalScript(slot string) string {
	return fmt.Sprintf(`-- Removes Rollcall from this database. Stop it first. As the owner of the member
-- tables, who must also be allowed to drop the role:
--     psql -v ON_ERROR_STOP=1 -d DATABASE -f THIS_FILE

select pg_drop_replication_slot(slot_name) from pg_replication_slots
where slot_name = '%s' and database = current_database();

begin;
%s
commit;
`, slot, sql.Uninstall())
}

// AsRole gives the user of conn the rights of the role rollcall while do runs,
// where it may have them: so that what do makes is the role's.
func AsRole(ctx context.Context, conn *pgx.Conn, do func() error) error {
	// Since version 16 whoever made the role is a member of it without its rights.
	var member bool
	err := conn.QueryRow(ctx, `select coalesce((select pg_catalog.pg_has_role(current_user, oid,
		case when pg_catalog.current_setting('server_version_num')::integer >= 160000 then 'usage' else 'member' end)
		from pg_catalog.pg_roles where rolname = 'rollcall'), false)`).Scan(&member)
	if err != nil {
		return fmt.Errorf("look at the role rollcall: %w", err)
	}
	if member {
		return do()
	}
	if _, err := conn.Exec(ctx, "grant rollcall to current_user"); err != nil {
		return fmt.Errorf("take on the role rollcall: %w", err)
	}
	err = do()
	if _, revokeErr := conn.Exec(context.WithoutCancel(ctx), "revoke rollcall from current_user"); revokeErr != nil {
		return errors.Join(err, fmt.Errorf("give back the role rollcall: %w", revokeErr))
	}
	return err
}
