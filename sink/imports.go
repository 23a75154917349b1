package sink

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// fewFields is up to how many people are told changed fields one by one when no
// import of the batch can take them along. One by one costs a GET and a PUT
// each, an import about three calls with its polls. The import also takes one of
// the day's five rows, and puts back whoever left the list just now: worth three
// calls more, not thirty.
const fewFields = 3

// person is the part of somebody in additions and imports.
type person struct {
	*Work
	want, on listSet
	tell     bool
	alone    bool // told, or made, by a request of its own
	rows     int  // import rows that the person may have, beyond which additions go by id
	full     int  // the block whose row tells the fields, -1 when none
}

// isNew: the contact does not exist yet, so only an import row can make it.
func (x *person) isNew() bool { return x.Shown.ID == "" }

// part is a block of additions and how it is sent.
type part struct {
	block
	isImport bool
	round    int
}

// additions plans imports and additions by id. All blocks are planned as if they
// were imports, which take more people; one that nobody needs as an import, and
// that takes no more calls so, goes by id.
func (p *planner) additions() {
	a := adder{planner: p}
	g := grid{lists: len(p.keys), most: constantcontact.MaxImportRows}
	for _, w := range p.work {
		x := p.person(w)
		if x.alone {
			a.singly = append(a.singly, x)
		}
		if x.isNew() && !x.tell || x.want.empty() && !x.tell {
			continue
		}
		a.people = append(a.people, x)
		a.left = append(a.left, x.want.clone())
		g.want, g.free = append(g.want, x.want), append(g.free, x.on)
	}
	blocks := g.cover()
	for _, b := range blocks {
		a.parts = append(a.parts, part{block: b})
	}
	slices.SortStableFunc(a.parts, func(a, b part) int { return cmp.Compare(len(a.people), len(b.people)) })
	a.chooseImports()
	a.saveRows()
	a.assign(a.inRounds(g.calls(blocks)))
	a.tellFields()
	a.send()
}

// person is the part of an address in additions.
func (p *planner) person(w *Work) *person {
	x := &person{Work: w, want: p.opSet(w.Adds), on: p.set(w.On...), tell: w.Tell, rows: w.Rows, full: -1}
	if x.isNew() {
		x.tell = !x.want.empty() // whoever is made is told
	}
	if utf8.RuneCountInString(string(w.Address)) > constantcontact.MaxImportAddress {
		x.rows = 0
	}
	if x.rows == 0 {
		x.alone, x.tell = x.tell && p.Singles, false
	}
	return x
}

// adder plans the additions of a batch.
type adder struct {
	*planner
	people []*person
	parts  []part
	left   []listSet // pairs that no call has yet
	singly []*person // who is told fields one by one
}

