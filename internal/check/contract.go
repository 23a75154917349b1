package check

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"rollcall/cdc"
	"rollcall/internal/setup"
	"rollcall/internal/source"
)

const applyContract = "rollcall init, or the files of sql/contract"

// contract looks for the schema, its views and their columns.
func (c *checker) contract(ctx context.Context) error {
	var exists bool
	if err := c.conn.QueryRow(ctx, "select exists (select from pg_catalog.pg_namespace where nspname = 'rollcall')").Scan(&exists); err != nil {
		return err
	}
	if !exists {
		c.add(Contract, Error, "schema_missing", "rollcall", "there is no schema rollcall in this database", applyContract)
		return nil
	}
	views, err := collect[struct {
		Name     string
		Readable bool
	}](ctx, c.conn, `select relname::text, pg_catalog.has_table_privilege(oid, 'select') from pg_catalog.pg_class
		where relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'rollcall') and relkind in ('v', 'r', 'm', 'p', 'f') order by relname`)
	if err != nil {
		return err
	}
	if err := c.conn.QueryRow(ctx, "select pg_catalog.has_schema_privilege('rollcall', 'usage')").Scan(&c.usable); err != nil {
		return err
	}
	role := identifier(c.conn.Config().User)
	if !c.usable {
		c.add(Access, Error, "schema_not_usable", "rollcall", "the role may not use the schema", fmt.Sprintf("grant usage on schema rollcall to %s;", role))
		return nil
	}
	for _, v := range views {
		if !v.Readable {
			c.add(Access, Error, "view_not_readable", "rollcall."+v.Name, "the role may not read it", fmt.Sprintf("grant select on rollcall.%s to %s;", identifier(v.Name), role))
		}
		c.views[v.Name] = v.Readable
	}
	missing, err := source.Missing(ctx, c.conn)
	if err != nil {
		return err
	}
	for _, m := range missing {
		name, what := "view_missing", "the contract's view is not there"
		if strings.Count(m, ".") == 2 {
			name, what = "column_missing", "the contract's column is not there"
		}
		c.add(Contract, Error, name, m, what, "create or replace view with it, as sql/contract/02_views.sql does")
		view := strings.Split(m, ".")[1]
		c.views[view] = false
	}
	if err := c.checkTypes(ctx); err != nil {
		return err
	}
	return c.checkOptional(ctx)
}

// columnTypes are what the columns must be read as. Ids may have any type.
var columnTypes = map[string]string{
	"reps.active": "boolean", "reps.opted_out": "boolean", "reps.mailable": "boolean", "reps.membership_types": "array",
	"groups.sync": "boolean", "group_members.disabled": "boolean",
	"options.sync_all_active": "boolean", "options.sync_membership_types": "boolean", "options.sync_groups": "boolean",
}

// checkTypes compares the types of columns with what is read, and of ids among
// each other. The scale of a numeric is part of its type here: it is part of the text.
func (c *checker) checkTypes(ctx context.Context) error {
	columns, err := collect[struct{ View, Column, Type, Category string }](ctx, c.conn, `select c.relname::text, a.attname::text,
			pg_catalog.format_type(a.atttypid, null)
				|| case when a.atttypid = 'numeric'::regtype and a.atttypmod >= 0 and ((a.atttypmod - 4) & 2047) > 0
				        then ' with ' || ((a.atttypmod - 4) & 2047) || ' decimal places' else '' end,
			case t.typcategory when 'B' then 'boolean' when 'A' then 'array' else '' end
		from pg_catalog.pg_class c
		join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		join pg_catalog.pg_type t on t.oid = a.atttypid
		where c.relnamespace = (select oid from pg_catalog.pg_namespace where nspname = 'rollcall') and c.relkind = 'v' order by 1, a.attnum`)
	if err != nil {
		return err
	}
	ids := map[string]string{}
	for _, column := range columns {
		name := column.View + "." + column.Column
		if want := columnTypes[name]; want != "" && column.Category != want {
			c.add(Contract, Error, "column_type", "rollcall."+name, fmt.Sprintf("it has the type %s instead of %s", column.Type, map[string]string{"boolean": "boolean", "array": "text[]"}[want]),
				"give it that type in the view: CREATE OR REPLACE does not change types, so drop the view before")
			c.views[column.View] = false
		}
		if !slices.Contains([]string{"association_id", "rep_id", "group_id"}, column.Column) ||
			!slices.Contains([]string{"reps", "groups", "group_members", "options", "opt_outs", "membership_types"}, column.View) {
			continue
		}
		first := ids[column.Column]
		switch {
		case first == "":
			ids[column.Column] = column.Type
		case first != column.Type:
			c.add(Contract, Error, "id_types_differ", "rollcall."+name, fmt.Sprintf("it has the type %s, and %s in another view of the schema", column.Type, first),
				"give it the same type in all views")
			return nil
		}
	}
	return nil
}

