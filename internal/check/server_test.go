package check_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/internal/check"
	"rollcall/internal/pgtest"
	"rollcall/internal/setup"
	"rollcall/sql"
)

// onServer is an installation on a server of its own.
func onServer(t *testing.T, settings map[string]string) *installation {
	t.Helper()
	server := pgtest.Server(t, settings)
	db := &pgtest.DB{Name: "postgres", URL: server.URL("postgres")}
	if err := build(context.Background(), db.Conn(t)); err != nil {
		t.Fatal(err)
	}
	return installed(t, db)
}

func TestFindsASlotThatNobodyReads(t *testing.T) {
	in := onServer(t, map[string]string{"max_slot_wal_keep_size": "64MB", "min_wal_size": "32MB", "max_wal_size": "32MB"})
	segments := func(n int) {
		for range n {
			in.Exec(t, "create table public.x (); drop table public.x")
			in.Exec(t, "select pg_switch_wal()")
		}
		in.Exec(t, "checkpoint")
	}
	in.want("wal_keep_small")
	segments(3)
	in.want("slot_unread", "wal_keep_small")
	segments(5)
	in.want("slot_lost", "wal_keep_small")
}

func TestFindsAnExhaustedServer(t *testing.T) {
	in := onServer(t, map[string]string{"max_replication_slots": "1", "max_wal_senders": "1", "max_connections": "17", "max_prepared_transactions": "2"})
	in.cfg.OldTransaction = time.Nanosecond
	in.want()
	sender := in.replicate()
	in.want("no_free_walsender")
	closeConn(t, sender)

	in.cfg.Slot = "another"
	in.want("no_free_slot", "slot_missing")

	in.Exec(t, "select pg_drop_replication_slot($1)", in.slot)
	in.want("slot_missing")
	// The slot is missing, and would wait for whoever has written.
	// The start of other roles' transactions may not be seen.
	writer, err := pgx.ConnectConfig(context.Background(), in.cfg.Source.Copy())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = writer.Close(context.Background()) })
	run(t, writer, "begin; select pg_current_xact_id()")
	in.want("slot_missing", "old_transaction")
	run(t, writer, "prepare transaction 'forgotten'")
	in.want("slot_missing", "prepared_transaction")
	run(t, writer, "rollback prepared 'forgotten'")

	for range 4 {
		in.Conn(t)
	}
	in.want("few_connections", "slot_missing")
}

func TestFindsAnotherReaderOfTheSlot(t *testing.T) {
	in := install(t)
	other := in.replicate()
	ctx := context.Background()
	if err := pglogrepl.StartReplication(ctx, other, in.slot, 0, pglogrepl.StartReplicationOptions{
		PluginArgs: []string{"proto_version '1'", "publication_names 'rollcall'"},
	}); err != nil {
		t.Fatal(err)
	}
	in.want("slot_in_use")
	closeConn(t, other)
}

func TestFindsAServerThatCannotBeFollowed(t *testing.T) {
	server := pgtest.Server(t, nil)
	db := &pgtest.DB{Name: "postgres", URL: server.URL("postgres")}
	if err := build(context.Background(), db.Conn(t)); err != nil {
		t.Fatal(err)
	}
	in := installed(t, db)
	signal := filepath.Join(server.DataDir(), "standby.signal")
	if err := os.WriteFile(signal, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	in.want("server_in_recovery")

	if err := os.Remove(signal); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	in.Exec(t, "select pg_drop_replication_slot($1)", in.slot)
	in.Exec(t, "alter system set wal_level = replica")
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	in.want("wal_level")
}

func TestFindsAPooler(t *testing.T) {
	in := install(t)
	address := pooler(t, net.JoinHostPort(in.cfg.Source.Host, strconv.Itoa(int(in.cfg.Source.Port))))
	in.cfg.Source.Port = uint16(address.Port)
	in.cfg.Source.Fallbacks = nil
	in.want("pooler_in_between")
}

// pooler forwards connections and, like a pooler, gives each client a process
// id of its own.
func pooler(t *testing.T, to string) *net.TCPAddr {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = client.Close()
				continue
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_, _ = io.Copy(server, client)
				_ = server.Close()
			}()
			answers(client, server)
			_ = client.Close()
			<-ended
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener.Addr().(*net.TCPAddr)
}

// answers forwards what the server sends, message by message.
func answers(client io.Writer, server io.Reader) {
	head := make([]byte, 5)
	for {
		if _, err := io.ReadFull(server, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return
		}
		if head[0] == 'K' { // BackendKeyData
			binary.BigEndian.PutUint32(body, 4711)
		}
		if _, err := client.Write(append(append([]byte{}, head...), body...)); err != nil {
			return
		}
	}
}

