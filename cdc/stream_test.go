package cdc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stream is a reader on a connection whose server is the test. It runs in a
// synctest bubble, so its hours take no time.
type stream struct {
	*Reader
	store  *fakeStore
	server net.Conn
	log    bytes.Buffer
	cancel context.CancelFunc
	ended  chan error

	mu       sync.Mutex
	statuses []status
}

// status is what the reader told the server, and when.
type status struct {
	at                       time.Time
	received, flush, applied LSN
}

const confirmedFlush = 0x50

func newStream(t *testing.T, configure func(*Config)) *stream {
	t.Helper()
	s := &stream{store: &fakeStore{}, ended: make(chan error, 1)}
	cfg := Config{
		Slot: "slot", Watches: testWatches, Store: s.store, Now: time.Now, Log: slog.New(slog.NewTextHandler(&s.log, nil)),
		Snapshot: func(context.Context) (Snapshot, error) { return Snapshot{Xmin: 900, Xmax: 900}, nil },
	}
	if configure != nil {
		configure(&cfg)
	}
	var err error
	if s.Reader, err = NewReader(cfg); err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	s.server = theirs
	ctx, cancel := context.WithCancel(t.Context())
	s.cancel = cancel
	conn := newWire(ours, time.Now)
	stop := context.AfterFunc(ctx, conn.wake)
	go func() {
		defer stop()
		defer ours.Close()
		s.ended <- s.Reader.stream(ctx, conn, confirmedFlush)
	}()
	go s.listen(theirs)
	t.Cleanup(func() {
		cancel()
		_ = theirs.Close()
		synctest.Wait()
	})
	return s
}

func (s *stream) listen(conn net.Conn) {
	message := make([]byte, 39)
	for {
		if _, err := io.ReadFull(conn, message); err != nil {
			return
		}
		lsn := func(at int) LSN { return LSN(binary.BigEndian.Uint64(message[at:])) }
		s.mu.Lock()
		s.statuses = append(s.statuses, status{time.Now(), lsn(6), lsn(14), lsn(22)})
		s.mu.Unlock()
	}
}

// send sends messages of the server and waits until they have been handled.
func (s *stream) send(t *testing.T, messages ...[]byte) {
	t.Helper()
	for _, m := range messages {
		if _, err := s.server.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
}

// pass lets time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (s *stream) acknowledged() LSN {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.statuses) == 0 {
		return 0
	}
	return s.statuses[len(s.statuses)-1].flush
}

func keepalive(end LSN, reply byte) []byte {
	return serverMessage('d', frame("k").u64(uint64(end)).u64(0).u8(reply))
}

// transaction touches one member.
func transaction(xid uint32, final LSN, member string) []byte {
	m := copyData(final-8, begin(xid, final))
	m = append(m, copyData(final-8, insert(memberRelation, member))...)
	return append(m, copyData(final, commit(final, final+0x10))...)
}

func relations() []byte {
	var all []byte
	for _, r := range testRelations {
		all = append(all, copyData(0, r)...)
	}
	return all
}

// fakeStore remembers what was saved. While gate is not nil a Save waits for it.
type fakeStore struct {
	mu     sync.Mutex
	saved  [][]string
	ends   []LSN
	gate   chan struct{}
	slow   time.Duration // what a Save takes
	broken error
}

func (f *fakeStore) Save(ctx context.Context, b *Batch) error {
	f.mu.Lock()
	gate, slow, broken := f.gate, f.slow, f.broken
	f.mu.Unlock()
	<-time.After(slow)
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if broken != nil {
		return broken
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.saved = append(f.saved, keys(b))
	f.ends = append(f.ends, b.End)
	return nil
}

func (f *fakeStore) Position(context.Context) (LSN, bool, error) { return 0, false, nil }

func (f *fakeStore) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gate = make(chan struct{})
}

func (f *fakeStore) open() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.gate)
	f.gate = nil
}

// takes says how long each Save takes from now on.
func (f *fakeStore) takes(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slow = d
}

// positions are the ends of the batches that were saved.
func (f *fakeStore) positions() []LSN {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.ends)
}

func (f *fakeStore) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Concat(f.saved...)
}

func TestStreamAcknowledgesWhatIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, nil)
		s.store.close()
		s.send(t, relations(), transaction(901, 0x100, "70"))
		pass(time.Minute / 2)
		if got := s.acknowledged(); got != confirmedFlush {
			t.Errorf("acknowledged %s before it was stored", got)
		}
		s.store.open()
		pass(time.Millisecond)
		if got := s.acknowledged(); got != 0x110 {
			t.Errorf("acknowledged %s after it was stored, want 0/110", got)
		}
		if got := LSN(s.Stats().Durable.Load()); got != 0x110 {
			t.Errorf("durable %s", got)
		}
	})
}

