package reconcile_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/ccsim"
	"rollcall/internal/store"
	"rollcall/mapper"
)

// day is a local day of Chicago at an hour.
func chicago(t *testing.T, text string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
	if err != nil {
		t.Fatal(err)
	}
	return at.UTC()
}

// Both nights on which the clocks are changed have exactly one run, also where
// the window's start is skipped or comes twice, and over a restart in between.
func TestOneRunOnTheNightsOfClockChange(t *testing.T) {
	for name, tc := range map[string]struct{ from, to, window string }{
		"spring, start skipped":    {"2026-03-07 20:00", "2026-03-09 12:00", "window_start = '02:30', window_end = '05:00'"},
		"spring, window skipped":   {"2026-03-07 20:00", "2026-03-09 12:00", "window_start = '02:10', window_end = '02:50'"},
		"autumn, start twice":      {"2026-10-31 20:00", "2026-11-02 12:00", "window_start = '01:30', window_end = '04:00'"},
		"autumn, window twice":     {"2026-10-31 20:00", "2026-11-02 12:00", "window_start = '01:10', window_end = '01:50'"},
		"autumn, across midnight":  {"2026-10-31 20:00", "2026-11-02 12:00", "window_start = '23:00', window_end = '04:00'"},
		"spring, the seed's hours": {"2026-03-07 20:00", "2026-03-09 12:00", "window_start = '01:00', window_end = '04:00'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := chicago(t, tc.from), chicago(t, tc.to)
			w := newWorld(t, from, "update chamber.sync_options set "+tc.window)
			days := map[string]int{}
			for at := from; at.Before(to); at = at.Add(2 * time.Hour) {
				w.until(at)
				w.restart()
			}
			for _, r := range w.runs(store.RunNightly) {
				if r.State != store.RunDone {
					t.Errorf("run of %s is %s: %s", r.StartedAt, r.State, r.Detail)
				}
				days[r.StartedAt.In(chicagoZone(t)).Add(-12*time.Hour).Format(time.DateOnly)]++ // the evening's day
			}
			if len(days) != 2 {
				t.Errorf("runs by night: %v, want one on each of two", days)
			}
			for night, n := range days {
				if n != 1 {
					t.Errorf("%d runs in the night of %s", n, night)
				}
			}
		})
	}
}

