package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/store"
)

// adopted is an office whose board had a list before: with the right people, a
// former rep, a stranger, one who opted out and one who unsubscribed, and
// without two who are contacts.
func adopted(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, noon, "update chamber.rep set opted_out = true where rep_id = 4",
		"update chamber.group_membership set disabled = true where rep_id = 5")
	w.do(w.sim.CreateList(account, "board "))
	for n := 1; n <= 7; n++ {
		w.do(w.sim.AddContact(account, rep(n), "board "))
	}
	w.do(w.sim.AddContact(account, "stranger@example.org", "board "))
	w.do(w.sim.AddContact(account, rep(9)))
	w.do(w.sim.AddContact(account, rep(10)))
	w.do(w.sim.Unsubscribe(account, rep(10)))
	return w
}

func TestFirstLookAtAListThatExisted(t *testing.T) {
	w := adopted(t)
	w.settle()
	// Who opted out went at once, who is wanted and was no contact was added;
	// the others wait for one answer each.
	w.on("board ", 1, 2, 3, 5, 6, 7, 8, "stranger@example.org")
	want := []string{
		"foreign group:1 remove stranger@example.org",
		"left_behind group:1 remove " + rep(5),
		"may_have_left group:1 add " + rep(9),
	}
	if got := w.questions(); !slices.Equal(got, want) {
		t.Errorf("questions: %v\nwant %v", got, want)
	}
	if runs := w.runs(store.RunFirstLook); len(runs) != 1 || runs[0].State != store.RunDone {
		t.Errorf("runs: %+v", runs)
	}
	if looked := value[bool](w, "select looked_at is not null from rollcall_state.list where key = 'group:1'"); !looked {
		t.Error("the look is not on record")
	}
	// Nothing is asked twice, and nothing expires.
	w.until(noon.Add(72 * time.Hour))
	if got := w.questions(); !slices.Equal(got, want) {
		t.Errorf("questions after three days: %v", got)
	}
	w.on("board ", 1, 2, 3, 5, 6, 7, 8, "stranger@example.org")
	w.referee()
}

func TestAnswersAfterTheFirstLook(t *testing.T) {
	for name, approve := range map[string]bool{"yes": true, "no": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := adopted(t)
			w.settle()
			for _, kind := range []string{"foreign", "left_behind", "may_have_left"} {
				w.decide(kind, approve)
			}
			w.settle()
			w.until(chicago(t, "2026-07-01 04:30"))
			if approve {
				w.on("board ", 1, 2, 3, 6, 7, 8, 9)
			} else {
				w.on("board ", 1, 2, 3, 5, 6, 7, 8, "stranger@example.org")
			}
			if got := w.questions(); len(got) > 0 {
				t.Errorf("questions after the answers: %v", got)
			}
		})
	}
}

// A row that is there when the look is made is part of the question, although the
// stream has not told of it yet.
func TestFirstLookAtARowThatTheStreamHasNotToldOf(t *testing.T) {
	w := adopted(t)
	w.do(w.sim.AddContact(account, rep(21)))
	w.step() // finds the list
	w.exec(`insert into chamber.rep (association_id, member_id, first_name, email) values (1, 1, 'Rep 21', $1)`, rep(21))
	w.exec(`insert into chamber.group_membership (association_id, group_id, rep_id) select 1, 1, rep_id from chamber.rep where email = $1`, rep(21))
	for len(w.runs(store.RunFirstLook)) == 0 {
		w.step()
	}
	w.touch(cdc.KindAll, "")
	w.settle()
	w.on("board ", 1, 2, 3, 5, 6, 7, 8, "stranger@example.org")
	if got, want := w.questions(), "may_have_left group:1 add "+rep(21); !slices.Contains(got, want) {
		t.Errorf("questions: %v", got)
	}
}

// An e-mail address that changes before the first look passes on the list on which
// the previous one stays without a row.
func TestAnAddressChangesBeforeTheFirstLook(t *testing.T) {
	w := newWorld(t, noon)
	w.do(w.sim.CreateList(account, "board "))
	w.do(w.sim.AddContact(account, rep(12), "board "))
	w.step() // finds the list
	w.change(cdc.KindRep, "12", "update chamber.rep set email = 'twelve@example.org' where rep_id = 12")
	_, _, err := w.widener.Pass(t.Context())
	w.do(err)
	_, _, err = w.deliverer.Batch(t.Context())
	w.do(err)
	if runs := w.runs(store.RunFirstLook); len(runs) > 0 {
		t.Fatal("the list was looked at already")
	}
	w.settle()
	w.on("board ", append(reps(1, 10), 12, "twelve@example.org")...)
	w.referee()
}

