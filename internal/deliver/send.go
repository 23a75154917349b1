package deliver

import (
	"context"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"

	"rollcall/internal/failpoint"
	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// busyPause is how long addresses wait for a call about them that is on its way;
// when that ends, they wait no longer.
const busyPause = time.Minute

// Pauses before addresses are tried again that wait for a list to be bound or for
// somebody to be read: Constant Contact may have had a bad moment.
const (
	soonFirst = 2 * time.Second
	soonMost  = 5 * time.Minute
)

// soon is when what cannot be done now is tried again: seconds from now, and later
// each time while nothing works.
func (d *Deliverer) soon() time.Time {
	if d.again == nil {
		d.again = backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(soonFirst), backoff.WithMaxInterval(soonMost), backoff.WithMaxElapsedTime(0), backoff.WithRandomizationFactor(0))
	}
	return d.Now().Add(d.again.NextBackOff())
}

// delivery is what becomes of a batch's plan.
type delivery struct {
	ops      map[mapper.Address][]mapper.Op
	work     []sink.Work
	moves    []sink.Move
	counts   map[mapper.Address]int // operations of an address that are to be done before it leaves the queue
	finished []sink.Done
	busy     []mapper.Address
	waits    map[time.Time][]mapper.Address
}

// send turns the operations of a plan into calls and sends them. Additions go
// only to people whom Constant Contact showed just now.
func (d *Deliverer) send(ctx context.Context, w *world, out mapper.Output, b *batch, read sink.Reading) error {
	ops, held, err := d.guard(ctx, w, out, b)
	if err != nil {
		return err
	}
	bound := w.bound(ops)
	x := d.sort(w, out, ops, held, b, bound, read.Shown)
	calls := sink.Planner{Singles: true}.Plan(x.work, bound)
	steps, left := sink.Steps(calls, b.versions, x.counts)
	failpoint.Hit(failpoint.Planned)
	if err := d.Store.NoteLists(ctx, out.Lists); err != nil {
		return err
	}
	facts := w.facts(out)
	facts.Held = held
	facts.Counts = w.report(out, b, x.finished, steps)
	if err := d.countGone(ctx, facts); err != nil {
		return err
	}
	if err := d.Store.Learn(ctx, facts, x.finished); err != nil {
		return err
	}
	failpoint.Hit(failpoint.PlanRecorded)
	if err := d.Store.Wait(ctx, b.rows(append(x.busy, left...)), d.Now().Add(busyPause)); err != nil {
		return err
	}
	// Whoever has calls, too, waits with the rest only once these are on record: it may
	// be for a day.
	calling := called(steps)
	if err := d.putOffUntil(ctx, b, x.waits, func(address mapper.Address) bool { return !calling[address] }); err != nil {
		return err
	}
	if len(held) > 0 {
		d.Log.Warn("operations wait for a decision", "association", d.ID, "ops", len(held), "kind", string(held[0].Kind))
	}
	sent, err := d.Applier.Apply(ctx, steps, read)
	if err == nil {
		err = d.Applier.Move(ctx, x.moves)
	}
	if err == nil {
		err = d.putOffUntil(ctx, b, x.waits, func(address mapper.Address) bool { return calling[address] })
	}
	if err == nil {
		err = d.keep(ctx, sent, b, left, read)
	}
	if sent.Calls > 0 && d.Pace != nil {
		d.Pace.Flushed()
	}
	if len(calls)+len(x.moves) > 0 || b.finished+len(x.finished) > 1 {
		d.Log.Info("delivered batch", "association", d.ID, "addresses", b.finished+len(b.addresses), "finished", b.finished+len(x.finished),
			"ops", len(out.Ops), "calls", sent.Calls, "waiting", len(x.busy), "held", len(held))
	}
	return err
}

// called are the people of calls.
func called(steps []sink.Step) map[mapper.Address]bool {
	people := map[mapper.Address]bool{}
	for _, address := range addressesOf(steps) {
		people[address] = true
	}
	return people
}

// putOffUntil keeps those of a batch that are chosen in the queue until their times.
func (d *Deliverer) putOffUntil(ctx context.Context, b *batch, waits map[time.Time][]mapper.Address, chosen func(mapper.Address) bool) error {
	for until, addresses := range waits {
		var these []mapper.Address
		for _, address := range addresses {
			if chosen(address) {
				these = append(these, address)
			}
		}
		if err := d.Store.Wait(ctx, b.rows(these), until); err != nil {
			return err
		}
	}
	return nil
}

