package mapper

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var (
	contactStates = []ContactState{
		ContactUnknown, ContactAbsent, ContactActive, ContactActive, ContactUnsubscribed, ContactDeleted,
		ContactOnHold, ContactPending, ContactNotSet,
	}
	drawTypes  = []string{"Gold", "Silver"}
	drawGroups = []GroupID{"7", "8", "10"}
	drawKeys   = []ListKey{AllActiveKey, TypeKey("Gold"), TypeKey("Silver"), GroupKey("7"), GroupKey("8"), GroupKey("10")}
)

// rare is true about once in eight draws, so that ordinary people stay common.
func rare(t *rapid.T, label string) bool { return rapid.IntRange(0, 7).Draw(t, label) == 7 }

func drawRep(t *rapid.T, id int) Rep {
	rep := Rep{
		ID: RepID(fmt.Sprint(id)), Active: !rare(t, "inactive"), OptedOut: rare(t, "opted out"), NotMailable: rare(t, "not mailable"),
		MemberStatus:    rapid.SampledFrom([]string{"active", "Courtesy", "dropped"}).Draw(t, "status"),
		MembershipTypes: rapid.SliceOfDistinct(rapid.SampledFrom(drawTypes), rapid.ID[string]).Draw(t, "types"),
		FirstName:       rapid.SampledFrom([]string{"", "Ann", "Bob"}).Draw(t, "first name"),
		Groups:          rapid.MapOf(rapid.SampledFrom(drawGroups), rapid.Bool()).Draw(t, "groups"),
	}
	if rare(t, "unreadable") {
		rep.Unreadable = "active"
	}
	return rep
}

func drawPair(t *rapid.T) Pair {
	p := Pair{
		Told:     rapid.SampledFrom([]Told{ToldNothing, ToldAdd, ToldRemove}).Draw(t, "told"),
		Shown:    rapid.SampledFrom([]Shown{ShownUnknown, ShownOn, ShownOff}).Draw(t, "shown"),
		Seen:     rapid.Bool().Draw(t, "seen"),
		Departed: rare(t, "departed"),
		Remove:   waiting(rare(t, "held")),
	}
	p.Confirmed = p.Told != ToldNothing && rapid.Bool().Draw(t, "confirmed")
	return p
}

func drawPerson(t *rapid.T, address Address) Person {
	p := Person{
		Address:          address,
		SeenOptedOut:     map[RepID]bool{},
		RememberedOptOut: rare(t, "remembered"),
		OptOutAll:        rare(t, "opt out all"),
		OptOutGroups:     map[GroupID]bool{},
		Pairs:            map[ListKey]Pair{},
		Exact:            map[ListKey]bool{},
		Contact: Contact{
			State:     rapid.SampledFrom(contactStates).Draw(t, "state"),
			TouchedBy: rapid.SampledFrom([]RepID{"", "1", "2"}).Draw(t, "touched by"),
			Refused:   rare(t, "refused"),
		},
	}
	for id := range rapid.IntRange(0, 2).Draw(t, "holders") {
		rep := drawRep(t, 9+id)
		p.Holders = append(p.Holders, rep)
		if rapid.Bool().Draw(t, "was seen") {
			p.SeenOptedOut[rep.ID] = rare(t, "seen opted out")
		}
	}
	for id := range rapid.IntRange(0, 2).Draw(t, "former") {
		former := Former{OptedOut: rare(t, "former opted out")}
		if rapid.Bool().Draw(t, "living") {
			rep := drawRep(t, 20+id)
			former.Rep = &rep
		}
		p.Former = append(p.Former, former)
	}
	for _, group := range drawGroups {
		p.OptOutGroups[group] = rare(t, "opt out of group")
	}
	for _, key := range drawKeys {
		if rapid.Bool().Draw(t, "pair") {
			p.Pairs[key] = drawPair(t)
		}
		p.Exact[key] = rare(t, "exact")
	}
	return p
}

