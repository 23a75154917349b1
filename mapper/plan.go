package mapper

import (
	"cmp"
	"slices"
)

// Plan compares who belongs on which list with what Constant Contact was told
// and shows, and returns the operations that close the difference. The same
// facts give the same output, in whatever order they come.
//
// What a person was asked about and has not approved is not among them; what a
// person is to be asked about first, Guard picks out. An operation whose activity
// is still open is planned again; whether it may be sent yet is the sender's
// question.
func Plan(in Input) Output {
	lists := newCatalog(in)
	out := Output{
		Lists:   lists.wanted(),
		Fields:  make(map[Address]Fields),
		Winners: make(map[Address]Fields),
		Cuts:    make(map[Address]CutFields),
		States:  lists.states,
	}
	people := make([]*Person, len(in.People))
	decisions := 0
	for i := range in.People {
		people[i] = &in.People[i]
		decisions += len(people[i].Pairs)
	}
	out.Decisions = make([]Decision, 0, decisions) // mostly one each
	slices.SortFunc(people, func(a, b *Person) int { return cmp.Compare(a.Address, b.Address) })
	for _, person := range people {
		p := newPlanner(person, in.Policy, &out)
		p.plan(lists.concerning(p.standing, in.Explain))
	}
	return out
}

// maxContactLists is how many lists a contact can be on in Constant Contact.
const maxContactLists = 50

// planner plans one person.
type planner struct {
	*standing
	policy      Policy
	out         *Output
	quarantined bool // refused, and there is no reason for another try

	ops    []Op
	room   int  // lists that the contact can still be added to
	onList bool // is and stays on a list of ours
	adding bool // is to be added to one
}

func newPlanner(person *Person, policy Policy, out *Output) *planner {
	p := &planner{standing: newStanding(person), policy: policy, out: out, room: maxContactLists - person.Contact.Lists}
	for _, pair := range person.Pairs {
		if pair.Told == ToldAdd && pair.Confirmed && pair.Shown == ShownUnknown {
			p.room-- // added since the last read counted
		}
	}
	if c := person.Contact; c.Refused && !c.Retry {
		p.quarantined = c.RefusedFields == "" || len(p.readable) == 0 || !fieldsOf(winner(p.readable), policy).Tells(c.RefusedFields)
	}
	return p
}

func (p *planner) plan(targets []*target) {
	p.rememberOptOut()
	for _, t := range targets {
		p.planPair(t)
	}
	if !p.move() {
		p.planFields()
	}
	p.out.Ops = append(p.out.Ops, p.ops...)
}

func (p *planner) rememberOptOut() {
	_, malformed := Normalize(string(p.Address))
	if malformed == "" && p.remembered != p.RememberedOptOut {
		p.out.OptOuts = append(p.out.OptOuts, OptOutMemory{Address: p.Address, OptOut: p.remembered})
	}
}

// planPair decides about one pair and plans its operation.
func (p *planner) planPair(t *target) {
	pair, rule := p.Pairs[t.Key], p.rule(t.List, p.policy)
	if t.gate != "" {
		p.dropHolds(t, pair)
		if t.gate == ReasonWaitingConsentRead {
			p.look(t, pair, rule)
		}
		if t.mayClear(pair, rule) {
			p.remove(t, pair, rule)
		}
		p.decide(t, pair, rule, firstReason(rule.reason, t.gate))
		return
	}
	pair = p.weighHolds(t, pair, rule)
	why := rule.reason
	switch {
	case p.mayRemove(t, pair, rule):
		p.remove(t, pair, rule)
	case rule.verdict == On && p.why(pair, rule, why) == "" && pair.needsAdd():
		if p.room <= 0 {
			why = ReasonTooManyLists
			break
		}
		p.add(t, pair, rule)
	case rule.verdict == On || rule.verdict == Leave:
		p.onList = p.onList || t.Kind != ListUnmanaged && pair.BelievedOn()
	}
	switch {
	case rule.verdict != Leave:
	case pair.BelievedOn() && p.editedFromWanted(t.List):
		why = ReasonAddressChanged
	case p.keepsForeign(t, pair):
		why = ReasonForeignKept
	}
	p.decide(t, pair, rule, why)
}

func (p *planner) remove(t *target, pair Pair, rule ruling) {
	p.ops = append(p.ops, Op{
		Kind: InactivateFromList, Address: p.Address, List: t.Key, Reason: rule.reason, Rep: rule.rep,
		OptOut: rule.optOut, Approved: pair.Remove.State == HoldApproved,
	})
}

// mayClear reports whether somebody who opted out is to be taken off a list that
// is not synced any more, because a person saw that and wants it. Nothing else is
// done to such a list: what was decided when it was found is about one that is.
func (t *target) mayClear(pair Pair, rule ruling) bool {
	switch t.gate {
	case ReasonOptionOff, ReasonGroupNotSynced, ReasonListRetired:
	default:
		return false
	}
	exists := t.State == ListBound || t.State == ListRetired
	asked := pair.Remove.State == HoldApproved && !pair.Remove.Kind.Adoption()
	return exists && rule.optOut && t.holds(pair) && asked
}

func (p *planner) add(t *target, pair Pair, rule ruling) {
	p.adding = true
	p.room--
	p.ops = append(p.ops, Op{
		Kind: AddToList, Address: p.Address, List: t.Key, Rep: rule.rep,
		Approved: pair.Add.State == HoldApproved,
		Readd:    pair.Told == ToldRemove || p.OptedIn || p.lifted,
		OptedIn:  p.OptedIn || p.lifted,
		Carried:  t.Kind == ListUnmanaged,
		Doubted:  p.doubted(),
	})
}

