package store_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/pgtest"
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

// A first count of everybody comes before the server knows anything of the table
// that it fills. A piece of it must not read the people of all pieces before, or
// the work would grow with the square of the association.
func TestStandingsAreFoundWithoutStatistics(t *testing.T) {
	ctx := t.Context()
	pool := pgtest.Database(t).Pool(t)
	ok(t, store.Migrate(ctx, pool))
	const people, piece = 20_000, 100
	tx := must[pgx.Tx](t)(pool.Begin(ctx)) // what is not committed nobody makes statistics of
	defer func() { ok(t, tx.Rollback(ctx)) }()
	_, err := tx.Exec(ctx, `insert into rollcall_state.standing (source, association, list, who, class, on_list)
		select 'chamber', '1', 'group:' || l, format('p%s@example.org', n), 'expected', true from generate_series(1, 20000) n, generate_series(1, 2) l`)
	ok(t, err)
	who := make([]string, piece)
	for i := range who {
		who[i] = fmt.Sprintf("p%d@example.org", people/2+i)
	}
	const list = "group:1" // they are off the other
	lists, classes, reasons, on := make([]string, piece), make([]string, piece), make([]string, piece), make([]bool, piece)
	for i := range who {
		lists[i], classes[i] = list, "expected"
		on[i] = i%2 == 0
	}
	for _, q := range []struct {
		name string
		args []any
	}{
		{"standing_of", []any{"chamber", "1", who}},
		{"standing_merge", []any{"chamber", "1", who, lists, who, classes, reasons, on, reasons, reasons}},
	} {
		var text string
		ok(t, tx.QueryRow(ctx, "explain (analyze, costs off, timing off, format json) "+sql.Query(q.name), q.args...).Scan(&text))
		var plans []struct{ Plan scan }
		ok(t, json.Unmarshal([]byte(text), &plans))
		if read := plans[0].Plan.read(); read < piece || read > 40*piece {
			t.Errorf("%s of %d people reads %.0f rows, with %d in the table:\n%s", q.name, piece, read, 2*people, text)
		}
	}
	var left, off int
	ok(t, tx.QueryRow(ctx, "select count(*), count(*) filter (where not on_list) from rollcall_state.standing where who = any($1)", who).Scan(&left, &off))
	if left != piece || off != piece/2 {
		t.Errorf("%d rows are left, %d of them off their list; want %d and %d", left, off, piece, piece/2)
	}
}
