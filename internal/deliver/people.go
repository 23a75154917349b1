package deliver

import (
	"context"
	"slices"
	"time"

	"rollcall/mapper"
	"rollcall/sink"
)

// readPeople reads from Constant Contact everybody whom the plan would add or
// tell something, those to be removed whose contact id is not known, and the
// further addresses given.
func (d *Deliverer) readPeople(ctx context.Context, w *world, out mapper.Output, b *batch, further map[mapper.Address]bool) (map[mapper.Address]sink.Shown, time.Time, error) {
	need := map[mapper.Address]bool{}
	var addresses []mapper.Address
	if !w.mayCall() {
		further = nil
	}
	for address := range further {
		need[address] = true
		addresses = append(addresses, address)
	}
	for _, op := range out.Ops {
		if !w.asked[op.Address] {
			continue
		}
		unknown := w.known[op.Address].Contact.ID == ""
		if need[op.Address] || b.busy[op.Address] && !(op.OptOut && unknown) {
			continue
		}
		if op.Kind != mapper.InactivateFromList || unknown {
			need[op.Address] = true
			addresses = append(addresses, op.Address)
		}
	}
	wanted := map[mapper.Address]map[mapper.ListKey]bool{}
	for _, decision := range out.Decisions {
		if decision.Verdict == mapper.On && need[decision.Address] {
			if wanted[decision.Address] == nil {
				wanted[decision.Address] = map[mapper.ListKey]bool{}
			}
			wanted[decision.Address][decision.List] = true
		}
	}
	lists := listsByKey(w.lists)
	return d.Applier.Read(ctx, addresses, func(address mapper.Address, s sink.Shown) bool {
		k := w.known[address]
		if s.State == mapper.ContactAbsent {
			return k.Contact.ID != "" || len(k.Pairs) > 0
		}
		for key := range wanted[address] {
			p := k.Pairs[key]
			if (p.Seen || p.Told == mapper.ToldAdd && p.Confirmed) && !p.Departed && !s.Lists[lists[key].ListID] {
				return true
			}
		}
		return false
	})
}

// mayCall reports whether anything is sent for the association at all.
func (w *world) mayCall() bool {
	return w.input.Connected && mapper.IsConstantContact(w.input.Options.NewsletterSolution)
}

func hasRemovals(out mapper.Output) bool {
	return slices.ContainsFunc(out.Ops, func(op mapper.Op) bool { return op.Kind == mapper.InactivateFromList })
}
