package deliver

import (
	"context"
	"slices"

	"rollcall/mapper"
	"rollcall/sink"
)

// deliverOptOuts takes people off lists who opted out, while everything else in
// the batch waits for the day's calls to last.
func (d *Deliverer) deliverOptOuts(ctx context.Context, b *batch) error {
	w, err := d.read(ctx, b.question())
	if err != nil {
		return err
	}
	out := mapper.Plan(w.input)
	out.Ops = slices.DeleteFunc(out.Ops, func(op mapper.Op) bool { return !op.OptOut })
	if len(out.Ops) == 0 {
		return d.putOff(ctx, b)
	}
	read, err := d.readPeople(ctx, w, out, b, nil)
	if err != nil {
		d.Log.Warn("people could not be read before they are taken off", "association", d.ID, "err", err)
		read.Shown = d.readOptOuts(ctx, w, out)
	}
	if err := d.observe(ctx, w, out, read.Shown); err != nil {
		return err
	}
	return d.send(ctx, w, out, b, read)
}

// putOff keeps the whole batch until its time.
func (d *Deliverer) putOff(ctx context.Context, b *batch) error {
	all := b.addresses
	if b.lists != nil {
		all = append(slices.Clone(all), "")
	}
	return d.Store.Wait(ctx, b.rows(all), b.until)
}

// readOptOuts reads those who opted out and whose contact ids are not known yet: they
// cannot be taken off without. It is for when not everybody can be read, maybe because
// the ordinary calls of the day are spent.
func (d *Deliverer) readOptOuts(ctx context.Context, w *world, out mapper.Output) map[mapper.Address]sink.Shown {
	shown := map[mapper.Address]sink.Shown{}
	for _, op := range out.Ops {
		if _, read := shown[op.Address]; read || !op.OptOut || !w.asked[op.Address] || w.known[op.Address].Contact.ID != "" {
			continue
		}
		if len(shown) == fewOptOuts {
			break // the calls kept for opt-outs are for their removals, too
		}
		s, err := d.Applier.ReadOptOut(ctx, op.Address)
		if err != nil {
			d.Log.Warn("who opted out could not be read", "association", d.ID, "err", err)
			break
		}
		shown[op.Address] = s
	}
	return shown
}
