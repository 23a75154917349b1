package widen

import (
	"context"
	"errors"
	"time"

	"rollcall/cdc"
	"rollcall/internal/source"
	"rollcall/internal/store"
)

// troubles are the associations and the watches that cannot be read at present.
// They are tried again ever more rarely, and told of once.
type troubles map[trouble]*waiting

// trouble names one of them: an association, or the via of a watch.
type trouble struct{ association, via string }

type waiting struct {
	problem string
	until   time.Time
	delay   time.Duration
}

const (
	troubleFirst = time.Second
	troubleMost  = time.Minute
	// mostResolves is how many keys of a watch may fail in a pass before the
	// whole watch waits.
	mostResolves = 10
	// mostPieces is into how many pieces keys are divided in search of those that
	// fail, before all that are left count as such.
	mostPieces = 200
)

// note remembers a trouble and says whether that is new.
func (ts troubles) note(t trouble, problem string, now time.Time) (fresh bool) {
	known := ts[t]
	if known == nil {
		known = &waiting{}
		ts[t] = known
	}
	fresh = known.problem != problem
	known.problem = problem
	known.delay = min(max(2*known.delay, troubleFirst), troubleMost)
	known.until = now.Add(known.delay)
	return fresh
}

// waits says whether it is too early to try again.
func (ts troubles) waits(t trouble, now time.Time) bool {
	known := ts[t]
	return known != nil && now.Before(known.until)
}

// vias are the watches that wait.
func (ts troubles) vias(now time.Time) []string {
	var vias []string
	for t := range ts {
		if t.via != "" && ts.waits(t, now) {
			vias = append(vias, t.via)
		}
	}
	return vias
}

// pass is one pass over touched keys, at one snapshot.
type pass struct {
	*Widener
	snap         *source.Snap
	now          time.Time
	reps         map[string]bool // those that are touched themselves
	associations []string        // all of them; read when everything is touched
	failed       map[string]bool // associations
	read         []string        // associations of which every row was read
	resolved     map[string]int  // keys that failed, by via
	pieces       int
}

// everyone reads which associations there are. While that fails nothing can be
// said about any of them.
func (p *pass) everyone(ctx context.Context) (bool, error) {
	known, err := p.Store.CountedAssociations(ctx)
	if err != nil {
		return false, err
	}
	p.associations, err = p.snap.Associations(ctx)
	failure, ok := errors.AsType[*source.ViewError](err)
	if !ok {
		return err == nil, err
	}
	for _, association := range known {
		if err := p.alarm(ctx, association, failure); err != nil {
			return false, err
		}
	}
	return false, nil
}

// everybody are the associations that the state or the member database knows.
func (p *pass) everybody(ctx context.Context) ([]string, error) {
	known, err := p.Store.CountedAssociations(ctx)
	if err != nil {
		return nil, err
	}
	there, err := p.snap.Associations(ctx)
	if _, unreadable := errors.AsType[*source.ViewError](err); err != nil && !unreadable {
		return nil, err
	}
	return union(known, there), nil
}

// alarm holds the removals of an association whose rows cannot be read.
func (p *pass) alarm(ctx context.Context, association string, failure *source.ViewError) error {
	p.failed[association] = true
	if p.trouble.note(trouble{association: association}, failure.Error(), p.now) {
		p.Log.Error("the member database cannot be read for an association: it waits and nobody is taken off, the others go on; "+
			"mend the view, it is tried again by itself. To see the error: select * from the view where association_id is the association",
			"association", association, "view", failure.View, "sqlstate", failure.Code())
	}
	return p.Store.Association(association).RaiseAlarm(ctx, store.AlarmUnreadable, failure.Error())
}

// isolate has associations read again as a whole, later, because of an error.
// Any other error than that of a view is returned.
func (p *pass) isolate(ctx context.Context, m *store.Marks, err error, associations ...string) error {
	failure, ok := errors.AsType[*source.ViewError](err)
	if !ok {
		return err
	}
	for _, association := range associations {
		if err := p.alarm(ctx, association, failure); err != nil {
			return err
		}
		if err := m.Touch(cdc.KindAssociation, association); err != nil {
			return err
		}
	}
	return nil
}

// each asks for keys and, where that fails, for parts of them, so that the
// others go on. Whom those concern that fail waits.
func (p *pass) each(ctx context.Context, m *store.Marks, kind cdc.Kind, ids []string, ask func(context.Context, []string) error) error {
	if len(ids) == 0 {
		return nil
	}
	err := ask(ctx, ids)
	failure, ok := errors.AsType[*source.ViewError](err)
	if !ok {
		return err
	}
	if p.pieces++; failure.AtRow() && len(ids) > 1 && p.pieces < mostPieces {
		half := len(ids) / 2
		if err := p.each(ctx, m, kind, ids[:half], ask); err != nil {
			return err
		}
		return p.each(ctx, m, kind, ids[half:], ask)
	}
	associations, err := p.snap.Concerned(ctx, kind, ids)
	if _, unreadable := errors.AsType[*source.ViewError](err); err != nil && !unreadable {
		return err
	}
	if len(associations) > 0 {
		return p.isolate(ctx, m, failure, associations...)
	}
	// Nobody can tell whom they concern: reading each association shows whose
	// rows fail.
	if associations, err = p.everybody(ctx); err != nil {
		return err
	}
	for _, association := range associations {
		if err := m.Touch(cdc.KindAssociation, association); err != nil {
			return err
		}
	}
	return nil
}

// unresolved notes that the statement of a watch failed, and says whether the
// rest of its keys is to wait as well.
func (p *pass) unresolved(watch cdc.Watch, failure *source.ViewError) (all bool) {
	via := watch.Via()
	p.resolved[via]++
	all = !failure.AtRow() || p.resolved[via] >= mostResolves
	now := p.now
	if !all {
		now = now.Add(-troubleMost) // told of, but not waited for
	}
	if p.trouble.note(trouble{via: via}, failure.Code(), now) {
		p.Log.Error("the resolve statement of a watch fails: what it is to find waits, other changes go on; correct it in rollcall.watches, it is tried again by itself",
			"table", watch.Table, "kind", string(watch.Kind), "sqlstate", failure.Code())
	}
	return all
}

// mended ends the troubles of associations whose every row was read.
func (p *pass) mended(ctx context.Context) error {
	for _, association := range p.read {
		if p.failed[association] {
			continue
		}
		if err := p.Store.Association(association).Readable(ctx); err != nil {
			return err
		}
		if p.trouble[trouble{association: association}] != nil {
			delete(p.trouble, trouble{association: association})
			p.Log.Info("the member database can be read again", "association", association)
		}
	}
	return nil
}

// keep leaves the touched keys of which f says so.
func keep(touched []store.TouchedRow, f func(*store.TouchedRow) bool) (kept int) {
	for i := range touched {
		if t := &touched[i]; t.Keep || f(t) {
			t.Keep = true
			kept++
		}
	}
	return kept
}
