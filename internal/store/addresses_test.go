package store_test

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/statetest"
	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sql"
)

// The addresses that the state knows come page by page, each once and in order,
// whichever tables have them; and a page does not read what comes behind it, or
// the work would grow with the square of the association.
func TestAddressesComeByPages(t *testing.T) {
	ctx := t.Context()
	pool := statetest.Database(t).Pool(t)
	const people, page = 3000, 100
	for _, statement := range []string{
		`insert into rollcall_state.rep_seen (source, association, rep, address)
			select 'chamber', '1', n::text, format('p%s@example.org', lpad(n::text, 5, '0')) from generate_series(1, 3000) n where n % 3 <> 0`,
		`insert into rollcall_state.rep_seen (source, association, rep, address)
			select 'chamber', '1', 'other ' || n, format('p%s@example.org', lpad(n::text, 5, '0')) from generate_series(1, 3000, 10) n where n % 3 <> 0`,
		`insert into rollcall_state.contact (source, association, address)
			select 'chamber', '1', format('p%s@example.org', lpad(n::text, 5, '0')) from generate_series(1, 3000) n where n % 3 <> 1`,
		`insert into rollcall_state.ledger (source, association, list, address)
			select 'chamber', '1', 'group:' || l, format('p%s@example.org', lpad(n::text, 5, '0')) from generate_series(1, 3000) n, generate_series(1, 4) l where n % 5 = 0`,
		`insert into rollcall_state.contact (source, association, address) values ('chamber', '2', 'other@example.org')`,
		"vacuum analyze",
	} {
		_, err := pool.Exec(ctx, statement)
		ok(t, err)
	}
	a := store.New(pool, "chamber", func() time.Time { return noon }).Association("1")
	n, after := 0, mapper.Address("")
	for {
		seen := must[[]store.SeenAddress](t)(a.Addresses(ctx, after, page))
		if len(seen) == 0 {
			break
		}
		for _, s := range seen {
			n++
			reps := 0
			if n%3 != 0 {
				reps++
				if n%10 == 1 {
					reps++
				}
			}
			if want := mapper.Address(fmt.Sprintf("p%05d@example.org", n)); s.Address != want || len(s.Reps) != reps {
				t.Fatalf("address %d is %s with %d reps, want %s with %d", n, s.Address, len(s.Reps), want, reps)
			}
		}
		after = seen[len(seen)-1].Address
	}
	if n != people {
		t.Errorf("%d addresses, want %d", n, people)
	}

	plan := must[pgx.Rows](t)(pool.Query(ctx, "explain (analyze, costs off, timing off, summary off) "+sql.Query("reconcile_addresses"),
		"chamber", "1", "p00500@example.org", page))
	scanned := regexp.MustCompile(`Scan.*actual rows=(\d+)`)
	scans := 0
	for _, line := range must[[]string](t)(pgx.CollectRows(plan, pgx.RowTo[string])) {
		m := scanned.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		scans++
		if rows := must[int](t)(strconv.Atoi(m[1])); rows > 6*page {
			t.Errorf("a page of %d reads %d rows: %s", page, rows, line)
		}
	}
	if scans < 3 {
		t.Errorf("the plan has %d scans", scans)
	}
}
