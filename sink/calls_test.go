package sink_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

func bound(n int) map[mapper.ListKey]sink.BoundList {
	lists := map[mapper.ListKey]sink.BoundList{}
	for i := range n {
		lists[key(i)] = sink.BoundList{Key: key(i), ListID: string(key(i)), State: mapper.ListBound}
	}
	return lists
}

func key(list int) mapper.ListKey { return mapper.ListKey(fmt.Sprintf("group:%d", list)) }

func op(kind mapper.OpKind, address mapper.Address, list int) mapper.Op {
	return mapper.Op{Kind: kind, Address: address, List: key(list)}
}

// shape is how the work of a property is drawn.
type shape struct {
	people, lists int // at the most
	removals      bool
	additions     bool
	exist         bool // nobody is new
	plain         bool // nobody is told fields, nobody is short of rows, no odd addresses
	dense         bool // most pairs are wanted or free
}

func (s shape) draw(t *rapid.T) ([]sink.Work, int) {
	lists := rapid.IntRange(1, s.lists).Draw(t, "lists")
	var work []sink.Work
	for i := range rapid.IntRange(1, s.people).Draw(t, "people") {
		work = append(work, s.person(t, i, lists))
	}
	return work, lists
}

func (s shape) person(t *rapid.T, i, lists int) sink.Work {
	address := mapper.Address(fmt.Sprintf("p%03d@example.org", i))
	if !s.plain && rapid.IntRange(0, 9).Draw(t, "long") == 0 {
		address = mapper.Address(fmt.Sprintf("p%03d.of.the.chamber.of.commerce.and.industry.of.the.harbour@example.org", i))
	}
	w := sink.Work{Address: address, Rows: 5, Fields: mapper.Fields{FirstName: "Ann"}, Shown: sink.Shown{State: mapper.ContactAbsent, Lists: map[string]bool{}}}
	if !s.plain {
		w.Rows = rapid.IntRange(0, 5).Draw(t, "rows")
	}
	exists := s.exist || rapid.Bool().Draw(t, "exists")
	if exists {
		w.Shown.State, w.Shown.ID = mapper.ContactActive, "id-"+string(address)
	}
	for l := range lists {
		kinds := 5
		if s.dense {
			kinds = 3
		}
		switch pair := rapid.IntRange(0, kinds).Draw(t, "pair"); {
		case pair == 0 && s.additions:
			w.Adds = append(w.Adds, op(mapper.AddToList, address, l))
		case pair == 1 && s.removals && exists:
			w.Shown.Lists[string(key(l))] = true
			o := op(mapper.InactivateFromList, address, l)
			o.OptOut = !s.plain && rapid.Bool().Draw(t, "opt out")
			w.Removes = append(w.Removes, o)
		case pair == 2 && exists:
			w.Shown.Lists[string(key(l))] = true
			w.On = append(w.On, key(l))
		case pair == 3 && exists:
			w.Off = append(w.Off, key(l))
		}
	}
	w.Tell = !exists && len(w.Adds) > 0 || exists && !s.plain && rapid.IntRange(0, 3).Draw(t, "tell") == 0
	return w
}

// pair is a person and a list.
type pair struct {
	who  mapper.Address
	list mapper.ListKey
}

// rules are what calls for some work may do.
type rules struct {
	work          map[mapper.Address]*sink.Work
	adds, removes map[pair]bool
	on, off       map[pair]bool
	added, done   map[pair]bool // by calls so far; done: with an intent
	told          map[mapper.Address]int
	rows, made    map[mapper.Address]int // made: the round of the first import
	phase         int
}

func newRules(work []sink.Work) *rules {
	r := &rules{
		work: map[mapper.Address]*sink.Work{}, adds: map[pair]bool{}, removes: map[pair]bool{}, on: map[pair]bool{}, off: map[pair]bool{},
		added: map[pair]bool{}, done: map[pair]bool{}, told: map[mapper.Address]int{}, rows: map[mapper.Address]int{}, made: map[mapper.Address]int{},
	}
	for i := range work {
		w := &work[i]
		r.work[w.Address] = w
		for _, op := range w.Adds {
			r.adds[pair{w.Address, op.List}] = true
		}
		for _, op := range w.Removes {
			r.removes[pair{w.Address, op.List}] = true
		}
		for _, list := range w.On {
			r.on[pair{w.Address, list}] = true
		}
		for _, list := range w.Off {
			r.off[pair{w.Address, list}] = true
		}
	}
	return r
}

