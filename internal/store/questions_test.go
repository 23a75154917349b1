package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"rollcall/internal/store"
	"rollcall/mapper"
)

// asked are the open people of the questions that wait and that are approved.
func asked(t *testing.T, a *store.Association) (waiting, approved []mapper.Address, questions int) {
	t.Helper()
	rows, err := a.RecentApprovals(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		pairs, err := a.QuestionPairs(t.Context(), row.ID, store.PairPlace{}, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pairs {
			if row.State == "waiting" {
				waiting = append(waiting, p.Address)
			} else {
				approved = append(approved, p.Address)
			}
		}
	}
	return waiting, approved, len(rows)
}

func TestAPartOfAQuestionIsApproved(t *testing.T) {
	a, _ := newAssociation(t)
	q := store.Question{Kind: mapper.HoldRemovals, List: "group:1", Detail: "5 of 6."}
	for i := range 5 {
		address := mapper.Address(fmt.Sprintf("p%d@example.org", i))
		q.Pairs = append(q.Pairs, store.AskedPair{Address: address, List: "group:1", Op: mapper.InactivateFromList, Reason: mapper.ReasonRepInactive})
	}
	if err := a.Ask(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	rows, err := a.RecentApprovals(t.Context(), 10)
	if err != nil || len(rows) != 1 {
		t.Fatalf("questions are %v (%v)", rows, err)
	}
	first := rows[0]
	page, err := a.QuestionPairs(t.Context(), first.ID, store.PairPlace{List: "group:1", Address: "p1@example.org", Op: "remove"}, 2)
	if err != nil || len(page) != 2 || page[0].Address != "p2@example.org" {
		t.Fatalf("the second page is %v (%v)", page, err)
	}
	if err := a.DecideUpTo(t.Context(), first.ID, 2, "carla"); err != nil {
		t.Fatal(err)
	}
	waiting, approved, n := asked(t, a)
	if fmt.Sprint(approved) != "[p0@example.org p1@example.org]" || fmt.Sprint(waiting) != "[p2@example.org p3@example.org p4@example.org]" || n != 2 {
		t.Errorf("approved %v, waiting %v", approved, waiting)
	}
	if err := a.DecideUpTo(t.Context(), first.ID, 2, "carla"); !errors.Is(err, store.ErrNotWaiting) {
		t.Errorf("answered twice: %v", err)
	}
	rows, err = a.RecentApprovals(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	rest := rows[0]
	if rest.State != "waiting" || rest.Kind != first.Kind || !rest.AskedAt.Equal(first.AskedAt) || rest.ExpiresAt == nil || !rest.ExpiresAt.Equal(*first.ExpiresAt) || rest.Detail != first.Detail {
		t.Errorf("the rest is asked as %+v", rest)
	}
	// More than there are is all of them, and nothing is left to ask.
	if err := a.DecideUpTo(t.Context(), rest.ID, 9, "carla"); err != nil {
		t.Fatal(err)
	}
	if waiting, approved, n := asked(t, a); len(waiting) != 0 || len(approved) != 5 || n != 2 {
		t.Errorf("approved %v, waiting %v", approved, waiting)
	}
	acts, err := a.Audit(t.Context(), "1", 0, 10)
	if err != nil || len(acts) != 2 || acts[0].Who != "carla" || acts[0].What != store.ActApprove {
		t.Errorf("acts are %+v (%v)", acts, err)
	}
}

func TestQuestionsBelongToTheirAssociation(t *testing.T) {
	a, _ := newAssociation(t)
	q := store.Question{Kind: mapper.HoldRemovals, List: "group:1", Pairs: []store.AskedPair{{Address: "p@example.org", List: "group:1", Op: mapper.InactivateFromList}}}
	if err := a.Ask(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	rows, err := a.RecentApprovals(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	other := a.Store.Association("2")
	if _, err := other.Question(t.Context(), rows[0].ID); !errors.Is(err, store.ErrNoApproval) {
		t.Errorf("another association's question is shown: %v", err)
	}
	if pairs, err := other.QuestionPairs(t.Context(), rows[0].ID, store.PairPlace{}, 10); err != nil || len(pairs) > 0 {
		t.Errorf("another association's people are shown: %v (%v)", pairs, err)
	}
	if err := other.DecideUpTo(t.Context(), rows[0].ID, 1, "carla"); !errors.Is(err, store.ErrNotWaiting) {
		t.Errorf("another association's question is answered: %v", err)
	}
}

func TestNumbersFollowThePeople(t *testing.T) {
	a, db := newAssociation(t)
	row := func(who, class string, reason mapper.Reason, on bool) store.Standing {
		return store.Standing{List: "group:1", Who: who, Class: class, Reason: reason, OnList: on}
	}
	all := []string{"a@example.org", "b@example.org", "rep:9"}
	if err := a.SaveStandings(t.Context(), all, []store.Standing{
		row("a@example.org", "expected", "", true), row("b@example.org", "held", mapper.ReasonOptedOut, false), row("rep:9", "held", mapper.ReasonNoEmail, false),
	}); err != nil {
		t.Fatal(err)
	}
	counts := []store.StandingCount{{List: "group:1", What: "expected", N: 1}, {List: "group:1", What: "held", Reason: mapper.ReasonOptedOut, N: 1}}
	if err := a.EndCount(t.Context(), store.Counted{At: noon.Add(-time.Hour), State: "x"}, counts, all); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), "insert into rollcall_state.ledger (source, association, list, address, told, told_at) values ('chamber', '1', 'group:1', 'b@example.org', 'add', $1)", noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	err := a.ReplaceStandings(t.Context(), []string{"b@example.org"}, []store.Standing{row("b@example.org", "expected", "", false)}, func(before []store.Standing) []store.StandingCount {
		if len(before) != 1 || before[0].Class != "held" {
			t.Errorf("before were %+v", before)
		}
		return []store.StandingCount{{List: "group:1", What: "expected", N: 1}, {List: "group:1", What: "held", Reason: mapper.ReasonOptedOut, N: -1}}
	})
	if err != nil {
		t.Fatal(err)
	}
	// The complete count is as old as before, so that the next one comes in time.
	if last, err := a.LastCount(t.Context()); err != nil || !last.At.Equal(noon.Add(-time.Hour)) {
		t.Errorf("the last count is %+v (%v)", last, err)
	}
	changed, err := a.ListsChanged(t.Context())
	if err != nil || !changed["group:1"].Equal(noon.Add(time.Minute)) {
		t.Errorf("lists changed %v (%v)", changed, err)
	}
	if _, err := db.Exec(t.Context(), "delete from rollcall_state.ledger"); err != nil {
		t.Fatal(err)
	}
	got, err := a.StandingCounts(t.Context(), "group:1")
	if err != nil || len(got) != 1 || got[0].N != 2 {
		t.Errorf("counts are %+v (%v)", got, err)
	}
	for what, want := range map[string]int{"in_database": 3, "expected": 2, "on_list": 1, "to_add": 1, "pending": 0, "foreign": 0} {
		people, err := a.Standings(t.Context(), "group:1", what, "", "", 10)
		if err != nil || len(people) != want {
			t.Errorf("%s: %+v (%v), want %d", what, people, err, want)
		}
	}
	held, err := a.HeldFor(t.Context(), mapper.ReasonNoEmail, "", 10)
	if err != nil || len(held) != 1 {
		t.Fatalf("held are %+v (%v)", held, err)
	}
	if address, rep := held[0].Person(); address != "" || rep != "9" {
		t.Errorf("held is %q, rep %q", address, rep)
	}
	// Whom nothing knows any more is forgotten with the next count.
	if err := a.EndCount(t.Context(), store.Counted{At: noon, State: "y"}, nil, []string{"rep:9"}); err != nil {
		t.Fatal(err)
	}
	if people, err := a.Standings(t.Context(), "group:1", "in_database", "", "", 10); err != nil || len(people) != 1 || people[0].Who != "rep:9" {
		t.Errorf("left are %+v (%v)", people, err)
	}
}
