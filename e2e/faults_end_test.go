package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/ccsim"
	"rollcall/internal/chamber"
)

// freshFor is how old the reading of a person may be when an addition is sent
// (docs/semantics.md, section 5). What happens in between cannot be known.
const freshFor = time.Minute

// end lets the trouble end and everything come to rest, and looks at what there
// is then.
func (p *play) end(t *testing.T) {
	t.Helper()
	p.must(t, p.sim.FaultsAtRandom(0, 0, 0))
	p.must(t, p.sim.Release(account))
	p.rest(t)
	p.wantLists(t, "at rest")
	// Looking at everybody once more changes nothing.
	p.exec(t, "select rollcall.touch('all', null)")
	p.rest(t)
	p.wantLists(t, "after everybody was looked at again")
	p.wantLawful(t)
	p.wantNoRepetition(t)
	if slices.Contains(p.kinds, ccsim.FaultRevoked) && len(p.kinds) == 1 && p.connected == 0 {
		t.Error("no grant was revoked")
	}
	t.Logf("%d requests, %d people gone, %d left a list, connected again %d times, clock put forward by %s",
		len(p.sim.Requests()), len(p.gone), len(p.left), p.connected, time.Duration(p.clock.ahead.Load()).Round(time.Minute))
}

// atRest is settled with a clock of the test, and says what is still waited for.
const atRest = `
select coalesce((select durable_lsn >= $1::pg_lsn and touch_all_after is null and full_pass_at is not null from rollcall_state.position), false)
    and not exists (select from rollcall_state.touched),
    (select count(*) from rollcall_state.dirty),
    (select count(*) from rollcall_state.request where state in ('pending', 'running')),
    (select count(*) from rollcall_state.activity where state in ('intended', 'sent', 'unknown')),
    (select count(*) from rollcall_state.contact where refused_at is not null and retried_at is null),
    coalesce((select min(coalesce(not_before, $2)) from rollcall_state.dirty), $2),
    coalesce((select max(closed_until) from rollcall_state.budget), $2)`

// rest waits until nothing is left to do, and puts the clock forward over what
// the program waits for: pauses, the next day, the day after tomorrow.
func (p *play) rest(t *testing.T) {
	t.Helper()
	var lsn string
	if err := p.member.QueryRow(t.Context(), "select pg_current_wal_insert_lsn()::text").Scan(&lsn); err != nil {
		t.Fatal(err)
	}
	p.exec(t, "select pg_logical_emit_message(true, 'test', '')")
	last, idle, retried := len(p.sim.Requests()), 0, false
	for deadline := time.Now().Add(4 * time.Minute); ; idle++ {
		p.tick(t)
		if n := len(p.sim.Requests()); n != last || p.reconnect(t) {
			last, idle = n, 0
		}
		var read bool
		var dirty, requests, open, refused int
		var notBefore, closed time.Time
		if err := p.member.QueryRow(t.Context(), atRest, lsn, p.clock.now()).Scan(&read, &dirty, &requests, &open, &refused, &notBefore, &closed); err != nil {
			t.Fatal(err)
		}
		// After the clock was put forward the program needs its lease again first.
		if read && dirty+requests+open == 0 && (refused == 0 || retried && idle > 80) {
			return
		}
		if time.Now().After(deadline) {
			p.logDirty(t)
			t.Fatalf("still at work: read %t, %d dirty (the first not before %s), %d requests, %d activities, %d refused, no calls before %s; it is %s",
				read, dirty, notBefore, requests, open, refused, closed, p.clock.now())
		}
		if !read || idle < p.patience || retried && dirty+requests+open == 0 {
			continue
		}
		idle = 0
		now := p.clock.now()
		switch {
		case closed.After(now):
			p.clock.advance(closed.Sub(now) + time.Second)
		case dirty > 0 && notBefore.After(now):
			p.clock.advance(notBefore.Sub(now) + time.Second)
		case dirty+requests+open > 0:
			p.clock.advance(time.Minute)
		default:
			p.clock.advance(51 * time.Hour) // the one retry, of those who are still wanted
			retried = true
		}
	}
}

// logDirty says what is known of those who still wait.
func (p *play) logDirty(t *testing.T) {
	t.Helper()
	rows, err := p.member.Query(t.Context(), "select address from rollcall_state.dirty order by touched_at limit 5")
	if err != nil {
		t.Fatal(err)
	}
	addresses, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		t.Logf("still waits: %q: %s", address, p.known(t, address))
	}
}

// wantLists wants on every list whom the database has on it, without those who
// did something about it in Constant Contact.
func (p *play) wantLists(t *testing.T, when string) {
	t.Helper()
	expected, err := chamber.Expected(t.Context(), p.member)
	if err != nil {
		t.Fatal(err)
	}
	raced := p.raced(t)
	on := map[string]map[string]bool{}
	problems := 0
	for _, e := range expected {
		if on[e.List] == nil {
			on[e.List] = map[string]bool{}
			for _, address := range p.sim.ListAddresses(account, e.List) {
				on[e.List][address] = true
			}
		}
		x := pair{e.List, e.Address}
		want := e.On && !p.gone[e.Address] && !p.left[x]
		if on[e.List][e.Address] == want || raced[x] {
			continue
		}
		if problems++; problems <= 5 {
			t.Errorf("%s: on list %q is %s: %t, want %t (in the database %t, gone %t, left %t): %s",
				when, e.List, e.Address, !want, want, e.On, p.gone[e.Address], p.left[x], p.known(t, e.Address))
		}
	}
	if problems > 5 {
		t.Errorf("%s: %d of %d pairs are wrong", when, problems, len(expected))
	}
}