// check holds one call against the rules.
func (r *rules) check(t *rapid.T, c sink.Call) {
	phase := map[sink.CallKind]int{sink.CallRemove: 2, sink.CallImport: 3, sink.CallAdd: 4, sink.CallFields: 5, sink.CallCreate: 5}[c.Kind]
	if c.OptOut {
		phase = 1
	}
	if phase += 10 * c.Round; phase < r.phase {
		t.Fatalf("a call of kind %s comes too late", c.Kind)
	}
	r.phase = phase
	r.limits(t, c)
	has := map[mapper.Address]bool{}
	for i, who := range c.Addresses {
		if has[who] {
			t.Fatalf("%s is on a call twice", who)
		}
		has[who] = true
		for _, id := range c.ListIDs {
			p := pair{who, mapper.ListKey(id)}
			switch {
			case c.Kind == sink.CallRemove:
				if !r.removes[p] && !r.off[p] {
					t.Fatalf("a removal reaches %v, which it may not", p)
				}
			case r.on[p]:
			case !r.adds[p]:
				t.Fatalf("an addition (%s) reaches %v, which it may not", c.Kind, p)
			case r.added[p]:
				t.Fatalf("%v is added twice: whoever left in between would be put back", p)
			default:
				r.added[p] = true
			}
		}
		if c.Kind == sink.CallImport {
			// Nobody knows what becomes of an import of a contact that another is
			// only making.
			made, known := r.made[who]
			if known && r.work[who].Shown.ID == "" && made >= c.Round {
				t.Fatalf("%s is on an import of round %d, and is made in round %d", who, c.Round, made)
			}
			if !known {
				r.made[who] = c.Round
			}
			if r.work[who].Shown.ID == "" && known != (c.Rows[i].FirstName == "") {
				t.Fatalf("a row of %s says %q, and the contact was made before: %v", who, c.Rows[i].FirstName, known)
			}
			if r.rows[who]++; r.rows[who] > r.work[who].Rows {
				t.Fatalf("%s gets %d import rows, and may have %d", who, r.rows[who], r.work[who].Rows)
			}
			if c.Rows[i].Email != string(who) {
				t.Fatalf("row %d is of another person", i)
			}
		}
	}
	for _, in := range c.Intents {
		r.intent(t, c, in)
		delete(has, in.Address)
	}
	for who := range has {
		t.Fatalf("%s is on a call that is not about them", who)
	}
}

func (r *rules) limits(t *rapid.T, c sink.Call) {
	least, lists, people := 1, constantcontact.MaxMembershipLists, constantcontact.MaxMembershipIDs
	switch c.Kind {
	case sink.CallImport:
		lists, people = constantcontact.MaxImportLists, constantcontact.MaxImportRows
		size := 0
		for _, row := range c.Rows {
			if err := row.Check(); err != nil {
				t.Fatal(err)
			}
			size += constantcontact.EncodedRowSize(row) + 1
		}
		if size > constantcontact.MaxImportBytes-1000 {
			t.Fatalf("an import has %d bytes", size)
		}
	case sink.CallCreate:
		people = 1
	case sink.CallFields:
		least, lists, people = 0, 0, 1
	}
	if len(c.ListIDs) < least || len(c.ListIDs) > lists || c.People() < 1 || c.People() > people {
		t.Fatalf("a call of kind %s has %d people and %d lists", c.Kind, c.People(), len(c.ListIDs))
	}
	if c.Kind != sink.CallImport && c.Kind != sink.CallCreate && len(c.IDs) != c.People() || c.Kind == sink.CallImport && len(c.Rows) != c.People() {
		t.Fatalf("a call of kind %s names %d people with %d ids and %d rows", c.Kind, c.People(), len(c.IDs), len(c.Rows))
	}
}

