package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// bindList binds a list of ours that is missing, or could not be bound, to one of
// the account that an operator names. Like any list that existed it is looked at
// first: nobody is taken off it or put on it before.
func (r *Reconciler) bindList(ctx context.Context, q store.Request) error {
	key := mapper.ListKey(q.Content.List)
	account, err := r.Applier.AccountLists(ctx)
	if err != nil {
		return err
	}
	ours, err := r.Store.Lists(ctx)
	if err != nil {
		return err
	}
	to, why := chooseList(account, q.Content.To)
	if why == "" {
		if i := slices.IndexFunc(ours, func(l sink.BoundList) bool { return l.ListID == to.ID && l.Key != key }); i >= 0 {
			why = (&store.ListTakenError{By: ours[i].Key}).Error()
		}
	}
	if why != "" {
		return r.refuse(ctx, q, "", why)
	}
	err = r.Store.BindList(ctx, key, to, q.ID)
	_, unfit := errors.AsType[*store.ListStateError](err)
	_, taken := errors.AsType[*store.ListTakenError](err)
	if unfit || taken || errors.Is(err, store.ErrNoList) {
		return r.refuse(ctx, q, "", lastError(err).Error())
	}
	if err == nil {
		r.Log.Info("list was bound by an operator", "association", r.ID, "list", string(key), "request", q.ID, "asked_by", q.AskedBy)
	}
	return err
}

// lastError is what an error says without what was tried.
func lastError(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// chooseList finds a list of the account by its id or, where only one has it, by
// its name in any spelling. why says what is wrong with the choice.
func chooseList(account sink.Account, to string) (l sink.AccountList, why string) {
	if l, there := account[to]; there {
		if l.Deleted {
			return l, "that list was deleted in Constant Contact"
		}
		return l, ""
	}
	var named []sink.AccountList
	for _, l := range account {
		if !l.Deleted && strings.EqualFold(strings.TrimSpace(l.Name), strings.TrimSpace(to)) {
			named = append(named, l)
		}
	}
	switch len(named) {
	case 1:
		return named[0], ""
	case 0:
		return l, "the account has no list of that id or name"
	}
	ids := make([]string, len(named))
	for i, l := range named {
		ids[i] = l.ID
	}
	slices.Sort(ids)
	return l, fmt.Sprintf("%d lists of the account have that name; name one by its id: %s", len(named), strings.Join(ids, ", "))
}