// optional are the views that may be left out, with the columns that are read.
var optional = map[string][]string{
	"opt_outs":         {"association_id", "email", "group_id"},
	"membership_types": {"association_id", "type_id", "name"},
}

func (c *checker) checkOptional(ctx context.Context) error {
	for _, view := range []string{"opt_outs", "membership_types"} {
		if _, there := c.views[view]; !there {
			continue
		}
		var columns []string
		err := c.conn.QueryRow(ctx, `select coalesce(array_agg(attname::text), '{}') from pg_catalog.pg_attribute
			where attrelid = pg_catalog.to_regclass('rollcall.' || $1) and attnum > 0 and not attisdropped`, view).Scan(&columns)
		if err != nil {
			return err
		}
		for _, column := range without(optional[view], columns) {
			c.add(Contract, Error, "column_missing", "rollcall."+view+"."+column, "the contract's column is not there", "create or replace view with it, as sql/contract/02_views.sql does, or drop the view")
			c.views[view] = false
		}
	}
	return nil
}

// virtualColumns is the first version with generated columns that are not stored.
const virtualColumns = 180000

// captureFile is the file of the contract to be run again when watches change.
func (c *checker) captureFile() string {
	if c.Triggers {
		return "sql/contract/triggers/04_triggers.sql"
	}
	return "sql/contract/04_publication.sql"
}

