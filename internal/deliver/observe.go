package deliver

import (
	"context"

	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

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
		verdicts[decision.Address][decision.List] = decision.Verdict
	}
	bound := listsByKey(w.lists)
	readings := make([]store.Reading, 0, len(shown))
	for address, s := range shown {
		read := mapper.Read{State: s.State, ID: s.ID, At: s.ReadAt, Lists: make(map[mapper.ListKey]bool, len(bound))}
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
				d.Log.Info("person left a list in Constant Contact", "association", d.ID, "list", string(key), "reps", holderIDs(person.Holders))
			}
		}
		readings = append(readings, r)
	}
	return d.Store.SaveReadings(ctx, readings)
}

func holderIDs(reps []mapper.Rep) []string {
	ids := make([]string, len(reps))
	for i, r := range reps {
		ids[i] = string(r.ID)
	}
	return ids
}
