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
		found, err := r.pull(ctx, nil)
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

func (l *look) ask(list mapper.ListKey, kind mapper.HoldKind, op mapper.OpKind, d mapper.Decision) {
	key := asked{list, kind}
	if l.questions[key] == nil {
		l.questions[key] = &store.Question{Kind: kind, List: list}
	}
	l.questions[key].Pairs = append(l.questions[key].Pairs, store.AskedPair{
		Address: d.Address, List: list, Op: op, Reason: d.Reason, Rep: d.Rep, Verdict: d.Verdict,
	})
}

// verdicts are what the rows say of addresses on lists that no plan is made for
// yet, and who would be taken off for an opt-out.
func (l *look) verdicts(ctx context.Context, addresses []mapper.Address, lists []mapper.ListKey) (map[pair]mapper.Decision, map[pair]bool, map[mapper.Address]*mapper.Person, error) {
	in, _, err := l.Deliverer.Plan(ctx, addresses, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	for i := range in.Known {
		if slices.Contains(lists, in.Known[i].Key) {
			in.Known[i].Unseen = false
		}
	}
	out := mapper.Plan(in)
	decisions, optedOut := map[pair]mapper.Decision{}, map[pair]bool{}
	for _, d := range out.Decisions {
		decisions[pair{d.Address, d.List}] = d
	}
	for _, op := range out.Ops {
		if op.Kind == mapper.InactivateFromList && op.OptOut {
			optedOut[pair{op.Address, op.List}] = true
		}
	}
	people := make(map[mapper.Address]*mapper.Person, len(in.People))
	for i := range in.People {
		people[in.People[i].Address] = &in.People[i]
	}
	return decisions, optedOut, people, nil
}

type pair struct {
	address mapper.Address
	list    mapper.ListKey
}

// whoIsOn asks about everybody on a list who is not wanted there: left behind
// if some rep ever had the address, else foreign. Who opted out goes without a
// question; who unsubscribed gets no mail and stays.
func (l *look) whoIsOn(ctx context.Context, lists []mapper.ListKey) error {
	for _, list := range lists {
		for after := mapper.Address(""); ; {
			addresses, ours, err := l.Store.OnList(ctx, list, after, bulk)
			if err != nil {
				return err
			}
			if len(addresses) == 0 {
				break
			}
			after = addresses[len(addresses)-1]
			decisions, optedOut, people, err := l.verdicts(ctx, addresses, lists)
			if err != nil {
				return err
			}
			for _, address := range addresses {
				d := decisions[pair{address, list}]
				state := people[address].Contact.State
				if d.Verdict == mapper.On || optedOut[pair{address, list}] || state == mapper.ContactUnsubscribed || state == mapper.ContactDeleted {
					continue
				}
				kind := mapper.HoldForeign
				if ours[address] {
					kind = mapper.HoldLeftBehind
				}
				d.Address, d.List = address, list
				l.ask(list, kind, mapper.InactivateFromList, d)
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
		decisions, _, people, err := l.verdicts(ctx, addresses, lists)
		if err != nil {
			return err
		}
		for _, address := range addresses {
			for _, list := range lists {
				d, concerned := decisions[pair{address, list}]
				known := people[address].Pairs[list]
				if concerned && d.Verdict == mapper.On && known.Shown != mapper.ShownOn && !known.Departed {
					l.ask(list, mapper.HoldMayHaveLeft, mapper.AddToList, d)
				}
			}
		}
	}
}