// chooseImports makes imports of the blocks that need to be.
func (a *adder) chooseImports() {
	for i := range a.parts {
		t := &a.parts[i]
		withRow := 0
		for _, n := range t.people {
			t.isImport = t.isImport || a.people[n].isNew()
			if a.people[n].rows > 0 {
				withRow++
			}
		}
		byID := byIDCalls(len(t.people))
		t.isImport = t.isImport || withRow > 0 && ceilDiv(withRow, constantcontact.MaxImportRows)+byIDCalls(len(t.people)-withRow) < byID
	}
	// Whoever is to be told fields needs one import.
	for {
		needs := make([]int, len(a.parts))
		served := make([]bool, len(a.people))
		for _, t := range a.parts {
			for _, n := range t.people {
				served[n] = served[n] || t.isImport
			}
		}
		best := -1
		for i, t := range a.parts {
			for _, n := range t.people {
				if a.people[n].tell && !served[n] {
					needs[i]++
				}
			}
			if needs[i] > 0 && (best < 0 || needs[i] > needs[best]) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		a.parts[best].isImport = true
	}
}

func byIDCalls(people int) int { return ceilDiv(people, constantcontact.MaxMembershipIDs) }

// tellFields gives everybody who is to be told fields the row that does it: the
// one that makes them, else in the smallest of their imports, because rows that
// tell are long. Who has none is
// taken along by an import over lists that this batch's read showed the person
// on, is told singly, or gets an import over the commonest such list.
func (a *adder) tellFields() {
	var only []int
	for i, t := range a.parts {
		for _, n := range t.people {
			if x := a.people[n]; t.isImport && x.tell && !x.isNew() && x.full < 0 {
				x.full = i
			}
		}
	}
	for n, x := range a.people {
		if !x.tell || x.full >= 0 {
			continue
		}
		i := slices.IndexFunc(a.parts, func(t part) bool { return t.isImport && len(t.people) > 0 && t.lists.within(x.on, x.on) })
		if i < 0 {
			only = append(only, n)
			continue
		}
		a.parts[i].people, x.full = append(a.parts[i].people, n), i
	}
	if a.Singles && len(only) <= fewFields {
		for _, n := range only {
			a.singly = append(a.singly, a.people[n])
		}
		return
	}
	for len(only) > 0 {
		counts := make([]int, len(a.keys))
		best := 0
		for _, n := range only {
			for _, l := range a.people[n].on.lists() {
				counts[l]++
			}
		}
		for l := range counts {
			if counts[l] > counts[best] {
				best = l
			}
		}
		if len(counts) == 0 || counts[best] == 0 {
			break
		}
		t := part{block: block{lists: newListSet(len(a.keys))}, isImport: true}
		t.lists.add(best)
		only = slices.DeleteFunc(only, func(n int) bool {
			if !a.people[n].on.has(best) {
				return false
			}
			a.people[n].full = len(a.parts)
			t.people = append(t.people, n)
			return true
		})
		a.parts = append(a.parts, t)
	}
	if a.Singles {
		for _, n := range only { // on no list at all
			a.singly = append(a.singly, a.people[n])
		}
	}
}

// send makes the calls, round by round: imports first, those that make contacts
// before others.
func (a *adder) send() {
	order := make([]int, len(a.parts))
	makes := make([]int, len(a.parts))
	last := 0
	for i, t := range a.parts {
		order[i] = i
		last = max(last, t.round)
		for _, n := range t.people {
			if x := a.people[n]; x.isNew() && x.full == i {
				makes[i]++
			}
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(makes[j], makes[i]) })
	a.sendRound(order, 0)
	who := make([]*Work, len(a.people))
	for n, x := range a.people {
		who[n] = x.Work
	}
	for _, i := range order {
		t := a.parts[i]
		if !t.isImport {
			a.memberships(CallAdd, t.block, who, a.left, false)
		}
	}
	for _, x := range a.singly {
		a.single(x)
	}
	for round := 1; round <= last; round++ {
		a.sendRound(order, round)
	}
}

func (a *adder) sendRound(order []int, round int) {
	for _, i := range order {
		if a.parts[i].isImport && a.parts[i].round == round {
			a.imports(i)
		}
	}
}

// imports makes the imports of a block.
func (a *adder) imports(part int) {
	t := a.parts[part]
	slices.Sort(t.people)
	for lists := range slices.Chunk(t.lists.lists(), constantcontact.MaxImportLists) {
		names := newListSet(len(a.keys))
		for _, l := range lists {
			names.add(l)
		}
		c := Call{Kind: CallImport, ListIDs: a.ids(lists), Round: t.round}
		size := importBytes(c.ListIDs)
		for _, n := range t.people {
			x := a.people[n]
			mine := a.left[n].clone()
			mine.keep(names)
			row := constantcontact.ImportRow{Email: string(x.Address)}
			tells := x.full == part
			if tells {
				row = rowOf(x.Work)
				x.full = -1
			} else if mine.empty() {
				continue
			}
			bytes := rowBytes(row)
			if len(c.Rows) == constantcontact.MaxImportRows || size+bytes > constantcontact.MaxImportBytes {
				a.calls = append(a.calls, c)
				c = Call{Kind: CallImport, ListIDs: c.ListIDs, Round: t.round}
				size = importBytes(c.ListIDs)
			}
			size += bytes
			a.left[n].drop(mine)
			c.Addresses = append(c.Addresses, x.Address)
			c.Rows = append(c.Rows, row)
			c.Intents = append(c.Intents, a.rowIntents(x, mine, tells)...)
		}
		if len(c.Rows) > 0 {
			a.calls = append(a.calls, c)
		}
	}
}

// rowIntents are what an import row does. Telling fields is an operation of its
// own for a contact that exists.
func (a *adder) rowIntents(x *person, pairs listSet, tells bool) []Intent {
	intents := a.intents(CallImport, x.Work, pairs)
	if !tells {
		return intents
	}
	fingerprint := x.Fields.Fingerprint()
	for i := range intents {
		intents[i].Rep, intents[i].Fields = x.Fields.Rep, fingerprint
	}
	if !x.isNew() || len(intents) == 0 {
		intents = append(intents, Intent{Address: x.Address, Op: OpFields, Rep: x.Fields.Rep, Fields: fingerprint, Run: x.Run})
	}
	return intents
}

// single makes or tells one contact by a request of its own.
func (p *planner) single(x *person) {
	c := Call{Kind: CallFields, Addresses: []mapper.Address{x.Address}, Rows: []constantcontact.ImportRow{rowOf(x.Work)}}
	fingerprint := x.Fields.Fingerprint()
	if !x.isNew() {
		c.IDs = []string{x.Shown.ID}
		c.Intents = []Intent{{Address: x.Address, Op: OpFields, Rep: x.Fields.Rep, Fields: fingerprint, Run: x.Run}}
		p.calls = append(p.calls, c)
		return
	}
	lists := x.want.lists()
	if len(lists) == 0 {
		return
	}
	lists = lists[:min(len(lists), constantcontact.MaxMembershipLists)]
	names := newListSet(len(p.keys))
	for _, l := range lists {
		names.add(l)
	}
	c.Kind, c.ListIDs = CallCreate, p.ids(lists)
	c.Intents = p.intents(CallImport, x.Work, names)
	for i := range c.Intents {
		c.Intents[i].Rep, c.Intents[i].Fields = x.Fields.Rep, fingerprint
	}
	p.calls = append(p.calls, c)
}

// What an import's JSON has besides its rows, generously.
const importEnvelope = 200

func importBytes(listIDs []string) int {
	n := importEnvelope
	for _, id := range listIDs {
		n += len(id) + 3 // quotes and a comma
	}
	return n
}

func rowOf(w *Work) constantcontact.ImportRow {
	return constantcontact.ImportRow{
		Custom:    customByLabel(w.Fields),
		Email:     string(w.Address),
		FirstName: w.Fields.FirstName, LastName: w.Fields.LastName,
		CompanyName: w.Fields.Company, JobTitle: w.Fields.JobTitle,
		Phone: w.Fields.Phone, Street: w.Fields.Street, City: w.Fields.City, State: w.Fields.State, Zip: w.Fields.Zip, Country: w.Fields.Country,
	}
}