func drawInput(t *rapid.T) Input {
	in := syncEverything()
	in.Options.SyncAllActive = !rare(t, "all-active off")
	in.Options.SyncMembershipTypes = !rare(t, "types off")
	in.Options.SyncGroups = !rare(t, "groups off")
	in.Connected = !rare(t, "not connected")
	in.Policy = Policy{GroupRequiresActive: rare(t, "group requires active"), RemoveOnMissingRow: rare(t, "remove on missing row")}
	for _, name := range drawTypes {
		in.Types = append(in.Types, MembershipType{Name: name})
	}
	for _, id := range drawGroups {
		in.Groups = append(in.Groups, Group{ID: id, Name: "Group " + string(id), Sync: !rare(t, "unticked")})
	}
	for _, key := range drawKeys {
		kind, ref, _ := strings.Cut(string(key), ":")
		in.Known = append(in.Known, List{
			Key: key, Kind: ListKind(kind), Ref: ref, Name: "List " + ref, Existed: rare(t, "existed"),
			State: rapid.SampledFrom([]ListState{ListUnbound, ListBound, ListBound, ListBound, ListMissing, ListRetired}).Draw(t, "list state"),
		})
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "people") {
		in.People = append(in.People, drawPerson(t, Address(fmt.Sprintf("person%d@example.org", i))))
	}
	return in
}

// wantedBy is section 2 of docs/semantics.md once more, as short as it goes:
// whether the rows put a usable address on a list.
func wantedBy(p Person, list List, policy Policy) bool {
	return slices.ContainsFunc(p.Holders, func(r Rep) bool {
		status := strings.ToLower(r.MemberStatus)
		active := r.Active && (status == "active" || status == "courtesy")
		disabled, member := r.Groups[GroupID(list.Ref)]
		switch list.Kind {
		case ListGroup:
			return member && !disabled && (active || !policy.GroupRequiresActive)
		case ListType:
			return active && slices.Contains(r.MembershipTypes, list.Ref)
		}
		return active
	})
}

// consents reports whether nothing in the database speaks against mailing.
func consents(p Person, list List) bool {
	lifted := false
	for _, r := range p.Holders {
		if r.OptedOut || r.NotMailable {
			return false
		}
		lifted = lifted || p.SeenOptedOut[r.ID]
	}
	return !p.OptOutAll && (lifted || !p.RememberedOptOut) && !(list.Kind == ListGroup && p.OptOutGroups[GroupID(list.Ref)])
}

// optedOut reports whether there is any opt-out that could explain a removal.
func optedOut(p Person, list List) bool {
	return p.OptOutAll || p.RememberedOptOut || list.Kind == ListGroup && p.OptOutGroups[GroupID(list.Ref)] ||
		slices.ContainsFunc(p.Holders, func(r Rep) bool { return r.OptedOut || p.SeenOptedOut[r.ID] }) ||
		slices.ContainsFunc(p.Former, func(f Former) bool { return f.OptedOut || f.Rep != nil && f.Rep.OptedOut })
}

func unreadable(p Person) bool {
	return slices.ContainsFunc(p.Holders, func(r Rep) bool { return r.Unreadable != "" })
}

func TestPlanInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		out := Plan(in)
		people := map[Address]Person{}
		for _, p := range in.People {
			people[p.Address] = p
		}
		lists := map[ListKey]List{}
		for _, l := range out.Lists {
			lists[l.Key] = l
		}
		verdicts := map[string]Verdict{}
		for _, d := range out.Decisions {
			verdicts[string(d.Address)+" "+string(d.List)] = d.Verdict
			if d.Reason != "" && d.Reason.Text() == "" || d.Verdict != On && d.Reason == "" {
				t.Fatalf("decision without a reason: %+v", d)
			}
		}
		done := map[Op]bool{}
		for _, op := range out.Ops {
			if key := (Op{Address: op.Address, List: op.List}); done[key] {
				t.Fatalf("two operations on one pair: %+v", op)
			} else {
				done[key] = true
			}
			p := people[op.Address]
			list, wanted := lists[op.List]
			if op.Kind != UpdateFields && (!wanted || !in.Connected) {
				t.Fatalf("a list that is gated: %+v", op)
			}
			verdict := verdicts[string(op.Address)+" "+string(op.List)]
			switch op.Kind {
			case AddToList:
				checkAddition(t, p, list, in.Policy, out)
			case InactivateFromList:
				checkRemoval(t, op, p, list, verdict)
			case UpdateFields:
				winner := out.Fields[op.Address].Rep
				if winner != p.Contact.TouchedBy || p.Contact.reason() != "" {
					t.Fatalf("fields of %s told to %+v", winner, p.Contact)
				}
			}
		}
	})
}