// doubted is the kind of the question whether the person may be mailed again at all
// after an opt-out, where one stands about another list and is not approved. Of two
// it is always the same one, whatever the order of the lists.
func (p *planner) doubted() HoldKind {
	var kind HoldKind
	for _, pair := range p.Pairs {
		if pair.Add.OptedOut && pair.Add.blocks() {
			kind = max(kind, pair.Add.Kind)
		}
	}
	return kind
}

// why is the first of all reasons that apply to a pair.
func (p *planner) why(pair Pair, rule ruling, reason Reason) Reason {
	var refused Reason
	if p.quarantined && pair.Shown != ShownOn { // a list that shows the address took it
		refused = ReasonRefused
	}
	return firstReason(p.keptOff(), pair.blocked(rule.verdict), refused, reason)
}

// keptOff says why the person is never added to a list: for what Constant Contact
// shows, or an account before this one showed.
func (p *planner) keptOff() Reason {
	return firstReason(p.Contact.reason(), Contact{State: p.OldAccount}.reason())
}

func (p *planner) decide(t *target, pair Pair, rule ruling, reason Reason) {
	_, carries := p.Carry[t.Key]
	if t.Kind == ListUnmanaged && !carries && (rule.verdict == Leave || !t.holds(pair)) {
		return
	}
	d := Decision{Address: p.Address, List: t.Key, Verdict: rule.verdict, Rows: rule.verdict, Reason: p.why(pair, rule, reason), Rep: rule.rep, OptOut: rule.optOut}
	switch rule.verdict {
	case On:
		d.Hold = pair.Add
	case Off, Leave:
		d.Hold = pair.Remove
	}
	if t.gate != "" {
		d.Verdict = None
	}
	p.out.Decisions = append(p.out.Decisions, d)
}

// mayRemove reports whether the pair is to be taken off its list. A removal
// for an opt-out waits for nothing. An unsubscribed contact that is still
// shown on a list gets no mail and is left.
func (p *planner) mayRemove(t *target, pair Pair, rule ruling) bool {
	gone := p.Contact.State.offAllLists()
	switch {
	case !t.holds(pair):
		return false
	case rule.optOut:
		return true
	case gone || pair.Remove.blocks():
		return false
	case rule.verdict == Leave && t.Kind != ListUnmanaged:
		return pair.Remove.State == HoldApproved || p.Exact[t.Key] && !p.keepsForeign(t, pair) && !p.editedFromWanted(t.List)
	}
	return rule.verdict == Off
}

// keepsForeign reports whether somebody whom no row put on the list stays on
// it, because that was chosen for the list or for the person.
func (p *planner) keepsForeign(t *target, pair Pair) bool {
	chosen := t.KeepForeign && (t.Kind == ListAllActive || t.Kind == ListType) && p.stranger()
	kept := pair.Remove.Kind == HoldForeign && pair.Remove.State == HoldRejected
	return (chosen || kept) && pair.BelievedOn() && pair.Remove.State != HoldApproved
}

// editedFromWanted reports whether the contact is that of somebody who is wanted on the
// list, or of whom the rows say nothing, and has another address there only because
// somebody edited it in Constant Contact: the same person.
func (p *planner) editedFromWanted(list List) bool {
	for i := range p.EditedFrom {
		if v := newStanding(&p.EditedFrom[i]).rule(list, p.policy).verdict; v == On || v == None {
			return true
		}
	}
	return false
}

// planFields plans what Constant Contact is to be told about the person. Whose
// fields were told last is kept, so that a change of winner alone tells
// nothing.
func (p *planner) planFields() {
	if len(p.readable) == 0 || p.unreadable != nil || !p.adding && !p.onList || p.keptOff() != "" || p.quarantined {
		return
	}
	fields := fieldsOf(winner(p.readable), p.policy)
	p.out.Cuts[p.Address] = CutFields{fields.Rep, fields.Cut}
	same := p.Contact.TouchedBy == fields.Rep
	// A contact that does not exist is told when it is added.
	exists := p.onList || p.Contact.State != ContactAbsent
	switch {
	case same && exists && fields.Tells(p.Contact.Fields):
		p.ops = append(p.ops, Op{Kind: UpdateFields, Address: p.Address, Rep: fields.Rep})
		p.out.Fields[p.Address] = fields
	case p.adding:
		p.out.Fields[p.Address] = fields
	case !same:
		p.out.Winners[p.Address] = fields
	}
}

// blocked says why a pair may not be changed although it is wanted, or by
// anything but an opt-out. While people are asked whether many left, nobody
// knows whether this one did.
func (p Pair) blocked(verdict Verdict) Reason {
	asked := p.Add.Kind == HoldManyLeft && p.Add.State == HoldWaiting
	switch {
	case p.Departed, verdict == On && p.missed() && !asked:
		return ReasonLeftList
	case verdict == On && p.Add.blocks():
		return ReasonWaitingApproval
	}
	return ""
}

// reason says why the contact is never added to a list, whatever the list.
func (c Contact) reason() Reason {
	switch c.State {
	case ContactUnknown, ContactActive:
		return ""
	case ContactAbsent:
		if c.ID != "" { // it was there: somebody gave it another address
			return ReasonAddressChanged
		}
		return ""
	case ContactUnsubscribed:
		return ReasonUnsubscribed
	case ContactDeleted:
		return ReasonDeleted
	case ContactOnHold:
		return ReasonOnHold
	case ContactPending:
		return ReasonAwaitingConfirmation
	}
	return ReasonNoPermission // also for a state that this version does not know
}
