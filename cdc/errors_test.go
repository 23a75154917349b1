package cdc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/pgtest"
)

// wantError wants an error that a caller can tell and that says what to do.
func wantError(t *testing.T, err, want error, remedy string) {
	t.Helper()
	if !errors.Is(err, want) || !strings.Contains(err.Error(), remedy) {
		t.Errorf("error %v, want %v with %q", err, want, remedy)
	}
}

func TestPrepare(t *testing.T) {
	m := newDatabase(t, pgtest.Database(t).URL)
	ctx := t.Context()
	_, err := cdc.Prepare(ctx, m.Conn, m.slot, "rollcall")
	wantError(t, err, cdc.ErrPublicationMissing, "04_publication.sql")

	m.exec(t, publication)
	made, err := cdc.Prepare(ctx, m.Conn, m.slot, "rollcall")
	if err != nil || !made.Created || made.Confirmed == 0 || made.Current < made.Confirmed {
		t.Fatalf("%+v, %v", made, err)
	}
	found, err := cdc.Prepare(ctx, m.Conn, m.slot, "rollcall")
	if err != nil || found.Created || found.Confirmed != made.Confirmed {
		t.Errorf("%+v, %v", found, err)
	}
	if got := m.text(t, "show lock_timeout"); got != "0" {
		t.Errorf("the session is left with lock_timeout %s", got)
	}

	state, err := cdc.ReadSlot(ctx, m.Conn, m.slot)
	if err != nil || !state.Exists || !state.Here || state.Active || state.Plugin != "pgoutput" || state.WALStatus != "reserved" ||
		state.ConfirmedFlushLSN != made.Confirmed || state.SafeWALBytes <= 0 || state.RetainedBytes() <= 0 {
		t.Errorf("%+v, %v", state, err)
	}
	if state, err := cdc.ReadSlot(ctx, m.Conn, "nobody's"); err != nil || state.Exists {
		t.Errorf("%+v, %v", state, err)
	}

	other := newDatabase(t, pgtest.Database(t).URL)
	other.exec(t, publication)
	_, err = cdc.Prepare(ctx, other.Conn, m.slot, "rollcall")
	wantError(t, err, cdc.ErrSlotForeign, "source.slot")
	physical := pgtest.Slot(t)
	m.exec(t, "select pg_create_physical_replication_slot('"+physical+"')")
	t.Cleanup(func() {
		if _, err := m.Exec(context.Background(), "select pg_drop_replication_slot('"+physical+"')"); err != nil {
			t.Error(err)
		}
	})
	_, err = cdc.Prepare(ctx, m.Conn, physical, "rollcall")
	wantError(t, err, cdc.ErrSlotForeign, "source.slot")
}

func TestPrepareNeedsReplication(t *testing.T) {
	m := newDatabase(t, pgtest.Database(t).URL)
	role := pgtest.Slot(t)
	m.exec(t, publication, "create role "+role+" login")
	t.Cleanup(func() {
		if _, err := m.Exec(context.Background(), "drop role "+role); err != nil {
			t.Error(err)
		}
	})
	plain := connect(t, strings.Replace(m.url, "postgres@", role+"@", 1))
	_, err := cdc.Prepare(t.Context(), plain, m.slot, "rollcall")
	wantError(t, err, cdc.ErrNoReplication, fmt.Sprintf(`alter role "%s" replication`, role))

	// The same for a reader whose slot somebody else made.
	if _, err := cdc.Prepare(t.Context(), m.Conn, m.slot, "rollcall"); err != nil {
		t.Fatal(err)
	}
	r := m.read(t, func(c *cdc.Config) { c.Conn.User = role })
	r.wantEnd(t, cdc.ErrNoReplication)
	_ = plain.Close(t.Context())
}

func TestReaderRefusals(t *testing.T) {
	m := newMember(t)
	for name, c := range map[string]struct {
		configure func(*cdc.Config)
		want      error
	}{
		"slot":        {func(c *cdc.Config) { c.Slot = "nobodys" }, cdc.ErrSlotMissing},
		"publication": {func(c *cdc.Config) { c.Publication = "nobody's" }, cdc.ErrPublicationMissing},
		"role":        {func(c *cdc.Config) { c.Conn.User = "nobody" }, cdc.ErrRefused},
		"database":    {func(c *cdc.Config) { c.Conn.Database = "nobody's" }, cdc.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) { m.read(t, c.configure).wantEnd(t, c.want) })
	}
}

// A watched table that is not published is told of, and no reason to stop.
func TestReaderWarnsOfUnpublishedTables(t *testing.T) {
	m := newMember(t)
	r := m.read(t, func(c *cdc.Config) {
		c.Watches = append([]cdc.Watch{{Table: "public.invoice", Keys: []string{"id"}, Kind: cdc.KindGroup}}, watches...)
	})
	m.exec(t, "insert into public.rep values (1)")
	m.store.waitFor(t, m)
	if log := r.log.String(); strings.Count(log, "not published") != 1 || !strings.Contains(log, "table=public.invoice") {
		t.Errorf("the log: %s", log)
	}
}

