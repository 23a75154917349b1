package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// inactive makes reps inactive without anybody being told of the change.
func (w *world) inactive(reps ...int) {
	w.t.Helper()
	w.exec("update chamber.rep set active = false where rep_id = any($1)", reps)
}

// counts are the numbers of the last full reconciliation's report, by word.
func (w *world) counts() map[string]int {
	w.t.Helper()
	runs := w.runs(store.RunReconcile)
	if len(runs) == 0 || runs[len(runs)-1].State != store.RunDone {
		w.t.Fatalf("runs: %+v", runs)
	}
	report, err := w.state.RunReport(w.t.Context(), runs[len(runs)-1].ID)
	w.do(err)
	n := map[string]int{}
	for _, c := range report {
		n[c.What] += c.N
	}
	return n
}

// Of everybody whom a full reconciliation looks at only those are queued who have
// work, and the report is about all.
func TestARunQueuesWhoHasWork(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.keeper.SiftPieces(3)
	w.inactive(5)
	w.reconcile()
	w.on(everybody, append(reps(1, 4), reps(6, 20)...)...)
	w.on("Gold", append(reps(1, 4), reps(6, 20)...)...)
	contains(t, w.log.String(), "addresses=1 idle=19")
	if n := w.counts(); n["checked"] != 20 || n["inactivated"] != 2 || n["held"] > 0 {
		t.Errorf("report: %v", n)
	}
	if queued := value[int](w, "select n from rollcall_state.run_count where what = 'queued'"); queued != 20 {
		t.Errorf("the run is said to be about %d addresses", queued)
	}
	w.referee()
}

// Where most have work the rest is queued without being looked at first, and nobody
// is left out or counted twice.
func TestARunOfWhichMostHaveWork(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.keeper.SiftPieces(3)
	w.exec("update chamber.rep set first_name = 'New ' || first_name")
	w.reconcile()
	contains(t, w.log.String(), "addresses=20 idle=0")
	if n := w.counts(); n["checked"] != 20 || n["updated"] != 20 {
		t.Errorf("report: %v", n)
	}
	w.referee()
}

// A program that is killed while a run looks for work leaves a run that is
// interrupted. The next one begins anew and finds everybody, those included whom
// the first one had found already.
func TestKilledWhileLookingForWork(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.inactive(3, 17)
	killed, err := w.state.StartRun(t.Context(), store.Run{Kind: store.RunReconcile, AskedBy: "schedule"})
	w.do(err)
	piece, err := w.state.KnownAddresses(t.Context(), "", 12)
	w.do(err)
	work, err := w.deliverer.Sift(t.Context(), killed, piece, nil)
	w.do(err)
	if !slices.Equal(work, []mapper.Address{mapper.Address(rep(17))}) {
		t.Fatalf("of %v have work: %v", piece, work)
	}
	w.restart()
	w.until(w.now.Add(25 * time.Hour))
	w.on(everybody, append(append(reps(1, 2), reps(4, 16)...), reps(18, 20)...)...)
	runs := w.runs(store.RunReconcile)
	if runs[0].ID != killed || runs[0].State != store.RunFailed || runs[0].Detail != "interrupted" {
		t.Errorf("the run that was killed: %+v", runs[0])
	}
	w.referee()
}

// Whom a call on its way is about is planned with the queue, whatever else is so.
func TestTheBusyAreQueued(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	_, err := w.state.Begin(t.Context(), &sink.Call{
		Kind: sink.CallImport, ListIDs: []string{"l"}, Addresses: []mapper.Address{mapper.Address(rep(4))},
		Intents: []sink.Intent{{Address: mapper.Address(rep(4)), Op: sink.OpFields}},
	}, nil)
	w.do(err)
	all, err := w.state.KnownAddresses(t.Context(), "", 100)
	w.do(err)
	run, err := w.state.StartRun(t.Context(), store.Run{Kind: store.RunReconcile})
	w.do(err)
	work, err := w.deliverer.Sift(t.Context(), run, all, nil)
	w.do(err)
	if len(all) != 20 || !slices.Equal(work, []mapper.Address{mapper.Address(rep(4))}) {
		t.Errorf("of %d have work: %v", len(all), work)
	}
}

// What a reading shows just as it is known is not written to each row again, and
// counts as read all the same.
func TestWhatIsKnownIsReadWithoutAWrite(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.reconcile()
	row := func(n int) string {
		return value[string](w, "select xmin::text from rollcall_state.contact where address = $1", rep(n))
	}
	before, changed := row(4), row(5)
	w.sleep(2 * time.Hour)
	w.do(w.sim.Unsubscribe(account, rep(5)))
	began := w.now
	w.reconcile()
	if row(4) != before || row(5) == changed {
		t.Error("a row was written for what was known, or none for what was not")
	}
	known, err := w.state.Known(t.Context(), []mapper.Address{mapper.Address(rep(4)), mapper.Address(rep(5))})
	w.do(err)
	for address, k := range known {
		if k.Contact.ReadAt.Before(began) {
			t.Errorf("%s counts as read at %s, want %s or later", address, k.Contact.ReadAt, began)
		}
	}
	if left := value[int](w, "select count(*) from rollcall_state.shown"); left > 0 {
		t.Errorf("%d rows are left of the reading", left)
	}
}
