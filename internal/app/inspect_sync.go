package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/mapper"
)

// RefusedError says that what somebody asks for is not possible now, and why.
type RefusedError struct {
	What   string        // such as "sync group 12"
	Reason mapper.Reason // empty where none of the codes says it
	Detail string        // one sentence without member data
	Try    string        // a command or an act, may be empty
}

func (e *RefusedError) Error() string { return e.What + ": " + e.Detail }

func refused(what string, reason mapper.Reason, try string) *RefusedError {
	return &RefusedError{What: what, Reason: reason, Detail: reason.Text(), Try: try}
}

// SyncPreview is what syncing one group now would do.
type SyncPreview struct {
	Group mapper.GroupID
	List  mapper.ListKey
	Name  string
	On    int // people who are on the list as far as is known
	Adds  int // people who would be added

	Removals []Removal // for a person's approval
	OptedOut int       // further removals, which wait for no approval
	Adoption int       // further people of whom is to be decided by rollcall approvals
}

// Removal is one person who would be taken off a list.
type Removal struct {
	Address             mapper.Address
	Reason              mapper.Reason
	Rep                 mapper.RepID
	FirstName, LastName string
}

// PreviewSync finds the group, by id or by a name that only one has, and plans
// its list exactly. People who are on the list in Constant Contact and were
// never read there are not in it: they are held or taken off by the guards, not
// by this approval. What cannot be synced is a *RefusedError.
func (v *View) PreviewSync(ctx context.Context, ref string) (SyncPreview, error) {
	in, _, err := v.planner.Plan(ctx, nil, nil)
	if err != nil {
		return SyncPreview{}, err
	}
	group, err := findGroup(in.Groups, ref)
	if err != nil {
		return SyncPreview{}, err
	}
	key := mapper.GroupKey(group.ID)
	p := SyncPreview{Group: group.ID, List: key, Name: strings.TrimSpace(group.Name)}
	if err := syncable(in, group, key); err != nil {
		return p, err
	}
	addresses, err := v.groupAddresses(ctx, group.ID)
	if err != nil {
		return p, err
	}
	for piece := range slices.Chunk(addresses, pieceSize) {
		in, out, err := v.plan(ctx, piece, []mapper.ListKey{key})
		if err != nil {
			return p, err
		}
		p.add(in, out)
	}
	slices.SortFunc(p.Removals, func(a, b Removal) int { return cmp.Compare(a.Address, b.Address) })
	return p, nil
}

// add counts one piece of the plan of an exact list.
func (p *SyncPreview) add(in mapper.Input, out mapper.Output) {
	people := make(map[mapper.Address]mapper.Person, len(in.People))
	for _, person := range in.People {
		people[person.Address] = person
		if person.Pairs[p.List].BelievedOn() {
			p.On++
		}
	}
	for _, op := range out.Ops {
		switch {
		case op.List != p.List:
		case op.Kind == mapper.AddToList:
			p.Adds++
		case op.OptOut:
			p.OptedOut++
		case op.Kind == mapper.InactivateFromList:
			p.remove(people[op.Address], op.Reason, op.Rep)
		}
	}
	// Of whom somebody was asked before is asked here too: the latest answer
	// counts. What the adoption page asks is decided there.
	for _, d := range out.Decisions {
		person := people[d.Address]
		pair := person.Pairs[p.List]
		asked := pair.Remove.State == mapper.HoldWaiting || pair.Remove.State == mapper.HoldRejected
		switch {
		case d.List != p.List || d.Verdict != mapper.Off && d.Verdict != mapper.Leave || !pair.BelievedOn() || !asked:
		case person.Contact.State == mapper.ContactUnsubscribed || person.Contact.State == mapper.ContactDeleted: // left as it is
		case pair.Remove.Kind.Adoption():
			p.Adoption++
		default:
			p.remove(person, d.Reason, d.Rep)
		}
	}
}

func (p *SyncPreview) remove(person mapper.Person, reason mapper.Reason, rep mapper.RepID) {
	p.Removals = append(p.Removals, removal(person, reason, rep))
}

// removal names a person by the rep that decided, or by any.
func removal(person mapper.Person, reason mapper.Reason, rep mapper.RepID) Removal {
	r := Removal{Address: person.Address, Reason: reason, Rep: rep}
	for _, h := range person.Holders {
		if r.FirstName+r.LastName == "" || h.ID == rep {
			r.FirstName, r.LastName = h.FirstName, h.LastName
		}
	}
	return r
}

