package cdc_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/internal/pgtest"
)

func TestReaderTouches(t *testing.T) {
	m := newMember(t)
	m.exec(t, "insert into public.rep select i, i, repeat('x', 10) from generate_series(1, 20) i", "insert into public.member values (1, 'a'), (2, 'b')")
	m.read(t, nil)
	m.store.waitFor(t, m)
	m.store.mu.Lock()
	m.store.touched = nil
	m.store.mu.Unlock()

	m.exec(t,
		"insert into public.rep values (101)",
		"update public.rep set note = 'y' where rep_id = 2",
		"update public.rep set rep_id = 103 where rep_id = 3",
		"delete from public.rep where rep_id = 4",
		"begin; update public.rep set note = 'z' where rep_id = 5; savepoint s; update public.rep set note = 'z' where rep_id = 6; "+
			"rollback to s; savepoint s2; update public.rep set note = 'z' where rep_id = 7; release s2; commit",
		"begin; update public.rep set note = 'z' where rep_id = 8; rollback",
		"update public.member set member_id = 12 where member_id = 2",
		"insert into public.invoice (note) values ('not watched')",
		"begin; update public.rep set note = 'v' where rep_id = 9; update public.rep set note = 'w' where rep_id = 9; commit",
		"update public.rep set note = 'z' where rep_id = 9",
	)
	m.store.waitFor(t, m)
	want := []string{"member -1", "member 12", "member 2", "rep 101", "rep 103", "rep 2", "rep 3", "rep 4", "rep 5", "rep 7", "rep 9"}
	if got := m.store.keys(); !slices.Equal(got, want) {
		t.Errorf("touched %q, want %q", got, want)
	}
}

// A key that was toasted away, or moved where the identity does not show it, is
// still touched, if need be with everything.
func TestReaderMeetsToast(t *testing.T) {
	m := newMember(t)
	long := "repeat(md5(rep_id::text), 100)" // compressed, but still out of line
	m.exec(t, "alter table public.rep alter column note set storage external",
		"insert into public.rep (rep_id) values (1)", "update public.rep set note = "+long)
	m.read(t, func(c *cdc.Config) {
		c.Watches = append(slices.Clone(watches), cdc.Watch{Table: "public.rep", Keys: []string{"note"}, Kind: cdc.KindGroup})
	})
	m.exec(t, "update public.rep set member_id = 5")
	m.store.waitFor(t, m)
	if got, want := m.store.keys(), []string{"all", "member -1", "rep 1"}; !slices.Equal(got, want) {
		t.Errorf("touched %q, want %q", got, want)
	}
}

func TestReaderTruncate(t *testing.T) {
	m := newMember(t)
	m.read(t, nil)
	m.exec(t, "truncate public.rep, public.invoice")
	m.store.wait(t, "the truncate", func() bool { return slices.Contains(m.store.keys(), "all") })
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	if !m.store.batches[len(m.store.batches)-1].Truncated {
		t.Error("the batch does not say that a table was truncated")
	}
}

// Whoever is killed before it has stored a change gets it again; whoever has
// stored it does not.
func TestReaderAcknowledgesWhatIsStored(t *testing.T) {
	m := newMember(t)
	before := m.confirmed(t)
	saving := make(chan struct{}, 1)
	m.store.hook(func(ctx context.Context) error {
		select {
		case saving <- struct{}{}:
		default:
		}
		<-ctx.Done()
		return ctx.Err()
	})
	first := m.read(t, nil)
	m.exec(t, "insert into public.rep values (1)")
	<-saving
	m.eventually(t, "t", "select reply_time is not null from pg_stat_replication where pid = (select active_pid from pg_replication_slots where slot_name = $1)", m.slot)
	first.stop(t)
	if got := m.confirmed(t); got != before {
		t.Errorf("%s was acknowledged, but nothing stored", got)
	}

	m.store.hook(nil)
	second := m.read(t, nil)
	m.store.wait(t, "the change", func() bool { return slices.Contains(m.store.keys(), "rep 1") })
	m.eventually(t, "t", "select confirmed_flush_lsn >= $2::pg_lsn from pg_replication_slots where slot_name = $1", m.slot, m.store.position.String())
	second.stop(t)

	m.store = newMemory()
	m.read(t, nil)
	m.exec(t, "insert into public.rep values (2)")
	m.store.waitFor(t, m)
	if got, want := m.store.keys(), []string{"member -1", "rep 2"}; !slices.Equal(got, want) {
		t.Errorf("touched %q, want %q", got, want)
	}
}

