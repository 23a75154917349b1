package e2e

import (
	"context"
	"fmt"
	"os"
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
	seed := testSeed(t)
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
	*crowd
	trouble
	seed uint64
	of   chamber.Summary

	connected int // how often the account was connected again
	perRound  int // statements of the office
	patience  int // ticks without a call after which the program waits for something
}

func newPlay(t *testing.T, x trouble, seed uint64) *play {
	t.Helper()
	reps, groups, perRound, patience := 64, 1, 15, 15
	if long() {
		reps, groups, perRound, patience = 700, 8, 150, 40
	}
	p := &play{trouble: x, seed: seed, perRound: perRound, patience: patience}
	p.inside = newInside(t, fmt.Sprint("faults", reps), func(ctx context.Context, conn *pgx.Conn) error {
		_, err := chamber.Generate(ctx, conn, chamber.Options{Seed: 7, Associations: 1, Reps: reps, Groups: groups})
		return err
	}, x.longLived)
	p.crowd = newCrowd(t, p.world, seed)
	p.of = summary(t, p.office)
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
	for deadline := time.Now().Add(10 * time.Minute); ; {
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
