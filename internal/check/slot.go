package check

import (
	"context"
	"fmt"

	"rollcall/cdc"
)

const (
	gib = 1 << 30
	// mostRetained is how much write-ahead log an unread slot may hold before
	// that is worth a word, if not half of what the server allows.
	mostRetained = 4 * gib
)

func (c *checker) checkSlot(ctx context.Context) error {
	if c.server.recovery || c.server.walLevel != "logical" {
		return nil
	}
	var err error
	if c.slot, err = cdc.ReadSlot(ctx, c.conn, c.Slot); err != nil {
		return err
	}
	s := c.slot
	drop := fmt.Sprintf("select pg_drop_replication_slot(%s);", literal(c.Slot))
	switch {
	case !s.Exists:
		c.add(Replication, Note, "slot_missing", c.Slot, "there is no such slot; Rollcall makes it when it starts, and looks at everything then",
			fmt.Sprintf("select pg_create_logical_replication_slot(%s, 'pgoutput');", literal(c.Slot)))
		return c.oldTransactions(ctx)
	case !s.Here || s.Plugin != "pgoutput":
		c.add(Replication, Error, "slot_foreign", c.Slot, "the slot belongs to another database or is read with another plugin", "set source.slot to another name")
		return nil
	case s.WALStatus == "lost":
		c.add(Replication, Error, "slot_lost", c.Slot, "the server has given up the slot and dropped the log that it needs", drop+" and start Rollcall: everything is looked at anew")
		return nil
	case s.Active:
		return c.slotReader(ctx)
	}
	c.retained(s)
	return nil
}

// retained tells of a slot that holds the log and is not read.
func (c *checker) retained(s cdc.Slot) {
	if held := s.RetainedBytes(); held > mostRetained || s.SafeWALBytes >= 0 && held > s.SafeWALBytes {
		c.add(Replication, Warning, "slot_unread", c.Slot, fmt.Sprintf("nobody reads the slot, and the server keeps %d MiB of its log for it", held>>20),
			"start Rollcall, or drop the slot: "+fmt.Sprintf("select pg_drop_replication_slot(%s);", literal(c.Slot)))
	}
}

// slotReader says who reads the slot, where it is not a Rollcall.
func (c *checker) slotReader(ctx context.Context) error {
	var pid int32
	var name string
	err := c.conn.QueryRow(ctx, `select s.active_pid, coalesce(a.application_name, '')
		from pg_catalog.pg_replication_slots s left join pg_catalog.pg_stat_activity a on a.pid = s.active_pid
		where s.slot_name = $1 and s.active_pid is not null`, c.Slot).Scan(&pid, &name)
	if err != nil {
		return nil // it has been let go of meanwhile
	}
	if name != "rollcall reader" {
		c.add(Replication, Error, "slot_in_use", c.Slot, fmt.Sprintf("process %d, which is no Rollcall, reads the slot and takes changes away", pid),
			fmt.Sprintf("set source.slot to another name, or stop that process: select pg_terminate_backend(%d);", pid))
	}
	return nil
}

// oldTransactions are those that the creation of a slot, and the second look at
// everything, would wait for.
func (c *checker) oldTransactions(ctx context.Context) error {
	// Whose start may not be seen has an old id instead.
	sessions, err := collect[struct {
		PID     int32
		Seconds int64
	}](ctx, c.conn, `select pid, coalesce(extract(epoch from $2::timestamptz - xact_start), -1)::bigint
		from pg_catalog.pg_stat_activity
		where backend_xid is not null and pid <> pg_catalog.pg_backend_pid()
		  and (xact_start < $2::timestamptz - $1::interval or xact_start is null and pg_catalog.age(backend_xid) > 10000)
		order by xact_start nulls first limit 5`, c.OldTransaction, c.Now())
	if err != nil {
		return err
	}
	for _, s := range sessions {
		since := "long ago"
		if s.Seconds >= 0 {
			since = fmt.Sprintf("%d s ago", s.Seconds)
		}
		c.add(Resources, Warning, "old_transaction", fmt.Sprintf("process %d", s.PID), "its transaction has written and began "+since+"; no slot can be made before it ends",
			fmt.Sprintf("end it, or: select pg_terminate_backend(%d);", s.PID))
	}
	return nil
}