// A publication without changes must not hold the log of a busy database: what is
// not acknowledged stays below 16 MiB, and the server may forget the rest.
func TestReaderLetsGoWhenIdle(t *testing.T) {
	t.Parallel()
	m := newMember(t)
	m.exec(t, "insert into public.invoice (note) select repeat('x', 1000) from generate_series(1, 2000)")
	m.read(t, nil)
	restart := "select restart_lsn::text from pg_replication_slots where slot_name = $1"
	before := m.lsn(t, restart, m.slot)
	for range 6 {
		m.exec(t, "insert into public.invoice (note) select repeat('x', 1000) from generate_series(1, 6000)", "checkpoint")
		busy := m.text(t, "select (pg_current_wal_lsn() - 8 * 1024 * 1024)::text")
		m.eventually(t, "t", "select confirmed_flush_lsn >= $2::pg_lsn from pg_replication_slots where slot_name = $1", m.slot, busy)
		if held := m.text(t, "select (pg_current_wal_lsn() - confirmed_flush_lsn)::text from pg_replication_slots where slot_name = $1", m.slot); atoi(t, held) > 16<<20 {
			t.Errorf("%s bytes are held", held)
		}
		acknowledged := m.confirmed(t) // before the position, which may go on
		if lsn, _, _ := m.store.Position(t.Context()); lsn < acknowledged {
			t.Errorf("%s was acknowledged, but only %s stored", acknowledged, lsn)
		}
	}
	if after := m.lsn(t, restart, m.slot); after < before+16<<20 {
		t.Errorf("the server keeps the log from %s, as before from %s", after, before)
	}
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	if n := len(m.store.batches); n > 40 {
		t.Errorf("%d positions were stored", n)
	}
}

// A Save that takes many times the server's timeout does not cost the connection,
// even when the reader cannot take any more.
func TestReaderOutlastsASlowStore(t *testing.T) {
	t.Parallel()
	m := newMember(t)
	release := make(chan struct{})
	m.store.hook(func(context.Context) error {
		<-release
		return nil
	})
	defer close(release)
	r := m.read(t, func(c *cdc.Config) { c.MaxKeys, c.SenderTimeout = 10, 900*time.Millisecond })
	m.exec(t, "insert into public.rep select i from generate_series(1, 1000) i")
	replies := "select coalesce(max(reply_time), '-infinity')::text from pg_stat_replication where pid = (select active_pid from pg_replication_slots where slot_name = $1)"
	last := m.text(t, replies, m.slot)
	for range 12 { // at least 12 statuses of 300 ms: four timeouts
		m.eventually(t, "t", "select ("+replies+")::timestamptz > $2::timestamptz", m.slot, last)
		last = m.text(t, replies, m.slot)
	}
	m.store.hook(nil)
	release <- struct{}{}
	m.store.waitFor(t, m)
	if n := r.Stats().Connects.Load(); n != 1 {
		t.Errorf("connected %d times; the log:\n%s", n, r.log)
	}
	if got := len(m.store.keys()); got != 1001 {
		t.Errorf("%d keys, want 1001", got)
	}
}