// sort says of each address of the batch whether it is finished, waits, or has
// work to do now.
func (d *Deliverer) sort(w *world, out mapper.Output, ops []mapper.Op, held []mapper.Held, b *batch, bound map[mapper.ListKey]sink.BoundList, shown map[mapper.Address]sink.Shown) *delivery {
	x := &delivery{ops: map[mapper.Address][]mapper.Op{}, counts: map[mapper.Address]int{}, waits: map[time.Time][]mapper.Address{}}
	for _, op := range ops {
		x.ops[op.Address] = append(x.ops[op.Address], op)
	}
	spare := newSpare(w, out, held, bound)
	moved := map[mapper.Address]bool{}
	var soon time.Time
	later := func() time.Time {
		if soon.IsZero() {
			soon = d.soon()
		}
		return soon
	}
	for _, address := range b.addresses {
		done := sink.Done{Address: address, Version: b.versions[address]}
		if b.busy[address] {
			x.busy = append(x.busy, address)
		}
		switch mine := x.ops[address]; {
		case len(mine) == 0 && !b.until.IsZero():
			x.waits[b.until] = append(x.waits[b.until], address)
		case len(mine) == 0 && w.mayCall() && w.unresolved(address):
			x.waits[later()] = append(x.waits[later()], address)
		case len(mine) == 0 && !b.busy[address]:
			x.finished = append(x.finished, done)
		case len(mine) == 0:
		case mine[0].Kind == mapper.MoveContact && (b.busy[address] || moved[mine[0].From] || len(w.known[mine[0].From].Open) > 0):
			// Another address gets that contact, or a call would make it anew.
			x.waits[later()] = append(x.waits[later()], address)
		case mine[0].Kind == mapper.MoveContact:
			moved[mine[0].From] = true
			x.moves = append(x.moves, sink.Move{
				From: mine[0].From, To: address, ContactID: w.known[mine[0].From].Contact.ID, Rep: mine[0].Rep, Run: b.run[address], Done: done,
			})
		default:
			item, until := d.work(w, out, bound, spare, mine, shown, b, later)
			if !until.IsZero() {
				x.waits[until] = append(x.waits[until], address)
			}
			x.counts[address] = len(mine)
			if b.busy[address] || w.unresolved(address) {
				x.counts[address]++ // stays queued whatever is sent
			}
			x.work = append(x.work, item)
		}
	}
	if soon.IsZero() && d.again != nil {
		d.again.Reset()
	}
	switch {
	case b.lists == nil:
	case b.until.IsZero():
		x.finished = append(x.finished, *b.lists)
	default:
		x.waits[b.until] = append(x.waits[b.until], "")
	}
	return x
}

// unresolved reports whether an e-mail change to the address still has to find
// out what it carries over.
func (w *world) unresolved(address mapper.Address) bool {
	return slices.ContainsFunc(w.known[address].Changes, func(c store.AddressChange) bool { return c.To == address && c.Lists == nil })
}

// work is what can be done now for one address; until is when the rest can be
// tried again, zero when it needs no wait; later is when to try what only has to
// wait.
func (d *Deliverer) work(w *world, out mapper.Output, lists map[mapper.ListKey]sink.BoundList, spare *spare, ops []mapper.Op, shown map[mapper.Address]sink.Shown, b *batch, later func() time.Time) (item sink.Work, until time.Time) {
	address := ops[0].Address
	k, busy := w.known[address], b.busy[address]
	item = sink.Work{Address: address, Fields: out.Fields[address], Busy: busy, Run: b.run[address], Exact: w.people[address].Exact}
	s, read := shown[address]
	if item.Shown = s; s.ID == "" {
		item.Shown.ID = k.Contact.ID
	}
	item.On, item.Off = spare.pairs(address, s, busy)
	recent := slices.DeleteFunc(slices.Clone(k.ImportedAt), func(t time.Time) bool { return d.Now().Sub(t) >= 24*time.Hour })
	item.Rows = max(0, importsADay-len(recent))
	for _, op := range ops {
		_, bound := lists[op.List]
		switch {
		case op.List != "" && !bound:
			until = later()
		case op.Kind == mapper.InactivateFromList && (!busy || op.OptOut && !overtaken(k.Pairs[op.List])):
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
	if item.Tell && item.Rows == 0 {
		// Writing the person once more would be too much for today.
		until = slices.MinFunc(recent, time.Time.Compare).Add(24 * time.Hour)
		item.Tell = false
		if s.State == mapper.ContactAbsent {
			item.Adds = nil
		}
	}
	return item, until
}

// overtaken reports whether the removal of a pair was sent since the calls that
// are still on their way: once is enough until these have ended.
func overtaken(p mapper.Pair) bool { return p.Told == mapper.ToldRemove && !p.Confirmed }

func listsByKey(lists []sink.BoundList) map[mapper.ListKey]sink.BoundList {
	byKey := make(map[mapper.ListKey]sink.BoundList, len(lists))
	for _, l := range lists {
		if l.State == mapper.ListBound {
			byKey[l.Key] = l
		}
	}
	return byKey
}

// bound are the lists that calls may name: ours that are bound, and those that
// mirror nothing or are retired which operations are about.
func (w *world) bound(ops []mapper.Op) map[mapper.ListKey]sink.BoundList {
	byKey := listsByKey(w.lists)
	for _, l := range w.lists {
		named := slices.ContainsFunc(ops, func(op mapper.Op) bool { return op.List == l.Key })
		if l.State == mapper.ListRetired && named {
			byKey[l.Key] = l
		}
	}
	for _, op := range ops {
		if id, unmanaged := mapper.UnmanagedID(op.List); unmanaged {
			byKey[op.List] = sink.BoundList{Key: op.List, Kind: mapper.ListUnmanaged, Ref: id, ListID: id, State: mapper.ListBound}
		}
	}
	return byKey
}

// report counts, for runs, what the plan found of the addresses that leave the
// queue.
func (w *world) report(out mapper.Output, b *batch, finished []sink.Done, steps []sink.Step) []store.RunCount {
	counts := map[store.RunCount]int{}
	leaving := map[mapper.Address]int64{}
	for _, done := range finished {
		leaving[done.Address] = b.run[done.Address]
	}
	for _, step := range steps {
		for _, done := range step.Done {
			leaving[done.Address] = b.run[done.Address]
		}
	}
	for _, run := range leaving {
		if run != 0 {
			counts[store.RunCount{Run: run, What: "checked"}]++
		}
	}
	for _, decision := range out.Decisions {
		if run := leaving[decision.Address]; run != 0 && decision.Verdict == mapper.On && decision.Reason != "" {
			what := "held"
			if decision.Reason == mapper.ReasonRefused {
				what = "refused"
			}
			counts[store.RunCount{Run: run, What: what, Reason: decision.Reason}]++
		}
	}
	all := make([]store.RunCount, 0, len(counts))
	for c, n := range counts {
		c.N = n
		all = append(all, c)
	}
	return all
}
