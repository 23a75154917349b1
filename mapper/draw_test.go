package mapper

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

var (
	contactStates = []ContactState{
		ContactUnknown, ContactAbsent, ContactActive, ContactActive, ContactUnsubscribed, ContactDeleted,
		ContactOnHold, ContactPending, ContactNotSet,
	}
	drawTypes  = []string{"Gold", "Silver"}
	drawGroups = []GroupID{"7", "8", "10"}
	drawKeys   = []ListKey{AllActiveKey, TypeKey("Gold"), TypeKey("Silver"), GroupKey("7"), GroupKey("8"), GroupKey("10"), UnmanagedKey("u1")}
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
	}
	if rare(t, "asked to add") {
		p.Add = drawHold(t, HoldWentBack, HoldOptedIn, HoldAddressChanges, HoldManyLeft, HoldMayHaveLeft)
	}
	if rare(t, "asked to remove") {
		p.Remove = drawHold(t, HoldRemovals, HoldSource, HoldWentBack, HoldLeftBehind, HoldForeign)
	}
	p.Confirmed = p.Told != ToldNothing && rapid.Bool().Draw(t, "confirmed")
	return p
}

func drawHold(t *rapid.T, kinds ...HoldKind) Hold {
	h := Hold{
		Kind:  rapid.SampledFrom(kinds).Draw(t, "kind of hold"),
		State: rapid.SampledFrom([]HoldState{HoldWaiting, HoldApproved, HoldRejected}).Draw(t, "state of hold"),
	}
	if h.Kind.Adoption() {
		h.Verdict = rapid.SampledFrom([]Verdict{On, Off, Leave}).Draw(t, "verdict of hold")
	}
	return h
}

func drawPerson(t *rapid.T, address Address) Person {
	p := Person{
		Address:          address,
		SeenOptedOut:     map[RepID]bool{},
		Returned:         map[RepID]bool{},
		RememberedOptOut: rare(t, "remembered"),
		OptOutAll:        rare(t, "opt out all"),
		OptOutGroups:     map[GroupID]bool{},
		Pairs:            map[ListKey]Pair{},
		Exact:            map[ListKey]bool{},
		Contact: Contact{
			State:     rapid.SampledFrom(contactStates).Draw(t, "state"),
			TouchedBy: rapid.SampledFrom([]RepID{"", "1", "2"}).Draw(t, "touched by"),
			Refused:   rare(t, "refused"),
			Retry:     rare(t, "retry"),
			Lists:     rapid.SampledFrom([]int{0, 0, 0, 47, 49, 50, 51}).Draw(t, "lists"),
		},
		OptedIn:  rare(t, "opted in"),
		Previous: map[RepID]Previous{},
		Carry:    map[ListKey]RepID{},
		Leaving:  rare(t, "leaving"),
	}
	if rare(t, "decided in an account before") {
		p.OldAccount = rapid.SampledFrom([]ContactState{ContactUnsubscribed, ContactDeleted, ContactOnHold}).Draw(t, "old account")
	}
	if p.Contact.State == ContactAbsent {
		p.Contact.Lists = 0
	}
	if p.Contact.Refused && rapid.Bool().Draw(t, "refused fields known") {
		p.Contact.RefusedFields = Fields{Rep: "9", FirstName: "Ann"}.Fingerprint()
	}
	if rapid.Bool().Draw(t, "can move") {
		p.MoveFrom = "previous@example.org"
	}
	for id := range rapid.IntRange(0, 2).Draw(t, "holders") {
		rep := drawRep(t, 9+id)
		p.Holders = append(p.Holders, rep)
		if rapid.Bool().Draw(t, "was seen") {
			p.SeenOptedOut[rep.ID] = rare(t, "seen opted out")
		} else if rare(t, "returned") {
			p.Returned[rep.ID] = true
		}
		if rare(t, "has a previous address") {
			p.Previous[rep.ID] = Previous{
				Reason: rapid.SampledFrom([]Reason{"", ReasonPreviousUnsubscribed, ReasonPreviousDeleted, ReasonPreviousOnHold}).Draw(t, "previous"),
				Left:   map[ListKey]bool{GroupKey("7"): true}, Allowed: map[ListKey]bool{GroupKey("8"): rare(t, "allowed")},
			}
		}
	}
	for id := range rapid.IntRange(0, 2).Draw(t, "former") {
		former := Former{OptedOut: rare(t, "former opted out"), Gone: rare(t, "former gone")}
		if rapid.Bool().Draw(t, "living") {
			rep := drawRep(t, 20+id)
			rep.Email = rapid.SampledFrom([]string{"", "new@example.org"}).Draw(t, "new address")
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
		if rare(t, "carry") {
			p.Carry[key] = rapid.SampledFrom([]RepID{"9", "10", "20"}).Draw(t, "carried rep")
		}
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
	in.Policy.MoveAddress = rapid.Bool().Draw(t, "move address")
	in.TypesComplete = rapid.Bool().Draw(t, "types complete")
	for _, name := range rapid.SampledFrom([][]string{drawTypes, drawTypes, drawTypes[:1], {"Gold", "Brass"}}).Draw(t, "types") {
		in.Types = append(in.Types, MembershipType{Name: name})
	}
	for _, id := range drawGroups {
		in.Groups = append(in.Groups, Group{ID: id, Name: "Group " + string(id), Sync: !rare(t, "unticked")})
	}
	for _, key := range drawKeys {
		kind, ref, _ := strings.Cut(string(key), ":")
		in.Known = append(in.Known, List{
			Key: key, Kind: ListKind(kind), Ref: ref, Name: "List " + ref, Existed: rare(t, "existed"),
			Unseen: rare(t, "unseen"), KeepForeign: rapid.Bool().Draw(t, "keep foreign"),
			State: rapid.SampledFrom([]ListState{ListUnbound, ListBound, ListBound, ListBound, ListMissing, ListRetired, ListNoRoom}).Draw(t, "list state"),
		})
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "people") {
		in.People = append(in.People, drawPerson(t, Address(fmt.Sprintf("person%d@example.org", i))))
	}
	return in
}