// The server cuts the connection again and again; nothing is lost, and the
// position only grows.
func TestReaderConnectsAgain(t *testing.T) {
	m := newMember(t)
	r := m.read(t, nil)
	cutter := connect(t, m.url)
	for i := range 5 {
		m.exec(t, fmt.Sprintf("insert into public.rep select i from generate_series(%d, %d) i", i*100+1, i*100+100))
		m.eventually(t, "t", "select coalesce(active, false) from pg_replication_slots where slot_name = $1", m.slot)
		if _, err := cutter.Exec(t.Context(), "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1", m.slot); err != nil {
			t.Fatal(err)
		}
	}
	m.store.waitFor(t, m)
	if got := len(m.store.keys()); got != 501 {
		t.Errorf("%d keys, want 501", got)
	}
	if n := r.Stats().Connects.Load(); n < 2 {
		t.Errorf("connected %d times: the cuts show nothing", n)
	}
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	for i, b := range m.store.batches[1:] {
		if b.End < m.store.batches[i].End && r.Stats().Connects.Load() == 1 {
			t.Errorf("position %s after %s", b.End, m.store.batches[i].End)
		}
	}
}

// A store that fails costs time, not changes.
func TestReaderStoresAgain(t *testing.T) {
	m := newMember(t)
	failures := 3
	m.store.hook(func(context.Context) error {
		if failures--; failures >= 0 {
			return errors.New("the state database is away")
		}
		return nil
	})
	m.read(t, nil)
	m.exec(t, "insert into public.rep values (1)")
	m.store.wait(t, "the change", func() bool { return slices.Contains(m.store.keys(), "rep 1") })
}

func TestReaderTakesHugeTransactionsInPieces(t *testing.T) {
	m := newMember(t)
	m.read(t, func(c *cdc.Config) { c.MaxKeys = 100 })
	m.exec(t, "insert into public.rep select i from generate_series(1, 5000) i")
	m.store.waitFor(t, m)
	if got := len(m.store.keys()); got != 5001 {
		t.Errorf("%d keys, want 5001", got)
	}
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	if n := len(m.store.batches); n < 50 {
		t.Errorf("%d batches of at most 100 keys", n)
	}
	commit := m.store.touched[0].End
	for _, b := range m.store.batches[:49] {
		if b.End >= commit {
			t.Errorf("position %s was stored within a transaction that commits at %s", b.End, commit)
		}
	}
}

// Keys carry the transactions that nobody can see yet, with their full ids.
func TestReaderKeepsTransactionsNotYetVisible(t *testing.T) {
	m := newMember(t)
	m.read(t, func(c *cdc.Config) {
		c.Snapshot = func(context.Context) (cdc.Snapshot, error) {
			return cdc.Snapshot{Xmin: 1<<32 + 3, Xmax: 1<<32 + 3}, nil
		}
	})
	m.exec(t, "insert into public.rep values (1)")
	m.store.wait(t, "the change", func() bool { return slices.Contains(m.store.keys(), "rep 1") })
	xid := m.text(t, "select xmin::text from public.rep")
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	if got := fmt.Sprint(m.store.touched[0].XIDs); got != fmt.Sprintf("[%d]", 1<<32+atoi(t, xid)) {
		t.Errorf("transactions %s, want that of %s in the second epoch", got, xid)
	}
}

