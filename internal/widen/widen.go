// Package widen turns touched keys into dirty addresses: it looks up, at one
// snapshot of the member database, which addresses a changed row can concern.
//
// A key whose transactions the snapshot does not show yet is kept back; a
// commit can be decoded before it is visible to anybody.
package widen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"rollcall/cdc"
	"rollcall/internal/failpoint"
	"rollcall/internal/source"
	"rollcall/internal/store"
)

// Widener widens the touched keys of one source.
type Widener struct {
	Source *source.Source
	Store  *store.Store
	// Watch finds the watch whose statement gets from keys to ids, by
	// cdc.Watch.Via.
	Watch func(via string) (cdc.Watch, bool)
	// Now is the time by which what cannot be read is tried again, after 1 s up
	// to 1 min, and by which passes are made apart; nil: at every pass, and at once.
	Now func() time.Time
	Log *slog.Logger

	trouble troubles
}

// Run widens until the context ends: when woken, as soon as it has rested, and
// while keys are kept back after 10 ms, doubling to 1 s. widened is called after
// every pass that made addresses dirty.
func (w *Widener) Run(ctx context.Context, wake <-chan struct{}, widened func()) error {
	return run(ctx, wake, func(ctx context.Context) (done, error) {
		began := w.clock()()
		d, err := w.pass(ctx)
		if err != nil && ctx.Err() == nil {
			w.Log.Error("widen touched keys", "err", err)
		}
		if d.took > 0 && ctx.Err() == nil {
			widened()
		}
		d.worked = w.clock()().Sub(began)
		return d, err
	})
}

// clock is Now, or one that stands still.
func (w *Widener) clock() func() time.Time {
	if w.Now == nil {
		return func() time.Time { return time.Time{} }
	}
	return w.Now
}

// Pass widens one batch of touched keys. It returns how many it took and how
// many it kept back because the snapshot did not show their changes.
func (w *Widener) Pass(ctx context.Context) (took, kept int, err error) {
	d, err := w.pass(ctx)
	return d.took, d.kept, err
}

func (w *Widener) pass(ctx context.Context) (d done, err error) {
	now := w.clock()()
	if w.trouble == nil {
		w.trouble = troubles{}
	}
	touched, err := w.Store.Touched(ctx, passKeys, w.trouble.vias(now)...)
	if err != nil {
		return d, err
	}
	after, second, err := w.Store.SecondPass(ctx)
	if err != nil {
		return d, err
	}
	if len(touched) == 0 && !second {
		return d, nil
	}
	snap, err := w.Source.Snapshot(ctx)
	if err != nil {
		return d, err
	}
	defer snap.Close(ctx)

	d.kept = keep(touched, func(t *store.TouchedRow) bool {
		return !visible(snap.Shows, t.XIDs) || t.Kind == cdc.KindAssociation && w.trouble.waits(trouble{association: t.Key[0]}, now)
	})
	second = second && snap.Shows.Xmin > after
	if d.kept == len(touched) && !second {
		return d, nil
	}
	p := &pass{Widener: w, snap: snap, now: now, failed: map[string]bool{}, resolved: map[string]int{}}
	keys, err := p.sort(ctx, touched)
	if err != nil {
		return d, err
	}
	if keys.all = keys.all || second; keys.all {
		if keys.all, err = p.everyone(ctx); err != nil {
			return d, err
		}
		if second = second && keys.all; keys.all {
			err = p.count(ctx)
		} else {
			keep(touched, p.everything)
		}
		if err != nil {
			return d, err
		}
	}
	d.kept = keep(touched, func(*store.TouchedRow) bool { return false })
	failpoint.Hit(failpoint.KeysRead)
	if err := p.widen(ctx, touched, keys, second); err != nil {
		return d, err
	}
	failpoint.Hit(failpoint.KeysWidened)
	if err := p.mended(ctx); err != nil {
		return d, err
	}
	if keys.all {
		w.Log.Info("read every row of the member database", "second", second)
	}
	d.took = len(touched) - d.kept
	if second {
		d.took = max(d.took, 1)
	}
	return d, nil
}

