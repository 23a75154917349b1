package store_test

import (
	"fmt"
	"testing"
	"time"

	"rollcall/internal/statetest"
	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// The statistics know a large association after its first large call, and are not
// made again for it.
func TestALargeAssociationIsKnownToTheStatistics(t *testing.T) {
	pool, ctx := statetest.Database(t).Pool(t), t.Context()
	a := store.New(pool, "chamber", func() time.Time { return noon }).Association("1")
	begin := func(first int) {
		t.Helper()
		call := &sink.Call{Kind: sink.CallAdd, ListIDs: []string{"l1"}}
		for n := range 2500 {
			address := mapper.Address(fmt.Sprintf("p%d@example.org", first+n))
			call.Addresses = append(call.Addresses, address)
			call.Intents = append(call.Intents, sink.Intent{List: "group:1", Address: address, Op: "add"})
		}
		must[int64](t)(a.Begin(ctx, call, nil))
	}
	rows := func() (n float64) {
		t.Helper()
		ok(t, pool.QueryRow(ctx, "select reltuples from pg_class where oid = 'rollcall_state.ledger'::regclass").Scan(&n))
		return n
	}
	_, err := pool.Exec(ctx, "alter table rollcall_state.ledger set (autovacuum_enabled = off); alter table rollcall_state.contact set (autovacuum_enabled = off)")
	ok(t, err)
	begin(0)
	if n := rows(); n != 2500 {
		t.Errorf("the statistics say %.0f rows, want 2500", n)
	}
	_, err = pool.Exec(ctx, "insert into rollcall_state.contact (source, association, address) select 'chamber', '1', n from generate_series(1, 9) n; analyze rollcall_state.contact")
	ok(t, err)
	begin(2500)
	if n := rows(); n != 2500 {
		t.Errorf("the statistics say %.0f rows, want 2500: they were made again", n)
	}
}
