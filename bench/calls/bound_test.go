package main

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

// problem is the same work as a side and as the planner takes it.
type problem struct {
	side side
	work []sink.Work
}

func newProblem(lists int) *problem {
	return &problem{side: side{lists: lists, most: constantcontact.MaxMembershipIDs}}
}

func (p *problem) bound() map[mapper.ListKey]sink.BoundList {
	lists := map[mapper.ListKey]sink.BoundList{}
	for l := range p.side.lists {
		lists[key(l)] = sink.BoundList{Key: key(l), ListID: string(key(l)), State: mapper.ListBound}
	}
	return lists
}

func key(list int) mapper.ListKey { return mapper.ListKey(fmt.Sprintf("group:%02d", list)) }

// add adds somebody who is to be taken off some lists and may be off others.
func (p *problem) add(want, free []int) {
	address := mapper.Address(fmt.Sprintf("p%05d@example.org", len(p.work)))
	x := who{want: want, may: make([]bool, p.side.lists)}
	w := sink.Work{Address: address, Shown: sink.Shown{State: mapper.ContactActive, ID: string(address)}}
	for _, l := range want {
		x.may[l] = true
		w.Removes = append(w.Removes, mapper.Op{Kind: mapper.InactivateFromList, Address: address, List: key(l)})
	}
	for _, l := range free {
		x.may[l] = true
		w.Off = append(w.Off, key(l))
	}
	p.side.people = append(p.side.people, x)
	p.work = append(p.work, w)
}

// No plan takes fewer calls than the bound, or the bound is none.
func TestNoPlanIsBelowTheBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newProblem(rapid.IntRange(1, 12).Draw(t, "lists"))
		kinds := rapid.IntRange(2, 8).Draw(t, "kinds")
		for range rapid.IntRange(1, 40).Draw(t, "people") {
			var want, free []int
			for l := range p.side.lists {
				switch rapid.IntRange(0, kinds).Draw(t, "pair") {
				case 0:
					want = append(want, l)
				case 1:
					free = append(free, l)
				}
			}
			p.add(want, free)
		}
		calls, bound := len(sink.PlanCalls(p.work, p.bound())), p.side.bound()
		if calls < bound {
			t.Fatalf("planned %d calls, and the bound is %d", calls, bound)
		}
	})
}

// addNew adds somebody whom Constant Contact does not know and who is to be put on
// some lists.
func (p *problem) addNew(want ...int) {
	address := mapper.Address(fmt.Sprintf("p%05d@example.org", len(p.work)))
	x := who{want: want, may: make([]bool, p.side.lists), bytes: 100}
	w := sink.Work{Address: address, Shown: sink.Shown{State: mapper.ContactAbsent}, Tell: true, Rows: rowsADay}
	for _, l := range want {
		x.may[l] = true
		w.Adds = append(w.Adds, mapper.Op{Kind: mapper.AddToList, Address: address, List: key(l)})
	}
	p.side.people = append(p.side.people, x)
	p.work = append(p.work, w)
}

// deliver plans batch after batch, as if each was sent and everybody on it is a
// contact then, and counts the calls.
func (p *problem) deliver(t *rapid.T) (calls int) {
	work := p.work
	for range 20 {
		batch := sink.Planner{Singles: true}.Plan(work, p.bound())
		calls += len(batch)
		left := map[mapper.Address][]mapper.Op{}
		for _, l := range sink.LeftOver(work, p.bound(), batch) {
			left[l.Address] = append(left[l.Address], mapper.Op{Kind: mapper.AddToList, Address: l.Address, List: l.List})
		}
		rows := map[mapper.Address]int{}
		for _, c := range batch {
			if c.Kind != sink.CallImport {
				continue
			}
			for _, address := range c.Addresses {
				rows[address]++
			}
		}
		var next []sink.Work
		for _, w := range work {
			if w.Adds = left[w.Address]; len(w.Adds) > 0 {
				w.Shown, w.Tell, w.Rows = sink.Shown{State: mapper.ContactActive, ID: string(w.Address)}, false, w.Rows-rows[w.Address]
				next = append(next, w)
			}
		}
		if work = next; len(work) == 0 {
			return calls
		}
	}
	t.Fatal("not done after 20 batches")
	return calls
}

