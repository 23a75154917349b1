package sink

import (
	"cmp"
	"slices"

	"rollcall/sink/constantcontact"
)

// saveRows sees to it that nobody gets more import rows than they may have.
// There are two ways. A call by id takes people out of one import or two: at once
// if they exist, else in a later batch. A further import of the lists of two
// takes people out of both and gives them one row instead. The call that saves
// most rows comes first; an import that can go by id as a whole costs none.
//
// The first is not always the best start: several selections of ways are tried.
func (a *adder) saveRows() {
	in := make([][]int, len(a.people))
	for i, t := range a.parts {
		for _, n := range t.people {
			if t.isImport {
				in[n] = append(in[n], i)
			}
		}
	}
	maker := make([]int, len(a.people))
	for n, parts := range in {
		maker[n] = -1
		for _, i := range parts {
			if a.people[n].isNew() && (maker[n] < 0 || len(a.parts[i].people) > len(a.parts[maker[n]].people)) {
				maker[n] = i
			}
		}
	}
	var best *saver
	for _, ways := range []ways{{}, {joins: true}, {pairs: true}, {joins: true, pairs: true}} {
		s := &saver{people: a.people, lists: len(a.keys), ways: ways, maker: maker, parts: slices.Clone(a.parts), in: make([][]int, len(in))}
		for n := range in {
			s.in[n] = slices.Clone(in[n])
			if s.excess(n) > 0 {
				s.over = append(s.over, n)
			}
		}
		if len(s.over) == 0 {
			return
		}
		if s.save(); best == nil || s.calls < best.calls {
			best = s
		}
	}
	a.parts = best.parts
}

// ways are the ways that may be used besides a call by id out of one import.
type ways struct {
	joins bool // a further import of the lists of two
	pairs bool // a call by id out of two imports
}

// saver brings people below their number of rows.
type saver struct {
	people []*person
	lists  int
	ways
	// maker is the largest import of each new contact, which no call by id takes
	// the contact out of, -1: none. It makes the contacts in the first round; one
	// that it does not make keeps all others of its imports in different rounds.
	maker []int
	parts []part
	in    [][]int // imports of each person, ascending
	over  []int   // people with too many
	calls int     // that it takes
}

func (s *saver) save() {
	for len(s.over) > 0 {
		if part := s.given(); part >= 0 {
			s.takeOut([]int{part}, slices.Clone(s.parts[part].people))
		} else {
			w := s.best()
			if w.byID {
				s.takeOut(w.parts, w.people)
				s.calls += byIDCalls(len(w.people))
			} else {
				s.join(w.parts, w.people)
				s.calls++
			}
		}
		s.over = slices.DeleteFunc(s.over, func(n int) bool { return s.excess(n) <= 0 })
	}
}

func (s *saver) excess(n int) int { return len(s.in[n]) - s.people[n].rows }

// given finds an import with people who have too many rows of which everybody can
// go by id at no further call, -1 when there is none.
func (s *saver) given() int {
	concerned := make([]bool, len(s.parts))
	for _, n := range s.over {
		for _, i := range s.in[n] {
			concerned[i] = true
		}
	}
	for i := range s.parts {
		if concerned[i] && s.gives(i) {
			return i
		}
	}
	return -1
}

func (s *saver) gives(part int) bool {
	people := s.parts[part].people
	exist, made := 0, 0
	for _, n := range people {
		x := s.people[n]
		if x.tell && len(s.in[n]) == 1 || s.maker[n] == part {
			return false
		}
		if x.isNew() {
			made++
		} else {
			exist++
		}
	}
	return byIDCalls(exist)+byIDCalls(made) <= ceilDiv(len(people), constantcontact.MaxImportRows)
}

// way is one way to save rows.
type way struct {
	parts  []int // one import or two
	people []int
	byID   bool
	saves  int // rows, for each call
}

// pairsUpTo is up to how many imports two are looked at together: the work grows
// with their square.
const pairsUpTo = 300

// best finds the way that saves most rows for a call.
func (s *saver) best() way {
	size := len(s.parts)
	one, two := make([][]int, size), map[int][]int{}
	var order []int // of two, for the same result every time
	for _, n := range s.over {
		for k, i := range s.in[n] {
			one[i] = append(one[i], n)
			for _, j := range s.in[n][k+1:] {
				if size > pairsUpTo || !s.joins && !s.pairs {
					break
				}
				if two[i*size+j] == nil {
					order = append(order, i*size+j)
				}
				two[i*size+j] = append(two[i*size+j], n)
			}
		}
	}
	var best way
	better := func(w way) {
		if w.saves > best.saves {
			best = w
		}
	}
	slices.Sort(order)
	for _, ij := range order {
		i, j, people := ij/size, ij%size, two[ij]
		if both := s.parts[i].lists.clone(); s.joins && s.fits(both, j) {
			better(way{parts: []int{i, j}, people: people, saves: len(people)})
		}
	}
	for i, people := range one {
		s.byIDs([]int{i}, people, better)
	}
	for _, ij := range order {
		if !s.pairs {
			break
		}
		s.byIDs([]int{ij / size, ij % size}, two[ij], better)
	}
	return best
}

// byIDs offers to take people out of imports: those who exist, and those who do
// not, each in full calls or one that is not full. Who has most rows too many
// comes first.
func (s *saver) byIDs(parts, people []int, better func(way)) {
	for _, made := range []bool{false, true} {
		var some []int
		for _, n := range people {
			x := s.people[n]
			if x.isNew() == made && (!x.tell || len(s.in[n]) > len(parts)) && !slices.Contains(parts, s.maker[n]) {
				some = append(some, n)
			}
		}
		slices.SortStableFunc(some, func(a, b int) int { return cmp.Compare(s.excess(b), s.excess(a)) })
		if full := len(some) / constantcontact.MaxMembershipIDs * constantcontact.MaxMembershipIDs; full > 0 {
			some = some[:full]
		}
		if len(some) == 0 {
			continue
		}
		saves := 0
		for _, n := range some {
			saves += min(s.excess(n), len(parts))
		}
		better(way{parts, some, true, saves / byIDCalls(len(some))})
	}
}

func (s *saver) fits(lists listSet, part int) bool {
	lists.join(s.parts[part].lists)
	return lists.size() <= maxLists
}

// takeOut takes people out of imports who are to go by id.
func (s *saver) takeOut(parts, people []int) {
	t := s.leave(parts, people)
	t.people = slices.DeleteFunc(t.people, func(n int) bool { return s.people[n].isNew() })
	s.parts = append(s.parts, t)
}

// join moves people from two imports to a further one with the lists of both.
func (s *saver) join(parts, people []int) {
	t := s.leave(parts, people)
	t.isImport = true
	for _, n := range people {
		s.in[n] = append(s.in[n], len(s.parts))
	}
	s.parts = append(s.parts, t)
}

// leave takes people out of imports and returns the part that they make.
func (s *saver) leave(parts, people []int) part {
	t := part{block: block{lists: newListSet(s.lists), people: slices.Clone(people)}}
	leaves := make(map[int]bool, len(people))
	for _, n := range people {
		leaves[n] = true
		s.in[n] = slices.DeleteFunc(s.in[n], func(i int) bool { return slices.Contains(parts, i) })
	}
	for _, i := range parts {
		t.lists.join(s.parts[i].lists)
		s.parts[i].people = slices.DeleteFunc(slices.Clone(s.parts[i].people), func(n int) bool { return leaves[n] })
	}
	return t
}
