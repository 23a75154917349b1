package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/ccsim"
	"rollcall/internal/chamber"
)

// trouble is what goes wrong in one test.
type trouble struct {
	kinds []ccsim.FaultKind
	share float64 // of all requests
	skew  time.Duration
	// ends says that the trouble may end the grant: somebody has to connect the
	// account again. Where it may not, that must never be needed.
	ends      bool
	longLived bool // the application's refresh tokens
	smoke     bool // also in make test
}

// troubles are the faults of docs: section 11 of the facts, each alone and all
// together.
var troubles = map[string]trouble{
	"throttled":          {kinds: []ccsim.FaultKind{ccsim.FaultThrottled}, share: 0.15},
	"quota":              {kinds: []ccsim.FaultKind{ccsim.FaultQuota}, share: 0.02},
	"unauthorized":       {kinds: []ccsim.FaultKind{ccsim.FaultUnauthorized}, share: 0.1, ends: true, longLived: true},
	"revoked":            {kinds: []ccsim.FaultKind{ccsim.FaultRevoked}, share: 0.03, ends: true},
	"500":                {kinds: []ccsim.FaultKind{ccsim.Fault500}, share: 0.15},
	"503":                {kinds: []ccsim.FaultKind{ccsim.Fault503}, share: 0.15},
	"html502":            {kinds: []ccsim.FaultKind{ccsim.FaultHTML502}, share: 0.15},
	"reset before":       {kinds: []ccsim.FaultKind{ccsim.FaultResetBefore}, share: 0.15},
	"reset after":        {kinds: []ccsim.FaultKind{ccsim.FaultResetAfter}, share: 0.15, longLived: true},
	"truncated":          {kinds: []ccsim.FaultKind{ccsim.FaultTruncated}, share: 0.15, longLived: true},
	"slow":               {kinds: []ccsim.FaultKind{ccsim.FaultSlow}, share: 0.1},
	"activity failed":    {kinds: []ccsim.FaultKind{ccsim.FaultActivityFailed}, share: 0.25, smoke: true},
	"activity timed out": {kinds: []ccsim.FaultKind{ccsim.FaultActivityTimedOut}, share: 0.25},
	"activity stuck":     {kinds: []ccsim.FaultKind{ccsim.FaultActivityStuck}, share: 0.15},
	"activity errors":    {kinds: []ccsim.FaultKind{ccsim.FaultActivityErrors}, share: 0.25},
	"page changes":       {kinds: []ccsim.FaultKind{ccsim.FaultPageSkips, ccsim.FaultPageRepeats}, share: 0.5},
	"clock behind":       {skew: -3 * time.Minute},
	"clock ahead":        {skew: 3 * time.Minute},
	"rotating and lost":  {kinds: []ccsim.FaultKind{ccsim.FaultResetAfter, ccsim.FaultTruncated, ccsim.FaultUnauthorized}, share: 0.1, ends: true},
	"everything": {kinds: []ccsim.FaultKind{
		ccsim.FaultThrottled, ccsim.FaultUnauthorized, ccsim.Fault500, ccsim.Fault503, ccsim.FaultHTML502, ccsim.FaultResetBefore,
		ccsim.FaultResetAfter, ccsim.FaultTruncated, ccsim.FaultSlow, ccsim.FaultActivityFailed, ccsim.FaultActivityTimedOut,
		ccsim.FaultActivityStuck, ccsim.FaultActivityErrors, ccsim.FaultRevoked, ccsim.FaultPageSkips, ccsim.FaultPageRepeats,
	}, share: 0.12, skew: time.Minute, ends: true, smoke: true},
}

// long says that make test-faults runs: all troubles, and more of each.
func long() bool { return os.Getenv("ROLLCALL_FAULTS") == "long" }

// TestFaults has an office work, and people unsubscribe, leave lists and be
// deleted, while requests fail at random. Once they do not any more, the lists
// are what the database says without those who left, and nothing was done on the
// way that must not be.
//
// ROLLCALL_SEED repeats a run, as far as the machine's speed allows.
func TestFaults(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("ROLLCALL_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("to repeat: ROLLCALL_SEED=%d", seed)
	for name, trouble := range troubles {
		if !long() && !trouble.smoke {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, trouble, seed)
			rounds := 1
			if long() {
				rounds = 6
			}
			for round := range rounds {
				p.round(t, round)
			}
			p.end(t)
		})
	}
}

