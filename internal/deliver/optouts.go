package deliver

import (
	"context"
	"slices"

	"rollcall/mapper"
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
		read.Shown = nil
	} else if err := d.observe(ctx, w, out, read.Shown); err != nil {
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
