package reconcile_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/reconcile"
	"rollcall/internal/store"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

// everyWay lets the stream, a full reconciliation, and a night say what there is
// to say of the rows by now.
func (w *world) everyWay() {
	w.t.Helper()
	w.touch(cdc.KindAll, "")
	w.settle()
	w.reconcile()
	w.until(w.now.Add(24 * time.Hour))
}

// turned is a change of rows that asks for an addition to and a removal from
// each kind of list, and leaves somebody behind on each.
const turned = `
update chamber.rep set active = false where rep_id in (1, 2);
update chamber.group_membership set disabled = true where rep_id = 1;
delete from chamber.rep where rep_id = 3;
insert into chamber.rep (association_id, member_id, email) values (1, 1, 'new@example.org');
insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 1, 21)`

// An option that is off gates its kind of list whatever the way: list and people
// stay as they are. Switched on again, what changed is made up for.
func TestOptionsGateEveryWay(t *testing.T) {
	lists := map[string]string{"sync_all_active": everybody, "sync_membership_types": "Gold", "sync_groups": "Board"}
	after := map[string][]any{
		everybody: append(reps(4, 20), "new@example.org"), "Gold": append(reps(4, 20), "new@example.org"),
		"Board": append(reps(2, 10), "new@example.org"), // 3 was deleted, and is left behind
	}
	for option, off := range lists {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, noon)
			w.settle()
			w.do(w.sim.AddContact(account, "stranger@example.org", off))
			before := w.sim.ListAddresses(account, off)
			w.change(cdc.KindAssociation, "1", "update chamber.sync_options set "+option+" = false")
			w.exec(turned)
			w.everyWay()
			if got := w.sim.ListAddresses(account, off); !slices.Equal(got, before) {
				t.Errorf("on %q while it is off: %v\nwant %v", off, got, before)
			}
			for _, list := range lists {
				if list != off {
					w.on(list, after[list]...)
				}
			}
			w.change(cdc.KindAssociation, "1", "update chamber.sync_options set "+option+" = true")
			w.everyWay()
			if want := after[off]; off == "Board" { // its foreign people stay
				w.on(off, append(want, "stranger@example.org")...)
			} else {
				w.on(off, want...)
			}
			w.referee()
		})
	}
}

// An unticked group is gated likewise, and what was on its way to it is dropped.
func TestAnUntickedGroupDropsPendingWork(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.exec(turned)
	w.touch(cdc.KindGroup, "1")
	if _, _, err := w.widener.Pass(t.Context()); err != nil { // queued, and not delivered yet
		t.Fatal(err)
	}
	if n := value[int](w, "select count(*) from rollcall_state.dirty"); n == 0 {
		t.Fatal("nothing is queued")
	}
	w.exec("update chamber.rep_group set sync = false")
	w.everyWay()
	w.on("Board", reps(1, 10)...)
	if n := value[int](w, "select count(*) from rollcall_state.dirty"); n > 0 {
		t.Errorf("%d addresses are still queued", n)
	}
	w.change(cdc.KindGroup, "1", "update chamber.rep_group set sync = true")
	w.settle()
	w.on("Board", append(reps(2, 10), "new@example.org")...)
}

// Somebody is on the list of an unticked group, is read there, and leaves. That
// is a departure like any other, and ticking the group is no reason to ask again.
func TestLeavingTheListOfAnUntickedGroup(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.change(cdc.KindGroup, "1", "update chamber.rep_group set sync = false")
	w.settle()
	w.change(cdc.KindRep, "11", "insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 1, 11)")
	w.settle()
	w.do(w.sim.AddContact(account, rep(11), "Board")) // by hand
	w.reconcile()
	w.do(w.sim.Leave(account, rep(11), "Board")) // put there by hand
	w.do(w.sim.Leave(account, rep(3), "Board"))  // put there by us
	w.change(cdc.KindGroup, "1", "update chamber.rep_group set sync = true")
	w.everyWay()
	w.on("Board", rep(1), rep(2), rep(4), rep(5), rep(6), rep(7), rep(8), rep(9), rep(10))
	w.referee()
}

// With another newsletter solution nothing is sent, while changes are taken in;
// back again, everything is made up for.
func TestAnotherSolutionAndBack(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.change(cdc.KindAssociation, "1", "update chamber.sync_options set newsletter_solution = 'Other'")
	w.settle()
	w.sim.Reset()
	w.exec(turned)
	w.everyWay()
	if n := len(w.sim.Requests()); n > 0 {
		t.Errorf("%d requests with another solution", n)
	}
	if n := value[int](w, "select count(*) from rollcall_state.touched"); n > 0 {
		t.Errorf("%d touched keys are not taken in", n)
	}
	w.change(cdc.KindAssociation, "1", "update chamber.sync_options set newsletter_solution = 'constantcontact'")
	w.everyWay()
	w.on("Board", append(reps(2, 10), "new@example.org")...)
	w.on(everybody, append(reps(4, 20), "new@example.org")...)
}

