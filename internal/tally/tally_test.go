package tally

import (
	"slices"
	"testing"

	"rollcall/internal/store"
	"rollcall/mapper"
)

const board mapper.ListKey = "group:1"

// office is a planning problem with one person of each class on the board's list.
func office() mapper.Input {
	in := func(group bool) map[mapper.GroupID]bool { return map[mapper.GroupID]bool{"1": group} }
	rep := func(id mapper.RepID, email string, groups map[mapper.GroupID]bool) mapper.Rep {
		return mapper.Rep{ID: id, Email: email, Active: true, MemberStatus: "active", Groups: groups}
	}
	on := map[mapper.ListKey]mapper.Pair{board: {Told: mapper.ToldAdd, Confirmed: true, Shown: mapper.ShownOn}}
	return mapper.Input{
		Connected: true, Policy: mapper.Policy{AllActiveName: "Everybody"},
		Options: mapper.Options{NewsletterSolution: "ConstantContact", SyncGroups: true},
		Groups:  []mapper.Group{{ID: "1", Name: "Board", Sync: true}},
		Known:   []mapper.List{{Key: board, Kind: mapper.ListGroup, Ref: "1", Name: "Board", State: mapper.ListBound}},
		People: []mapper.Person{
			{Address: "new@example.org", Holders: []mapper.Rep{rep("1", "new@example.org", in(false))}},
			{Address: "on@example.org", Holders: []mapper.Rep{rep("2", "on@example.org", in(false))}, Pairs: on},
			{Address: "off@example.org", Holders: []mapper.Rep{rep("3", "off@example.org", in(true))}, Pairs: on},
			{Address: "gone@example.org", Former: []mapper.Former{{}}, Pairs: on},
			{Address: "hand@example.org", Pairs: map[mapper.ListKey]mapper.Pair{board: {Shown: mapper.ShownOn}}},
			{Address: "", Holders: []mapper.Rep{rep("4", "", in(false))}},
		},
	}
}

// another is a second rep without an address.
func another() mapper.Input {
	in := office()
	in.People = in.People[len(in.People)-1:]
	in.People[0].Holders[0].ID = "5"
	return in
}

func counted(t *Tally) map[string]int {
	found := map[string]int{}
	for _, c := range t.Counts() {
		if c.List == board {
			found[c.What+" "+string(c.Reason)] = c.N
		}
	}
	return found
}

func TestCounts(t *testing.T) {
	tally := New()
	in := office()
	who, rows := tally.Add(in, mapper.Plan(in), mapper.Plan(in))
	tally.Add(another(), mapper.Output{}, mapper.Plan(another()))
	want := map[string]int{
		"in_database ": 5, "expected ": 2, "expected_on ": 1, "held disabled_in_group": 1, "held no_email": 2, "on_list ": 4, "foreign ": 1, "left_behind ": 1, "pending ": 2,
	}
	got := counted(tally)
	for what, n := range want {
		if got[what] != n {
			t.Errorf("%s: %d, want %d", what, got[what], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("counts are %v, want %v", got, want)
	}
	if !slices.Contains(who, "rep:4") || len(who) != 6 {
		t.Errorf("the people are %v", who)
	}
	i := slices.IndexFunc(rows, func(s store.Standing) bool { return s.List == board && s.Who == "off@example.org" })
	if i < 0 || rows[i].Op != "remove" || !rows[i].OnList || rows[i].Reason != mapper.ReasonDisabledInGroup {
		t.Errorf("rows are %+v", rows)
	}
}

// An option that is off says nothing about who somebody is, only that nothing is
// to be done.
func TestAListThatIsOffIsCountedToo(t *testing.T) {
	in := office()
	off := in
	off.Options.SyncGroups = false
	tally := New()
	tally.Add(in, mapper.Plan(off), mapper.Plan(in))
	got := counted(tally)
	if got["expected "] != 2 || got["pending "] != 0 {
		t.Errorf("counts are %v", got)
	}
}

func TestRowsAreTakenOutAgain(t *testing.T) {
	tally := New()
	in := office()
	_, rows := tally.Add(in, mapper.Plan(in), mapper.Plan(in))
	tally.AddRows(rows, -1)
	for _, c := range tally.Counts() {
		if c.N != 0 {
			t.Errorf("%+v is left", c)
		}
	}
}