// play is one run of the test.
type play struct {
	*inside
	trouble
	seed   uint64
	rand   *rand.Rand
	of     chamber.Summary
	office *pgx.Conn

	targets   []string        // addresses of people who may do something in Constant Contact
	gone      map[string]bool // addresses that unsubscribed or were deleted
	left      map[pair]bool
	connected int // how often the account was connected again
	perRound  int // statements of the office
	patience  int // ticks without a call after which the program waits for something
}

// pair is an address on a list.
type pair struct{ list, address string }

func newPlay(t *testing.T, x trouble, seed uint64) *play {
	t.Helper()
	reps, groups, perRound, patience := 64, 1, 15, 15
	if long() {
		reps, groups, perRound, patience = 700, 8, 150, 40
	}
	p := &play{trouble: x, seed: seed, rand: rand.New(rand.NewPCG(seed, 2)), gone: map[string]bool{}, left: map[pair]bool{}, perRound: perRound, patience: patience}
	p.inside = newInside(t, fmt.Sprint("faults", reps), func(ctx context.Context, conn *pgx.Conn) error {
		_, err := chamber.Generate(ctx, conn, chamber.Options{Seed: 7, Associations: 1, Reps: reps, Groups: groups})
		return err
	}, x.longLived)
	p.office = p.db.Conn(t)
	p.of = summary(t, p.office)
	p.chooseTargets(t)
	p.must(t, p.connectInside(t.Context()))
	p.sim.Skew(x.skew)
	if x.share > 0 {
		p.must(t, p.sim.FaultsAtRandom(seed, x.share, 2*time.Second, x.kinds...))
	}
	p.run(t)
	p.begin(t)
	return p
}

// begin waits until there are people who can do something.
func (p *play) begin(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); ; {
		before := len(p.sim.Requests())
		p.calls(t, 4)
		if n := p.count(t, "select count(*) from rollcall_state.ledger where confirmed"); n > p.perRound {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the first sync does not get on")
		}
		if p.nextDay(t); len(p.sim.Requests()) == before {
			p.clock.advance(time.Minute) // people wait for a list, or for a call whose answer was lost
		}
	}
}

// nextDay lets the day end when it has no calls any more.
func (p *play) nextDay(t *testing.T) {
	t.Helper()
	var closed *time.Time
	if err := p.member.QueryRow(t.Context(), "select max(closed_until) from rollcall_state.budget").Scan(&closed); err != nil {
		t.Fatal(err)
	}
	if closed != nil {
		p.clock.advance(closed.Sub(p.clock.now()) + time.Second)
	}
}

// summary reads what Generate made, which was done for the template.
func summary(t *testing.T, conn *pgx.Conn) (s chamber.Summary) {
	t.Helper()
	err := conn.QueryRow(t.Context(), `select (select min(association_id) from chamber.association), (select max(association_id) from chamber.association),
		(select min(member_id) from chamber.member), (select max(member_id) from chamber.member),
		(select min(rep_id) from chamber.rep), (select max(rep_id) from chamber.rep),
		(select min(group_id) from chamber.rep_group), (select max(group_id) from chamber.rep_group)`).Scan(
		&s.Associations.First, &s.Associations.Last, &s.Members.First, &s.Members.Last, &s.Reps.First, &s.Reps.Last, &s.Groups.First, &s.Groups.Last)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// chooseTargets takes people whose addresses are theirs alone and stay: the
// consent of somebody who then changes the address follows to the new one, which
// the plain statement of package chamber cannot see.
func (p *play) chooseTargets(t *testing.T) {
	t.Helper()
	rows, err := p.office.Query(t.Context(), `select lower(btrim(email)) from chamber.rep
		where rep_id % 16 = 0 and active and not opted_out and email ~ '^[A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+$'
		and (select count(*) from chamber.rep s where lower(btrim(s.email)) = lower(btrim(rep.email))) = 1 order by rep_id`)
	if err != nil {
		t.Fatal(err)
	}
	if p.targets, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		t.Fatal(err)
	}
	if len(p.targets) == 0 {
		t.Fatalf("%d people to do something", len(p.targets))
	}
}

