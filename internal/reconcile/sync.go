package reconcile

import (
	"context"
	"errors"
	"fmt"

	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// Request takes up what somebody asked for, or follows it to its end.
func (r *Reconciler) Request(ctx context.Context, q store.Request) error {
	if q.State == "running" {
		return r.follow(ctx, q)
	}
	var err error
	switch q.Content.Ask {
	case "sync_now":
		err = r.syncNow(ctx, q)
	case "reconcile":
		err = r.reconcileAsked(ctx, q)
	case "allow_back":
		err = r.allowBack(ctx, q)
	case "look":
		err = r.lookAgain(ctx, q)
	case "retry":
		err = r.retry(ctx, q)
	case "list_bind":
		err = r.bindList(ctx, q)
	default:
		err = r.refuse(ctx, q, "", "unknown request")
	}
	if failed := (runError{}); errors.As(err, &failed) && ctx.Err() == nil {
		// The request ends with its run.
		r.Log.Error("run that was asked for", "association", r.ID, "request", q.ID, "ask", q.Content.Ask, "err", failed)
		return nil
	}
	return err
}

// follow ends a request with its run.
func (r *Reconciler) follow(ctx context.Context, q store.Request) error {
	state, detail, err := r.Store.RunState(ctx, q.Run)
	if err != nil || state == store.RunRunning {
		return err
	}
	answer := store.Answer{Run: q.Run, Detail: detail}
	if state != store.RunDone {
		return r.Store.SetRequest(ctx, q.ID, "refused", answer)
	}
	return r.Store.SetRequest(ctx, q.ID, "done", answer)
}

func (r *Reconciler) refuse(ctx context.Context, q store.Request, reason mapper.Reason, detail string) error {
	r.Log.Warn("request refused", "association", r.ID, "request", q.ID, "ask", q.Content.Ask, "reason", string(reason), "detail", detail)
	return r.Store.SetRequest(ctx, q.ID, "refused", store.Answer{Reason: reason, Detail: detail})
}

// reconcileAsked runs a full reconciliation that a command asked for.
func (r *Reconciler) reconcileAsked(ctx context.Context, q store.Request) error {
	o, err := r.options(ctx)
	if err != nil {
		return err
	}
	if !active(o) {
		reason := mapper.ReasonOptionOff
		if !mapper.IsConstantContact(o.NewsletterSolution) {
			reason = mapper.ReasonOtherNewsletter
		}
		return r.refuse(ctx, q, reason, reason.Text())
	}
	return r.reconcileNow(ctx, q.AskedBy, nil, func(run int64) error {
		return r.Store.SetRequest(ctx, q.ID, "running", store.Answer{Run: run})
	})
}

// syncNow brings the list of one group to exactly who is wanted, whoever put
// the others there. What goes above a threshold is held like anywhere else. A
// command has shown the people who would go and recorded their approval: then
// nobody else goes because the list is exact.
func (r *Reconciler) syncNow(ctx context.Context, q store.Request) error {
	in, _, err := r.Deliverer.Plan(ctx, nil, nil)
	if err != nil {
		return err
	}
	g, err := findGroup(in.Groups, q.Content.Group)
	if err != nil {
		return r.refuse(ctx, q, "", err.Error())
	}
	if reason := gate(in.Options, g); reason != "" {
		return r.refuse(ctx, q, reason, reason.Text())
	}
	if _, err := r.keepLists(ctx, false); err != nil {
		return err
	}
	list, reason, err := r.listOf(ctx, g)
	if err != nil {
		return err
	}
	if reason != "" {
		return r.refuse(ctx, q, reason, whyNoList(reason))
	}
	run := store.Run{Kind: store.RunSyncNow, Lists: []mapper.ListKey{list.Key}, AskedBy: q.AskedBy}
	return r.run(ctx, run, func(run int64) error {
		if err := r.Store.SetRequest(ctx, q.ID, "running", store.Answer{Run: run, List: string(list.Key)}); err != nil {
			return err
		}
		if err := r.readGroup(ctx, run, list); err != nil {
			return err
		}
		people, err := r.members(ctx, g)
		if err != nil {
			return err
		}
		return r.queue(ctx, store.Queue{Run: run, Exact: []mapper.ListKey{list.Key}, Only: list.Key, Named: people, Ceiling: q.Command})
	})
}

// gate says why a group is not synced at all.
func gate(o mapper.Options, g mapper.Group) mapper.Reason {
	switch {
	case !mapper.IsConstantContact(o.NewsletterSolution):
		return mapper.ReasonOtherNewsletter
	case !o.SyncGroups:
		return mapper.ReasonOptionOff
	case !g.Sync:
		return mapper.ReasonGroupNotSynced
	}
	return ""
}

// findGroup finds a group by its id or, where only one has it, by its name.
func findGroup(groups []mapper.Group, ref string) (mapper.Group, error) {
	var named []mapper.Group
	for _, g := range groups {
		if string(g.ID) == ref {
			return g, nil
		}
		if g.Name == ref {
			named = append(named, g)
		}
	}
	switch len(named) {
	case 1:
		return named[0], nil
	case 0:
		return mapper.Group{}, fmt.Errorf("no group has that id or name")
	default:
		return mapper.Group{}, fmt.Errorf("%d groups have that name; ask by id", len(named))
	}
}

// listOf is a group's list, or why it cannot be worked on.
func (r *Reconciler) listOf(ctx context.Context, g mapper.Group) (sink.BoundList, mapper.Reason, error) {
	lists, err := r.Store.Lists(ctx)
	if err != nil {
		return sink.BoundList{}, "", err
	}
	for _, l := range lists {
		if l.Key != mapper.GroupKey(g.ID) {
			continue
		}
		switch {
		case l.State == mapper.ListOff:
			return l, mapper.ReasonOptionOff, nil
		case l.State == mapper.ListAmbiguous:
			return l, mapper.ReasonListAmbiguous, nil
		case l.State == mapper.ListNoRoom:
			return l, mapper.ReasonAccountListLimit, nil
		case l.State == mapper.ListBound && l.Existed && !l.Looked:
			return l, mapper.ReasonWaitingConsentRead, nil
		case l.State == mapper.ListBound:
			return l, "", nil
		}
	}
	return sink.BoundList{}, mapper.ReasonListMissing, nil
}

func whyNoList(reason mapper.Reason) string {
	switch reason {
	case mapper.ReasonListMissing:
		return "the group has no list in Constant Contact yet, or it is missing there"
	case mapper.ReasonWaitingConsentRead:
		return "the group's list existed before and is being looked at first; ask again in some minutes"
	}
	return reason.Text()
}

// readGroup reads who is on a group's list.
func (r *Reconciler) readGroup(ctx context.Context, run int64, list sink.BoundList) error {
	if err := r.sweepNow(ctx); err != nil {
		return err
	}
	found, err := r.pullLists(ctx, []sink.BoundList{list})
	if err != nil {
		return err
	}
	return r.Store.RunFound(ctx, run, found)
}

// members reads who has a row in a group, and records what it sees of them.
func (r *Reconciler) members(ctx context.Context, g mapper.Group) ([]mapper.Address, error) {
	snap, err := r.Source.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close(ctx)
	var people []mapper.Address
	err = r.Store.Widen(ctx, nil, false, false, func(m *store.Marks) error {
		return snap.RefsByGroup(ctx, []string{string(g.ID)}, func(ref source.RepRef) error {
			if ref.Association != r.ID {
				return nil
			}
			if address, problem := mapper.Normalize(ref.Email); problem == "" {
				people = append(people, address)
			}
			return mark(m, ref)
		})
	})
	return people, err
}
