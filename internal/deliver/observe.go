package deliver

import (
	"context"
	"maps"
	"slices"

	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// Observe records what a read of Constant Contact shows of people, and what
// follows from it, when nothing is to be sent.
func (d *Deliverer) Observe(ctx context.Context, shown map[mapper.Address]sink.Shown) error {
	if len(shown) == 0 {
		return nil
	}
	w, err := d.read(ctx, question{addresses: slices.Sorted(maps.Keys(shown))})
	if err != nil {
		return err
	}
	w.mayBePages = true
	return d.observe(ctx, w, mapper.Plan(w.input), shown)
}

// observe records what a read of Constant Contact shows of people, and what
// follows from it: who is on which list, who left one, who was refused.
func (d *Deliverer) observe(ctx context.Context, w *world, out mapper.Output, shown map[mapper.Address]sink.Shown) error {
	if len(shown) == 0 {
		return nil
	}
	verdicts := make(map[mapper.Address]map[mapper.ListKey]mapper.Verdict, len(shown))
	for _, decision := range out.Decisions {
		if verdicts[decision.Address] == nil {
			verdicts[decision.Address] = map[mapper.ListKey]mapper.Verdict{}
		}
		verdict := decision.Rows
		if verdict == mapper.Leave && w.passesOn(decision.Address) {
			verdict = mapper.On // as it was until the address changed
		}
		verdicts[decision.Address][decision.List] = verdict
	}
	bound := listsByKey(w.lists)
	readings := make([]store.Reading, 0, len(shown))
	left := map[mapper.ListKey][]store.AskedPair{}
	for address, s := range shown {
		read := mapper.Read{State: s.State, ID: s.ID, At: s.ReadAt, Lists: make(map[mapper.ListKey]bool, len(bound)), Total: len(s.Lists)}
		for key, l := range bound {
			read.Lists[key] = s.Lists[l.ListID]
		}
		k := w.known[address]
		settling := func(key mapper.ListKey) bool { return k.Open[key] != "" }
		before := *w.people[address]
		passesOn := w.passesOn(address)
		if passesOn {
			before.Pairs = withoutManyLeft(before.Pairs)
		}
		person, changed := mapper.Observe(before, read, verdicts[address], settling)
		r := store.Reading{Address: address, Contact: person.Contact, Pairs: make(map[mapper.ListKey]mapper.Pair, len(changed))}
		for _, key := range changed {
			r.Pairs[key] = person.Pairs[key]
			if person.Pairs[key].Departed && !k.Pairs[key].Departed {
				if !passesOn {
					left[key] = append(left[key], store.AskedPair{Address: address, List: key, Op: mapper.AddToList, Reason: mapper.ReasonLeftList})
				}
				d.Log.Info("person left a list in Constant Contact", "association", d.ID, "list", string(key), "reps", holderIDs(person.Holders))
			}
		}
		readings = append(readings, r)
	}
	if err := d.askWhetherTheyLeft(ctx, left, readings); err != nil {
		return err
	}
	return d.Store.SaveReadings(ctx, readings)
}

// passesOn reports whether an e-mail change leads away from the address of which
// nobody knows yet what it carries over. Whoever is missed now left before that is
// known, and the departure follows to the new address.
func (w *world) passesOn(address mapper.Address) bool {
	return !w.mayBePages && slices.ContainsFunc(w.known[address].Changes, func(c store.AddressChange) bool {
		return c.Lists == nil && slices.Contains(c.From, address)
	})
}

// withoutManyLeft are pairs without the question whether many left: it ends with the
// change, because nothing is to be added under the previous address any more.
func withoutManyLeft(pairs map[mapper.ListKey]mapper.Pair) map[mapper.ListKey]mapper.Pair {
	pairs = maps.Clone(pairs)
	for key, p := range pairs {
		if p.Add.Kind == mapper.HoldManyLeft && p.Add.State == mapper.HoldWaiting {
			p.Add = mapper.Hold{}
			pairs[key] = p
		}
	}
	return pairs
}

// askWhetherTheyLeft asks instead of believing that many left one list since it
// was read before: staff may have taken them off. Until that is answered they
// count as missed, so that nobody puts them back.
func (d *Deliverer) askWhetherTheyLeft(ctx context.Context, left map[mapper.ListKey][]store.AskedPair, readings []store.Reading) error {
	for key, pairs := range left {
		guards, err := d.Store.ListGuards(ctx, []mapper.ListKey{key}, nil)
		if err != nil {
			return err
		}
		if !mapper.Many(len(pairs), guards[key].Base) {
			continue
		}
		if err := d.Store.Ask(ctx, store.Question{Kind: mapper.HoldManyLeft, List: key, Pairs: pairs}); err != nil {
			return err
		}
		for _, r := range readings {
			if p, changed := r.Pairs[key]; changed && p.Departed {
				p.Departed = false
				r.Pairs[key] = p
			}
		}
	}
	return nil
}

func holderIDs(reps []mapper.Rep) []string {
	ids := make([]string, len(reps))
	for i, r := range reps {
		ids[i] = string(r.ID)
	}
	return ids
}
