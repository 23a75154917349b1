package setup

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
)

// oldestServer is the first version with what the stream needs.
const oldestServer = 140000

// before is what there was when Apply began.
type before struct {
	schema, state, role, publication bool
}

// look refuses a server on which no slot could be made, and notes what is
// there.
func look(ctx context.Context, conn *pgx.Conn, slot string) (before, error) {
	var b before
	var version, slots, most int
	var level string
	var recovery, has bool
	err := conn.QueryRow(ctx, `select current_setting('server_version_num')::integer, current_setting('wal_level'), pg_catalog.pg_is_in_recovery(),
			exists (select from pg_catalog.pg_replication_slots where slot_name = $1),
			(select count(*)::integer from pg_catalog.pg_replication_slots), current_setting('max_replication_slots')::integer,
			exists (select from pg_catalog.pg_namespace where nspname = 'rollcall'),
			exists (select from pg_catalog.pg_namespace where nspname = 'rollcall_state'),
			exists (select from pg_catalog.pg_roles where rolname = 'rollcall'),
			exists (select from pg_catalog.pg_publication where pubname = $2)`, slot, Publication).
		Scan(&version, &level, &recovery, &has, &slots, &most, &b.schema, &b.state, &b.role, &b.publication)
	switch {
	case err != nil:
		return b, fmt.Errorf("look at the member database: %w", err)
	case version < oldestServer:
		return b, fmt.Errorf("look at the member database: server version %d is too old, 14 is the first that can be followed", version/10000)
	case recovery:
		return b, fmt.Errorf("%w: name the primary", cdc.ErrRecovery)
	case slot == "":
		return b, nil
	case level != "logical":
		return b, fmt.Errorf("%w: it is %s; run alter system set wal_level = 'logical' and restart the server", cdc.ErrWALLevel, level)
	case !has && slots >= most:
		return b, fmt.Errorf("%w: drop one that nobody reads (select slot_name from pg_replication_slots where not active), "+
			"or raise max_replication_slots and restart the server", cdc.ErrSlotsExhausted)
	}
	return b, nil
}

// restore takes back what Apply has committed, where it was not there before.
// What was there has only been brought up to date.
func (b before) restore(ctx context.Context, conn *pgx.Conn) error {
	if b.schema || b.publication {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	statements := "drop publication if exists " + Publication + "; drop schema if exists rollcall cascade;"
	if !b.state {
		statements += "drop schema if exists rollcall_state cascade;"
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var member bool
		if err := tx.QueryRow(ctx, "select pg_catalog.pg_has_role(current_user, 'rollcall', 'usage')").Scan(&member); err != nil {
			return fmt.Errorf("take back what was made: %w", err)
		}
		if !member {
			statements = "grant rollcall to current_user;" + statements // only a member may drop what the role owns
		}
		switch {
		case !b.role:
			statements += "drop owned by rollcall; drop role rollcall;"
		case !member:
			statements += "revoke rollcall from current_user;"
		}
		if _, err := tx.Exec(ctx, statements); err != nil {
			return errors.Join(errors.New("take back what was made; run sql/uninstall/uninstall.sql"), err)
		}
		return nil
	})
}