// The night does for each option what that option asks for.
func TestNightByOption(t *testing.T) {
	w := newWorld(t, noon, "update chamber.sync_options set sync_membership_types = false, sync_groups = false")
	w.do(w.sim.CreateList(account, "Gold")) // nobody's, with a person on it
	w.do(w.sim.AddContact(account, "stranger@example.org", "Gold"))
	w.settle()
	w.do(w.sim.AddContact(account, "stranger@example.org", everybody))
	w.change(cdc.KindRep, "10", "delete from chamber.rep where rep_id = 10")
	w.until(chicago(t, "2026-07-01 04:30"))
	w.on(everybody, append(reps(1, 9), reps(11, 20)...)...)
	w.on("Gold", "stranger@example.org")
	if names := w.sim.ListNames(account); len(names) != 2 {
		t.Errorf("lists: %v", names)
	}
}

// A full reconciliation makes no list exact: of foreign people and of those left
// behind nobody goes. What no change announced is made up for: additions, and
// removals that rows ask for.
func TestFullReconciliationIsNeverExact(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.AddContact(account, "stranger@example.org", everybody, "Gold", "Board"))
	w.exec(turned) // as a membership that ends by date does: no row announces it
	w.reconcile()
	w.on(everybody, append(reps(3, 20), "stranger@example.org", "new@example.org")...)
	w.on("Gold", append(reps(3, 20), "stranger@example.org", "new@example.org")...)
	w.on("Board", append(reps(2, 10), "stranger@example.org", "new@example.org")...)
	w.referee()
}

// It comes once a day by itself, and at once where the stream was interrupted.
func TestFullReconciliationComesByItself(t *testing.T) {
	w := newWorld(t, noon, "update chamber.sync_options set sync_all_active = false, sync_membership_types = false")
	w.settle()
	w.exec(turned)
	w.until(noon.Add(25 * time.Hour))
	w.on("Board", append(reps(2, 10), "new@example.org")...)
	runs := w.runs(store.RunReconcile)
	if len(runs) != 1 || runs[0].AskedBy != "schedule" || runs[0].State != store.RunDone {
		t.Errorf("runs: %+v, want one by itself", runs)
	}
	if err := w.widener.Store.Hasten(t.Context(), reconcile.DueReconcile); err != nil { // what the start does when the slot was lost
		t.Fatal(err)
	}
	w.settle()
	if runs := w.runs(store.RunReconcile); len(runs) != 2 {
		t.Errorf("%d runs, want another at once", len(runs))
	}
}

// An exact list is reached by the difference: at no moment is somebody missing
// who was on it before and should be after.
func TestNobodyWhoStaysIsEverMissing(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	for n := range 5 {
		w.do(w.sim.AddContact(account, "stranger"+string(rune('a'+n))+"@example.org", everybody, "Gold", "Board"))
	}
	w.exec(turned)
	stay := map[string][]string{everybody: nil, "Gold": nil, "Board": nil}
	for n := 4; n <= 20; n++ {
		for list := range stay {
			if list != "Board" || n <= 10 {
				stay[list] = append(stay[list], rep(n))
			}
		}
	}
	w.deliverer.Applier.API = &watched{API: w.deliverer.Applier.API, each: func() {
		for list, people := range stay {
			on := w.sim.ListAddresses(account, list)
			for _, address := range people {
				if !slices.Contains(on, address) {
					t.Fatalf("%s is missing from %q on the way", address, list)
				}
			}
		}
	}}
	w.touch(cdc.KindAll, "")
	w.settle()
	w.until(chicago(t, "2026-07-01 04:30"))
	w.syncNow("Board")
	w.on(everybody, append(reps(4, 20), "new@example.org")...)
	w.on("Board", append(append(reps(2, 2), reps(4, 10)...), "new@example.org")...)
}

// watched looks on after each request that changes people, and at each poll.
type watched struct {
	sink.API
	each func()
}

func (a *watched) ImportContacts(ctx context.Context, rows []constantcontact.ImportRow, lists []string) (constantcontact.Activity, error) {
	defer a.each()
	return a.API.ImportContacts(ctx, rows, lists)
}

func (a *watched) AddListMemberships(ctx context.Context, contacts, lists []string) (constantcontact.Activity, error) {
	defer a.each()
	return a.API.AddListMemberships(ctx, contacts, lists)
}

