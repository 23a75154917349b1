package mapper

// HoldKind says why an operation is held for a person's decision.
type HoldKind string

// The kinds of hold (docs/semantics.md, sections 4 to 7).
const (
	HoldRemovals       HoldKind = "removals"        // above a list's threshold
	HoldSource         HoldKind = "source"          // the database looks wrong: rows vanished, a table truncated
	HoldWentBack       HoldKind = "went_back"       // the database went back in time
	HoldOptedIn        HoldKind = "opted_in"        // many opted in again within an hour
	HoldAddressChanges HoldKind = "address_changes" // many addresses changed within an hour
	HoldManyLeft       HoldKind = "many_left"       // many left one list: they left, or staff removed them
	HoldLeftBehind     HoldKind = "left_behind"     // adoption: on a list that existed, ours by name
	HoldForeign        HoldKind = "foreign"         // adoption: on a list that existed, nobody of ours
	HoldMayHaveLeft    HoldKind = "may_have_left"   // adoption: wanted on a list that existed, and not on it
)

// Adoption reports whether the question is about what the first look at a list
// that existed found. Such a question has no expiry, and it is settled by a
// later change of the person's rows.
func (k HoldKind) Adoption() bool {
	return k == HoldLeftBehind || k == HoldForeign || k == HoldMayHaveLeft
}

// left reports whether the question is whether people left a list. Its
// rejection makes the pairs departed, in the ledger.
func (k HoldKind) left() bool { return k == HoldManyLeft || k == HoldMayHaveLeft }

// HoldState is how far a question is.
type HoldState string

// The states of a hold.
const (
	HoldNone     HoldState = ""         // nobody was asked
	HoldWaiting  HoldState = "waiting"  // asked and not answered
	HoldApproved HoldState = "approved" // may be done, and needs no further question
	// HoldRejected: not to be done; also a question that expired. Whoever
	// rejects many_left or may_have_left says that the people left: then
	// Pair.Departed is set, and the question itself holds nothing back, so that
	// a departure can be lifted.
	HoldRejected HoldState = "rejected"
)

// Hold is the question about one operation on a pair.
type Hold struct {
	Kind  HoldKind
	State HoldState
	// Verdict is what the rows said at the first look, for adoption. None, or
	// none at all, is a verdict that could not be known.
	Verdict Verdict
	// OptedOut: asked whether somebody who had opted out may be added again. That is
	// about the person, and so about every list.
	OptedOut bool
}

// blocks reports whether the question keeps an operation from being done.
func (h Hold) blocks() bool {
	return h.State == HoldWaiting || h.State == HoldRejected && !h.Kind.left()
}

// stands reports whether the rows still say what they said when the question
// was asked; only adoption remembers that.
func (h Hold) stands(verdict Verdict) bool {
	return !h.Kind.Adoption() || h.Verdict == verdict || h.Verdict == None || h.Verdict == ""
}

// weighHolds returns the pair without the questions that are settled: the rows
// want another operation or none, or Constant Contact shows it as done. What
// only stands in the way for a while, such as an unsubscribe or a row that
// cannot be used, settles nothing.
func (p *planner) weighHolds(t *target, pair Pair, rule ruling) Pair {
	if rule.verdict == None {
		return pair
	}
	if pair.Add.State != HoldNone {
		open := pair.needsAdd() || pair.missed()
		waits := pair.Add.State == HoldWaiting
		// Whether many left is about what happened: the rows may want them again. While an
		// addition is not confirmed nobody can say that they left.
		happened := waits && pair.Add.Kind == HoldManyLeft && pair.missed() && !pair.BelievedOn()
		// Whether somebody may have left is about the person, whose new address waits too.
		follows := waits && pair.Add.Kind == HoldMayHaveLeft && rule.reason == ReasonAddressReplaced && open
		if !happened && !follows && (rule.verdict != On || !open || !pair.Add.stands(On)) {
			pair.Add = p.withdraw(t, AddToList)
		}
	}
	if pair.Remove.State != HoldNone {
		unwanted := (rule.verdict == Off || rule.verdict == Leave) && !rule.optOut
		// Sync now of a group is a later decision than to keep people there.
		overruled := pair.Remove.State == HoldRejected && pair.Remove.Kind.Adoption() && t.Kind == ListGroup && p.Exact[t.Key]
		if !unwanted || !t.holds(pair) || !pair.Remove.stands(rule.verdict) || overruled {
			pair.Remove = p.withdraw(t, InactivateFromList)
		}
	}
	return pair
}

func (p *planner) withdraw(t *target, kind OpKind) Hold {
	p.out.Withdrawn = append(p.out.Withdrawn, PairOp{Address: p.Address, List: t.Key, Kind: kind})
	return Hold{}
}

// dropHolds withdraws what waits for an answer about a list that is not synced
// any more. What was decided, or asked about people who may have left or were
// there before us, is not asked twice. Whether somebody may be put back stays open:
// once the list is synced again nobody could tell any more that it was in doubt.
func (p *planner) dropHolds(t *target, pair Pair) {
	switch t.gate {
	case ReasonOtherNewsletter, ReasonOptionOff, ReasonGroupNotSynced:
	default:
		return
	}
	for _, q := range []struct {
		hold Hold
		kind OpKind
	}{{pair.Add, AddToList}, {pair.Remove, InactivateFromList}} {
		back := q.kind == AddToList && (q.hold.Kind == HoldOptedIn || q.hold.Kind == HoldWentBack)
		if q.hold.State == HoldWaiting && !q.hold.Kind.Adoption() && !q.hold.Kind.left() && !back {
			p.withdraw(t, q.kind)
		}
	}
}
