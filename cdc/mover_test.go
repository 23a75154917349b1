package cdc_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/internal/pgtest"
	"rollcall/sql"
)

// do runs statements in another session.
func do(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// A transaction that commits after later ones is not overlooked: its rows have a
// lower number and a lower xid than what was moved meanwhile.
func TestMoverMissesNoLateCommit(t *testing.T) {
	m := newCaptured(t)
	m.move(t, nil)
	late := connect(t, m.url)
	do(t, late, "begin", "insert into public.rep values (1)")
	for _, id := range []string{"2", "3"} {
		m.exec(t, "insert into public.rep values ("+id+")")
		m.moved(t)
	}
	m.store.wantKeys(t, "rep 2", "rep 3")
	do(t, late, "insert into public.rep values (4)", "commit")
	m.moved(t)
	m.store.wantKeys(t, "rep 1", "rep 2", "rep 3", "rep 4")
}

// A prepared transaction counts when it is committed, however long that takes.
func TestMoverMeetsPreparedTransactions(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, map[string]string{"max_prepared_transactions": "5", "wal_level": "minimal", "max_wal_senders": "0"})
	m := capture(t, newDatabase(t, server.URL("postgres")))
	m.move(t, nil)
	m.exec(t, "begin", "insert into public.rep values (1)", "prepare transaction 'harbour'",
		"begin", "insert into public.rep values (2)", "prepare transaction 'hill'", "insert into public.rep values (3)")
	m.moved(t)
	m.store.wantKeys(t, "rep 3")
	do(t, connect(t, m.url), "commit prepared 'harbour'", "rollback prepared 'hill'")
	m.moved(t)
	m.store.wantKeys(t, "rep 1", "rep 3")
}

// Two movers of one log take away what the other does not get to see. Whoever finds
// rows gone that it has just stored says so.
func TestMoverTellsThatSomebodyElseEmptiesTheLog(t *testing.T) {
	m := newCaptured(t)
	other := connect(t, m.url)
	m.store.hook(func(ctx context.Context) error {
		_, err := other.Exec(ctx, "delete from rollcall.log")
		return err
	})
	r := m.move(t, nil)
	m.exec(t, "insert into public.rep values (1)")
	r.waitForLog(t, "somebody else empties the log of changes", 1)
	m.store.wantKeys(t, "rep 1")
}

// Rows are deleted once their keys are stored, and not before: whatever fails in
// between, nothing is lost.
func TestMoverStoresBeforeItDeletes(t *testing.T) {
	m := newCaptured(t)
	m.exec(t, "insert into public.rep values (1)", "insert into rollcall.log (request) values ('an ask')")
	failures, other := 0, &member{Conn: connect(t, m.url)}
	m.store.hook(func(context.Context) error {
		if got := other.text(t, "select count(*)::text from rollcall.log"); got != "2" {
			t.Errorf("%s rows in the log while they are stored, want 2", got)
		}
		if failures++; failures < 3 {
			return errors.New("the state is away")
		}
		return nil
	})
	// Nobody can delete at first.
	m.exec(t, `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$`,
		"create trigger refuse before delete on rollcall.log for each row execute function refuse()")
	r := m.move(t, nil)
	r.waitForLog(t, "trying again", 4)
	if got := m.text(t, "select count(*)::text from rollcall.log"); got != "2" {
		t.Errorf("%s rows in the log, want 2", got)
	}
	m.exec(t, "drop trigger refuse on rollcall.log")
	m.moved(t)
	m.store.wantKeys(t, "rep 1")
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	// What was read twice says so: the store can tell that it is one request.
	if n := len(m.store.requests); n < 2 {
		t.Fatalf("%d requests, want the one twice or more", n)
	}
	for _, request := range m.store.requests {
		if string(request.Content) != "an ask" || request.Digest == 0 || request.Digest != m.store.requests[0].Digest || request.XID != 0 {
			t.Errorf("request %+v", request)
		}
	}
}

// Writers never wait for each other, nor for the mover.
func TestWritersDoNotWaitForEachOther(t *testing.T) {
	m := newCaptured(t)
	one, other := connect(t, m.url), connect(t, m.url)
	for i, conn := range []*pgx.Conn{one, other} {
		do(t, conn, "set lock_timeout = '5s'", "begin isolation level serializable", "insert into public.rep values ("+[]string{"1", "2"}[i]+")")
	}
	m.move(t, nil)
	do(t, one, "insert into public.rep values (20)")
	do(t, other, "insert into public.rep values (21)", "commit")
	m.store.wait(t, "what the first one committed", func() bool { return slices.Contains(m.store.keys(), "rep 21") })
	do(t, one, "commit")
	m.moved(t)
	m.store.wantKeys(t, "rep 1", "rep 2", "rep 20", "rep 21")
}

