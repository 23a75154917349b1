package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/cdc"
	"rollcall/internal/pgtest"
	"rollcall/internal/statetest"
	"rollcall/internal/store"
)

// stream is a member database with its state beside it. A test has the reader
// bring it batches, as only the reader makes them.
type stream struct {
	*store.Store
	*pgx.Conn
	db       *pgtest.DB
	slot     string
	snapshot cdc.Snapshot
}

// Snapshots that show every transaction of a new server, and none.
var (
	everything = cdc.Snapshot{Xmin: 1 << 30, Xmax: 1 << 30}
	nothing    = cdc.Snapshot{Xmin: 1, Xmax: 1}
)

func newStream(t *testing.T) *stream {
	t.Helper()
	db := statetest.Database(t)
	pool := db.Pool(t)
	s := &stream{
		Store: store.New(pool, "chamber", func() time.Time { return noon }), Conn: db.Conn(t), db: db, slot: pgtest.Slot(t),
		snapshot: everything,
	}
	s.exec(t, "set synchronous_commit = on",
		"create table public.rep (rep_id text primary key)",
		"create publication rollcall for table public.rep")
	_, err := cdc.Prepare(t.Context(), s.Conn, s.slot, "rollcall")
	ok(t, err)
	return s
}

func (s *stream) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := s.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// text is what a query answers.
func (s *stream) text(t *testing.T, query string, args ...any) string {
	t.Helper()
	var text string
	ok(t, s.QueryRow(t.Context(), query, args...).Scan(&text))
	return text
}

// batch reads one batch of what has changed since the last one and gives it to
// use, whose error it returns. Afterwards the stream goes on behind it.
func (s *stream) batch(t *testing.T, use func(context.Context, *cdc.Batch) error) error {
	t.Helper()
	cfg, err := pgconn.ParseConfig(s.db.URL)
	ok(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	u := &once{Store: s.Store, use: use, enough: cancel}
	reader, err := cdc.NewReader(cdc.Config{
		Conn: cfg, Slot: s.slot, Publication: "rollcall", Watches: []cdc.Watch{{Table: "public.rep", Keys: []string{"rep_id"}, Kind: cdc.KindRep}},
		Store: u, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Snapshot: func(context.Context) (cdc.Snapshot, error) { return s.snapshot, nil },
	})
	ok(t, err)
	if err := reader.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("no batch came: %v", err)
	}
	s.waitFor(t, "false", "select active::text from pg_replication_slots where slot_name = $1", s.slot)
	_, err = s.Exec(t.Context(), "select pg_replication_slot_advance($1, pg_current_wal_lsn())", s.slot)
	ok(t, err)
	return u.err
}

// save has the store save one batch.
func (s *stream) save(t *testing.T) {
	t.Helper()
	ok(t, s.batch(t, s.Save))
}

// once uses one batch that has something in it.
type once struct {
	cdc.Store
	use    func(context.Context, *cdc.Batch) error
	enough func()
	err    error
}

func (o *once) Save(ctx context.Context, b *cdc.Batch) error {
	if b.Len() == 0 && len(b.Requests) == 0 {
		return nil
	}
	o.err = o.use(context.WithoutCancel(ctx), b)
	o.enough()
	return o.err
}

func (s *stream) touched(t *testing.T) map[string]store.TouchedRow {
	t.Helper()
	rows, err := s.Touched(t.Context(), 1000)
	ok(t, err)
	byKey := map[string]store.TouchedRow{}
	for _, row := range rows {
		byKey[fmt.Sprint(row.Kind, row.Key)] = row
	}
	return byKey
}