// A small change is stored at once, more of them together.
func TestStreamGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, nil)
		began := time.Now()
		s.send(t, relations(), transaction(901, 0x100, "70"))
		pass(flushIdle)
		if got := s.store.all(); !slices.Equal(got, []string{"member 70"}) {
			t.Errorf("after %s stored %q", time.Since(began), got)
		}
		// One change every 5 ms: never idle, so every 200 ms.
		for i := range 100 {
			s.send(t, transaction(902, LSN(0x200+0x20*i), "71"))
			pass(5 * time.Millisecond)
		}
		pass(flushBusy)
		if n := len(s.store.positions()); n < 3 || n > 6 {
			t.Errorf("%d batches for half a second of changes", n-1)
		}
		if got := s.acknowledged(); got != 0x200+0x20*99+0x10 {
			t.Errorf("acknowledged %s", got)
		}
	})
}

// Under load whoever stores rests longer than storing takes, so that others have the
// processor; not before a full batch, and not while the server waits for us.
func TestStreamRestsAfterStoring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, func(c *Config) { c.MaxKeys = 50 })
		s.store.takes(20 * time.Millisecond)
		s.send(t, relations())
		stored := func(what string, want int) {
			t.Helper()
			if n := len(s.store.positions()); n != want {
				t.Errorf("%s: stored %d times, want %d", what, n, want)
			}
		}
		at := LSN(0x100)
		change := func(members ...string) {
			t.Helper()
			for _, member := range members {
				s.send(t, transaction(901, at, member))
				at += 0x20
			}
		}
		change("70")
		pass(flushIdle + 20*time.Millisecond)
		stored("a first change", 1)
		change("71")
		pass(rest(20*time.Millisecond) - time.Millisecond)
		stored("one right after it", 1)
		pass(21 * time.Millisecond)
		stored("after the rest", 2)

		change("72")
		s.send(t, keepalive(at, 1))
		pass(flushIdle + 20*time.Millisecond)
		stored("while the server waits", 3)

		s.store.takes(10 * time.Second)
		change("73")
		pass(restMost + flushIdle + 10*time.Second)
		stored("slowly", 4)
		s.store.takes(0)
		change("74")
		pass(restMost + flushIdle)
		stored("after the longest rest", 5)

		s.store.takes(20 * time.Millisecond)
		change("75")
		pass(flushIdle + 20*time.Millisecond)
		many := make([]string, 60)
		for i := range many {
			many[i] = strconv.Itoa(100 + i)
		}
		change(many...)
		pass(20 * time.Millisecond)
		stored("a full batch", 7)
	})
}

// However slow the store is, and even when it keeps us from reading, the server
// hears from us three times in its timeout.
func TestStreamKeepsTheServerInformed(t *testing.T) {
	for name, maxKeys := range map[string]int{"reading": 1000, "full": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStream(t, func(c *Config) { c.MaxKeys, c.SenderTimeout = maxKeys, 9*time.Second })
				s.store.close()
				s.send(t, relations(), transaction(901, 0x100, "70"), transaction(902, 0x200, "71"))
				for range 120 { // ten minutes
					pass(5 * time.Second)
					if name == "reading" {
						s.send(t, keepalive(0x200, 0)) // as the server answers
					}
				}
				s.mu.Lock()
				statuses := slices.Clone(s.statuses)
				s.mu.Unlock()
				last := statuses[0].at
				for _, st := range statuses {
					if gap := st.at.Sub(last); gap > 3*time.Second {
						t.Fatalf("no status for %s", gap)
					}
					last = st.at
				}
				if len(statuses) < 150 {
					t.Errorf("%d statuses", len(statuses))
				}
				s.store.open()
				pass(time.Second)
				if got := s.acknowledged(); got != 0x210 {
					t.Errorf("acknowledged %s, want 0/210", got)
				}
			})
		})
	}
}

