package mapper

import (
	"maps"
	"testing"
	"time"
)

func TestMoved(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	waiting := Hold{Kind: HoldRemovals, State: HoldWaiting}
	from := Person{
		Address: "a@example.org", Contact: Contact{State: ContactActive, ID: "c1", TouchedBy: "1", Fields: "f", ReadAt: at, Lists: 3},
		Pairs: map[ListKey]Pair{
			"group:1": {Told: ToldAdd, Confirmed: true, Seen: true, Shown: ShownOn, Remove: waiting},
			"group:2": {Seen: true, Shown: ShownOff, Departed: true},
		},
	}
	to := Person{
		Address: "b@example.org", Contact: Contact{State: ContactAbsent},
		Pairs: map[ListKey]Pair{"group:1": {Shown: ShownOff, Add: Hold{Kind: HoldWentBack, State: HoldRejected}}, "group:3": {Departed: true}},
	}
	before := maps.Clone(from.Pairs)
	left, arrived := Moved(from, to)
	if arrived.Contact != from.Contact || left.Contact != (Contact{State: ContactAbsent, ReadAt: at}) {
		t.Errorf("contacts: %+v and %+v", left.Contact, arrived.Contact)
	}
	wantLeft := map[ListKey]Pair{"group:1": {Shown: ShownOff, Remove: waiting}, "group:2": {Shown: ShownOff, Departed: true}}
	wantArrived := map[ListKey]Pair{
		"group:1": {Told: ToldAdd, Confirmed: true, Seen: true, Shown: ShownOn, Add: Hold{Kind: HoldWentBack, State: HoldRejected}},
		"group:2": {Seen: true, Shown: ShownOff, Departed: true},
		"group:3": {Departed: true},
	}
	if !maps.Equal(left.Pairs, wantLeft) || !maps.Equal(arrived.Pairs, wantArrived) {
		t.Errorf("pairs: %+v and %+v", left.Pairs, arrived.Pairs)
	}
	if !maps.Equal(from.Pairs, before) || len(to.Pairs) != 2 {
		t.Error("Moved changed its input")
	}
	if left.Contact.reason() != "" {
		t.Error("the address that the contact left cannot be used again")
	}
}