func (r *rules) intent(t *rapid.T, c sink.Call, in sink.Intent) {
	if in.Fields != "" && (in.Op == sink.OpFields || r.work[in.Address].Shown.ID == "") {
		r.told[in.Address]++
	}
	if in.Op == sink.OpFields {
		return
	}
	p := pair{in.Address, in.List}
	if want := map[string]map[pair]bool{"add": r.adds, "remove": r.removes}[in.Op]; !want[p] || r.done[p] {
		t.Fatalf("intent to %s %v: wanted %v, done before %v", in.Op, p, want[p], r.done[p])
	}
	if in.OptOut != c.OptOut {
		t.Fatalf("the removal of %v, opt-out %v, is in a call of the others", p, in.OptOut)
	}
	r.done[p] = true
}

// all holds what was done and left against what was wanted.
func (r *rules) all(t *rapid.T, left []sink.Left) {
	for _, l := range left {
		w := r.work[l.Address]
		long := len(l.Address) > constantcontact.MaxImportAddress
		p := pair{l.Address, l.List}
		fits := map[sink.WhyLeft]bool{
			sink.LeftNoID:     l.Op == "remove" && w.Shown.ID == "",
			sink.LeftTooLong:  l.Op != "remove" && long,
			sink.LeftRows:     l.Op != "remove" && w.Rows == 0,
			sink.LeftNotYet:   l.Op == "add" && w.Shown.ID == "" && r.told[l.Address] > 0,
			sink.LeftOnNoList: l.Op == sink.OpFields && len(w.On) == 0,
		}
		if !fits[l.Why] {
			t.Fatalf("%s of %v is left because %q", l.Op, p, l.Why)
		}
		if l.Op == sink.OpFields {
			r.told[l.Address]++
		} else if r.done[p] {
			t.Fatalf("%s of %v is done and left", l.Op, p)
		}
		r.done[p] = true
	}
	for p := range r.adds {
		if !r.done[p] {
			t.Fatalf("%v is neither added nor left", p)
		}
	}
	for p := range r.removes {
		if !r.done[p] {
			t.Fatalf("%v is neither removed nor left", p)
		}
	}
	for who, w := range r.work {
		if w.Tell && w.Shown.ID != "" && r.told[who] != 1 {
			t.Fatalf("fields of %s are told or left %d times", who, r.told[who])
		}
	}
}

// Every call keeps the limits and reaches only what it may; every operation is
// done once, or left for a reason; removals for opt-outs come first.
func TestPlanKeepsTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom([]shape{
			{people: 4, lists: 4, removals: true, additions: true},
			{people: 40, lists: 8, removals: true, additions: true},
			{people: 12, lists: 70, removals: true, additions: true},
		}).Draw(t, "shape")
		work, lists := s.draw(t)
		planner := sink.Planner{Singles: rapid.Bool().Draw(t, "singles")}
		calls := planner.Plan(work, bound(lists))
		r := newRules(work)
		for _, c := range calls {
			r.check(t, c)
		}
		r.all(t, sink.LeftOver(work, bound(lists), calls))
	})
}

// The same work gives the same calls in whatever order it comes.
func TestPlanDoesNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		work, lists := shape{people: 30, lists: 8, removals: true, additions: true}.draw(t)
		want := fmt.Sprintf("%+v", sink.PlanCalls(work, bound(lists)))
		shuffled := rapid.Permutation(work).Draw(t, "shuffled")
		if got := fmt.Sprintf("%+v", sink.PlanCalls(shuffled, bound(lists))); got != want {
			t.Fatalf("calls depend on the order of work:\n%s\n%s", got, want)
		}
	})
}

func TestPlanOrder(t *testing.T) {
	remove := op(mapper.InactivateFromList, "a@example.org", 0)
	optOut := op(mapper.InactivateFromList, "b@example.org", 0)
	optOut.OptOut = true
	work := []sink.Work{
		{Address: "c@example.org", Shown: sink.Shown{State: mapper.ContactAbsent}, Adds: []mapper.Op{op(mapper.AddToList, "c@example.org", 0)}, Tell: true, Rows: 5},
		{Address: "a@example.org", Shown: sink.Shown{ID: "a"}, Removes: []mapper.Op{remove}},
		{Address: "b@example.org", Shown: sink.Shown{ID: "b"}, Removes: []mapper.Op{optOut}},
	}
	calls := sink.PlanCalls(work, bound(1))
	if len(calls) != 3 || !calls[0].OptOut || calls[1].Kind != sink.CallRemove || calls[2].Kind != sink.CallImport {
		t.Fatalf("got %+v, want the opt-out, then the removal, then the import", calls)
	}
}
