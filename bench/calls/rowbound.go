package main

import (
	"encoding/binary"
	"math"
	"slices"

	"rollcall/sink/constantcontact"
)

// rowsADay is how many import rows an address may have within 24 hours.
const rowsADay = 5

// rowBound is a bound on additions that knows of the import rows: within the day
// no address has more than rowsADay of them.
//
// It takes weights for pairs that are to be added, and a price of a row for each
// person. A call is worth the weights of its pairs, and an import less the prices
// of its rows. If no permitted call is worth more than one, then there are at
// least as many calls as all weights less rowsADay prices of everybody: every pair
// is on some call, and nobody on more imports. Whatever the weights are, dividing
// them by the worth of the dearest permitted call makes that so, and reach finds
// that call. So weights decide only how good the bound is.
//
// They are chosen like this: each list of a set that exclude each other weighs one
// in all, on people whom the calls of the other lists do not reach; and people
// with more lists than rows weigh on each as much as a row costs them, which
// depends on the number of their lists.
func (s side) rowBound(chosen [][]int) float64 {
	w := s.weights(chosen)
	price := make([]float64, w.most+1) // by number of lists that count
	best := w.bound(price)
	better := func(try []float64) bool {
		b := w.bound(try)
		if b < best+0.001 {
			return false
		}
		best, price = b, slices.Clone(try)
		return true
	}
	// The same price for everybody with so many lists or more, roughly and then finer.
	least, same := w.most, 0.0
	uniform := func(from int, value float64) {
		try := make([]float64, w.most+1)
		for n := from; n <= w.most; n++ {
			try[n] = value
		}
		if better(try) {
			least, same = from, value
		}
	}
	for from := rowsADay + 1; from <= w.most; from++ {
		for value := 1.0 / (1 << 16); value < 0.5; value *= 2 {
			uniform(from, value)
		}
	}
	for by := math.Sqrt2; by > 1.05; by = math.Sqrt(by) {
		uniform(least, same*by)
		uniform(least, same/by)
	}
	// From there one price, or two, are moved while that helps.
	for step := same / 2; step > same/20; {
		found := false
		for n := rowsADay + 1; n <= w.most; n++ {
			for m := n; m <= w.most; m++ {
				for _, by := range [][2]float64{{step, step}, {-step, -step}, {step, -step}, {-step, step}} {
					try := slices.Clone(price)
					try[n] = max(0, try[n]+by[0])
					if m > n {
						try[m] = max(0, try[m]+by[1])
					}
					found = better(try) || found
				}
			}
		}
		if !found {
			step /= 2
		}
	}
	return best
}

// weights are people in groups who are alike.
type weights struct {
	lists  int
	groups []group
	most   int // lists of a person that count
}

// group is n people who are alike.
type group struct {
	n     int
	may   []bool
	on    []int   // the lists that they weigh something on
	each  float64 // the weight of each such pair, 0: the price of a row
	byID  bool    // a call by id is of use to them
	worth float64 // of each pair, at the prices at hand
	row   float64 // price
}

// weights puts one on each list of a set, and finds who has more lists that count
// than rows.
func (s side) weights(chosen [][]int) *weights {
	w := &weights{lists: s.lists}
	counts := make([]bool, s.lists)
	sets := make([][]int, s.lists)
	for l, people := range chosen {
		for _, p := range people {
			if !s.canGoByID(p) {
				sets[l] = append(sets[l], p)
			}
		}
		// A call by id must not reach all of a list's set and those with many lists
		// too.
		counts[l] = len(sets[l]) > 0 || len(people) > 2*constantcontact.MaxMembershipIDs
		if len(sets[l]) == 0 {
			sets[l] = people
		}
	}
	many := make([]bool, len(s.people))
	var over []group
	for p, x := range s.people {
		var on []int
		for _, l := range x.want {
			if counts[l] {
				on = append(on, l)
			}
		}
		if len(on) > rowsADay {
			many[p] = true
			w.most = max(w.most, len(on))
			over = append(over, group{n: 1, may: x.may, on: on, byID: s.canGoByID(p)})
		}
	}
	for l := range sets {
		set := slices.DeleteFunc(slices.Clone(sets[l]), func(p int) bool { return many[p] })
		for _, p := range set {
			over = append(over, group{n: 1, may: s.people[p].may, on: []int{l}, each: 1 / float64(len(set)), byID: s.canGoByID(p)})
		}
	}
	at := map[string]int{}
	for _, g := range over {
		i, known := at[g.key()]
		if !known {
			i = len(w.groups)
			at[g.key()] = i
			g.n = 0
			w.groups = append(w.groups, g)
		}
		w.groups[i].n++
	}
	return w
}

