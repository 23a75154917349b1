package reconcile

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// firstLook looks at the lists that existed before us, by one complete reading
// of the account, and asks once about whom it finds there: nothing is planned
// for such a list before (docs/semantics.md, section 6).
func (r *Reconciler) firstLook(ctx context.Context, d store.Due) error {
	o, err := r.options(ctx)
	if err != nil {
		return err
	}
	if !active(o) {
		return r.next(ctx, d, inactivePause)
	}
	return r.run(ctx, store.Run{Kind: store.RunFirstLook, AskedBy: byClock}, func(run int64) error {
		if _, err := r.keepLists(ctx, false); err != nil {
			return err
		}
		lists, err := r.unseen(ctx)
		if err != nil || len(lists) == 0 {
			return err
		}
		// Of contacts that are on no list the reading keeps those whose address
		// somebody in the database was seen with.
		if err := r.readDatabase(ctx); err != nil {
			return err
		}
		found, err := r.pullAll(ctx)
		if err != nil {
			return err
		}
		if err := r.Store.RunFound(ctx, run, found); err != nil {
			return err
		}
		l := look{Reconciler: r, questions: map[asked]*store.Question{}}
		if err := l.whoIsOn(ctx, lists); err != nil {
			return err
		}
		if err := l.whoIsNot(ctx, lists); err != nil {
			return err
		}
		queued, err := r.Store.Looked(ctx, run, lists, l.all())
		if err != nil {
			return err
		}
		r.Log.Info("looked at lists that existed", "association", r.ID, "lists", len(lists), "questions", len(l.questions), "addresses", queued)
		return nil
	})
}

// unseen are the lists that existed and were not looked at yet.
func (r *Reconciler) unseen(ctx context.Context) ([]mapper.ListKey, error) {
	all, err := r.Store.Lists(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(l sink.BoundList) bool { return l.State != mapper.ListBound || !l.Existed || l.Looked })
	return keysOf(all), nil
}

// asked names one question of a first look.
type asked struct {
	list mapper.ListKey
	kind mapper.HoldKind
}

// look gathers the questions of one first look.
type look struct {
	*Reconciler
	questions map[asked]*store.Question
}

func (l *look) all() []store.Question {
	keys := slices.SortedFunc(maps.Keys(l.questions), func(a, b asked) int { return cmp.Or(cmp.Compare(a.list, b.list), cmp.Compare(a.kind, b.kind)) })
	questions := make([]store.Question, len(keys))
	for i, key := range keys {
		questions[i] = *l.questions[key]
	}
	return questions
}

func (l *look) ask(q mapper.Question) {
	key := asked{q.List, q.Hold.Kind}
	if l.questions[key] == nil {
		l.questions[key] = &store.Question{Kind: q.Hold.Kind, List: q.List}
	}
	l.questions[key].Pairs = append(l.questions[key].Pairs, store.AskedPair{
		Address: q.Address, List: q.List, Op: q.Kind, Reason: q.Reason, Rep: q.Rep, Verdict: q.Hold.Verdict,
	})
}

// whoIsOn asks about everybody on a list who is not wanted there. Who
// unsubscribed gets no mail and stays without a question.
func (l *look) whoIsOn(ctx context.Context, lists []mapper.ListKey) error {
	for _, list := range lists {
		for after := mapper.Address(""); ; {
			addresses, err := l.Store.OnList(ctx, list, after, bulk)
			if err != nil {
				return err
			}
			if len(addresses) == 0 {
				break
			}
			after = addresses[len(addresses)-1]
			in, out, err := l.Deliverer.Plan(ctx, addresses, nil)
			if err != nil {
				return err
			}
			gone := map[mapper.Address]bool{}
			for _, p := range in.People {
				gone[p.Address] = p.Contact.State == mapper.ContactUnsubscribed || p.Contact.State == mapper.ContactDeleted
			}
			for _, q := range out.FirstLook {
				if q.List == list && q.Kind == mapper.InactivateFromList && !gone[q.Address] {
					l.ask(q)
				}
			}
		}
	}
	return nil
}

// whoIsNot asks about everybody who is wanted on a list, could be mailed and is
// not on it: they may have left it.
func (l *look) whoIsNot(ctx context.Context, lists []mapper.ListKey) error {
	for after := mapper.Address(""); ; {
		addresses, err := l.Store.Mailable(ctx, after, bulk)
		if err != nil || len(addresses) == 0 {
			return err
		}
		after = addresses[len(addresses)-1]
		_, out, err := l.Deliverer.Plan(ctx, addresses, nil)
		if err != nil {
			return err
		}
		for _, q := range out.FirstLook {
			if q.Kind == mapper.AddToList && slices.Contains(lists, q.List) && slices.Contains(addresses, q.Address) {
				l.ask(q)
			}
		}
	}
}