func chicagoZone(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestMissedWindowIsShownAndWaitsForTheNext(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.sleep(20 * time.Hour) // past 04:00
	w.settle()
	runs := w.runs(store.RunNightly)
	if len(runs) != 1 || runs[0].State != store.RunFailed {
		t.Fatalf("runs: %+v, want one that failed", runs)
	}
	contains(t, runs[0].Detail, "missed: the window of 2026-07-01")
	contains(t, w.log.String(), "nightly window was missed")
	w.until(noon.Add(48 * time.Hour))
	if runs := w.runs(store.RunNightly); len(runs) != 2 || runs[1].State != store.RunDone {
		t.Errorf("runs: %+v, want the next night's too", runs)
	}
}

// A night that begins late is still that night's, up to the window's end.
func TestLateInsideTheWindow(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.now = chicago(t, "2026-07-01 03:58")
	w.settle()
	if runs := w.runs(store.RunNightly); len(runs) != 1 || runs[0].State != store.RunDone {
		t.Errorf("runs: %+v, want one", runs)
	}
}

func TestUnreadableWindowRunsNothing(t *testing.T) {
	w := newWorld(t, noon, "update chamber.sync_options set time_zone = 'Central'")
	w.until(noon.Add(36 * time.Hour))
	runs := w.runs(store.RunNightly)
	if len(runs) != 2 && len(runs) != 3 { // once a day, by UTC
		t.Fatalf("%d runs, want one a day", len(runs))
	}
	for _, r := range runs {
		if r.State != store.RunFailed {
			t.Errorf("run is %s", r.State)
		}
		contains(t, r.Detail, "time_zone")
	}
	w.change(cdc.KindAssociation, "1", "update chamber.sync_options set time_zone = 'America/Chicago'")
	w.until(noon.Add(60 * time.Hour))
	if runs := w.runs(store.RunNightly); runs[len(runs)-1].State != store.RunDone {
		t.Errorf("last run is %+v after the zone was mended", runs[len(runs)-1])
	}
}

// New options move the night at once.
func TestWindowMoves(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.change(cdc.KindAssociation, "1", "update chamber.sync_options set window_start = '14:00', window_end = '16:00'")
	w.until(chicago(t, "2026-06-30 16:00"))
	if runs := w.runs(store.RunNightly); len(runs) != 1 || runs[0].State != store.RunDone {
		t.Errorf("runs: %+v, want one on the same afternoon", runs)
	}
}

// A night with nothing to do reads and writes nothing.
func TestQuietNight(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.sim.Reset()
	w.until(chicago(t, "2026-07-01 04:30"))
	runs := w.runs(store.RunNightly)
	if len(runs) != 1 || runs[0].State != store.RunDone {
		t.Fatalf("runs: %+v", runs)
	}
	if n := w.writes(); n > 0 {
		t.Errorf("%d requests that change something: %v", n, w.sim.Counts())
	}
	report, err := w.state.RunReport(t.Context(), runs[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if want := []store.RunCount{{Run: runs[0].ID, What: "checked", N: 20}}; !slices.Equal(report, want) {
		t.Errorf("report: %+v, want %+v", report, want)
	}
}

// The night brings all-active and type lists to exactly who is wanted, foreign
// people included; of the groups' lists it takes off only whom the rows do.
func TestNightIsExactButForGroups(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.AddContact(account, "stranger@example.org", everybody, "Gold", "Board"))
	w.change(cdc.KindRep, "10", "delete from chamber.rep where rep_id = 10") // stays on the group's list
	w.settle()
	w.on(everybody, append(reps(1, 20), "stranger@example.org")...)
	w.until(chicago(t, "2026-07-01 04:30"))
	w.on(everybody, append(reps(1, 9), reps(11, 20)...)...)
	w.on("Gold", append(reps(1, 9), reps(11, 20)...)...)
	w.on("Board", append(reps(1, 10), "stranger@example.org")...)
	runs := w.runs(store.RunNightly)
	if got := runs[len(runs)-1].Lists; !slices.Equal(got, []mapper.ListKey{mapper.AllActiveKey, "type:Gold"}) {
		t.Errorf("exact lists: %v", got)
	}
	report, err := w.state.RunReport(t.Context(), runs[len(runs)-1].ID)
	if err != nil {
		t.Fatal(err)
	}
	inactivated := 0
	for _, c := range report {
		if c.What == "inactivated" {
			inactivated += c.N
			if c.Reason != mapper.ReasonNotInDatabase {
				t.Errorf("inactivated for %s", c.Reason)
			}
		}
	}
	if inactivated != 4 {
		t.Errorf("report: %+v, want 4 inactivated", report)
	}
	w.referee()
}

// With only groups on there is nothing to make exact, so nobody is read.
func TestNightOfGroupsReadsNobody(t *testing.T) {
	w := newWorld(t, noon, "update chamber.sync_options set sync_all_active = false, sync_membership_types = false")
	w.until(chicago(t, "2026-07-01 00:59"))
	w.sim.Reset()
	var contacts int
	w.until(chicago(t, "2026-07-01 04:30"))
	for _, r := range w.sim.Requests() {
		if r.Path == "/v3/contacts" {
			contacts++
		}
	}
	if runs := w.runs(store.RunNightly); len(runs) != 1 || runs[0].State != store.RunDone {
		t.Fatalf("runs: %+v", runs)
	}
	if sweeps := 4; contacts > sweeps {
		t.Errorf("%d readings of contacts, want the hourly sweeps only", contacts)
	}
}

// With everything off, or another solution, there is no run and no request.
func TestNothingIsDoneForWhoeverHasItOff(t *testing.T) {
	for name, options := range map[string]string{
		"options":  "sync_all_active = false, sync_membership_types = false, sync_groups = false",
		"solution": "newsletter_solution = 'Other'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, noon, "update chamber.sync_options set "+options)
			w.until(noon.Add(50 * time.Hour))
			if n := len(w.sim.Requests()); n > 0 {
				t.Errorf("%d requests", n)
			}
			if runs, err := w.state.Runs(t.Context(), 10); err != nil || len(runs) > 0 {
				t.Errorf("runs: %+v, %v", runs, err)
			}
		})
	}
}