// round is some office work and some of what people do, and time for the calls.
func (p *play) round(t *testing.T, round int) {
	t.Helper()
	for s := range chamber.Changes(p.seed+uint64(round), p.of, p.perRound) {
		if p.sharesTarget(t, s) {
			continue
		}
		if _, err := p.office.Exec(t.Context(), s.SQL, s.Args...); err != nil {
			t.Fatalf("office work: %v", err)
		}
	}
	if round%2 == 1 {
		p.ask(t, "reconcile")
	}
	for range 3 {
		p.nextDay(t)
		p.calls(t, 6)
		p.somebodyActs(t)
	}
	p.must(t, p.sim.Release(account))
}

// sharesTarget says whether the statement gives somebody else the address of one
// of the targets.
func (p *play) sharesTarget(t *testing.T, s chamber.Statement) bool {
	t.Helper()
	if len(s.Args) != 2 {
		return false
	}
	var concerned bool
	err := p.office.QueryRow(t.Context(), `select $1 like '%set email = c.email%' and exists (
		select from chamber.rep where rep_id::text = $2 and lower(btrim(email)) = any($3))`, s.SQL, fmt.Sprint(s.Args[1]), p.targets).Scan(&concerned)
	if err != nil {
		t.Fatal(err)
	}
	return concerned
}

// ask leaves a request for the program, as a command does.
func (p *play) ask(t *testing.T, what string) {
	t.Helper()
	p.exec(t, `insert into rollcall_state.request (source, content, asked_at, asked_by)
		values ('chamber', jsonb_build_object('v', 1, 'ask', $1::text), $2, 'a test')`, what, p.clock.now())
}

// calls waits until the program has made some more calls. It does what a person
// has to do meanwhile: connect the account again, and let a day end.
func (p *play) calls(t *testing.T, n int) {
	t.Helper()
	before := len(p.sim.Requests())
	for idle := 0; len(p.sim.Requests()) < before+n; idle++ {
		if idle > p.patience {
			return // nothing to do, or nothing can be done: the end sees to that
		}
		p.tick(t)
		if p.reconnect(t) {
			idle = 0
		}
	}
}

func (p *play) tick(t *testing.T) {
	t.Helper()
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal("the test ended")
	}
}

// reconnect connects the account again when that is needed. It is tried until it
// works: the vendor has trouble with this too.
func (p *play) reconnect(t *testing.T) bool {
	t.Helper()
	const ended = "select count(*) from rollcall_state.connection where state = 'needs_reconnecting'"
	if p.count(t, ended) == 0 {
		return false
	}
	if !p.ends {
		var detail string
		err := p.member.QueryRow(t.Context(), "select detail from rollcall_state.connection").Scan(&detail)
		t.Fatalf("the account has to be connected again: %s, %v", detail, err)
	}
	p.connected++
	for try := 0; ; try++ {
		err := p.connectInside(t.Context())
		if err == nil {
			return true
		}
		if try == 20 {
			t.Fatalf("connect again: %v", err)
		}
		p.tick(t) // the token endpoint takes one request a second
	}
}

// somebodyActs is somebody who unsubscribes, leaves a list or is deleted: one of
// those whom the program has put on a list and been told so.
func (p *play) somebodyActs(t *testing.T) {
	t.Helper()
	rows, err := p.member.Query(t.Context(), `select l.name, g.address from rollcall_state.ledger g
		join rollcall_state.list l on l.key = g.list
		where g.told = 'add' and g.confirmed and g.shown <> 'off' and g.departed_at is null and g.address = any($1)
		and not exists (select from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
			where i.address = g.address and a.state in ('intended', 'sent', 'unknown'))
		order by g.address, l.name`, p.targets)
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (x pair, err error) {
		return x, row.Scan(&x.list, &x.address)
	})
	if err != nil {
		t.Fatal(err)
	}
	pairs = slices.DeleteFunc(pairs, func(x pair) bool {
		return p.gone[x.address] || p.left[x] || !slices.Contains(p.sim.ListAddresses(account, x.list), x.address)
	})
	if len(pairs) == 0 {
		return
	}
	switch x := pairs[p.rand.IntN(len(pairs))]; p.rand.IntN(4) {
	case 0:
		p.must(t, p.sim.Unsubscribe(account, x.address))
		p.gone[x.address] = true
	case 1:
		p.must(t, p.sim.DeleteContact(account, x.address))
		p.gone[x.address] = true
	default:
		p.must(t, p.sim.Leave(account, x.address, x.list))
		p.left[x] = true
	}
}
