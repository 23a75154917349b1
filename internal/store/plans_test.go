package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/statetest"
	"rollcall/internal/store"
	"rollcall/sql"
)

// scan is a node of a query's plan.
type scan struct {
	Node    string  `json:"Node Type"`
	Index   string  `json:"Index Name"`
	Rows    float64 `json:"Actual Rows"`
	Loops   float64 `json:"Actual Loops"`
	Removed float64 `json:"Rows Removed by Filter"`
	Joined  float64 `json:"Rows Removed by Join Filter"`
	Plans   []scan  `json:"Plans"`
}

// read is how many rows the plan looked at.
func (s scan) read() float64 {
	n := (s.Rows + s.Removed + s.Joined) * s.Loops
	for _, p := range s.Plans {
		n += p.read()
	}
	return n
}

// rowsRead is how many rows a query reads.
func rowsRead(t *testing.T, tx pgx.Tx, query string, args ...any) float64 {
	t.Helper()
	var text string
	ok(t, tx.QueryRow(t.Context(), "explain (analyze, costs off, timing off, format json) "+sql.Query(query), args...).Scan(&text))
	var plans []struct{ Plan scan }
	ok(t, json.Unmarshal([]byte(text), &plans))
	t.Logf("%s: %s", query, text)
	return plans[0].Plan.read()
}

// unseen is a transaction in a new state: what is not committed nobody makes
// statistics of.
func unseen(t *testing.T) pgx.Tx {
	t.Helper()
	pool := statetest.Database(t).Pool(t)
	tx := must[pgx.Tx](t)(pool.Begin(t.Context()))
	t.Cleanup(func() { ok(t, tx.Rollback(context.Background())) })
	return tx
}

const people, piece = 20_000, 100

// onePiece is a piece of the people p1@example.org and so on.
func onePiece() []string {
	who := make([]string, piece)
	for i := range who {
		who[i] = fmt.Sprintf("p%d@example.org", people/2+i)
	}
	return who
}

// A first count of everybody comes before the server knows anything of the table
// that it fills. A piece of it must not read the people of all pieces before, or
// the work would grow with the square of the association.
func TestStandingsAreFoundWithoutStatistics(t *testing.T) {
	tx, ctx := unseen(t), t.Context()
	_, err := tx.Exec(ctx, `insert into rollcall_state.standing (source, association, list, who, class, on_list)
		select 'chamber', '1', 'group:' || l, format('p%s@example.org', n), 'expected', true from generate_series(1, $1::int) n, generate_series(1, 2) l`, people)
	ok(t, err)
	who := onePiece()
	lists, classes, empty, on := make([]string, piece), make([]string, piece), make([]string, piece), make([]bool, piece)
	for i := range who {
		lists[i], classes[i], on[i] = "group:1", "expected", i%2 == 0 // they are off the other
	}
	if read := rowsRead(t, tx, "standing_of", "chamber", "1", who); read < piece || read > 40*piece {
		t.Errorf("of %d people it reads %.0f rows", piece, read)
	}
	if read := rowsRead(t, tx, "standing_merge", "chamber", "1", who, lists, who, classes, empty, on, empty, empty); read < piece || read > 40*piece {
		t.Errorf("to merge %d people it reads %.0f rows", piece, read)
	}
	var left, off int
	ok(t, tx.QueryRow(ctx, "select count(*), count(*) filter (where not on_list) from rollcall_state.standing where who = any($1)", who).Scan(&left, &off))
	if left != piece || off != piece/2 {
		t.Errorf("%d rows are left, %d of them off their list; want %d and %d", left, off, piece, piece/2)
	}
}

// A run fills the queue, which is then taken off in pieces: none of them may read
// all of it.
func TestTheQueueOfARunIsWorkedOffByItsIndex(t *testing.T) {
	pool, ctx := statetest.Database(t).Pool(t), t.Context()
	a := store.New(pool, "chamber", func() time.Time { return noon }).Association("1")
	run := must[int64](t)(a.StartRun(ctx, store.Run{Kind: store.RunReconcile}))
	_, err := pool.Exec(ctx, `insert into rollcall_state.rep_seen (source, association, rep, address)
		select 'chamber', '1', n, format('p%s@example.org', n) from generate_series(1, $1::int) n`, people)
	ok(t, err)
	if queued := must[int](t)(a.QueueRun(ctx, store.Queue{Run: run})); queued != people {
		t.Fatalf("%d addresses are queued, want %d", queued, people)
	}
	_, err = pool.Exec(ctx, "update rollcall_state.dirty set version = 2 where right(split_part(address, '@', 1), 1) in ('1', '3', '5', '7', '9')")
	ok(t, err)
	versions := make([]int64, piece)
	for i := range versions {
		versions[i] = 1 // every other one was touched since
	}
	tx := must[pgx.Tx](t)(pool.Begin(ctx))
	defer func() { ok(t, tx.Rollback(ctx)) }()
	if read := rowsRead(t, tx, "deliver_take_off", "chamber", "1", onePiece(), versions); read < piece || read > 40*piece {
		t.Errorf("to take %d addresses off the queue it reads %.0f rows", piece, read)
	}
	var left int
	ok(t, tx.QueryRow(ctx, "select count(*) from rollcall_state.dirty").Scan(&left))
	if want := people - piece/2; left != want {
		t.Errorf("%d addresses are left in the queue, want %d", left, want)
	}
}