func atoi(t *testing.T, text string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReaderTakesRequests(t *testing.T) {
	m := newMember(t)
	r := m.read(t, nil)
	m.exec(t,
		"select pg_logical_emit_message(true, 'rollcall', '{\"v\":1}')",
		"select pg_logical_emit_message(false, 'rollcall', 'not in a transaction')",
		"select pg_logical_emit_message(true, 'other', 'not ours')",
		"select pg_logical_emit_message(true, 'other', repeat('x', 3000000))",
		"begin; select pg_logical_emit_message(true, 'rollcall', 'rolled back'); rollback",
	)
	m.store.waitFor(t, m)
	m.store.mu.Lock()
	defer m.store.mu.Unlock()
	if len(m.store.requests) != 1 || string(m.store.requests[0].Content) != `{"v":1}` || m.store.requests[0].LSN == 0 {
		t.Errorf("requests %+v", m.store.requests)
	}
	if n := r.Stats().Ignored.Load(); n != 3 {
		t.Errorf("%d messages ignored, want 3", n)
	}
}

func TestReaderEndsWhenTheWatchesChange(t *testing.T) {
	m := newMember(t)
	r := m.read(t, nil)
	m.exec(t, "insert into public.rep values (1)", `insert into rollcall.watches values ('public.invoice', '{id}', 'group')`)
	r.wantEnd(t, cdc.ErrWatchesChanged)
	if got, want := m.store.keys(), []string{"all", "rep 1"}; !slices.Equal(got, want) {
		t.Errorf("touched %q, want %q", got, want)
	}
	m.eventually(t, "t", "select confirmed_flush_lsn >= $2::pg_lsn from pg_replication_slots where slot_name = $1", m.slot, m.store.position.String())
}

// A second reader waits for the slot, says so once, and takes over.
func TestReaderStandsBy(t *testing.T) {
	m := newMember(t)
	first := m.read(t, nil)
	m.eventually(t, "t", "select active from pg_replication_slots where slot_name = $1", m.slot)
	second := m.read(t, nil)
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(second.log.String(), "standing by") {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the second reader says: %s", second.log)
		}
	}
	m.exec(t, "insert into public.rep values (1)")
	m.store.waitFor(t, m)
	first.stop(t)
	m.exec(t, "insert into public.rep values (2)")
	m.store.wait(t, "a change after the take-over", func() bool { return slices.Contains(m.store.keys(), "rep 2") })
	if n := strings.Count(second.log.String(), "standing by"); n != 1 {
		t.Errorf("said %d times that it stands by", n)
	}
}

// Somebody else reads the slot while we are away.
func TestReaderNoticesAnotherConsumer(t *testing.T) {
	m := newMember(t)
	r := m.read(t, nil)
	m.exec(t, "insert into public.rep values (1)")
	m.store.waitFor(t, m)
	away := make(chan struct{})
	m.store.mu.Lock()
	again := false // the first look may have been at the slot as it was before
	m.store.location = func() error {
		select {
		case <-away:
			if again {
				return nil
			}
			again = true
		default:
		}
		return errors.New("not now")
	}
	m.store.mu.Unlock()
	m.exec(t, "select pg_terminate_backend(active_pid, 10000) from pg_replication_slots where slot_name = '"+m.slot+"'")
	m.eventually(t, "f", "select active from pg_replication_slots where slot_name = $1", m.slot)
	m.exec(t, "insert into public.rep values (2)",
		"select pg_replication_slot_advance('"+m.slot+"', pg_current_wal_lsn())")
	close(away)
	r.wantEnd(t, cdc.ErrPositions)
}

// A server that shuts down waits until its walsenders have been told that
// everything is durable. A state on the same server cannot be written any more
// then, so the reader must let go.
func TestReaderLetsTheServerShutDown(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, map[string]string{"fsync": "on"})
	m := newDatabase(t, server.URL("postgres"))
	m.exec(t, publication)
	if _, err := cdc.Prepare(t.Context(), m.Conn, m.slot, "rollcall"); err != nil {
		t.Fatal(err)
	}
	m.store.hook(func(ctx context.Context) error {
		state, err := pgx.Connect(ctx, m.url)
		if err != nil {
			return err
		}
		return state.Close(ctx)
	})
	m.read(t, func(c *cdc.Config) { c.Snapshot = seesNothing })
	m.exec(t, "insert into public.rep values (1)")
	m.store.wait(t, "the change", func() bool { return slices.Contains(m.store.keys(), "rep 1") })

	restarted := make(chan error, 1)
	go func() { restarted <- server.Restart(context.Background()) }()
	select {
	case err := <-restarted:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		server.Kill()
		t.Fatal("the server could not shut down")
	}
	m.Conn = connect(t, m.url)
	m.exec(t, "insert into public.rep values (2)")
	m.store.waitFor(t, m)
	m.store.wantReps(t, 2)
}
