package sink

import (
	"fmt"
	"slices"
	"testing"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// importOf is an import of people of whom everybody may have so many rows more.
func importOf(people, spare int) Step {
	s := Step{Call: Call{Kind: CallImport, ListIDs: []string{"l"}, Spare: spare}}
	for i := range people {
		address := mapper.Address(fmt.Sprintf("p%d@example.org", i))
		s.Call.Addresses = append(s.Call.Addresses, address)
		s.Call.Rows = append(s.Call.Rows, constantcontact.ImportRow{Email: string(address)})
		s.Call.Intents = append(s.Call.Intents, Intent{List: "l", Address: address, Op: "add"})
	}
	return s
}

// An import that is refused comes down to each of its people within the rows that they
// may have, by as few pieces as that allows. With too few rows for that, the pieces are
// as many as a division may have calls.
func TestPiecesOfARefusedImport(t *testing.T) {
	for _, c := range []struct{ people, spare, pieces, alone int }{
		{2, 1, 2, 2},
		{2, 4, 2, 2},
		{3, 4, 2, 3},
		{16, 4, 2, 16},
		{17, 4, 3, 17},
		{500, 4, 5, 500},
		{40_000, 4, 15, 40_000},
		{40, 1, 40, 40},
		{500, 1, 40, 0},
		{500, 0, 0, 0},
		{500, -1, 0, 0},
	} {
		whole := importOf(c.people, c.spare)
		pieces := whole.pieces()
		if len(pieces) != c.pieces {
			t.Errorf("%d people with %d rows: %d pieces, want %d", c.people, c.spare, len(pieces), c.pieces)
		}
		alone := 0
		var reached []mapper.Address
		for len(pieces) > 0 {
			s := pieces[0]
			pieces = pieces[1:]
			if len(s.Call.Rows) != s.Call.People() || len(s.Call.Intents) != s.Call.People() || s.Call.Spare < 0 {
				t.Fatalf("a piece of %d people has %d rows, %d intents and %d rows to spare", s.Call.People(), len(s.Call.Rows), len(s.Call.Intents), s.Call.Spare)
			}
			if s.Call.People() == 1 {
				alone++
				reached = append(reached, s.Call.Addresses[0])
				continue
			}
			pieces = append(pieces, s.pieces()...)
		}
		if alone != c.alone {
			t.Errorf("%d people with %d rows: %d come to be alone, want %d", c.people, c.spare, alone, c.alone)
		}
		slices.Sort(reached)
		if len(slices.Compact(reached)) != alone {
			t.Errorf("%d people with %d rows: somebody is in two pieces", c.people, c.spare)
		}
	}
}

// An import says how many more rows everybody on it may have, beyond those that the
// batch takes.
func TestRowsToSpare(t *testing.T) {
	lists := map[mapper.ListKey]BoundList{"group:1": {Key: "group:1", ListID: "1"}, "group:2": {Key: "group:2", ListID: "2"}}
	member := func(address mapper.Address, rows int, lists ...mapper.ListKey) Work {
		w := Work{Address: address, Rows: rows, Tell: true}
		for _, list := range lists {
			w.Adds = append(w.Adds, mapper.Op{Kind: mapper.AddToList, Address: address, List: list})
		}
		return w
	}
	calls := PlanCalls([]Work{
		member("a@example.org", 5, "group:1"), member("b@example.org", 5, "group:2"), member("both@example.org", 4, "group:1", "group:2"),
	}, lists)
	if len(calls) != 2 {
		t.Fatalf("%d calls, want two", len(calls))
	}
	for _, c := range calls {
		if c.Kind != CallImport || c.People() != 2 || c.Spare != 2 {
			t.Errorf("%s of %v: %d rows to spare, want two of the four of somebody who takes two", c.Kind, c.Addresses, c.Spare)
		}
	}
}
