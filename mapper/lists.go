package mapper

import (
	"cmp"
	"math/big"
	"slices"
	"strings"
)

// AllActiveKey is the key of the all-active list.
const AllActiveKey ListKey = "all_active"

// TypeKey is the key of a membership type's list. White space around the name
// does not make another type, its case does.
func TypeKey(name string) ListKey { return ListKey("type:" + strings.TrimSpace(name)) }

// GroupKey is the key of a group's list.
func GroupKey(id GroupID) ListKey { return ListKey("group:" + string(id)) }

// unmanagedPrefix begins the keys of lists that mirror nothing.
const unmanagedPrefix = "unmanaged:"

// UnmanagedKey is the key of a list of the account that is not ours, by its id.
func UnmanagedKey(listID string) ListKey { return ListKey(unmanagedPrefix + listID) }

// UnmanagedID is the list id in such a key; ok is false for any other key.
func UnmanagedID(key ListKey) (listID string, ok bool) {
	return strings.CutPrefix(string(key), unmanagedPrefix)
}

// IsConstantContact reports whether an association's newsletter solution, as
// the database spells it, is Constant Contact. Nothing is sent for any other.
func IsConstantContact(solution string) bool {
	return strings.EqualFold(strings.TrimSpace(solution), "ConstantContact")
}

// target is a list that the input asks for or knows. With a gate nothing is
// planned for it.
type target struct {
	List
	gate  Reason
	known bool   // bound before
	gone  bool   // its group exists no more
	bound string // the name it was bound with
	rank  int    // place among all lists
}

// holds reports whether a pair is on the list as far as we know, and ours to
// take off it: on a list that we do not manage, only what we put there is.
func (t *target) holds(pair Pair) bool {
	return pair.BelievedOn() && (t.Kind != ListUnmanaged || pair.Told != ToldNothing)
}

// catalog holds the targets of an input in their order: all-active, types by
// name, groups by id, lists that we do not manage by id.
type catalog struct {
	targets []*target
	byKey   map[ListKey]*target
	states  map[ListKey]ListState // changes of bound lists
}

func newCatalog(in Input) *catalog {
	c := &catalog{byKey: make(map[ListKey]*target)}
	c.add(List{Key: AllActiveKey, Kind: ListAllActive, Name: cmp.Or(listName(in.Policy.AllActiveName), DefaultAllActiveName)}, "")
	for _, t := range in.Types {
		c.addType(t.Name)
	}
	for _, person := range in.People {
		for _, rep := range person.Holders {
			for _, name := range typeNames(rep) {
				c.addType(name)
			}
		}
	}
	for _, group := range in.Groups {
		var gate Reason
		if !group.Sync {
			gate = ReasonGroupNotSynced
		}
		c.add(List{Key: GroupKey(group.ID), Kind: ListGroup, Ref: string(group.ID), Name: listName(group.Name)}, gate)
	}
	c.followTypes(in)
	for _, list := range in.Known {
		c.bind(list)
	}
	for _, person := range in.People {
		for key := range person.Pairs {
			c.addUnmanaged(key)
		}
		for key := range person.Carry {
			c.addUnmanaged(key)
		}
	}
	for _, t := range c.targets {
		t.gate = firstReason(t.gate, in.gate(t.List))
	}
	slices.SortFunc(c.targets, compareTargets)
	for i, t := range c.targets {
		t.rank = i
	}
	c.name()
	return c
}

func (c *catalog) add(list List, gate Reason) {
	if _, ok := c.byKey[list.Key]; ok {
		return
	}
	t := &target{List: list, gate: gate}
	c.targets = append(c.targets, t)
	c.byKey[list.Key] = t
}

func (c *catalog) addType(name string) {
	if name = listName(name); name != "" {
		c.add(List{Key: TypeKey(name), Kind: ListType, Ref: name, Name: name}, "")
	}
}

// addUnmanaged adds a list that a person is, or is to be, on although it
// mirrors nothing.
func (c *catalog) addUnmanaged(key ListKey) {
	if id, ok := UnmanagedID(key); ok {
		c.add(List{Key: key, Kind: ListUnmanaged, Ref: id, State: ListBound}, "")
	}
}

// followTypes finds the bound lists of types that were renamed, and of those
// that are back. Without ids the old name is gone while another one appears:
// nobody can tell that from members who changed their type, so the old list is
// left as it is. With ids the caller follows a rename, and a type that is gone
// is gone.
func (c *catalog) followTypes(in Input) {
	c.states = make(map[ListKey]ListState)
	listless := make(map[ListKey]bool)
	for _, t := range c.targets {
		if t.Kind == ListType {
			listless[t.Key] = true
		}
	}
	for _, list := range in.Known {
		if list.State != ListUnbound {
			delete(listless, list.Key)
		}
	}
	ids := slices.ContainsFunc(in.Types, func(t MembershipType) bool { return t.ID != "" })
	renamed := in.TypesComplete && !ids && len(listless) > 0
	for _, list := range in.Known {
		exists := c.byKey[list.Key] != nil
		switch {
		case list.Kind != ListType:
		case list.State == ListRetired && exists:
			c.states[list.Key] = ListBound
		case list.State == ListBound && !exists && renamed:
			c.states[list.Key] = ListRetired
		}
	}
}

