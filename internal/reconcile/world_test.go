package reconcile_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/internal/ccsim"
	"rollcall/internal/deliver"
	"rollcall/internal/pgtest"
	"rollcall/internal/reconcile"
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

// world is a member database, a simulated Constant Contact and what works
// between them, all on one clock that only the test and the requests move.
type world struct {
	t         *testing.T
	now       time.Time
	db        *pgx.Conn
	sim       *ccsim.Sim
	state     *store.Association
	deliverer *deliver.Deliverer
	keeper    *reconcile.Reconciler
	widener   *widen.Widener
	token     string // leads to an account of the simulator
	log       bytes.Buffer
}

const account = "harbour"

// noon of a Tuesday in Chicago, where the office is.
var noon = time.Date(2026, 6, 30, 17, 0, 0, 0, time.UTC)

// RoundTrip answers requests in the process.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	reply := httptest.NewRecorder()
	w.sim.Handler().ServeHTTP(reply, r)
	return reply.Result(), nil
}

// office is one association with three kinds of list. The numbers are those that
// the tests name.
const office = `
insert into chamber.association (name) values ('Harbour');
insert into chamber.sync_options (association_id, sync_all_active, sync_membership_types, sync_groups) values (1, true, true, true);
insert into chamber.membership_type (association_id, name) values (1, 'Gold');
insert into chamber.member (association_id, name, status) values (1, 'Bakery', 'active');
insert into chamber.member_type (association_id, member_id, membership_type_id) values (1, 1, 1);
insert into chamber.rep (association_id, member_id, first_name, email)
    select 1, 1, 'Rep ' || n, 'rep' || n || '@example.org' from generate_series(1, 20) n;
insert into chamber.rep_group (association_id, name) values (1, 'Board');
insert into chamber.group_membership (association_id, group_id, rep_id) select 1, 1, rep_id from chamber.rep where rep_id <= 10;`

const (
	everybody = mapper.DefaultAllActiveName
	board     = mapper.ListKey("group:1")
)

