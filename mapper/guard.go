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
	// nor done, those of the plan at hand not included.
	Waiting int
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
// a person's decision. Removals for an opt-out are never held.
func Guard(ops []Op, g Guards, t Thresholds) (send []Op, held []Held) {
	fresh := map[ListKey]int{}
	for _, op := range ops {
		if op.Kind == InactivateFromList && !op.OptOut && !op.Approved {
			fresh[op.List]++
		}
	}
	for _, op := range ops {
		if kind := g.holds(op, fresh[op.List], t); kind != "" {
			held = append(held, Held{Op: op, Kind: kind})
		} else {
			send = append(send, op)
		}
	}
	return send, held
}

// holds says why an operation is held, empty when it may be sent. fresh counts
// the removals from its list at hand.
func (g Guards) holds(op Op, fresh int, t Thresholds) HoldKind {
	removal := op.Kind == InactivateFromList && !op.OptOut
	switch {
	case op.Approved:
		return ""
	case g.WentBack && (removal || op.Kind == AddToList && op.Readd):
		return HoldWentBack
	case g.Source && removal:
		return HoldSource
	case removal && t.exceeded(g.Lists[op.List], fresh):
		return HoldRemovals
	case op.Kind == AddToList && op.OptedIn && g.OptIns > maxOptIns:
		return HoldOptedIn
	case op.Kind == AddToList && op.Carried && g.AddressChanges > maxAddressChanges:
		return HoldAddressChanges
	}
	return ""
}

// exceeded reports whether so many further removals need a person's approval.
func (t Thresholds) exceeded(l ListGuard, fresh int) bool {
	if t.Off {
		return false
	}
	n := l.Removed + l.Waiting + fresh
	return n > t.Few && n*100 > l.Base*t.Percent || n > t.Many || l.Base >= t.Small && n >= l.Base
}
