package deliver

import (
	"context"
	"maps"
	"slices"
	"time"

	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// follow gives each person what follows from the reps' other addresses: consent
// along the chain, lists to be carried over, a contact that may move.
func (w *world) follow() {
	for i := range w.input.People {
		p := &w.input.People[i]
		p.Previous = w.previous(p)
		p.Carry = map[mapper.ListKey]mapper.RepID{}
		for _, c := range w.known[p.Address].Changes {
			if slices.Contains(c.From, p.Address) {
				p.Leaving = true
			}
			if c.To != p.Address || !holds(p, c.Rep) {
				continue
			}
			for _, key := range c.Lists {
				p.Carry[key] = c.Rep
			}
			if from, may := w.mayMove(p, c); may {
				p.MoveFrom = from
			}
		}
	}
	for address, edited := range w.edited {
		for _, from := range edited {
			w.people[address].EditedFrom = append(w.people[address].EditedFrom, *w.people[from])
		}
	}
}

func (w *world) previous(p *mapper.Person) map[mapper.RepID]mapper.Previous {
	previous := map[mapper.RepID]mapper.Previous{}
	for _, h := range p.Holders {
		allowed := w.reps.Allowed[h.ID][p.Address]
		// What came after an operator allowed the address is not allowed.
		covers := func(list mapper.ListKey, what time.Time) bool {
			at, is := allowed[list]
			return is && !what.After(at)
		}
		all := mapper.Previous{Left: map[mapper.ListKey]bool{}, Allowed: map[mapper.ListKey]bool{}}
		var since time.Time // of whatever keeps the address off all lists
		for address, one := range w.reps.Previous[h.ID] {
			if address == p.Address {
				continue
			}
			if one.Reason != "" && !covers("", one.Since) {
				if one.Reason.Compare(all.Reason) < 0 {
					all.Reason = one.Reason
				}
				if one.Since.After(since) {
					since = one.Since
				}
			}
			for list, at := range one.Left {
				if !covers("", at) && !covers(list, at) {
					all.Left[list] = true
				}
			}
		}
		for list := range allowed {
			if list != "" && covers(list, since) {
				all.Allowed[list] = true
			}
		}
		if all.Reason != "" || len(all.Left) > 0 {
			previous[h.ID] = all
		}
	}
	return previous
}

func holds(p *mapper.Person, rep mapper.RepID) bool {
	return slices.ContainsFunc(p.Holders, func(h mapper.Rep) bool { return h.ID == rep })
}

// mayMove reports whether the contact of the one previous address may be given
// the new one: nobody else holds the previous one, its contact can be mailed,
// and no contact has, or ever had, the new one.
func (w *world) mayMove(p *mapper.Person, c store.AddressChange) (from mapper.Address, may bool) {
	if !w.input.Policy.MoveAddress || c.NoMove || len(c.From) != 1 || p.Contact.ID != "" {
		return "", false
	}
	from = c.From[0]
	before := w.people[from]
	return from, before != nil && len(before.Holders) == 0 && before.OldAccount == "" && before.Contact.State == mapper.ContactActive && before.Contact.ID != ""
}

// changed are the reps that the plan sees with another address than the plans
// before, or for the first time.
func (w *world) changed() []store.SeenAt {
	var seen []store.SeenAt
	for address := range w.asked {
		for _, h := range w.people[address].Holders {
			if before := w.reps.Now[h.ID]; before != address && h.Unreadable == "" {
				seen = append(seen, store.SeenAt{Rep: h.ID, Address: address, Before: before})
			}
		}
	}
	return seen
}

// unread are the previous addresses that are still to be read for e-mail changes
// to the addresses of the plan: those that pass something on, and all others of the
// rep, because somebody may have unsubscribed under one of them.
func (w *world) unread() map[mapper.Address]bool {
	previous := map[mapper.Address]bool{}
	for address := range w.asked {
		for _, c := range w.known[address].Changes {
			if c.To != address {
				continue
			}
			for _, from := range c.From {
				if c.Lists == nil || w.input.Policy.MoveAddress {
					previous[from] = true
				}
			}
			if c.Lists == nil {
				for _, had := range w.chain[c.Rep] {
					if had != address {
						previous[had] = true
					}
				}
			}
		}
	}
	return previous
}

// resolve finds out what e-mail changes have to carry over, from what Constant
// Contact shows of the previous addresses. It reports whether it learned
// anything.
func (d *Deliverer) resolve(ctx context.Context, w *world, out mapper.Output, shown map[mapper.Address]sink.Shown) (learned bool, err error) {
	if !w.mayCall() {
		return false, nil
	}
	done := map[int64]bool{}
	for address := range w.asked {
		for _, c := range w.known[address].Changes {
			if c.To != address || c.Lists != nil || done[c.ID] {
				continue
			}
			done[c.ID] = true
			if moving(out, address) || slices.ContainsFunc(c.From, func(from mapper.Address) bool { _, read := shown[from]; return !read }) {
				continue
			}
			if err := d.Store.Carry(ctx, c, w.carries(c, out, shown)); err != nil {
				return learned, err
			}
			learned = true
		}
	}
	return learned, nil
}

// moving reports whether the address is to get another's contact, with all that
// this is on.
func moving(out mapper.Output, address mapper.Address) bool {
	return slices.ContainsFunc(out.Ops, func(op mapper.Op) bool { return op.Kind == mapper.MoveContact && op.Address == address })
}

// carries names the lists that the new address of a change gets besides its own:
// the groups' lists on which a previous address stays without a row, and the
// lists of the account that are not ours. An address that somebody still has
// passes nothing on, and neither does a rep who has nothing to do with our lists.
func (w *world) carries(c store.AddressChange, out mapper.Output, shown map[mapper.Address]sink.Shown) []mapper.ListKey {
	ours := map[string]bool{}
	for _, l := range w.lists {
		ours[l.ListID] = true
	}
	related := slices.ContainsFunc(out.Decisions, func(x mapper.Decision) bool { return x.Address == c.To && x.Verdict == mapper.On })
	carried := map[mapper.ListKey]bool{}
	for _, from := range c.From {
		if len(w.people[from].Holders) > 0 {
			continue
		}
		for id := range shown[from].Lists {
			if ours[id] {
				related = true
			} else {
				carried[mapper.UnmanagedKey(id)] = true
			}
		}
		bound := listsByKey(w.lists)
		for _, x := range out.Decisions {
			l := bound[x.List]
			if x.Address == from && x.Verdict == mapper.Leave && l.Kind == mapper.ListGroup && shown[from].Lists[l.ListID] {
				carried[x.List] = true
			}
		}
	}
	if !related {
		return []mapper.ListKey{}
	}
	return slices.Sorted(maps.Keys(carried))
}
