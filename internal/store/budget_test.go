package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/budget"
	"rollcall/internal/lease"
	"rollcall/internal/store"
)

// The counts of a key are those of its holder: they survive a restart, and one
// that has lost the lease counts nothing.
func TestBudgetIsCounted(t *testing.T) {
	leases, db := newLeases(t)
	budgets := store.NewBudgets(db.Pool(t))
	clock := noon
	counter := func(token int64) *budget.Counter {
		fence := func(ctx context.Context, tx pgx.Tx) error { return lease.Fence(ctx, tx, "key", token) }
		members := []budget.Member{{Source: "chamber", Association: "1"}, {Source: "chamber", Association: "2"}}
		return budget.NewCounter(budgets, fence, "key", members, budget.DefaultLimits, func() time.Time { return clock })
	}
	one := counter(take(t, leases, lease.Row{}, "one"))
	for i := range 50 {
		class := budget.Ordinary
		if i%10 == 0 {
			class = budget.OptOut
		}
		if err := one.Take(t.Context(), budget.Member{Source: "chamber", Association: "1"}, class); err != nil {
			t.Fatal(err)
		}
	}
	day := budget.StartOfDay(noon)
	onRecord := func() budget.Record {
		t.Helper()
		r, err := budgets.ReadDay(t.Context(), "key", day)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := onRecord(); r.Taken != 60 || !r.ClosedUntil.IsZero() {
		t.Errorf("on record %+v", r)
	}
	two := counter(take(t, leases, read(t, leases), "two"))
	for range 10 { // what is left of its block
		if err := one.Take(t.Context(), budget.Member{Source: "chamber", Association: "1"}, budget.Ordinary); err != nil {
			t.Fatal(err)
		}
	}
	if err := one.Take(t.Context(), budget.Member{Source: "chamber", Association: "1"}, budget.Ordinary); !errors.Is(err, lease.ErrLost) {
		t.Errorf("a former holder counted: %v", err)
	}
	if _, err := one.Spent(t.Context()); !errors.Is(err, lease.ErrLost) {
		t.Errorf("a former holder closed the day: %v", err)
	}
	if err := two.Take(t.Context(), budget.Member{Source: "chamber", Association: "2"}, budget.Ordinary); err != nil {
		t.Fatal(err)
	}
	if err := two.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := onRecord()
	if first := r.Counts[budget.Member{Source: "chamber", Association: "1"}]; r.Taken != 61 || first != (budget.Count{Calls: 40, OptOuts: 4}) {
		t.Errorf("on record %+v", r)
	}
	if _, err := two.Spent(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := onRecord(); !r.ClosedUntil.Equal(day.Add(24*time.Hour)) || r.Taken != 61 {
		t.Errorf("on record %+v", r)
	}
	// Old days are forgotten with everything else that is old.
	if err := store.New(db.Pool(t), "chamber", func() time.Time { return clock }).Association("1").ForgetOld(t.Context(), day, day.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if r := onRecord(); r.Taken != 0 || len(r.Counts) != 1 {
		t.Errorf("kept %+v", r)
	}
}
