package check

import (
	"context"
	"fmt"
	"strings"

	"rollcall/internal/reconcile"
	"rollcall/internal/setup"
	"rollcall/mapper"
)

// rowChecks count what is wrong with the rows of a view. They go through all of
// them once.
var rowChecks = []struct{ view, key, flags string }{
	{"reps", "association_id, rep_id", "active, opted_out"},
	{"groups", "association_id, group_id", "sync"},
	{"group_members", "association_id, group_id, rep_id", "disabled"},
	{"options", "association_id", "sync_all_active, sync_membership_types, sync_groups"},
}

// checkRows reads the views as a whole, every column: for values that cannot be
// computed, NULL flags, keys that are there twice, and views that show nothing.
func (c *checker) checkRows(ctx context.Context) error {
	for _, r := range rowChecks {
		if !c.views[r.view] {
			continue
		}
		if err := c.checkView(ctx, r.view, r.key, r.flags); err != nil {
			return err
		}
	}
	for _, view := range []string{"opt_outs", "membership_types"} {
		if c.views[view] {
			_, err := c.conn.Exec(ctx, "select count(v::text) from rollcall."+view+" v")
			if err != nil && !c.viewFails(view, err) {
				return err
			}
		}
	}
	if c.views["options"] {
		if err := c.checkOptions(ctx); err != nil {
			return err
		}
	}
	return c.checkOnRemoved(ctx)
}

func (c *checker) checkView(ctx context.Context, view, key, flags string) error {
	name := "rollcall." + view
	var columns []string
	var counts []string
	for flag := range strings.SplitSeq(flags, ", ") {
		columns = append(columns, flag)
		counts = append(counts, fmt.Sprintf("count(*) filter (where %s is null)", flag))
	}
	var nullKeys []string
	for part := range strings.SplitSeq(key, ", ") {
		nullKeys = append(nullKeys, part+" is null")
	}
	var rows, keyless, twice int64
	var nulls []int64
	// Only what is counted is computed: v::text has every column of a row.
	err := c.conn.QueryRow(ctx, fmt.Sprintf(`select count(*), count(*) filter (where %s), array[%s], count(*) - count(distinct (%s))
		from %s v having count(v::text) >= 0`, strings.Join(nullKeys, " or "), strings.Join(counts, ", "), key, name)).Scan(&rows, &keyless, &nulls, &twice)
	if err != nil {
		if c.viewFails(view, err) {
			return nil
		}
		return err
	}
	if rows == 0 {
		had, err := c.hasRows(ctx, view)
		if err != nil || !had {
			return err // the database is new
		}
		severity := Warning
		if view == "groups" || view == "group_members" {
			severity = Note // there may be none
		}
		c.add(Contract, severity, "view_empty", name, "it shows no row", "see whether its tables have rows, and whether a condition in it hides them: select count(*) from "+name+";")
		return nil
	}
	if keyless > 0 {
		c.add(Contract, Warning, "null_key", name, plural(keyless, "row")+" without an id, which cannot be used", fmt.Sprintf("leave them out: where %s", strings.Join(strings.Split(strings.Join(nullKeys, " and "), " is null"), " is not null")))
	}
	for i, n := range nulls {
		if n > 0 {
			c.add(Contract, Warning, "null_flag", name+"."+columns[i], "it is NULL in "+plural(n, "row")+", which is no information: nobody concerned is added or removed"+c.examples(ctx, view, columns[i]),
				fmt.Sprintf("coalesce(%s, …) in the view, with what an empty value means", columns[i]))
		}
	}
	if twice > 0 && view != "group_members" { // there one enabled row is enough
		c.add(Contract, Warning, "duplicate_key", name, plural(twice, "row")+" with a key that another row has, which is no information: nobody concerned is added or removed",
			fmt.Sprintf("select %[1]s from %[2]s group by %[1]s having count(*) > 1; shows them: let each join in the view yield one row", key, name))
	}
	return nil
}

// hasRows says whether any table that a view reads has ever had rows.
func (c *checker) hasRows(ctx context.Context, view string) (bool, error) {
	var names []string
	for _, r := range c.reads {
		if t := c.tables[r.Name]; r.View == view && t != nil {
			for _, p := range t.parts {
				names = append(names, p.Name)
			}
		}
	}
	var had bool
	err := c.conn.QueryRow(ctx, `select coalesce(bool_or(pg_catalog.pg_relation_size(c.oid) > 0), true)
		from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname || '.' || c.relname = any($1)`, names).Scan(&had)
	return had, err
}

// examples names some reps by id: whoever mends the rows has to find them.
func (c *checker) examples(ctx context.Context, view, flag string) string {
	if view != "reps" && view != "group_members" {
		return ""
	}
	var ids []string
	err := c.conn.QueryRow(ctx, fmt.Sprintf("select array(select distinct rep_id::text from rollcall.%s where %s is null order by 1 limit 5)", view, flag)).Scan(&ids)
	if err != nil || len(ids) == 0 {
		return ""
	}
	return " (such as rep " + strings.Join(ids, ", ") + ")"
}

// viewFails makes a finding of a view that cannot be read. It says whether the
// error is the view's.
func (c *checker) viewFails(view string, err error) bool {
	sqlState := code(err)
	if sqlState == "" {
		return false
	}
	name := "rollcall." + view
	c.views[view] = false
	switch sqlState {
	case "57014": // query_canceled
		c.add(Contract, Error, "view_slow", name, fmt.Sprintf("it cannot be read within %s", serverPatience), "explain analyze select * from "+name+"; shows where the time goes")
	case "42501":
		for _, f := range c.findings {
			if f.Name == "row_security" || f.Name == "security_invoker" {
				return true // says why
			}
		}
		c.add(Access, Error, "view_not_readable", name, "it cannot be read: its owner, or Rollcall's role, lacks a privilege (SQLSTATE 42501)", "select * from "+name+" limit 1; as that role says which")
	default:
		c.add(Contract, Error, "view_fails", name, "reading it ends with an error at some row (SQLSTATE "+sqlState+"), so nothing is known of anybody", "select * from "+name+"; shows the message: make the expression bear every value")
	}
	return true
}

// checkOptions looks at windows and time zones, which are texts.
func (c *checker) checkOptions(ctx context.Context) error {
	options, err := collect[struct{ Association, Start, End, Zone string }](ctx, c.conn, `select association_id::text, coalesce(window_start::text, ''), coalesce(window_end::text, ''), coalesce(time_zone::text, '')
		from rollcall.options where association_id is not null order by 1`)
	if err != nil {
		if c.viewFails("options", err) {
			return nil
		}
		return err
	}
	for _, o := range options {
		_, err := reconcile.HoursOf(mapper.Options{WindowStart: o.Start, WindowEnd: o.End, TimeZone: o.Zone})
		if err != nil {
			c.add(Contract, Warning, "option_invalid", "rollcall.options", "association "+o.Association+" has no nightly run: "+strings.TrimPrefix(err.Error(), "read nightly window: "),
				"correct it in the view or its table")
		}
	}
	return nil
}

// checkOnRemoved looks for a schema from whose groups nobody would ever leave.
func (c *checker) checkOnRemoved(ctx context.Context) error {
	if !c.KeepRemoved || !c.views["group_members"] {
		return nil
	}
	can, err := setup.CanDisable(ctx, c.conn)
	if err != nil {
		return err
	}
	if !can {
		c.add(Contract, Warning, "nobody_leaves", "rules.on_removed", "no membership can be disabled in this schema, and people whose row is gone are kept, so nobody ever leaves a group's list",
			"set rules.on_removed to remove")
	}
	return nil
}
