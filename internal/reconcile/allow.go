package reconcile

import (
	"context"
	"maps"
	"slices"

	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// allowBack is an operator's decision that somebody may be mailed again whom
// something in Constant Contact kept back: a departure, a deletion, another
// address, or what a previous address shows. It lifts nobody's unsubscribe: only
// the person can do that. Nothing is sent here but the one request that revives a
// deleted contact; additions follow from the queue, with a read of their own.
func (r *Reconciler) allowBack(ctx context.Context, q store.Request) error {
	address, problem := mapper.Normalize(q.Content.Address)
	if problem != "" {
		return r.refuse(ctx, q, problem, problem.Text())
	}
	in, _, err := r.Deliverer.Plan(ctx, []mapper.Address{address}, nil)
	if err != nil {
		return err
	}
	person := personOf(in, address)
	reps := repIDs(person.Holders)
	shown, err := r.Applier.ReadAddress(ctx, address)
	if err != nil {
		return err
	}
	if shown.State == mapper.ContactDeleted {
		r.Log.Info("reviving a contact that was deleted in Constant Contact", "association", r.ID, "reps", reps, "asked_by", q.AskedBy)
		if shown, err = r.Applier.Revive(ctx, address); err != nil {
			return err
		}
	}
	if reason := keptBack(shown.State); reason != "" {
		if err := r.Deliverer.Observe(ctx, map[mapper.Address]sink.Shown{address: shown}); err != nil {
			return err
		}
		return r.refuse(ctx, q, reason, reason.Text()+" Only the person, or Constant Contact, can change that.")
	}
	// Allowed first: the read would find the person off the list once more.
	lifted, err := r.Store.AllowBack(ctx, store.Allowance{
		Address: address, List: mapper.ListKey(q.Content.List), Reps: slices.Sorted(maps.Keys(person.Previous)), By: q.AskedBy,
		Readdressed: shown.State == mapper.ContactAbsent,
	})
	if err != nil {
		return err
	}
	if err := r.Deliverer.Observe(ctx, map[mapper.Address]sink.Shown{address: shown}); err != nil {
		return err
	}
	if err := r.Store.Enqueue(ctx, []mapper.Address{address}); err != nil {
		return err
	}
	r.Log.Info("allowed back", "association", r.ID, "request", q.ID, "reps", reps, "departures", len(lifted), "asked_by", q.AskedBy)
	return r.Store.SetRequest(ctx, q.ID, "done", store.Answer{List: q.Content.List, Queued: 1})
}

// keptBack is why a contact cannot be mailed whatever an operator says.
func keptBack(state mapper.ContactState) mapper.Reason {
	switch state {
	case mapper.ContactActive, mapper.ContactAbsent:
		return ""
	case mapper.ContactUnsubscribed:
		return mapper.ReasonUnsubscribed
	case mapper.ContactDeleted:
		return mapper.ReasonDeleted
	case mapper.ContactOnHold:
		return mapper.ReasonOnHold
	case mapper.ContactPending:
		return mapper.ReasonAwaitingConfirmation
	}
	return mapper.ReasonNoPermission
}

// retry tries an address once more that Constant Contact refused.
func (r *Reconciler) retry(ctx context.Context, q store.Request) error {
	address, problem := mapper.Normalize(q.Content.Address)
	if problem != "" {
		return r.refuse(ctx, q, problem, problem.Text())
	}
	refused, err := r.Store.RetryRefused(ctx, address)
	if err != nil {
		return err
	}
	if !refused {
		return r.refuse(ctx, q, "", "Constant Contact did not refuse this address")
	}
	if err := r.Store.Enqueue(ctx, []mapper.Address{address}); err != nil {
		return err
	}
	r.Log.Info("trying a refused address again", "association", r.ID, "request", q.ID, "asked_by", q.AskedBy)
	return r.Store.SetRequest(ctx, q.ID, "done", store.Answer{Queued: 1})
}

// lookAgain reads one address in Constant Contact and has it planned again.
func (r *Reconciler) lookAgain(ctx context.Context, q store.Request) error {
	address, problem := mapper.Normalize(q.Content.Address)
	if problem != "" {
		return r.refuse(ctx, q, problem, problem.Text())
	}
	shown, err := r.Applier.ReadAddress(ctx, address)
	if err != nil {
		return err
	}
	if err := r.Deliverer.Observe(ctx, map[mapper.Address]sink.Shown{address: shown}); err != nil {
		return err
	}
	if err := r.Store.Enqueue(ctx, []mapper.Address{address}); err != nil {
		return err
	}
	return r.Store.SetRequest(ctx, q.ID, "done", store.Answer{Queued: 1})
}

// personOf is the person of an input with the address; the input has further
// ones where an e-mail change leads to it.
func personOf(in mapper.Input, address mapper.Address) mapper.Person {
	for _, p := range in.People {
		if p.Address == address {
			return p
		}
	}
	return mapper.Person{}
}

func repIDs(reps []mapper.Rep) []mapper.RepID {
	ids := make([]mapper.RepID, len(reps))
	for i, rep := range reps {
		ids[i] = rep.ID
	}
	return ids
}
