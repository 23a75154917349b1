package mapper

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func never(ListKey) bool { return false }

func TestObservePair(t *testing.T) {
	seen := Pair{Told: ToldAdd, Confirmed: true, Seen: true, Shown: ShownOn}
	asked := seen
	asked.Add = Hold{Kind: HoldManyLeft, State: HoldWaiting}
	askedMissed := asked
	askedMissed.Shown = ShownOff
	missed := seen
	missed.Shown = ShownOff
	for name, test := range map[string]struct {
		pair    Pair
		state   ContactState
		on      bool
		verdict Verdict
		want    Pair
	}{
		"left":                  {seen, ContactActive, false, On, Pair{Told: ToldAdd, Confirmed: true, Seen: true, Shown: ShownOff, Departed: true}},
		"foreign, left":         {Pair{Seen: true, Shown: ShownOn}, ContactActive, false, On, Pair{Seen: true, Shown: ShownOff, Departed: true}},
		"never there":           {Pair{}, ContactActive, false, On, Pair{Shown: ShownOff}},
		"missed while off":      {seen, ContactActive, false, Off, Pair{Told: ToldAdd, Confirmed: true, Seen: true, Shown: ShownOff}},
		"missed, unreadable":    {seen, ContactActive, false, None, Pair{Told: ToldAdd, Confirmed: true, Seen: true, Shown: ShownOff}},
		"on hold":               {seen, ContactOnHold, false, On, Pair{Told: ToldAdd, Confirmed: true, Seen: true, Shown: ShownOff}},
		"unsubscribed":          {seen, ContactUnsubscribed, false, On, Pair{Shown: ShownOff}},
		"unsubscribed, still":   {seen, ContactUnsubscribed, true, On, seen},
		"deleted":               {seen, ContactDeleted, false, On, Pair{Shown: ShownOff}},
		"seen, contact is gone": {seen, ContactAbsent, false, On, Pair{Told: ToldAdd, Confirmed: true, Seen: true, Shown: ShownOff}},
		"not applied":           {Pair{Told: ToldAdd}, ContactActive, false, On, Pair{Shown: ShownOff}},
		"removed by us":         {Pair{Told: ToldRemove, Confirmed: true}, ContactActive, false, On, Pair{Told: ToldRemove, Confirmed: true, Shown: ShownOff}},
		"put back by others":    {Pair{Told: ToldRemove, Confirmed: true}, ContactActive, true, Off, Pair{Shown: ShownOn}},
		"seen only while on":    {Pair{}, ContactActive, true, Leave, Pair{Shown: ShownOn}},
		"departed, back":        {Pair{Seen: true, Shown: ShownOff, Departed: true}, ContactActive, true, On, Pair{Seen: true, Shown: ShownOn}},
		"told again, left":      {seen.Tell(ToldAdd), ContactActive, false, On, Pair{Told: ToldAdd, Seen: true, Shown: ShownOff, Departed: true}},
		"asked whether many":    {asked, ContactActive, false, On, askedMissed},
		"missed, unsub":         {missed, ContactUnsubscribed, false, On, missed},
		"departed, unsub":       {Pair{Seen: true, Shown: ShownOff, Departed: true}, ContactUnsubscribed, false, On, Pair{Shown: ShownOff, Departed: true}},
	} {
		p := Person{Pairs: map[ListKey]Pair{AllActiveKey: test.pair}}
		read := Read{State: test.state, Lists: map[ListKey]bool{AllActiveKey: test.on}}
		got, changed := Observe(p, read, map[ListKey]Verdict{AllActiveKey: test.verdict}, never)
		if got.Pairs[AllActiveKey] != test.want || got.Contact.State != test.state || got.Contact.Refused {
			t.Errorf("%s: %+v, contact %+v; want %+v", name, got.Pairs[AllActiveKey], got.Contact, test.want)
		}
		if (len(changed) == 1) != (test.pair != test.want) {
			t.Errorf("%s: changed %v", name, changed)
		}
	}
}