// Addresses come into the queue and leave it within seconds. What statistics there
// are, none or those of a time when it was empty, must not decide whether all of it
// is read for each address.
func TestTheQueueIsWorkedOffWhateverTheStatistics(t *testing.T) {
	for _, statistics := range []string{"", "analyze rollcall_state.dirty, rollcall_state.intent"} {
		tx, ctx := unseen(t), t.Context()
		_, err := tx.Exec(ctx, statistics)
		ok(t, err)
		_, err = tx.Exec(ctx, `insert into rollcall_state.dirty (source, association, address, touched_at, not_before)
			select 'chamber', '1', format('p%s@example.org', n), $2::timestamptz, case when n % 2 = 0 then $2::timestamptz + interval '1 hour' end
			from generate_series(1, $1::int) n`, people, noon)
		ok(t, err)
		few := func(what string, read, least float64) {
			if read < least || read > 40*piece {
				t.Errorf("after %q, to %s it reads %.0f rows", statistics, what, read)
			}
		}
		few("see the oldest", rowsRead(t, tx, "deliver_oldest", "chamber", "1", noon, piece), piece)
		few("read the first", rowsRead(t, tx, "deliver_due", "chamber", "1", noon, piece), piece)
		_, err = tx.Exec(ctx, `insert into rollcall_state.activity (id, source, association, kind, list_ids, people, state, created_at)
			overriding system value values (7, 'chamber', '1', 'add', '{}', 1, 'ended', $1)`, noon)
		ok(t, err)
		_, err = tx.Exec(ctx, "insert into rollcall_state.intent (activity, list, address, op) select 7, 'group:1', who, 'add' from unnest($1::text[]) who", onePiece())
		ok(t, err)
		few("release a piece", rowsRead(t, tx, "ledger_release", 7, "chamber", "1"), piece)
		var ready int
		ok(t, tx.QueryRow(ctx, "select count(*) from rollcall_state.dirty where not_before is null").Scan(&ready))
		if want := people/2 + piece/2; ready != want {
			t.Errorf("%d addresses are due, want %d", ready, want)
		}
		versions := make([]int64, piece)
		for i := range versions {
			versions[i] = int64(i%2 + 1) // every other one was touched since
		}
		few("take a piece off", rowsRead(t, tx, "deliver_take_off", "chamber", "1", onePiece(), versions), piece)
		var left int
		ok(t, tx.QueryRow(ctx, "select count(*) from rollcall_state.dirty").Scan(&left))
		if want := people - piece/2; left != want {
			t.Errorf("%d addresses are left in the queue, want %d", left, want)
		}
	}
}

// Whom a call on its way is about is found by the person, and not by going through
// everybody of the call or of the list.
func TestCallsOnTheirWayAreFoundByThePerson(t *testing.T) {
	tx, ctx := unseen(t), t.Context()
	for _, statement := range []string{
		`insert into rollcall_state.activity (id, source, association, kind, list_ids, people, state, created_at)
			overriding system value select n, 'chamber', '1', 'add', '{}', 1, 'sent', $2::timestamptz from generate_series(1, $1::int / 10000) n`,
		`insert into rollcall_state.intent (activity, list, address, op)
			select n % 2 + 1, 'group:1', format('p%s@example.org', n), 'add' from generate_series(1, $1::int) n where $2::timestamptz is not null`,
		`insert into rollcall_state.ledger (source, association, list, address, told, told_at)
			select 'chamber', '1', 'group:1', format('p%s@example.org', n), 'add', $2::timestamptz from generate_series(1, $1::int) n`,
		`insert into rollcall_state.dirty (source, association, address, touched_at)
			select 'chamber', '1', format('p%s@example.org', n), $2::timestamptz from generate_series(1, $1::int) n`,
	} {
		_, err := tx.Exec(ctx, statement, people, noon)
		ok(t, err)
	}
	if read := rowsRead(t, tx, "deliver_pairs", "chamber", "1", onePiece()); read < piece || read > 10*people {
		t.Errorf("for the pairs of %d people it reads %.0f rows", piece, read)
	}
	if read := rowsRead(t, tx, "deliver_due", "chamber", "1", noon, piece); read < piece || read > 40*piece {
		t.Errorf("for the first %d people it reads %.0f rows", piece, read)
	}
}