// newWorld begins at a time, before anything is sent. prepare changes the rows
// of the office first.
func newWorld(t *testing.T, at time.Time, prepare ...string) *world {
	t.Helper()
	ctx := t.Context()
	db := pgtest.Template(t, "office", func(ctx context.Context, conn *pgx.Conn) error {
		for _, script := range append(append(sql.Reference(), sql.Contract()...), office) {
			if _, err := conn.Exec(ctx, script); err != nil {
				return err
			}
		}
		return statetest.Migrate(ctx, conn)
	})
	w := &world{t: t, now: at, db: db.Conn(t), token: "token"}
	for _, statement := range prepare {
		w.exec(statement)
	}
	now := func() time.Time { return w.now }
	logger := slog.New(slog.NewTextHandler(&w.log, nil))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", w.log.String())
		}
	})
	w.sim = ccsim.New(ccsim.Config{Now: now})
	w.sim.AddAccount(account, "key", "token")
	pool := db.Pool(t)
	src, err := source.New(ctx, pool)
	if err != nil {
		t.Fatal(err)
	}
	all := store.New(pool, "chamber", now)
	if _, err := all.Installation(ctx, store.Installation{SystemID: "1", Timeline: 1, DatabaseOID: 1, Slot: "rollcall"}); err != nil {
		t.Fatal(err)
	}
	client, err := constantcontact.New(constantcontact.Config{
		BaseURL: "http://localhost/v3", HTTP: &http.Client{Transport: w}, UserAgent: "rollcall-test", Now: now,
		Token: func(context.Context) (string, error) { return w.token, nil },
		Wait:  func(context.Context) error { w.now = w.now.Add(constantcontact.Spacing); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.state = all.Association("1")
	w.deliverer = &deliver.Deliverer{
		ID: "1", Source: src, Store: w.state, Policy: mapper.Policy{Thresholds: mapper.DefaultThresholds}, Now: now, Log: logger,
		Applier: &sink.Applier{
			API: client, Ledger: w.state, Now: now, Log: logger,
			Pause: func(_ context.Context, d time.Duration) error { w.now = w.now.Add(d); return nil },
		},
	}
	w.keeper = &reconcile.Reconciler{
		ID: "1", Source: src, Store: w.state, Applier: w.deliverer.Applier, Deliverer: w.deliverer, Now: now, Log: logger,
		Settings: reconcile.Settings{Every: 24 * time.Hour, SweepEvery: time.Hour, Retention: 30 * 24 * time.Hour},
	}
	w.deliverer.Applier.TypeIDs, w.deliverer.Applier.Compare = w.keeper.TypeIDs, w.keeper.CompareLists
	w.widener = &widen.Widener{Source: src, Store: all, Log: logger, Watch: func(string) (cdc.Watch, bool) { return cdc.Watch{}, false }}
	w.touch(cdc.KindAll, "")
	return w
}

func (w *world) exec(statement string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(w.t.Context(), statement, args...); err != nil {
		w.t.Fatal(err)
	}
}

// change runs a statement and touches what the stream would touch for it.
func (w *world) change(kind cdc.Kind, key, statement string, args ...any) {
	w.t.Helper()
	w.exec(statement, args...)
	w.touch(kind, key)
}

func (w *world) touch(kind cdc.Kind, key string) {
	w.t.Helper()
	var err error
	if kind == cdc.KindAll {
		err = w.state.TouchAll(w.t.Context(), 0)
	} else {
		err = w.state.Touch(w.t.Context(), kind, key)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// step does once what the program does all the time, in its order.
func (w *world) step() (worked bool) {
	w.t.Helper()
	ctx := w.t.Context()
	check := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	took, _, err := w.widener.Pass(ctx)
	check(err)
	requests, err := w.state.Requests(ctx)
	check(err)
	for _, r := range requests {
		check(w.keeper.Request(ctx, r))
	}
	turned, _, err := w.keeper.Turn(ctx)
	check(err)
	ended, open, err := w.deliverer.Applier.Poll(ctx)
	check(err)
	delivered, _, err := w.deliverer.Batch(ctx)
	check(err)
	return took > 0 || len(requests) > 0 || turned || ended > 0 || open > 0 || delivered
}

// unauthorized spoils one question about contacts, and its repetition.
var unauthorized = ccsim.Fault{PathPrefix: "/v3/contacts", Kind: ccsim.FaultUnauthorized, Count: 2}

// quietStep is a step during which anything may fail.
func (w *world) quietStep() { w.quietly(time.Second, time.Second) }

// settle works until nothing is left to do now.
func (w *world) settle() {
	w.t.Helper()
	for range 300 {
		if !w.step() {
			return
		}
		w.now = w.now.Add(time.Second)
	}
	w.t.Fatal("there is always something to do")
}

// until moves the clock to a time and works on the way, whenever something is
// due. Questions expire by the minute, which is not stopped at.
func (w *world) until(at time.Time) {
	w.t.Helper()
	for w.now.Before(at) {
		w.settle()
		next := value[*time.Time](w, `select min(at) from (
			select at from rollcall_state.due where what <> 'approvals' union all select not_before from rollcall_state.dirty) x where at > $1`, w.now)
		if next == nil || next.After(at) {
			next = &at
		}
		w.now = *next
	}
	w.settle()
}

// sleep moves the clock without anybody working: the host is down.
func (w *world) sleep(d time.Duration) { w.now = w.now.Add(d) }

// reads runs a pull now.
func (w *world) reconcile() {
	w.t.Helper()
	w.request(store.RequestContent{Version: 1, Ask: "reconcile"})
	w.settle()
}

// request asks for something as a command does, and returns its number.
func (w *world) request(content store.RequestContent) (id int64) {
	w.t.Helper()
	one := "1"
	content.Association = &one
	err := w.db.QueryRow(w.t.Context(), `insert into rollcall_state.request (source, content, asked_at, asked_by) values ('chamber', $1, $2, 'Olga') returning id`,
		content, w.now).Scan(&id)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// syncNow asks for a group as SQL does, works and returns the answer.
func (w *world) syncNow(group string) (state string, answer store.Answer) {
	w.t.Helper()
	var id int64
	err := w.db.QueryRow(w.t.Context(), `insert into rollcall_state.request (source, content, asked_at, lsn)
		values ('chamber', jsonb_build_object('v', 1, 'ask', 'sync_now', 'group', $1::text), $2, pg_current_wal_insert_lsn()) returning id`, group, w.now).Scan(&id)
	if err != nil {
		w.t.Fatal(err)
	}
	w.settle()
	return w.answer(id)
}

func (w *world) answer(id int64) (state string, answer store.Answer) {
	w.t.Helper()
	if err := w.db.QueryRow(w.t.Context(), "select state, answer from rollcall_state.request where id = $1", id).Scan(&state, &answer); err != nil {
		w.t.Fatal(err)
	}
	return state, answer
}

// do checks a control of the simulator.
func (w *world) do(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// on wants a list to hold exactly the addresses rep<n>@example.org, and whatever
// else is named.
func (w *world) on(list string, want ...any) {
	w.t.Helper()
	w.onIn(account, list, want...)
}

func (w *world) onIn(account, list string, want ...any) {
	w.t.Helper()
	var addresses []string
	for _, x := range want {
		switch x := x.(type) {
		case int:
			addresses = append(addresses, rep(x))
		case string:
			addresses = append(addresses, x)
		}
	}
	slices.Sort(addresses)
	if got := w.sim.ListAddresses(account, list); !slices.Equal(got, addresses) {
		w.t.Errorf("on %q: %v\nwant %v", list, got, addresses)
	}
}

func rep(n int) string { return fmt.Sprintf("rep%d@example.org", n) }

// reps are the numbers from a to b, as arguments of on.
func reps(from, to int) []any {
	var all []any
	for n := from; n <= to; n++ {
		all = append(all, n)
	}
	return all
}

// value reads one value of the state.
func value[T any](w *world, query string, args ...any) (v T) {
	w.t.Helper()
	if err := w.db.QueryRow(w.t.Context(), query, args...).Scan(&v); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return v
}

// runs are the runs of a kind, the oldest first, as state and detail.
func (w *world) runs(kind store.RunKind) []store.Run {
	w.t.Helper()
	all, err := w.state.Runs(w.t.Context(), 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(r store.Run) bool { return r.Kind != kind })
	slices.Reverse(all)
	return all
}

// writes counts the requests since the simulator's reset that change something.
func (w *world) writes() int {
	n := 0
	for _, r := range w.sim.Requests() {
		if r.Method != http.MethodGet {
			n++
		}
	}
	return n
}

// questions are the pairs that wait for an answer, as "kind list op rep…".
func (w *world) questions() []string {
	w.t.Helper()
	rows, err := w.db.Query(w.t.Context(), `select q.kind || ' ' || p.list || ' ' || p.op || ' ' || p.address
		from rollcall_state.approval q join rollcall_state.approval_pair p on p.approval = q.id
		where q.state = 'waiting' and p.ended = '' order by 1`)
	if err != nil {
		w.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) referee() {
	w.t.Helper()
	for _, v := range w.sim.Violations() {
		w.t.Errorf("the referee saw %s: %s", v.Rule, v.Detail)
	}
}

func contains(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q does not say %q", text, part)
	}
}

// A new association gets its lists and nothing else happens.
func TestFirstRun(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.on(everybody, reps(1, 20)...)
	w.on("Gold", reps(1, 20)...)
	w.on("Board", reps(1, 10)...)
	if q := w.questions(); len(q) > 0 {
		t.Errorf("questions: %v", q)
	}
	w.referee()
}

// restart ends the program and starts it again.
func (w *world) restart() {
	fresh := reconcile.Reconciler{
		ID: "1", Source: w.keeper.Source, Store: w.state, Applier: w.deliverer.Applier, Deliverer: w.deliverer,
		Now: w.keeper.Now, Log: w.keeper.Log, Settings: w.keeper.Settings,
	}
	w.keeper = &fresh
}

// hooked lets something happen in Constant Contact just before contacts are read.
type hooked struct {
	sink.API
	beforeContacts func()
}

func (h *hooked) Contacts(ctx context.Context, q constantcontact.ContactQuery, take func([]constantcontact.Contact) error) error {
	h.beforeContacts()
	return h.API.Contacts(ctx, q, take)
}
