package deliver

import (
	"context"
	"slices"
	"time"

	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

// Pauses of addresses that cannot be finished now.
const (
	busyPause = time.Minute // or until the call that they wait for has ended
	longPause = 24 * time.Hour
)

// send turns the operations of a plan into calls and sends them. Additions go
// only to people in shown, which is what Constant Contact showed just now.
func (d *Deliverer) send(ctx context.Context, w *world, out mapper.Output, b *batch, shown map[mapper.Address]sink.Shown, readAt time.Time) error {
	ops := map[mapper.Address][]mapper.Op{}
	for _, op := range out.Ops {
		ops[op.Address] = append(ops[op.Address], op)
	}
	var work []sink.Work
	var finished []sink.Done
	var busy []mapper.Address
	counts := map[mapper.Address]int{}
	lists := listsByKey(w.lists)
	waits := map[time.Time][]mapper.Address{}
	for _, address := range b.addresses {
		if b.busy[address] {
			busy = append(busy, address)
		}
		if len(ops[address]) == 0 {
			if !b.busy[address] {
				finished = append(finished, sink.Done{Address: address, Version: b.versions[address]})
			}
			continue
		}
		item, until := d.work(w, out, lists, ops[address], shown, b.busy[address])
		if !until.IsZero() {
			waits[until] = append(waits[until], address)
		}
		counts[address] = len(ops[address])
		if b.busy[address] {
			counts[address]++ // stays queued whatever is sent
		}
		work = append(work, item)
	}
	if b.lists != nil {
		finished = append(finished, *b.lists)
	}
	if err := d.Store.Learn(ctx, w.facts(out), finished); err != nil {
		return err
	}
	calls := sink.PlanCalls(work, lists)
	steps, left := sink.Steps(calls, b.versions, counts)
	if err := d.Store.Wait(ctx, append(busy, left...), d.Now().Add(busyPause)); err != nil {
		return err
	}
	for until, addresses := range waits {
		if err := d.Store.Wait(ctx, addresses, until); err != nil {
			return err
		}
	}
	sent, err := d.Applier.Apply(ctx, steps, readAt)
	if len(calls) > 0 || len(finished) > 1 {
		d.Log.Info("delivered batch", "association", d.ID, "addresses", len(b.addresses), "finished", len(finished),
			"ops", len(out.Ops), "calls", sent, "waiting", len(busy))
	}
	return err
}

// work is what can be done now for one address; until is when the rest can be
// tried again, zero when it needs no wait.
func (d *Deliverer) work(w *world, out mapper.Output, lists map[mapper.ListKey]sink.BoundList, ops []mapper.Op, shown map[mapper.Address]sink.Shown, busy bool) (item sink.Work, until time.Time) {
	address := ops[0].Address
	k := w.known[address]
	item = sink.Work{Address: address, Fields: out.Fields[address], Busy: busy}
	s, read := shown[address]
	if item.Shown = s; s.ID == "" {
		item.Shown.ID = k.Contact.ID
	}
	for _, op := range ops {
		_, bound := lists[op.List]
		switch {
		case op.List != "" && !bound:
			until = d.Now().Add(busyPause)
		case op.Kind == mapper.InactivateFromList && (!busy || op.OptOut && k.Open[op.List] != "remove"):
			item.Removes = append(item.Removes, op)
		case busy || !read:
		case op.Kind == mapper.AddToList:
			item.Adds = append(item.Adds, op)
		case op.Kind == mapper.UpdateFields:
			item.Tell = true
		}
	}
	if len(item.Adds) > 0 && s.State == mapper.ContactAbsent {
		item.Tell = true
	}
	if !item.Tell {
		return item, until
	}
	// An import row is needed, and one more may be too many for today, or the
	// address longer than an import takes.
	recent := slices.DeleteFunc(slices.Clone(k.ImportedAt), func(t time.Time) bool { return d.Now().Sub(t) >= 24*time.Hour })
	switch {
	case len(address) > constantcontact.MaxImportAddress:
		until = d.Now().Add(longPause)
	case len(recent) >= importsADay:
		until = slices.MinFunc(recent, time.Time.Compare).Add(24 * time.Hour)
	default:
		return item, until
	}
	item.Tell = false
	if s.State == mapper.ContactAbsent {
		item.Adds = nil
	}
	return item, until
}

func listsByKey(lists []sink.BoundList) map[mapper.ListKey]sink.BoundList {
	byKey := make(map[mapper.ListKey]sink.BoundList, len(lists))
	for _, l := range lists {
		if l.State == mapper.ListBound {
			byKey[l.Key] = l
		}
	}
	return byKey
}
