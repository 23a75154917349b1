package deliver

import (
	"context"
	"errors"
	"log/slog"
	"time"

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
	Now    func() time.Time
	Log    *slog.Logger
}

// batchSize is how many addresses one batch plans at the most.
const batchSize = 20_000

// importsADay is how many import rows an address may have in 24 hours; the
// vendor flags more as abuse.
const importsADay = 5

// Batch delivers the addresses that are due. wait is how long the next batch
// has to linger; zero when nothing is queued.
func (d *Deliverer) Batch(ctx context.Context) (worked bool, wait time.Duration, err error) {
	due, err := d.Store.Due(ctx, batchSize)
	if err != nil || len(due) == 0 {
		return false, 0, err
	}
	if wait := due[0].TouchedAt.Add(d.Linger).Sub(d.Now()); wait > 0 && len(due) < batchSize {
		return false, wait, nil
	}
	full, err := d.Store.FullPassDone(ctx)
	if err != nil || !full {
		return false, time.Second, err
	}
	return true, 0, d.deliver(ctx, newBatch(due))
}

// batch is the queue's rows of one batch.
type batch struct {
	addresses []mapper.Address
	versions  map[mapper.Address]int64
	exact     map[mapper.Address][]string
	busy      map[mapper.Address]bool
	lists     *sink.Done // the row that stands for the lists themselves
}

func newBatch(due []store.Dirty) *batch {
	b := &batch{
		versions: map[mapper.Address]int64{}, exact: map[mapper.Address][]string{}, busy: map[mapper.Address]bool{},
	}
	for _, row := range due {
		if row.Address == "" {
			b.lists = &sink.Done{Version: row.Version}
			continue
		}
		b.addresses = append(b.addresses, row.Address)
		b.versions[row.Address] = row.Version
		b.exact[row.Address] = row.Exact
		b.busy[row.Address] = row.Busy
	}
	return b
}

func (d *Deliverer) deliver(ctx context.Context, b *batch) error {
	w, err := d.read(ctx, b.addresses, b.exact, b.lists != nil)
	if err != nil {
		return err
	}
	out := mapper.Plan(w.input)
	// A list that cannot be bound holds up nobody on the others.
	var bindErr error
	w.lists, bindErr = d.Applier.Bind(ctx, out.Lists, w.lists)
	shown, readAt, readErr := d.readPeople(ctx, w, out, b)
	if readErr != nil && !hasRemovals(out) {
		return readErr
	}
	if err := d.observe(ctx, w, out, shown); err != nil {
		return err
	}
	// The reads took time and changed what is known: plan again on both.
	if w, err = d.read(ctx, b.addresses, b.exact, b.lists != nil); err != nil {
		return err
	}
	out = mapper.Plan(w.input)
	if readErr != nil {
		d.Log.Warn("people could not be read: nobody is added", "association", d.ID, "err", readErr)
		shown = nil
	}
	return errors.Join(bindErr, readErr, d.send(ctx, w, out, b, shown, readAt))
}

// Decide plans one address and returns the decisions, touching nothing.
func (d *Deliverer) Decide(ctx context.Context, address mapper.Address) ([]mapper.Decision, error) {
	w, err := d.read(ctx, []mapper.Address{address}, nil, false)
	if err != nil {
		return nil, err
	}
	return mapper.Plan(w.input).Decisions, nil
}
