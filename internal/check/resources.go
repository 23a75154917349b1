package check

import (
	"context"
	"fmt"
	"time"
)

const (
	// fewConnections is what Rollcall uses at most: two pools of four sessions
	// and the reader.
	fewConnections = 10
	// leastKept is how much log the server should keep for a slot at least: an
	// hour of a busy afternoon.
	leastKept = gib
	// leastIdle is how long Rollcall should be allowed to stand still: a weekend.
	leastIdle = 72 * time.Hour
)

// checkResources looks at what the server has left, and at what it does with a
// slot that is not read.
func (c *checker) checkResources(ctx context.Context) error {
	// Of other roles' sessions this one sees little more than that they are there.
	var kept, idle int64
	var slots, slotsUsed, senders, sendersUsed, connections, connectionsUsed int
	err := c.conn.QueryRow(ctx, `select
			(select case when setting = '-1' then -1 else setting::bigint * 1024 * 1024 end from pg_catalog.pg_settings where name = 'max_slot_wal_keep_size'),
			extract(epoch from coalesce(current_setting('idle_replication_slot_timeout', true), '0')::interval)::bigint,
			current_setting('max_replication_slots')::integer, (select count(*)::integer from pg_catalog.pg_replication_slots),
			current_setting('max_wal_senders')::integer, (select count(*)::integer from pg_catalog.pg_stat_get_wal_senders()),
			current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer,
			(select count(*)::integer from pg_catalog.pg_stat_activity where datid is not null)`).
		Scan(&kept, &idle, &slots, &slotsUsed, &senders, &sendersUsed, &connections, &connectionsUsed)
	if err != nil {
		return err
	}
	if !c.Triggers {
		c.slotResources(kept, time.Duration(idle)*time.Second, slotsUsed >= slots, slots, sendersUsed >= senders, senders)
	}
	if connections-connectionsUsed < fewConnections {
		c.add(Resources, Warning, "few_connections", "max_connections", fmt.Sprintf("%d of %d connections are taken, and Rollcall needs up to %d", connectionsUsed, connections, fewConnections),
			"raise max_connections and restart the server")
	}
	return c.preparedTransactions(ctx)
}

// slotResources looks at what a slot needs of the server.
func (c *checker) slotResources(kept int64, idle time.Duration, slotsTaken bool, slots int, sendersTaken bool, senders int) {
	switch {
	case kept < 0:
		c.add(Resources, Warning, "wal_keep_unlimited", "max_slot_wal_keep_size", "the server keeps its log for an unread slot until the disk is full and it stops",
			"alter system set max_slot_wal_keep_size = '10GB'; select pg_reload_conf(); with a size that the disk can bear")
	case kept < leastKept:
		c.add(Resources, Warning, "wal_keep_small", "max_slot_wal_keep_size", fmt.Sprintf("the server keeps %d MiB of log for a slot only, so a short stop of Rollcall can lose it, and everything is looked at anew", kept>>20),
			"alter system set max_slot_wal_keep_size = '10GB'; select pg_reload_conf();")
	}
	if idle > 0 && idle < leastIdle {
		c.add(Resources, Warning, "idle_slot_timeout", "idle_replication_slot_timeout", fmt.Sprintf("the server gives up a slot that nobody has read for %s", idle),
			"alter system set idle_replication_slot_timeout = '3d'; select pg_reload_conf(); or 0 for never")
	}
	if !c.slot.Exists && slotsTaken {
		c.add(Resources, Error, "no_free_slot", "max_replication_slots", fmt.Sprintf("all %d slots are taken", slots),
			"drop one that nobody reads (select slot_name from pg_replication_slots where not active), or raise max_replication_slots and restart the server")
	}
	if !c.slot.Active && sendersTaken {
		c.add(Resources, Error, "no_free_walsender", "max_wal_senders", fmt.Sprintf("all %d processes that send the log are taken", senders), "raise max_wal_senders and restart the server")
	}
}

// preparedTransactions are those that somebody prepared and forgot. They hold
// up the creation of a slot, and the second look at everything.
func (c *checker) preparedTransactions(ctx context.Context) error {
	prepared, err := collect[struct {
		GID     string
		Seconds int64
	}](ctx, c.conn, `select gid, extract(epoch from $2::timestamptz - prepared)::bigint from pg_catalog.pg_prepared_xacts
		where database = pg_catalog.current_database() and prepared < $2::timestamptz - $1::interval order by prepared limit 5`, c.OldTransaction, c.Now())
	if err != nil {
		return err
	}
	for _, p := range prepared {
		c.add(Resources, Warning, "prepared_transaction", p.GID, fmt.Sprintf("it was prepared %d s ago and neither committed nor rolled back; no slot can be made, and no look at everything completed, before it is", p.Seconds),
			fmt.Sprintf("rollback prepared %s; or commit prepared %[1]s; as whoever prepared it says", literal(p.GID)))
	}
	return nil
}
