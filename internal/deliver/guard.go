package deliver

import (
	"context"
	"maps"
	"slices"

	"rollcall/internal/store"
	"rollcall/mapper"
)

// guard splits the plan's operations into those that may be sent and those that
// wait for a person's decision. Operations on addresses of which a call is still
// on its way cannot be sent now and are not asked about yet.
func (d *Deliverer) guard(ctx context.Context, w *world, out mapper.Output, b *batch) (send []mapper.Op, held []mapper.Held, err error) {
	var ops []mapper.Op
	removals := map[mapper.ListKey]bool{}
	var atHand []mapper.PairOp // removals that are decided upon now, or not wanted any more
	readds, carries := false, false
	for _, op := range out.Ops {
		if !w.asked[op.Address] || b.busy[op.Address] && !op.OptOut {
			continue
		}
		ops = append(ops, op)
		if op.Kind == mapper.InactivateFromList && !op.OptOut && !op.Approved {
			removals[op.List] = true
			atHand = append(atHand, mapper.PairOp{Address: op.Address, List: op.List, Kind: op.Kind})
		}
		readds, carries = readds || op.OptedIn, carries || op.Carried
	}
	for _, asked := range out.Withdrawn {
		if asked.Kind == mapper.InactivateFromList {
			atHand = append(atHand, asked)
		}
	}
	var g mapper.Guards
	if len(removals) > 0 {
		if err := d.count(ctx); err != nil {
			return nil, nil, err
		}
	}
	if g.Source, g.WentBack, err = d.Store.Alarms(ctx); err != nil {
		return nil, nil, err
	}
	if g.WentBack { // whoever moved may have moved back
		ops = slices.DeleteFunc(ops, func(op mapper.Op) bool { return op.Kind == mapper.MoveContact })
	}
	if len(removals) > 0 {
		if g.Lists, err = d.Store.ListGuards(ctx, slices.Sorted(maps.Keys(removals)), atHand); err != nil {
			return nil, nil, err
		}
	}
	if readds {
		if g.OptIns, err = d.Store.OptIns(ctx); err != nil {
			return nil, nil, err
		}
		for _, m := range out.OptOuts {
			if !m.OptOut && !w.people[m.Address].OptedIn {
				g.OptIns++
			}
		}
	}
	if carries {
		if g.AddressChanges, err = d.Store.AddressChanges(ctx); err != nil {
			return nil, nil, err
		}
	}
	send, held = mapper.Guard(ops, g, d.Policy.Thresholds)
	return send, held, nil
}

// countGone counts the rows before it is recorded that reps are gone: a view that lost
// its rows for a while shows the same.
func (d *Deliverer) countGone(ctx context.Context, f store.Facts) error {
	if len(f.Gone) == 0 {
		return nil
	}
	return d.count(ctx)
}

// count compares the views with the last complete read before anybody is taken
// off a list, or counts as deleted.
func (d *Deliverer) count(ctx context.Context) error {
	snap, err := d.Source.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close(ctx)
	counts, err := snap.Counts(ctx, d.ID)
	if err != nil {
		return err
	}
	trusted, err := d.Store.Counted(ctx, counts, false)
	if err == nil && !trusted {
		d.Log.Warn("rows vanished from the member database: removals are held", "association", d.ID)
	}
	return err
}
