package mapper

import "maps"

// The rules about a changed e-mail address (docs/semantics.md, section 7).

// carried lays an unfinished e-mail change over a list that no row is about.
// A row, and on_removed: remove, count before it: otherwise the next plan would
// take back what this one adds.
func (s *standing) carried(list List, without ruling) ruling {
	id, carries := s.Carry[list.Key]
	if !carries || without.verdict != Leave || !s.readableHolder(id) {
		return without
	}
	if s.unusable != "" {
		return ruling{verdict: Leave, reason: s.unusable, rep: s.unusableRep}
	}
	return ruling{verdict: On, reason: s.heldBack(id, list.Key), rep: id}
}

func (s *standing) readableHolder(id RepID) bool {
	for _, rep := range s.readable {
		if rep.ID == id {
			return true
		}
	}
	return false
}

// heldBack says why a holder does not count as one who wants the list, because
// of an address that the rep had before. It takes nobody off a list.
func (s *standing) heldBack(rep RepID, list ListKey) Reason {
	previous := s.Previous[rep]
	reason := previous.Reason
	if previous.Allowed[list] {
		reason = ""
	}
	if reason == "" && previous.Left[list] {
		return ReasonPreviousLeftList
	}
	return reason
}

// movedOn returns the rep that now has another address, the lowest id first.
func (s *standing) movedOn() *Rep {
	var moved *Rep
	for _, former := range s.Former {
		if former.Rep != nil && (moved == nil || compareIDs(former.Rep.ID, moved.ID) < 0) {
			moved = former.Rep
		}
	}
	return moved
}

// replaced is for an address whose reps have another one now. A new address by
// itself removes nothing, whatever on_removed says; where the contact was to
// move and could not, what we put on a list is taken off it.
func (s *standing) replaced(by *Rep, pair Pair, policy Policy) ruling {
	r := ruling{verdict: Leave, reason: ReasonAddressReplaced, rep: by.ID}
	ours := pair.Told == ToldAdd || pair.Told == ToldRemove && !pair.Confirmed
	if policy.MoveAddress && !s.Leaving && ours && s.allMoved() {
		r.verdict = Off
	}
	return r
}

// allMoved reports whether each living former holder has an address that can
// be used: one whose field was emptied has not moved yet.
func (s *standing) allMoved() bool {
	for _, former := range s.Former {
		if former.Rep == nil {
			continue
		}
		if _, problem := Normalize(former.Rep.Email); problem != "" || former.Rep.Unreadable != "" {
			return false
		}
	}
	return true
}

// move plans that the contact of the previous address gets this one, instead
// of additions under this one: the contact brings its lists along, and what is
// missing is planned afterwards.
func (p *planner) move() bool {
	if !p.policy.MoveAddress || p.MoveFrom == "" || p.Contact.State != ContactAbsent || !p.adding {
		return false
	}
	ops := p.ops
	p.ops = nil
	move := Op{Kind: MoveContact, Address: p.Address, From: p.MoveFrom}
	for _, op := range ops {
		switch {
		case op.Kind != AddToList:
			p.ops = append(p.ops, op)
		case move.Rep == "":
			move.Rep = op.Rep
		}
	}
	p.ops = append(p.ops, move)
	return true
}

// Moved returns what is known of two addresses once the contact of the first
// was given the second: the contact and its pairs go along. What people were
// asked about a pair stays with the address that they were asked about, and a
// departure stays with both.
func Moved(from, to Person) (Person, Person) {
	left, arrived := maps.Clone(from.Pairs), maps.Clone(to.Pairs)
	if arrived == nil {
		arrived = make(map[ListKey]Pair)
	}
	for key, pair := range from.Pairs {
		gone := pair.NotApplied()
		gone.Shown = ShownOff
		left[key] = gone

		before := arrived[key]
		pair.Add, pair.Remove = before.Add, before.Remove
		pair.Departed = pair.Departed || before.Departed
		arrived[key] = pair
	}
	to.Contact = from.Contact
	from.Contact = Contact{State: ContactAbsent, ReadAt: from.Contact.ReadAt}
	from.Pairs, to.Pairs = left, arrived
	return from, to
}
