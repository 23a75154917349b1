package store_test

import (
	"testing"

	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

// A call takes an import row of its people when it is put on record, and gives it back
// where it was surely not done.
func TestRowsOfCallsThatWereNotDone(t *testing.T) {
	a, conn := newAssociation(t)
	const ann = mapper.Address("ann@example.org")
	rejected := func(class constantcontact.Class) func(id int64) error {
		return func(id int64) error { return a.Reject(t.Context(), id, string(class), noon) }
	}
	settled := func(state string) func(id int64) error {
		return func(id int64) error { return a.Settle(t.Context(), id, sink.Outcome{State: state}) }
	}
	accepted := func(id int64) error {
		if err := a.Sent(t.Context(), id, "activity"); err != nil {
			return err
		}
		return settled(sink.StateLost)(id)
	}
	for _, c := range []struct {
		name string
		kind sink.CallKind
		end  func(id int64) error
		rows int
	}{
		{"throttled", sink.CallImport, rejected(constantcontact.Throttle), 0},
		{"no calls are left", sink.CallImport, rejected(constantcontact.Quota), 0},
		{"no token", sink.CallCreate, rejected(constantcontact.Reconnect), 0},
		{"an outage", sink.CallFields, rejected(constantcontact.Retry), 0},
		{"refused", sink.CallImport, rejected(constantcontact.Reject), 1},
		{"failed", sink.CallImport, settled(constantcontact.StateFailed), 1},
		{"lost", sink.CallImport, settled(sink.StateLost), 0},
		{"lost after it was accepted", sink.CallImport, accepted, 1},
		{"lost, and it had no activity", sink.CallCreate, settled(sink.StateLost), 1},
		{"not counted at all", sink.CallRemove, settled(sink.StateLost), 0},
	} {
		if _, err := conn.Exec(t.Context(), "delete from rollcall_state.contact"); err != nil {
			t.Fatal(err)
		}
		id, err := a.Begin(t.Context(), &sink.Call{
			Kind: c.kind, ListIDs: []string{"l"}, Addresses: []mapper.Address{ann},
			Intents: []sink.Intent{{List: "all_active", Address: ann, Op: "add"}},
		}, nil)
		if err == nil {
			err = c.end(id)
		}
		if err != nil {
			t.Fatal(err)
		}
		var rows int
		if err := conn.QueryRow(t.Context(), "select coalesce(sum(cardinality(imported_at)), 0) from rollcall_state.contact").Scan(&rows); err != nil {
			t.Fatal(err)
		}
		if rows != c.rows {
			t.Errorf("%s: %d rows are counted, want %d", c.name, rows, c.rows)
		}
	}
}
