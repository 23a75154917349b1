package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/statetest"
	"rollcall/internal/store"
)

// What ended is forgotten in time, so that nothing grows for ever. What is not
// settled stays, however old, and so does an answer that still holds.
func TestForgetOld(t *testing.T) {
	ctx := t.Context()
	pool := statetest.Database(t).Pool(t)
	day := 24 * time.Hour
	at := func(days int) time.Time { return noon.Add(-time.Duration(days) * day) }
	a := store.New(pool, "chamber", func() time.Time { return noon }).Association("1")
	for days, name := range map[int]string{1: "new", 40: "older", 100: "oldest"} {
		_, err := pool.Exec(ctx, `
			with q as (insert into rollcall_state.approval (source, association, list, kind, state, asked_at, decided_at, detail) values
				('chamber', '1', 'group:1', 'removals', 'withdrawn', $1, $1, $2 || ' withdrawn'),
				('chamber', '1', 'group:1', 'removals', 'approved', $1, $1, $2 || ' done'),
				('chamber', '1', 'group:1', 'removals', 'rejected', $1, $1, $2 || ' rejected'),
				('chamber', '1', $2, 'foreign', 'waiting', $1, null, $2 || ' waiting') returning id, detail)
			insert into rollcall_state.approval_pair (approval, source, association, list, address, op, ended)
				select id, 'chamber', '1', 'group:1', 'rosa@example.org', 'remove', case when detail like '%done' then 'done' else '' end from q where detail not like '%withdrawn'`, pgx.QueryExecModeExec, at(days), name)
		ok(t, err)
		for _, statement := range []string{
			"insert into rollcall_state.request (source, content, asked_at, state, ended_at) values ('chamber', jsonb_build_object('ask', $2::text), $1, 'done', $1)",
			"insert into rollcall_state.request (source, content, asked_at, state, ended_at) values ('chamber', jsonb_build_object('ask', $2 || ' open'), $1, 'pending', null)",
			"insert into rollcall_state.activity (source, association, kind, list_ids, people, state, created_at, ended_at, outcome) values ('chamber', '1', 'add', '{}', 1, 'ended', $1, $1, $2)",
			"insert into rollcall_state.activity (source, association, kind, list_ids, people, state, created_at, outcome) values ('chamber', '1', 'add', '{}', 1, 'sent', $1, $2 || ' open')",
			"insert into rollcall_state.run (source, association, kind, lists, asked_by, state, started_at, ended_at) values ('chamber', '1', 'nightly', '{}', $2, 'done', $1, $1)",
			"insert into rollcall_state.opt_in (source, association, address, lifted_at) values ('chamber', '1', $2, $1)",
			"insert into rollcall_state.budget (key, day, taken) values ($2, $1::timestamptz::date, 1)",
			"insert into rollcall_state.budget_share (key, day, source, association, calls, opt_outs) values ($2, $1::timestamptz::date, 'chamber', '1', 1, 0)",
		} {
			_, err := pool.Exec(ctx, statement, pgx.QueryExecModeExec, at(days), name)
			ok(t, err)
		}
	}
	ok(t, a.ForgetOld(ctx, at(30), at(90)))
	for query, want := range map[string][]string{
		"select detail from rollcall_state.approval":         {"new done", "new rejected", "new waiting", "new withdrawn", "older done", "older rejected", "older waiting", "older withdrawn", "oldest rejected", "oldest waiting"},
		"select content->>'ask' from rollcall_state.request": {"new", "new open", "older open", "oldest open"},
		"select outcome from rollcall_state.activity":        {"new", "new open", "older open", "oldest open"},
		"select asked_by from rollcall_state.run":            {"new", "older"},
		"select address from rollcall_state.opt_in":          {"new"},
		"select key from rollcall_state.budget":              {"new", "older"},
		"select key from rollcall_state.budget_share":        {"new", "older"},
	} {
		rows := must[pgx.Rows](t)(pool.Query(ctx, query+" order by 1"))
		got := must[[]string](t)(pgx.CollectRows(rows, pgx.RowTo[string]))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q are left, want %q", query, got, want)
		}
	}
}
