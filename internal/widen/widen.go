// Package widen turns touched keys into dirty addresses: it looks up, at one
// snapshot of the member database, which addresses a changed row can concern.
//
// A key whose transactions the snapshot does not show yet is kept back; a
// commit can be decoded before it is visible to anybody.
package widen

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"rollcall/cdc"
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
	Log   *slog.Logger
}

const (
	passKeys   = 20_000 // keys a pass takes
	retryFirst = 10 * time.Millisecond
	retryMost  = time.Second
)

// Run widens until the context ends: at once when woken, and while keys are
// kept back after 10 ms, doubling to 1 s. widened is called after every pass
// that made addresses dirty.
func (w *Widener) Run(ctx context.Context, wake <-chan struct{}, widened func()) error {
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
		took, kept, err := w.Pass(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			w.Log.Error("widen touched keys", "err", err)
		}
		if took > 0 {
			delay = 0
			widened()
		}
		next := retryMost
		switch {
		case took >= passKeys:
			next = 0
		case kept > 0 && err == nil:
			delay = min(max(delay*2, retryFirst), retryMost)
			next = delay
		}
		timer.Reset(next)
	}
}

// Pass widens one batch of touched keys. It returns how many it took and how
// many it kept back because the snapshot did not show their changes.
func (w *Widener) Pass(ctx context.Context) (took, kept int, err error) {
	touched, err := w.Store.Touched(ctx, passKeys)
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

	ready := touched[:0:0]
	for _, t := range touched {
		if visible(snap.Shows, t.XIDs) {
			ready = append(ready, t)
		}
	}
	kept = len(touched) - len(ready)
	second = second && snap.Shows.Xmin > after
	if len(ready) == 0 && !second {
		return 0, kept, nil
	}
	keys, err := w.sort(ctx, snap, ready)
	if err != nil {
		return 0, kept, err
	}
	keys.all = keys.all || second
	if keys.all {
		if err := w.count(ctx, snap); err != nil {
			return 0, kept, err
		}
	}
	err = w.Store.Widen(ctx, ready, keys.all, second, func(m *store.Marks) error { return keys.mark(ctx, snap, m) })
	if err != nil {
		return 0, kept, err
	}
	if keys.all {
		w.Log.Info("read every row of the member database", "second", second)
	}
	return max(len(ready), 1), kept, nil
}

// count compares the rows of every association with those of the last complete
// read: what vanished in bulk is not believed.
func (w *Widener) count(ctx context.Context, snap *source.Snap) error {
	associations, err := snap.Associations(ctx)
	if err != nil {
		return err
	}
	known, err := w.Store.CountedAssociations(ctx)
	if err != nil {
		return err
	}
	for _, association := range union(associations, known) {
		counts, err := snap.Counts(ctx, association)
		if err != nil {
			return err
		}
		trusted, err := w.Store.Association(association).Counted(ctx, counts, true)
		if err != nil {
			return err
		}
		if !trusted {
			w.Log.Warn("rows vanished from the member database: removals are held", "association", association)
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

// sort groups touched keys by what they name, resolving the indirect ones.
func (w *Widener) sort(ctx context.Context, snap *source.Snap, touched []store.TouchedRow) (*keys, error) {
	k := &keys{}
	for _, t := range touched {
		if t.Kind == cdc.KindAll {
			k.all = true
			continue
		}
		if t.Via == "" {
			if len(t.Key) != 1 {
				return nil, fmt.Errorf("widen touched keys: a %s key has %d values, want 1", t.Kind, len(t.Key))
			}
			k.add(t.Kind, t.Key[0])
			continue
		}
		watch, known := w.Watch(t.Via)
		if !known {
			// The watch is gone: what it would have touched is found by
			// touching everything, which a change of the watches does anyway.
			k.all = true
			continue
		}
		ids, err := snap.Resolve(ctx, watch.Resolve, t.Key)
		if err != nil {
			return nil, fmt.Errorf("widen touched keys of %s: %w", watch.Table, err)
		}
		for _, row := range ids {
			switch {
			case t.Kind == cdc.KindAddress && len(row) == 2:
				k.addresses = append(k.addresses, [2]string{row[0], row[1]})
			case t.Kind != cdc.KindAddress && len(row) == 1:
				k.add(t.Kind, row[0])
			default:
				return nil, fmt.Errorf("widen touched keys of %s: its resolve statement returns %d columns; kind %s wants %d",
					watch.Table, len(row), t.Kind, map[bool]int{true: 2, false: 1}[t.Kind == cdc.KindAddress])
			}
		}
	}
	return k, nil
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

func (k *keys) mark(ctx context.Context, snap *source.Snap, m *store.Marks) error {
	rep := func(r source.RepRef) error {
		address, problem := mapper.Normalize(r.Email)
		return m.Rep(r.Association, r.Rep, address, problem, r.OptedOut)
	}
	if k.all {
		associations, err := snap.Associations(ctx)
		if err != nil {
			return err
		}
		k.associations = associations
		k.reps, k.members, k.groups = nil, nil, nil
		if err := m.Known(""); err != nil {
			return err
		}
	}
	for _, association := range k.associations {
		if err := snap.RefsByAssociation(ctx, association, rep); err != nil {
			return err
		}
		if err := m.Known(association); err != nil {
			return err
		}
		if err := m.Lists(association); err != nil {
			return err
		}
	}
	if len(k.reps) > 0 {
		for _, id := range k.reps {
			if err := m.Gone(mapper.RepID(id)); err != nil {
				return err
			}
		}
		if err := snap.RefsByRep(ctx, k.reps, rep); err != nil {
			return err
		}
	}
	if len(k.members) > 0 {
		if err := snap.RefsByMember(ctx, k.members, rep); err != nil {
			return err
		}
	}
	if len(k.groups) > 0 {
		if err := k.markGroups(ctx, snap, m, rep); err != nil {
			return err
		}
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

func (k *keys) markGroups(ctx context.Context, snap *source.Snap, m *store.Marks, rep func(source.RepRef) error) error {
	if err := snap.RefsByGroup(ctx, k.groups, rep); err != nil {
		return err
	}
	associations, err := snap.GroupAssociations(ctx, k.groups)
	if err != nil {
		return err
	}
	for _, association := range associations {
		if err := m.Lists(association); err != nil {
			return err
		}
	}
	for _, id := range k.groups {
		if err := m.List(mapper.GroupKey(mapper.GroupID(id))); err != nil {
			return err
		}
	}
	return nil
}