// replicate is a connection that counts as a walsender.
func (in *installation) replicate() *pgconn.PgConn {
	in.t.Helper()
	cfg, err := pgconn.ParseConfig(in.URL)
	if err != nil {
		in.t.Fatal(err)
	}
	cfg.RuntimeParams["replication"] = "database"
	conn, err := pgconn.ConnectConfig(context.Background(), cfg)
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// closeConn closes a connection and waits until the server has seen it.
func closeConn(t *testing.T, conn *pgconn.PgConn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = conn.Close(ctx)
	<-conn.CleanupDone()
}

func run(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// byTriggers is an installation whose changes triggers capture.
func byTriggers(t *testing.T) *installation {
	t.Helper()
	server := pgtest.Server(t, map[string]string{"wal_level": "replica", "max_replication_slots": "4"})
	db := &pgtest.DB{Name: "postgres", URL: server.URL("postgres")}
	if err := buildFor(context.Background(), db.Conn(t), setup.Contract{Triggers: true}); err != nil {
		t.Fatal(err)
	}
	in := &installation{DB: db, t: t, slot: "rollcall"}
	in.cfg = check.Config{
		Source: as(t, db.URL, "rollcall"), Name: "chamber", Slot: in.slot, Publication: "rollcall", KeepRemoved: true, Now: time.Now, Triggers: true,
		Connections: []check.Connection{{Association: "1"}},
	}
	return in
}

// With triggers nothing is said about the slot, the publication and wal_level, and
// everything about the triggers.
func TestFindsWhatTriggersLack(t *testing.T) {
	in := byTriggers(t)
	in.want()
	for _, x := range []struct{ name, seed, mend string }{
		{"trigger_missing", "drop trigger rollcall_update on chamber.rep", "select rollcall.make_triggers()"},
		{"trigger_disabled", "alter table chamber.rep enable trigger rollcall_update", "alter table chamber.rep enable always trigger rollcall_update"},
		{"trigger_wrong", `create function public.other() returns trigger language plpgsql as $$ begin return null; end $$;
			create or replace trigger rollcall_update after update on chamber.rep for each statement execute function public.other();
			alter table chamber.rep enable always trigger rollcall_update`, "drop function public.other() cascade; select rollcall.make_triggers()"},
		{"column_not_captured", "insert into rollcall.watches values ('chamber.rep', '{member_id}', 'member', null)", "select rollcall.make_triggers()"},
		{
			"partition_not_captured", `create table chamber.rep_part (id bigint primary key) partition by range (id); insert into rollcall.watches values ('chamber.rep_part', '{id}', 'rep', null);
			select rollcall.make_triggers(); create table chamber.rep_part_1 partition of chamber.rep_part for values from (0) to (9)`,
			"drop table chamber.rep_part; delete from rollcall.watches where \"table\" = 'chamber.rep_part'; select rollcall.make_triggers()",
		},
		{
			"table_subscribed", `create subscription other connection 'host=example.invalid' publication x with (connect = false, enabled = false, create_slot = false, slot_name = none);
			insert into pg_subscription_rel (srsubid, srrelid, srsubstate) select oid, 'chamber.rep'::regclass, 'i' from pg_subscription`,
			"delete from pg_subscription_rel",
		},
		{"log_unread", "insert into rollcall.log (at, \"table\") values (now() - interval '1 hour', 'chamber.rep')", "delete from rollcall.log"},
		{"log_not_readable", "revoke delete on rollcall.log from rollcall", "grant delete on rollcall.log to rollcall"},
		{"log_missing", "drop table rollcall.log cascade", sql.ByTriggers(sql.Contract())[3] + sql.ByTriggers(sql.Contract())[4]},
	} {
		seed, mend := x.seed, x.mend
		if x.name == "table_subscribed" {
			seed, mend = "set allow_system_table_mods = on;"+seed, "set allow_system_table_mods = on;"+mend
		}
		in.Exec(t, seed)
		in.want(x.name)
		in.Exec(t, mend)
		if x.name != "log_unread" {
			in.Exec(t, "delete from rollcall.log")
		}
	}
	in.want()
}

// Where the owner of the triggers' functions may not write the log, the application
// fails, until somebody runs what the finding says.
func TestFindsTriggersThatMayNotWriteTheLog(t *testing.T) {
	in := byTriggers(t)
	const change = "update chamber.rep set email = 'ada.new@example.org'"
	in.Exec(t, "insert into chamber.rep (association_id, member_id, first_name, last_name, email) select association_id, member_id, 'Ada', 'Example', 'ada@example.org' from chamber.member limit 1")
	for _, seed := range []string{
		`create role "the Former";
			do $$
			declare f text;
			begin
				for f in select p.oid::regprocedure from pg_proc p where p.pronamespace = 'rollcall'::regnamespace and p.prosecdef and p.prorettype = 'trigger'::regtype loop
					execute format('alter function %s owner to "the Former"', f);
				end loop;
			end
			$$`,
		`revoke insert on rollcall.log from "the Former"`,
		`revoke usage on schema rollcall from "the Former"`,
	} {
		in.Exec(t, seed)
		in.refused(change, "42501") // insufficient_privilege
		in.want("log_not_writable")
		for _, f := range check.Run(t.Context(), in.cfg).Findings {
			in.Exec(t, f.Fix)
		}
		in.want()
		in.Exec(t, change)
	}
}

// What was left behind when the one way to capture changes took the other's place.
func TestFindsWhatWasLeftOfTheOtherCapture(t *testing.T) {
	in := install(t)
	in.want()
	in.Exec(t, strings.Replace(sql.ByTriggers(sql.Contract())[3], "drop publication", "-- drop publication", 1)+sql.ByTriggers(sql.Contract())[4])
	in.want("log_left")
	in.cfg.Triggers = true
	in.want("slot_left")
	in.Exec(t, "select pg_drop_replication_slot($1)", in.slot)
	in.want()
}
