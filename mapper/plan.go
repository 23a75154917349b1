package mapper

import (
	"cmp"
	"slices"
)

// Plan compares who belongs on which list with what Constant Contact was told
// and shows, and returns the operations that close the difference. The same
// facts give the same output, in whatever order they come.
//
// An operation whose activity is still open is planned again; whether it may
// be sent yet is the sender's question.
func Plan(in Input) Output {
	lists := newCatalog(in)
	out := Output{
		Lists:   lists.wanted(),
		Fields:  make(map[Address]Fields),
		Winners: make(map[Address]Fields),
	}
	people := make([]*Person, len(in.People))
	for i := range in.People {
		people[i] = &in.People[i]
	}
	slices.SortFunc(people, func(a, b *Person) int { return cmp.Compare(a.Address, b.Address) })
	for _, person := range people {
		p := planner{standing: newStanding(person), policy: in.Policy, out: &out}
		p.rememberOptOut()
		for _, target := range lists.concerning(p.standing, in.Explain) {
			p.planPair(target)
		}
		p.planFields()
	}
	return out
}

// planner plans one person.
type planner struct {
	*standing
	policy Policy
	out    *Output

	onList bool // is and stays on a list of ours
	adding bool // is to be added to one
}

func (p *planner) rememberOptOut() {
	_, malformed := Normalize(string(p.Address))
	if malformed == "" && p.remembered != p.RememberedOptOut {
		p.out.OptOuts = append(p.out.OptOuts, OptOutMemory{Address: p.Address, OptOut: p.remembered})
	}
}

// planPair decides about one pair and plans its operation.
func (p *planner) planPair(t *target) {
	rule := p.rule(t.List, p.policy)
	pair := p.Pairs[t.Key]
	decision := Decision{
		Address: p.Address,
		List:    t.Key,
		Verdict: rule.verdict,
		Reason:  firstReason(p.Contact.reason(), pair.blocked(rule.verdict), p.refused(pair), rule.reason, t.gate),
		Rep:     rule.rep,
	}
	if t.gate != "" {
		decision.Verdict = None
		p.out.Decisions = append(p.out.Decisions, decision)
		return
	}
	switch {
	case p.mayRemove(t, pair, rule):
		p.out.Ops = append(p.out.Ops, Op{
			Kind: InactivateFromList, Address: p.Address, List: t.Key,
			Reason: rule.reason, Rep: rule.rep, OptOut: rule.optOut,
		})
	case rule.verdict == On && decision.Reason == "" && pair.needsAdd():
		p.out.Ops = append(p.out.Ops, Op{Kind: AddToList, Address: p.Address, List: t.Key, Rep: rule.rep})
		p.adding = true
	case rule.verdict == On || rule.verdict == Leave:
		p.onList = p.onList || pair.believedOn()
	}
	p.out.Decisions = append(p.out.Decisions, decision)
}

// mayRemove reports whether the pair is to be taken off its list. A removal
// for an opt-out waits for nothing. An unsubscribed contact that is still
// shown on a list gets no mail and is left.
func (p *planner) mayRemove(t *target, pair Pair, rule ruling) bool {
	unwanted := rule.verdict == Off || rule.verdict == Leave && p.Exact[t.Key]
	if !unwanted || !pair.believedOn() {
		return false
	}
	gone := p.Contact.State == ContactUnsubscribed || p.Contact.State == ContactDeleted
	return rule.optOut || !t.Existed && pair.Remove.State != HoldWaiting && !gone
}

// refused is the quarantine of an address; it does not concern a list that
// shows the address.
func (p *planner) refused(pair Pair) Reason {
	if p.Contact.Refused && pair.Shown != ShownOn {
		return ReasonRefused
	}
	return ""
}

// planFields plans what Constant Contact is to be told about the person. Whose
// fields were told last is kept, so that a change of winner alone tells
// nothing.
func (p *planner) planFields() {
	if len(p.readable) == 0 || p.unreadable != nil || !p.adding && !p.onList || p.Contact.reason() != "" || p.Contact.Refused {
		return
	}
	fields := fieldsOf(winner(p.readable))
	same := p.Contact.TouchedBy == fields.Rep
	update := same && fields.Tells(p.Contact.Fields)
	switch {
	case update:
		p.out.Ops = append(p.out.Ops, Op{Kind: UpdateFields, Address: p.Address, Rep: fields.Rep})
		p.out.Fields[p.Address] = fields
	case p.adding:
		p.out.Fields[p.Address] = fields
	case !same:
		p.out.Winners[p.Address] = fields
	}
}

// blocked says why a pair may not be changed although it is wanted, or by
// anything but an opt-out.
func (p Pair) blocked(verdict Verdict) Reason {
	switch {
	case p.Departed, verdict == On && p.missed():
		return ReasonLeftList
	case p.Add.State == HoldWaiting || p.Remove.State == HoldWaiting:
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
