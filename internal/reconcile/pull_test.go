package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/store"
)

func (w *world) departed() []string {
	w.t.Helper()
	return value[[]string](w, "select array(select list || ' ' || address from rollcall_state.ledger where departed_at is not null order by 1)")
}

func (w *world) decide(kind string, approve bool) {
	w.t.Helper()
	id := value[int64](w, "select id from rollcall_state.approval where kind = $1 and state = 'waiting'", kind)
	if err := w.state.Decide(w.t.Context(), id, approve, "Olga"); err != nil {
		w.t.Fatal(err)
	}
}

// Few who leave are asked for by name before that counts, and are not put back.
func TestDepartureIsConfirmedByAGet(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.Leave(account, rep(3), "Board"))
	w.do(w.sim.Leave(account, rep(4), everybody))
	w.sim.Reset()
	w.reconcile()
	if got, want := w.departed(), []string{"all_active " + rep(4), "group:1 " + rep(3)}; !slices.Equal(got, want) {
		t.Errorf("departed: %v, want %v", got, want)
	}
	runs := w.runs(store.RunReconcile)
	if found := runs[len(runs)-1].Found; found["left"] != 2 || found["looked_up"] != 2 {
		t.Errorf("found %v, want 2 who left and were looked up", found)
	}
	if n := w.writes(); n > 0 {
		t.Errorf("%d requests that change something", n)
	}
	w.until(chicago(t, "2026-07-01 04:30")) // an exact list does not put them back either
	w.on("Board", append(reps(1, 2), reps(4, 10)...)...)
	w.on(everybody, append(reps(1, 3), reps(5, 20)...)...)
	if w.sim.AddContact(account, rep(3), "Board") != nil {
		t.Fatal("put back")
	}
	w.reconcile()
	if got := w.departed(); len(got) != 1 {
		t.Errorf("departed: %v, want the one who was not put back by hand", got)
	}
	w.referee()
}

// Many who leave one list at once are one question, without a call for each.
func TestManyLeaveOneList(t *testing.T) {
	for name, approve := range map[string]bool{"they left": false, "staff removed them": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, noon)
			w.settle()
			for n := 1; n <= 12; n++ {
				w.do(w.sim.Leave(account, rep(n), everybody))
			}
			w.do(w.sim.Leave(account, rep(12), "Gold")) // and one of them another list
			w.reconcile()
			if got := w.questions(); len(got) != 12 || !strings.HasPrefix(got[0], "many_left all_active add rep") {
				t.Fatalf("questions: %v, want 12", got)
			}
			if got, want := w.departed(), []string{"type:Gold " + rep(12)}; !slices.Equal(got, want) {
				t.Errorf("departed: %v, want %v", got, want)
			}
			runs := w.runs(store.RunReconcile)
			if found := runs[len(runs)-1].Found; found["asked"] != 12 || found["looked_up"] != 1 {
				t.Errorf("found %v, want 12 asked about and 1 looked up", found)
			}
			w.on(everybody, reps(13, 20)...)
			// Neither another reading nor a change of a row asks again or decides.
			w.reconcile()
			w.change(cdc.KindRep, "2", "update chamber.rep set job_title = 'Baker' where rep_id = 2")
			w.settle()
			w.until(chicago(t, "2026-07-01 04:30"))
			w.on(everybody, reps(13, 20)...)
			if n := len(w.questions()); n != 12 {
				t.Errorf("%d questions wait, want 12", n)
			}
			if n := value[int](w, "select count(*) from rollcall_state.approval where kind = 'many_left'"); n != 1 {
				t.Errorf("%d questions, want one", n)
			}
			w.decide("many_left", approve)
			w.settle()
			if approve {
				w.on(everybody, reps(1, 20)...)
			} else {
				w.on(everybody, reps(13, 20)...)
				if got := w.departed(); len(got) != 13 {
					t.Errorf("departed: %v", got)
				}
			}
			w.reconcile()
			if n := len(w.questions()); n != 0 {
				t.Errorf("%d questions after the answer", n)
			}
		})
	}
}

