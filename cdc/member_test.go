package cdc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/cdc"
	"rollcall/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const tables = `
create schema rollcall;
create table rollcall.watches ("table" text not null, keys text[] not null, kind text not null);
alter table rollcall.watches replica identity full;
create table public.rep (rep_id integer primary key, member_id integer, note text);
create table public.member (member_id integer primary key, name text);
alter table public.member replica identity full;
create table public.invoice (id integer generated always as identity primary key, note text);`

const publication = `create publication rollcall for table rollcall.watches, public.rep, public.member`

var watches = []cdc.Watch{
	{Table: "public.rep", Keys: []string{"rep_id"}, Kind: cdc.KindRep},
	{Table: "public.member", Keys: []string{"member_id"}, Kind: cdc.KindMember},
}

// member is a member database with a slot, and what reads it.
type member struct {
	*pgx.Conn
	url   string
	slot  string
	store *memory
}

// newMember prepares a database for a reader.
func newMember(t *testing.T) *member {
	t.Helper()
	m := newDatabase(t, pgtest.Database(t).URL)
	m.exec(t, publication)
	if _, err := cdc.Prepare(t.Context(), m.Conn, m.slot, "rollcall"); err != nil {
		t.Fatal(err)
	}
	return m
}

// newDatabase has the tables only.
func newDatabase(t *testing.T, url string) *member {
	t.Helper()
	m := &member{Conn: connect(t, url), url: url, slot: pgtest.Slot(t), store: newMemory()}
	m.exec(t, tables)
	return m
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	// A slot shows only what is flushed.
	if _, err := conn.Exec(t.Context(), "set synchronous_commit = on"); err != nil {
		t.Fatal(err)
	}
	return conn
}

func (m *member) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := m.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func (m *member) text(t *testing.T, query string, args ...any) string {
	t.Helper()
	var text *string
	args = append([]any{pgx.QueryExecModeSimpleProtocol}, args...) // values of any type as text
	if err := m.QueryRow(t.Context(), query, args...).Scan(&text); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if text == nil {
		return ""
	}
	return *text
}

func (m *member) lsn(t *testing.T, query string, args ...any) cdc.LSN {
	t.Helper()
	var lsn cdc.LSN
	if err := lsn.Scan(m.text(t, query, args...)); err != nil {
		t.Fatal(err)
	}
	return lsn
}

// confirmed is what the server thinks is durable.
func (m *member) confirmed(t *testing.T) cdc.LSN {
	t.Helper()
	return m.lsn(t, "select confirmed_flush_lsn::text from pg_replication_slots where slot_name = $1", m.slot)
}

// reading is a reader at work.
type reading struct {
	*cdc.Reader
	cancel context.CancelFunc
	ended  chan error
	log    *logBuffer
}

// read starts a reader. It is stopped when the test ends.
func (m *member) read(t *testing.T, configure func(*cdc.Config)) *reading {
	t.Helper()
	conn, err := pgconn.ParseConfig(m.url)
	if err != nil {
		t.Fatal(err)
	}
	snapshots := connect(t, m.url)
	r := &reading{ended: make(chan error, 1), log: &logBuffer{}}
	cfg := cdc.Config{
		Conn: conn, Slot: m.slot, Publication: "rollcall", Watches: watches, Store: m.store, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(r.log, nil)),
		Snapshot: func(ctx context.Context) (cdc.Snapshot, error) {
			var text string
			if err := snapshots.QueryRow(ctx, "select pg_current_snapshot()::text").Scan(&text); err != nil {
				return cdc.Snapshot{}, err
			}
			return cdc.ParseSnapshot(text)
		},
	}
	if configure != nil {
		configure(&cfg)
	}
	if r.Reader, err = cdc.NewReader(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.ended <- r.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if t.Failed() {
			t.Logf("the reader's log:\n%s", r.log)
		}
	})
	return r
}

// stop ends a reader as a planned stop does.
func (r *reading) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	r.wantEnd(t, context.Canceled)
}

func (r *reading) wantEnd(t *testing.T, want error) {
	t.Helper()
	select {
	case err := <-r.ended:
		if !errors.Is(err, want) {
			t.Fatalf("ended with %v, want %v", err, want)
		}
		r.ended <- err
	case <-time.After(30 * time.Second):
		t.Fatalf("goes on, want %v; its log:\n%s", want, r.log)
	}
}

// seesNothing is a snapshot that shows no transaction of a new server.
func seesNothing(context.Context) (cdc.Snapshot, error) { return cdc.Snapshot{Xmin: 1, Xmax: 1}, nil }

// waitForLog waits until the log says something so often.
func (r *reading) waitForLog(t *testing.T, what string, times int) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for strings.Count(r.log.String(), what) < times {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the log does not say %q: %s", what, r.log)
		}
	}
}

// memory is a store that forgets nothing.
type memory struct {
	mu       sync.Mutex
	touched  []cdc.Touched
	requests []cdc.Request
	batches  []cdc.Batch // their counters
	position cdc.LSN
	changed  chan struct{}

	before   func(context.Context) error // each Save
	location func() error                // each Position
}

func newMemory() *memory { return &memory{changed: make(chan struct{})} }

// hook sets what happens before each Save.
func (s *memory) hook(f func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

func (s *memory) Save(ctx context.Context, b *cdc.Batch) error {
	s.mu.Lock()
	before := s.before
	s.mu.Unlock()
	if before != nil {
		if err := before(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for touched := range b.Touched() {
		touched.Key = slices.Clone(touched.Key)
		s.touched = append(s.touched, touched)
	}
	s.requests = append(s.requests, b.Requests...)
	s.batches = append(s.batches, cdc.Batch{End: b.End, Transactions: b.Transactions, Changes: b.Changes, Truncated: b.Truncated})
	s.position = max(s.position, b.End)
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

func (s *memory) Position(context.Context) (cdc.LSN, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.location != nil {
		if err := s.location(); err != nil {
			return 0, false, err
		}
	}
	return s.position, s.position > 0, nil
}

// keys are the touched keys so far, each once, as "kind key".
func (s *memory) keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for _, touched := range s.touched {
		keys = append(keys, strings.TrimSpace(fmt.Sprint(touched.Kind, " ", strings.Join(touched.Key, " "))))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// wait waits until a condition about what was saved holds.
func (s *memory) wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("waited in vain for %s; touched so far: %q", what, s.keys())
		}
	}
}

// waitFor waits until everything that is written by now is stored, by a change
// that comes behind it.
func (s *memory) waitFor(t *testing.T, m *member) {
	t.Helper()
	lsn := m.lsn(t, "select pg_current_wal_lsn()::text")
	m.exec(t, "insert into public.member values (-1) on conflict (member_id) do update set name = 'again'")
	s.wait(t, "the last change", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.position >= lsn && slices.ContainsFunc(s.touched, func(touched cdc.Touched) bool {
			return touched.Kind == cdc.KindMember && touched.Key[0] == "-1" && touched.End >= lsn && touched.End <= s.position
		})
	})
}

// eventually waits until a query answers so.
func (m *member) eventually(t *testing.T, want, query string, args ...any) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for m.text(t, query, args...) != want {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s does not become %q", query, want)
		}
	}
}

// logBuffer is a log that may be read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
