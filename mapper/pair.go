package mapper

// Tell returns the pair once Constant Contact is told something about it, from
// the moment that the intent is recorded. A read from before an addition only
// showed what made us add; but who was on the list already, and is told again
// because an import always names a list, keeps having been seen there.
func (p Pair) Tell(told Told) Pair {
	p.Told, p.Confirmed = told, false
	if told == ToldAdd {
		p.Shown, p.Seen = ShownUnknown, p.Seen && p.Shown == ShownOn
	}
	return p
}

// Confirm returns the pair once Constant Contact has done what it was told. A
// removal that is confirmed is our doing, whatever was seen before.
func (p Pair) Confirm() Pair {
	p.Confirmed = true
	if p.Told == ToldRemove {
		p.Shown, p.Seen = ShownOff, false
	}
	return p
}

// NotApplied returns the pair as if Constant Contact had been told nothing and
// nobody had seen it on the list, so that the next plan is free to add it. A
// departure stays.
func (p Pair) NotApplied() Pair {
	p.Told, p.Confirmed, p.Seen = ToldNothing, false, false
	return p
}

// BelievedOn reports whether the pair has to be taken off the list if it is
// not wanted there. What is told but not confirmed may have been applied, or
// may still be: an unconfirmed addition counts even if the last read missed
// it, and an unconfirmed removal does not count as done.
func (p Pair) BelievedOn() bool {
	switch {
	case p.Shown == ShownOn:
		return true
	case p.Told == ToldAdd:
		return !p.Confirmed || p.Shown != ShownOff
	case p.Told == ToldRemove:
		return !p.Confirmed && p.Shown != ShownOff
	}
	return false
}

// missed reports whether the last read misses the pair although it was on the
// list and we did not take it off: somebody did so in Constant Contact. Statements of
// the store that name this method ask the same of the ledger.
func (p Pair) missed() bool {
	applied := p.Seen || p.Told == ToldAdd && p.Confirmed
	return applied && p.Told != ToldRemove && p.Shown == ShownOff
}

// needsAdd reports whether a wanted pair is neither shown on the list nor
// known to have been added to it.
func (p Pair) needsAdd() bool {
	return p.Shown != ShownOn && !(p.Told == ToldAdd && p.Confirmed)
}
