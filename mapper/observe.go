package mapper

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Read is one complete read of one contact: its state and its lists.
type Read struct {
	State ContactState // ContactAbsent when there is no such contact
	ID    string       // contact id, empty when absent
	// Lists has every list of ours that the read covered, and whether it shows
	// the contact on it. A list that is missing in Constant Contact is not
	// covered: nobody left it.
	Lists map[ListKey]bool
	// Total is how many lists of the account, ours and others, the contact is
	// on. Where the caller does not count them, those of Lists do.
	Total int
	At    time.Time // when the read began
}

// Observe folds a read into what is known of a person. It returns the person
// with its new Contact and Pairs, and the keys of the pairs that changed, in
// order; the input is not changed. A read older than the last one changes
// nothing.
//
// The verdicts are those of the rows (Decision.Rows), as of the plan before: who
// leaves a list while it is switched off has left it as well. Settling says whether an activity
// that concerns a list's pair is open, or ended only after the read began:
// then the read cannot say what became of the pair, which stays as it is but for
// having been seen on the list.
func Observe(p Person, read Read, verdicts map[ListKey]Verdict, settling func(ListKey) bool) (Person, []ListKey) {
	if read.At.Before(p.Contact.ReadAt) {
		return p, nil
	}
	before := p
	p.Pairs = maps.Clone(p.Pairs)
	if p.Pairs == nil {
		p.Pairs = make(map[ListKey]Pair)
	}
	var changed []ListKey
	total := 0
	for key, on := range read.Lists {
		if on {
			total++
		}
		pair, known := before.Pairs[key]
		if settling(key) {
			// Whatever becomes of the call, the address was seen there.
			if on && verdicts[key] == On && !pair.Seen {
				pair.Seen = true
				p.Pairs[key] = pair
				changed = append(changed, key)
			}
			continue
		}
		if !known && !on {
			continue
		}
		// Whoever had unsubscribed at the last read is off for that, although the
		// contact can be mailed again: a call that was open then hid it. But who was
		// off the list before that had left it.
		left := pair.missed() && !pair.Departed && read.State != ContactAbsent
		cause := read.State
		if before.Contact.State.offAllLists() && !left {
			cause = before.Contact.State
		}
		observed := pair.shownOff(cause, verdicts[key])
		switch {
		case on:
			observed = pair.shownOn(verdicts[key])
		case left && read.State.offAllLists():
			observed = pair
		case read.State == ContactAbsent && pair.Told == ToldAdd && pair.Confirmed && !before.existed():
			// Other data are another try; these had theirs.
			p.Contact.Refused, p.Contact.RefusedFields, p.Contact.Retry = true, p.Contact.Fields, false
			observed = observed.NotApplied()
		}
		if observed != pair {
			p.Pairs[key] = observed
			changed = append(changed, key)
		}
	}
	p.Contact.Lists = max(read.Total, total)
	p.Contact.ID, p.Contact.ReadAt = cmp.Or(read.ID, p.Contact.ID), read.At
	if p.Contact.State != ContactDeleted || read.State != ContactAbsent { // a deletion is not forgotten
		p.Contact.State = read.State
	}
	slices.Sort(changed)
	return p, changed
}

// Confirms reports whether a read shows just what is known of a person: Observe
// would then change nothing but the time of the read, whatever the verdicts are and
// whatever is settling. Most of what a pull reads is of that kind, and needs neither
// a plan nor a record. The pairs may lack what people were asked about. Where it is
// in doubt the answer is no.
func Confirms(c Contact, pairs map[ListKey]Pair, read Read) bool {
	total := 0
	for key, on := range read.Lists {
		pair, known := pairs[key]
		switch {
		case !known && !on:
			continue
		case !on && (pair.shownOff(read.State, On) != pair || pair.shownOff(read.State, Off) != pair):
			return false
		case on && (pair.shownOn(On) != pair || pair.shownOn(Off) != pair):
			return false
		}
		if on {
			total++
		}
	}
	return !c.ReadAt.IsZero() && read.State != ContactAbsent && read.State == c.State && read.ID == c.ID && !c.Refused && !read.At.Before(c.ReadAt) && max(read.Total, total) == c.Lists
}

// existed reports whether Constant Contact was ever seen to have the contact.
// If it was, a read that finds none means that the address was changed there,
// not that it was refused.
func (p Person) existed() bool {
	for _, pair := range p.Pairs {
		if pair.Seen {
			return true
		}
	}
	return p.Contact.ID != ""
}

// offAllLists reports whether being in this state takes a contact off its lists.
func (s ContactState) offAllLists() bool { return s == ContactUnsubscribed || s == ContactDeleted }

// shownOn folds in that the contact is on the list. That lifts a departure,
// and after a removal of ours it means that somebody put the person back.
func (p Pair) shownOn(verdict Verdict) Pair {
	if p.Told == ToldRemove && p.Confirmed {
		p = p.NotApplied()
	}
	p.Shown, p.Departed = ShownOn, false
	p.Seen = p.Seen || verdict == On
	return p
}

// shownOff folds in that the contact, in this state, is not on the list.
func (p Pair) shownOff(state ContactState, verdict Verdict) Pair {
	p.Shown = ShownOff
	switch {
	case p.Told == ToldRemove:
		return p
	case state.offAllLists():
		return p.NotApplied() // off because of that, not by leaving this list
	case p.Add.Kind == HoldManyLeft && p.Add.State == HoldWaiting:
		return p // people are asked whether many left
	case p.missed():
		p.Departed = p.Departed || state == ContactActive && verdict == On
		return p
	}
	return p.NotApplied()
}
