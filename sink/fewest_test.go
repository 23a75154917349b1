package sink_test

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

// fewest tries every way to cover the wanted pairs of at most four people and
// four lists with calls. Pairs are bits, four of each person. again says whether
// calls may cover a wanted pair twice.
func fewest(want, may uint16, again bool) int {
	var calls []uint16
	for people := 1; people < 16; people++ {
		for lists := uint16(1); lists < 16; lists++ {
			var reached uint16
			for p := range 4 {
				if people>>p&1 == 1 {
					reached |= lists << (4 * p)
				}
			}
			if reached&^may == 0 && reached&want != 0 {
				calls = append(calls, reached&want)
			}
		}
	}
	known := map[uint16]int{0: 0}
	var solve func(left uint16) int
	solve = func(left uint16) int {
		if n, ok := known[left]; ok {
			return n
		}
		best := 17
		first := uint16(1) << bits.TrailingZeros16(left)
		for _, c := range calls {
			if c&first != 0 && (again || c&^left == 0) {
				best = min(best, 1+solve(left&^c))
			}
		}
		known[left] = best
		return best
	}
	return solve(want)
}

func grids(work []sink.Work, of func(*sink.Work) (wanted []mapper.Op, free []mapper.ListKey)) (want, may uint16) {
	for p := range work {
		ops, free := of(&work[p])
		bit := func(list mapper.ListKey) uint16 { return 1 << (4*p + int(list[len(list)-1]-'0')) }
		for _, op := range ops {
			want |= bit(op.List)
		}
		for _, list := range free {
			may |= bit(list)
		}
	}
	return want, may | want
}

// For few people and lists no way of calling takes fewer calls than the plan.
func TestPlanTakesTheFewestCalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		removals := rapid.Bool().Draw(t, "removals")
		s := shape{people: 4, lists: 4, removals: removals, additions: !removals, plain: true, dense: true}
		work, lists := s.draw(t)
		of := func(w *sink.Work) ([]mapper.Op, []mapper.ListKey) { return w.Adds, w.On }
		if removals {
			of = func(w *sink.Work) ([]mapper.Op, []mapper.ListKey) { return w.Removes, w.Off }
		}
		want, may := grids(work, of)
		if got, least := len(sink.PlanCalls(work, bound(lists))), fewest(want, may, removals); got != least {
			t.Fatalf("planned %d calls, want %d", got, least)
		}
	})
}

// crowd is n people, each with the lists that sets gives by number.
func crowd(n int, exist bool, sets func(i int) []int) []sink.Work {
	var work []sink.Work
	for i := range n {
		address := mapper.Address(fmt.Sprintf("p%05d@example.org", i))
		w := sink.Work{Address: address, Shown: sink.Shown{State: mapper.ContactAbsent}, Tell: !exist, Rows: 5}
		if exist {
			w.Shown = sink.Shown{State: mapper.ContactActive, ID: "id-" + string(address)}
		}
		for _, l := range sets(i) {
			w.Adds = append(w.Adds, op(mapper.AddToList, address, l))
		}
		work = append(work, w)
	}
	return work
}

// removing turns the additions of a crowd into removals.
func removing(work []sink.Work) []sink.Work {
	for i := range work {
		for _, o := range work[i].Adds {
			work[i].Removes = append(work[i].Removes, mapper.Op{Kind: mapper.InactivateFromList, Address: o.Address, List: o.List})
		}
		work[i].Adds = nil
	}
	return work
}

// bits0 is list 0 with some of lists 1 to 4.
func bits0(i int) []int {
	lists := []int{0}
	for l := range 4 {
		if i>>l&1 == 1 {
			lists = append(lists, l+1)
		}
	}
	return lists
}

func TestPlanOfLargeShapes(t *testing.T) {
	const exist = true
	five := func(int) []int { return []int{0, 1, 2, 3, 4} }
	for _, c := range []struct {
		what string
		work []sink.Work
		want int
		kind sink.CallKind
	}{
		{"400 people, one set of five lists", crowd(400, exist, five), 1, sink.CallAdd},
		{"20 people, sixteen sets over five lists", crowd(20, exist, bits0), 5, sink.CallAdd},
		{"2,000 people to one list", crowd(2000, exist, func(int) []int { return []int{3} }), 1, sink.CallImport},
		{"2,000 new people, sixteen sets over five lists", crowd(2000, !exist, bits0), 5, sink.CallImport},
		{"40,001 new people to one list", crowd(40_001, !exist, func(int) []int { return []int{3} }), 2, sink.CallImport},
		{"1,000 people off five lists", removing(crowd(1000, exist, five)), 2, sink.CallRemove},
		// 600 people with all five lists and 15 others with one or two: a full call
		// of 500, then five lists with 103 to 115 people each.
		{"615 people off five lists", removing(crowd(615, exist, func(i int) []int {
			if i < 600 {
				return five(i)
			}
			return []int{i % 5, (i + i/5) % 5}
		})), 6, sink.CallRemove},
		// List 0 has 1,200 people in twelve pairs of lists, and each other list 100
		// of them: they take list 0 along.
		{"1,200 new people in twelve pairs", crowd(1200, !exist, func(i int) []int { return []int{0, 1 + i%12} }), 12, sink.CallImport},
		{"1,200 new people in twelve pairs, 30 with a list more", crowd(1200, !exist, func(i int) []int {
			if i < 30 {
				return []int{0, 1 + i%12, 1 + (i+1)%12}
			}
			return []int{0, 1 + i%12}
		}), 13, sink.CallImport},
		// Everybody has list 0, one of three others and one of nine: the three take
		// list 0 along.
		{"1,200 new people in 27 sets", crowd(1200, !exist, func(i int) []int { return []int{0, 1 + i%3, 4 + i/3%9} }), 12, sink.CallImport},
		{"45,000 new people, 41,000 of them on list 0", crowd(45_000, !exist, func(i int) []int {
			if i < 41_000 {
				return bits0(i)
			}
			return bits0(i | 1)[1:]
		}), 6, sink.CallImport},
		// Lists 0, 1 and 2 have 510 people each, 30 of them the same: a call for
		// these makes one do for the others of each list.
		{"1,470 people off thirteen lists", removing(crowd(1470, exist, func(i int) []int {
			if i < 30 {
				return []int{0, 1, 2}
			}
			return []int{i % 3, 3 + i/3%10}
		})), 14, sink.CallRemove},
	} {
		calls := sink.PlanCalls(c.work, bound(13))
		if len(calls) != c.want || calls[0].Kind != c.kind {
			t.Errorf("%s: %d calls, the first of kind %s; want %d of kind %s", c.what, len(calls), calls[0].Kind, c.want, c.kind)
		}
	}
}

