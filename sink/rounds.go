package sink

import (
	"cmp"
	"slices"

	"rollcall/sink/constantcontact"
)

// mostRounds bounds the rounds of a batch. Each but the first waits for what was
// sent before, which takes a poll or more and some time.
const mostRounds = 16

// rounds is when the imports of a batch are sent. The first row of a new contact
// makes it; how Constant Contact treats a further import of an address that it is
// still making is not documented, so further rows are sent in a later round, when
// the call that makes it has ended.
type rounds struct {
	of    []int // of each part
	first []int // the part that makes each new contact, -1: none
	cuts  int   // calls more because rows that make contacts are long
	last  int
	late  [][]int // people of each part who are left for a later batch
}

// inRounds says when each import is sent and which one makes whom. It is a greedy
// schedule: next comes the import that can be sent in the earliest round, of
// several the largest, because that makes most contacts at once; or the smallest,
// where so many long rows do not fit into one call.
func (a *adder) inRounds() *rounds {
	long, short := make([]int, len(a.people)), make([]int, len(a.people))
	for n, x := range a.people {
		if x.isNew() {
			long[n], short[n] = rowBytes(rowOf(x.Work)), rowBytes(constantcontact.ImportRow{Email: string(x.Address)})
		}
	}
	best := a.schedule(long, short, 1)
	if other := a.schedule(long, short, -1); cmp.Or(cmp.Compare(other.calls(), best.calls()), cmp.Compare(other.last, best.last)) < 0 {
		best = other
	}
	return best
}

// calls is how many calls the order takes that another might not.
func (r *rounds) calls() int {
	n := r.cuts
	for _, late := range r.late {
		n += byIDCalls(len(late))
	}
	return n
}

// schedule makes a schedule; sign is 1 for the largest import first.
func (a *adder) schedule(long, short []int, sign int) *rounds {
	r := &rounds{of: make([]int, len(a.parts)), first: make([]int, len(a.people)), late: make([][]int, len(a.parts))}
	for n := range r.first {
		r.first[n] = -1
	}
	var left []int
	for i, t := range a.parts {
		if t.isImport {
			left = append(left, i)
		}
	}
	slices.SortStableFunc(left, func(i, j int) int { return sign * cmp.Compare(len(a.parts[j].people), len(a.parts[i].people)) })
	for len(left) > 0 {
		next := 0
		for k := range left {
			if r.of[left[k]] < r.of[left[next]] {
				next = k
			}
		}
		i := left[next]
		left = slices.Delete(left, next, next+1)
		a.place(r, i, long, short)
		for _, j := range left {
			a.earliest(r, i, j)
		}
	}
	return r
}

// place puts an import into its round. It makes the contacts on it that none
// before it makes.
func (a *adder) place(r *rounds, part int, long, short []int) {
	bytes := 0
	for _, n := range a.parts[part].people {
		bytes += short[n]
		switch {
		case !a.people[n].isNew():
		case r.first[n] < 0:
			r.first[n] = part
			bytes += long[n] - short[n]
		case r.of[r.first[n]] == mostRounds-1:
			r.late[part] = append(r.late[part], n)
		}
	}
	r.last = max(r.last, r.of[part])
	r.cuts += bytes / (constantcontact.MaxImportBytes - importBytes(nil))
}

// earliest moves an import behind one that was placed and makes contacts on it.
func (a *adder) earliest(r *rounds, placed, part int) {
	behind := r.of[placed] + 1
	if r.of[part] >= behind || behind == mostRounds {
		return
	}
	if slices.ContainsFunc(a.parts[part].people, func(n int) bool { return r.first[n] == placed }) {
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
