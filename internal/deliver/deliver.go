package deliver

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"

	"rollcall/internal/failpoint"
	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// Deliverer delivers one association's dirty addresses.
type Deliverer struct {
	ID      string // the association
	Source  *source.Source
	Store   *store.Association
	Applier *sink.Applier
	Policy  mapper.Policy
	// Linger is how long the oldest change waits for others to share its calls.
	Linger time.Duration
	// Pace stretches Linger so that the day's calls last; nil: nothing does.
	// Opt-outs do not wait for it.
	Pace Pace
	Now  func() time.Time
	Log  *slog.Logger

	learning sync.Mutex // see Sift

	rest  *rest
	again *backoff.ExponentialBackOff // see soon
	piece int                         // of finishIdle; 0: idlePiece
}

// Pace makes the calls of a day last until its end.
type Pace interface {
	// Linger is how long changes are gathered at the moment, at least base.
	Linger(ctx context.Context, base time.Duration) (time.Duration, error)
	// Flushed is told that changes were sent.
	Flushed()
}

// batchSize is how many addresses one batch plans at the most. Every batch takes
// a call for each list again, and for many people reads the whole account; 50,000
// people who have work take about half a gigabyte.
const batchSize = 100_000

// importsADay is how many import rows an address may have in 24 hours; the
// vendor flags more as abuse.
const importsADay = 5

// Batch delivers the addresses that are due, or goes on with a batch of which
// calls had to wait for others. wait is how long the next batch has to linger;
// zero when nothing is queued.
func (d *Deliverer) Batch(ctx context.Context) (worked bool, wait time.Duration, err error) {
	if worked, err := d.goOn(ctx); worked || err != nil {
		return worked, 0, err
	}
	// The queue itself is read only once something in it is to go.
	first, many, err := d.Store.Waiting(ctx, batchSize)
	if err != nil || first.IsZero() {
		return false, 0, err
	}
	if wait := first.Add(d.Linger).Sub(d.Now()); wait > 0 && !many {
		return false, wait, nil
	}
	full, err := d.Store.FullPassDone(ctx)
	if err != nil || !full {
		return false, time.Second, err
	}
	due, err := d.Store.Due(ctx, batchSize)
	if err == nil {
		due, err = d.withoutRest(ctx, due)
	}
	if err != nil || len(due) == 0 {
		return false, 0, err
	}
	if wait := oldest(due).Add(d.Linger).Sub(d.Now()); wait > 0 && len(due) < batchSize {
		return false, wait, nil
	}
	b := newBatch(due)
	if b.until, err = d.paced(ctx, due); err != nil {
		return false, 0, err
	}
	if err := d.finishIdle(ctx, b); err != nil {
		return false, 0, err
	}
	if !b.until.IsZero() {
		return true, 0, d.deliverOptOuts(ctx, b)
	}
	return true, 0, d.deliver(ctx, b)
}

// oldest is when the oldest change was committed.
func oldest(due []store.Dirty) time.Time {
	return slices.MinFunc(due, func(a, b store.Dirty) int { return a.TouchedAt.Compare(b.TouchedAt) }).TouchedAt
}

// paced is until when the changes at hand are to be gathered because the day's
// calls are short; zero: they may go.
func (d *Deliverer) paced(ctx context.Context, due []store.Dirty) (until time.Time, err error) {
	if d.Pace == nil || len(due) >= batchSize {
		return until, nil
	}
	linger, err := d.Pace.Linger(ctx, d.Linger)
	if err != nil {
		return until, err
	}
	if until = oldest(due).Add(linger); !until.After(d.Now()) {
		return time.Time{}, nil
	}
	return until, nil
}

// batch is the queue's rows of one batch.
type batch struct {
	addresses []mapper.Address
	versions  map[mapper.Address]int64
	exact     map[mapper.Address][]string
	run       map[mapper.Address]int64
	busy      map[mapper.Address]bool
	lists     *sink.Done // the row that stands for the lists themselves
	until     time.Time  // everything but opt-outs waits; zero: nothing does
	piece     bool       // a part of another one
	stretch   bool       // its addresses follow each other
	finished  int        // addresses that are not in it any more: nothing was to be done
}

