package sink_test

import (
	"math/rand/v2"
	"testing"

	"rollcall/mapper"
	"rollcall/sink"
)

// sync plans until nothing is left, as batches that follow each other do, and
// returns the calls and how often something waits for calls to end.
func sync(t *testing.T, work []sink.Work, lists int) (calls, waits int) {
	t.Helper()
	waits = -1
	for len(work) > 0 {
		planned := sink.PlanCalls(work, bound(lists))
		if len(planned) == 0 {
			t.Fatalf("nothing is planned for %d people", len(work))
		}
		calls += len(planned)
		waits += planned[len(planned)-1].Round + 1
		rows := map[mapper.Address]int{}
		for _, c := range planned {
			for i := range c.Rows {
				rows[c.Addresses[i]]++
			}
		}
		left := map[mapper.Address][]mapper.Op{}
		for _, l := range sink.LeftOver(work, bound(lists), planned) {
			left[l.Address] = append(left[l.Address], mapper.Op{Kind: mapper.AddToList, Address: l.Address, List: l.List})
		}
		var later []sink.Work
		for _, w := range work {
			if len(left[w.Address]) > 0 {
				w.Shown, w.Tell = sink.Shown{State: mapper.ContactActive, ID: "id-" + string(w.Address)}, false
				w.Adds, w.Rows = left[w.Address], w.Rows-rows[w.Address]
				later = append(later, w)
			}
		}
		work = later
	}
	return calls, waits
}

// some are lists from 1 to last, each with one chance in n.
func some(i, n, last int) (lists []int) {
	r := rand.New(rand.NewPCG(1, uint64(i)))
	for l := 1; l <= last; l++ {
		if r.IntN(n) == 0 {
			lists = append(lists, l)
		}
	}
	return lists
}

// Everybody is on list 0, so one import makes all contacts and all others go in
// the second round, although many people have too many lists for their rows: they
// are taken out of others.
func TestTheImportThatMakesMostContactsKeepsThem(t *testing.T) {
	work := crowd(10_000, false, func(i int) []int { return append([]int{0}, some(i, 7, 20)...) })
	if calls, waits := sync(t, work, 21); waits != 2 {
		t.Errorf("%d calls with %d waits, want two: for the second round, and for what has no row today", calls, waits)
	}
}

// Whoever is on several lists but not on the largest keeps these in different
// rounds. Where later calls have room, or few more are needed, some lists share the
// last round.
func TestListsShareTheLastRound(t *testing.T) {
	const lists = 24
	work := crowd(8000, false, func(i int) []int {
		if i%4 != 0 {
			return append([]int{0}, some(i, 12, lists-1)...)
		}
		a := i / 4 % (lists - 1)
		b := i / 4 / (lists - 1) % (lists - 1)
		if a == b {
			return []int{1 + a}
		}
		return []int{1 + a, 1 + b}
	})
	if calls, waits := sync(t, work, lists); waits > 13 || calls > 37 {
		t.Errorf("%d calls with %d waits, want at most 37 and 13", calls, waits)
	}
}