// others puts contacts into the account that have nothing to do with the database.
func (w *world) others(n int) {
	w.t.Helper()
	for i := range n {
		w.do(w.sim.AddContact(account, fmt.Sprintf("other%d@example.org", i)))
	}
}

// A night that cannot read everything takes nobody off, is shown as failed, and
// is tried again while the window is open.
func TestIncompletePullRemovesNobody(t *testing.T) {
	w := newWorld(t, noon)
	w.others(600) // so that the account has a second page
	w.settle()
	w.do(w.sim.AddContact(account, "stranger@example.org", everybody))
	w.do(w.sim.Leave(account, rep(3), "Board"))
	w.sim.SetSwitches(ccsim.Switches{CursorDropsInclude: true}) // pages after the first are without lists
	w.do(w.sim.Fault(ccsim.Fault{PathPrefix: "/v3/activities/contact_exports", Kind: ccsim.FaultActivityFailed}))
	w.reconcile()
	runs := w.runs(store.RunReconcile)
	last := runs[len(runs)-1]
	if last.State != store.RunFailed {
		t.Fatalf("run: %+v, want a failed one", last)
	}
	contains(t, last.Detail, "incomplete")
	w.on(everybody, append(reps(1, 20), "stranger@example.org")...)
	if n := value[int](w, "select count(*) from rollcall_state.ledger where departed_at is not null"); n > 0 {
		t.Errorf("%d departures after an incomplete reading", n)
	}
	w.sim.SetSwitches(ccsim.Switches{})
	w.reconcile()
	if n := value[int](w, "select count(*) from rollcall_state.ledger where departed_at is not null and list = 'group:1'"); n != 1 {
		t.Errorf("%d departures after a complete reading, want 1", n)
	}
}

// Where pages lack the lists, an export has them; and a large account is read by
// an export in any case. What it shows is believed, what it does not show is asked
// for by name: who left a list, who was deleted, who cannot be mailed.
func TestAnAccountIsReadByAnExport(t *testing.T) {
	for name, c := range map[string]struct {
		others   int
		switches ccsim.Switches
	}{
		"pages without lists": {600, ccsim.Switches{CursorDropsInclude: true}},
		"many contacts":       {4000, ccsim.Switches{}},
		"headers are fields":  {4000, ccsim.Switches{ExportHeadersAreFields: true}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, noon)
			w.settle()
			w.others(c.others)
			w.sim.SetSwitches(c.switches)
			w.do(w.sim.Leave(account, rep(3), "Board"))
			w.do(w.sim.Unsubscribe(account, rep(4)))
			w.do(w.sim.DeleteContact(account, rep(5)))
			w.do(w.sim.SetPermission(account, rep(6), "temp_hold"))
			w.do(w.sim.AddContact(account, "stranger@example.org", everybody))
			w.sim.Reset()
			w.reconcile()
			if n := w.sim.Counts()["POST /v3/activities/contact_exports"]; n != 1 {
				t.Fatalf("%d exports: %v", n, w.sim.Counts())
			}
			for address, want := range map[string]string{rep(2): "active", rep(4): "unsubscribed", rep(5): "deleted", rep(6): "temp_hold"} {
				if state := value[string](w, "select state from rollcall_state.contact where address = $1", address); state != want {
					t.Errorf("%s is %q, want %q", address, state, want)
				}
			}
			if n := value[int](w, "select count(*) from rollcall_state.ledger where departed_at is not null"); n != 1 {
				t.Errorf("%d departures, want the one that a GET confirmed", n)
			}
			if n := value[int](w, "select count(*) from rollcall_state.ledger where address = 'stranger@example.org' and shown = 'on'"); n != 1 {
				t.Errorf("a foreign contact is on %d lists", n)
			}
			// Nobody is active again because a file says so.
			w.do(w.sim.SetPermission(account, rep(6), "implicit"))
			w.reconcile()
			if state := value[string](w, "select state from rollcall_state.contact where address = $1", rep(6)); state != "active" {
				t.Errorf("%s is %q after the hold", rep(6), state)
			}
			w.referee()
		})
	}
}

