package deliver

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// rest is what of a batch is still to be sent: calls about contacts that calls
// sent before are only making. It is kept in memory. Nothing is lost with it,
// because whoever it concerns stays in the queue until the last call is on record.
type rest struct {
	steps []sink.Step
	// versions are those of everybody whom the steps concern, and of others of the
	// batch who have work left: for them a batch of their own would repeat calls.
	versions map[mapper.Address]int64
	records  []int64      // calls that are to end before
	read     sink.Reading // of everybody whom the steps concern
}

// restPause is how long at a time whoever the rest of a batch concerns is kept
// out of other batches: a process that starts anew takes them up after that.
const restPause = 2 * time.Minute

// restFor is for how long after the last reading of its people the rest of a batch
// waits for the calls before. Later they are planned anew, with others.
const restFor = 30 * time.Minute

// withoutRest leaves out the queue's rows of those whom the rest of a batch concerns
// and who were not touched since.
func (d *Deliverer) withoutRest(ctx context.Context, due []store.Dirty) ([]store.Dirty, error) {
	if d.rest == nil {
		return due, nil
	}
	var waiting []sink.Done
	others := slices.DeleteFunc(due, func(row store.Dirty) bool {
		version, concerned := d.rest.versions[row.Address]
		if concerned = concerned && version == row.Version; concerned {
			waiting = append(waiting, sink.Done{Address: row.Address, Version: row.Version})
		}
		return concerned
	})
	if len(waiting) == 0 {
		return others, nil
	}
	return others, d.Store.Wait(ctx, waiting, d.Now().Add(restPause))
}

// keep keeps what of a batch is still to be sent. left are others who have work
// left.
func (d *Deliverer) keep(ctx context.Context, sent sink.Sent, b *batch, left []mapper.Address, read sink.Reading) error {
	if len(sent.Rest) == 0 {
		return nil
	}
	d.rest = &rest{steps: sent.Rest, versions: map[mapper.Address]int64{}, records: sent.Records}
	d.rest.remember(read)
	for _, step := range sent.Rest {
		for _, address := range step.Call.Addresses {
			d.rest.versions[address] = b.versions[address]
		}
	}
	for _, address := range left {
		d.rest.versions[address] = b.versions[address]
	}
	return d.Store.Wait(ctx, d.rest.rows(), d.Now().Add(restPause))
}

// goOn sends the next round of a batch once the calls before have ended. Its
// people are read again unless that was just now, the member database is read
// again and everything is planned again, and only what is still wanted is sent.
func (d *Deliverer) goOn(ctx context.Context) (worked bool, err error) {
	r := d.rest
	if r == nil {
		return false, nil
	}
	if d.Now().Sub(r.read.At) > restFor {
		return true, d.giveUp(ctx)
	}
	if ended, err := d.Applier.Ended(ctx, r.records); err != nil || !ended {
		return false, err
	}
	if len(r.steps) == 0 {
		return false, d.giveUp(ctx)
	}
	round := r.steps[0].Call.Round
	next := slices.IndexFunc(r.steps, func(s sink.Step) bool { return s.Call.Round > round })
	if next < 0 {
		next = len(r.steps)
	}
	if d.Now().Sub(r.read.Oldest(addressesOf(r.steps[:next]))) > sink.FreshFor {
		if err := d.readAgain(ctx, r); err != nil {
			return true, errors.Join(err, d.giveUp(ctx))
		}
	}
	steps, left, err := d.stillWanted(ctx, r, r.steps[:next])
	if err != nil {
		return false, err
	}
	sent, err := d.Applier.Apply(ctx, steps, r.read)
	if err != nil {
		return true, errors.Join(err, d.giveUp(ctx))
	}
	if sent.Calls > 0 && d.Pace != nil {
		d.Pace.Flushed()
	}
	d.Log.Info("went on with batch", "association", d.ID, "calls", sent.Calls, "left_out", len(left), "calls_left", len(r.steps)-next)
	var rest []sink.Step
	for _, step := range r.steps[next:] {
		if step.Without(left); step.Call.People() > 0 {
			rest = append(rest, step)
		}
	}
	// When the last calls have ended everybody who has work left is planned, in one
	// batch.
	r.steps, r.records = rest, sent.Records
	return true, nil
}

