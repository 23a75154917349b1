package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rollcall/internal/store"
	"rollcall/mapper"
)

// ListStatus is a list of an association: one that is known, or that the next
// batch makes.
type ListStatus struct {
	store.ListRow               // State is empty for one that is not made yet
	Paused        mapper.Reason // why nothing is planned for it; empty: it is synced
}

// Lists are the association's lists: all-active, types, groups, each kind by name.
func (v *View) Lists(ctx context.Context) ([]ListStatus, error) {
	rows, err := v.Store.ListRows(ctx)
	if err != nil {
		return nil, err
	}
	in, out, err := v.planner.Plan(ctx, nil, nil)
	if err != nil {
		return nil, err
	}
	if out, err = v.connected(ctx, &in, out); err != nil {
		return nil, err
	}
	gates := mapper.Gates(in)
	var all []ListStatus
	known := map[mapper.ListKey]bool{}
	for _, row := range rows {
		known[row.Key] = true
		all = append(all, ListStatus{ListRow: row, Paused: gates[row.Key]})
	}
	for _, l := range out.Lists {
		if !known[l.Key] {
			all = append(all, ListStatus{ListRow: store.ListRow{Key: l.Key, Kind: l.Kind, Ref: l.Ref, Name: l.Name}})
		}
	}
	kinds := []mapper.ListKind{mapper.ListAllActive, mapper.ListType, mapper.ListGroup}
	slices.SortFunc(all, func(a, b ListStatus) int {
		return cmp.Or(slices.Index(kinds, a.Kind)-slices.Index(kinds, b.Kind), cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Key, b.Key))
	})
	return all, nil
}

// FindList finds a list by its key, its name, or its group's id. The error is a
// *RefusedError.
func (v *View) FindList(ctx context.Context, ref string) (ListStatus, error) {
	all, err := v.Lists(ctx)
	if err != nil {
		return ListStatus{}, err
	}
	for _, l := range all {
		if string(l.Key) == ref || l.Kind == mapper.ListGroup && l.Ref == ref {
			return l, nil
		}
	}
	var named []ListStatus
	for _, l := range all {
		if strings.EqualFold(strings.TrimSpace(l.Name), strings.TrimSpace(ref)) {
			named = append(named, l)
		}
	}
	switch len(named) {
	case 1:
		return named[0], nil
	case 0:
		return ListStatus{}, &RefusedError{What: "find list", Detail: "no list has that key or name", Try: "rollcall lists"}
	}
	keys := make([]string, len(named))
	for i, l := range named {
		keys[i] = string(l.Key)
	}
	return ListStatus{}, &RefusedError{
		What: "find list", Detail: fmt.Sprintf("%d lists have that name", len(named)), Try: "the list's key instead: " + strings.Join(keys, " or "),
	}
}

// RecreateList has a missing list, or one that is switched off, made again.
// Departures stay. An answer that does not fit the list is a *RefusedError.
func (v *View) RecreateList(ctx context.Context, key mapper.ListKey, who string) error {
	return refuseAnswer("create list again", v.Store.RecreateList(ctx, key, who))
}

// SwitchOffList leaves a list alone that is missing or could not be bound. An
// answer that does not fit the list is a *RefusedError.
func (v *View) SwitchOffList(ctx context.Context, key mapper.ListKey, who string) error {
	return refuseAnswer("switch list off", v.Store.SwitchOffList(ctx, key, who))
}

// BindList asks the running program to bind a list that is missing, ambiguous or
// switched off to one of the account, which to names by id or name. What the
// account knows, such as that there is no such list, is in the answer of the
// request; what does not fit the list as it is now is a *RefusedError.
func (v *View) BindList(ctx context.Context, key mapper.ListKey, to, who string) (request int64, err error) {
	if strings.TrimSpace(to) == "" {
		return 0, &RefusedError{What: "bind list", Detail: "no list of the account is named", Try: "the id or the name of a list in Constant Contact"}
	}
	if err := refuseAnswer("bind list", v.Store.MayBind(ctx, key)); err != nil {
		return 0, err
	}
	return v.Store.Request(ctx, store.RequestContent{Ask: "list_bind", List: string(key), To: to}, who)
}