func TestPrepareNeedsLogicalWAL(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, map[string]string{"wal_level": "replica"})
	m := newDatabase(t, server.URL("postgres"))
	m.exec(t, publication)
	_, err := cdc.Prepare(t.Context(), m.Conn, m.slot, "rollcall")
	wantError(t, err, cdc.ErrWALLevel, "alter system set wal_level = 'logical'")
}

// A slot that the server gave up is lost for the one who prepares and for the one
// who reads. One server has room for one slot only.
func TestLostSlot(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, map[string]string{
		"max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB", "max_wal_size": "32MB", "max_replication_slots": "1",
	})
	m := newDatabase(t, server.URL("postgres"))
	m.exec(t, publication)
	ctx := t.Context()
	if _, err := cdc.Prepare(ctx, m.Conn, m.slot, "rollcall"); err != nil {
		t.Fatal(err)
	}
	_, err := cdc.Prepare(ctx, m.Conn, "one_too_many", "rollcall")
	wantError(t, err, cdc.ErrSlotsExhausted, "max_replication_slots")
	fill := func() {
		for range 4 {
			m.exec(t, "insert into public.invoice (note) values ('x')", "select pg_switch_wal()")
		}
		m.exec(t, "checkpoint")
		m.eventually(t, "lost", "select wal_status from pg_replication_slots")
	}
	fill()
	_, err = cdc.Prepare(ctx, m.Conn, m.slot, "rollcall")
	wantError(t, err, cdc.ErrSlotLost, "pg_drop_replication_slot")
	m.read(t, nil).wantEnd(t, cdc.ErrSlotLost)

	// The same under a reader whose store is so slow that nothing is acknowledged.
	m.exec(t, "select pg_drop_replication_slot('"+m.slot+"')")
	if _, err := cdc.Prepare(ctx, m.Conn, m.slot, "rollcall"); err != nil {
		t.Fatal(err)
	}
	saving := make(chan struct{}, 1)
	m.store.hook(func(ctx context.Context) error {
		select {
		case saving <- struct{}{}:
		default:
		}
		<-ctx.Done()
		return ctx.Err()
	})
	r := m.read(t, nil)
	m.exec(t, "insert into public.rep values (1)")
	<-saving
	fill()
	r.wantEnd(t, cdc.ErrSlotLost)
	if got := m.store.keys(); len(got) > 0 {
		t.Errorf("stored %q", got)
	}
}

// Since version 18 a server gives up a slot that nobody has read for some time.
// Older versions have no such setting, so there it is only the matrix that tests
// this.
func TestSlotLostByIdleTimeout(t *testing.T) {
	t.Parallel()
	if v := major(t); v < 18 {
		t.Skipf("Postgres %d has no idle_replication_slot_timeout", v)
	}
	server := pgtest.Server(t, map[string]string{"idle_replication_slot_timeout": "1s"})
	m := newDatabase(t, server.URL("postgres"))
	m.exec(t, publication)
	if _, err := cdc.Prepare(t.Context(), m.Conn, m.slot, "rollcall"); err != nil {
		t.Fatal(err)
	}
	lost := "select coalesce(invalidation_reason, '') from pg_replication_slots"
	deadline := time.After(30 * time.Second)
	for m.text(t, lost) != "idle_timeout" {
		select {
		case <-deadline:
			t.Fatalf("the slot is not given up: %q", m.text(t, lost))
		default:
			m.exec(t, "checkpoint")
		}
	}
	_, err := cdc.Prepare(t.Context(), m.Conn, m.slot, "rollcall")
	wantError(t, err, cdc.ErrSlotLost, "idle_replication_slot_timeout")
	m.read(t, nil).wantEnd(t, cdc.ErrSlotLost)
}

// major is the major version of the servers.
func major(t *testing.T) int {
	t.Helper()
	conn := connect(t, pgtest.Database(t).URL)
	var version int
	if err := conn.QueryRow(t.Context(), "select current_setting('server_version_num')::integer / 10000").Scan(&version); err != nil {
		t.Fatal(err)
	}
	return version
}

// A slot that is dropped under a reader ends it: whoever starts again looks at
// everything.
func TestReaderEndsWhenItsSlotIsDropped(t *testing.T) {
	m := newMember(t)
	r := m.read(t, nil)
	m.exec(t, "insert into public.rep values (1)")
	m.store.waitFor(t, m)
	// It connects again at once, so it may take more than one attempt.
	m.exec(t, fmt.Sprintf(`do $$ begin
			loop
				perform pg_terminate_backend(active_pid, 10000) from pg_replication_slots where slot_name = '%[1]s' and active;
				begin
					perform pg_drop_replication_slot('%[1]s');
					return;
				exception when object_in_use then null;
				end;
			end loop;
		end $$`, m.slot))
	r.wantEnd(t, cdc.ErrSlotMissing)
}
