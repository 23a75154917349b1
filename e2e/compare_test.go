package e2e

import (
	"context"
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

// wantLists wants on every list whom the database has on it, without those who
// did something about it in Constant Contact.
func (c *crowd) wantLists(t *testing.T, when string) {
	t.Helper()
	expected, err := chamber.Expected(t.Context(), c.w.member)
	if err != nil {
		t.Fatal(err)
	}
	raced := c.raced(t)
	on := map[string]map[string]bool{}
	problems := 0
	for _, e := range expected {
		if on[e.List] == nil {
			on[e.List] = map[string]bool{}
			for _, address := range c.w.sim.ListAddresses(account, e.List) {
				on[e.List][address] = true
			}
		}
		x := pair{e.List, e.Address}
		want := e.On && !c.gone[e.Address] && !c.left[x]
		if on[e.List][e.Address] == want || raced[x] {
			continue
		}
		if problems++; problems <= 5 {
			t.Errorf("%s: on list %q is %s: %t, want %t (in the database %t, gone %t, left %t): %s",
				when, e.List, e.Address, !want, want, e.On, c.gone[e.Address], c.left[x], c.w.known(t, e.Address))
		}
	}
	if problems > 5 {
		t.Errorf("%s: %d of %d pairs are wrong", when, problems, len(expected))
	}
}

// raced are the pairs that were put back because the person left between the
// reading and the request.
func (c *crowd) raced(t *testing.T) map[pair]bool {
	t.Helper()
	contacts := map[string]string{}
	for address := range c.gone {
		c.identify(t, contacts, address)
	}
	for x := range c.left {
		c.identify(t, contacts, x.address)
	}
	raced := map[pair]bool{}
	for _, v := range c.w.sim.Violations() {
		id, _, _ := strings.Cut(strings.TrimPrefix(v.Detail, "contact "), ",")
		if address := contacts[id]; v.Known > 0 && v.Known <= freshFor && address != "" {
			for _, list := range c.w.sim.ListNames(account) {
				raced[pair{list, address}] = true
			}
		}
	}
	return raced
}

func (c *crowd) identify(t *testing.T, contacts map[string]string, address string) {
	t.Helper()
	shown, err := c.w.sim.Contact(account, address)
	if err != nil {
		t.Fatal(err)
	}
	contacts[fmt.Sprint(shown["contact_id"])] = address
}

// wantLawful asks the referee.
func (c *crowd) wantLawful(t *testing.T) {
	t.Helper()
	for _, v := range c.w.sim.Violations() {
		if v.Known > 0 && v.Known <= freshFor {
			t.Logf("nobody could know: %s: %s, %s", v.Rule, v.Detail, v.Known)
			continue
		}
		t.Errorf("the referee saw %s: %s, which was to be known for %s", v.Rule, v.Detail, v.Known)
	}
	if asked := c.w.count(t, "select count(*) from rollcall_state.approval where state = 'waiting'"); asked > 0 {
		t.Errorf("%d questions wait for an answer", asked)
	}
}

// known is what the state has of an address, for a person who looks for the
// reason.
func (w *world) known(t *testing.T, address string) string {
	t.Helper()
	var out string
	err := w.member.QueryRow(t.Context(), `select concat_ws('; ',
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

// stillWaits is what the state has left to do, for a person who looks for the
// reason.
func stillWaits(ctx context.Context, state *pgx.Conn) (out string, err error) {
	err = state.QueryRow(ctx, `select json_build_object('now', now(),
		'read', (select json_agg(p) from rollcall_state.position p),
		'touched', (select count(*) from rollcall_state.touched),
		'dirty', (select json_agg(d) from (select not_before, run, count(*) from rollcall_state.dirty group by 1, 2 order by 1 limit 20) d),
		'runs', (select json_agg(r) from (select id, kind, state, started_at, ended_at from rollcall_state.run order by id desc limit 5) r),
		'requests', (select json_agg(q) from (select content ->> 'ask' as ask, state, asked_at from rollcall_state.request where state in ('pending', 'running')) q),
		'calls', (select json_agg(a) from (select kind, state, created_at from rollcall_state.activity where state in ('intended', 'sent', 'unknown')) a),
		'waiting', (select json_agg(s) from (select application_name, state, wait_event_type, wait_event, query_start, left(query, 80) as query
			from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()) s))`).Scan(&out)
	return out, err
}

// wantNoRepetition wants that every activity was found, and that none was asked
// for once more before that, or without a reason after it.
func (w *world) wantNoRepetition(t *testing.T) {
	t.Helper()
	rows, err := w.member.Query(t.Context(), "select activity_id from rollcall_state.activity where activity_id is not null")
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	activities := slices.DeleteFunc(w.sim.Activities(account), func(a ccsim.ActivityView) bool { return strings.HasSuffix(a.Path, "exports") })
	lost := 0
	for i, a := range activities {
		if a.Fault == ccsim.FaultResetAfter || a.Fault == ccsim.FaultTruncated {
			lost++
		}
		if !slices.Contains(found, a.ID) {
			t.Errorf("activity %s (%s, met %q) was never found", a.ID, a.Path, a.Fault)
		}
		for _, later := range activities[i+1:] {
			if later.Payload == a.Payload && repeats(a, later) {
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
func repeats(first, second ccsim.ActivityView) bool {
	if first.EndedAt.IsZero() || first.EndedAt.After(second.CreatedAt) {
		return true
	}
	return first.State == "completed" && first.Fault != ccsim.FaultActivityErrors
}
