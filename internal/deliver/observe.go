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
		verdicts[decision.Address][decision.List] = decision.Rows
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
		person, changed := mapper.Observe(*w.people[address], read, verdicts[address], settling)
		r := store.Reading{Address: address, Contact: person.Contact, Pairs: make(map[mapper.ListKey]mapper.Pair, len(changed))}
		for _, key := range changed {
			r.Pairs[key] = person.Pairs[key]
			if person.Pairs[key].Departed && !k.Pairs[key].Departed {
				left[key] = append(left[key], store.AskedPair{Address: address, List: key, Op: mapper.AddToList, Reason: mapper.ReasonLeftList})
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