// What a read may teach is limited by what it can know.
func TestObserveLimits(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	pairs := map[ListKey]Pair{"group:1": {Told: ToldAdd, Confirmed: true, Seen: true, Shown: ShownOn}}
	p := Person{Pairs: pairs, Contact: Contact{State: ContactActive, ID: "c1", ReadAt: at}}
	verdicts := map[ListKey]Verdict{"group:1": On, "group:2": On}

	missing := Read{State: ContactActive, ID: "c1", Lists: map[ListKey]bool{"group:2": false}, At: at}
	if got, changed := Observe(p, missing, verdicts, never); len(changed) != 0 || len(got.Pairs) != 1 {
		t.Errorf("a list that was not covered, or one that nobody was ever on: changed %v", changed)
	}
	misses := Read{State: ContactActive, ID: "c1", Lists: map[ListKey]bool{"group:1": false}, At: at.Add(-time.Second)}
	if got, changed := Observe(p, misses, verdicts, never); len(changed) != 0 || got.Contact.ReadAt != at {
		t.Errorf("an older read: changed %v", changed)
	}
	misses.At = at.Add(time.Second)
	settling := func(key ListKey) bool { return key == "group:1" }
	if got, changed := Observe(p, misses, verdicts, settling); len(changed) != 0 || got.Contact.ReadAt != misses.At {
		t.Errorf("an activity is open: changed %v, contact %+v", changed, got.Contact)
	}
	if got, changed := Observe(p, misses, verdicts, never); !slices.Equal(changed, []ListKey{"group:1"}) || !got.Pairs["group:1"].Departed {
		t.Errorf("a complete read: changed %v, %+v", changed, got.Pairs)
	}
	if !p.Pairs["group:1"].Seen || p.Pairs["group:1"].Departed {
		t.Error("Observe changed its input")
	}
}

func TestObserveAbsent(t *testing.T) {
	told := map[ListKey]Pair{"group:1": {Told: ToldAdd, Confirmed: true}}
	read := Read{State: ContactAbsent, Lists: map[ListKey]bool{"group:1": false}}

	refused, _ := Observe(Person{Pairs: told, Contact: Contact{Fields: "f", Retry: true}}, read, nil, never)
	if !refused.Contact.Refused || refused.Contact.RefusedFields != "f" || refused.Contact.Retry || refused.Pairs["group:1"] != (Pair{Shown: ShownOff}) {
		t.Errorf("confirmed, and no such contact: %+v", refused)
	}
	open, _ := Observe(Person{Pairs: told}, read, nil, func(ListKey) bool { return true })
	if open.Contact.Refused {
		t.Error("refused while an activity is open")
	}
	// A contact that was there has another address now, read after read.
	moved := Person{Pairs: told, Contact: Contact{State: ContactActive, ID: "c1"}}
	for range 2 {
		moved, _ = Observe(moved, read, nil, never)
		if moved.Contact.Refused || moved.Contact.reason() != ReasonAddressChanged {
			t.Errorf("a known contact is gone: %+v", moved.Contact)
		}
	}
}

func TestObserveCountsLists(t *testing.T) {
	lists := map[ListKey]bool{"group:1": true, "group:2": true, "group:3": false}
	for total, want := range map[int]int{0: 2, 7: 7} {
		got, _ := Observe(Person{Contact: Contact{Lists: 40}}, Read{State: ContactActive, Lists: lists, Total: total}, nil, never)
		if got.Contact.Lists != want {
			t.Errorf("read of %d lists, two of them ours: %d", total, got.Contact.Lists)
		}
	}
}

func TestObserveProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPerson(t, "ann@example.org")
		read := Read{
			State: rapid.SampledFrom(contactStates).Draw(t, "read state"),
			Lists: map[ListKey]bool{},
			At:    time.Unix(1, 0),
		}
		verdicts := map[ListKey]Verdict{}
		for _, key := range drawKeys {
			read.Lists[key] = read.State != ContactAbsent && rapid.Bool().Draw(t, "on "+string(key))
			verdicts[key] = rapid.SampledFrom([]Verdict{On, Off, Leave, None}).Draw(t, "verdict "+string(key))
		}
		before := maps.Clone(p.Pairs)
		once, changed := Observe(p, read, verdicts, never)
		if !maps.Equal(before, p.Pairs) {
			t.Fatal("the input changed")
		}
		for key, pair := range once.Pairs {
			if slices.Contains(changed, key) == (pair == before[key]) {
				t.Fatalf("%s: %+v became %+v, changed is %v", key, before[key], pair, changed)
			}
			newly := pair.Departed && !before[key].Departed
			if newly && (read.State != ContactActive || read.Lists[key] || verdicts[key] != On || before[key].Told == ToldRemove) {
				t.Fatalf("%s: departure from %+v by %+v, verdict %s", key, before[key], read, verdicts[key])
			}
		}
		if _, changed := Observe(once, read, verdicts, never); len(changed) != 0 {
			t.Fatalf("the same read again changed %v", changed)
		}
	})
}

