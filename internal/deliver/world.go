package deliver

import (
	"context"
	"fmt"

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
	lists  []sink.BoundList
}

// read reads the world of addresses. withTypes also reads which membership
// types exist, for lists that nobody is on yet.
func (d *Deliverer) read(ctx context.Context, addresses []mapper.Address, exact map[mapper.Address][]string, withTypes bool) (*world, error) {
	known, err := d.Store.Known(ctx, addresses)
	if err != nil {
		return nil, err
	}
	lists, err := d.Store.Lists(ctx)
	if err != nil {
		return nil, err
	}
	snap, err := d.Source.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close(ctx)

	w := &world{known: known, lists: lists}
	w.input.Policy, w.input.Connected, w.input.Known = d.Policy, true, mapperLists(lists)
	if w.input.Options, err = snap.Options(ctx, d.ID); err != nil {
		return nil, err
	}
	if w.input.Groups, err = snap.Groups(ctx, d.ID); err != nil {
		return nil, err
	}
	if withTypes {
		if w.input.Types, err = snap.Types(ctx, d.ID); err != nil {
			return nil, err
		}
	}
	var seen []mapper.RepID
	for _, k := range known {
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
	w.input.People = persons(addresses, known, reps, outs, exact)
	w.people = make(map[mapper.Address]*mapper.Person, len(addresses))
	for i := range w.input.People {
		w.people[w.input.People[i].Address] = &w.input.People[i]
	}
	return w, nil
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
			Address: address, Holders: holders[address], SeenOptedOut: map[mapper.RepID]bool{},
			RememberedOptOut: k.OptOut, OptOutGroups: map[mapper.GroupID]bool{},
			Contact: k.Contact, Pairs: k.Pairs, Exact: map[mapper.ListKey]bool{},
		}
		holds := map[mapper.RepID]bool{}
		for _, h := range p.Holders {
			holds[h.ID] = true
		}
		for _, s := range k.Seen {
			switch {
			case !holds[s.Rep]:
				p.Former = append(p.Former, mapper.Former{Rep: byID[s.Rep], OptedOut: s.OptedOut != nil && *s.OptedOut})
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
	f := store.Facts{Memory: out.OptOuts, Winners: out.Winners}
	for address, p := range w.people {
		for _, h := range p.Holders {
			if h.Unreadable != "" {
				continue
			}
			if before, seen := p.SeenOptedOut[h.ID]; !seen || before != h.OptedOut {
				f.OptedOut = append(f.OptedOut, store.RepOptOut{Rep: h.ID, Address: address, OptedOut: h.OptedOut})
			}
		}
		for _, former := range p.Former {
			if former.Rep != nil && former.Rep.Unreadable == "" && former.Rep.OptedOut != former.OptedOut {
				f.OptedOut = append(f.OptedOut, store.RepOptOut{Rep: former.Rep.ID, Address: address, OptedOut: former.Rep.OptedOut})
			}
		}
	}
	return f
}

func mapperLists(bound []sink.BoundList) []mapper.List {
	lists := make([]mapper.List, len(bound))
	for i, l := range bound {
		state := l.State
		if state == sink.ListCreating {
			state = mapper.ListUnbound
		}
		lists[i] = mapper.List{Key: l.Key, Kind: l.Kind, Ref: l.Ref, Name: l.Name, State: state, Existed: l.Existed}
	}
	return lists
}

// group finds the group of an association by its id or, where only one has
// it, by its name.
func group(groups []mapper.Group, ref string) (mapper.Group, error) {
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