func TestSaveKeepsKeysAndPosition(t *testing.T) {
	s := newStream(t)
	_, known, err := s.Position(t.Context())
	ok(t, err)
	if known {
		t.Error("a position is known before anything was stored")
	}
	s.exec(t, `insert into public.rep values ('7'), (E'a "b"\\ {c},é'), ('')`)
	var end cdc.LSN
	ok(t, s.batch(t, func(ctx context.Context, b *cdc.Batch) error {
		end = b.End
		return s.Save(ctx, b)
	}))
	got := s.touched(t)
	for _, key := range []string{"rep[7]", `rep[a "b"\ {c},é]`, "rep[]"} {
		row, found := got[key]
		if !found || row.Version != 1 || len(row.XIDs) != 0 || row.End == 0 || row.End >= end || time.Since(row.CommitTime) > time.Hour {
			t.Errorf("%s: %+v, %t", key, row, found)
		}
	}
	if durable, known, err := s.Position(t.Context()); err != nil || !known || durable != end {
		t.Errorf("position %s, %t, %v, want %s", durable, known, err, end)
	}
}

// A key that is stored already gets the union of the transactions, the later
// position, the earlier time, and a new version.
func TestSaveMerges(t *testing.T) {
	s := newStream(t)
	s.snapshot = nothing
	s.exec(t, "insert into public.rep values ('7')")
	first := s.text(t, "select xmin::text from public.rep")
	s.save(t)
	before := s.touched(t)["rep[7]"]
	s.exec(t, "delete from public.rep; insert into public.rep values ('7')")
	second := s.text(t, "select xmin::text from public.rep")
	s.save(t)
	after := s.touched(t)["rep[7]"]
	var xids []string
	for _, xid := range after.XIDs {
		xids = append(xids, fmt.Sprint(xid))
	}
	slices.Sort(xids)
	if want := []string{first, second}; !slices.Equal(xids, want) {
		t.Errorf("transactions %v, want %v", xids, want)
	}
	if after.Version != 2 || after.End <= before.End || !after.CommitTime.Equal(before.CommitTime) {
		t.Errorf("%+v after %+v", after, before)
	}

	// A touch that is visible already keeps what is still waited for.
	s.snapshot = everything
	s.exec(t, "delete from public.rep")
	s.save(t)
	if last := s.touched(t)["rep[7]"]; len(last.XIDs) != 2 || last.Version != 3 {
		t.Errorf("%+v", last)
	}
}

func TestSaveTouchesEverything(t *testing.T) {
	s := newStream(t)
	s.snapshot = nothing
	s.exec(t, "insert into public.rep values ('7')", "truncate public.rep")
	s.save(t)
	if row, found := s.touched(t)["all[]"]; !found || len(row.XIDs) != 1 {
		t.Errorf("%+v, %t, want one that waits for the truncate", row, found)
	}
	ok(t, s.TouchAll(t.Context(), 5)) // meets the same row
	if row := s.touched(t)["all[]"]; row.Version != 2 || len(row.XIDs) != 1 {
		t.Errorf("touched again: %+v", row)
	}
}

// A position never goes back, and a replay changes nothing but versions.
func TestSaveReplays(t *testing.T) {
	s := newStream(t)
	s.exec(t, "insert into public.rep values ('7')",
		`select pg_logical_emit_message(true, 'rollcall', '{"v":1,"ask":"sync_now","group":"17"}')`)
	ok(t, s.batch(t, func(ctx context.Context, b *cdc.Batch) error {
		if err := s.Save(ctx, b); err != nil {
			return err
		}
		durable := b.End
		b.End = 1
		if err := s.Save(ctx, b); err != nil {
			return err
		}
		if got, _, err := s.Position(ctx); err != nil || got != durable {
			t.Errorf("position %s, %v, want %s", got, err, durable)
		}
		return nil
	}))
	if row := s.touched(t)["rep[7]"]; row.Version != 2 {
		t.Errorf("%+v", row)
	}
	requests, err := s.Requests(t.Context())
	ok(t, err)
	if len(requests) != 1 || requests[0].Content.Group != "17" || requests[0].XID != 0 {
		t.Errorf("requests %+v", requests)
	}
}

