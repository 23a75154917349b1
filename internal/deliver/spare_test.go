package deliver

import (
	"slices"
	"testing"

	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// One person and one list: which pairs a call may reach without effect.
func TestSparePairs(t *testing.T) {
	const who, group = mapper.Address("a@example.org"), mapper.ListKey("group:1")
	type given struct {
		list     sink.BoundList
		verdict  mapper.Verdict // empty: the plan has no decision
		reason   mapper.Reason
		pair     mapper.Pair
		shown    bool // on the list
		held     bool
		busy     bool
		holders  []mapper.Rep
		optedOut bool // off another list because of it
	}
	bound := sink.BoundList{Key: group, Kind: mapper.ListGroup, ListID: "l", State: mapper.ListBound}
	kind := func(kind mapper.ListKind) sink.BoundList {
		l := bound
		l.Kind = kind
		return l
	}
	foreign, unseen := kind(mapper.ListType), kind(mapper.ListType)
	foreign.KeepForeign, unseen.Existed = true, true
	seen := unseen
	seen.Looked = true
	rep := []mapper.Rep{{ID: "1"}}
	hold := mapper.Hold{Kind: mapper.HoldLeftBehind, State: mapper.HoldRejected}
	for what, c := range map[string]struct {
		given
		on, off bool
	}{
		"wanted and shown":             {given: given{list: bound, verdict: mapper.On, shown: true}, on: true},
		"wanted and not shown":         {given: given{list: bound, verdict: mapper.On}},
		"wanted, shown, waiting":       {given: given{list: bound, verdict: mapper.On, shown: true, pair: mapper.Pair{Remove: mapper.Hold{State: mapper.HoldWaiting}}}},
		"wanted, left before":          {given: given{list: bound, verdict: mapper.On, shown: true, reason: mapper.ReasonLeftList}},
		"wanted, shown, busy":          {given: given{list: bound, verdict: mapper.On, shown: true, busy: true}},
		"stays without a row":          {given: given{list: bound, verdict: mapper.Leave, shown: true}},
		"not wanted and not there":     {given: given{list: bound, verdict: mapper.Off}, off: true},
		"not wanted, busy":             {given: given{list: bound, verdict: mapper.Off, busy: true}},
		"not wanted, shown":            {given: given{list: bound, verdict: mapper.Off, shown: true}},
		"not wanted, last seen there":  {given: given{list: bound, verdict: mapper.Off, pair: mapper.Pair{Shown: mapper.ShownOn}}},
		"not wanted, told to add":      {given: given{list: bound, verdict: mapper.Off, pair: mapper.Pair{Told: mapper.ToldAdd}}},
		"not wanted, being removed":    {given: given{list: bound, verdict: mapper.Off, pair: mapper.Pair{Told: mapper.ToldRemove}}},
		"not wanted, removed":          {given: given{list: bound, verdict: mapper.Off, pair: mapper.Pair{Told: mapper.ToldRemove, Confirmed: true}}, off: true},
		"not wanted, kept by staff":    {given: given{list: bound, verdict: mapper.Off, pair: mapper.Pair{Remove: hold}}},
		"not wanted, held now":         {given: given{list: bound, verdict: mapper.Off, held: true}},
		"option off":                   {given: given{list: bound, verdict: mapper.None}},
		"list not bound":               {given: given{list: sink.BoundList{Key: group, Kind: mapper.ListType, State: mapper.ListMissing}, verdict: mapper.Off, holders: rep}},
		"no row in the group":          {given: given{list: bound, holders: rep}},
		"no row in the group, opt-out": {given: given{list: bound, holders: rep, optedOut: true}, off: true},
		"other type":                   {given: given{list: kind(mapper.ListType), holders: rep}, off: true},
		"other type, shown":            {given: given{list: kind(mapper.ListType), holders: rep, shown: true}},
		"other type, foreign kept":     {given: given{list: foreign, holders: rep}},
		"other type, not looked at":    {given: given{list: unseen, holders: rep}},
		"other type, looked at":        {given: given{list: seen, holders: rep}, off: true},
		"nobody of ours":               {given: given{list: kind(mapper.ListAllActive)}},
		"row that cannot be used":      {given: given{list: kind(mapper.ListAllActive), holders: []mapper.Rep{{ID: "1", Unreadable: "active"}}}},
	} {
		w := &world{
			people: map[mapper.Address]*mapper.Person{who: {Address: who, Holders: c.holders}},
			known:  map[mapper.Address]*store.Known{who: {Pairs: map[mapper.ListKey]mapper.Pair{group: c.pair}}},
			lists:  []sink.BoundList{c.list},
		}
		out := mapper.Output{Lists: []mapper.List{{Key: group, Kind: c.list.Kind}}}
		if c.verdict != "" {
			out.Decisions = append(out.Decisions, mapper.Decision{Address: who, List: group, Verdict: c.verdict, Reason: c.reason})
		}
		if c.optedOut {
			out.Decisions = append(out.Decisions, mapper.Decision{Address: who, List: "group:2", Verdict: mapper.Off, Reason: mapper.ReasonOptedOut})
		}
		var held []mapper.Held
		if c.held {
			held = append(held, mapper.Held{Op: mapper.Op{Kind: mapper.InactivateFromList, Address: who, List: group}, Kind: mapper.HoldRemovals})
		}
		shown := sink.Shown{Lists: map[string]bool{}}
		if c.shown {
			shown.Lists["l"] = true
		}
		on, off := newSpare(w, out, held, listsByKey(w.lists)).pairs(who, shown, c.busy)
		if slices.Contains(on, group) != c.on || slices.Contains(off, group) != c.off {
			t.Errorf("%s: on %v, off %v; want %v and %v", what, on, off, c.on, c.off)
		}
	}
}
