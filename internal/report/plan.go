package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"rollcall/internal/store"
	"rollcall/mapper"
)

// Plan counts what would be done for one association, list by list. It keeps
// no people, unless their names are asked for.
type Plan struct {
	Association string
	At          time.Time
	Facts       store.Freshness
	Notes       []string // what the reader must know first

	FieldUpdates int // people who would be told changed fields
	Moves        int // contacts that would be given another address

	lists map[mapper.ListKey]*ListPlan
	named map[mapper.ListKey]string
	names bool
	// optIns counts opt-outs that the plan would lift.
	optIns int
}

// ListPlan is what would be done to one list.
type ListPlan struct {
	Key   mapper.ListKey
	Name  string
	State string // "new" where it is still to be created or bound, or why it is paused

	On         int // people on it now
	Adds       int // that would be sent
	Removals   int // that would be sent
	Held       int // operations that would wait for a person's decision
	Waiting    int // people for whom something is waited for already
	LeftOut    int // people whom the rows connect with it, not on it
	LeftBehind int // people on it whom no row connects with it any more
	AsIs       int // people on it to whom nothing is done, for a reason

	Reasons map[mapper.Reason]*ReasonPlan
	Kinds   map[mapper.HoldKind]int // of what is held
	People  []PersonPlan            // those of operations, where names are asked for

	ops map[mapper.Op]int // without address and rep
}

// ReasonPlan counts people of one list for one reason.
type ReasonPlan struct{ Removals, Held, Waiting, LeftOut, LeftBehind, AsIs int }

// PersonPlan is one operation with the person it is about.
type PersonPlan struct {
	Address   mapper.Address  `json:"address"`
	Op        string          `json:"op"` // add or remove
	Held      mapper.HoldKind `json:"held,omitempty"`
	Reason    mapper.Reason   `json:"reason,omitempty"`
	Rep       mapper.RepID    `json:"rep,omitempty"`
	FirstName string          `json:"first_name,omitempty"`
	LastName  string          `json:"last_name,omitempty"`

	class mapper.Op
}

// NewPlan begins the plan of an association. names keeps the people of
// operations, so that memory grows with them.
func NewPlan(association string, at time.Time, facts store.Freshness, names bool) *Plan {
	return &Plan{Association: association, At: at, Facts: facts, lists: map[mapper.ListKey]*ListPlan{}, named: map[mapper.ListKey]string{}, names: names}
}

// Add counts one piece of the plan. It never fails; the error is for who goes
// through the pieces.
func (p *Plan) Add(in mapper.Input, out mapper.Output) error {
	p.name(in, out)
	people := make(map[mapper.Address]*mapper.Person, len(in.People))
	for i := range in.People {
		people[in.People[i].Address] = &in.People[i]
	}
	type pair struct {
		address mapper.Address
		list    mapper.ListKey
	}
	going := map[pair]bool{} // pairs with an operation
	for _, op := range out.Ops {
		switch op.Kind {
		case mapper.AddToList, mapper.InactivateFromList:
			going[pair{op.Address, op.List}] = true
			p.list(op.List).op(op, people[op.Address], p.names)
		case mapper.UpdateFields:
			p.FieldUpdates++
		case mapper.MoveContact:
			p.Moves++
		}
	}
	for _, m := range out.OptOuts {
		if person := people[m.Address]; !m.OptOut && person != nil && !person.OptedIn {
			p.optIns++
		}
	}
	for _, d := range out.Decisions {
		var known mapper.Pair
		if person := people[d.Address]; person != nil {
			known = person.Pairs[d.List]
		}
		p.list(d.List).decision(d, known, going[pair{d.Address, d.List}])
	}
	return nil
}

// name learns what lists are called. A list that is paused or switched off is
// part of the plan only where somebody is on it, or it is known.
func (p *Plan) name(in mapper.Input, out mapper.Output) {
	for _, g := range in.Groups {
		p.named[mapper.GroupKey(g.ID)] = strings.TrimSpace(g.Name)
	}
	for _, l := range in.Known {
		p.named[l.Key] = l.Name
		if l.State != mapper.ListBound && l.State != mapper.ListUnbound {
			p.list(l.Key).State = string(l.State)
		}
	}
	for _, l := range out.Lists {
		p.named[l.Key] = l.Name
		p.list(l.Key).State = ""
		if l.State == mapper.ListUnbound {
			p.list(l.Key).State = "new"
		}
	}
}

func (p *Plan) list(key mapper.ListKey) *ListPlan {
	l := p.lists[key]
	if l == nil {
		l = &ListPlan{
			Key: key, Reasons: map[mapper.Reason]*ReasonPlan{}, Kinds: map[mapper.HoldKind]int{}, ops: map[mapper.Op]int{},
		}
		p.lists[key] = l
	}
	return l
}

// op counts an operation. Those of one class are treated alike by mapper.Guard.
func (l *ListPlan) op(op mapper.Op, person *mapper.Person, name bool) {
	class := op
	class.Address, class.Rep, class.From = "", "", ""
	l.ops[class]++
	if !name {
		return
	}
	who := PersonPlan{Address: op.Address, Op: "add", Reason: op.Reason, Rep: op.Rep, class: class}
	if op.Kind == mapper.InactivateFromList {
		who.Op = "remove"
	}
	if person != nil {
		for _, h := range person.Holders {
			if who.FirstName+who.LastName == "" || h.ID == op.Rep {
				who.FirstName, who.LastName = h.FirstName, h.LastName
			}
		}
	}
	l.People = append(l.People, who)
}

