package main

import (
	"cmp"
	"math"
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

// bound is the least number of calls that any plan takes: the largest of four
// bounds that hold each by itself. People: a call takes so many. Bytes: every
// new contact needs one row with its fields. Pairs: of two pairs (p, l) and
// (q, m) such that p may not be put on m, or q not on l, no call has both; so a
// set of pairs that exclude each other needs a call each. Instead of one person
// a list of the set may have many, all of whom exclude those of other lists:
// then it needs as many calls as they fill. Rows: rowBound.
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
	most := 0
	var sets [][]int
	for i := range tries {
		rare := i%2 == 0
		n, chosen := s.exclusive(r, rare)
		best = max(best, n)
		if rare && n > most {
			most, sets = n, chosen
		}
	}
	if s.most == constantcontact.MaxImportRows && most > 0 {
		const rounding = 1e-6
		best = max(best, int(math.Ceil(s.rowBound(sets)-rounding)))
	}
	return best
}

// tries is how many orders the greedy search for pairs goes through.
const tries = 30

// exclusive finds a set of pairs that exclude each other, greedily: people who
// may have few lists first, in an order that is otherwise drawn, and of their
// lists one that is drawn, or the one with the fewest people. chosen has the people
// of each list that is in the set, n is how many calls they need.
func (s side) exclusive(r *rand.Rand, rare bool) (n int, chosen [][]int) {
	order := make([]int, 0, len(s.people))
	width := make([]int, len(s.people))
	on := make([]int, s.lists) // people of each list
	for p, x := range s.people {
		if len(x.want) > 0 {
			order = append(order, p)
		}
		for _, l := range x.want {
			on[l]++
		}
		for _, may := range x.may {
			if may {
				width[p]++
			}
		}
	}
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(width[a], width[b]) })
	chosen = make([][]int, s.lists)
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
		want := slices.Clone(s.people[p].want)
		r.Shuffle(len(want), func(i, j int) { want[i], want[j] = want[j], want[i] })
		if rare {
			slices.SortStableFunc(want, func(a, b int) int { return cmp.Compare(on[a], on[b]) })
		}
		for _, l := range want {
			if len(chosen[l]) == 0 && fits(p, l) {
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
	for _, people := range chosen {
		n += (len(people) + s.most - 1) / s.most
	}
	return n, chosen
}
