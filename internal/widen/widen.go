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
	"maps"
	"slices"
	"time"

	"rollcall/cdc"
	"rollcall/internal/failpoint"
	"rollcall/internal/pause"
	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/mapper"
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

const (
	passKeys   = 20_000 // keys a pass takes
	retryFirst = 10 * time.Millisecond
	retryMost  = time.Second

	// After a pass it rests restShare times as long as that took, and not longer
	// than restMost, unless there are more keys than a pass takes. So it takes a
	// tenth of a processor from whoever writes, and what changes again and again is
	// looked at once.
	restShare = 9
	restMost  = 2 * time.Second
)

// rest is how long to rest after a pass.
func rest(took time.Duration) time.Duration { return min(restShare*took, restMost) }

// Run widens until the context ends: when woken, as soon as it has rested, and
// while keys are kept back after 10 ms, doubling to 1 s. widened is called after
// every pass that made addresses dirty.
func (w *Widener) Run(ctx context.Context, wake <-chan struct{}, widened func()) error {
	return run(ctx, w.clock(), wake, func(ctx context.Context) (took, kept int, err error) {
		took, kept, err = w.Pass(ctx)
		if err != nil && ctx.Err() == nil {
			w.Log.Error("widen touched keys", "err", err)
		}
		if took > 0 && ctx.Err() == nil {
			widened()
		}
		return took, kept, err
	})
}

// clock is Now, or one that stands still.
func (w *Widener) clock() func() time.Time {
	if w.Now == nil {
		return func() time.Time { return time.Time{} }
	}
	return w.Now
}

// run makes passes, and rests after those that took keys.
func run(ctx context.Context, now func() time.Time, wake <-chan struct{}, pass func(context.Context) (took, kept int, err error)) error {
	var delay time.Duration
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
		case <-timer.C:
		}
		began := now()
		took, kept, err := pass(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if took > 0 {
			delay = 0
		}
		next := retryMost
		switch {
		case took >= passKeys:
			next = 0
		case took > 0:
			if err := pause.For(ctx, rest(now().Sub(began))); err != nil {
				return err
			}
		}
		if kept > 0 && err == nil && next > 0 {
			delay = min(max(delay*2, retryFirst), retryMost)
			next = delay
		}
		timer.Reset(next)
	}
}

