package schemas_test

import (
	"context"
	"testing"
	"time"

	"rollcall/internal/pgtest"
)

// A new watch is decoded before anybody can see it. It is read once it can be
// seen, not before.
func TestANewWatchIsAwaited(t *testing.T) {
	if pgtest.ByTriggers() {
		t.Skip("a log of changes shows no commit before it is visible: this is about the stream")
	}
	server := pgtest.Server(t, map[string]string{"synchronous_commit": "local"})
	db := &pgtest.DB{URL: server.URL("postgres")}
	db.Exec(t, anyTables("bigint"))
	db.Exec(t, "create table club.nickname (id bigint primary key, person bigint)")
	apply(t, db, anyContract())
	db.Exec(t, "insert into club.person values (1, 'ann@example.org')")
	r := start(t, db)
	r.exec(t, "set synchronous_commit = local")

	// The writer waits for a stand-by that does not exist. Its commit is in the
	// log, and visible to nobody.
	r.exec(t, "alter system set synchronous_standby_names = 'nobody'")
	r.exec(t, "select pg_reload_conf()")
	r.until(t, "select current_setting('synchronous_standby_names') = 'nobody'")
	writer := db.Conn(t)
	var xid string
	for _, statement := range []string{
		"set synchronous_commit = on", "begin", "alter publication rollcall add table club.nickname",
		"insert into rollcall.watches values ('club.nickname', '{id}', 'rep', null)",
	} {
		if _, err := writer.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.QueryRow(t.Context(), "select pg_current_xact_id()::text").Scan(&xid); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := writer.Exec(context.Background(), "commit")
		done <- err
	}()
	r.until(t, "select exists (select from rollcall_state.touched where kind = 'all' and xids @> array[$1::text::xid8])", xid)
	r.until(t, "select not exists (select from pg_replication_slots where slot_name = $1 and active)", r.cfg.Source.Slot) // the reader has stopped
	r.waitsAWhile(t, "select not exists (select from pg_replication_slots where slot_name = $1 and active)", r.cfg.Source.Slot)

	r.exec(t, "alter system reset synchronous_standby_names")
	r.exec(t, "select pg_reload_conf()")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r.settle(t)
	r.forget(t)
	r.exec(t, "insert into club.nickname values (1, 1)")
	r.settle(t)
	if dirty := r.dirty(t); !dirty[[2]string{"1", "ann@example.org"}] {
		t.Errorf("a row of the new table touches %v", dirty)
	}
}

// waitsAWhile wants a query to be true at a hundred looks.
func (r *running) waitsAWhile(t *testing.T, query string, args ...any) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for range 100 {
		var yes bool
		if err := r.conn.QueryRow(context.Background(), query, args...).Scan(&yes); err != nil || !yes {
			t.Fatalf("%s: %v, %v", query, yes, err)
		}
		<-tick.C
	}
}
