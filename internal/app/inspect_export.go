package app

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"rollcall/internal/report"
	"rollcall/mapper"
)

// ExportAll stands for every list together.
const ExportAll = "all"

// Export hands over who would be on a list, and who would not and why. what is
// the key or the name of a list, the id or the name of a group, or ExportAll. A
// group that is not ticked, an option that is off and a list that is missing are
// no obstacle: this is for those who bring people to Constant Contact by hand.
// Consent counts as always.
func (v *View) Export(ctx context.Context, what string, to *report.Export) error {
	if what == ExportAll {
		return v.Each(ctx, func(in mapper.Input, _ mapper.Output) error { return exportPiece(in, "", to) })
	}
	in, out, err := v.planner.Plan(ctx, nil, nil)
	if err != nil {
		return err
	}
	key, err := findList(in, out, what)
	if err != nil {
		return err
	}
	id, isGroup := strings.CutPrefix(string(key), string(mapper.GroupKey("")))
	if !isGroup {
		return v.Each(ctx, func(in mapper.Input, _ mapper.Output) error { return exportPiece(in, key, to) })
	}
	addresses, err := v.groupAddresses(ctx, mapper.GroupID(id))
	if err != nil {
		return err
	}
	for piece := range slices.Chunk(addresses, pieceSize) {
		in, _, err := v.plan(ctx, piece, nil)
		if err != nil {
			return err
		}
		v.tell(len(piece))
		if err := exportPiece(in, key, to); err != nil {
			return err
		}
	}
	return v.exportUnusable(ctx, mapper.GroupID(id), to)
}

// findList finds a list by its key or name, or by its group's id.
func findList(in mapper.Input, out mapper.Output, what string) (mapper.ListKey, error) {
	names := map[mapper.ListKey]string{}
	for _, l := range in.Known {
		names[l.Key] = l.Name
	}
	for _, t := range in.Types {
		names[mapper.TypeKey(t.Name)] = strings.TrimSpace(t.Name)
	}
	names[mapper.AllActiveKey] = in.Policy.AllActiveName
	for _, l := range out.Lists {
		names[l.Key] = l.Name
	}
	groups := map[mapper.ListKey]string{} // which may have the name of another list
	for _, g := range in.Groups {
		groups[mapper.GroupKey(g.ID)] = strings.TrimSpace(g.Name)
		names[mapper.GroupKey(g.ID)] = cmp.Or(names[mapper.GroupKey(g.ID)], strings.TrimSpace(g.Name))
	}
	for _, key := range []mapper.ListKey{mapper.ListKey(what), mapper.GroupKey(mapper.GroupID(what))} {
		if _, ok := names[key]; ok {
			return key, nil
		}
	}
	var found []mapper.ListKey
	for key, name := range names {
		if what := strings.TrimSpace(what); strings.EqualFold(name, what) || strings.EqualFold(groups[key], what) {
			found = append(found, key)
		}
	}
	return oneList(found)
}

// oneList wants exactly one list to be meant.
func oneList(found []mapper.ListKey) (mapper.ListKey, error) {
	slices.Sort(found)
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", &RefusedError{What: "find list", Detail: "no list has that key or name", Try: "rollcall plan, which shows the lists"}
	}
	keys := make([]string, len(found))
	for i, key := range found {
		keys[i] = string(key)
	}
	return "", &RefusedError{What: "find list", Detail: "several lists have that name", Try: "a key instead: " + strings.Join(keys, " or ")}
}

// Choose finds the one list of a plan that a text names.
func Choose(p *report.Plan, text string) (mapper.ListKey, error) { return oneList(p.Find(text)) }

// exportPiece plans people as if every list were synced, and hands them over.
func exportPiece(in mapper.Input, key mapper.ListKey, to *report.Export) error {
	in = ungated(in)
	out := mapper.Plan(in)
	wanted := map[mapper.Address]bool{}
	reasons := map[mapper.Address][]mapper.Reason{}
	pairs := make(map[mapper.Address]map[mapper.ListKey]mapper.Pair, len(in.People))
	for _, person := range in.People {
		pairs[person.Address] = person.Pairs
	}
	for _, d := range out.Decisions {
		switch {
		case key != "" && d.List != key:
		case d.Verdict == mapper.On && d.Reason == "":
			wanted[d.Address] = true
		case d.Verdict == mapper.Leave && !pairs[d.Address][d.List].BelievedOn():
		case d.Reason != "" && !slices.Contains(reasons[d.Address], d.Reason):
			reasons[d.Address] = append(reasons[d.Address], d.Reason)
		}
	}
	fields := fieldsOf(in, wanted)
	for _, person := range in.People {
		switch {
		case wanted[person.Address]:
			if err := to.Person(person.Address, fields[person.Address]); err != nil {
				return err
			}
		case len(reasons[person.Address]) > 0:
			slices.SortFunc(reasons[person.Address], mapper.Reason.Compare)
			if err := to.LeftOut(person, reasons[person.Address]); err != nil {
				return err
			}
		}
	}
	return nil
}

// ungated switches everything on that the association or Constant Contact has
// off, for every list.
func ungated(in mapper.Input) mapper.Input {
	in.Connected = true
	in.Options.NewsletterSolution = "ConstantContact"
	in.Options.SyncAllActive, in.Options.SyncMembershipTypes, in.Options.SyncGroups = true, true, true
	in.Groups = slices.Clone(in.Groups)
	for i := range in.Groups {
		in.Groups[i].Sync = true
	}
	in.Known = slices.Clone(in.Known)
	for i := range in.Known {
		in.Known[i].Unseen = false
		if in.Known[i].State != mapper.ListBound {
			in.Known[i].State = mapper.ListUnbound
		}
	}
	return in
}

// fieldsOf lets the planner choose whose fields count: it tells the fields of
// everybody whom it would add for the first time.
func fieldsOf(in mapper.Input, wanted map[mapper.Address]bool) map[mapper.Address]mapper.Fields {
	people := make([]mapper.Person, 0, len(wanted))
	for _, person := range in.People {
		if wanted[person.Address] {
			people = append(people, mapper.Person{Address: person.Address, Holders: person.Holders})
		}
	}
	in.People = people
	return mapper.Plan(in).Fields
}

// exportUnusable hands over the reps of a group without an address that can be
// used.
func (v *View) exportUnusable(ctx context.Context, group mapper.GroupID, to *report.Export) error {
	ids, err := v.groupUnusable(ctx, group)
	if err != nil {
		return err
	}
	for piece := range slices.Chunk(ids, pieceSize) {
		in, err := v.unusableReps(ctx, piece)
		if err != nil {
			return err
		}
		if err := exportPiece(in, mapper.GroupKey(group), to); err != nil {
			return err
		}
	}
	return nil
}
