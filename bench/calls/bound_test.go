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