// Rows that tell make a large import too long; rows that only add are short.
func TestPlanCutsImportsByTheirBytes(t *testing.T) {
	work := crowd(30_000, false, func(i int) []int { return []int{0, 1 + i%2} })
	for i := range work {
		work[i].Fields = mapper.Fields{FirstName: strings.Repeat("ä", 50), LastName: "O'Neil & <Sons>", Company: strings.Repeat("\u2028", 50)}
	}
	calls := sink.PlanCalls(work, bound(3))
	rows := 0
	for _, c := range calls {
		size := 0
		for _, row := range c.Rows {
			size += constantcontact.EncodedRowSize(row) + 1
		}
		if size+len(c.ListIDs)*45+50 > constantcontact.MaxImportBytes {
			t.Errorf("an import has %d bytes", size)
		}
		rows += len(c.Rows)
	}
	if rows != len(work) {
		t.Errorf("%d rows, want one each for %d people", rows, len(work))
	}
}

// Somebody with more lists than rows is added to the smallest by id: at once if
// the contact exists, else in a later batch.
func TestPlanSavesRows(t *testing.T) {
	work := crowd(3000, false, func(i int) (lists []int) {
		for l := range 10 {
			if i%(l+1) == 0 {
				lists = append(lists, l)
			}
		}
		return lists
	})
	for i := range work {
		work[i].Rows = 3
	}
	rows := map[mapper.Address]int{}
	for _, c := range sink.PlanCalls(work, bound(10)) {
		for _, who := range c.Addresses {
			rows[who]++
		}
	}
	for _, w := range work {
		if n := rows[w.Address]; n == 0 || n > w.Rows {
			t.Fatalf("%s on %d lists has %d rows, want 1 to 3", w.Address, len(w.Adds), n)
		}
	}
}

// A small list, some of whose people have no row left for it, waits as a whole:
// by id it takes one call either way.
func TestPlanLeavesSmallListsForLater(t *testing.T) {
	work := crowd(3000, false, func(i int) []int {
		switch {
		case i < 50:
			return []int{0, 1, 2}
		case i < 100:
			return []int{1, 2}
		case i < 150:
			return []int{0, 2}
		}
		return []int{i % 2}
	})
	for i := range work {
		work[i].Rows = 2
	}
	calls := sink.PlanCalls(work, bound(3))
	left := sink.LeftOver(work, bound(3), calls)
	if len(calls) != 2 || len(left) != 150 {
		t.Fatalf("%d calls and %d operations left, want 2 and 150", len(calls), len(left))
	}
	for i := range work {
		w := &work[i]
		w.Shown, w.Tell = sink.Shown{State: mapper.ContactActive, ID: "id-" + string(w.Address)}, false
		w.Adds = slices.DeleteFunc(w.Adds, func(o mapper.Op) bool { return o.List != key(2) })
	}
	if calls := sink.PlanCalls(work, bound(3)); len(calls) != 1 || calls[0].Kind != sink.CallAdd {
		t.Errorf("later: %d calls, want one by id", len(calls))
	}
}

func BenchmarkPlanFirstSync(b *testing.B) {
	const lists = 60
	work := crowd(50_000, false, func(i int) []int {
		set := []int{0, 1 + i%7}
		for l := 8; l < lists; l++ {
			if (i*2654435761>>7+l*40503)%(l+5) == 0 {
				set = append(set, l)
			}
		}
		return set
	})
	for i := range work {
		work[i].Fields = mapper.Fields{FirstName: "Gabriele", LastName: "Winterbottom", Company: "Harbour Bakery and Sons", JobTitle: "Head of department"}
	}
	b.ReportAllocs()
	for b.Loop() {
		b.ReportMetric(float64(len(sink.PlanCalls(work, bound(lists)))), "calls")
	}
}
