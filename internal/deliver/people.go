package deliver

import (
	"context"
	"maps"
	"slices"

	"rollcall/mapper"
	"rollcall/sink"
)

// fewOptOuts is up to how many people who opted out are read before they are
// taken off, to learn who had left by themselves. More would keep the removals
// waiting.
const fewOptOuts = 25

// readPeople reads from Constant Contact everybody whom the plan would add, tell
// something or remove, and the further addresses given. Whoever is to be removed
// is read because they may have left by themselves: after our removal nobody
// could tell.
func (d *Deliverer) readPeople(ctx context.Context, w *world, out mapper.Output, b *batch, further map[mapper.Address]bool) (sink.Reading, error) {
	need := map[mapper.Address]bool{}
	if w.mayCall() {
		maps.Copy(need, further)
	}
	optOuts := map[mapper.Address]bool{}
	for _, op := range out.Ops {
		if !w.asked[op.Address] {
			continue
		}
		known := w.known[op.Address].Contact.ID != ""
		switch {
		case op.OptOut && known:
			optOuts[op.Address] = true
		case !b.busy[op.Address] || op.OptOut:
			need[op.Address] = true
		}
	}
	if len(optOuts) <= fewOptOuts {
		maps.Copy(need, optOuts)
	}
	return d.Applier.Read(ctx, slices.Sorted(maps.Keys(need)), w.doubtful())
}

// doubtful says of whom it would mean something that Constant Contact does not
// show them, or not on a list: they left, were deleted or were refused; or that it
// shows them active who were not.
func (w *world) doubtful() func(mapper.Address, sink.Shown) bool {
	lists := listsByKey(w.lists)
	return func(address mapper.Address, s sink.Shown) bool {
		k := w.known[address]
		if s.State == mapper.ContactAbsent {
			return k.Contact.ID != "" || len(k.Pairs) > 0
		}
		if s.State == mapper.ContactActive && keptOff(k.Contact.State) {
			return true // an export may show somebody on hold like that
		}
		for key, p := range k.Pairs {
			l, bound := lists[key]
			if bound && (p.Seen || p.Told == mapper.ToldAdd && p.Confirmed) && !p.Departed && !s.Lists[l.ListID] {
				return true
			}
		}
		return false
	}
}

// keptOff reports whether a contact in this state is never added to a list.
func keptOff(state mapper.ContactState) bool {
	return state != mapper.ContactUnknown && state != mapper.ContactAbsent && state != mapper.ContactActive
}

// mayCall reports whether anything is sent for the association at all.
func (w *world) mayCall() bool {
	return w.input.Connected && mapper.IsConstantContact(w.input.Options.NewsletterSolution)
}

func hasRemovals(out mapper.Output) bool {
	return slices.ContainsFunc(out.Ops, func(op mapper.Op) bool { return op.Kind == mapper.InactivateFromList })
}