func newBatch(due []store.Dirty) *batch {
	b := &batch{
		versions: map[mapper.Address]int64{}, exact: map[mapper.Address][]string{}, run: map[mapper.Address]int64{}, busy: map[mapper.Address]bool{},
	}
	for _, row := range due {
		b.versions[row.Address] = row.Version
		if row.Address == "" {
			b.lists = &sink.Done{Version: row.Version}
			continue
		}
		b.addresses = append(b.addresses, row.Address)
		b.exact[row.Address] = row.Exact
		b.run[row.Address] = row.Run
		b.busy[row.Address] = row.Busy
	}
	return b
}

// rows are the queue's rows of some of its addresses.
func (b *batch) rows(addresses []mapper.Address) []sink.Done {
	rows := make([]sink.Done, len(addresses))
	for i, address := range addresses {
		rows[i] = sink.Done{Address: address, Version: b.versions[address]}
	}
	return rows
}

// question is what the world of the batch is read for.
func (b *batch) question() question {
	return question{addresses: b.addresses, exact: b.exact, types: b.lists != nil, piece: b.piece, stretch: b.stretch}
}

func (d *Deliverer) deliver(ctx context.Context, b *batch) error {
	w, err := d.readChanges(ctx, b)
	if err != nil {
		return err
	}
	w, out, err := d.retire(ctx, w, b)
	if err != nil {
		return err
	}
	// A list that cannot be bound holds up nobody on the others.
	var bindErr error
	w.lists, bindErr = d.Applier.Bind(ctx, out.Lists, w.lists)
	if w.followed() {
		if w, err = d.read(ctx, b.question()); err != nil {
			return err
		}
		out = mapper.Plan(w.input)
	}
	read, readErr := d.readPeople(ctx, w, out, b, w.unread())
	if readErr != nil && !hasRemovals(out) {
		return errors.Join(bindErr, readErr)
	}
	if readErr != nil {
		read.Shown = d.readOptOuts(ctx, w, out)
	}
	failpoint.Hit(failpoint.PeopleRead)
	if err := d.observe(ctx, w, out, read.Shown); err != nil {
		return err
	}
	failpoint.Hit(failpoint.PeopleRecorded)
	// The reads took time and changed what is known: plan again on both.
	if w, out, err = d.planAgain(ctx, b, read.Shown); err != nil {
		return err
	}
	if readErr != nil {
		d.Log.Warn("people could not be read: nobody is added", "association", d.ID, "err", readErr)
	}
	if unseen(w.lists) {
		// Whoever becomes a contact before a list that existed was looked at would
		// seem to have left it. Removals go on.
		read.Shown = nil
	}
	return errors.Join(bindErr, readErr, d.send(ctx, w, out, b, read))
}

// retire plans a batch and records which types' lists are retired by it. That is on
// record before a list of a new type is bound: afterwards nobody could tell that a
// type which is gone was renamed to it.
func (d *Deliverer) retire(ctx context.Context, w *world, b *batch) (*world, mapper.Output, error) {
	out := mapper.Plan(w.input)
	newType := func(l mapper.List) bool { return l.Kind == mapper.ListType && l.State == mapper.ListUnbound }
	if !w.input.TypesComplete && slices.ContainsFunc(out.Lists, newType) {
		q := b.question()
		q.types = true
		var err error
		if w, err = d.read(ctx, q); err != nil {
			return w, out, err
		}
		out = mapper.Plan(w.input)
	}
	if len(out.States) == 0 {
		return w, out, nil
	}
	return w, out, d.Store.Learn(ctx, store.Facts{States: out.States}, nil)
}