// known is what the state has of an address, for a person who looks for the
// reason.
func (p *play) known(t *testing.T, address string) string {
	t.Helper()
	var out string
	err := p.member.QueryRow(t.Context(), `select concat_ws('; ',
		(select 'reps ' || json_agg(s) from rollcall_state.rep_seen s where address = $1),
		(select 'changes ' || json_agg(x) from rollcall_state.address_change x where to_address = $1 or $1 = any(from_address)),
		(select 'contact ' || row_to_json(c) from rollcall_state.contact c where address = $1),
		(select 'dirty ' || row_to_json(d) from rollcall_state.dirty d where address = $1),
		(select 'ledger ' || json_agg(g) from rollcall_state.ledger g where address = $1),
		(select 'asked ' || json_agg(q.kind || ' ' || q.state) from rollcall_state.approval_pair a join rollcall_state.approval q on q.id = a.approval where address = $1),
		(select 'calls ' || json_agg(a.kind || ' ' || a.state || ' ' || coalesce(a.outcome, '') || ' ' || i.list || ' ' || i.op order by a.id)
			from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity where address = $1))`, address).Scan(&out)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// raced are the pairs that were put back because the person left between the
// reading and the request.
func (p *play) raced(t *testing.T) map[pair]bool {
	t.Helper()
	contacts := map[string]string{}
	for address := range p.gone {
		p.identify(t, contacts, address)
	}
	for x := range p.left {
		p.identify(t, contacts, x.address)
	}
	raced := map[pair]bool{}
	for _, v := range p.sim.Violations() {
		id, _, _ := strings.Cut(strings.TrimPrefix(v.Detail, "contact "), ",")
		if address := contacts[id]; v.Known > 0 && v.Known <= freshFor && address != "" {
			for _, list := range p.sim.ListNames(account) {
				raced[pair{list, address}] = true
			}
		}
	}
	return raced
}

func (p *play) identify(t *testing.T, contacts map[string]string, address string) {
	t.Helper()
	shown, err := p.sim.Contact(account, address)
	if err != nil {
		t.Fatal(err)
	}
	contacts[fmt.Sprint(shown["contact_id"])] = address
}

// wantLawful asks the referee.
func (p *play) wantLawful(t *testing.T) {
	t.Helper()
	for _, v := range p.sim.Violations() {
		if v.Known > 0 && v.Known <= freshFor {
			t.Logf("nobody could know: %s: %s, %s", v.Rule, v.Detail, v.Known)
			continue
		}
		t.Errorf("the referee saw %s: %s, which was to be known for %s", v.Rule, v.Detail, v.Known)
	}
	if asked := p.count(t, "select count(*) from rollcall_state.approval where state = 'waiting'"); asked > 0 {
		t.Errorf("%d questions wait for an answer", asked)
	}
}

// wantNoRepetition wants that every activity was found, and that none was asked
// for once more before that, or without a reason after it.
func (p *play) wantNoRepetition(t *testing.T) {
	t.Helper()
	rows, err := p.member.Query(t.Context(), "select activity_id from rollcall_state.activity where activity_id is not null")
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	activities := slices.DeleteFunc(p.sim.Activities(account), func(a ccsim.ActivityView) bool { return strings.HasSuffix(a.Path, "exports") })
	lost := 0
	for i, a := range activities {
		if a.Fault == ccsim.FaultResetAfter || a.Fault == ccsim.FaultTruncated {
			lost++
		}
		if !slices.Contains(found, a.ID) {
			t.Errorf("activity %s (%s, met %q) was never found", a.ID, a.Path, a.Fault)
		}
		for _, later := range activities[i+1:] {
			if later.Payload == a.Payload && p.repeats(a, later) {
				t.Errorf("%s was asked for again %s later, when it was %s (met %q)", a.Path, later.CreatedAt.Sub(a.CreatedAt), a.State, a.Fault)
			}
			// What is asked of the same lists in between may have undone it.
			if slices.ContainsFunc(later.Lists, func(id string) bool { return slices.Contains(a.Lists, id) }) {
				break
			}
		}
	}
	t.Logf("%d activities, the answers to %d were lost", len(activities), lost)
}

// repeats says whether the second asks for the same as the first without need:
// that one was still worked on, or had done everything.
func (p *play) repeats(first, second ccsim.ActivityView) bool {
	if first.EndedAt.IsZero() || first.EndedAt.After(second.CreatedAt) {
		return true
	}
	return first.State == "completed" && first.Fault != ccsim.FaultActivityErrors
}