// Pass widens one batch of touched keys. It returns how many it took and how
// many it kept back because the snapshot did not show their changes.
func (w *Widener) Pass(ctx context.Context) (took, kept int, err error) {
	now := w.clock()()
	if w.trouble == nil {
		w.trouble = troubles{}
	}
	touched, err := w.Store.Touched(ctx, passKeys, w.trouble.vias(now)...)
	if err != nil {
		return 0, 0, err
	}
	after, second, err := w.Store.SecondPass(ctx)
	if err != nil {
		return 0, 0, err
	}
	if len(touched) == 0 && !second {
		return 0, 0, nil
	}
	snap, err := w.Source.Snapshot(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer snap.Close(ctx)

	kept = keep(touched, func(t *store.TouchedRow) bool {
		return !visible(snap.Shows, t.XIDs) || t.Kind == cdc.KindAssociation && w.trouble.waits(trouble{association: t.Key[0]}, now)
	})
	second = second && snap.Shows.Xmin > after
	if kept == len(touched) && !second {
		return 0, kept, nil
	}
	p := &pass{Widener: w, snap: snap, now: now, failed: map[string]bool{}, resolved: map[string]int{}}
	keys, err := p.sort(ctx, touched)
	if err != nil {
		return 0, kept, err
	}
	if keys.all = keys.all || second; keys.all {
		if keys.all, err = p.everyone(ctx); err != nil {
			return 0, kept, err
		}
		if second = second && keys.all; keys.all {
			err = p.count(ctx)
		} else {
			keep(touched, p.everything)
		}
		if err != nil {
			return 0, kept, err
		}
	}
	kept = keep(touched, func(*store.TouchedRow) bool { return false })
	failpoint.Hit(failpoint.KeysRead)
	err = w.Store.Widen(ctx, touched, keys.all, second, func(m *store.Marks) error { return p.mark(ctx, keys, m) })
	if err != nil {
		return 0, kept, err
	}
	failpoint.Hit(failpoint.KeysWidened)
	if err := p.mended(ctx); err != nil {
		return 0, kept, err
	}
	if keys.all {
		w.Log.Info("read every row of the member database", "second", second)
	}
	took = len(touched) - kept
	if second {
		took = max(took, 1)
	}
	return took, kept, nil
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

// keys are touched keys by what they name.
type keys struct {
	all                                 bool
	reps, members, groups, associations []string
	addresses                           [][2]string
}

func (k *keys) add(kind cdc.Kind, id string) {
	switch kind {
	case cdc.KindRep:
		k.reps = append(k.reps, id)
	case cdc.KindMember:
		k.members = append(k.members, id)
	case cdc.KindGroup:
		k.groups = append(k.groups, id)
	case cdc.KindAssociation:
		k.associations = append(k.associations, id)
	}
}

func (p *pass) mark(ctx context.Context, k *keys, m *store.Marks) error {
	rep := func(r source.RepRef) error {
		address, problem := mapper.Normalize(r.Email)
		return m.Rep(r.Association, r.Rep, address, problem, r.OptedOut)
	}
	if k.all {
		k.associations = union(p.associations, slices.Sorted(maps.Keys(p.failed)))
		k.reps, k.members, k.groups = nil, nil, nil
		if err := m.Known(""); err != nil {
			return err
		}
	}
	for _, association := range k.associations {
		if err := p.markAssociation(ctx, m, association, rep); err != nil {
			return err
		}
	}
	for _, id := range k.reps {
		if err := m.Gone(mapper.RepID(id)); err != nil {
			return err
		}
	}
	err := p.each(ctx, m, cdc.KindRep, k.reps, func(ctx context.Context, ids []string) error { return p.snap.RefsByRep(ctx, ids, rep) })
	if err != nil {
		return err
	}
	err = p.each(ctx, m, cdc.KindMember, k.members, func(ctx context.Context, ids []string) error { return p.snap.RefsByMember(ctx, ids, rep) })
	if err != nil {
		return err
	}
	err = p.each(ctx, m, cdc.KindGroup, k.groups, func(ctx context.Context, ids []string) error { return p.markGroups(ctx, m, ids, rep) })
	if err != nil {
		return err
	}
	for _, a := range k.addresses {
		if address, problem := mapper.Normalize(a[1]); problem == "" {
			if err := m.Address(a[0], address); err != nil {
				return err
			}
		}
	}
	return nil
}

// markAssociation marks every row of an association. One that could not be
// counted is read again with the others that failed.
func (p *pass) markAssociation(ctx context.Context, m *store.Marks, association string, rep func(source.RepRef) error) error {
	if p.failed[association] {
		return m.Touch(cdc.KindAssociation, association)
	}
	if err := p.snap.RefsByAssociation(ctx, association, rep); err != nil {
		return p.isolate(ctx, m, err, association)
	}
	if err := m.Known(association); err != nil {
		return err
	}
	if err := m.Lists(association); err != nil {
		return err
	}
	p.read = append(p.read, association)
	return nil
}

func (p *pass) markGroups(ctx context.Context, m *store.Marks, ids []string, rep func(source.RepRef) error) error {
	if err := p.snap.RefsByGroup(ctx, ids, rep); err != nil {
		return err
	}
	associations, err := p.snap.GroupAssociations(ctx, ids)
	if err != nil {
		return err
	}
	for _, association := range associations {
		if err := m.Lists(association); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if err := m.List(mapper.GroupKey(mapper.GroupID(id))); err != nil {
			return err
		}
	}
	return nil
}