// followed reports whether the list of a renamed type got the key of the new
// name, and with it what is known of the people on it.
func (w *world) followed() bool {
	return slices.ContainsFunc(w.input.Known, func(before mapper.List) bool {
		return !slices.ContainsFunc(w.lists, func(l sink.BoundList) bool { return l.Key == before.Key })
	})
}

// unseen reports whether a list that existed still waits for its first look.
func unseen(lists []sink.BoundList) bool {
	return slices.ContainsFunc(lists, func(l sink.BoundList) bool { return l.State == mapper.ListBound && l.Existed && !l.Looked })
}

// readChanges reads the world of a batch and records e-mail changes in it, which
// bring the previous addresses into the world.
func (d *Deliverer) readChanges(ctx context.Context, b *batch) (*world, error) {
	// Whose rows were erased is remembered by a hash: here the address is at hand.
	if err := d.Store.Recall(ctx, b.addresses); err != nil {
		return nil, err
	}
	w, err := d.read(ctx, b.question())
	if err != nil {
		return nil, err
	}
	changed := w.changed()
	if err := d.Store.RecordAddresses(ctx, changed); err != nil {
		return nil, err
	}
	failpoint.Hit(failpoint.ChangesRecorded)
	if slices.ContainsFunc(changed, func(s store.SeenAt) bool { return s.Before != "" }) {
		return d.read(ctx, b.question())
	}
	return w, nil
}

// planAgain plans on what is known by now. What e-mail changes carry over is
// found out on the way, and is then part of the plan.
func (d *Deliverer) planAgain(ctx context.Context, b *batch, shown map[mapper.Address]sink.Shown) (*world, mapper.Output, error) {
	for {
		w, err := d.read(ctx, b.question())
		if err != nil {
			return nil, mapper.Output{}, err
		}
		out := mapper.Plan(w.input)
		// Nobody is added yet, and what such a list carries over is not decided. Where
		// nothing is to be sent nobody looks at the list either.
		if unseen(w.lists) && mapper.IsConstantContact(w.input.Options.NewsletterSolution) {
			return w, out, nil
		}
		learned, err := d.resolve(ctx, w, out, shown)
		if err != nil || !learned {
			return w, out, err
		}
	}
}

// Plan plans addresses and sends nothing. Exact names lists from which
// everybody whose verdict is not on is to go.
func (d *Deliverer) Plan(ctx context.Context, addresses []mapper.Address, exact []mapper.ListKey) (mapper.Input, mapper.Output, error) {
	return d.plan(ctx, question{addresses: addresses, types: true, exact: exactFor(addresses, exact)})
}

// exactFor names the same lists for all addresses; none where there are none.
func exactFor(addresses []mapper.Address, exact []mapper.ListKey) map[mapper.Address][]string {
	if len(exact) == 0 {
		return nil
	}
	lists := make([]string, len(exact))
	for i, key := range exact {
		lists[i] = string(key)
	}
	all := make(map[mapper.Address][]string, len(addresses))
	for _, address := range addresses {
		all[address] = lists
	}
	return all
}

// Explain plans one address with a decision about every list.
func (d *Deliverer) Explain(ctx context.Context, address mapper.Address) (mapper.Input, mapper.Output, error) {
	return d.plan(ctx, question{addresses: []mapper.Address{address}, types: true, explain: true})
}

func (d *Deliverer) plan(ctx context.Context, q question) (mapper.Input, mapper.Output, error) {
	w, err := d.read(ctx, q)
	if err != nil {
		return mapper.Input{}, mapper.Output{}, err
	}
	return w.input, mapper.Plan(w.input), nil
}

// Decide plans one address and returns the decisions, touching nothing.
func (d *Deliverer) Decide(ctx context.Context, address mapper.Address) ([]mapper.Decision, error) {
	w, err := d.read(ctx, question{addresses: []mapper.Address{address}})
	if err != nil {
		return nil, err
	}
	return mapper.Plan(w.input).Decisions, nil
}
