package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/ccsim"
	"rollcall/internal/chamber"
	"rollcall/internal/pgtest"
)

// points are the names of all failpoints, read from the code.
func points(t *testing.T) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/failpoint/failpoint.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for _, value := range spec.Values {
				name, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, name)
			}
		}
		return true
	})
	if len(names) < 30 {
		t.Fatalf("%d failpoints were found, want them all", len(names))
	}
	return names
}

// way is how the program is brought to a failpoint that everyday office work does
// not lead to.
type way struct {
	// prepare is done before the first start, provoke again and again while the
	// program runs.
	prepare, provoke func(*testing.T, *world)
	once             bool // the point is come to once in the life of an installation
	rare             bool // and this one a few times in that of a process
	quiet            bool // the office must rest for a while
	smoke            bool // also in make test
}

var ways = map[string]way{
	"slot_made":         {once: true},
	"all_touched":       {once: true},
	"keys_stored":       {smoke: true},
	"call_recorded":     {smoke: true},
	"call_answered":     {smoke: true},
	"call_refused":      {provoke: meet(ccsim.FaultThrottled, 12), rare: true},
	"refusal_recorded":  {provoke: meet(ccsim.FaultThrottled, 12), rare: true},
	"call_doubted":      {provoke: meet(ccsim.FaultResetAfter, 1)},
	"doubt_recorded":    {provoke: meet(ccsim.FaultResetAfter, 1)},
	"move_answered":     {prepare: moveContacts},
	"move_recorded":     {prepare: moveContacts},
	"run_recorded":      {provoke: askForReconciliation, rare: true},
	"page_read":         {provoke: askForReconciliation, rare: true},
	"people_sifted":     {provoke: askForReconciliation, rare: true},
	"run_end_recorded":  {provoke: askForReconciliation, rare: true, quiet: true},
	"request_recorded":  {provoke: askForReconciliation, rare: true},
	"look_recorded":     {prepare: listBefore, once: true},
	"refresh_begun":     {prepare: longLivedTokens, provoke: expireTokens, rare: true},
	"refresh_answered":  {prepare: longLivedTokens, provoke: expireTokens, rare: true},
	"refresh_saved":     {prepare: longLivedTokens, provoke: expireTokens, rare: true},
	"lease_taken":       {rare: true},
	"lease_releasing":   {provoke: askToStop, once: true},
	"changes_recording": {smoke: true},
}

// meet lets some requests that change something meet a fault, now and then: what is
// left of the faults must not last.
func meet(kind ccsim.FaultKind, count int) func(*testing.T, *world) {
	var last time.Time
	return func(t *testing.T, w *world) {
		if time.Since(last) < 40*time.Second {
			return
		}
		last = time.Now()
		w.must(t, w.sim.Fault(ccsim.Fault{Method: "POST", PathPrefix: "/v3/activities", Kind: kind, Count: count}))
	}
}

func moveContacts(t *testing.T, w *world) {
	w.reconfigure(t, "rules: {", "rules: {on_email_change: move, ")
}

func askForReconciliation(t *testing.T, w *world) {
	w.exec(t, `insert into rollcall_state.request (source, content, asked_at, asked_by)
		select 'chamber', jsonb_build_object('v', 1, 'ask', 'reconcile'), now(), 'a test'
		where not exists (select from rollcall_state.request where state in ('pending', 'running'))`)
}

// listBefore is a list that the office made before. Nobody is on it whom the
// program would have to ask about.
func listBefore(t *testing.T, w *world) { w.must(t, w.sim.CreateList(account, allActive)) }

func longLivedTokens(t *testing.T, w *world) {
	redirect := w.oauthConfig(t)
	w.must(t, w.sim.SetApp(ccsim.App{Key: theApp, Secret: "zz-canary-secret", RedirectURIs: []string{redirect}, LongLived: true}))
	w.connect(t)
}

func expireTokens(t *testing.T, w *world) { w.must(t, w.sim.ExpireTokens(account)) }

func askToStop(t *testing.T, w *world) {
	_ = w.process.Process.Signal(syscall.SIGTERM) // it may have ended
}

// testSeed is the seed of a random test, and how to repeat it.
func testSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("ROLLCALL_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("to repeat: ROLLCALL_SEED=%d", seed)
	return seed
}

// crashLong says that make test-crash runs: every failpoint, and more kills.
func crashLong() bool { return os.Getenv("ROLLCALL_CRASH") == "long" }

// The program is killed at every failpoint, while an office works and people leave:
// the first time that it comes there, and again soon after its next start. In the
// end the lists are what the database says without those who left, the referee saw
// nothing unlawful, nothing was asked for twice that could be found, and the slot
// is acknowledged up to the end, or the log of triggers is empty.
func TestKilledAtEveryFailpoint(t *testing.T) {
	t.Parallel()
	seed := testSeed(t)
	names := points(t)
	for name := range ways {
		if !slices.Contains(names, name) {
			t.Errorf("there is no failpoint %s", name)
		}
	}
	for i, name := range names {
		if !crashLong() && !ways[name].smoke || pgtest.ByTriggers() && name == "slot_made" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newCrash(t, seed+uint64(i), ways[name]).at(t, name)
		})
	}
}

// crash is an office at work whose program is killed.
type crash struct {
	*world
	*crowd
	way
	random *rand.Rand
	work   func() (chamber.Statement, bool)
}

