package tally

import (
	"slices"

	"rollcall/internal/store"
	"rollcall/mapper"
)

// The words of a count.
const (
	InDatabase = "in_database" // the rows connect them with the list: Expected and Held
	Expected   = "expected"    // belong on it
	Held       = "held"        // in the database, and not to be on it, by reason
	ExpectedOn = "expected_on" // of Expected, on it already
	OnList     = "on_list"     // on it in Constant Contact, as far as is known
	Foreign    = "foreign"     // on it, and no row ever put them there
	LeftBehind = "left_behind" // on it, ours, and no row connects them with it any more
	Pending    = "pending"     // something is still to be done
)

// Tally counts one association, piece by piece. It keeps numbers, no people.
type Tally struct {
	counts map[store.StandingCount]int // without N
}

// New begins a count.
func New() *Tally { return &Tally{counts: map[store.StandingCount]int{}} }

// Add counts people and returns how each stands. planned is the planner's answer
// about in; standing is that as if every list were synced: the ticks and options
// say whether something is done, not who somebody is.
func (t *Tally) Add(in mapper.Input, planned, standing mapper.Output) (who []string, rows []store.Standing) {
	people := make(map[mapper.Address]*mapper.Person, len(in.People))
	for i := range in.People {
		person := &in.People[i]
		people[person.Address] = person
		who = append(who, Who(person))
	}
	type pair struct {
		address mapper.Address
		list    mapper.ListKey
	}
	ops := map[pair]string{}
	for _, op := range planned.Ops {
		switch op.Kind {
		case mapper.AddToList:
			ops[pair{op.Address, op.List}] = "add"
		case mapper.InactivateFromList:
			ops[pair{op.Address, op.List}] = "remove"
		}
	}
	waits := map[pair]mapper.Reason{}
	for _, d := range planned.Decisions {
		if waiting(d.Reason) {
			waits[pair{d.Address, d.List}] = d.Reason
		}
	}
	for _, d := range standing.Decisions {
		person := people[d.Address]
		if person == nil {
			continue
		}
		s := stand(person, d)
		if s.Class == "" {
			continue
		}
		s.Op = ops[pair{d.Address, d.List}]
		if reason := waits[pair{d.Address, d.List}]; s.Class == Expected {
			s.Reason = reason
			if reason != "" && s.Op == "" && !s.OnList {
				s.Op = "add"
			}
		}
		rows = append(rows, s)
	}
	t.AddRows(rows, 1)
	return who, rows
}

// AddRows counts how people stand, so many times each: -1 takes them out. All rows
// of a person have to come together.
func (t *Tally) AddRows(rows []store.Standing, times int) {
	reasons := map[string]map[mapper.Reason]bool{} // by person, over all lists
	for _, s := range rows {
		t.count(s, times)
		if s.Class == Held {
			if reasons[s.Who] == nil {
				reasons[s.Who] = map[mapper.Reason]bool{}
			}
			reasons[s.Who][s.Reason] = true
		}
	}
	for _, of := range reasons {
		for reason := range of {
			t.counts[store.StandingCount{What: Held, Reason: reason}] += times
		}
	}
}

// Counts are the numbers, in a fixed order.
func (t *Tally) Counts() []store.StandingCount {
	all := make([]store.StandingCount, 0, len(t.counts))
	for c, n := range t.counts {
		c.N = n
		all = append(all, c)
	}
	slices.SortFunc(all, store.StandingCount.Compare)
	return all
}

func (t *Tally) count(s store.Standing, times int) {
	add := func(what string, reason mapper.Reason) {
		t.counts[store.StandingCount{List: s.List, What: what, Reason: reason}] += times
	}
	switch s.Class {
	case Expected:
		add(InDatabase, "")
		add(Expected, "")
		if s.OnList {
			add(ExpectedOn, "")
		}
	case Held:
		add(InDatabase, "")
		add(Held, s.Reason)
	default:
		add(s.Class, "")
	}
	if s.OnList {
		add(OnList, "")
	}
	if s.Op != "" {
		add(Pending, "")
	}
}

// Who names a person: by the address, or by the rep where that cannot be used.
func Who(p *mapper.Person) string {
	if unusable(p.Address) && len(p.Holders) == 1 {
		return store.WhoRep(p.Holders[0].ID)
	}
	return string(p.Address)
}

func unusable(a mapper.Address) bool {
	_, problem := mapper.Normalize(string(a))
	return problem != ""
}

// stand is how a person stands on a list; without a class where the list has
// nothing to do with the person.
func stand(p *mapper.Person, d mapper.Decision) store.Standing {
	pair := p.Pairs[d.List]
	s := store.Standing{List: d.List, Who: string(d.Address), Rep: d.Rep, OnList: pair.BelievedOn()}
	if unusable(d.Address) {
		s.Who = store.WhoRep(d.Rep) // several reps may have the same text, or none
	}
	switch {
	case d.Verdict == mapper.On && (d.Reason == "" || waiting(d.Reason)):
		s.Class = Expected
	case d.Verdict == mapper.On:
		s.Class, s.Reason = Held, d.Reason
	case d.Verdict == mapper.Leave && !s.OnList:
	case d.Verdict == mapper.Leave && len(p.Holders)+len(p.Former) == 0 && pair.Told == mapper.ToldNothing:
		s.Class = Foreign
	case d.Verdict == mapper.Leave:
		s.Class = LeftBehind
	case d.Reason == mapper.ReasonOtherType && !s.OnList:
	case len(p.Holders) == 0 && !s.OnList: // opted out, and nobody's any more
	default:
		s.Class, s.Reason = Held, d.Reason
	}
	return s
}

// waiting reports whether the reason is that something is to come first.
func waiting(r mapper.Reason) bool {
	switch r {
	case mapper.ReasonWaitingApproval, mapper.ReasonWaitingActivity, mapper.ReasonWaitingRate, mapper.ReasonWaitingDailyBudget,
		mapper.ReasonWaitingAddressLimit, mapper.ReasonWaitingConsentRead:
		return true
	}
	return false
}
