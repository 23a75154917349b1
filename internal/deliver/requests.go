package deliver

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// Sync takes up a request to sync one group now: everybody on its list who is
// not wanted there goes, whoever put them there. It answers the request, or
// leaves it running until the list's people have been delivered.
func (d *Deliverer) Sync(ctx context.Context, r store.Request) error {
	w, err := d.read(ctx, question{})
	if err != nil {
		return err
	}
	g, err := group(w.input.Groups, r.Content.Group)
	if err != nil {
		return d.refuse(ctx, r, "", err.Error())
	}
	key := mapper.GroupKey(g.ID)
	if r.State == "running" {
		left, err := d.Store.ExactLeft(ctx, key)
		if err != nil || left {
			return err
		}
		return d.Store.SetRequest(ctx, r.ID, "done", store.Answer{List: string(key)})
	}
	if reason := gate(w.input.Options, g); reason != "" {
		return d.refuse(ctx, r, reason, reason.Text())
	}
	list, bound := listsByKey(w.lists)[key]
	if !bound {
		return d.refuse(ctx, r, mapper.ReasonListMissing, "the group has no list in Constant Contact yet, or it is missing there")
	}
	return d.exact(ctx, r, list)
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

// exact reads the list, checks that not too many people would go, and queues
// everybody who is or should be on it.
func (d *Deliverer) exact(ctx context.Context, r store.Request, list sink.BoundList) error {
	onList, err := d.Applier.ReadList(ctx, list.ListID)
	if err != nil {
		return err
	}
	addresses := slices.Sorted(maps.Keys(onList))
	exact := map[mapper.Address][]string{}
	for _, address := range addresses {
		exact[address] = []string{string(list.Key)}
	}
	w, err := d.read(ctx, question{addresses: addresses, exact: exact})
	if err != nil {
		return err
	}
	if err := d.observe(ctx, w, mapper.Plan(w.input), onList); err != nil {
		return err
	}
	if w, err = d.read(ctx, question{addresses: addresses, exact: exact}); err != nil {
		return err
	}
	removals := 0
	for _, op := range mapper.Plan(w.input).Ops {
		if op.Kind == mapper.InactivateFromList && op.List == list.Key && !op.OptOut {
			removals++
		}
	}
	if tooMany(removals, len(addresses)) {
		return d.refuse(ctx, r, mapper.ReasonWaitingApproval,
			fmt.Sprintf("it would take %d of %d people off the list, more than goes without approval", removals, len(addresses)))
	}
	queued, err := d.Store.MakeExact(ctx, list.Key, addresses)
	if err != nil {
		return err
	}
	if err := d.Store.Touch(ctx, "group", strings.TrimPrefix(string(list.Key), "group:")); err != nil {
		return err
	}
	d.Log.Info("sync now", "association", d.ID, "list", string(list.Key), "on_list", len(addresses), "queued", queued)
	return d.Store.SetRequest(ctx, r.ID, "running", store.Answer{List: string(list.Key), OnList: len(addresses), Queued: queued})
}

// tooMany is the threshold above which removals from one list need somebody's
// approval: more than 10 and more than 20 %, or more than 500, or a list of 5
// or more would become empty.
func tooMany(removals, size int) bool {
	return removals > 10 && removals*5 > size || removals > 500 || size >= 5 && removals == size
}

func (d *Deliverer) refuse(ctx context.Context, r store.Request, reason mapper.Reason, detail string) error {
	d.Log.Warn("request refused", "association", d.ID, "request", r.ID, "reason", string(reason), "detail", detail)
	return d.Store.SetRequest(ctx, r.ID, "refused", store.Answer{Reason: reason, Detail: detail})
}
