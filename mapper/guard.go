package mapper

// ListGuard is what one list lost lately.
type ListGuard struct {
	// Base is the size that removals are held against: that of the list at the
	// start of the rolling hour, or for a younger list the people on it now and
	// those taken off since.
	Base int
	// Removed counts removals within the hour, over all ways together; those
	// for an opt-out and those that a person approved do not count.
	Removed int
	// Waiting counts removals that were asked about and are neither approved
	// nor done, those of the plan at hand not included. Rejected ones that are
	// still wanted count too: with one more the set has changed, and is asked
	// about as one.
	Waiting int
	// Gone counts the other removals within the hour: for an opt-out, and those
	// that a person approved. They matter only to whether the list gets empty.
	Gone int
}

// Guards are the facts by which operations are held for a person's decision.
type Guards struct {
	Lists map[ListKey]ListGuard // of lists with removals at hand
	// Source: the database looks wrong, so that nobody is removed.
	Source bool
	// WentBack: the database went back in time, so that nobody is removed and
	// nobody whom we took off, or who had opted out, is added again.
	WentBack bool
	// OptIns counts lifted opt-outs within the hour, those at hand included.
	OptIns int
	// AddressChanges counts e-mail changes within the hour, likewise.
	AddressChanges int
}

// Numbers above which additions are held (docs/semantics.md, sections 4 and 7).
const (
	maxOptIns         = 10 // within an hour
	maxAddressChanges = 50 // within an hour
)

// Guard splits operations into those that may be sent and those that wait for
// a person's decision. Removals for an opt-out and what a person approved are
// never held. Once a list is over its threshold, all its removals at hand are
// held.
func Guard(ops []Op, g Guards, t Thresholds) (send []Op, held []Held) {
	losses := map[ListKey]ListGuard{}
	for _, op := range ops {
		if op.Kind != InactivateFromList {
			continue
		}
		l, met := losses[op.List]
		if !met {
			l = g.Lists[op.List]
		}
		if op.OptOut || op.Approved {
			l.Gone++
		} else {
			l.Removed++
		}
		losses[op.List] = l
	}
	for _, op := range ops {
		if kind := g.holds(op, losses[op.List], t); kind != "" {
			held = append(held, Held{Op: op, Kind: kind})
		} else {
			send = append(send, op)
		}
	}
	return send, held
}

// holds says why an operation is held, empty when it may be sent. The losses
// of its list include everything at hand.
func (g Guards) holds(op Op, losses ListGuard, t Thresholds) HoldKind {
	removal := op.Kind == InactivateFromList
	addition := op.Kind == AddToList
	switch {
	case op.Approved || op.OptOut:
		return ""
	case g.WentBack && (removal || addition && op.Readd):
		return HoldWentBack
	case g.Source && removal:
		return HoldSource
	case removal && t.exceeded(losses):
		return HoldRemovals
	case addition && op.OptedIn && g.OptIns > maxOptIns:
		return HoldOptedIn
	case addition && op.Doubted != "":
		return op.Doubted
	case addition && op.Carried && g.AddressChanges > maxAddressChanges:
		return HoldAddressChanges
	}
	return ""
}

// exceeded reports whether so many removals need a person's approval.
func (t Thresholds) exceeded(l ListGuard) bool {
	n := l.Removed + l.Waiting
	emptied := l.Base >= t.Small && n+l.Gone >= l.Base
	return !t.Off && (n > t.Few && n*100 > l.Base*t.Percent || n > t.Many || emptied)
}

// Many reports whether so many of a whole are more than everyday changes make:
// of the people whom the last complete read showed on a list and this one misses,
// or of the rows that a view had (docs/semantics.md, sections 5 and 6).
func Many(n, of int) bool { return n > 10 && n*100 > of*20 }
