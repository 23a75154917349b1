package oracle

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/cdc"
	"rollcall/internal/pgtest"
	"rollcall/internal/source"
	"rollcall/internal/statetest"
	"rollcall/internal/store"
	"rollcall/internal/widen"
	"rollcall/sql"
)

// clock is the time of everything but the network.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the fake time.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// bench is what the checks of a round share: one database, one slot, one reader
// that follows it, one clock. Each check has an association of its own, whose
// number, by which runs have their moments, is the same when the round is repeated.
type bench struct {
	clock   *clock
	admin   *pgx.Conn
	pool    *pgxpool.Pool
	source  *source.Source
	watches []cdc.Watch
	log     *slog.Logger

	met    func(what string) // notes what is worth judging
	marks  int
	behind bool     // something was committed since the last mark
	stored chan int // marks that the reader has stored
}

const sourceName = "chamber"

// unreadable gives a row of rollcall.reps no information: the view of the
// reference schema cannot have a NULL flag.
const unreadable = "no information"

const spoiledView = `create or replace view rollcall.reps as
select r.association_id, r.rep_id, r.member_id, r.email, r.first_name, r.last_name, m.name as company, r.job_title, r.phone,
       r.street, r.city, r.state, r.zip, r.country,
       case when r.job_title = '` + unreadable + `' then null else r.active end as active,
       m.status as member_status,
       array(select t.name from chamber.member_type mt
             join chamber.membership_type t on t.membership_type_id = mt.membership_type_id
             where mt.member_id = r.member_id order by t.name) as membership_types,
       r.opted_out
from chamber.rep r left join chamber.member m on m.member_id = r.member_id`

// build makes the database that each bench has a copy of.
func build(ctx context.Context, conn *pgx.Conn) error {
	for _, script := range append(append(sql.Reference(), sql.Contract()...), spoiledView) {
		if _, err := conn.Exec(ctx, script, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	return statetest.Migrate(ctx, conn)
}

func newBench(t *testing.T, met func(what string)) *bench {
	t.Helper()
	ctx := t.Context()
	db := pgtest.Template(t, "oracle", build)
	b := &bench{clock: &clock{now: start}, met: met, log: slog.New(slog.DiscardHandler), stored: make(chan int, 64)}
	b.admin = db.Conn(t)
	if _, err := b.admin.Exec(ctx, "set synchronous_commit = on"); err != nil {
		t.Fatal(err)
	}
	cfg, err := pgxpool.ParseConfig(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	source.Configure(cfg.ConnConfig)
	if b.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.pool.Close)
	if b.source, err = source.New(ctx, b.pool); err != nil {
		t.Fatal(err)
	}
	slot := pgtest.Slot(t)
	id, err := b.source.Identity(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.store().Installation(ctx, store.Installation{SystemID: id.SystemID, Timeline: id.Timeline, DatabaseOID: id.DatabaseOID, Slot: slot})
	if err != nil {
		t.Fatal(err)
	}
	b.read(t, cfg, slot)
	b.lookAtEverything(t)
	return b
}

// read follows the slot until the test ends.
func (b *bench) read(t *testing.T, cfg *pgxpool.Config, slot string) {
	t.Helper()
	ctx := t.Context()
	if _, err := cdc.Prepare(ctx, b.admin, slot, "rollcall"); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.watches, err = b.source.Watches(ctx); err != nil {
		t.Fatal(err)
	}
	reader, err := cdc.NewReader(cdc.Config{
		Conn: &cfg.ConnConfig.Config, Slot: slot, Publication: "rollcall", Watches: b.watches,
		Store: marking{b.store(), b.stored}, Snapshot: b.source.CurrentSnapshot, Now: time.Now, Log: b.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- reader.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

// marking tells which marks are stored.
type marking struct {
	cdc.Store
	stored chan<- int
}

// Save stores the batch; see cdc.Store.
func (m marking) Save(ctx context.Context, b *cdc.Batch) error {
	last := 0
	for _, r := range b.Requests {
		if _, after, found := bytes.Cut(r.Content, []byte(`"key":"-`)); found {
			_, _ = fmt.Sscanf(string(after), "%d", &last)
		}
	}
	if err := m.Store.Save(ctx, b); err != nil {
		return err
	}
	if last > 0 {
		m.stored <- last
	}
	return nil
}

func (b *bench) store() *store.Store { return store.New(b.pool, sourceName, b.clock.Now) }

func (b *bench) widener() *widen.Widener {
	return &widen.Widener{Source: b.source, Store: b.store(), Watch: b.watch, Log: b.log}
}

func (b *bench) watch(via string) (cdc.Watch, bool) {
	for _, w := range b.watches {
		if w.Via() == via {
			return w, true
		}
	}
	return cdc.Watch{}, false
}

// lookAtEverything makes the two full passes that come before any removal.
func (b *bench) lookAtEverything(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	after, err := b.source.NewTransactionID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store().TouchAll(ctx, after); err != nil {
		t.Fatal(err)
	}
	for _, pending, err := b.store().SecondPass(ctx); pending || err != nil; _, pending, err = b.store().SecondPass(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.widener().Pass(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// follow returns once everything committed so far is stored and widened.
func (b *bench) follow(ctx context.Context) error {
	if b.behind {
		if err := b.mark(ctx); err != nil {
			return err
		}
	}
	for {
		took, kept, err := b.widener().Pass(ctx)
		if err != nil || took == 0 && kept == 0 {
			return err
		}
	}
}

// mark commits a request to look at a rep that does not exist, and waits for the
// reader to have stored that.
func (b *bench) mark(ctx context.Context) error {
	b.marks++
	if _, err := b.admin.Exec(ctx, "select rollcall.touch('rep', $1)", fmt.Sprint(-b.marks)); err != nil {
		return fmt.Errorf("commit a mark: %w", err)
	}
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	for stored := 0; stored < b.marks; {
		select {
		case stored = <-b.stored:
		case <-timer.C:
			return fmt.Errorf("follow the stream: mark %d did not come", b.marks)
		}
	}
	b.behind = false
	return nil
}
