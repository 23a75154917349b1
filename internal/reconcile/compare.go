package reconcile

import (
	"context"

	"rollcall/mapper"
	"rollcall/sink"
)

// CompareLists reads the account's lists and records what became of ours, and of
// those that people were carried to. Where one is gone, people wait no longer; see
// sink.Applier.
func (r *Reconciler) CompareLists(ctx context.Context, people []mapper.Address) error {
	account, err := r.Applier.AccountLists(ctx)
	if err != nil {
		return err
	}
	changed, err := r.compareLists(ctx, account)
	if err != nil || !changed {
		return err
	}
	return r.Store.WaitNoLonger(ctx, people)
}

// compareLists records what became of lists in the account.
func (r *Reconciler) compareLists(ctx context.Context, account sink.Account) (changed bool, err error) {
	forgot, err := r.forgetLists(ctx, account)
	if err != nil {
		return forgot, err
	}
	changed, err = r.compareOurs(ctx, account)
	return changed || forgot, err
}

// forgetLists ends what is known of lists that are not ours and are gone.
func (r *Reconciler) forgetLists(ctx context.Context, account sink.Account) (changed bool, err error) {
	ids, err := r.Store.UnmanagedLists(ctx)
	if err != nil {
		return false, err
	}
	var gone []string
	for _, id := range ids {
		shown, listed := account[id]
		there := listed && !shown.Deleted
		if !listed {
			if there, err = r.Applier.Exists(ctx, id); err != nil {
				return false, err
			}
		}
		if !there {
			gone = append(gone, id)
		}
	}
	if len(gone) == 0 {
		return false, nil
	}
	r.Log.Info("lists that are not ours were deleted in Constant Contact", "association", r.ID, "lists", len(gone))
	return true, r.Store.ForgetUnmanaged(ctx, gone)
}

func (r *Reconciler) compareOurs(ctx context.Context, account sink.Account) (changed bool, err error) {
	lists, err := r.Store.Lists(ctx)
	if err != nil {
		return false, err
	}
	for _, l := range lists {
		shown, listed := account[l.ListID]
		there := listed && !shown.Deleted
		switch l.State {
		case mapper.ListBound, mapper.ListRetired:
			if !listed {
				if there, err = r.Applier.Exists(ctx, l.ListID); err != nil {
					return changed, err
				}
			}
			if there && (shown.Name == l.Name || !listed) {
				continue
			}
			if !there {
				changed = true
				err = r.pause(ctx, l)
				break
			}
			err = r.Store.SetListState(ctx, l.Key, l.State, shown.Name)
		case mapper.ListMissing:
			if !there {
				continue
			}
			changed = true
			r.Log.Info("list is back in Constant Contact", "association", r.ID, "list", string(l.Key))
			err = r.Store.SetListState(ctx, l.Key, mapper.ListBound, shown.Name)
		case mapper.ListAmbiguous, mapper.ListNoRoom:
			if !r.mayBind(l, account, lists) {
				continue
			}
			changed = true
			err = r.Store.ReleaseList(ctx, l.Key)
		}
		if err != nil {
			return changed, err
		}
	}
	if !changed {
		return false, nil
	}
	return true, r.Store.Enqueue(ctx, []mapper.Address{""})
}

// pause records that a list was deleted in Constant Contact.
func (r *Reconciler) pause(ctx context.Context, l sink.BoundList) error {
	r.Log.Warn("list was deleted in Constant Contact: it is paused", "association", r.ID, "list", string(l.Key))
	return r.Store.SetListState(ctx, l.Key, mapper.ListMissing, l.Name)
}

// mayBind reports whether a list that could not be bound may be tried again. A
// name that was derived because another source has the same one never takes a
// list that exists.
func (r *Reconciler) mayBind(l sink.BoundList, account sink.Account, ours []sink.BoundList) bool {
	switch n := account.Free(l.Name, ours); {
	case n == 0:
		return account.Room()
	case n == 1:
		return !derived(l)
	}
	return false
}
