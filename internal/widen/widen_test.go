package widen

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/cdc"
	"rollcall/internal/pgtest"
	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/sql"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// bench is a member database on a server of its own, where a transaction can
// be committed in the log and yet be visible to nobody: it waits for a
// synchronous stand-by that does not exist. Everybody else commits locally.
type bench struct {
	*Widener
	url   string
	admin *pgx.Conn
}

const office = `
insert into chamber.association (name) values ('Harbour');
insert into chamber.sync_options (association_id, sync_all_active, sync_groups) values (1, true, true);
insert into chamber.member (association_id, name, status) values (1, 'Bakery', 'active');
insert into chamber.rep (association_id, member_id, email) values (1, 1, 'ann@example.org'), (1, 1, 'bob@example.org');
insert into chamber.rep_group (association_id, name) values (1, 'Board');
insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 1, 1);`

func newBench(t *testing.T) *bench {
	t.Helper()
	ctx := t.Context()
	server := pgtest.Server(t, map[string]string{"synchronous_commit": "local"})
	b := &bench{url: server.URL("postgres"), Widener: &Widener{Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}}
	b.Watch = func(string) (cdc.Watch, bool) { return cdc.Watch{}, false }
	b.admin = b.connect(t)
	for _, script := range append(append(sql.Reference(), sql.Contract()...), office) {
		exec(t, b.admin, script)
	}
	cfg, err := pgxpool.ParseConfig(b.url)
	if err != nil {
		t.Fatal(err)
	}
	source.Configure(cfg.ConnConfig)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(ctx, pool); err != nil {
		t.Fatal(err)
	}
	if b.Source, err = source.New(ctx, pool); err != nil {
		t.Fatal(err)
	}
	b.Store = store.New(pool, "chamber", time.Now)
	if _, err := cdc.Prepare(ctx, b.admin, "rollcall", "rollcall"); err != nil {
		t.Fatal(err)
	}
	watches, err := b.Source.Watches(ctx)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := cdc.NewReader(cdc.Config{
		Conn: &cfg.ConnConfig.Config, Slot: "rollcall", Publication: "rollcall", Watches: watches,
		Store: b.Store, Snapshot: b.Source.CurrentSnapshot, Now: time.Now, Log: b.Log,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = reader.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		pool.Close()
	})
	return b
}

func (b *bench) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// commitUnseen runs a statement whose commit is in the log, and decoded, but
// visible to nobody until release is called.
func (b *bench) commitUnseen(t *testing.T, statement string) (release func()) {
	t.Helper()
	exec(t, b.admin, "alter system set synchronous_standby_names = 'nobody'")
	exec(t, b.admin, "select pg_reload_conf()")
	b.eventually(t, "show synchronous_standby_names", "nobody")
	// Commits wait only when the checkpointer has heard of it too: this one is
	// repeated until one does.
	first := b.connect(t)
	exec(t, first, "set synchronous_commit = on")
	var released atomic.Bool
	probed := make(chan error, 1)
	go func() {
		for !released.Load() {
			if _, err := first.Exec(context.Background(), "create temporary table probe (); drop table probe"); err != nil {
				probed <- err
				return
			}
		}
		probed <- nil
	}()
	b.eventually(t, "select count(*)::text from pg_stat_activity where wait_event = 'SyncRep'", "1")
	released.Store(true) // after the one that waits, no other
	writer := b.connect(t)
	exec(t, writer, "set synchronous_commit = on")
	done := make(chan error, 1)
	go func() {
		_, err := writer.Exec(context.Background(), statement)
		done <- err
	}()
	b.eventually(t, "select count(*)::text from pg_stat_activity where wait_event = 'SyncRep'", "2")
	return func() {
		t.Helper()
		exec(t, b.admin, "alter system reset synchronous_standby_names")
		exec(t, b.admin, "select pg_reload_conf()")
		for _, waited := range []chan error{probed, done} {
			if err := <-waited; err != nil {
				t.Fatal(err)
			}
		}
	}
}

// eventually waits until a query gives the value.
func (b *bench) eventually(t *testing.T, query, want string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		var got string
		if err := b.admin.QueryRow(t.Context(), query).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got == want {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%s is %q, want %q", query, got, want)
		case <-tick.C:
		}
	}
}