func (a *watched) RemoveListMemberships(ctx context.Context, contacts, lists []string) (constantcontact.Activity, error) {
	defer a.each()
	return a.API.RemoveListMemberships(ctx, contacts, lists)
}

func (a *watched) Activities(ctx context.Context, each func([]constantcontact.Activity) error) error {
	defer a.each()
	return a.API.Activities(ctx, each)
}

// Thresholds are about a list, not about a way: what the stream took off counts
// against what sync now and the night would.
func TestThresholdsCountAllWaysTogether(t *testing.T) {
	w := newWorld(t, noon, `insert into chamber.group_membership (association_id, group_id, rep_id) select 1, 1, n from generate_series(11, 20) n`,
		"update chamber.sync_options set window_start = '14:00', window_end = '14:20'")
	w.settle()
	w.until(chicago(t, "2026-06-30 13:50"))
	w.exec(`update chamber.group_membership set disabled = true where rep_id <= 6; update chamber.rep set active = false where rep_id <= 6`)
	w.touch(cdc.KindAll, "")
	w.settle()
	w.on("Board", reps(7, 20)...)
	w.on(everybody, reps(7, 20)...)
	// Five more are left behind, which only an exact list takes off.
	w.exec(`delete from chamber.rep where rep_id between 16 and 20`)
	w.touch(cdc.KindAll, "")
	w.until(chicago(t, "2026-06-30 14:19"))
	w.on(everybody, reps(7, 20)...)
	w.syncNow("Board")
	w.on("Board", reps(7, 20)...)
	asked := w.questions()
	for _, want := range []string{"removals all_active remove " + rep(16), "removals group:1 remove " + rep(16)} {
		if !slices.Contains(asked, want) {
			t.Errorf("questions: %v\nwant %q among them", asked, want)
		}
	}
	w.decideAll("removals", true)
	w.settle()
	w.on(everybody, reps(7, 15)...)
	w.on("Board", reps(7, 15)...)
	w.referee()
}

// decideAll answers every question of a kind.
func (w *world) decideAll(kind string, approve bool) {
	w.t.Helper()
	for _, id := range value[[]int64](w, "select array(select id from rollcall_state.approval where kind = $1 and state = 'waiting')", kind) {
		if err := w.state.Decide(w.t.Context(), id, approve, "Olga"); err != nil {
			w.t.Fatal(err)
		}
	}
}

// The previous address is dropped from the exact lists at night, because they
// mirror the database; the change itself took nothing off.
func TestNightDropsThePreviousAddress(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.change(cdc.KindRep, "3", "update chamber.rep set email = 'new@example.org' where rep_id = 3")
	w.settle()
	w.on(everybody, append(reps(1, 20), "new@example.org")...)
	w.until(chicago(t, "2026-07-01 04:30"))
	w.on(everybody, append(append(reps(1, 2), reps(4, 20)...), "new@example.org")...)
	w.on("Gold", append(append(reps(1, 2), reps(4, 20)...), "new@example.org")...)
	w.on("Board", append(reps(1, 10), "new@example.org")...)
	w.referee()
}

// A night sends no more than the difference.
func TestNightSendsTheDifferenceOnly(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.AddContact(account, "stranger@example.org", everybody, "Gold"))
	w.sim.Reset()
	w.until(chicago(t, "2026-07-01 04:30"))
	writes := map[string]int{}
	for _, r := range w.sim.Requests() {
		if r.Method != http.MethodGet {
			writes[strings.TrimPrefix(r.Path, "/v3/activities/")]++
		}
	}
	if len(writes) != 1 || writes["remove_list_memberships"] != 1 {
		t.Errorf("requests that change something: %v, want one removal", writes)
	}
}

// A reading that ends early takes nobody off but who opted out.
func TestOptOutsGoAlthoughAReadingEndsEarly(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.reconcile()
	w.do(w.sim.AddContact(account, "stranger@example.org", everybody))
	broken := true
	w.deliverer.Applier.API = &hooked{API: w.deliverer.Applier.API, beforeContacts: func() {
		if broken {
			w.do(w.sim.Fault(unauthorized))
		}
	}}
	w.change(cdc.KindRep, "3", "update chamber.rep set opted_out = true where rep_id = 3")
	w.until(chicago(t, "2026-07-01 04:30"))
	w.on(everybody, append(append(reps(1, 2), reps(4, 20)...), "stranger@example.org")...)
	runs := w.runs(store.RunNightly)
	if len(runs) == 0 || runs[0].State != store.RunFailed {
		t.Errorf("runs: %+v, want the night's to have failed", runs)
	}
	broken = false
	w.sim.Reset()
	w.until(noon.Add(40 * time.Hour))
	w.on(everybody, append(reps(1, 2), reps(4, 20)...)...)
	w.referee()
}