// SetForeign chooses whether people whom no row ever put there stay on the list
// of everybody or of a type. Those who are to go leave with the next nightly run.
// On a group's list they always stay, but for sync now: a *RefusedError.
func (v *View) SetForeign(ctx context.Context, key mapper.ListKey, keep bool, who string) error {
	if _, isGroup := strings.CutPrefix(string(key), string(mapper.GroupKey(""))); isGroup {
		return &RefusedError{
			What: "choose about foreign people", Detail: "on a group's list they stay, and only sync now takes them off", Try: "rollcall sync, which shows who would go",
		}
	}
	return refuseAnswer("choose about foreign people", v.Store.SetForeign(ctx, key, keep, who))
}

// refuseAnswer says what to do about an answer that does not fit its list.
func refuseAnswer(what string, err error) error {
	unfit, ok := errors.AsType[*store.ListStateError](err)
	switch {
	case errors.Is(err, store.ErrNoList):
		return &RefusedError{What: what, Reason: mapper.ReasonListMissing, Detail: "the list is not made or bound yet", Try: "rollcall lists"}
	case !ok:
		return err
	}
	try := "rollcall lists show " + string(unfit.List)
	switch unfit.State {
	case mapper.ListAmbiguous:
		try = "rollcall lists bind " + string(unfit.List) + " --to ID"
	case mapper.ListBound:
		try = "deleting the list in Constant Contact first, or renaming it there: it stays bound by its id"
	}
	return &RefusedError{What: what, Detail: unfit.Error(), Try: try}
}

// Leftover is who may be taken off a list by one act: people of ours whom no row
// puts there any more and, where the list is not synced any more, people who opted
// out.
type Leftover struct {
	List     ListStatus
	People   []Removal
	Adoption int // further people about whom rollcall approvals asks
}

// Leftover finds who is left behind on a list.
func (v *View) Leftover(ctx context.Context, list ListStatus) (Leftover, error) {
	l := Leftover{List: list}
	addresses, err := v.Store.ListAddresses(ctx, list.Key)
	if err != nil {
		return l, err
	}
	for piece := range slices.Chunk(addresses, pieceSize) {
		in, out, err := v.plan(ctx, piece, nil)
		if err != nil {
			return l, err
		}
		l.add(in, out)
	}
	slices.SortFunc(l.People, func(a, b Removal) int { return cmp.Compare(a.Address, b.Address) })
	return l, nil
}

func (l *Leftover) add(in mapper.Input, out mapper.Output) {
	people := make(map[mapper.Address]mapper.Person, len(in.People))
	for _, p := range in.People {
		people[p.Address] = p
	}
	for _, d := range out.Decisions {
		person := people[d.Address]
		pair := person.Pairs[l.List.Key]
		ours := len(person.Holders)+len(person.Former) > 0
		var left bool
		switch l.List.Paused {
		case "":
			left = d.Verdict == mapper.Leave && ours
		case mapper.ReasonOptionOff, mapper.ReasonGroupNotSynced, mapper.ReasonListRetired:
			left = d.OptOut && (l.List.State == mapper.ListBound || l.List.State == mapper.ListRetired)
		}
		switch {
		case d.List != l.List.Key || !left || !pair.BelievedOn():
		case person.Contact.State == mapper.ContactUnsubscribed || person.Contact.State == mapper.ContactDeleted: // get no mail
		case pair.Remove.State == mapper.HoldApproved: // are on their way
		case pair.Remove.State == mapper.HoldWaiting && pair.Remove.Kind.Adoption():
			l.Adoption++
		default:
			l.People = append(l.People, removal(person, d.Reason, d.Rep))
		}
	}
}

// RemoveLeftover records that a person saw these people and wants them off the
// list. They are taken off like any others, by the running program; whoever
// belongs on the list again by then stays.
func (v *View) RemoveLeftover(ctx context.Context, l Leftover, who string) error {
	if len(l.People) == 0 {
		return &RefusedError{What: "remove who is left behind", Detail: "nobody is", Try: "rollcall lists show " + string(l.List.Key)}
	}
	_, err := v.Store.ApproveRemovals(ctx, l.List.Key, pairsOf(l.List.Key, l.People), who)
	return err
}

func pairsOf(list mapper.ListKey, removals []Removal) []store.AskedPair {
	pairs := make([]store.AskedPair, len(removals))
	for i, r := range removals {
		pairs[i] = store.AskedPair{Address: r.Address, List: list, Op: mapper.InactivateFromList, Reason: r.Reason, Rep: r.Rep}
	}
	return pairs
}