// The same where import rows are short.
func TestNoPlanIsBelowTheBoundOfRows(t *testing.T) {
	short := 0
	rapid.Check(t, func(t *rapid.T) {
		p := newProblem(rapid.IntRange(6, 10).Draw(t, "lists"))
		p.side.most = constantcontact.MaxImportRows
		for l := range p.side.lists {
			for range rapid.IntRange(0, 2).Draw(t, "alone") {
				p.addNew(l)
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "people") {
			var want []int
			for l := range p.side.lists {
				if rapid.IntRange(0, 9).Draw(t, "pair") < 7 {
					want = append(want, l)
				}
			}
			if len(want) > 0 {
				p.addNew(want...)
			}
		}
		if len(p.work) == 0 {
			return
		}
		calls, bound := p.deliver(t), p.side.bound()
		if calls < bound {
			t.Fatalf("%d calls, and the bound is %d", calls, bound)
		}
		if _, sets := p.side.exclusive(rand.New(rand.NewPCG(1, 1)), true); p.side.weights(sets).most > rowsADay {
			short++
		}
	})
	if short == 0 {
		t.Error("nobody was short of rows in any case")
	}
}

func TestRowBound(t *testing.T) {
	for _, c := range []struct {
		what        string
		lists, want int
		add         func(p *problem)
	}{
		{"five lists, and all of them", 5, 5, func(p *problem) {
			for range 600 {
				p.addNew(0, 1, 2, 3, 4)
			}
		}},
		{"six lists, and all of them: one import more takes them along", 6, 7, func(p *problem) {
			for range 600 {
				p.addNew(0, 1, 2, 3, 4, 5)
			}
		}},
		// Six of eight lists each, in 28 ways: two imports of six lists take along
		// those of two ways only, a call by id 500 of a list.
		{"eight lists, and six of them", 8, 10, func(p *problem) {
			for a := range 8 {
				for b := range a {
					for range 100 {
						var want []int
						for l := range 8 {
							if l != a && l != b {
								want = append(want, l)
							}
						}
						p.addNew(want...)
					}
				}
			}
		}},
	} {
		p := newProblem(c.lists)
		p.side.most = constantcontact.MaxImportRows
		for l := range c.lists {
			p.addNew(l)
		}
		c.add(p)
		if got := p.side.bound(); got != c.want {
			t.Errorf("%s: bound %d, want %d", c.what, got, c.want)
		}
	}
}

func TestBound(t *testing.T) {
	for _, c := range []struct {
		what string
		add  func(p *problem)
		want int
	}{
		{"1,001 people of one list", func(p *problem) {
			for range 1001 {
				p.add([]int{0}, nil)
			}
		}, 3},
		{"three lists without common people", func(p *problem) {
			for i := range 30 {
				p.add([]int{i % 3}, nil)
			}
		}, 3},
		{"the same, where two may go together", func(p *problem) {
			for i := range 30 {
				p.add([]int{i % 3}, [][]int{{1}, {0}, nil}[i%3])
			}
		}, 2},
		{"600 people on each of two lists, and 300 on both", func(p *problem) {
			for i := range 1500 {
				p.add([][]int{{0}, {1}, {0}, {1}, {0, 1}}[i%5], nil)
			}
		}, 4},
	} {
		p := newProblem(3)
		c.add(p)
		if got := p.side.bound(); got != c.want {
			t.Errorf("%s: bound %d, want %d", c.what, got, c.want)
		}
	}
}

// An office's changes: most people are on few of sixty lists, some of which have
// many people.
func TestPlanIsNearTheBound(t *testing.T) {
	for _, people := range []int{20, 200, 2000, 20_000} {
		p := newProblem(60)
		r := rand.New(rand.NewPCG(3, uint64(people)))
		for range people {
			var want, free []int
			for l := range p.side.lists {
				switch n := r.IntN(1000); {
				case n < 200/(l+4):
					want = append(want, l)
				case n < 230/(l+4):
					free = append(free, l)
				}
			}
			if len(want) == 0 {
				want = []int{r.IntN(p.side.lists)}
			}
			p.add(want, free)
		}
		calls, bound := len(sink.PlanCalls(p.work, p.bound())), p.side.bound()
		t.Logf("%d people: %d calls, bound %d", people, calls, bound)
		if calls*10 > bound*11 {
			t.Errorf("%d people: %d calls, more than a tenth above the bound of %d", people, calls, bound)
		}
	}
}
