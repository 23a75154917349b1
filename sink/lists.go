package sink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// listDescription tells the account's other users what the list is.
const listDescription = "Kept by Rollcall from the member database"

// maxAccountLists is how many lists an account may have.
const maxAccountLists = 1000

// ListCreating is a list whose creation was begun and may have been done: one
// of its name that is found later is ours.
const ListCreating mapper.ListState = "creating"

// Bind gives every wanted list that has no Constant Contact list one: the only
// list of that name, or a new one. A list that was there before is marked so.
// Two that match the name are ambiguous and are left alone. A list of ours that
// Constant Contact no longer has is missing: it is not made again by itself.
// The list of a membership type that was renamed becomes that of the new name,
// where the database gives types ids. The result has every known list.
func (a *Applier) Bind(ctx context.Context, wanted []mapper.List, known []BoundList) ([]BoundList, error) {
	byKey := make(map[mapper.ListKey]int, len(known))
	for i, l := range known {
		byKey[l.Key] = i
	}
	var missing []mapper.List
	types := false
	for _, l := range wanted {
		if i, bound := byKey[l.Key]; !bound || known[i].State == ListCreating {
			missing = append(missing, l)
			types = types || l.Kind == mapper.ListType
		}
	}
	if len(missing) == 0 {
		return known, nil
	}
	var typeIDs map[mapper.ListKey]string
	if types && a.TypeIDs != nil {
		var err error
		if typeIDs, err = a.TypeIDs(ctx); err != nil {
			return known, err
		}
		if missing, err = a.followTypes(ctx, missing, known, typeIDs); err != nil {
			return known, err
		}
	}
	account, err := a.AccountLists(ctx)
	if err != nil {
		return known, err
	}
	b := binder{Applier: a, byName: account.free(known), size: account.size(), typeIDs: typeIDs}
	for _, l := range missing {
		i, begun := byKey[l.Key]
		bound, err := b.bind(ctx, l, begun)
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

// FollowTypes gives the lists of membership types that were renamed the keys of
// their new names, and binds nothing: whoever is then read to have left such a
// list has left that of a type that still exists.
func (a *Applier) FollowTypes(ctx context.Context, wanted []mapper.List, known []BoundList) error {
	missing := slices.DeleteFunc(slices.Clone(wanted), func(l mapper.List) bool {
		return l.Kind != mapper.ListType || slices.ContainsFunc(known, func(k BoundList) bool { return k.Key == l.Key })
	})
	if len(missing) == 0 || a.TypeIDs == nil {
		return nil
	}
	typeIDs, err := a.TypeIDs(ctx)
	if err != nil {
		return err
	}
	_, err = a.followTypes(ctx, missing, known, typeIDs)
	return err
}

// followTypes gives missing lists of types the list that the same type had
// under another name. It returns those that are still missing.
func (a *Applier) followTypes(ctx context.Context, missing []mapper.List, known []BoundList, typeIDs map[mapper.ListKey]string) (left []mapper.List, err error) {
	for _, l := range missing {
		id, from := typeIDs[l.Key], -1
		for i, k := range known {
			_, exists := typeIDs[k.Key]
			if id != "" && k.Kind == mapper.ListType && k.TypeID == id && k.State != ListCreating && !exists {
				from = i
			}
		}
		if from < 0 {
			left = append(left, l)
			continue
		}
		followed, err := a.Ledger.FollowType(ctx, known[from].Key, l.Key, l.Ref)
		if err != nil {
			return left, err
		}
		if !followed {
			left = append(left, l)
			continue
		}
		a.Log.Info("membership type was renamed: its list follows", "list", string(l.Key))
		known[from].Key, known[from].Ref = l.Key, l.Ref
	}
	return left, nil
}

// binder binds lists to what an account has.
type binder struct {
	*Applier
	byName  map[string][]AccountList // lists that are not ours, by folded name
	size    int                      // lists that the account has
	typeIDs map[mapper.ListKey]string
}

// matches are the lists that may be meant by a wanted one: those of its name,
// and without any, for all active people, that of the vendor's own software.
func (b *binder) matches(l mapper.List) []AccountList {
	found := b.byName[fold(l.Name)]
	if l.Kind == mapper.ListAllActive {
		for _, name := range mapper.SeedAllActiveNames {
			if len(found) == 0 {
				found = b.byName[fold(name)]
			}
		}
	}
	return found
}

func (b *binder) bind(ctx context.Context, l mapper.List, begun bool) (BoundList, error) {
	bound := BoundList{
		Key: l.Key, Kind: l.Kind, Ref: l.Ref, Name: l.Name, State: mapper.ListBound,
		KeepForeign: l.KeepForeign, SourceName: l.Name, TypeID: b.typeIDs[l.Key],
	}
	switch matches := b.matches(l); {
	case len(matches) == 0:
		return b.create(ctx, bound)
	case len(matches) == 1 && (begun || !l.Derived):
		bound.ListID, bound.Name, bound.Existed = matches[0].ID, matches[0].Name, !begun
		// What was there before may have people of its own on it.
		bound.KeepForeign = bound.KeepForeign || bound.Existed
		b.Log.Info("found list", "list", string(l.Key), "existed_before", bound.Existed)
		return bound, b.Ledger.SaveList(ctx, bound)
	default:
		return b.park(ctx, bound, mapper.ListAmbiguous, "lists_of_that_name", len(matches))
	}
}

func (b *binder) create(ctx context.Context, bound BoundList) (BoundList, error) {
	bound.State, bound.ListID = ListCreating, "creating:"+string(bound.Key)
	if err := b.Ledger.SaveList(ctx, bound); err != nil {
		return bound, err
	}
	created, err := b.API.CreateList(ctx, bound.Name, listDescription)
	class := constantcontact.Classify(err)
	switch {
	case err == nil:
		bound.State, bound.ListID = mapper.ListBound, created.ID
		b.size++
		b.Log.Info("created list", "list", string(bound.Key))
		return bound, b.Ledger.SaveList(ctx, bound)
	case b.size >= maxAccountLists && (class == constantcontact.Reject || class == constantcontact.Conflict):
		return b.park(ctx, bound, mapper.ListNoRoom, "lists", b.size)
	case class == constantcontact.Conflict:
		// Something that no listing shows has the name.
		return b.park(ctx, bound, mapper.ListAmbiguous, "lists_of_that_name", 0)
	}
	return bound, fmt.Errorf("create list for %s: %w", bound.Key, err)
}

// park leaves a list without one of Constant Contact's until the account is read
// the next time.
func (b *binder) park(ctx context.Context, bound BoundList, state mapper.ListState, what string, n int) (BoundList, error) {
	bound.State, bound.ListID = state, string(state)+":"+string(bound.Key)
	b.Log.Warn("list cannot be bound", "list", string(bound.Key), "state", string(state), what, n)
	return bound, b.Ledger.SaveList(ctx, bound)
}

// AccountList is a list of the account, ours or not.
type AccountList struct {
	ID      string
	Name    string
	Deleted bool
	Members int // active contacts on it; -1 when not told
}

// Account is the lists of an account by id.
type Account map[string]AccountList

// AccountLists reads the account's lists, the deleted ones too.
func (a *Applier) AccountLists(ctx context.Context) (Account, error) {
	account := Account{}
	err := a.API.Lists(ctx, func(page []constantcontact.List) error {
		for _, l := range page {
			account[l.ID] = AccountList{ID: l.ID, Name: l.Name, Deleted: !l.DeletedAt.IsZero(), Members: l.Members}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read lists of account: %w", err)
	}
	return account, nil
}

// Exists asks for one list. A listing that does not show it proves nothing.
func (a *Applier) Exists(ctx context.Context, listID string) (bool, error) {
	l, err := a.API.List(ctx, listID)
	if constantcontact.Classify(err) == constantcontact.Missing && err != nil {
		return false, nil
	}
	return l.DeletedAt.IsZero(), err
}

// ErrListGone says that Constant Contact does not have a list any more.
var ErrListGone = errors.New("the list is gone in Constant Contact")

// Rename gives a list another name; its description and favourite mark stay.
// refused says that the account does not let it have that name. ErrListGone is
// returned for a list that was deleted.
func (a *Applier) Rename(ctx context.Context, listID, name string) (refused bool, err error) {
	_, err = a.API.RenameList(ctx, listID, name)
	switch class := constantcontact.Classify(err); {
	case err == nil:
		return false, nil
	case class == constantcontact.Conflict, class == constantcontact.Reject:
		return true, nil
	case class == constantcontact.Missing:
		return false, fmt.Errorf("rename list: %w: %w", ErrListGone, err)
	}
	return false, fmt.Errorf("rename list: %w", err)
}

// size is how many lists the account has.
func (c Account) size() int {
	n := 0
	for _, l := range c {
		if !l.Deleted {
			n++
		}
	}
	return n
}

// Room reports whether the account may have another list.
func (c Account) Room() bool { return c.size() < maxAccountLists }

// Free counts the lists of a name, in any spelling, that are not ours.
func (c Account) Free(name string, ours []BoundList) int { return len(c.free(ours)[fold(name)]) }

// free are the lists that exist and are not ours, by folded name.
func (c Account) free(ours []BoundList) map[string][]AccountList {
	taken := make(map[string]bool, len(ours))
	for _, l := range ours {
		if l.State != ListCreating {
			taken[l.ListID] = true
		}
	}
	byName := map[string][]AccountList{}
	for _, l := range c {
		if !l.Deleted && !taken[l.ID] {
			byName[fold(l.Name)] = append(byName[fold(l.Name)], l)
		}
	}
	return byName
}

func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
