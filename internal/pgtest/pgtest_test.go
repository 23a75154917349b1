package pgtest_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func count(t *testing.T, conn *pgx.Conn, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEachTestHasItsOwnDatabase(t *testing.T) {
	one, other := pgtest.Database(t), pgtest.Database(t)
	one.Exec(t, "create table a (); create table b ()")
	const tables = "select count(*) from pg_tables where schemaname = 'public'"
	if got := count(t, one.Conn(t), tables); got != 2 {
		t.Errorf("tables in the one = %d, want 2", got)
	}
	if got := count(t, other.Conn(t), tables); got != 0 {
		t.Errorf("tables in the other = %d, want 0", got)
	}
	if _, err := one.Pool(t).Exec(t.Context(), "insert into a default values"); err != nil {
		t.Error(err)
	}
}

func TestDatabaseGoesWithItsSlotAndReaders(t *testing.T) {
	var name string
	slot := pgtest.Slot(t)
	t.Run("user", func(t *testing.T) {
		db := pgtest.Database(t)
		name = db.Name
		db.Exec(t, "create publication p for all tables")
		// Neither this reader nor this session is closed by the test that opened it.
		reader, err := pgconn.Connect(t.Context(), db.URL+"&replication=database")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pglogrepl.CreateReplicationSlot(t.Context(), reader, slot, "pgoutput", pglogrepl.CreateReplicationSlotOptions{}); err != nil {
			t.Fatal(err)
		}
		options := pglogrepl.StartReplicationOptions{PluginArgs: []string{"proto_version '1'", "publication_names 'p'"}}
		if err := pglogrepl.StartReplication(t.Context(), reader, slot, 0, options); err != nil {
			t.Fatal(err)
		}
		if _, err := pgx.Connect(t.Context(), db.URL); err != nil {
			t.Fatal(err)
		}
	})
	conn := pgtest.Database(t).Conn(t)
	if got := count(t, conn, "select count(*) from pg_replication_slots where slot_name = $1", slot); got != 0 {
		t.Error("the slot is still there")
	}
	if got := count(t, conn, "select count(*) from pg_database where datname = $1", name); got != 0 {
		t.Error("the database is still there")
	}
}

func TestDatabaseGoesThoughAClientComesBack(t *testing.T) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { <-stopped })
	t.Cleanup(func() { close(stop) })
	t.Run("user", func(t *testing.T) {
		db := pgtest.Database(t)
		db.Exec(t, "create publication p for all tables")
		slot := pgtest.Slot(t)
		db.Exec(t, "select pg_create_logical_replication_slot($1, 'pgoutput')", slot)
		reading := make(chan struct{})
		go func() {
			defer close(stopped)
			ctx := context.Background()
			for first := sync.OnceFunc(func() { close(reading) }); ; {
				select {
				case <-stop:
					return
				default:
				}
				reader, err := pgconn.Connect(ctx, db.URL+"&replication=database")
				if err != nil {
					continue
				}
				options := pglogrepl.StartReplicationOptions{PluginArgs: []string{"proto_version '1'", "publication_names 'p'"}}
				if pglogrepl.StartReplication(ctx, reader, slot, 0, options) == nil {
					first()
					for err = nil; err == nil; {
						_, err = reader.ReceiveMessage(ctx)
					}
				}
				reader.Close(ctx)
			}
		}()
		<-reading
	})
}

func TestTemplateIsBuiltOnce(t *testing.T) {
	builds := 0
	build := func(ctx context.Context, conn *pgx.Conn) error {
		builds++
		_, err := conn.Exec(ctx, "create table filled as select generate_series(1, 3) as id")
		return err
	}
	for range 2 {
		conn := pgtest.Template(t, "filled", build).Conn(t)
		if got := count(t, conn, "select count(*) from filled"); got != 3 {
			t.Errorf("rows = %d, want 3", got)
		}
		if _, err := conn.Exec(t.Context(), "delete from filled"); err != nil {
			t.Fatal(err)
		}
	}
	if builds != 1 {
		t.Errorf("builds = %d, want 1", builds)
	}
}

func TestServerHasItsOwnSettings(t *testing.T) {
	s := pgtest.Server(t, map[string]string{"max_slot_wal_keep_size": "64MB"})
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	const setting = "select setting::int from pg_settings where name = 'max_slot_wal_keep_size'"
	if got := count(t, conn, setting); got != 64 {
		t.Errorf("max_slot_wal_keep_size = %d MB, want 64", got)
	}
}

func TestSlotNamesFitAndDiffer(t *testing.T) {
	t.Run("Ä name "+strings.Repeat("long ", 20), func(t *testing.T) {
		one, other := pgtest.Slot(t), pgtest.Slot(t)
		if one == other {
			t.Errorf("twice the same name %s", one)
		}
		if len(one) > 63 || strings.Trim(one, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			t.Errorf("%q is not the name of a slot", one)
		}
	})
}