// Changes of partitions are those of the table, whichever of the two a statement
// is aimed at; a partition that came later is missing until it has triggers.
func TestCapturedPartitions(t *testing.T) {
	m := newCaptured(t, "drop table public.rep",
		"create table public.rep (rep_id integer primary key, note text) partition by range (rep_id)",
		"create table public.rep_low partition of public.rep for values from (0) to (100)",
		"create table public.rep_high (note text, rep_id integer primary key)",
		"alter table public.rep attach partition public.rep_high for values from (100) to (200)")
	m.move(t, nil)
	m.exec(t, "insert into public.rep values (1), (103)", "insert into public.rep_high values ('x', 104)",
		"update public.rep set rep_id = 105 where rep_id = 1") // moves to the other partition
	m.moved(t)
	m.store.wantKeys(t, "rep 1", "rep 103", "rep 104", "rep 105")
	m.exec(t, "create table public.rep_last partition of public.rep for values from (200) to (300)", "insert into public.rep_last values (201)")
	missing := "select count(*)::text from rollcall.triggers() where state <> 'ok' and part = 'public.rep_last'::regclass"
	if got := m.text(t, missing); got != "4" {
		t.Errorf("%s triggers are missing on the new partition, want 4", got)
	}
	if got := m.text(t, "select rollcall.make_triggers()::text"); got != "4" {
		t.Errorf("%s triggers were made, want 4", got)
	}
	m.exec(t, "insert into public.rep_last values (202)", "delete from public.rep where rep_id = 202", "truncate public.rep_last")
	m.moved(t)
	if got := m.store.keys(); !slices.Contains(got, "rep 202") || slices.Contains(got, "rep 201") || !slices.Contains(got, "all") {
		t.Errorf("touched %q", got)
	}
	if got := m.text(t, "select rollcall.make_triggers()::text"); got != "0" {
		t.Errorf("%s triggers were made though none was missing", got)
	}
}

// Under a subscription only row-level triggers fire.
func TestCapturedSubscription(t *testing.T) {
	publisher := newDatabase(t, pgtest.Database(t).URL)
	publisher.exec(t, publication, "insert into public.rep values (1)")
	m := newCaptured(t)
	name := pgtest.Slot(t)
	publisher.exec(t, "select pg_create_logical_replication_slot('"+name+"', 'pgoutput')")
	m.exec(t, "alter table rollcall.watches disable trigger all",
		"create subscription "+name+" connection '"+publisher.url+"' publication rollcall with (create_slot = false, enabled = false)")
	t.Cleanup(func() { // or its database could not be dropped
		for _, s := range []string{"disable", "set (slot_name = none)"} {
			if _, err := m.Exec(context.Background(), "alter subscription "+name+" "+s); err != nil {
				t.Error(err)
			}
		}
		if _, err := m.Exec(context.Background(), "drop subscription "+name); err != nil {
			t.Error(err)
		}
	})
	if got := m.text(t, "select count(*)::text from rollcall.triggers() where part = 'public.rep'::regclass and state = 'wrong'"); got != "3" {
		t.Errorf("%s triggers do not fit a subscribed table, want 3", got)
	}
	m.exec(t, "select rollcall.make_triggers()", "delete from rollcall.log", "alter subscription "+name+" enable")
	m.move(t, nil)
	m.store.wait(t, "the first copy", func() bool { return slices.Contains(m.store.keys(), "rep 1") })
	m.eventually(t, "t", "select bool_and(srsubstate = 'r') from pg_subscription_rel")
	publisher.exec(t, "insert into public.rep values (2)", "update public.rep set rep_id = 3 where rep_id = 2", "delete from public.rep where rep_id = 1", "insert into public.rep values (5)")
	m.store.wait(t, "what was replicated", func() bool { return slices.Contains(m.store.keys(), "rep 5") })
	m.moved(t)
	for _, want := range []string{"rep 1", "rep 2", "rep 3", "rep 5"} {
		if !slices.Contains(m.store.keys(), want) {
			t.Errorf("%s was not touched: %q", want, m.store.keys())
		}
	}
}

