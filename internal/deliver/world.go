package deliver

import (
	"context"
	"slices"
	"strings"

	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// world is everything that a plan for some addresses needs, at one snapshot of
// the member database.
type world struct {
	input  mapper.Input
	people map[mapper.Address]*mapper.Person // those of input, by address
	known  map[mapper.Address]*store.Known
	reps   store.RepFacts
	lists  []sink.BoundList
	// asked are the addresses that the plan is for. Input has further ones:
	// those from which an unfinished e-mail change leads to them.
	asked map[mapper.Address]bool
	// mayBePages: what is observed may come from pages, which prove no absence. A
	// previous address is read once more before the new one is added.
	mayBePages bool
	// chain are all addresses that the reps had whose e-mail change to an asked address
	// has still to find out what it carries over: consent follows from each of them.
	chain map[mapper.RepID][]mapper.Address
	// edited are the addresses of people in the database under which the contacts of
	// strangers are known: somebody edited them in Constant Contact.
	edited map[mapper.Address][]mapper.Address
}

// question says what a world is to be read for.
type question struct {
	addresses []mapper.Address
	exact     map[mapper.Address][]string
	types     bool // which membership types exist, for lists that nobody is on yet
	explain   bool
	piece     bool // of a batch: the membership types are not read
	stretch   bool // the addresses follow each other in the order of store.KnownAddresses
}

// read reads the world of addresses.
func (d *Deliverer) read(ctx context.Context, q question) (*world, error) {
	w := &world{asked: make(map[mapper.Address]bool, len(q.addresses))}
	for _, address := range q.addresses {
		w.asked[address] = true
	}
	var err error
	if w.lists, err = d.Store.Lists(ctx); err != nil {
		return nil, err
	}
	addresses, err := d.readKnown(ctx, w, q)
	if err != nil {
		return nil, err
	}
	snap, err := d.Source.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close(ctx)

	w.input.Policy, w.input.Connected, w.input.Known, w.input.Explain = d.Policy, true, mapperLists(w.lists), q.explain
	if w.input.Options, err = snap.Options(ctx, d.ID); err != nil {
		return nil, err
	}
	if w.input.Groups, err = snap.Groups(ctx, d.ID); err != nil {
		return nil, err
	}
	var seen []mapper.RepID
	for _, k := range w.known {
		for _, s := range k.Seen {
			seen = append(seen, s.Rep)
		}
	}
	reps, err := snap.RepsAt(ctx, d.ID, addresses, seen)
	if err != nil {
		return nil, err
	}
	outs, err := snap.OptOuts(ctx, d.ID, addresses)
	if err != nil {
		return nil, err
	}
	if w.reps, err = d.Store.RepFacts(ctx, repIDs(reps)); err != nil {
		return nil, err
	}
	w.input.People = persons(addresses, w.known, reps, outs, q.exact)
	w.people = make(map[mapper.Address]*mapper.Person, len(addresses))
	for i := range w.input.People {
		w.people[w.input.People[i].Address] = &w.input.People[i]
	}
	w.follow()
	// Without the optional view that reads every rep, which nobody who asks
	// about one person is to wait for.
	if (q.types || !q.piece && w.typeMayBeGone()) && (!q.explain || d.Source.HasTypes()) {
		w.input.TypesComplete = true
		w.input.Types, err = snap.Types(ctx, d.ID)
	}
	return w, err
}

// readKnown reads what the state has about addresses, and about those from which
// unfinished e-mail changes lead to them. It returns all of them.
func (d *Deliverer) readKnown(ctx context.Context, w *world, q question) ([]mapper.Address, error) {
	read, addresses := d.Store.Known, q.addresses
	if q.stretch {
		read = d.Store.KnownStretch
	}
	var err error
	if w.known, err = read(ctx, addresses); err != nil {
		return nil, err
	}
	var further []mapper.Address
	var reps []mapper.RepID
	for _, k := range w.known {
		for _, c := range k.Changes {
			if !w.asked[c.To] {
				continue
			}
			further = append(further, c.From...)
			if c.Lists == nil {
				reps = append(reps, c.Rep)
			}
		}
	}
	if len(reps) > 0 {
		if w.chain, err = d.Store.Chain(ctx, reps); err != nil {
			return nil, err
		}
		for _, had := range w.chain {
			further = append(further, had...)
		}
	}
	if w.edited, err = d.readEdited(ctx, w.known); err != nil {
		return nil, err
	}
	for _, from := range w.edited {
		further = append(further, from...)
	}
	further = slices.DeleteFunc(further, func(address mapper.Address) bool { return w.known[address] != nil })
	if len(further) == 0 {
		return addresses, nil
	}
	slices.Sort(further)
	further = slices.Compact(further)
	more, err := d.Store.Known(ctx, further)
	if err != nil {
		return nil, err
	}
	for address, k := range more {
		w.known[address] = k
	}
	return slices.Concat(addresses, further), nil
}

// readEdited reads under which other addresses the contacts of strangers are known.
func (d *Deliverer) readEdited(ctx context.Context, known map[mapper.Address]*store.Known) (map[mapper.Address][]mapper.Address, error) {
	strangers := map[string][]mapper.Address{}
	var ids []string
	for address, k := range known {
		if len(k.Seen) == 0 && k.Contact.ID != "" && len(k.Pairs) > 0 {
			strangers[k.Contact.ID] = append(strangers[k.Contact.ID], address)
			ids = append(ids, k.Contact.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	same, err := d.Store.SameContact(ctx, ids)
	edited := make(map[mapper.Address][]mapper.Address, len(same))
	for id, from := range same {
		for _, stranger := range strangers[id] {
			edited[stranger] = from
		}
	}
	return edited, err
}

// typeMayBeGone reports whether somebody is on the list of a membership type
// that no holder has: whether the type still exists decides what that means.
func (w *world) typeMayBeGone() bool {
	return slices.ContainsFunc(w.input.People, func(p mapper.Person) bool { return mayLackType(&p) })
}

// mayLackType reports whether a person is on the list of a membership type that no
// holder has.
func mayLackType(p *mapper.Person) bool {
	for key, pair := range p.Pairs {
		if !strings.HasPrefix(string(key), "type:") || pair.Told != mapper.ToldAdd && pair.Shown != mapper.ShownOn {
			continue
		}
		has := slices.ContainsFunc(p.Holders, func(r mapper.Rep) bool {
			return slices.ContainsFunc(r.MembershipTypes, func(name string) bool { return mapper.TypeKey(name) == key })
		})
		if !has {
			return true
		}
	}
	return false
}

// persons puts together what the database and the state say of each address.
func persons(addresses []mapper.Address, known map[mapper.Address]*store.Known, reps []*mapper.Rep, outs []source.OptOut, exact map[mapper.Address][]string) []mapper.Person {
	byID := make(map[mapper.RepID]*mapper.Rep, len(reps))
	holders := make(map[mapper.Address][]mapper.Rep, len(addresses))
	for _, rep := range reps {
		byID[rep.ID] = rep
		if address, problem := mapper.Normalize(rep.Email); problem == "" {
			holders[address] = append(holders[address], *rep)
		}
	}
	people := make([]mapper.Person, 0, len(addresses))
	at := make(map[mapper.Address]int, len(addresses))
	for _, address := range addresses {
		k := known[address]
		p := mapper.Person{
			Address: address, Holders: holders[address], SeenOptedOut: map[mapper.RepID]bool{}, Returned: map[mapper.RepID]bool{},
			RememberedOptOut: k.OptOut, OptOutGroups: map[mapper.GroupID]bool{}, OptedIn: k.OptedIn,
			Contact: k.Contact, OldAccount: k.OldAccount, Pairs: k.Pairs, Exact: map[mapper.ListKey]bool{},
		}
		holds := map[mapper.RepID]bool{}
		for _, h := range p.Holders {
			holds[h.ID] = true
		}
		for _, s := range k.Seen {
			switch {
			case !holds[s.Rep]:
				p.Former = append(p.Former, mapper.Former{Rep: byID[s.Rep], OptedOut: s.OptedOut != nil && *s.OptedOut, Gone: s.Gone})
			case s.Gone:
				p.Returned[s.Rep] = s.OptedOut != nil && *s.OptedOut
			case s.OptedOut != nil:
				p.SeenOptedOut[s.Rep] = *s.OptedOut
			}
		}
		for _, key := range exact[address] {
			p.Exact[mapper.ListKey(key)] = true
		}
		at[address] = len(people)
		people = append(people, p)
	}
	for _, out := range outs {
		address, _ := mapper.Normalize(out.Email)
		i, asked := at[address]
		switch {
		case !asked:
		case out.Group == "":
			people[i].OptOutAll = true
		default:
			people[i].OptOutGroups[out.Group] = true
		}
	}
	return people
}

// facts are what a plan learned besides its operations.
func (w *world) facts(out mapper.Output) store.Facts {
	f := store.Facts{Memory: out.OptOuts, Winners: out.Winners, Withdrawn: out.Withdrawn, States: out.States, Cuts: out.Cuts}
	for address, p := range w.people {
		if len(p.Carry) > 0 {
			f.Carrying = append(f.Carrying, string(address))
		}
		for _, h := range p.Holders {
			if h.Unreadable != "" {
				continue
			}
			if before, seen := p.SeenOptedOut[h.ID]; !seen || before != h.OptedOut {
				f.OptedOut = append(f.OptedOut, store.RepOptOut{Rep: h.ID, Address: address, OptedOut: h.OptedOut})
			}
		}
		for _, former := range p.Former {
			switch {
			case former.Rep == nil || former.Rep.Unreadable != "":
			case former.Gone && former.Rep.OptedOut, !former.Gone && former.Rep.OptedOut != former.OptedOut:
				f.OptedOut = append(f.OptedOut, store.RepOptOut{Rep: former.Rep.ID, Address: address, OptedOut: former.Rep.OptedOut})
			}
		}
		f.Gone = append(f.Gone, w.gone(p)...)
	}
	return f
}

// gone are reps who had opted out with the person's address when a plan last saw them,
// and are gone.
func (w *world) gone(p *mapper.Person) []store.RepAt {
	var gone []store.RepAt
	for _, s := range w.known[p.Address].Seen {
		formerly := slices.ContainsFunc(p.Former, func(f mapper.Former) bool { return f.Rep != nil && f.Rep.ID == s.Rep })
		if s.OptedOut != nil && *s.OptedOut && !s.Gone && !formerly && !holds(p, s.Rep) {
			gone = append(gone, store.RepAt{Rep: s.Rep, Address: p.Address})
		}
	}
	return gone
}

func mapperLists(bound []sink.BoundList) []mapper.List {
	lists := make([]mapper.List, len(bound))
	for i, l := range bound {
		state := l.State
		if state == sink.ListCreating {
			state = mapper.ListUnbound
		}
		lists[i] = mapper.List{
			Key: l.Key, Kind: l.Kind, Ref: l.Ref, Name: l.Name, State: state,
			Existed: l.Existed, Unseen: l.Existed && !l.Looked, KeepForeign: l.KeepForeign,
		}
	}
	return lists
}

func repIDs(reps []*mapper.Rep) []mapper.RepID {
	ids := make([]mapper.RepID, len(reps))
	for i, r := range reps {
		ids[i] = r.ID
	}
	return ids
}
