package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/ccsim"
)

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
	p.exec(t, "select rollcall.touch('rep', '0')")
	last, idle, retried := len(p.sim.Requests()), 0, false
	for deadline := time.Now().Add(10 * time.Minute); ; idle++ {
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