// checkWatches looks at each row of rollcall.watches.
func (c *checker) checkWatches(ctx context.Context) error {
	if !c.views["watches"] {
		return nil
	}
	if len(c.watches) == 0 {
		c.add(Contract, Error, "watches_empty", cdc.WatchesTable, "it has no rows, so no change would ever be noticed", "insert one row for each table that the views read, and run "+c.captureFile())
		return nil
	}
	for _, w := range c.watches {
		row := fmt.Sprintf("%s (%s)", w.Table, w.Kind)
		remove := fmt.Sprintf("correct it, or: delete from rollcall.watches where %s = %s;", identifier("table"), literal(w.Table))
		if err := w.Validate(); err != nil {
			c.add(Contract, Error, "watch_invalid", row, "the watch makes no sense: "+err.Error(), remove)
			continue
		}
		t := c.tables[w.Table]
		if t == nil {
			c.add(Contract, Error, "watch_table_missing", row, "there is no such table", remove)
			continue
		}
		if _, watched := c.watched(t.Root); watched && t.Root != "" {
			c.add(Contract, Error, "watch_invalid", row, "it is a partition of "+t.Root+", which is watched too: its changes are those of that table, so this watch is never used", remove)
			continue
		}
		if c.checkWatchedKeys(row, remove, t, w) {
			if err := c.checkResolve(ctx, row, remove, w); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) checkWatchedKeys(row, remove string, t *table, w cdc.Watch) bool {
	for _, key := range w.Keys {
		switch {
		case !slices.Contains(t.Columns, key):
			c.add(Contract, Error, "watch_column_missing", row, "the table has no column "+key, remove)
			return false
		case slices.Contains(t.Generated, key) && !(c.Triggers && c.server.version < virtualColumns): // a trigger sees those that are stored
			c.add(Contract, Error, "key_generated", row, "the column "+key+" is generated, and this server does not publish such columns",
				"watch the columns that it is generated from, with a resolve statement, or the primary key")
			return false
		}
		if len(w.Keys) > 1 && !slices.Contains(t.NotNull, key) {
			c.add(Contract, Warning, "key_nullable", row, "the column "+key+" may be NULL, and a row in which it is touches nothing by this watch, whatever its other columns say",
				"watch the columns each by a row of its own; or, where it is never empty: "+fmt.Sprintf("alter table %s alter %s set not null;", t.SQL, identifier(key)))
		}
		if slices.Contains(t.OddCollated, key) {
			c.add(Contract, Warning, "key_collation", row, "the column "+key+" has a collation or type under which different values are equal, but Rollcall tells ids apart byte by byte",
				fmt.Sprintf("alter table %s alter %s type text collate \"C\";", t.SQL, identifier(key)))
		}
	}
	return true
}

func (c *checker) checkResolve(ctx context.Context, row, remove string, w cdc.Watch) error {
	err := setup.TryResolve(ctx, c.conn, w)
	var wrong *setup.WatchError
	switch {
	case errors.As(err, &wrong):
		name := map[string]string{"columns": "resolve_columns", "parameters": "resolve_parameters", "refused": "resolve_fails"}[wrong.Kind]
		c.add(Contract, Error, name, row, "its resolve statement "+wrong.Text, remove)
		return nil
	}
	return err
}

// bodyReads finds what a function's text reads or calls. Its dependencies are
// unknown to the catalogue.
var bodyReads = regexp.MustCompile(`(?i)\b(from|join|select|perform|execute|table|query|spi_exec\w*)\b`)

// checkReads looks at what the views depend on: a change of it must be noticed.
func (c *checker) checkReads(ctx context.Context) error {
	if !c.usable {
		return nil
	}
	told := map[string]bool{}
	for _, r := range c.reads {
		if told[r.Name] {
			continue
		}
		told[r.Name] = true
		if r.Kind == "function" {
			c.checkFunction(r)
			continue
		}
		t := c.tables[r.Name]
		if t == nil || r.Name == cdc.WatchesTable {
			continue
		}
		if err := c.checkRead(ctx, r, t); err != nil {
			return err
		}
	}
	return c.checkDefinitions(ctx)
}

func (c *checker) checkFunction(r read) {
	if !bodyReads.MatchString(r.Body) {
		return
	}
	c.add(Contract, Warning, "function_in_view", r.Name, "the view rollcall."+r.View+" calls it, and what it reads cannot be known, so a change of that may not be noticed",
		"put its statement into the view, or make it a function with BEGIN ATOMIC, or watch the tables that it reads and leave it")
}

func (c *checker) checkRead(ctx context.Context, r read, t *table) error {
	by := "the view rollcall." + r.View + " reads it"
	switch {
	case r.RelKind == "m":
		c.add(Contract, Error, "materialized_view", r.Name, by+", and its refresh is on no stream", "read its tables in the view instead, and watch them")
		return nil
	case r.RelKind == "f":
		c.add(Contract, Error, "foreign_table", r.Name, by+", and its changes happen on another server", "keep a copy of its rows in a table of this database, and watch that")
		return nil
	case t.Persistence != "p":
		c.add(Contract, Error, "unlogged_table", r.Name, by+", and changes of an unlogged table are on no stream", fmt.Sprintf("alter table %s set logged;", t.SQL))
		return nil
	}
	for _, p := range t.parts {
		if p.Kind == "f" {
			c.add(Contract, Error, "foreign_table", p.Name, by+" as a partition, and its changes happen on another server", "keep its rows in a table of this database")
		}
	}
	if t.RowSecurity {
		if err := c.rowSecurity(ctx, r, t); err != nil {
			return err
		}
	}
	if _, watched := c.watched(r.Name); !watched && c.views["watches"] {
		if _, root := c.watched(t.Root); !root {
			c.add(Contract, Error, "unwatched_table", r.Name, by+", and no watch names it, so its changes are not noticed",
				fmt.Sprintf("insert into rollcall.watches values (%s, array[KEY], KIND, RESOLVE); and run %s, in one transaction", literal(r.Name), c.captureFile()))
		}
	}
	return nil
}

// rowSecurity tells of policies. Rollcall reads with row_security off, so that
// they fail loudly where they apply, instead of hiding people.
func (c *checker) rowSecurity(ctx context.Context, r read, t *table) error {
	var owner string
	var exempt bool
	err := c.conn.QueryRow(ctx, `select pg_catalog.quote_ident(o.rolname), o.rolsuper or o.rolbypassrls or v.relowner = $2 and not $3
		from pg_catalog.pg_class v join pg_catalog.pg_roles o on o.oid = v.relowner
		where v.oid = pg_catalog.to_regclass('rollcall.' || pg_catalog.quote_ident($1))`, r.View, t.Owner, t.Forced).Scan(&owner, &exempt)
	if err != nil {
		return err
	}
	if exempt {
		c.add(Contract, Warning, "row_security", r.Name, "it has row level security; the owner of the views is exempt today, but another owner would see fewer people",
			"let the views' owner stay exempt, or: "+fmt.Sprintf("alter table %s disable row level security;", t.SQL))
		return nil
	}
	c.add(Contract, Error, "row_security", r.Name, "it has row level security that applies to the owner of the views, so reading them fails", fmt.Sprintf("alter role %s bypassrls;", owner))
	return nil
}