// The three positions of a status never go back, and none is zero.
func TestStreamNeverGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, nil)
		pass(time.Second)
		s.send(t, relations(), keepalive(0x40, 1), transaction(901, 0x100, "70"), keepalive(0x90, 1))
		pass(time.Minute / 2)
		s.send(t, keepalive(0x20, 1), transaction(902, 0x200, "70"), keepalive(0x30, 1))
		pass(time.Minute / 2)
		s.mu.Lock()
		defer s.mu.Unlock()
		last := status{received: confirmedFlush, flush: confirmedFlush}
		for _, st := range s.statuses {
			if st.received < last.received || st.flush < last.flush || st.applied != st.flush || st.received < st.flush {
				t.Errorf("status %+v after %+v", st, last)
			}
			last = st
		}
		if len(s.statuses) < 6 || last.flush != 0x210 {
			t.Errorf("%d statuses, the last %+v", len(s.statuses), last)
		}
	})
}

// Where the server is may be acknowledged only when nothing is on its way; then
// it is stored first, at most every 10 s.
func TestStreamAdvancesWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, nil)
		s.send(t, keepalive(0x1000, 0))
		pass(time.Millisecond)
		if got := s.acknowledged(); got != 0x1000 || !slices.Equal(s.store.positions(), []LSN{0x1000}) {
			t.Errorf("acknowledged %s, stored %v", got, s.store.positions())
		}
		for i := range 95 { // a busy server, no word about watched tables
			s.send(t, keepalive(LSN(0x2000+i), 0))
			pass(time.Second)
		}
		if n := len(s.store.positions()); n < 9 || n > 11 {
			t.Errorf("%d positions were stored in 95 s", n)
		}
		// A server that wants an answer may be waiting for us to shut down.
		s.send(t, keepalive(0x3000, 1))
		pass(time.Millisecond)
		if got := s.acknowledged(); got != 0x3000 {
			t.Errorf("acknowledged %s to a server that waits for 0/3000", got)
		}
	})
}

// However much a database writes elsewhere, its log does not pile up because of a
// publication in which nothing happens, and we write next to nothing ourselves.
func TestStreamHoldsLittleLogOfABusyDatabase(t *testing.T) {
	for name, elsewhere := range map[string]func(LSN) []byte{
		"keepalives": func(at LSN) []byte { return keepalive(at, 0) },
		"transactions of others": func(at LSN) []byte {
			return append(copyData(at, begin(901, at)), copyData(at, commit(at, at))...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStream(t, nil)
				const chunk, chunks = 100 << 10, 1000 // 10 MB in a second
				for i := range chunks {
					at := LSN(chunk * (i + 1))
					s.send(t, elsewhere(at))
					pass(10 * time.Millisecond)
					if held := at - max(s.acknowledged(), confirmedFlush); held > 8<<20 {
						t.Fatalf("%d bytes of log are held at %s", held, at)
					}
				}
				if n := len(s.store.positions()); n > chunk*chunks/idleBytes+2 {
					t.Errorf("%d positions were stored", n)
				}
			})
		})
	}
}

func TestStreamDoesNotAdvanceOverWhatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, nil)
		s.send(t, relations(), copyData(0xf8, begin(901, 0x100)), keepalive(0x1000, 1))
		pass(time.Minute / 3)
		if got := s.acknowledged(); got != confirmedFlush {
			t.Errorf("in a transaction: acknowledged %s", got)
		}
		s.store.close()
		s.send(t, copyData(0xf8, insert(memberRelation, "70")), copyData(0x100, commit(0x100, 0x110)))
		pass(flushIdle)
		s.send(t, keepalive(0x1000, 1))
		pass(time.Second)
		if got := s.acknowledged(); got != confirmedFlush {
			t.Errorf("while a batch is being stored: acknowledged %s", got)
		}
		s.store.open()
		pass(time.Second)
		if got := s.acknowledged(); got != 0x110 {
			t.Errorf("after it: acknowledged %s, want 0/110", got)
		}
	})
}

// Transactions that touch nothing move the position too, as rarely as keepalives.
func TestStreamStoresPositionsOfForeignTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, nil)
		s.send(t, relations())
		for i := range 30 {
			final := LSN(0x100 + 0x20*i)
			s.send(t, copyData(final, begin(901, final)), copyData(final, insert(unwatched, "1")), copyData(final, commit(final, final+0x10)))
			pass(time.Second)
		}
		if n := len(s.store.positions()); n < 3 || n > 4 {
			t.Errorf("%d positions were stored in 30 s: %v", n, s.store.positions())
		}
		pass(idleEvery)
		if got := s.acknowledged(); got != 0x100+0x20*29+0x10 {
			t.Errorf("acknowledged %s in the end", got)
		}
	})
}