// Who unsubscribed, was deleted or readdressed did not leave a list.
func TestOtherReasonsForAMissAreNoDeparture(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.reconcile() // a contact that was never seen, and is not there, was refused
	w.do(w.sim.Unsubscribe(account, rep(1)))
	w.do(w.sim.DeleteContact(account, rep(2)))
	w.do(w.sim.EditAddress(account, rep(3), "elsewhere@example.org"))
	w.do(w.sim.SetPermission(account, rep(4), "temp_hold"))
	w.reconcile()
	if got := w.departed(); len(got) > 0 {
		t.Errorf("departed: %v", got)
	}
	got := value[[]string](w, "select array(select address || ' ' || state from rollcall_state.feedback order by 1)")
	want := []string{rep(1) + " unsubscribed", rep(2) + " deleted", rep(3) + " address_changed", rep(4) + " on_hold"}
	if !slices.Equal(got, want) {
		t.Errorf("feedback: %v, want %v", got, want)
	}
	w.until(chicago(t, "2026-07-01 04:30"))
	w.on("Board", append(reps(4, 10), "elsewhere@example.org")...)
	w.referee()
}

// Contacts without an address, and unsubscribed ones that are still shown on a
// list, are counted and left.
func TestPullCountsWhomItLeaves(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.AddContact(account, "", everybody))
	w.reconcile()
	runs := w.runs(store.RunReconcile)
	if found := runs[len(runs)-1].Found; found["without_address"] != 1 || found["contacts"] != 21 {
		t.Errorf("found %v, want one of 21 without an address", found)
	}
}

// What becomes due while an account is read is not kept waiting for its end.
func TestBetweenPages(t *testing.T) {
	w := newWorld(t, noon)
	for n := range 600 {
		w.do(w.sim.AddContact(account, fmt.Sprintf("other%d@example.org", n)))
	}
	w.settle()
	between := 0
	w.keeper.Between = func(ctx context.Context) error {
		if between++; between == 1 {
			w.change(cdc.KindRep, "5", "update chamber.rep set opted_out = true where rep_id = 5")
			if _, _, err := w.widener.Pass(ctx); err != nil {
				return err
			}
		}
		_, _, err := w.deliverer.Batch(ctx)
		return err
	}
	w.reconcile()
	if between < 2 {
		t.Errorf("%d calls between two pages", between)
	}
	w.on("Board", append(reps(1, 4), reps(6, 10)...)...)
	if got := w.departed(); len(got) > 0 {
		t.Errorf("departed: %v, though we took them off", got)
	}
	w.referee()
}

// A list that is deleted while it is read was left by nobody.
func TestListDeletedDuringThePull(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.keeper.Between = func(context.Context) error { return nil }
	first := true
	w.deliverer.Applier.API = &hooked{API: w.deliverer.Applier.API, beforeContacts: func() {
		if first {
			first = false
			w.do(w.sim.DeleteList(account, "Board"))
		}
	}}
	w.reconcile()
	if got := w.departed(); len(got) > 0 {
		t.Errorf("departed: %v", got)
	}
	if state := value[string](w, "select state from rollcall_state.list where key = 'group:1'"); state != "missing" {
		t.Errorf("list is %s", state)
	}
}

// Somebody whom no page showed is asked for by name.
func TestWhomNoPageShows(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.sleep(time.Minute)
	w.do(w.sim.EditAddress(account, rep(7), "elsewhere@example.org"))
	w.reconcile()
	if state := value[string](w, "select state from rollcall_state.contact where address = $1", rep(7)); state != "absent" {
		t.Errorf("contact is %q, want absent", state)
	}
	runs := w.runs(store.RunReconcile)
	if found := runs[len(runs)-1].Found; found["looked_up"] != 1 {
		t.Errorf("found %v, want one looked up", found)
	}
	w.sim.Reset()
	w.reconcile()
	runs = w.runs(store.RunReconcile)
	if found := runs[len(runs)-1].Found; found["looked_up"] != 0 {
		t.Errorf("found %v: asked again for somebody who is known to be absent", found)
	}
}
