package check

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rollcall/cdc"
)

const (
	makeTriggers = "select rollcall.make_triggers();"
	// oldestRow is how old a row of the log of changes may be: Rollcall moves them
	// within a second.
	oldestRow = 5 * time.Minute
)

// missingTrigger is a table or partition with the triggers that are not as they
// should be.
type missingTrigger struct {
	Watched, Part, State string
	Partition, ByRow     bool
	Events               []string
}

// checkTriggers looks whether triggers capture what is watched.
func (c *checker) checkTriggers(ctx context.Context) error {
	if !c.Triggers {
		return c.checkLogLeft(ctx)
	}
	if c.server.recovery || !c.usable || !c.views["watches"] {
		return nil
	}
	var there bool
	if err := c.conn.QueryRow(ctx, "select pg_catalog.to_regclass('rollcall.log') is not null").Scan(&there); err != nil {
		return err
	}
	if !there {
		c.add(Replication, Error, "log_missing", cdc.LogTable, "there is no log of changes, so nothing can be followed",
			"run sql/contract/triggers/04_triggers.sql and then 05_role.sql (rollcall init --capture triggers prints both)")
		return nil
	}
	found, err := collect[missingTrigger](ctx, c.conn, `select watched, part::text, state, part <> root, by_row, array_agg(event order by event)
		from rollcall.triggers() where state <> 'ok' group by 1, 2, 3, 4, 5 order by 1, 4, 2, 3`)
	if err != nil {
		return err
	}
	for _, t := range found {
		c.trigger(t)
	}
	if err := c.checkLogWriters(ctx); err != nil {
		return err
	}
	return c.checkLog(ctx)
}

// checkLogWriters looks whether the triggers' functions, which have the rights of
// their owner, may write the log. Where they may not, the application's own
// statements fail.
func (c *checker) checkLogWriters(ctx context.Context) error {
	type writer struct {
		Owner         string
		Usage, Insert bool
	}
	found, err := collect[writer](ctx, c.conn, `select pg_catalog.pg_get_userbyid(o.owner), o.usage, o.insert
		from (select distinct p.proowner as owner, pg_catalog.has_schema_privilege(p.proowner, 'rollcall', 'usage') as usage,
		             pg_catalog.has_table_privilege(p.proowner, 'rollcall.log', 'insert') as insert
		      from rollcall.triggers() t join pg_catalog.pg_proc p on p.proname = t.function and p.pronamespace = 'rollcall'::regnamespace) o
		where not (o.usage and o.insert) order by 1`)
	if err != nil {
		return err
	}
	for _, w := range found {
		var fix []string
		if !w.Usage {
			fix = append(fix, fmt.Sprintf("grant usage on schema rollcall to %s;", identifier(w.Owner)))
		}
		if !w.Insert {
			fix = append(fix, fmt.Sprintf("grant insert on %s to %s;", cdc.LogTable, identifier(w.Owner)))
		}
		c.add(Access, Error, "log_not_writable", cdc.LogTable, "the triggers write it as their functions' owner "+w.Owner+", who may not: each change of a watched table fails, and so does what the application does", strings.Join(fix, " "))
	}
	return nil
}

func (c *checker) trigger(t missingTrigger) {
	events := strings.Join(t.Events, ", ")
	switch {
	case t.State == "missing" && t.Partition:
		c.add(Replication, Error, "partition_not_captured", t.Part, "the partition has no trigger for "+events+", so changes that are aimed at it are not noticed", makeTriggers)
	case t.State == "missing":
		c.add(Replication, Error, "trigger_missing", t.Part, "the watched table has no trigger for "+events+", so such changes are not noticed", makeTriggers)
	case t.State == "disabled":
		var fix []string
		for _, event := range t.Events {
			fix = append(fix, fmt.Sprintf("alter table %s enable always trigger rollcall_%s;", t.Part, event))
		}
		c.add(Replication, Error, "trigger_disabled", t.Part, "its trigger for "+events+" is disabled, or does not fire in every session, so changes are not noticed", strings.Join(append(fix, lookAtAll), " "))
	case t.State == "wrong" && t.ByRow:
		c.add(Replication, Error, "table_subscribed", t.Part, "the table is part of a subscription, under which its triggers for "+events+" do not fire: they must be by row", makeTriggers)
	case t.State == "wrong":
		c.add(Replication, Error, "trigger_wrong", t.Part, "its trigger for "+events+" is not the one that captures changes", makeTriggers)
	default:
		c.add(Replication, Error, "column_not_captured", t.Part, "its triggers were made for other watched columns, so each change of the table touches everything", makeTriggers)
	}
}

// checkLog looks whether anybody moves the log of changes, and for a slot that
// nobody reads any more.
func (c *checker) checkLog(ctx context.Context) error {
	log, err := cdc.PrepareLog(ctx, c.conn)
	switch {
	case err != nil && code(err) == "" && cdc.Passing(err):
		return err
	case err != nil:
		c.add(Access, Error, "log_not_readable", cdc.LogTable, "the role may not read and empty the log of changes", "run sql/contract/05_role.sql again")
	case !log.Oldest.IsZero() && c.Now().Sub(log.Oldest) > oldestRow:
		c.add(Replication, Warning, "log_unread", cdc.LogTable, fmt.Sprintf("nobody moves the log of changes: its oldest row is %s old, and it has %d MiB", c.Now().Sub(log.Oldest).Round(time.Second), log.Bytes>>20),
			"start Rollcall, or drop the triggers with the log: rollcall uninstall")
	}
	slot, err := cdc.ReadSlot(ctx, c.conn, c.Slot)
	if err != nil {
		return err
	}
	if slot.Exists && slot.Here && !slot.Active {
		c.add(Replication, Warning, "slot_left", c.Slot, fmt.Sprintf("changes are captured by triggers, and the server keeps %d MiB of its log for a slot that nobody reads", slot.RetainedBytes()>>20),
			fmt.Sprintf("select pg_drop_replication_slot(%s);", literal(c.Slot)))
	}
	return nil
}

// checkLogLeft looks for a log that grows for ever beside the stream.
func (c *checker) checkLogLeft(ctx context.Context) error {
	if !c.usable {
		return nil
	}
	var there bool
	if err := c.conn.QueryRow(ctx, "select pg_catalog.to_regclass('rollcall.log') is not null").Scan(&there); err != nil {
		return err
	}
	if there {
		c.add(Replication, Warning, "log_left", cdc.LogTable, "changes are read from the stream, and triggers write them to a log that nobody empties",
			"run sql/contract/04_publication.sql, which drops both; or set source.capture: triggers")
	}
	return nil
}
