package sink

import (
	"context"
	"fmt"
	"strings"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// listDescription tells the account's other users what the list is.
const listDescription = "Kept by Rollcall from the member database"

// Bind gives every wanted list that has no Constant Contact list one: the only
// list of that name, or a new one. A list that was there before is marked so.
// Two that match the name are ambiguous and are left alone. A list of ours that
// Constant Contact no longer has is missing: it is not made again by itself.
// The result has every known list.
func (a *Applier) Bind(ctx context.Context, wanted []mapper.List, known []BoundList) ([]BoundList, error) {
	byKey := make(map[mapper.ListKey]int, len(known))
	taken := make(map[string]bool, len(known))
	for i, l := range known {
		byKey[l.Key] = i
		if l.State != ListCreating {
			taken[l.ListID] = true
		}
	}
	var missing []mapper.List
	for _, l := range wanted {
		if i, bound := byKey[l.Key]; !bound || known[i].State == ListCreating {
			missing = append(missing, l)
		}
	}
	if len(missing) == 0 {
		return known, nil
	}
	byName := map[string][]constantcontact.List{}
	err := a.API.Lists(ctx, func(page []constantcontact.List) error {
		for _, l := range page {
			if l.DeletedAt.IsZero() && !taken[l.ID] {
				byName[fold(l.Name)] = append(byName[fold(l.Name)], l)
			}
		}
		return nil
	})
	if err != nil {
		return known, fmt.Errorf("find lists: %w", err)
	}
	for _, l := range missing {
		i, begun := byKey[l.Key]
		bound, err := a.bind(ctx, l, byName[fold(l.Name)], begun)
		if err != nil {
			return known, err
		}
		if begun {
			known[i] = bound
		} else {
			known = append(known, bound)
		}
	}
	return known, nil
}

// ListCreating is a list whose creation was begun and may have been done: one
// of its name that is found later is ours.
const ListCreating mapper.ListState = "creating"

func (a *Applier) bind(ctx context.Context, l mapper.List, matches []constantcontact.List, begun bool) (BoundList, error) {
	bound := BoundList{Key: l.Key, Kind: l.Kind, Ref: l.Ref, Name: l.Name, State: mapper.ListBound}
	switch {
	case len(matches) == 0:
		bound.State, bound.ListID = ListCreating, "creating:"+string(l.Key)
		if err := a.Ledger.SaveList(ctx, bound); err != nil {
			return bound, err
		}
		created, err := a.API.CreateList(ctx, l.Name, listDescription)
		if err != nil {
			return bound, fmt.Errorf("create list for %s: %w", l.Key, err)
		}
		bound.State, bound.ListID = mapper.ListBound, created.ID
		a.Log.Info("created list", "list", string(l.Key))
	case len(matches) == 1 && (begun || !l.Derived):
		bound.ListID, bound.Name, bound.Existed = matches[0].ID, matches[0].Name, !begun
		a.Log.Info("found list", "list", string(l.Key), "existed_before", bound.Existed)
	default:
		bound.ListID, bound.State = "ambiguous:"+string(l.Key), mapper.ListAmbiguous
		a.Log.Warn("list has no name of its own", "list", string(l.Key), "lists_of_that_name", len(matches))
	}
	return bound, a.Ledger.SaveList(ctx, bound)
}

func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
