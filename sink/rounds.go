package sink

import (
	"cmp"
	"slices"

	"rollcall/sink/constantcontact"
)

// mostRounds bounds the rounds of a batch. Each but the first waits for what was
// sent before, which takes a poll or more and some time.
const mostRounds = 16

// spare is how much of the fewest calls may be spent on fewer rounds.
const spare = 0.1

// rounds is when the imports of a batch are sent. The first row of a new contact
// makes it; how Constant Contact treats a further import of an address that it is
// still making is not documented, so further rows are sent in a later round, when
// the call that makes it has ended.
type rounds struct {
	of    []int   // of each part
	first []int   // the part that makes each new contact, -1: none
	late  [][]int // people of each part who are left for a later batch
	last  int
	calls int // of this batch and the later one
	waits int // how often something waits for calls to end
}

// scheduler says when each import is sent.
type scheduler struct {
	*adder
	imports []int
	long    []int // bytes of each new contact's row that tells the fields
	short   []int // and of one that does not
	left    []int // people of each list who are left for a later batch in any case
	fixed   int   // calls whatever the schedule
}

// inRounds says when each import is sent and which one makes whom. Of the
// schedules tried it takes the one with fewest calls; one with fewer rounds when
// that takes no more than a few calls above the least, of which it counts least.
func (a *adder) inRounds(least int) *rounds {
	s := a.scheduler()
	best := s.best(mostRounds)
	limit := max(best.calls, least+int(float64(least)*spare))
	for most := 2; most <= best.last; most++ {
		if r := s.best(most); r.calls <= limit && r.waits < best.waits {
			return r
		}
	}
	return best
}

func (a *adder) scheduler() *scheduler {
	s := &scheduler{adder: a, long: make([]int, len(a.people)), short: make([]int, len(a.people)), left: make([]int, len(a.keys))}
	for n, x := range a.people {
		if x.isNew() {
			s.long[n], s.short[n] = rowBytes(rowOf(x.Work)), rowBytes(constantcontact.ImportRow{Email: string(x.Address)})
		}
	}
	open := make([]listSet, len(a.people))
	for n := range open {
		open[n] = a.left[n].clone()
	}
	for i, t := range a.parts {
		for _, n := range t.people {
			open[n].drop(t.lists)
		}
		if t.isImport {
			s.imports = append(s.imports, i)
			s.fixed += ceilDiv(len(t.people), constantcontact.MaxImportRows) * ceilDiv(t.lists.size(), maxLists)
		} else {
			s.fixed += byIDCalls(len(t.people)) * ceilDiv(t.lists.size(), maxLists)
		}
	}
	for _, lists := range open {
		for _, l := range lists.lists() {
			s.left[l]++
		}
	}
	for _, n := range s.left {
		s.fixed += byIDCalls(n)
	}
	return s
}

// best is the best of some schedules with so many rounds.
func (s *scheduler) best(most int) *rounds {
	size := func(i int) int { return len(s.parts[i].people) }
	// Whoever is late on a list of which a later batch has a call anyway costs none,
	// so those lists come last.
	room := func(i int) int {
		for _, l := range s.parts[i].lists.lists() {
			if used := s.left[l] % constantcontact.MaxMembershipIDs; used > 0 && s.parts[i].lists.size() == 1 {
				return constantcontact.MaxMembershipIDs - used
			}
		}
		return 0
	}
	var best *rounds
	for _, order := range []func(i, j int) int{
		func(i, j int) int { return cmp.Compare(size(j), size(i)) },
		func(i, j int) int { return cmp.Or(cmp.Compare(room(i), room(j)), cmp.Compare(size(j), size(i))) },
		func(i, j int) int { return cmp.Compare(size(i), size(j)) },
	} {
		r := s.schedule(order, most)
		if best == nil || cmp.Or(cmp.Compare(r.calls, best.calls), cmp.Compare(r.waits, best.waits)) < 0 {
			best = r
		}
	}
	return best
}

// schedule makes a schedule greedily: next comes the import that can be sent in
// the earliest round, of several the first in the order. The largest first makes
// most contacts at once; the smallest, where so many long rows do not fit into one
// call.
func (s *scheduler) schedule(order func(i, j int) int, most int) *rounds {
	r := &rounds{of: make([]int, len(s.parts)), first: make([]int, len(s.people)), late: make([][]int, len(s.parts)), calls: s.fixed}
	for n := range r.first {
		r.first[n] = -1
	}
	left := slices.Clone(s.imports)
	slices.SortStableFunc(left, order)
	for len(left) > 0 {
		next := 0
		for k := range left {
			if r.of[left[k]] < r.of[left[next]] {
				next = k
			}
		}
		i := left[next]
		left = slices.Delete(left, next, next+1)
		s.place(r, i)
		for _, j := range left {
			s.earliest(r, i, j, most)
		}
	}
	later := slices.Clone(s.left)
	for i, late := range r.late {
		for _, l := range s.parts[i].lists.lists() {
			if len(late) > 0 {
				r.calls += min(byIDCalls(later[l]+len(late))-byIDCalls(later[l]), ceilDiv(len(late), constantcontact.MaxImportRows))
				later[l] += len(late)
			}
		}
	}
	r.waits = r.last
	if slices.ContainsFunc(later, func(n int) bool { return n > 0 }) {
		r.waits++
	}
	return r
}

// place puts an import into its round. It makes the contacts on it that none
// before it makes.
func (s *scheduler) place(r *rounds, part int) {
	bytes := 0
	for _, n := range s.parts[part].people {
		bytes += s.short[n]
		switch first := r.first[n]; {
		case !s.people[n].isNew():
		case first < 0:
			r.first[n] = part
			bytes += s.long[n] - s.short[n]
		case r.of[first] == r.of[part]:
			r.late[part] = append(r.late[part], n)
		}
	}
	r.last = max(r.last, r.of[part])
	r.calls += bytes / (constantcontact.MaxImportBytes - importBytes(nil))
}

// earliest moves an import behind one that was placed and makes contacts on it.
func (s *scheduler) earliest(r *rounds, placed, part, most int) {
	behind := r.of[placed] + 1
	if r.of[part] >= behind || behind == most {
		return
	}
	if slices.ContainsFunc(s.parts[part].people, func(n int) bool { return r.first[n] == placed }) {
		r.of[part] = behind
	}
}

// assign leaves out of each part who is left for a later batch, and says which
// import tells each new contact's fields: the one that makes it.
func (a *adder) assign(r *rounds) {
	for i := range a.parts {
		t := &a.parts[i]
		if len(r.late[i]) > 0 {
			t.people = slices.DeleteFunc(slices.Clone(t.people), func(n int) bool { return slices.Contains(r.late[i], n) })
		}
		t.round = r.of[i]
	}
	for n, x := range a.people {
		if x.isNew() {
			x.full = r.first[n]
		}
	}
}

func rowBytes(row constantcontact.ImportRow) int { return constantcontact.EncodedRowSize(row) + 1 }
