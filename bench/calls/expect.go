package main

import (
	"context"
	"slices"

	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// expect finds out, before a batch, what it will have to do at the least. The plan
// is asked, and the simulator for who is on which list; not who plans the calls.
// What a batch before had to do already is not asked for again. count counts it,
// once it is known that a batch was sent, not a later round of one before.
func (w *world) expect(ctx context.Context) (count func(), err error) {
	count = func() {}
	due, err := w.Store.Due(ctx, 1<<30)
	if err != nil || len(due) == 0 {
		return count, err
	}
	oldest := slices.MinFunc(due, func(a, b store.Dirty) int { return a.TouchedAt.Compare(b.TouchedAt) })
	if oldest.TouchedAt.Add(w.Linger).After(w.clock.now()) {
		return count, nil
	}
	var addresses []mapper.Address
	for _, row := range due {
		if row.Address != "" && !row.Busy {
			addresses = append(addresses, row.Address)
		}
	}
	in, out, err := w.Plan(ctx, addresses, nil)
	if err != nil {
		return count, err
	}
	asked := map[mapper.Address]bool{}
	for _, a := range addresses {
		asked[a] = true
	}
	x := expectation{place: map[mapper.ListKey]int{}, at: map[string]map[mapper.Address]int{}, sides: map[string]*side{}}
	for _, l := range out.Lists {
		x.place[l.Key] = len(x.place)
	}
	shown := map[mapper.ListKey]map[string]bool{}
	for _, l := range out.Lists {
		shown[l.Key] = map[string]bool{}
		for _, address := range w.sim.ListAddresses(account, l.Name) {
			shown[l.Key][address] = true
		}
	}
	known := map[mapper.Address]bool{}
	for i := range in.People {
		known[in.People[i].Address] = in.People[i].Contact.ID != ""
	}
	removing := map[mapper.Address]bool{}
	var changed []mapper.Address
	var pairs []mapper.PairOp
	for _, op := range out.Ops {
		if !asked[op.Address] {
			continue
		}
		changed = append(changed, op.Address)
		pair := mapper.PairOp{Address: op.Address, List: op.List, Kind: op.Kind}
		if op.Kind == mapper.UpdateFields || w.found.pairs[pair] {
			continue
		}
		pairs = append(pairs, pair)
		p := x.person(op)
		p.want = append(p.want, x.place[op.List])
		p.may[x.place[op.List]] = true
		switch {
		case op.Kind == mapper.InactivateFromList:
			removing[op.Address] = true
		case !known[op.Address]:
			f := out.Fields[op.Address]
			row := constantcontact.ImportRow{Email: string(op.Address), FirstName: f.FirstName, LastName: f.LastName, CompanyName: f.Company, JobTitle: f.JobTitle}
			p.bytes = constantcontact.EncodedRowSize(row) + 1
		}
	}
	for address, i := range x.at[adding] {
		for key, on := range shown {
			if on[string(address)] {
				x.sides[adding].people[i].may[x.place[key]] = true
			}
		}
	}
	// Whatever the verdict is off of may be reached by a removal.
	in.People = slices.DeleteFunc(slices.Clone(in.People), func(p mapper.Person) bool { return !removing[p.Address] })
	in.Explain = true
	for _, d := range mapper.Plan(in).Decisions {
		for _, what := range []string{removingOptOuts, removingOthers} {
			if i, known := x.at[what][d.Address]; known && d.Verdict == mapper.Off {
				x.sides[what].people[i].may[x.place[d.List]] = true
			}
		}
	}
	return func() {
		for _, address := range changed {
			w.found.changed[address] = true
		}
		for _, pair := range pairs {
			w.found.pairs[pair] = true
		}
		for what, s := range x.sides {
			n := s.bound()
			w.found.bound += n
			w.Log.Info("expects", "calls", n, "to", what, "people", len(s.people), "due", len(due))
		}
	}, nil
}

// The sides of an expectation.
const (
	adding          = "add"
	removingOthers  = "remove"
	removingOptOuts = "remove for opt-outs"
)

// expectation is what a batch has to do, by side.
type expectation struct {
	place map[mapper.ListKey]int
	at    map[string]map[mapper.Address]int // of each person on each side
	sides map[string]*side
}

func (x *expectation) person(op mapper.Op) *who {
	what, most := adding, constantcontact.MaxImportRows
	if op.Kind == mapper.InactivateFromList {
		what, most = removingOthers, constantcontact.MaxMembershipIDs
		if op.OptOut {
			what = removingOptOuts
		}
	}
	s := x.sides[what]
	if s == nil {
		s = &side{lists: len(x.place), most: most}
		x.sides[what], x.at[what] = s, map[mapper.Address]int{}
	}
	i, known := x.at[what][op.Address]
	if !known {
		i = len(s.people)
		x.at[what][op.Address] = i
		s.people = append(s.people, who{may: make([]bool, len(x.place))})
	}
	return &s.people[i]
}