func (l *ListPlan) decision(d mapper.Decision, known mapper.Pair, going bool) {
	on := known.BelievedOn()
	if on {
		l.On++
	}
	if asked(d, known) == mapper.HoldWaiting {
		d.Reason = mapper.ReasonWaitingApproval
	}
	switch {
	case going || d.Reason == "":
	case waits(d.Reason):
		l.Waiting++
		l.reason(d.Reason).Waiting++
	case on && d.Verdict == mapper.Leave:
		l.LeftBehind++
		l.reason(d.Reason).LeftBehind++
	case on:
		l.AsIs++
		l.reason(d.Reason).AsIs++
	case d.Verdict != mapper.Leave:
		l.LeftOut++
		l.reason(d.Reason).LeftOut++
	}
}

// asked is how far the question is about the operation that a decision would
// otherwise mean.
func asked(d mapper.Decision, known mapper.Pair) mapper.HoldState {
	switch on := known.BelievedOn(); {
	case on && d.Verdict != mapper.On:
		return known.Remove.State
	case !on && d.Verdict == mapper.On:
		return known.Add.State
	}
	return mapper.HoldNone
}

// waits says whether the reason is that something is to come first.
func waits(r mapper.Reason) bool { return strings.HasPrefix(string(r), "waiting_") }

func (l *ListPlan) reason(r mapper.Reason) *ReasonPlan {
	if l.Reasons[r] == nil {
		l.Reasons[r] = &ReasonPlan{}
	}
	return l.Reasons[r]
}

// Removing names the lists from which somebody would be taken off: those of
// which mapper.Guard wants to know more.
func (p *Plan) Removing() []mapper.ListKey {
	var keys []mapper.ListKey
	for _, l := range p.Lists() {
		for class := range l.ops {
			if class.Kind == mapper.InactivateFromList && !slices.Contains(keys, l.Key) {
				keys = append(keys, l.Key)
			}
		}
	}
	return keys
}

// Hold splits the operations of the whole plan into those that would be sent
// and those that would be held. It must be called once, after the last Add.
func (p *Plan) Hold(g mapper.Guards, t mapper.Thresholds) {
	g.OptIns += p.optIns
	for _, l := range p.Lists() {
		l.hold(g, t)
	}
}

// hold asks mapper.Guard about one operation of each class. What it adds up,
// the removals at hand, is handed to it as done already.
func (l *ListPlan) hold(g mapper.Guards, t mapper.Thresholds) {
	guard := g.Lists[l.Key]
	var classes []mapper.Op
	for class, n := range l.ops {
		classes = append(classes, class)
		switch {
		case class.Kind != mapper.InactivateFromList:
		case class.OptOut || class.Approved:
			guard.Gone += n - 1
		default:
			guard.Removed += n - 1
		}
	}
	g.Lists = map[mapper.ListKey]mapper.ListGuard{l.Key: guard}
	send, held := mapper.Guard(classes, g, t)
	kinds := map[mapper.Op]mapper.HoldKind{}
	for _, h := range held {
		n := l.ops[h.Op]
		kinds[h.Op] = h.Kind
		l.Held += n
		l.Kinds[h.Kind] += n
		if h.Op.Reason != "" {
			l.reason(h.Op.Reason).Held += n
		}
	}
	for _, class := range send {
		n := l.ops[class]
		if class.Kind == mapper.AddToList {
			l.Adds += n
			continue
		}
		l.Removals += n
		l.reason(class.Reason).Removals += n
	}
	for i, who := range l.People {
		l.People[i].Held = kinds[who.class]
	}
	slices.SortFunc(l.People, func(a, b PersonPlan) int {
		return cmp.Or(cmp.Compare(a.Op, b.Op), cmp.Compare(a.Address, b.Address))
	})
}

// Lists are the lists of the plan: all-active, types, groups and others, each
// kind by name.
func (p *Plan) Lists() []*ListPlan {
	all := make([]*ListPlan, 0, len(p.lists))
	for key, l := range p.lists {
		l.Name = cmp.Or(p.named[key], string(key))
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *ListPlan) int {
		return cmp.Or(kindRank(a.Key)-kindRank(b.Key), cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Key, b.Key))
	})
	return all
}

func kindRank(key mapper.ListKey) int {
	kind, _, _ := strings.Cut(string(key), ":")
	return slices.Index([]string{"all_active", "type", "group"}, kind) & 3 // what is of no kind comes last
}

// Find returns the keys of the lists that have that key, name or group id.
func (p *Plan) Find(text string) []mapper.ListKey {
	for _, key := range []mapper.ListKey{mapper.ListKey(text), mapper.GroupKey(mapper.GroupID(text))} {
		if p.lists[key] != nil {
			return []mapper.ListKey{key}
		}
	}
	var keys []mapper.ListKey
	for _, l := range p.Lists() {
		if strings.EqualFold(strings.TrimSpace(text), l.Name) {
			keys = append(keys, l.Key)
		}
	}
	return keys
}

// Keep drops every list but one.
func (p *Plan) Keep(key mapper.ListKey) {
	for other := range p.lists {
		if other != key {
			delete(p.lists, other)
		}
	}
}