// Nothing is known of what a pass over touched keys has marked: it must not be read
// again for each of its rows, nor everybody who was ever seen.
func TestMarksAreWorkedOffWithoutStatistics(t *testing.T) {
	tx, ctx := unseen(t), t.Context()
	fill := func(statement string, args ...any) {
		t.Helper()
		_, err := tx.Exec(ctx, statement, args...)
		ok(t, err)
	}
	const marked, mended = 10 * piece, piece
	fill(sql.Query("widen_temp"))
	fill(`insert into rollcall_state.rep_seen (source, association, rep, address)
		select 'chamber', '1', n, format('p%s@example.org', n) from generate_series(1, $1::int) n`, people)
	fill(`insert into rollcall_state.rep_problem (source, association, rep, reason, since)
		select 'chamber', '1', 'bad' || n, 'no_email', $2 from generate_series(1, $1::int) n`, people, noon)
	fill(`insert into pg_temp.mark (association, rep, address, problem)
		select '1', n::text, format('p%s@example.org', n), '' from generate_series(1, $1::int) n
		union all
		select '1', 'bad' || n, '', case when n > $2::int then 'no_email' else '' end from generate_series(1, $1::int) n`, marked, mended)
	fill("insert into pg_temp.mark (association, rep, address, problem) select '', rep, '', '' from pg_temp.mark")
	for query, args := range map[string][]any{
		"widen_problems": {"chamber", noon},
		"widen_dirty":    {"chamber", noon, nil, nil, nil},
	} {
		if read := rowsRead(t, tx, query, args...); read < marked || read > 40*marked {
			t.Errorf("%s: of %d marks it reads %.0f rows", query, 4*marked, read)
		}
	}
	var problems, dirty int
	ok(t, tx.QueryRow(ctx, "select (select count(*) from rollcall_state.rep_problem), (select count(*) from rollcall_state.dirty)").Scan(&problems, &dirty))
	if problems != people-mended || dirty != marked {
		t.Errorf("%d reps cannot be used and %d addresses are queued, want %d and %d", problems, dirty, people-mended, marked)
	}
}

// A person, a contact and a rep of a piece are looked up by their own index and not
// by another one that knows only the association, whatever the statistics.
func TestPiecesAreLookedUpWhateverTheStatistics(t *testing.T) {
	const tables = "rollcall_state.rep_now, rollcall_state.contact, rollcall_state.ledger"
	for _, statistics := range []string{"", "analyze " + tables} {
		tx, ctx := unseen(t), t.Context()
		_, err := tx.Exec(ctx, statistics)
		ok(t, err)
		for _, statement := range []string{
			`insert into rollcall_state.rep_now (source, association, rep, address)
				select 'chamber', '1', n, format('p%s@example.org', n) from generate_series(1, $1::int) n where $2::timestamptz is not null`,
			`insert into rollcall_state.contact (source, association, address, state, read_at)
				select 'chamber', '1', format('p%s@example.org', n), 'active', $2::timestamptz from generate_series(1, $1::int) n`,
			`insert into rollcall_state.ledger (source, association, list, address, told, told_at)
				select 'chamber', '1', 'group:1', format('p%s@example.org', n), 'add', $2::timestamptz from generate_series(1, $1::int) n`,
		} {
			_, err := tx.Exec(ctx, statement, people, noon)
			ok(t, err)
		}
		reps := make([]string, piece)
		for i := range reps {
			reps[i] = fmt.Sprint(people/2 + i)
		}
		for query, who := range map[string][]string{"deliver_rep_now": reps, "reconcile_page_contacts": onePiece(), "reconcile_page_pairs": onePiece()} {
			if read := rowsRead(t, tx, query, "chamber", "1", who); read < piece || read > 40*piece {
				t.Errorf("after %q, %s reads %.0f rows for %d", statistics, query, read, piece)
			}
		}
	}
}