// A transaction larger than a batch is stored in pieces, and the position stays
// before it until the last.
func TestStreamTakesHugeTransactionsInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, func(c *Config) { c.MaxKeys = 10 })
		s.send(t, relations(), transaction(900, 0x80, "1"), copyData(0xf0, begin(901, 0x100)))
		var want []string
		for i := range 105 {
			id := string(rune('a'+i/26)) + string(rune('a'+i%26))
			want = append(want, "member "+id)
			s.send(t, copyData(0xf0, insert(memberRelation, id)))
		}
		pass(time.Second)
		s.store.mu.Lock()
		for _, batch := range s.store.saved {
			if len(batch) > 10 {
				t.Errorf("a batch of %d keys", len(batch))
			}
		}
		s.store.mu.Unlock()
		if got := s.store.all(); !slices.Equal(got[1:], want) || s.acknowledged() != 0x90 {
			t.Errorf("before the commit: %d keys, acknowledged %s", len(got), s.acknowledged())
		}
		s.send(t, copyData(0x100, commit(0x100, 0x110)))
		pass(idleEvery)
		if got := s.acknowledged(); got != 0x110 {
			t.Errorf("after the commit: acknowledged %s", got)
		}
	})
}

func TestStreamEndsWhenTheWatchesChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, nil)
		s.send(t, relations(), transaction(901, 0x100, "70"),
			copyData(0x1f0, begin(902, 0x200)), copyData(0x1f0, insert(watchesRelation, "public.rep", "{}")))
		pass(time.Second)
		s.send(t, copyData(0x1f0, insert(memberRelation, "71")), copyData(0x200, commit(0x200, 0x210)))
		if err := <-s.ended; !errors.Is(err, ErrWatchesChanged) || passing(err) {
			t.Fatalf("ended with %v", err)
		}
		// Everything is touched even if nobody is there to hear of the end.
		if got := s.store.all(); !slices.Equal(got, []string{"all", "member 70", "member 71"}) {
			t.Errorf("stored %q", got)
		}
		if got := s.acknowledged(); got != 0x210 {
			t.Errorf("acknowledged %s", got)
		}
	})
}

func TestStreamEnds(t *testing.T) {
	for name, c := range map[string]struct {
		do      func(*testing.T, *stream)
		passing bool
	}{
		"silence":           {func(_ *testing.T, _ *stream) { pass(time.Minute) }, true},
		"the server's end":  {func(t *testing.T, s *stream) { s.send(t, serverMessage('c', nil)) }, true},
		"a cut":             {func(_ *testing.T, s *stream) { _ = s.server.Close(); synctest.Wait() }, true},
		"an unknown answer": {func(t *testing.T, s *stream) { s.send(t, serverMessage('d', []byte("x"))) }, false},
		"a store that fails": {func(t *testing.T, s *stream) {
			s.store.broken = errors.New("no state database")
			s.send(t, relations(), transaction(901, 0x100, "70"))
			pass(time.Second)
		}, true},
		"a server that stops, with a store that fails": {func(t *testing.T, s *stream) {
			s.store.broken = errors.New("no state database")
			s.send(t, keepalive(0x1000, 1))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStream(t, nil)
				pass(time.Second)
				c.do(t, s)
				select {
				case err := <-s.ended:
					if passing(err) != c.passing {
						t.Errorf("ended with %v", err)
					}
				default:
					t.Fatal("goes on")
				}
				if got := s.acknowledged(); got != confirmedFlush {
					t.Errorf("acknowledged %s", got)
				}
			})
		})
	}
}

// A planned stop ends at once, even while the store works.
func TestStreamStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStream(t, nil)
		s.store.close()
		s.send(t, relations(), transaction(901, 0x100, "70"))
		pass(time.Second)
		s.cancel()
		synctest.Wait()
		select {
		case err := <-s.ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
		default:
			t.Fatal("goes on")
		}
	})
}

func TestStreamTellsOfRefusedRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &refusing{}
		s := newStream(t, func(c *Config) { c.Store = store })
		s.send(t, relations(), copyData(0xf0, begin(901, 0x100)), copyData(0xf0, logicalMessage(1, RequestPrefix, "zz-canary")),
			copyData(0x100, commit(0x100, 0x110)))
		pass(time.Second)
		s.cancel()
		<-s.ended
		if s.Stats().Refused.Load() != 1 || !bytes.Contains(s.log.Bytes(), []byte("messages=1")) || bytes.Contains(s.log.Bytes(), []byte("canary")) {
			t.Errorf("refused %d; the log: %s", s.Stats().Refused.Load(), s.log.String())
		}
	})
}

type refusing struct{ fakeStore }

func (r *refusing) Save(_ context.Context, b *Batch) error {
	b.Refuse(len(b.Requests))
	return nil
}
