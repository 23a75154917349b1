package deliver

import (
	"context"
	"slices"
	"time"

	"rollcall/mapper"
	"rollcall/sink"
)

// readPeople reads from Constant Contact everybody whom the plan would add or
// tell something, and those to be removed whose contact id is not known.
func (d *Deliverer) readPeople(ctx context.Context, w *world, out mapper.Output, b *batch) (map[mapper.Address]sink.Shown, time.Time, error) {
	need := map[mapper.Address]bool{}
	var addresses []mapper.Address
	for _, op := range out.Ops {
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

func hasRemovals(out mapper.Output) bool {
	return slices.ContainsFunc(out.Ops, func(op mapper.Op) bool { return op.Kind == mapper.InactivateFromList })
}
