package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sql"
)

// wantCounted finds fault with numbers of questions that are not those of their
// pairs.
func wantCounted(ctx context.Context, t *testing.T, conn *pgx.Conn, when string) {
	t.Helper()
	rows := must[pgx.Rows](t)(conn.Query(ctx, `
		select format('question %s has %s operations, %s open; stored are %s, %s', q.id, n.pairs, n.open, c.pairs, c.open)
		from rollcall_state.approval q
		left join rollcall_state.approval_count c on c.approval = q.id
		cross join lateral (select count(*) as pairs, count(*) filter (where ended = '') as open
		                    from rollcall_state.approval_pair where approval = q.id) n
		where (n.pairs, n.open) <> (coalesce(c.pairs, 0), coalesce(c.open, 0))`))
	for _, problem := range must[[]string](t)(pgx.CollectRows(rows, pgx.RowTo[string])) {
		t.Errorf("%s: %s", when, problem)
	}
}

// The numbers of a question follow its pairs, whatever writes them.
func TestQuestionsAreCounted(t *testing.T) {
	a, conn := newAssociation(t)
	ctx := t.Context()
	pair := func(i int, list mapper.ListKey) store.AskedPair {
		return store.AskedPair{Address: mapper.Address(fmt.Sprintf("p%d@example.org", i)), List: list, Op: mapper.InactivateFromList, Reason: mapper.ReasonRepInactive}
	}
	ask := func(kind mapper.HoldKind, list mapper.ListKey, people ...int) error {
		q := store.Question{Kind: kind, List: list}
		for _, i := range people {
			q.Pairs = append(q.Pairs, pair(i, "group:1"))
		}
		return a.Ask(ctx, q)
	}
	withdraw := func(people ...int) error {
		var f store.Facts
		for _, i := range people {
			p := pair(i, "group:1")
			f.Withdrawn = append(f.Withdrawn, mapper.PairOp{Address: p.Address, List: p.List, Kind: p.Op})
		}
		return a.Learn(ctx, f, nil)
	}
	exec := func(statement string, args ...any) error {
		_, err := conn.Exec(ctx, statement, args...)
		return err
	}
	for _, step := range []struct {
		name        string
		do          func() error
		pairs, open int // of the question that was asked last
	}{
		{"six are asked about, one of them twice", func() error { return ask(mapper.HoldRemovals, "group:1", 0, 1, 2, 3, 4, 5, 5) }, 6, 6},
		{"some are asked about again, and one more", func() error { return ask(mapper.HoldRemovals, "group:1", 4, 5, 6) }, 7, 7},
		{"two are withdrawn", func() error { return withdraw(5, 6) }, 7, 5},
		{"one of them is asked about again", func() error { return ask(mapper.HoldRemovals, "group:1", 6) }, 7, 6},
		{"a call is sent about one", func() error {
			_, err := a.Begin(ctx, remove("group:1", "p0@example.org"), nil)
			return err
		}, 7, 5},
		{"a part is approved, and the rest becomes a question of its own", func() error { return a.DecideUpTo(ctx, 1, 2, "carla") }, 3, 3},
		{"the rest is rejected", func() error { return a.Store.Decide(ctx, 2, false, "carla") }, 3, 3},
		{"what was rejected is asked again with one more", func() error { return ask(mapper.HoldRemovals, "group:1", 7) }, 4, 4},
		{"two of these are approved by another way", func() error {
			_, err := a.ApproveRemovals(ctx, "group:1", []store.AskedPair{pair(3, "group:1"), pair(7, "group:1")}, "carla")
			return err
		}, 2, 2},
		{"the list is another's", func() error { return exec(sql.Query("lists_withdraw"), "chamber", "1", []string{"group:1"}, noon) }, 2, 0},
		{"another question about the same people", func() error { return ask(mapper.HoldSource, "", 1, 2, 8) }, 3, 3},
		{"one of them is erased", func() error {
			ok(t, exec("insert into rollcall_state.installation (source, system_id, timeline, database_oid, slot, created_at) values ('chamber', '7000', 1, 16384, 'rollcall', now())"))
			ok(t, exec("delete from rollcall_state.dirty where address = 'p8@example.org'"))
			ok(t, exec("insert into rollcall_state.contact (source, association, address, unheld_since) values ('chamber', '1', 'p8@example.org', $1)", noon.Add(-time.Hour)))
			_, err := a.EraseUnheld(ctx, noon, 10)
			return err
		}, 2, 2},
		{"all are withdrawn", func() error { return withdraw(1, 2) }, 2, 0},
		{"what is withdrawn is forgotten", func() error { return a.ForgetOld(ctx, noon, noon.Add(time.Hour)) }, 0, 0},
		{"a list that mirrors nothing", func() error {
			return a.Ask(ctx, store.Question{Kind: mapper.HoldAddressChanges, Pairs: []store.AskedPair{pair(9, "unmanaged:x"), pair(9, "group:1")}})
		}, 2, 2},
		{"the account is another", func() error { return exec(sql.Query("account_lists"), "chamber", "1") }, 2, 1},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		wantCounted(ctx, t, conn, step.name)
		var last, shown store.ApprovalRow // none has no numbers
		if rows := must[[]store.ApprovalRow](t)(a.RecentApprovals(ctx, 1)); len(rows) > 0 {
			last = rows[0]
			shown = must[store.ApprovalRow](t)(a.Question(ctx, last.ID))
		}
		if last.Pairs != step.pairs || last.Open != step.open || shown.Pairs != step.pairs || shown.Open != step.open {
			t.Errorf("%s: the last question is %+v, by its number %+v; want %d operations, %d open", step.name, last, shown, step.pairs, step.open)
		}
	}
}
