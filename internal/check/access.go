package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/source"
	"rollcall/sql"
)

// checkRole looks for privileges that Rollcall does not need.
func (c *checker) checkRole(ctx context.Context) error {
	role := c.conn.Config().User
	var powers []string
	var limit int32
	err := c.conn.QueryRow(ctx, `select array_remove(array[case when rolsuper then 'superuser' end, case when rolcreaterole then 'createrole' end,
			case when rolcreatedb then 'createdb' end, case when rolbypassrls then 'bypassrls' end], null), rolconnlimit
		from pg_catalog.pg_roles where rolname = current_user`).Scan(&powers, &limit)
	if err != nil {
		return err
	}
	if len(powers) > 0 {
		var no []string
		for _, p := range powers {
			no = append(no, "no"+p)
		}
		c.add(Access, Warning, "role_too_powerful", role, "the role has more than it needs: "+strings.Join(powers, ", "), fmt.Sprintf("alter role %s %s; or name the role rollcall in source.url", identifier(role), strings.Join(no, " ")))
	}
	if limit >= 0 && limit < fewConnections {
		c.add(Resources, Warning, "connection_limit", role, fmt.Sprintf("the role may have %d connections only, and Rollcall needs up to %d", limit, fewConnections), fmt.Sprintf("alter role %s connection limit %d;", identifier(role), fewConnections))
	}
	if slices.Contains(powers, "superuser") {
		return nil
	}
	return c.checkTablePrivileges(ctx, role)
}

func (c *checker) checkTablePrivileges(ctx context.Context, role string) error {
	var names []string
	for _, r := range c.reads {
		if r.Kind == "table" && !strings.HasPrefix(r.Name, "rollcall.") {
			names = append(names, r.Name)
		}
	}
	found, err := collect[struct{ Table, SQL, Privileges string }](ctx, c.conn, sql.Query("check_privileges"), names)
	if err != nil {
		return err
	}
	for _, f := range found {
		if strings.HasPrefix(f.Table, "rollcall.") {
			c.add(Access, Warning, "watches_writable", f.Table, "the role may change it ("+f.Privileges+"), and what stands there is run as SQL", fmt.Sprintf("revoke %s on %s from %s, public;", f.Privileges, f.Table, identifier(role)))
			continue
		}
		c.add(Access, Warning, "table_privileges", f.Table, "the role has rights on a member table that it does not need: "+f.Privileges, fmt.Sprintf("revoke %s on %s from %s, public;", f.Privileges, f.SQL, identifier(role)))
	}
	return nil
}

// checkState looks at where the state is kept: whether it can be, and whether
// it is this installation's.
func (c *checker) checkState(ctx context.Context) error {
	conn := c.conn
	if c.State != nil && !sameDatabase(c.State, c.Source) {
		var err error
		if conn, err = pgx.ConnectConfig(ctx, c.State.Copy()); err != nil {
			what := "the server cannot be reached"
			if sqlState := code(err); sqlState != "" {
				what = "the server takes no connection: SQLSTATE " + sqlState
			}
			c.add(Connectivity, Error, "state_unreachable", fmt.Sprintf("%s:%d", c.State.Host, c.State.Port), what, "correct state.url and state.password")
			return nil
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	}
	role := identifier(conn.Config().User)
	var exists, usable, may, temporary bool
	var database string
	err := conn.QueryRow(ctx, `select n.oid is not null, coalesce(pg_catalog.has_schema_privilege(n.oid, 'usage') and pg_catalog.has_schema_privilege(n.oid, 'create'), false),
			pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create'),
			pg_catalog.has_database_privilege(pg_catalog.current_database(), 'temporary'), pg_catalog.current_database()::text
		from (values (1)) x left join pg_catalog.pg_namespace n on n.nspname = 'rollcall_state'`).Scan(&exists, &usable, &may, &temporary, &database)
	if err != nil {
		return err
	}
	if !temporary {
		c.add(Access, Error, "state_not_writable", database, "the role may not make temporary tables in the state's database, and works with some",
			fmt.Sprintf("grant temporary on database %s to %s;", identifier(database), role))
	}
	switch {
	case !exists && !may:
		c.add(Access, Error, "state_missing", "rollcall_state", "there is no such schema, and the role may not make it", fmt.Sprintf("create schema rollcall_state authorization %s;", role))
	case exists && !usable:
		c.add(Access, Error, "state_not_writable", "rollcall_state", "the role may not keep its state there", fmt.Sprintf("alter schema rollcall_state owner to %s;", role))
	case exists:
		return c.checkInstallation(ctx, conn)
	}
	return nil
}

func sameDatabase(a, b *pgx.ConnConfig) bool {
	return a.Host == b.Host && a.Port == b.Port && a.Database == b.Database && a.User == b.User
}

// checkInstallation compares what the state says of the source with the
// database that answers.
func (c *checker) checkInstallation(ctx context.Context, state source.Querier) error {
	known, err := collect[struct {
		Source, SystemID string
		Timeline         int32
		DatabaseOID      uint32
		Slot             string
	}](ctx, state, "select source, system_id, timeline, database_oid, slot from rollcall_state.installation order by source")
	if code(err) == "42P01" { // undefined_table: the program makes it
		return nil
	}
	if err != nil {
		return err
	}
	id, err := source.ReadIdentity(ctx, c.conn)
	if err != nil {
		return err
	}
	for _, k := range known {
		switch {
		case k.Source == c.Name && (k.SystemID != id.SystemID || k.Timeline != id.Timeline || k.DatabaseOID != id.DatabaseOID):
			c.add(Access, Error, "other_database", c.Name, "this state was made for another database than the one that answers (a copy, a restored backup or a promoted stand-by)",
				"correct source.url; if it is the right one now: rollcall adopt --failover, or rollcall adopt --restored for a backup")
		case k.Source != c.Name && k.SystemID == id.SystemID && k.Slot == c.Slot && !c.Triggers:
			c.add(Access, Error, "slot_shared", c.Slot, "another source of this state, "+k.Source+", uses the same slot, and each takes changes away from the other", "set source.slot to another name")
		}
	}
	return nil
}