// widen makes dirty what keys lead to, piece by piece, so that no commit of the
// application waits behind much that we write, and takes the keys off the touched ones
// with the last piece: after a crash before that all are widened again.
func (p *pass) widen(ctx context.Context, touched []store.TouchedRow, all *keys, second bool) error {
	p.reps = make(map[string]bool, len(all.reps))
	for _, rep := range all.reps {
		p.reps[rep] = true
	}
	var last *keys
	for piece := range all.pieces() {
		if last != nil {
			if err := p.Store.WidenPart(ctx, touched, p.marking(ctx, last)); err != nil {
				return err
			}
		}
		last = piece
	}
	return p.Store.Widen(ctx, touched, all.all, second, p.marking(ctx, last))
}

// count compares the rows of every association with those of the last complete
// read: what vanished in bulk is not believed.
func (p *pass) count(ctx context.Context) error {
	known, err := p.Store.CountedAssociations(ctx)
	if err != nil {
		return err
	}
	for _, association := range union(p.associations, known) {
		counts, err := p.snap.Counts(ctx, association)
		if failure, ok := errors.AsType[*source.ViewError](err); ok {
			if err := p.alarm(ctx, association, failure); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		p.read = append(p.read, association)
		trusted, err := p.Store.Association(association).Counted(ctx, counts, true)
		if err != nil {
			return err
		}
		if !trusted {
			p.Log.Warn("rows vanished from the member database: removals are held", "association", association)
		}
	}
	return nil
}

// union are the ids of both, each once and in order.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// visible says whether a snapshot shows all the transactions. It is a variable
// so that a test can show what happens without it.
var visible = func(shows cdc.Snapshot, xids []uint64) bool {
	for _, xid := range xids {
		if !shows.Visible(xid) {
			return false
		}
	}
	return true
}

// sort groups touched keys by what they name, resolving the indirect ones. Keys
// whose statement fails are kept.
func (p *pass) sort(ctx context.Context, touched []store.TouchedRow) (*keys, error) {
	k := &keys{}
	stopped := map[string]bool{} // vias
	for i := range touched {
		t := &touched[i]
		switch {
		case t.Keep:
		case p.everything(t):
			k.all = true
		case t.Via == "" && len(t.Key) != 1:
			return nil, fmt.Errorf("widen touched keys: a %s key has %d values, want 1", t.Kind, len(t.Key))
		case t.Via == "":
			k.add(t.Kind, t.Key[0])
		case stopped[t.Via]:
			t.Keep = true
		default:
			watch, _ := p.Watch(t.Via)
			p.resolved[t.Via] += 0 // it was asked
			err := p.resolve(ctx, k, watch, t)
			failure, ok := errors.AsType[*source.ViewError](err)
			if err != nil && !ok {
				return nil, err
			}
			if ok {
				t.Keep = true
				stopped[t.Via] = p.unresolved(watch, failure)
			}
		}
	}
	for via, failures := range p.resolved {
		if failures == 0 {
			delete(p.trouble, trouble{via: via})
		}
	}
	return k, nil
}

// everything says whether a key stands for everything. That of a watch that is
// gone does: what it would have touched is found by touching everything, which
// a change of the watches does anyway.
func (p *pass) everything(t *store.TouchedRow) bool {
	if t.Kind == cdc.KindAll || t.Via == "" {
		return t.Kind == cdc.KindAll
	}
	_, known := p.Watch(t.Via)
	return !known
}

func (p *pass) resolve(ctx context.Context, k *keys, watch cdc.Watch, t *store.TouchedRow) error {
	ids, err := p.snap.Resolve(ctx, watch.Resolve, t.Key)
	if err != nil {
		return fmt.Errorf("widen touched keys of %s: %w", watch.Table, err)
	}
	for _, row := range ids {
		switch {
		case t.Kind == cdc.KindAddress && len(row) == 2:
			k.addresses = append(k.addresses, [2]string{row[0], row[1]})
		case t.Kind != cdc.KindAddress && len(row) == 1:
			k.add(t.Kind, row[0])
		default:
			return &source.ViewError{View: "rollcall.watches", Err: fmt.Errorf("the resolve statement of %s returns %d columns; kind %s wants %d",
				watch.Table, len(row), t.Kind, map[bool]int{true: 2, false: 1}[t.Kind == cdc.KindAddress])}
		}
	}
	return nil
}