// What somebody does to the log ends the mover with what to do.
func TestMoverEnds(t *testing.T) {
	m := newCaptured(t)
	r := m.move(t, nil)
	m.exec(t, "insert into rollcall.watches values ('public.invoice', '{id}', 'group')", "select rollcall.make_triggers()")
	r.wantEnd(t, cdc.ErrWatchesChanged)
	m.store.wantKeys(t, "all")
	r = m.move(t, nil)
	m.exec(t, "begin", "drop table rollcall.log cascade", sql.ByTriggers(sql.Contract())[3], "commit")
	r.wantEnd(t, cdc.ErrPositions)
	wantError(t, <-r.ended, cdc.ErrPositions, "made anew")
	r = m.move(t, nil)
	if _, err := m.Exec(t.Context(), "drop table rollcall.log"); err == nil {
		t.Error("the log can be dropped alone, after which the application's writes fail")
	}
	m.exec(t, "drop schema rollcall cascade", "insert into public.rep values (9)")
	r.wantEnd(t, cdc.ErrLogMissing)
	wantError(t, <-r.ended, cdc.ErrLogMissing, "04_triggers.sql")
}

// Whoever has no right to the log is told whose matter that is.
func TestPrepareLog(t *testing.T) {
	m := newCaptured(t)
	m.exec(t, "do $$ begin create role mover_without login; exception when duplicate_object then null; end $$", "grant usage on schema rollcall to mover_without",
		"grant execute on function rollcall.log_lag() to mover_without")
	t.Cleanup(func() {
		if _, err := m.Exec(context.Background(), "drop owned by mover_without; drop role mover_without"); err != nil {
			t.Error(err)
		}
	})
	m.exec(t, "set role mover_without")
	_, err := cdc.PrepareLog(t.Context(), m.Conn)
	wantError(t, err, cdc.ErrLogRefused, "05_role.sql")
	m.exec(t, "reset role", "insert into public.rep values (1)")
	l, err := cdc.PrepareLog(t.Context(), m.Conn)
	if err != nil || l.ID == 0 || l.Bytes == 0 || time.Since(l.Oldest) > time.Hour || l.CurrentLSN == 0 {
		t.Errorf("log %+v, %v", l, err)
	}
}

// Keys are those that the stream would carry, whatever the writer's session says.
func TestCapturedKeysAreThoseOfTheStream(t *testing.T) {
	kinds := []string{"boolean", "char(6)", "date", "interval", "bytea", "numeric", "uuid", "text", "double precision", "integer[]", `"char"`}
	values := []string{"true", "'ab'", "'2026-02-03'", "'26 hours'", `'\x00ff'`, "1.50", "'0f2c6c3e-0000-4000-8000-000000000001'", "'ä b'", "0.1", "'{1,2}'", "'x'"}
	m := newMember(t)
	m.exec(t, "alter publication rollcall drop table rollcall.watches")
	var odd []cdc.Watch
	for i, kind := range kinds {
		table := "odd_" + string(rune('a'+i))
		m.exec(t, "create table public."+table+" (id "+kind+" primary key)", "alter publication rollcall add table public."+table,
			"insert into rollcall.watches values ('public."+table+"', '{id}', 'rep')")
		odd = append(odd, cdc.Watch{Table: "public." + table, Keys: []string{"id"}, Kind: cdc.KindRep})
	}
	m.read(t, func(c *cdc.Config) { c.Watches = append(slices.Clone(watches), odd...) })
	captured := &member{Conn: m.Conn, url: m.url, store: newMemory()}
	m.exec(t, watchRows, strings.Replace(sql.ByTriggers(sql.Contract())[3], "drop publication", "-- drop publication", 1), "delete from rollcall.log")
	captured.move(t, func(c *cdc.MoverConfig) { c.Watches = append(slices.Clone(watches), odd...) })
	m.exec(t, "set datestyle = 'German'", "set intervalstyle = 'iso_8601'", "set bytea_output = 'escape'", "set extra_float_digits = -2")
	for i := range kinds {
		m.exec(t, "insert into "+odd[i].Table+" values ("+values[i]+")")
	}
	m.exec(t, "reset all", "set synchronous_commit = on")
	m.store.waitFor(t, m)
	captured.moved(t)
	captured.store.wantKeys(t, m.store.keys()...)
	if n := len(m.store.keys()); n != len(kinds)+1 {
		t.Errorf("%d keys, want %d: %q", n, len(kinds)+1, m.store.keys())
	}
}