func newCrash(t *testing.T, seed uint64, way way) *crash {
	t.Helper()
	w := newWorld(t, "failpoints", func(ctx context.Context, conn *pgx.Conn) error {
		_, err := chamber.Generate(ctx, conn, chamber.Options{Seed: 7, Associations: 1, Reps: 200, Groups: 4})
		return err
	})
	w.program = failpointBinary
	if way.prepare != nil {
		way.prepare(t, w)
	}
	return crashOf(t, w, seed, way)
}

// crashOf is the office of a world, whose database is filled.
func crashOf(t *testing.T, w *world, seed uint64, way way) *crash {
	t.Helper()
	c := &crash{world: w, crowd: newCrowd(t, w, seed), way: way, random: rand.New(rand.NewPCG(seed, 3))}
	next, stop := iter.Pull(chamber.Changes(seed, summary(t, c.office), 1<<30))
	t.Cleanup(stop)
	c.work = next
	return c
}

// at kills the program at a failpoint and compares.
func (c *crash) at(t *testing.T, name string) {
	t.Helper()
	times := []int{1, 1 + c.random.IntN(3)}
	switch {
	case c.once:
		times = times[:1]
	case c.rare:
		times[1] = 1
	}
	for i, nth := range times {
		c.env = []string{fmt.Sprintf("ROLLCALL_FAILPOINT=%s:%d", name, nth)}
		c.start(t)
		err := c.until(t, 4*time.Minute)
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			waits, waitsErr := stillWaits(t.Context(), c.member)
			t.Fatalf("process %d never came to %s for the %d. time: %v; still waits: %s (%v)", i+1, name, nth, err, waits, waitsErr)
		}
	}
	c.env = nil
	c.start(t)
	c.rest(t, restPatience)
	c.stop(t)
}

// errAlive says that the program has not ended in time.
var errAlive = errors.New("it still runs")

// until lets the office work and people act until the program has ended, and
// returns how.
func (c *crash) until(t *testing.T, patience time.Duration) error {
	t.Helper()
	ended := make(chan error, 1)
	process := c.process
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		ended <- process.Wait()
	}()
	defer func() { // also when the test ends here
		_ = process.Process.Kill()
		<-waited
	}()
	deadline := time.After(patience)
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for i := 1; ; i++ {
		select {
		case err := <-ended:
			return err
		case <-deadline:
			return errAlive
		case <-tick.C:
			c.something(t, i)
		}
	}
}

// something is a statement of the office, and now and then what somebody does in
// Constant Contact.
func (c *crash) something(t *testing.T, i int) {
	t.Helper()
	resting := c.quiet && i > 250
	if s, ok := c.work(); ok && !resting && !c.sharesTarget(t, s) {
		if _, err := c.office.Exec(t.Context(), s.SQL, s.Args...); err != nil {
			t.Fatalf("office work: %v", err)
		}
	}
	if i%50 > 0 {
		return
	}
	if !c.begun(t) {
		return
	}
	c.somebodyActs(t)
	if c.provoke != nil {
		c.provoke(t, c.world)
	}
}

// begun says whether the program has read the database once.
func (c *crash) begun(t *testing.T) bool {
	t.Helper()
	var made, read bool
	c.must(t, c.member.QueryRow(t.Context(), "select to_regclass('rollcall_state.worker') is not null").Scan(&made))
	if made {
		c.must(t, c.member.QueryRow(t.Context(), "select exists (select from rollcall_state.position where full_pass_at is not null)").Scan(&read))
	}
	return read
}

// restPatience is how long it may take until nothing is left to do: whoever Constant
// Contact left out of a call waits a quarter of an hour.
const restPatience = 20 * time.Minute

// rest waits until nothing is left to do, and compares.
func (c *crash) rest(t *testing.T, patience time.Duration) {
	t.Helper()
	var lsn string
	c.must(t, c.member.QueryRow(t.Context(), "select pg_current_wal_insert_lsn()::text").Scan(&lsn))
	c.settleAll(t, patience, 20*time.Minute)
	c.wantLists(t, "at rest")
	c.wantLawful(t)
	c.wantNoRepetition(t)
	if pgtest.ByTriggers() {
		wait(t, "the log of changes to be empty", func() bool {
			var rows int
			c.must(t, c.member.QueryRow(t.Context(), "select count(*) from rollcall.log").Scan(&rows))
			return rows == 0
		})
		return
	}
	const acknowledged = "select count(*) from pg_replication_slots where database = current_database() and confirmed_flush_lsn >= $1::pg_lsn"
	wait(t, "the slot to be acknowledged", func() bool {
		var slots int
		c.must(t, c.member.QueryRow(t.Context(), acknowledged, lsn).Scan(&slots))
		return slots == 1
	})
}

// What is released knows no failpoint, whatever is in its environment.
func TestReleasedProgramHasNoFailpoints(t *testing.T) {
	t.Parallel()
	for _, program := range []struct {
		build func() (string, error)
		has   bool
	}{{binary, false}, {failpointBinary, true}} {
		path, err := program.build()
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range append(points(t), "ROLLCALL_FAILPOINT", "internal/failpoint") {
			if bytes.Contains(text, []byte(word)) != program.has {
				t.Errorf("%s is in %s: %t", word, path, !program.has)
			}
		}
	}
}
