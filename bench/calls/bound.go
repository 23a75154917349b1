package main

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"rollcall/sink/constantcontact"
)

// side is what calls of one kind have to do, and may: adding, removing, or
// removing for opt-outs. These never share a call.
type side struct {
	lists int
	// most is how many people one call takes.
	most   int
	people []who
}

// who is one person on a side.
type who struct {
	want []int // lists to be changed
	may  []bool
	// bytes of the row that makes the contact, 0 when it exists. A call takes
	// constantcontact.MaxImportBytes of them.
	bytes int
}

// bound is the least number of calls that any plan takes: the largest of three
// bounds that hold each by itself. People: a call takes so many. Bytes: every
// new contact needs one row with its fields. Pairs: of two pairs (p, l) and
// (q, m) such that p may not be put on m, or q not on l, no call has both; so a
// set of pairs that exclude each other needs a call each. Instead of one person
// a list of the set may have many, all of whom exclude those of other lists:
// then it needs as many calls as they fill.
func (s side) bound() int {
	bytes, people := 0, 0
	for _, p := range s.people {
		bytes += p.bytes
		if len(p.want) > 0 {
			people++
		}
	}
	best := max((people+s.most-1)/s.most, (bytes+constantcontact.MaxImportBytes-1)/constantcontact.MaxImportBytes)
	r := rand.New(rand.NewPCG(1, 2))
	for range tries {
		best = max(best, s.exclusive(r))
	}
	return best
}

// tries is how many orders the greedy search for pairs goes through.
const tries = 30

// exclusive finds a set of pairs that exclude each other, greedily: people who
// may have few lists first, in an order that is otherwise drawn.
func (s side) exclusive(r *rand.Rand) int {
	order := make([]int, 0, len(s.people))
	width := make([]int, len(s.people))
	for p, x := range s.people {
		if len(x.want) > 0 {
			order = append(order, p)
		}
		for _, may := range x.may {
			if may {
				width[p]++
			}
		}
	}
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(width[a], width[b]) })
	chosen := make([][]int, s.lists)
	reach := make([][]bool, s.lists) // lists that any of those chosen for a list may have
	used := make([]bool, len(s.people))
	fits := func(p, l int) bool {
		for m := range s.lists {
			if m != l && len(chosen[m]) > 0 && s.people[p].may[m] && reach[m][l] {
				return false
			}
		}
		return true
	}
	take := func(p, l int) {
		chosen[l] = append(chosen[l], p)
		used[p] = true
		if reach[l] == nil {
			reach[l] = make([]bool, s.lists)
		}
		for m, may := range s.people[p].may {
			reach[l][m] = reach[l][m] || may
		}
	}
	for _, p := range order {
		for _, l := range r.Perm(len(s.people[p].want)) {
			if l := s.people[p].want[l]; len(chosen[l]) == 0 && fits(p, l) {
				take(p, l)
				break
			}
		}
	}
	for _, p := range order {
		for _, l := range s.people[p].want {
			if !used[p] && len(chosen[l]) > 0 && fits(p, l) {
				take(p, l)
			}
		}
	}
	n := 0
	for _, people := range chosen {
		n += (len(people) + s.most - 1) / s.most
	}
	return n
}