// An export that is of no use costs nothing but its calls: the pages are read.
func TestPagesWhereAnExportIsOfNoUse(t *testing.T) {
	for name, kind := range map[string]ccsim.FaultKind{
		"failed": ccsim.FaultActivityFailed, "stuck": ccsim.FaultActivityStuck, "rows are missing": ccsim.FaultActivityErrors,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, noon)
			w.settle()
			w.others(4000)
			w.do(w.sim.Leave(account, rep(3), "Board"))
			w.do(w.sim.Fault(ccsim.Fault{PathPrefix: "/v3/activities/contact_exports", Kind: kind}))
			w.reconcile()
			runs := w.runs(store.RunReconcile)
			if last := runs[len(runs)-1]; last.State != store.RunDone {
				t.Fatalf("run: %+v", last)
			}
			if n := value[int](w, "select count(*) from rollcall_state.ledger where departed_at is not null"); n != 1 {
				t.Errorf("%d departures, want 1", n)
			}
			w.do(w.sim.Release(account))
			w.sim.Reset()
			w.reconcile()
			if n := w.sim.Counts()["POST /v3/activities/contact_exports"]; n != 0 {
				t.Errorf("%d exports after one was of no use", n)
			}
		})
	}
}

// What stopped in the middle of a run is shown, and the run is not taken for done.
func TestInterruptedRun(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	if _, err := w.state.StartRun(t.Context(), store.Run{Kind: store.RunReconcile, AskedBy: "schedule"}); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.settle()
	runs := w.runs(store.RunReconcile)
	if len(runs) != 1 || runs[0].State != store.RunFailed || runs[0].Detail != "interrupted" {
		t.Errorf("runs: %+v", runs)
	}
}

// Rows that vanish in bulk are not believed: nobody is taken off.
func TestVanishedRowsHoldRemovals(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.reconcile() // a complete read to compare with
	w.exec("delete from chamber.group_membership")
	w.exec("delete from chamber.rep where rep_id > 8")
	w.until(chicago(t, "2026-07-01 04:30"))
	w.on(everybody, reps(1, 20)...)
	w.on("Board", reps(1, 10)...)
	if n := value[int](w, "select count(*) from rollcall_state.alarm"); n == 0 {
		t.Error("no alarm stands")
	}
}

// The hourly sweep finds who unsubscribed.
func TestSweep(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.until(noon.Add(2 * time.Hour))
	w.do(w.sim.Unsubscribe(account, rep(4)))
	w.sim.Reset()
	w.until(w.now.Add(61 * time.Minute))
	if state := value[string](w, "select state from rollcall_state.contact where address = $1", rep(4)); state != "unsubscribed" {
		t.Errorf("contact is %q", state)
	}
	if calls := w.sim.Counts()["GET /v3/contacts"]; calls > 2 {
		t.Errorf("%d readings for one sweep", calls)
	}
	for _, r := range w.sim.Requests() {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s for somebody who unsubscribed", r.Method, r.Path)
		}
	}
	if state := value[string](w, "select state from rollcall_state.feedback where address = $1 and list is null", rep(4)); state != "unsubscribed" {
		t.Errorf("feedback says %q", state)
	}
}

