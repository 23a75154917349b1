package mapper

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestCompareIDs(t *testing.T) {
	ids := []string{"-3", "0", "2", "007", "10", "99999999999999999999999", "100000000000000000000000", "", "1a", "9 ", "a", "b10", "b9"}
	shuffled := slices.Clone(ids)
	slices.Reverse(shuffled)
	slices.SortFunc(shuffled, compareIDs)
	if !slices.Equal(shuffled, ids) {
		t.Errorf("sorted ids: %q, want %q", shuffled, ids)
	}
	if compareIDs("7", "007") == 0 {
		t.Error("two ids compare as one")
	}
}

func TestIsConstantContact(t *testing.T) {
	for solution, want := range map[string]bool{
		"ConstantContact": true, " constantcontact ": true, "": false, "MailChimp": false, "ConstantContact2": false,
	} {
		if got := IsConstantContact(solution); got != want {
			t.Errorf("IsConstantContact(%q) = %v", solution, got)
		}
	}
}

// syncEverything is an input of an association with everything switched on.
func syncEverything() Input {
	return Input{
		Connected: true,
		Options:   Options{NewsletterSolution: "ConstantContact", SyncAllActive: true, SyncMembershipTypes: true, SyncGroups: true},
	}
}

func TestNamesAreNeverShared(t *testing.T) {
	name := rapid.OneOf(
		rapid.SampledFrom([]string{"Gold", "gold ", "GOLD", "Gold (group)", "Gold (2)", "Straße", "All Active and Courtesy Representatives"}),
		rapid.Just(strings.Repeat("ä", 260)), rapid.Just(strings.Repeat("ä", 254)+"b"),
	)
	rapid.Check(t, func(t *rapid.T) {
		in := syncEverything()
		for _, n := range rapid.SliceOfDistinct(name, rapid.ID[string]).Draw(t, "types") {
			in.Types = append(in.Types, MembershipType{Name: n})
		}
		for i, n := range rapid.SliceOf(name).Draw(t, "groups") {
			id := GroupID(string(rune('a' + i)))
			in.Groups = append(in.Groups, Group{ID: id, Name: n, Sync: true})
		}
		used := map[string]ListKey{}
		for _, l := range Plan(in).Lists {
			if n := utf8.RuneCountInString(l.Name); n == 0 || n > maxListName {
				t.Fatalf("name of %s has %d characters", l.Key, n)
			}
			if other, taken := used[strings.ToLower(l.Name)]; taken {
				t.Fatalf("%s and %s share the name %q", other, l.Key, l.Name)
			}
			used[strings.ToLower(l.Name)] = l.Key
		}
	})
}

func TestBlankNameKeepsTheBoundOne(t *testing.T) {
	in := syncEverything()
	in.Groups = []Group{{ID: "7", Name: " ", Sync: true}}
	in.Known = []List{{Key: GroupKey("7"), Kind: ListGroup, Ref: "7", Name: "Board", State: ListBound}}
	lists := Plan(in).Lists
	if len(lists) != 2 || lists[1].Name != "Board" || lists[1].State != ListBound {
		t.Errorf("lists = %+v", lists)
	}
}

func TestExplainAnswersForEveryList(t *testing.T) {
	in := syncEverything()
	in.Types = []MembershipType{{Name: "Gold"}}
	in.Groups = []Group{{ID: "7", Name: "Board", Sync: true}, {ID: "8", Name: "Golf"}}
	in.People = []Person{{Address: "ann@example.org", Holders: []Rep{{ID: "1", Active: true, MemberStatus: "active"}}}}
	reasons := func() map[ListKey]Reason {
		got := map[ListKey]Reason{}
		for _, d := range Plan(in).Decisions {
			got[d.List] = d.Reason
		}
		return got
	}
	if got := reasons(); len(got) != 1 {
		t.Errorf("decisions of a run: %v", got)
	}
	in.Explain = true
	want := map[ListKey]Reason{AllActiveKey: "", TypeKey("Gold"): ReasonOtherType, GroupKey("7"): ReasonNotInGroup, GroupKey("8"): ReasonGroupNotSynced}
	got := reasons()
	for key, reason := range want {
		if r, ok := got[key]; !ok || r != reason {
			t.Errorf("%s: reason %q (there: %v), want %q", key, r, ok, reason)
		}
	}
}

// What was decided about somebody when the list was found says nothing about a
// list that is not synced any more: then a person has to ask for it anew.
func TestClearingAListThatIsNotSynced(t *testing.T) {
	for kind, removed := range map[HoldKind]bool{HoldRemovals: true, HoldLeftBehind: false, HoldForeign: false} {
		in := syncEverything()
		in.Groups = []Group{{ID: "7", Name: "Board"}}
		in.Known = []List{{Key: GroupKey("7"), Kind: ListGroup, Ref: "7", Name: "Board", State: ListBound}}
		approved := Pair{Shown: ShownOn, Remove: Hold{Kind: kind, State: HoldApproved, Verdict: Leave}}
		in.People = []Person{{
			Address: "ann@example.org", Holders: []Rep{{ID: "1", Active: true, MemberStatus: "active", OptedOut: true}},
			Pairs: map[ListKey]Pair{GroupKey("7"): approved},
		}}
		if ops := Plan(in).Ops; len(ops) > 0 != removed {
			t.Errorf("approved as %s: %+v", kind, ops)
		}
	}
}