func (g group) key() string {
	var key []byte
	for _, may := range g.may {
		key = append(key, '0')
		if may {
			key[len(key)-1] = '1'
		}
	}
	for _, l := range g.on {
		key = binary.AppendVarint(key, int64(l))
	}
	return string(binary.AppendVarint(key, int64(1e9*g.each)))
}

// canGoByID reports whether a call by id is of use to somebody: not to a new
// contact with one list, because whatever makes it puts it on that.
func (s side) canGoByID(p int) bool { return s.people[p].bytes == 0 || len(s.people[p].want) > 1 }

// bound is the bound at some prices of a row.
func (w *weights) bound(price []float64) float64 {
	total := 0.0
	r := reach{lists: w.lists, most: 1}
	groups := make([]group, 0, len(w.groups))
	for _, g := range w.groups {
		if g.worth = g.each; g.each == 0 {
			g.worth, g.row = price[len(g.on)], price[len(g.on)]
		}
		all := g.worth * float64(len(g.on))
		r.most = max(r.most, all) // a call for one person alone
		total += float64(g.n) * (all - rowsADay*g.row)
		if g.worth > 0 {
			groups = append(groups, g)
		}
	}
	r.from(groups, make([]bool, w.lists), 0)
	return total / r.most
}

// reach looks for the dearest permitted call.
type reach struct {
	lists int
	most  float64
}

// from tries every set of lists that begins with the given one, with everybody
// who may be reached with all of it. A set is left when not even all that its
// people weigh would be more than the dearest so far.
func (r *reach) from(groups []group, lists []bool, next int) {
	if next > 0 {
		r.measure(groups, lists)
	}
	for l := next; l < r.lists; l++ {
		some := groups[:0:0]
		atMost := 0.0
		for _, g := range groups {
			if g.may[l] {
				some = append(some, g)
				atMost += float64(g.n) * g.worth * float64(len(g.on))
			}
		}
		if atMost > r.most {
			lists[l] = true
			r.from(some, lists, l+1)
			lists[l] = false
		}
	}
}

// measure finds what the calls with a set of lists are worth that reach everybody
// they may: an import, and a call by id.
func (r *reach) measure(groups []group, lists []bool) {
	type some struct {
		n     int
		worth float64
	}
	imports, byID := 0.0, make([]some, 0, len(groups))
	for _, g := range groups {
		pairs := 0
		for _, l := range g.on {
			if lists[l] {
				pairs++
			}
		}
		worth := float64(pairs) * g.worth
		imports += float64(g.n) * max(0, worth-g.row)
		if g.byID {
			byID = append(byID, some{g.n, worth})
		}
	}
	slices.SortFunc(byID, func(a, b some) int {
		switch {
		case a.worth > b.worth:
			return -1
		case a.worth < b.worth:
			return 1
		}
		return 0
	})
	ids, room := 0.0, constantcontact.MaxMembershipIDs
	for _, x := range byID {
		n := min(room, x.n)
		ids += float64(n) * x.worth
		room -= n
	}
	r.most = max(r.most, imports, ids)
}