// What a read confirms, Observe leaves as it is, whatever the verdicts are, whatever
// is settling and whatever people were asked.
func TestConfirmsProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPerson(t, "ann@example.org")
		p.Contact.Refused = rare(t, "refused")
		read := Read{State: rapid.SampledFrom(contactStates).Draw(t, "read state"), ID: p.Contact.ID, Lists: map[ListKey]bool{}, At: time.Unix(1, 0)}
		draw := func() map[ListKey]Verdict {
			verdicts := map[ListKey]Verdict{}
			for _, key := range drawKeys {
				verdicts[key] = rapid.SampledFrom([]Verdict{On, Off, Leave, None}).Draw(t, "verdict "+string(key))
			}
			return verdicts
		}
		for _, key := range drawKeys[:2] {
			read.Lists[key] = rapid.Bool().Draw(t, "on "+string(key))
		}
		if rapid.Bool().Draw(t, "read before") {
			p, _ = Observe(p, read, draw(), never)
			read.At = time.Unix(2, 0)
		}
		settles := map[ListKey]bool{}
		bare := maps.Clone(p.Pairs)
		for key, pair := range p.Pairs {
			pair.Add, pair.Remove = Hold{}, Hold{}
			bare[key] = pair
			settles[key] = rare(t, "settling")
		}
		if !Confirms(p.Contact, bare, read) {
			return
		}
		after, changed := Observe(p, read, draw(), func(key ListKey) bool { return settles[key] })
		after.Contact.ReadAt = p.Contact.ReadAt
		if len(changed) > 0 || !reflect.DeepEqual(after.Contact, p.Contact) {
			t.Fatalf("%+v confirms %+v, and changes %v and the contact to %+v", read, p, changed, after.Contact)
		}
	})
}

func TestConfirms(t *testing.T) {
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	known := Contact{ID: "c1", State: ContactActive, ReadAt: at, Lists: 2}
	pairs := map[ListKey]Pair{
		"all_active": {Told: ToldAdd, Confirmed: true, Seen: true, Shown: ShownOn},
		"group:1":    {Told: ToldRemove, Confirmed: true, Shown: ShownOff},
	}
	lists := func(on ...ListKey) map[ListKey]bool {
		shown := map[ListKey]bool{"all_active": false, "group:1": false, "group:2": false}
		for _, key := range on {
			shown[key] = true
		}
		return shown
	}
	read := Read{ID: "c1", State: ContactActive, At: at.Add(time.Hour), Lists: lists("all_active"), Total: 2}
	for name, c := range map[string]struct {
		change func(c *Contact, r *Read)
		want   bool
	}{
		"as known":                  {func(*Contact, *Read) {}, true},
		"unsubscribed":              {func(_ *Contact, r *Read) { r.State = ContactUnsubscribed }, false},
		"another contact":           {func(_ *Contact, r *Read) { r.ID = "c2" }, false},
		"on a further list":         {func(_ *Contact, r *Read) { r.Lists = lists("all_active", "group:2") }, false},
		"on another list of theirs": {func(_ *Contact, r *Read) { r.Total = 3 }, false},
		"put back":                  {func(_ *Contact, r *Read) { r.Lists = lists("all_active", "group:1") }, false},
		"left":                      {func(_ *Contact, r *Read) { r.Lists = lists() }, false},
		"older than the last read":  {func(_ *Contact, r *Read) { r.At = at.Add(-time.Hour) }, false},
		"refused before":            {func(c *Contact, _ *Read) { c.Refused = true }, false},
	} {
		t.Run(name, func(t *testing.T) {
			contact, shown := known, read
			c.change(&contact, &shown)
			if got := Confirms(contact, pairs, shown); got != c.want {
				t.Errorf("confirms: %v, want %v", got, c.want)
			}
		})
	}
}
