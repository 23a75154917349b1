package oracle

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rollcall/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// What the test does when nobody says how many checks it should make: always the
// same histories, so that it fails for a change and not by chance.
const (
	firstSeed = 1
	fewChecks = 100
	seeds     = 1_000_000_000 // from which one is drawn
)

// shrinkFor bounds the search for a shorter history that fails too.
const shrinkFor = 15 * time.Second

// round is how many checks have one seed. Check n of a round begins n(n+1)/2
// behind it, so that rounds less than that apart would repeat each other.
const (
	round = 20
	apart = round * (round + 1) / 2
)

// TestOracle compares the system with the oracle. ORACLE_CHECKS says how many
// checks of histories drawn anew to make, ORACLE_SEED repeats the round of a
// failure, ORACLE_SHRINK is how long a shorter history is looked for.
func TestOracle(t *testing.T) {
	checks := number(t, "ORACLE_CHECKS")
	seed := number(t, "ORACLE_SEED")
	once := seed != 0 && checks == 0
	switch {
	case once:
		checks = round
	case checks == 0:
		checks, seed = fewChecks, firstSeed
	case seed == 0:
		seed = int(time.Now().UnixNano() % seeds)
	}
	shrinking := shrinkFor
	if text := os.Getenv("ORACLE_SHRINK"); text != "" {
		var err error
		if shrinking, err = time.ParseDuration(text); err != nil {
			t.Fatalf("ORACLE_SHRINK: %v", err)
		}
	}
	set(t, "rapid.checks", round)
	set(t, "rapid.nofailfile", true)
	set(t, "rapid.shrinktime", shrinking)
	began, all := time.Now(), &tally{met: map[string]int{}}
	t.Run("rounds", func(t *testing.T) {
		for n := range (checks + round - 1) / round {
			t.Run(fmt.Sprint("seed ", seed+n*apart), func(t *testing.T) {
				t.Parallel()
				all.play(t, seed+n*apart)
			})
		}
	})
	if t.Failed() || once {
		return
	}
	for _, what := range sortedKeys(all.met) {
		t.Logf("%6d %s", all.met[what], what)
	}
	t.Logf("%d checks in %s, from seed %d", all.checks, time.Since(began).Round(time.Second), seed)
}

// tally is what all rounds found together.
type tally struct {
	mu     sync.Mutex
	checks int
	met    map[string]int // how often they came upon what is worth judging
	failed bool           // then no other round begins
}

func (a *tally) note(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.met[what]++
}

// seeding is locked while a round takes its seed, which rapid has in one place
// for all.
var seeding sync.Mutex

// play makes the checks of one round.
func (a *tally) play(t *testing.T, seed int) {
	a.mu.Lock()
	failed := a.failed
	a.mu.Unlock()
	if failed {
		t.Skip("another round failed")
	}
	played := 0
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.checks += played
		if a.failed = a.failed || t.Failed(); t.Failed() {
			t.Logf("to repeat: ORACLE_SEED=%d go test ./internal/oracle -run TestOracle -count=1", seed)
		}
	}()
	b := newBench(t, a.note)
	seeding.Lock()
	seeded := sync.OnceFunc(seeding.Unlock)
	defer seeded()
	set(t, "rapid.seed", seed)
	rapid.Check(t, func(rt *rapid.T) {
		seeded()
		check(rt, b)
		played++
	})
	if played < round {
		t.Errorf("time was enough for %d checks of %d", played, round)
	}
}

func number(t *testing.T, name string) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func set(t *testing.T, name string, value any) {
	t.Helper()
	if err := flag.Set(name, fmt.Sprint(value)); err != nil {
		t.Fatal(err)
	}
}

// check plays one random history and compares at every step.
func check(t *rapid.T, b *bench) {
	ctx := t.Context()
	s, err := newSystem(ctx, b, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.choose(t); err != nil {
		t.Fatal(err)
	}
	s.before(t)
	judge := func() {
		s.model.wasAlarmed = s.model.wasAlarmed || s.model.alarmed()
		if err := s.questions(ctx); err != nil {
			t.Fatal(err)
		}
		s.model.broken(s.account.sim)
		for _, p := range s.model.problems {
			t.Errorf("%s", p)
		}
	}
	step := func(name string, do func() error) func(*rapid.T) {
		return func(t *rapid.T) {
			t.Logf("%s", name)
			if err := do(); err != nil {
				t.Fatal(err)
			}
		}
	}
	rest := func() error {
		if err := s.quiet(ctx); err != nil {
			return err
		}
		s.model.broken(s.account.sim)
		s.account.sim.Reset() // faults that nothing met
		s.faulty = false
		if err := s.questions(ctx); err != nil {
			return err
		}
		s.model.atRest(s.account.look(), addresses)
		s.model.wasAlarmed = false
		return nil
	}
	stream := func() error {
		if err := s.stream(ctx); err != nil || s.faulty {
			return err
		}
		s.model.optOutsWentOut(s.account.look(), s.lingers)
		return nil
	}
	officeActs := func(t *rapid.T) {
		db := rows{ctx: ctx, b: b}
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			c := pick(t, "change", officeWork)
			if told := c.do(t, s.model.office, &db); told != "" {
				t.Logf("office: %s: %s", c.name, told)
			}
		}
		if db.err != nil {
			t.Fatal(db.err)
		}
		b.clock.advance(time.Second)
	}
	accountActs := func(t *rapid.T) {
		b.clock.advance(time.Second)
		d := pick(t, "deed", accountWork)
		t.Logf("constant contact: %s", d.name)
		if !d.do(t, s, s.account.look()) {
			t.Skip()
		}
		b.clock.advance(time.Second)
	}
	actions := map[string]func(*rapid.T){"": func(*rapid.T) { judge() }}
	for _, a := range []struct {
		weight int
		name   string
		do     func(*rapid.T)
	}{
		{7, "office", officeActs},
		{5, "account", accountActs},
		{5, "stream", step("stream", stream)},
		{4, "rest", step("rest", rest)},
		{1, "poll", step("poll", func() error { _, err := s.poll(ctx); return err })},
		{1, "queue", step("queue", func() error { return s.batch(ctx) })},
		{1, "time", func(t *rapid.T) { s.pass(t) }},
		{1, "restart", step("restart", s.restart)},
		{1, "due", step("due", func() error { return s.turns(ctx) })},
		{1, "reconcile", step("reconcile", func() error { return s.askReconcile(ctx) })},
		{2, "night", func(t *rapid.T) { s.night(t) }},
		{1, "sync now", func(t *rapid.T) { s.askSync(ctx, t) }},
		{1, "requests", step("requests", func() error { _, err := s.requests(ctx); return err })},
		{3, "answer", func(t *rapid.T) { s.answer(ctx, t) }},
	} {
		for n := range a.weight {
			actions[fmt.Sprint(a.name, " ", n)] = a.do
		}
	}
	db := rows{ctx: ctx, b: b}
	for range rapid.IntRange(1, 3).Draw(t, "reps") {
		t.Logf("office: add rep: %s", addRep(t, s.model.office, &db))
	}
	if db.err != nil {
		t.Fatal(db.err)
	}
	if rapid.IntRange(0, 3).Draw(t, "at work already") > 0 {
		step("rest at the beginning", rest)(t)
		judge()
	}
	t.Repeat(actions)
	step("rest at the end", func() error {
		if err := s.askReconcile(ctx); err != nil {
			return err
		}
		return rest()
	})(t)
	judge()
	if rapid.IntRange(0, 3).Draw(t, "and then") == 0 {
		step("nothing to do at night", func() error { return s.idle(t) })(t)
		judge()
	}
}