// findGroup finds a group by its id, by its list's key as plan shows it, or where
// only one has it by its name. The error is a *RefusedError.
func findGroup(groups []mapper.Group, ref string) (mapper.Group, error) {
	var named []mapper.Group
	for _, g := range groups {
		if ref == string(g.ID) || ref == string(mapper.GroupKey(g.ID)) {
			return g, nil
		}
		if strings.EqualFold(strings.TrimSpace(g.Name), strings.TrimSpace(ref)) {
			named = append(named, g)
		}
	}
	switch len(named) {
	case 1:
		return named[0], nil
	case 0:
		return mapper.Group{}, &RefusedError{What: "find group", Detail: "no group has that id or name", Try: "rollcall plan, which shows the lists"}
	}
	ids := make([]string, len(named))
	for i, g := range named {
		ids[i] = string(g.ID)
	}
	return mapper.Group{}, &RefusedError{
		What: "find group", Detail: fmt.Sprintf("%d groups have that name", len(named)),
		Try: "the group's id instead: " + strings.Join(ids, " or "),
	}
}

// syncable says why a group cannot be synced now. The error is a *RefusedError.
func syncable(in mapper.Input, group mapper.Group, key mapper.ListKey) error {
	what := "sync group " + string(group.ID)
	switch {
	case !mapper.IsConstantContact(in.Options.NewsletterSolution):
		return refused(what, mapper.ReasonOtherNewsletter, "")
	case !in.Connected:
		return refused(what, mapper.ReasonNotConnected, "")
	case !in.Options.SyncGroups:
		return refused(what, mapper.ReasonOptionOff, "switch groups on in the association's options")
	case !group.Sync:
		return refused(what, mapper.ReasonGroupNotSynced, "tick the group")
	}
	for _, l := range in.Known {
		if l.Key != key {
			continue
		}
		switch {
		case l.State == mapper.ListMissing:
			return refused(what, mapper.ReasonListMissing, "rollcall lists recreate "+string(key)+"; or bind another, or restore the list in Constant Contact")
		case l.State == mapper.ListOff:
			return refused(what, mapper.ReasonOptionOff, "rollcall lists recreate "+string(key))
		case l.State == mapper.ListAmbiguous:
			return refused(what, mapper.ReasonListAmbiguous, "rollcall lists bind "+string(key)+" --to ID; or rename one of the two in Constant Contact")
		case l.State == mapper.ListNoRoom:
			return refused(what, mapper.ReasonAccountListLimit, "delete lists in Constant Contact that nobody needs")
		case l.Unseen:
			return refused(what, mapper.ReasonWaitingConsentRead, "again once rollcall run has looked at the list")
		case l.State == mapper.ListBound:
			return nil
		}
	}
	return &RefusedError{
		What: what, Reason: mapper.ReasonListMissing, Detail: "the group has no list in Constant Contact yet",
		Try: "again once rollcall run has made it",
	}
}

// groupAddresses are the addresses of everybody in a group and of everybody
// whom the ledger has for its list, in order.
func (v *View) groupAddresses(ctx context.Context, id mapper.GroupID) ([]mapper.Address, error) {
	addresses, err := v.Store.ListAddresses(ctx, mapper.GroupKey(id))
	if err != nil {
		return nil, err
	}
	err = v.group(ctx, id, func(ref source.RepRef) {
		if address, problem := mapper.Normalize(ref.Email); problem == "" {
			addresses = append(addresses, address)
		}
	})
	slices.Sort(addresses)
	return slices.Compact(addresses), err
}

// groupUnusable are the reps of a group without an address that can be used.
func (v *View) groupUnusable(ctx context.Context, id mapper.GroupID) (reps []mapper.RepID, err error) {
	err = v.group(ctx, id, func(ref source.RepRef) {
		if _, problem := mapper.Normalize(ref.Email); problem != "" {
			reps = append(reps, ref.Rep)
		}
	})
	return reps, err
}

// group goes through the reps of a group.
func (v *View) group(ctx context.Context, id mapper.GroupID, each func(source.RepRef)) error {
	snap, err := v.source.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close(ctx)
	return snap.RefsByGroup(ctx, []string{string(id)}, func(ref source.RepRef) error {
		if ref.Association == v.ID {
			each(ref)
		}
		return nil
	})
}

// ApproveSync records that a person saw the preview and approved its removals,
// and asks the running program to sync the group.
func (v *View) ApproveSync(ctx context.Context, p SyncPreview, by string) (request int64, err error) {
	_, request, err = v.Store.ApproveSync(ctx, p.List, pairsOf(p.List, p.Removals), store.RequestContent{Ask: "sync_now", Group: string(p.Group)}, by)
	return request, err
}