// A night that is done is done, whatever the options say afterwards.
func TestNightIsNotDoneTwiceWhenItsWindowMoves(t *testing.T) {
	w := newWorld(t, noon, "update chamber.sync_options set window_start = '01:00', window_end = '01:40'")
	w.until(chicago(t, "2026-07-01 01:40"))
	if runs := w.runs(store.RunNightly); len(runs) != 1 {
		t.Fatalf("runs: %+v", runs)
	}
	w.change(cdc.KindAssociation, "1", "update chamber.sync_options set window_start = '03:00', window_end = '05:00'")
	w.until(chicago(t, "2026-07-01 12:00"))
	if runs := w.runs(store.RunNightly); len(runs) != 1 {
		t.Errorf("runs: %+v, want no second one in the same night", runs)
	}
	w.until(chicago(t, "2026-07-02 05:00"))
	if runs := w.runs(store.RunNightly); len(runs) != 2 {
		t.Errorf("runs: %+v, want one in the next night", runs)
	}
}

// In an account full of others the exact lists are read by themselves; where
// that does not tell what became of their people, the account is.
func TestNightReadsWhateverTakesFewerCalls(t *testing.T) {
	w := newWorld(t, noon)
	for n := range 1200 {
		w.do(w.sim.AddContact(account, fmt.Sprintf("other%d@example.org", n)))
	}
	w.settle()
	w.exec("update rollcall_state.due set at = $1 where what = 'reconcile'", noon.Add(72*time.Hour))
	w.do(w.sim.Leave(account, rep(3), everybody))
	w.until(chicago(t, "2026-07-01 04:30"))
	runs := w.runs(store.RunNightly)
	if found := runs[0].Found; runs[0].State != store.RunDone || found["contacts"] != 20 || found["left"] != 1 {
		t.Errorf("run: %+v, want 20 contacts read and one who left", runs[0])
	}
	for n := 5; n <= 17; n++ { // off both lists, and still there
		w.do(w.sim.DeleteContact(account, rep(n)))
	}
	w.until(chicago(t, "2026-07-02 04:30"))
	runs = w.runs(store.RunNightly)
	if found := runs[1].Found; runs[1].State != store.RunDone || found["contacts"] != 1220 || found["asked"] != 0 {
		t.Errorf("run: %+v, want the whole account read and nobody asked about", runs[1])
	}
	if got := w.departed(); len(got) != 1 {
		t.Errorf("departed: %v", got)
	}
}

// A contact whose address somebody edited there is the same person: the night does
// not take it off a list of ours as a stranger.
func TestNightLeavesAContactWhoseAddressWasEditedThere(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.reconcile()
	w.do(w.sim.EditAddress(account, rep(3), "elsewhere@example.org"))
	w.until(noon.Add(26 * time.Hour))
	w.on(everybody, append(append(reps(1, 2), reps(4, 20)...), "elsewhere@example.org")...)
	decisions, err := w.deliverer.Decide(t.Context(), "elsewhere@example.org")
	w.do(err)
	if !slices.ContainsFunc(decisions, func(d mapper.Decision) bool { return d.List == "all_active" && d.Reason == mapper.ReasonAddressChanged }) {
		t.Errorf("decisions: %+v, want %s", decisions, mapper.ReasonAddressChanged)
	}
	// Nobody is wanted there any more: then it is a stranger's.
	w.change(cdc.KindRep, "3", "update chamber.rep set active = false where rep_id = 3")
	w.until(w.now.Add(26 * time.Hour))
	w.on(everybody, append(reps(1, 2), reps(4, 20)...)...)
}
