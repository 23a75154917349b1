package sink_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

func bound(n int) map[mapper.ListKey]sink.BoundList {
	lists := map[mapper.ListKey]sink.BoundList{}
	for i := range n {
		key := mapper.ListKey(fmt.Sprintf("group:%d", i))
		lists[key] = sink.BoundList{Key: key, ListID: fmt.Sprintf("list-%d", i), State: mapper.ListBound}
	}
	return lists
}

func op(kind mapper.OpKind, address mapper.Address, list int) mapper.Op {
	return mapper.Op{Kind: kind, Address: address, List: mapper.ListKey(fmt.Sprintf("group:%d", list))}
}

type pair struct{ who, list string }

// effect is every (person, list) that a call reaches at Constant Contact,
// wanted or not.
func effect(c sink.Call) []pair {
	var pairs []pair
	for i := range c.Addresses {
		who := ""
		if c.Kind == sink.CallImport {
			who = c.Rows[i].Email
		} else {
			who = c.IDs[i]
		}
		for _, id := range c.ListIDs {
			pairs = append(pairs, pair{who, id})
		}
	}
	return pairs
}

// Every call reaches only pairs that somebody asked for, or for a row that
// only tells fields, one that was just read as on; no operation is done twice;
// what is left out is left for the next batch; every limit is kept.
func TestPlanCallsReachesOnlyWhatWasAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lists := rapid.IntRange(1, 8).Draw(t, "lists")
		people := rapid.IntRange(1, 40).Draw(t, "people")
		allowedAdd, allowedRemove := map[pair]bool{}, map[pair]bool{}
		asked := map[string]bool{}
		var work []sink.Work
		for i := range people {
			address := mapper.Address(fmt.Sprintf("p%d@example.org", i))
			w := sink.Work{Address: address, Shown: sink.Shown{State: mapper.ContactAbsent, Lists: map[string]bool{}}}
			exists := rapid.Bool().Draw(t, "exists")
			if exists {
				w.Shown.State, w.Shown.ID = mapper.ContactActive, "id-"+string(address)
			}
			for l := range lists {
				id := fmt.Sprintf("list-%d", l)
				switch rapid.IntRange(0, 3).Draw(t, "pair") {
				case 0:
					w.Adds = append(w.Adds, op(mapper.AddToList, address, l))
					allowedAdd[pair{string(address), id}], allowedAdd[pair{w.Shown.ID, id}] = true, true
					asked["add "+string(address)+" "+id] = true
				case 1:
					if exists {
						w.Shown.Lists[id] = true
						o := op(mapper.InactivateFromList, address, l)
						o.OptOut = rapid.Bool().Draw(t, "optout")
						w.Removes = append(w.Removes, o)
						allowedRemove[pair{w.Shown.ID, id}] = true
						asked["remove "+string(address)+" "+id] = true
					}
				case 2:
					if exists {
						w.Shown.Lists[id] = true
						allowedAdd[pair{string(address), id}] = true
					}
				}
			}
			w.Tell = !exists && len(w.Adds) > 0 || exists && rapid.Bool().Draw(t, "tell")
			work = append(work, w)
		}
		for _, w := range work {
			// Somebody may be on a list and about to be taken off it: telling
			// fields over that list would put the person back.
			for _, r := range w.Removes {
				delete(allowedAdd, pair{string(w.Address), "list-" + string(r.List[len("group:"):])})
			}
		}
		rows := map[string]int{}
		done := map[string]bool{}
		for _, c := range sink.PlanCalls(work, bound(lists)) {
			if len(c.ListIDs) == 0 || len(c.ListIDs) > constantcontact.MaxMembershipLists || len(c.IDs) > constantcontact.MaxMembershipIDs || c.People() == 0 {
				t.Fatalf("call breaks a limit: %d lists, %d ids, %d people", len(c.ListIDs), len(c.IDs), c.People())
			}
			for _, p := range effect(c) {
				allowed := allowedAdd
				if c.Kind == sink.CallRemove {
					allowed = allowedRemove
				}
				if !allowed[p] {
					t.Fatalf("%s reaches %v, which nobody asked for", c.Kind, p)
				}
			}
			for _, row := range c.Rows {
				rows[row.Email]++
			}
			for _, in := range c.Intents {
				if in.Op == sink.OpFields {
					continue
				}
				what := in.Op + " " + string(in.Address) + " list-" + string(in.List[len("group:"):])
				if !asked[what] || done[what] {
					t.Fatalf("intent %q: asked %v, done before %v", what, asked[what], done[what])
				}
				done[what] = true
			}
		}
		for who, n := range rows {
			if n > 1 {
				t.Fatalf("%s has %d import rows", who, n)
			}
		}
		for what := range asked {
			if what[:3] == "rem" && !done[what] {
				t.Fatalf("%q was not done", what)
			}
		}
	})
}

func TestPlanCallsOrder(t *testing.T) {
	remove := op(mapper.InactivateFromList, "a@example.org", 0)
	optOut := op(mapper.InactivateFromList, "b@example.org", 0)
	optOut.OptOut = true
	work := []sink.Work{
		{Address: "c@example.org", Shown: sink.Shown{State: mapper.ContactAbsent}, Adds: []mapper.Op{op(mapper.AddToList, "c@example.org", 0)}, Tell: true},
		{Address: "a@example.org", Shown: sink.Shown{ID: "a"}, Removes: []mapper.Op{remove}},
		{Address: "b@example.org", Shown: sink.Shown{ID: "b"}, Removes: []mapper.Op{optOut}},
	}
	calls := sink.PlanCalls(work, bound(1))
	if len(calls) != 3 || !calls[0].OptOut || calls[1].Kind != sink.CallRemove || calls[2].Kind != sink.CallImport {
		t.Fatalf("got %+v, want the opt-out, then the removal, then the import", calls)
	}
}

// One list set needs one call however many lists it has, and one list shared
// by many sets needs one call for that list.
func TestPlanCallsFewest(t *testing.T) {
	var sameSet, oneList []sink.Work
	for i := range 20 {
		address := mapper.Address(fmt.Sprintf("p%d@example.org", i))
		shown := sink.Shown{State: mapper.ContactActive, ID: string(address)}
		all := sink.Work{Address: address, Shown: shown}
		for l := range 5 {
			all.Adds = append(all.Adds, op(mapper.AddToList, address, l))
		}
		sameSet = append(sameSet, all)
		mixed := sink.Work{Address: address, Shown: shown, Adds: []mapper.Op{op(mapper.AddToList, address, 0)}}
		for l := range 4 {
			if i>>l&1 == 1 {
				mixed.Adds = append(mixed.Adds, op(mapper.AddToList, address, l+1))
			}
		}
		oneList = append(oneList, mixed)
	}
	if n := len(sink.PlanCalls(sameSet, bound(5))); n != 1 {
		t.Errorf("one set of five lists: %d calls, want 1", n)
	}
	if n := len(sink.PlanCalls(oneList, bound(5))); n != 5 {
		t.Errorf("sixteen sets over five lists: %d calls, want 5", n)
	}
}
