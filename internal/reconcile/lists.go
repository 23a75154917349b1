package reconcile

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// keepLists compares our lists with those that the account has. A list that is
// gone there is missing: nobody left it, and it is not made again by itself. One
// that is back is bound again. A list that somebody renamed there is left alone.
// Lists without one of the account's are bound anew where that may help. Those of
// renamed types get the keys of their new names. force tries renames again that were
// refused.
func (r *Reconciler) keepLists(ctx context.Context, force bool) (sink.Account, error) {
	account, err := r.Applier.AccountLists(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := r.compareLists(ctx, account); err != nil {
		return nil, err
	}
	if err := r.followTypes(ctx); err != nil {
		return nil, err
	}
	return account, r.followNames(ctx, force)
}

// followTypes gives the lists of renamed membership types the keys of their new
// names: under the old ones nobody would count as having left them.
func (r *Reconciler) followTypes(ctx context.Context) error {
	if !r.Source.HasTypes() {
		return nil
	}
	_, out, err := r.Deliverer.Plan(ctx, nil, nil)
	if err != nil {
		return err
	}
	lists, err := r.Store.Lists(ctx)
	if err != nil {
		return err
	}
	return r.Applier.FollowTypes(ctx, out.Lists, lists)
}

// derived reports whether a list's name is not its source's own.
func derived(l sink.BoundList) bool {
	if l.Kind == mapper.ListType {
		return !strings.EqualFold(strings.TrimSpace(l.Name), strings.TrimSpace(l.Ref))
	}
	return strings.HasSuffix(l.Name, ")") && strings.Contains(l.Name, " (")
}

const namesEvery = time.Hour

// namesTask follows names once an hour, for what the queue did not show in time.
func (r *Reconciler) namesTask(ctx context.Context, d store.Due) error {
	if err := r.followNames(ctx, false); err != nil {
		return err
	}
	return r.next(ctx, d, namesEvery)
}

// followNames brings our lists to the names that their sources have by now, and
// releases those of groups that are gone.
func (r *Reconciler) followNames(ctx context.Context, force bool) error {
	lists, err := r.Store.Lists(ctx)
	if err != nil || len(lists) == 0 {
		return err
	}
	in, out, err := r.Deliverer.Plan(ctx, nil, nil)
	if err != nil || !mapper.IsConstantContact(in.Options.NewsletterSolution) {
		return err
	}
	released, err := r.releaseGroups(ctx, in, lists)
	if err != nil {
		return err
	}
	if released { // its name is free
		if in, out, err = r.Deliverer.Plan(ctx, nil, nil); err != nil {
			return err
		}
	}
	if err := r.nameTypes(ctx, in, lists); err != nil {
		return err
	}
	putOff, err := r.Store.RenamesPutOff(ctx)
	if err != nil {
		return err
	}
	wanted := make(map[mapper.ListKey]string, len(out.Lists))
	for _, l := range out.Lists {
		wanted[l.Key] = l.Name
	}
	ids := typeIDs(in.Types)
	var renames []rename
	for _, l := range lists {
		name, isWanted := wanted[l.Key]
		// A type without an id is its name: under another it is another type. The
		// list of one that is gone, or whose new name its key has not followed yet,
		// is wanted under the name that it was read with.
		follows := l.Kind == mapper.ListGroup || l.Kind == mapper.ListType && l.TypeID != "" && ids[l.Key] == l.TypeID
		if isWanted && follows && l.State == mapper.ListBound && l.SourceName != "" && l.SourceName != name && (force || !putOff[l.Key]) {
			renames = append(renames, rename{l, name})
		}
	}
	return r.rename(ctx, renames, lists)
}

// releaseGroups forgets the lists of groups that are gone, so that a new group
// of the same name takes the list, as one that existed. That takes nobody off,
// so that of all alarms only those matter which cast doubt on the groups
// themselves: a table was truncated, and nobody knows whether it is theirs; the
// database went back in time; or rollcall.groups is empty, or has a row without an id.
func (r *Reconciler) releaseGroups(ctx context.Context, in mapper.Input, lists []sink.BoundList) (released bool, err error) {
	if len(in.Groups) == 0 || slices.ContainsFunc(in.Groups, func(g mapper.Group) bool { return g.ID == "" }) {
		return false, nil
	}
	doubted, err := r.Store.Alarmed(ctx, store.AlarmTruncated, store.AlarmWentBack)
	if err != nil || doubted {
		return false, err
	}
	for _, l := range lists {
		exists := slices.ContainsFunc(in.Groups, func(g mapper.Group) bool { return mapper.GroupKey(g.ID) == l.Key })
		if l.Kind != mapper.ListGroup || exists {
			continue
		}
		r.Log.Info("group is gone: its list is released", "association", r.ID, "list", string(l.Key))
		released = true
		if err := r.Store.ReleaseList(ctx, l.Key); err != nil {
			return released, err
		}
		if err := r.endWait(ctx, in.Groups, lists, l.Name); err != nil {
			return released, err
		}
	}
	return released, nil
}

// endWait queues the people of groups that have no list and may have waited for
// one of the name.
func (r *Reconciler) endWait(ctx context.Context, groups []mapper.Group, lists []sink.BoundList, name string) error {
	for _, g := range groups {
		bound := slices.ContainsFunc(lists, func(l sink.BoundList) bool { return l.Key == mapper.GroupKey(g.ID) })
		if bound || !strings.EqualFold(strings.TrimSpace(g.Name), strings.TrimSpace(name)) {
			continue
		}
		people, err := r.members(ctx, g)
		if err != nil {
			return err
		}
		if err := r.Store.Enqueue(ctx, append(people, "")); err != nil {
			return err
		}
	}
	return nil
}

// nameTypes records the database's ids of types whose lists were bound before
// it gave any.
func (r *Reconciler) nameTypes(ctx context.Context, in mapper.Input, lists []sink.BoundList) error {
	ids := typeIDs(in.Types)
	for _, l := range lists {
		if id := ids[l.Key]; l.Kind == mapper.ListType && l.TypeID == "" && id != "" {
			if err := r.Store.SetTypeID(ctx, l.Key, id); err != nil {
				return err
			}
		}
	}
	return nil
}

func typeIDs(types []mapper.MembershipType) map[mapper.ListKey]string {
	ids := make(map[mapper.ListKey]string, len(types))
	for _, t := range types {
		if t.ID != "" {
			ids[mapper.TypeKey(t.Name)] = t.ID
		}
	}
	return ids
}

// TypeIDs reads the database's ids of the membership types that exist, for
// sink.Applier.
func (r *Reconciler) TypeIDs(ctx context.Context) (map[mapper.ListKey]string, error) {
	snap, err := r.Source.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close(ctx)
	types, err := snap.Types(ctx, r.ID)
	return typeIDs(types), err
}

// rename is one list with the name that it is to get.
type rename struct {
	sink.BoundList
	to string
}

const (
	renamePause = 24 * time.Hour // after a refused rename; a nightly run tries again anyway
	onTheWay    = " (being renamed)"
)

// rename renames lists, each after the list of ours that has its name now. Lists
// that want each other's names go over a name of their own.
func (r *Reconciler) rename(ctx context.Context, renames []rename, lists []sink.BoundList) error {
	names := make(map[mapper.ListKey]string, len(lists))
	for _, l := range lists {
		names[l.Key] = l.Name
	}
	for len(renames) > 0 {
		i := slices.IndexFunc(renames, func(x rename) bool { return !blockedBy(x, renames, names) })
		if i < 0 { // a circle: the first makes way
			done, err := r.renameOne(ctx, renames[0], fitName(renames[0].to, onTheWay), false)
			if err != nil {
				return err
			}
			if done {
				names[renames[0].Key] = fitName(renames[0].to, onTheWay)
			} else {
				renames = renames[1:]
			}
			continue
		}
		x := renames[i]
		renames = slices.Delete(renames, i, i+1)
		done, err := r.renameOne(ctx, x, x.to, true)
		if err != nil {
			return err
		}
		if done {
			names[x.Key] = x.to
		}
	}
	return nil
}

// blockedBy reports whether a list that is to be renamed itself still has the
// name.
func blockedBy(x rename, renames []rename, names map[mapper.ListKey]string) bool {
	return slices.ContainsFunc(renames, func(y rename) bool { return y.Key != x.Key && strings.EqualFold(names[y.Key], x.to) })
}

// renameOne gives a list a name. done is false when the account refuses it or
// has the list no more.
func (r *Reconciler) renameOne(ctx context.Context, x rename, name string, following bool) (done bool, err error) {
	refused, err := r.Applier.Rename(ctx, x.ListID, name)
	if errors.Is(err, sink.ErrListGone) {
		return false, errors.Join(r.pause(ctx, x.BoundList), r.Store.Enqueue(ctx, []mapper.Address{""}))
	}
	if err != nil {
		return false, err
	}
	if refused {
		r.Log.Warn("list cannot have its source's name in Constant Contact: trying again at night", "association", r.ID, "list", string(x.Key))
		return false, r.Store.PutOffRename(ctx, x.Key, r.Now().Add(renamePause))
	}
	r.Log.Info("renamed list", "association", r.ID, "list", string(x.Key))
	return true, r.Store.Renamed(ctx, x.Key, name, following)
}

const maxListName = 255 // in characters

func fitName(name, suffix string) string {
	if runes, room := []rune(name), maxListName-len(suffix); len(runes) > room {
		name = strings.TrimSpace(string(runes[:room]))
	}
	return name + suffix
}
