package deliver

import (
	"context"
	"maps"
	"slices"

	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// idlePiece is how many addresses at a time are looked at for having nothing to do:
// with it, make bench-reconcile needs 120 MiB for 100,000 people, and 930 without.
const idlePiece = 5000

// finishIdle takes everybody off a large batch for whom nothing is to be done, which
// in a full reconciliation are nearly all, piece by piece, so that they are not
// all in memory at once. Whoever has work stays in the batch with all others who
// have: the more people share a call, the fewer there are. It ends with a piece of
// which most have work, as in a first sync: they are planned again with the batch.
func (d *Deliverer) finishIdle(ctx context.Context, b *batch) error {
	size := idlePiece
	if d.piece > 0 {
		size = d.piece
	}
	if len(b.addresses) <= size {
		return nil
	}
	var stay []mapper.Address
	left := b.addresses
	for len(left) > 0 {
		piece := left[:min(size, len(left))]
		left = left[len(piece):]
		working, err := d.finishIdleOf(ctx, b, piece)
		if err != nil {
			return err
		}
		stay = append(stay, working...)
		if 2*len(working) > len(piece) {
			break
		}
	}
	b.finished = len(b.addresses) - len(stay) - len(left)
	b.addresses = append(stay, left...)
	return nil
}

// Sift plans addresses, which follow each other in the order of store.KnownAddresses,
// for a run and returns those that have work, whoever else has.
// Exact names lists from which everybody whose verdict is not on is to go. What
// follows for the others is recorded, with the run. Several may go on at a time.
func (d *Deliverer) Sift(ctx context.Context, run int64, addresses []mapper.Address, exact []mapper.ListKey) ([]mapper.Address, error) {
	b := &batch{
		addresses: addresses, stretch: true, piece: true,
		exact: exactFor(addresses, exact), run: make(map[mapper.Address]int64, len(addresses)),
	}
	for _, address := range addresses {
		b.run[address] = run
	}
	working, _, facts, err := d.idleOf(ctx, b)
	if err != nil {
		return nil, err
	}
	d.learning.Lock() // facts of two pieces may change the same questions, in any order
	defer d.learning.Unlock()
	return working, d.Store.Learn(ctx, facts, nil)
}

// finishIdleOf takes those of a piece of a batch off the queue for whom nothing is
// to be done, whoever else is in the batch, and returns all others.
func (d *Deliverer) finishIdleOf(ctx context.Context, whole *batch, piece []mapper.Address) (working []mapper.Address, err error) {
	b := *whole
	b.addresses, b.lists, b.piece = piece, nil, true
	working, finished, facts, err := d.idleOf(ctx, &b)
	if err != nil || len(finished) == 0 {
		return working, err
	}
	return working, d.Store.Learn(ctx, facts, finished)
}

// idleOf tells those of a piece who have work from the others, with the facts about
// the latter.
func (d *Deliverer) idleOf(ctx context.Context, b *batch) (working []mapper.Address, finished []sink.Done, facts store.Facts, err error) {
	w, err := d.readChanges(ctx, b)
	if err != nil {
		return nil, nil, facts, err
	}
	out := mapper.Plan(w.input)
	works := make(map[mapper.Address]bool)
	for _, op := range out.Ops {
		works[op.Address] = true
	}
	idle := make(map[mapper.Address]bool, len(b.addresses))
	finished = make([]sink.Done, 0, len(b.addresses))
	for _, address := range b.addresses {
		// An e-mail change is planned with all its addresses, and what became of a
		// type is known only when all types are.
		if works[address] || b.busy[address] || w.known[address].Busy || len(w.known[address].Changes) > 0 || mayLackType(w.people[address]) {
			working = append(working, address)
			continue
		}
		idle[address] = true
		finished = append(finished, sink.Done{Address: address, Version: b.versions[address]})
	}
	facts = factsAbout(w.facts(out), idle)
	facts.Counts = w.report(out, b, finished, nil)
	return working, finished, facts, d.countGone(ctx, facts)
}

// factsAbout are those of a plan's facts that are about some people. What is
// learned of the others has to wait for their operations.
func factsAbout(f store.Facts, people map[mapper.Address]bool) store.Facts {
	others := func(address mapper.Address) bool { return !people[address] }
	about := store.Facts{
		OptedOut:  slices.DeleteFunc(f.OptedOut, func(o store.RepOptOut) bool { return others(o.Address) }),
		Gone:      slices.DeleteFunc(f.Gone, func(g store.RepAt) bool { return others(g.Address) }),
		Memory:    slices.DeleteFunc(f.Memory, func(m mapper.OptOutMemory) bool { return others(m.Address) }),
		Withdrawn: slices.DeleteFunc(f.Withdrawn, func(p mapper.PairOp) bool { return others(p.Address) }),
		Winners:   f.Winners, Cuts: f.Cuts,
	}
	maps.DeleteFunc(about.Winners, func(address mapper.Address, _ mapper.Fields) bool { return others(address) })
	maps.DeleteFunc(about.Cuts, func(address mapper.Address, _ mapper.CutFields) bool { return others(address) })
	return about
}