// giveUp forgets the rest of a batch: whoever it concerns and is still queued is
// planned anew.
func (d *Deliverer) giveUp(ctx context.Context) error {
	r := d.rest
	d.rest = nil
	return d.Store.Wait(ctx, r.rows(), d.Now())
}

// rows are the queue's rows of whoever the rest concerns.
func (r *rest) rows() []sink.Done {
	rows := make([]sink.Done, 0, len(r.versions))
	for address, version := range r.versions {
		rows = append(rows, sink.Done{Address: address, Version: version})
	}
	return rows
}

// readAgain reads everybody whom the rest concerns from Constant Contact and records
// what it shows: those who left since, or were deleted, are not wanted any more.
func (d *Deliverer) readAgain(ctx context.Context, r *rest) error {
	addresses := addressesOf(r.steps)
	w, err := d.read(ctx, question{addresses: addresses})
	if err != nil {
		return err
	}
	read, err := d.Applier.Read(ctx, addresses, w.doubtful())
	if err != nil {
		return err
	}
	r.remember(read)
	return d.observe(ctx, w, mapper.Plan(w.input), read.Shown)
}

// remember keeps a reading until the next round. Of very many people only its time
// is needed.
func (r *rest) remember(read sink.Reading) {
	if r.read = read; read.Bulk {
		r.read.Shown = nil
	}
}

// addressesOf are those whom calls concern, each once and in order.
func addressesOf(steps []sink.Step) []mapper.Address {
	var addresses []mapper.Address
	for _, step := range steps {
		addresses = append(addresses, step.Call.Addresses...)
	}
	slices.Sort(addresses)
	return slices.Compact(addresses)
}

// stillWanted takes out of calls everybody who was touched since, or of whom the
// plan by now does not want just what the call does, or about whom another call is
// on its way; and whoever the call reaches with a list that they were only read on,
// because they may have left it since. left are those taken out.
func (d *Deliverer) stillWanted(ctx context.Context, r *rest, steps []sink.Step) (kept []sink.Step, left map[mapper.Address]bool, err error) {
	b := batch{addresses: addressesOf(steps), busy: map[mapper.Address]bool{}}
	versions, err := d.Store.Versions(ctx, b.addresses)
	if err != nil {
		return nil, nil, err
	}
	w, err := d.read(ctx, b.question())
	if err != nil {
		return nil, nil, err
	}
	left = map[mapper.Address]bool{}
	for _, address := range b.addresses {
		b.busy[address] = len(w.known[address].Open) > 0
		left[address] = b.busy[address] || versions[address] != r.versions[address]
	}
	out := mapper.Plan(w.input)
	ops, _, err := d.guard(ctx, w, out, &b)
	if err != nil {
		return nil, nil, err
	}
	wanted := map[mapper.PairOp]bool{}
	for _, op := range ops {
		wanted[mapper.PairOp{Address: op.Address, List: op.List, Kind: op.Kind}] = true
	}
	bound := w.bound(ops)
	for _, step := range steps {
		pairs := map[mapper.Address]int{}
		for _, in := range step.Call.Intents {
			kind := mapper.UpdateFields
			if in.Op != sink.OpFields {
				kind = mapper.AddToList
				pairs[in.Address]++
				left[in.Address] = left[in.Address] || !slices.Contains(step.Call.ListIDs, bound[in.List].ListID)
			}
			if !wanted[mapper.PairOp{Address: in.Address, List: in.List, Kind: kind}] || in.Fields != "" && in.Fields != out.Fields[in.Address].Fingerprint() {
				left[in.Address] = true
			}
		}
		for _, address := range step.Call.Addresses {
			left[address] = left[address] || pairs[address] < len(step.Call.ListIDs)
		}
	}
	maps.DeleteFunc(left, func(_ mapper.Address, out bool) bool { return !out })
	for _, step := range steps {
		if step.Without(left); step.Call.People() > 0 {
			kept = append(kept, step)
		}
	}
	return kept, left, nil
}