// Messages are taken in the documented form only; any other is dropped and does
// not stop the stream.
func TestSaveRequests(t *testing.T) {
	s := newStream(t)
	s.snapshot = nothing
	for message, accepted := range map[string]bool{
		`{"v":1,"ask":"sync_now","group":"17","association":null}`:  true,
		`{"v":1,"ask":"sync_now","group":"Café","association":"1"}`: true,
		`{"v":1,"ask":"touch","kind":"rep","key":"5"}`:              true,
		`{"v":1,"ask":"touch","kind":"all","key":""}`:               true,
		``:                                     false,
		`not json`:                             false,
		`[]`:                                   false,
		`{"v":2,"ask":"sync_now","group":"1"}`: false,
		`{"v":1,"ask":"sync_now"}`:             false,
		`{"v":1,"ask":"sync_now","group":17}`:  false,
		`{"v":1,"ask":"sync_now","group":"1"} {}`:                     false,
		`{"v":1,"ask":"sync_now","group":"1"}}`:                       false,
		`{"v":1,"ask":"sync_now","group":"1","key":"5"}`:              false,
		`{"v":1,"ask":"sync_now","group":"1","more":1}`:               false,
		`{"v":1,"ask":"sync_now","group":"\u0000"}`:                   false, // no Postgres stores that
		`{"v":1,"ask":"sync_now","group":"1","association":"\u0000"}`: false,
		`{"v":1,"ask":"touch","kind":"rep","key":"\u0000"}`:           false,
		`{"v":1,"ask":"touch","kind":"rep","key":""}`:                 false,
		`{"v":1,"ask":"touch","kind":"all","key":"5"}`:                false,
		`{"v":1,"ask":"touch","kind":"address","key":"a@b.c"}`:        false,
		`{"v":1,"ask":"delete everything"}`:                           false,
	} {
		t.Run(message, func(t *testing.T) {
			s.exec(t, "delete from rollcall_state.touched", "delete from rollcall_state.request")
			if _, err := s.Exec(t.Context(), "select pg_logical_emit_message(true, 'rollcall', $1::text)", message); err != nil {
				t.Fatal(err)
			}
			s.save(t)
			requests, err := s.Requests(t.Context())
			ok(t, err)
			stored := 0
			for _, r := range requests {
				stored++
				if r.XID == 0 {
					t.Errorf("request %+v waits for nothing", r)
				}
			}
			for key, row := range s.touched(t) {
				stored++
				if len(row.XIDs) != 1 || row.End == 0 {
					t.Errorf("%s: %+v waits for nothing", key, row)
				}
			}
			if (stored == 1) != accepted || stored > 1 {
				t.Errorf("stored %d", stored)
			}
		})
	}
}

// Who works off the keys locks them in another order. Losing against that one is
// no reason to end the stream.
func TestSaveSurvivesADeadlock(t *testing.T) {
	s := newStream(t)
	s.exec(t, "insert into public.rep values ('1')", "insert into public.rep values ('2')")
	s.save(t)
	s.exec(t, "delete from public.rep where rep_id = '1'", "delete from public.rep where rep_id = '2'")

	other := s.db.Conn(t)
	lock := func(key string) error {
		_, err := other.Exec(t.Context(), "update rollcall_state.touched set version = version + 1 where key = array[$1]", key)
		return err
	}
	for _, statement := range []string{"set deadlock_timeout = '1min'", "begin"} { // so that the store is the one that gives way
		_, err := other.Exec(t.Context(), statement)
		ok(t, err)
	}
	ok(t, lock("2"))
	done := make(chan error, 1)
	go func() { done <- s.batch(t, s.Save) }()
	// The store has the first key and waits for the second: now it is a deadlock.
	s.waitFor(t, "0", "select count(*)::text from (select from rollcall_state.touched where key = array['1'] for update skip locked) free")
	s.waitFor(t, "1", "select count(*)::text from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
	ok(t, lock("1"))
	_, err := other.Exec(t.Context(), "commit")
	ok(t, err)
	ok(t, <-done)
	if got := s.touched(t); got["rep[1]"].Version != 3 || got["rep[2]"].Version != 3 {
		t.Errorf("touched %+v", got)
	}
}

// waitFor waits until a query gives the answer.
func (s *stream) waitFor(t *testing.T, want, query string, args ...any) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.text(t, query, args...) != want {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s does not become %s", query, want)
		}
	}
}