// Where another solution sends the newsletter nobody looks at the list, and nobody
// waits for that.
func TestAnAddressChangesWhileAnotherSolutionSends(t *testing.T) {
	w := newWorld(t, noon)
	w.do(w.sim.CreateList(account, "board "))
	w.do(w.sim.AddContact(account, rep(12), "board "))
	w.step() // finds the list
	w.change(cdc.KindAssociation, "1", "update chamber.sync_options set newsletter_solution = 'Other'")
	w.change(cdc.KindRep, "12", "update chamber.rep set email = 'twelve@example.org' where rep_id = 12")
	w.until(noon.Add(time.Hour))
	if n := value[int](w, "select count(*) from rollcall_state.dirty"); n != 0 {
		t.Errorf("%d addresses wait", n)
	}
	w.on("board ", 12)
	w.referee()
}

// A later change of a row is no part of the question, and acts at once.
func TestLaterChangesActAtOnce(t *testing.T) {
	w := adopted(t)
	w.settle()
	w.change(cdc.KindRep, "6", "update chamber.group_membership set disabled = true where rep_id = 6")
	w.change(cdc.KindRep, "11", "insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 1, 11)")
	w.settle()
	w.on("board ", 1, 2, 3, 5, 7, 8, 11, "stranger@example.org")
	if got := w.questions(); len(got) != 3 {
		t.Errorf("questions: %v", got)
	}
}

// Nothing is planned for the list while the account cannot be read.
func TestFirstLookThatFails(t *testing.T) {
	w := adopted(t)
	broken := true
	w.deliverer.Applier.API = &hooked{API: w.deliverer.Applier.API, beforeContacts: func() {
		if broken {
			w.do(w.sim.Fault(unauthorized))
		}
	}}
	for range 5 {
		w.quietStep()
	}
	w.on("board ", 1, 2, 3, 4, 5, 6, 7, "stranger@example.org")
	if got := w.questions(); len(got) > 0 {
		t.Errorf("questions: %v", got)
	}
	broken = false
	w.sim.Reset()
	w.sleep(6 * time.Minute)
	w.settle()
	w.on("board ", 1, 2, 3, 5, 6, 7, 8, "stranger@example.org")
	if got := w.questions(); len(got) != 3 {
		t.Errorf("questions: %v", got)
	}
}

// Who may have left a list that existed is not put on it under another address
// before somebody has said so, and stays off if they left.
func TestAnAddressChangesWhileItIsAskedWhoMayHaveLeft(t *testing.T) {
	for name, putBack := range map[string]bool{"put back": true, "they left": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, noon)
			w.do(w.sim.CreateList(account, "Board"))
			for n := 1; n <= 10; n++ {
				if n == 3 {
					w.do(w.sim.AddContact(account, rep(n)))
				} else {
					w.do(w.sim.AddContact(account, rep(n), "Board"))
				}
			}
			w.settle()
			others := []any{1, 2, 4, 5, 6, 7, 8, 9, 10}
			w.on("Board", others...)
			for _, address := range []string{"new@example.org", "newer@example.org"} {
				w.change(cdc.KindRep, "3", `update chamber.rep set email = $1 where rep_id = 3`, address)
				w.settle()
				w.on("Board", others...)
			}
			w.reconcile()
			w.on("Board", others...)
			if q := w.questions(); !slices.Equal(q, []string{"may_have_left group:1 add " + rep(3)}) {
				t.Fatalf("questions: %v", q)
			}
			w.decide("may_have_left", putBack)
			w.settle()
			if putBack {
				others = append(others, "newer@example.org")
			}
			w.on("Board", others...)
			w.reconcile()
			w.on("Board", others...)
			if q := w.questions(); len(q) > 0 {
				t.Errorf("questions: %v", q)
			}
			w.referee()
		})
	}
}