func TestSeedNamesOfTheAllActiveList(t *testing.T) {
	in := syncEverything()
	if lists := Plan(in).Lists; len(lists) != 1 || lists[0].Name != DefaultAllActiveName {
		t.Fatalf("lists = %+v", lists)
	}
	for _, name := range SeedAllActiveNames {
		if !strings.HasPrefix(name, DefaultAllActiveName+" from ") {
			t.Errorf("%q is no name that the vendor's software gives", name)
		}
	}
	if len(SeedAllActiveNames) != 3 || SeedAllActiveNames[0] != "All Active and Courtesy Representatives from ChamberMaster/MemberZone" {
		t.Errorf("seed names: %q", SeedAllActiveNames)
	}
}

// An unmanaged list is worked on for a person and never wanted for itself.
func TestUnmanagedListsAreNotWanted(t *testing.T) {
	in := syncEverything()
	key := UnmanagedKey("u1")
	in.People = []Person{{
		Address: "ann@example.org", Holders: []Rep{{ID: "1", Active: true, MemberStatus: "active"}}, Carry: map[ListKey]RepID{key: "1"},
	}}
	carries := func() bool {
		out := Plan(in)
		if slices.ContainsFunc(out.Lists, func(l List) bool { return l.Kind == ListUnmanaged }) {
			t.Errorf("lists = %+v", out.Lists)
		}
		return slices.ContainsFunc(out.Ops, func(op Op) bool { return op.List == key && op.Carried })
	}
	if !carries() {
		t.Error("nothing is carried over")
	}
	in.Options.SyncAllActive, in.Options.SyncMembershipTypes, in.Options.SyncGroups = false, false, false
	if !carries() {
		t.Error("an option stops what no option is about")
	}
	in.Known = []List{{Key: key, Kind: ListUnmanaged, Ref: "u1", State: ListMissing}}
	if carries() {
		t.Error("carried over to a list that is missing")
	}
	in.Known, in.Connected = nil, false
	if carries() {
		t.Error("carried over without an account")
	}
}

// A type whose list is still being created has none yet: together with one that
// is gone it looks like a rename.
func TestRenameBeforeTheNewListIsBound(t *testing.T) {
	in := syncEverything()
	in.TypesComplete = true
	in.Types = []MembershipType{{Name: "Platinum"}}
	gold := List{Key: TypeKey("Gold"), Kind: ListType, Ref: "Gold", Name: "Gold", State: ListBound}
	platinum := List{Key: TypeKey("Platinum"), Kind: ListType, Ref: "Platinum", Name: "Platinum"}
	for state, want := range map[ListState]ListState{ListUnbound: ListRetired, ListBound: "", ListMissing: ""} {
		platinum.State = state
		in.Known = []List{gold, platinum}
		if got := Plan(in).States[gold.Key]; got != want {
			t.Errorf("the new list is %q: the old one becomes %q, want %q", state, got, want)
		}
	}
}

// A group that is gone still has its list until that is released: a new group of
// the name waits for it, and whatever else has the name gets another.
func TestANewGroupWaitsForTheListOfTheName(t *testing.T) {
	in := syncEverything()
	in.Groups = []Group{{ID: "2", Name: "board ", Sync: true}, {ID: "3", Name: "Choir", Sync: true}}
	in.Known = []List{
		{Key: GroupKey("1"), Kind: ListGroup, Ref: "1", Name: "Board", State: ListBound},
		{Key: GroupKey("3"), Kind: ListGroup, Ref: "3", Name: "Choir", State: ListBound},
	}
	in.People = []Person{{Address: "ann@example.org", Holders: []Rep{{ID: "1", Active: true, Groups: map[GroupID]bool{"2": false}}}}}
	names := func() (names []string) {
		for _, l := range Plan(in).Lists {
			if l.Kind != ListAllActive {
				names = append(names, l.Name)
			}
		}
		return names
	}
	if got := names(); !slices.Equal(got, []string{"Choir"}) {
		t.Errorf("wanted lists: %q, want the new group's to wait", got)
	}
	i := slices.IndexFunc(Plan(in).Decisions, func(d Decision) bool { return d.List == GroupKey("2") })
	if i < 0 || Plan(in).Decisions[i].Reason != ReasonListMissing {
		t.Errorf("decisions: %+v", Plan(in).Decisions)
	}
	in.Types = []MembershipType{{Name: "Board"}}
	if got := names(); !slices.Equal(got, []string{"Board (2)", "Choir"}) {
		t.Errorf("wanted lists beside a type: %q", got)
	}
	in.Types, in.Known = nil, in.Known[1:]
	if got := names(); !slices.Equal(got, []string{"board", "Choir"}) {
		t.Errorf("wanted lists after the release: %q", got)
	}
}

// A decision names the question that stands about it.
func TestDecisionsNameTheirQuestion(t *testing.T) {
	in := syncEverything()
	ask := func(state HoldState) Hold { return Hold{Kind: HoldRemovals, State: state} }
	member := Rep{ID: "1", MemberStatus: "active"}
	for _, state := range []HoldState{HoldNone, HoldWaiting, HoldApproved, HoldRejected} {
		pair := Pair{Told: ToldAdd, Confirmed: true, Remove: ask(state)}
		if state == HoldNone {
			pair.Remove = Hold{}
		}
		in.People = []Person{{Address: "ann@example.org", Holders: []Rep{member}, Pairs: map[ListKey]Pair{AllActiveKey: pair}}}
		d := Plan(in).Decisions
		if len(d) != 1 || d[0].Hold != pair.Remove || d[0].Reason != ReasonRepInactive {
			t.Errorf("%s: decisions %+v", state, d)
		}
	}
}