// bind lays what is known of a list over what the rows ask for. A list that
// they do not ask for any more keeps the name it is bound with: a type that
// nobody in this input has is still wanted, a deleted group is not.
func (c *catalog) bind(known List) {
	gone := known.Kind == ListGroup && c.byKey[known.Key] == nil
	var gate Reason
	if known.Kind == ListGroup {
		gate = ReasonGroupNotSynced
	}
	c.add(known, gate)
	t := c.byKey[known.Key]
	t.known, t.gone, t.bound, t.State, t.Existed = true, gone, known.Name, known.State, known.Existed
	t.Unseen, t.KeepForeign = known.Unseen, known.KeepForeign
	if state, changed := c.states[known.Key]; changed {
		t.State = state
	}
	t.Name = cmp.Or(t.Name, known.Name)
}

// gate says why nothing may be planned for a list, apart from a group's tick.
func (in Input) gate(l List) Reason {
	option := map[ListKind]bool{
		ListAllActive: in.Options.SyncAllActive,
		ListType:      in.Options.SyncMembershipTypes,
		ListGroup:     in.Options.SyncGroups,
		ListUnmanaged: true,
	}
	switch {
	case !IsConstantContact(in.Options.NewsletterSolution):
		return ReasonOtherNewsletter
	case !in.Connected:
		return ReasonNotConnected
	case in.OtherAccount:
		return ReasonOtherAccount
	case !option[l.Kind], l.State == ListOff:
		return ReasonOptionOff
	case l.State == ListMissing, l.Name == "" && l.Kind != ListUnmanaged:
		return ReasonListMissing
	case l.State == ListAmbiguous:
		return ReasonListAmbiguous
	case l.State == ListRetired:
		return ReasonListRetired
	case l.State == ListNoRoom:
		return ReasonAccountListLimit
	case l.Unseen:
		return ReasonWaitingConsentRead
	}
	return ""
}

// Gates are the lists that the rows ask for or that are known and for which
// nothing is planned, with the reason.
func Gates(in Input) map[ListKey]Reason {
	gates := map[ListKey]Reason{}
	for _, t := range newCatalog(in).targets {
		if t.gate != "" {
			gates[t.Key] = t.gate
		}
	}
	return gates
}

// gateOf is for a pair of the ledger whose list nothing else mentions.
func gateOf(key ListKey) Reason {
	if strings.HasPrefix(string(key), string(GroupKey(""))) {
		return ReasonGroupNotSynced
	}
	return ReasonListMissing
}

// wanted returns the lists of ours that may be worked on.
func (c *catalog) wanted() []List {
	var lists []List
	for _, t := range c.targets {
		if t.gate == "" && t.Kind != ListUnmanaged {
			lists = append(lists, t.List)
		}
	}
	return lists
}

// concerning returns, in their order, the lists that the rows or the ledger
// connect with a person; all lists if everything is asked for.
func (c *catalog) concerning(s *standing, everything bool) []*target {
	keys := make(map[ListKey]bool)
	if len(s.Holders) > 0 {
		keys[AllActiveKey] = true
	}
	for _, rep := range s.readable {
		for _, name := range typeNames(rep) {
			keys[TypeKey(name)] = true
		}
		for group := range rep.Groups {
			keys[GroupKey(group)] = true
		}
	}
	for key := range s.Pairs {
		keys[key] = true
	}
	for key := range s.Carry {
		keys[key] = true
	}
	if everything {
		for key := range c.byKey {
			keys[key] = true
		}
	}
	targets := make([]*target, 0, len(keys))
	for key := range keys {
		t, ok := c.byKey[key]
		if !ok {
			t = &target{List: List{Key: key}, gate: gateOf(key), rank: len(c.targets)}
		}
		targets = append(targets, t)
	}
	slices.SortFunc(targets, func(a, b *target) int {
		return cmp.Or(a.rank-b.rank, cmp.Compare(a.Key, b.Key))
	})
	return targets
}

// typeNames returns the membership types of a readable rep, which may repeat.
func typeNames(rep Rep) []string {
	var names []string
	for _, name := range rep.MembershipTypes {
		if name = listName(name); name != "" && rep.Unreadable == "" {
			names = append(names, name)
		}
	}
	return names
}

// compareTargets orders lists: all-active, types by name, groups by id, then
// lists that we do not manage.
func compareTargets(a, b *target) int {
	kinds := []ListKind{ListAllActive, ListType, ListGroup, ListUnmanaged}
	return cmp.Or(
		slices.Index(kinds, a.Kind)-slices.Index(kinds, b.Kind),
		compareIDs(a.Ref, b.Ref),
		cmp.Compare(a.Key, b.Key),
	)
}

// compareIDs orders opaque ids: as numbers where both are numbers, numbers
// before everything else, the rest as text.
func compareIDs[T ~string](a, b T) int {
	x, aIsNumber := new(big.Int).SetString(string(a), 10)
	y, bIsNumber := new(big.Int).SetString(string(b), 10)
	switch {
	case aIsNumber && bIsNumber:
		return cmp.Or(x.Cmp(y), cmp.Compare(a, b))
	case aIsNumber:
		return -1
	case bIsNumber:
		return 1
	}
	return cmp.Compare(a, b)
}
