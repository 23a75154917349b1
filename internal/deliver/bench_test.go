package deliver_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/cdc"
	"rollcall/internal/ccsim"
	"rollcall/internal/deliver"
	"rollcall/internal/pgtest"
	"rollcall/internal/source"
	"rollcall/internal/statetest"
	"rollcall/internal/store"
	"rollcall/internal/widen"
	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
	"rollcall/sql"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	everybody = "All Active and Courtesy Representatives"
	board     = "Board"
	golf      = "Golf"
	account   = "harbour"
)

// office is one association with twenty reps of one active member: rep n has
// the address pN@example.org. All are in the ticked groups Board and Golf.
const office = `
insert into chamber.association (name) values ('Harbour');
insert into chamber.sync_options (association_id, sync_all_active, sync_groups) values (1, true, true);
insert into chamber.member (association_id, name, status) values (1, 'Bakery', 'active');
insert into chamber.rep (association_id, member_id, email, first_name)
select 1, 1, 'p' || n || '@example.org', 'P' || n from generate_series(1, 20) n;
insert into chamber.rep_group (association_id, name) values (1, 'Board'), (1, 'Golf');
insert into chamber.group_membership (association_id, group_id, rep_id)
select 1, g, n from generate_series(1, 2) g, generate_series(1, 20) n;`

// clock is a time that goes on only when told to.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// bench delivers step by step, without a stream: every look begins with
// everything touched.
type bench struct {
	*deliver.Deliverer
	clock  *clock
	sim    *ccsim.Sim
	store  *store.Store
	member *pgx.Conn
	widen  *widen.Widener
}

func newBench(t *testing.T, policy mapper.Policy) *bench {
	t.Helper()
	db := pgtest.Template(t, "deliver", func(ctx context.Context, conn *pgx.Conn) error {
		for _, script := range append(append(sql.Reference(), sql.Contract()...), office) {
			if _, err := conn.Exec(ctx, script); err != nil {
				return err
			}
		}
		return statetest.Migrate(ctx, conn)
	})
	cfg, err := pgxpool.ParseConfig(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	source.Configure(cfg.ConnConfig)
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	src, err := source.New(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{clock: &clock{t: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)}, member: db.Conn(t)}
	b.sim = ccsim.New(ccsim.Config{Now: b.clock.now, Delay: time.Second})
	b.sim.AddAccount(account, "key", "token")
	server := httptest.NewServer(b.sim.Handler())
	t.Cleanup(server.Close)
	client, err := constantcontact.New(constantcontact.Config{
		BaseURL: server.URL + "/v3", UserAgent: "rollcall test", Now: b.clock.now,
		Token: func(context.Context) (string, error) { return "token", nil },
		Wait:  func(context.Context) error { b.clock.advance(constantcontact.Spacing); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	b.store = store.New(pool, "chamber", b.clock.now)
	state := b.store.Association("1")
	b.widen = &widen.Widener{Source: src, Store: b.store, Log: log, Watch: func(string) (cdc.Watch, bool) { return cdc.Watch{}, false }}
	b.Deliverer = &deliver.Deliverer{
		ID: "1", Source: src, Store: state, Policy: policy, Linger: 2 * time.Second, Now: b.clock.now, Log: log,
		Applier: &sink.Applier{
			API: client, Ledger: state, Now: b.clock.now, Log: log,
			Pause: func(_ context.Context, d time.Duration) error { b.clock.advance(d); return nil },
		},
	}
	return b
}

// exec changes the member database and has everything looked at.
func (b *bench) exec(t *testing.T, statement string) {
	t.Helper()
	if _, err := b.member.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	b.settle(t)
}

// settle has everything looked at and waits until nothing is left to do now.
func (b *bench) settle(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	after, err := b.Source.NewTransactionID(ctx)
	if err == nil {
		err = b.store.TouchAll(ctx, after)
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		took, _, err := b.widen.Pass(ctx)
		if err != nil {
			t.Fatal(err)
		}
		b.clock.advance(3 * time.Second)
		_, open, err := b.Applier.Poll(ctx)
		if err != nil {
			t.Fatal(err)
		}
		worked, wait, err := b.Batch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if took == 0 && open == 0 && !worked && wait == 0 {
			return
		}
	}
	t.Fatal("still at work after 200 turns")
}

// on reports whether an address is on a list of the account.
func (b *bench) on(list, address string) bool {
	return slices.Contains(b.sim.ListAddresses(account, list), address)
}

func (b *bench) wantOn(t *testing.T, list, address string, want bool) {
	t.Helper()
	if got := b.on(list, address); got != want {
		t.Errorf("%s on %q: %v, want %v", address, list, got, want)
	}
}

func (b *bench) referee(t *testing.T) {
	t.Helper()
	for _, v := range b.sim.Violations() {
		t.Errorf("the referee saw %s: %s", v.Rule, v.Detail)
	}
}

// asked are the questions that wait, by kind, with the number of their pairs.
func (b *bench) asked(t *testing.T) (ids map[mapper.HoldKind]int64, pairs map[mapper.HoldKind]int) {
	t.Helper()
	rows, err := b.member.Query(t.Context(), `select q.kind, q.id, count(p.address) filter (where p.ended = '')
		from rollcall_state.approval q left join rollcall_state.approval_pair p on p.approval = q.id
		where q.state = 'waiting' group by q.kind, q.id`)
	if err != nil {
		t.Fatal(err)
	}
	ids, pairs = map[mapper.HoldKind]int64{}, map[mapper.HoldKind]int{}
	var kind mapper.HoldKind
	var id int64
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&kind, &id, &n}, func() error { ids[kind], pairs[kind] = id, n; return nil }); err != nil {
		t.Fatal(err)
	}
	return ids, pairs
}

func (b *bench) decide(t *testing.T, id int64, approve bool) {
	t.Helper()
	if err := b.store.Decide(t.Context(), id, approve, "ann"); err != nil {
		t.Fatal(err)
	}
	b.settle(t)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
