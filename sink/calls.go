package sink

import (
	"cmp"
	"maps"
	"slices"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// Work is what is to be done for one address, after its state has been read.
type Work struct {
	Address mapper.Address
	Shown   Shown
	Adds    []mapper.Op
	Removes []mapper.Op
	Fields  mapper.Fields
	// Tell says that the fields are to be told: the contact is new, or the
	// database changed them.
	Tell bool
	// On are lists that this batch's read showed the person on, where the verdict
	// is on and nobody is asked about the pair: adding the person again does
	// nothing.
	On []mapper.ListKey
	// Off are lists that this batch may take the person off although it need not:
	// verdict off, option on, nobody asked about the pair, and not believed to be
	// on it. Removing the person does nothing.
	Off []mapper.ListKey
	// Rows is how many import rows the address may have today.
	Rows int
	// Busy: a call about the address is on its way; only removals for an
	// opt-out overtake it.
	Busy bool
	Run  int64 // that queued the address, 0 for the stream
	// Exact are the lists from which everybody not wanted is to go.
	Exact map[mapper.ListKey]bool
}

// Planner turns work into calls.
type Planner struct {
	// Singles: contacts may be made and told fields one by one (CallCreate and
	// CallFields). Without it few changes of fields go by import like many, and
	// addresses too long for an import wait.
	Singles bool
}

// PlanCalls turns work into as few calls as it can; see sink/DESIGN.md. The calls
// come in the order in which they are to be sent: removals for opt-outs, other
// removals, imports, additions by id. Every call keeps the vendor's limits, and
// reaches only pairs that it is to change or that Work.On and Work.Off name. The
// same work gives the same calls in whatever order it comes.
func PlanCalls(work []Work, lists map[mapper.ListKey]BoundList) []Call {
	return Planner{}.Plan(work, lists)
}

// Plan is PlanCalls.
func (o Planner) Plan(work []Work, lists map[mapper.ListKey]BoundList) []Call {
	p := planner{Planner: o, lists: lists, keys: slices.Sorted(maps.Keys(lists)), place: map[mapper.ListKey]int{}}
	for i, key := range p.keys {
		p.place[key] = i
	}
	for i := range work {
		p.work = append(p.work, &work[i])
	}
	slices.SortFunc(p.work, func(a, b *Work) int { return cmp.Compare(a.Address, b.Address) })
	p.removals(true)
	p.removals(false)
	p.additions()
	p.spareRows()
	return p.calls
}

type planner struct {
	Planner
	lists map[mapper.ListKey]BoundList
	keys  []mapper.ListKey       // in the order of listSet
	place map[mapper.ListKey]int // of each key in keys
	work  []*Work                // by address
	calls []Call
}

// set is the set of some lists; those that are not bound are left out.
func (p *planner) set(keys ...mapper.ListKey) listSet {
	s := newListSet(len(p.keys))
	for _, key := range keys {
		if i, bound := p.place[key]; bound {
			s.add(i)
		}
	}
	return s
}

func (p *planner) opSet(ops []mapper.Op) listSet {
	s := newListSet(len(p.keys))
	for _, op := range ops {
		if i, bound := p.place[op.List]; bound {
			s.add(i)
		}
	}
	return s
}

func (p *planner) ids(lists []int) []string {
	ids := make([]string, len(lists))
	for i, l := range lists {
		ids[i] = p.lists[p.keys[l]].ListID
	}
	return ids
}

// removals plans the removals for opt-outs or all others. A removal reaches
// without effect whatever else this batch takes the person off.
func (p *planner) removals(optOut bool) {
	g := grid{lists: len(p.keys), again: true, most: constantcontact.MaxMembershipIDs}
	var who []*Work
	var left []listSet
	for _, w := range p.work {
		want := newListSet(len(p.keys))
		for _, op := range w.Removes {
			if i, bound := p.place[op.List]; bound && op.OptOut == optOut && w.Shown.ID != "" {
				want.add(i)
			}
		}
		if want.empty() {
			continue
		}
		free := p.set(w.Off...)
		free.join(p.opSet(w.Removes))
		who = append(who, w)
		left = append(left, want.clone())
		g.want, g.free = append(g.want, want), append(g.free, free)
	}
	for _, b := range g.cover() {
		p.memberships(CallRemove, b, who, left, optOut)
	}
}

// memberships makes the calls of a block. left has the pairs that no call has
// yet: a pair that two blocks have is done by the first.
func (p *planner) memberships(kind CallKind, b block, who []*Work, left []listSet, optOut bool) {
	for lists := range slices.Chunk(b.lists.lists(), constantcontact.MaxMembershipLists) {
		names := newListSet(len(p.keys))
		for _, l := range lists {
			names.add(l)
		}
		var people []int
		for _, i := range b.people {
			if left[i].meets(names) {
				people = append(people, i)
			}
		}
		for some := range slices.Chunk(people, constantcontact.MaxMembershipIDs) {
			c := Call{Kind: kind, ListIDs: p.ids(lists), OptOut: optOut}
			for _, i := range some {
				c.Addresses = append(c.Addresses, who[i].Address)
				c.IDs = append(c.IDs, who[i].Shown.ID)
				mine := left[i].clone()
				mine.keep(names)
				left[i].drop(mine)
				c.Intents = append(c.Intents, p.intents(kind, who[i], mine)...)
			}
			p.calls = append(p.calls, c)
		}
	}
}

// intents are what a call does to the pairs of one person.
func (p *planner) intents(kind CallKind, w *Work, pairs listSet) []Intent {
	ops, what := w.Adds, "add"
	if kind == CallRemove {
		ops, what = w.Removes, "remove"
	}
	var intents []Intent
	for _, op := range ops {
		if i, bound := p.place[op.List]; bound && pairs.has(i) {
			intents = append(intents, Intent{
				List: op.List, Address: w.Address, Op: what, Reason: op.Reason, Rep: op.Rep, Again: w.Busy,
				Run: w.Run, Approved: op.Approved, OptOut: op.OptOut, Exact: what == "remove" && w.Exact[op.List],
			})
		}
	}
	return intents
}

// spareRows tells each import how many more rows everybody on it may have.
func (p *planner) spareRows() {
	left := make(map[mapper.Address]int, len(p.work))
	for _, w := range p.work {
		left[w.Address] = w.Rows
	}
	for _, c := range p.calls {
		if c.Kind.Writes() {
			for _, address := range c.Addresses {
				left[address]--
			}
		}
	}
	for i := range p.calls {
		c := &p.calls[i]
		if c.Kind != CallImport {
			continue
		}
		c.Spare = left[c.Addresses[0]]
		for _, address := range c.Addresses[1:] {
			c.Spare = min(c.Spare, left[address])
		}
	}
}