func checkAddition(t *rapid.T, p Person, list List, policy Policy, out Output) {
	pair := p.Pairs[list.Key]
	mailable := slices.Contains([]ContactState{ContactUnknown, ContactAbsent, ContactActive}, p.Contact.State)
	switch {
	case !mailable || p.Contact.Refused || pair.Departed || pair.Remove.State == HoldWaiting:
		t.Fatalf("added to %s against Constant Contact: %+v %+v", list.Key, p.Contact, pair)
	case pair.Told != ToldRemove && pair.Seen && pair.Shown == ShownOff:
		t.Fatalf("put back on %s: %+v", list.Key, pair)
	case unreadable(p) || !consents(p, list) || !wantedBy(p, list, policy):
		t.Fatalf("added to %s against the database: %+v", list.Key, p)
	}
	if _, has := out.Fields[p.Address]; !has {
		t.Fatalf("added to %s without fields", list.Key)
	}
}

func checkRemoval(t *rapid.T, op Op, p Person, list List, verdict Verdict) {
	pair := p.Pairs[list.Key]
	switch {
	case op.OptOut && !optedOut(p, list):
		t.Fatalf("an opt-out that nobody made: %+v %+v", op, p)
	case pair.Shown != ShownOn && (pair.Told == ToldNothing || pair.Confirmed && pair.Shown == ShownOff):
		t.Fatalf("removed from %s, not believed to be there: %+v", list.Key, pair)
	case op.OptOut:
		return
	case verdict != Off && !(verdict == Leave && p.Exact[list.Key]):
		t.Fatalf("removed from %s with verdict %s", list.Key, verdict)
	case list.Existed || pair.Remove.State == HoldWaiting || unreadable(p):
		t.Fatalf("removed from %s: %+v %+v", list.Key, list, p)
	case op.Reason.Text() == "":
		t.Fatalf("removed without a reason: %+v", op)
	}
}

// Whoever has opted out and is believed to be on a list that is synced is
// taken off it, whatever else holds.
func TestOptOutsWaitForNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		for i := range in.People {
			in.People[i].OptOutAll = true
		}
		out := Plan(in)
		for _, p := range in.People {
			for _, list := range out.Lists {
				removed := slices.ContainsFunc(out.Ops, func(op Op) bool {
					return op.Kind == InactivateFromList && op.OptOut && op.Address == p.Address && op.List == list.Key
				})
				if p.Pairs[list.Key].Shown == ShownOn && !removed {
					t.Fatalf("%s is still shown on %s", p.Address, list.Key)
				}
			}
		}
	})
}

func TestPlanIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		out := Plan(in)
		pairs, contacts := map[Address]map[ListKey]Pair{}, map[Address]Contact{}
		for _, p := range in.People {
			pairs[p.Address], contacts[p.Address] = p.Pairs, p.Contact
		}
		pairs, contacts = carryOut(pairs, contacts, out)
		memory := map[Address]bool{}
		for _, m := range out.OptOuts {
			memory[m.Address] = m.OptOut
		}
		in.People = slices.Clone(in.People)
		for i, p := range in.People {
			in.People[i].Pairs, in.People[i].Contact = pairs[p.Address], contacts[p.Address]
			if optOut, changed := memory[p.Address]; changed {
				in.People[i].RememberedOptOut = optOut
			}
		}
		if again := Plan(in); len(again.Ops)+len(again.OptOuts)+len(again.Winners) > 0 {
			t.Fatalf("planned again: %+v, opt-outs %+v, winners %+v", again.Ops, again.OptOuts, again.Winners)
		}
	})
}

func TestPlanIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		want := Plan(in)
		in.Groups = rapid.Permutation(in.Groups).Draw(t, "groups")
		in.Known = rapid.Permutation(in.Known).Draw(t, "known")
		in.Types = rapid.Permutation(in.Types).Draw(t, "types")
		in.People = rapid.Permutation(in.People).Draw(t, "people")
		for i, p := range in.People {
			in.People[i].Holders = rapid.Permutation(p.Holders).Draw(t, "holders")
			in.People[i].Former = rapid.Permutation(p.Former).Draw(t, "former")
		}
		if got := Plan(in); !reflect.DeepEqual(got, want) {
			t.Fatalf("plan in another order:\n%+v\nwant\n%+v", got, want)
		}
	})
}

func TestPlanKeepsItsInput(t *testing.T) {
	in := syncEverything()
	in.People = []Person{
		{Address: "b@example.org", Holders: []Rep{{ID: "2"}, {ID: "1", Active: true, MemberStatus: "active"}}},
		{Address: "a@example.org"},
	}
	Plan(in)
	if in.People[0].Address != "b@example.org" || in.People[0].Holders[0].ID != "2" {
		t.Errorf("input after Plan: %+v", in.People)
	}
}
