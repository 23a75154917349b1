package pgtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DB is one test's database. Its user is the superuser.
type DB struct {
	Name string
	URL  string
}

// template is a database that others are cloned from, built by the first test that asks.
type template struct {
	once sync.Once
	name string
	err  error
}

// Database is a new, empty database. It is dropped when the test ends, with its
// replication slots and whatever is still connected.
func Database(t testing.TB) *DB {
	t.Helper()
	return clone(t, "template1")
}

// Template is a new database with the content that build once put into a
// template of that name: much faster than building it for each test. All tests of
// a process must pass the same build for a name.
func Template(t testing.TB, name string, build func(context.Context, *pgx.Conn) error) *DB {
	t.Helper()
	cluster.mu.Lock()
	if cluster.templates == nil {
		cluster.templates = map[string]*template{}
	}
	tpl := cluster.templates[name]
	if tpl == nil {
		tpl = new(template)
		cluster.templates[name] = tpl
	}
	cluster.mu.Unlock()
	server := shared(t)
	tpl.once.Do(func() {
		tpl.name = uniqueName("template", name)
		tpl.err = buildTemplate(context.Background(), server.URL, tpl.name, build)
	})
	if tpl.err != nil {
		t.Fatalf("build template %s: %v", name, tpl.err)
	}
	return clone(t, tpl.name)
}

func buildTemplate(ctx context.Context, url func(string) string, name string, build func(context.Context, *pgx.Conn) error) error {
	if err := execute(ctx, url("postgres"), "create database "+name); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url(name))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) // a database with a session cannot be cloned
	return build(ctx, conn)
}

func clone(t testing.TB, from string) *DB {
	t.Helper()
	server := shared(t)
	db := &DB{Name: uniqueName("t", t.Name())}
	db.URL = server.URL(db.Name)
	admin := server.URL("postgres")
	ctx := context.Background() // the test's own is over when its cleanups run
	if err := execute(ctx, admin, "create database "+db.Name+" template "+from); err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		if err := drop(ctx, admin, db.Name); err != nil {
			t.Errorf("drop database: %v", err)
		}
	})
	return db
}

// drop drops a database. Its slots go first: with one of them it cannot be
// dropped, and a slot with a reader cannot be dropped either. A client that the
// test has left running may not come back in between.
func drop(ctx context.Context, admin, name string) error {
	const (
		stopSessions = `select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = $1`
		slotsInUse   = `select count(*) from pg_replication_slots where database = $1 and active`
		dropSlots    = `select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = $1`
	)
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "alter database "+name+" with allow_connections false"); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, stopSessions, name); err != nil {
		return err
	}
	// On version 14 a reader that ends is no session any more before it lets go of its slot.
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		var inUse int
		if err := conn.QueryRow(ctx, slotsInUse, name).Scan(&inUse); err != nil {
			return err
		}
		if inUse == 0 {
			break
		}
		<-tick.C
	}
	if _, err := conn.Exec(ctx, dropSlots, name); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "drop database "+name+" with (force)")
	return err
}

// execute runs one statement in a session of its own.
func execute(ctx context.Context, url, statement string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

// Conn is a new session. It is closed when the test ends.
func (db *DB) Conn(t testing.TB) *pgx.Conn {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, db.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) })
	return conn
}

// Pool is a new pool of sessions. It is closed when the test ends, which waits
// for every session the test has acquired.
func (db *DB) Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// Exec runs a statement, or without arguments any number of them, in a session of its own.
func (db *DB) Exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql, args...); err != nil {
		t.Fatal(fmt.Errorf("execute %.80q: %w", sql, err))
	}
}

// Copy is a new database with the content that this one has now. Nobody may have
// a session with this one.
func (db *DB) Copy(t testing.TB) *DB {
	t.Helper()
	return clone(t, db.Name)
}