const (
	touchedCount = "select count(*)::text from rollcall_state.touched"
	dirtyCount   = "select count(*)::text from rollcall_state.dirty"
	joinBoard    = "insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 1, 2)"
)

func (b *bench) pass(t *testing.T) (took, kept int) {
	t.Helper()
	took, kept, err := b.Pass(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return took, kept
}

func TestCommitIsNotPlannedBeforeItIsVisible(t *testing.T) {
	b := newBench(t)
	release := b.commitUnseen(t, joinBoard)
	b.eventually(t, touchedCount, "1")
	if took, kept := b.pass(t); took != 0 || kept != 1 {
		t.Errorf("before the commit is visible: took %d, kept back %d; want 0 and 1", took, kept)
	}
	b.eventually(t, dirtyCount, "0")

	guard := visible
	visible = func(cdc.Snapshot, []uint64) bool { return true }
	took, _ := b.pass(t)
	visible = guard
	if took != 1 {
		t.Errorf("without the guard: took %d, want 1, or this test proves nothing", took)
	}

	release()
	exec(t, b.admin, "select rollcall.touch('rep', '2')")
	b.eventually(t, touchedCount, "1")
	if took, kept := b.pass(t); took != 1 || kept != 0 {
		t.Errorf("once the commit is visible: took %d, kept back %d; want 1 and 0", took, kept)
	}
}

// The earlier of two transactions that touch one key becomes visible last. A
// key that remembered only one transaction would be taken when the other is
// seen, and the earlier change would be lost.
func TestKeyWaitsForEveryTransactionThatTouchedIt(t *testing.T) {
	for _, c := range []struct {
		name  string
		guard bool
	}{{"every transaction remembered", true}, {"only the last remembered", false}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			release := b.commitUnseen(t, joinBoard)
			b.eventually(t, touchedCount, "1")
			exec(t, b.admin, "update chamber.rep set job_title = 'Baker' where rep_id = 2")
			b.eventually(t, "select max(version)::text from rollcall_state.touched", "2")
			if !c.guard {
				exec(t, b.admin, "update rollcall_state.touched set xids = '{}'") // the later one is visible
			}
			took, _ := b.pass(t)
			release()
			if c.guard && took != 0 {
				t.Errorf("took %d keys before the earlier transaction was visible", took)
			}
			if !c.guard && took != 1 {
				t.Errorf("without the guard: took %d, want 1, or this test proves nothing", took)
			}
			// What matters in the end: a look at the row after it became visible.
			var left string
			if err := b.admin.QueryRow(t.Context(), touchedCount).Scan(&left); err != nil {
				t.Fatal(err)
			}
			if c.guard != (left == "1") {
				t.Errorf("keys left to look at: %s; guard %v", left, c.guard)
			}
		})
	}
}

// A commit that was logged before the slot began and is visible only after the
// first look at everything is in neither that look nor the stream.
func TestEverythingIsLookedAtTwice(t *testing.T) {
	b := newBench(t)
	ctx := t.Context()
	old := b.connect(t)
	exec(t, old, "begin")
	exec(t, old, "insert into chamber.association (name) values ('holds an older transaction open')")
	after, err := b.Source.NewTransactionID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Store.TouchAll(ctx, after); err != nil {
		t.Fatal(err)
	}
	if took, _ := b.pass(t); took == 0 {
		t.Fatal("the first look at everything did not happen")
	}
	exec(t, b.admin, "delete from rollcall_state.dirty")
	b.pass(t)
	b.eventually(t, dirtyCount, "0")
	if _, pending, err := b.Store.SecondPass(ctx); err != nil || !pending {
		t.Fatalf("second look: pending %v, %v; want it to wait for the older transaction", pending, err)
	}
	exec(t, old, "rollback")
	if took, _ := b.pass(t); took == 0 {
		t.Fatal("the second look at everything did not happen")
	}
	b.eventually(t, dirtyCount, "3") // two addresses and the association's lists
	if _, pending, err := b.Store.SecondPass(ctx); err != nil || pending {
		t.Fatalf("second look: pending %v, %v; want it done", pending, err)
	}
}
