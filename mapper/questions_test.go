package mapper

import (
	"slices"
	"strings"
)

// parseHold reads a question: kind:state, and for adoption :verdict.
func parseHold(text string) Hold {
	kind, state, _ := strings.Cut(text, ":")
	state, verdict, _ := strings.Cut(state, ":")
	return Hold{Kind: HoldKind(kind), State: HoldState(state), Verdict: Verdict(verdict)}
}

// question is the hold of a pair that is about an operation.
func question(p *Pair, kind OpKind) *Hold {
	if kind == AddToList {
		return &p.Add
	}
	return &p.Remove
}

// hold keeps the questions as the store does: without those that were
// withdrawn, and with a new one for everything that was held.
func (w *world) hold(withdrawn []PairOp, held []Held) {
	for _, q := range withdrawn {
		pair := w.pairs[q.Address][q.List]
		*question(&pair, q.Kind) = Hold{}
		w.setPair(q.Address, q.List, pair)
	}
	for _, h := range held {
		pair := w.pairs[h.Op.Address][h.Op.List]
		*question(&pair, h.Op.Kind) = Hold{Kind: h.Kind, State: HoldWaiting, OptedOut: h.Op.Kind == AddToList && h.Reason() == ReasonOptedOut}
		w.setPair(h.Op.Address, h.Op.List, pair)
	}
}

// decideHolds answers questions as the store does: whose rejection means that
// people left makes them departed, whose approval means that they did not
// forgets that they were told.
func (w *world) decideHolds(kind HoldKind, state HoldState, lists []string) {
	for a, pairs := range w.pairs {
		for key, pair := range pairs {
			if len(lists) > 0 && !slices.Contains(lists, string(key)) {
				continue
			}
			for _, op := range []OpKind{AddToList, InactivateFromList} {
				if hold := question(&pair, op); hold.Kind == kind && hold.State == HoldWaiting {
					hold.State = state
					pair.Departed = pair.Departed || kind.left() && state == HoldRejected
					if kind == HoldManyLeft && state == HoldApproved {
						pair = pair.NotApplied()
					}
				}
			}
			w.setPair(a, key, pair)
		}
	}
}

func (w *world) setGuards(rows []row) {
	w.guards = Guards{Lists: map[ListKey]ListGuard{}}
	for _, r := range rows {
		w.guards.Source = w.guards.Source || r.has("source")
		w.guards.WentBack = w.guards.WentBack || r.has("went_back")
		w.guards.OptIns += r.number("opt_ins")
		w.guards.AddressChanges += r.number("address_changes")
		if r.keys["base"] != "" {
			w.guards.Lists[ListKey(r.words[0])] = ListGuard{
				Base: r.number("base"), Removed: r.number("removed"), Waiting: r.number("waiting"), Gone: r.number("gone"),
			}
		}
	}
}

// look keeps what the last plan asks about lists that were looked at, and calls
// them seen.
func (w *world) look(keys []ListKey) {
	for _, q := range w.last.FirstLook {
		if slices.Contains(keys, q.List) {
			pair := w.pairs[q.Address][q.List]
			*question(&pair, q.Kind) = q.Hold
			w.setPair(q.Address, q.List, pair)
		}
	}
	for i, list := range w.input.Known {
		if slices.Contains(keys, list.Key) {
			w.input.Known[i].Unseen = false
		}
	}
}
