package reconcile_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/ccsim"
	"rollcall/internal/store"
	"rollcall/mapper"
)

// missing is a world whose Board was deleted after rep 3 had left it, and where
// rep 11 joined since.
func missing(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.Leave(account, rep(3), "Board"))
	w.reconcile()
	w.do(w.sim.DeleteList(account, "Board"))
	w.reconcile()
	if state := w.listState(board); state != "missing" {
		t.Fatalf("list is %s", state)
	}
	w.change(cdc.KindRep, "11", "insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 1, 11)")
	w.settle()
	return w
}

// acts are the audit log, the oldest first, as "who what detail".
func (w *world) acts() []string {
	w.t.Helper()
	rows, err := w.state.Audit(w.t.Context(), "1", 0, 100)
	w.do(err)
	var all []string
	for _, a := range slices.Backward(rows) {
		all = append(all, a.Who+" "+string(a.What)+" "+a.Detail)
	}
	return all
}

func (w *world) wantActs(want ...string) {
	w.t.Helper()
	if got := w.acts(); !slices.Equal(got, want) {
		w.t.Errorf("acts: %q\nwant %q", got, want)
	}
}

func TestAListIsMadeAgain(t *testing.T) {
	w := missing(t)
	w.do(w.state.RecreateList(t.Context(), board, "olga"))
	w.settle()
	w.on("Board", 1, 2, 4, 5, 6, 7, 8, 9, 10, 11)
	if got := w.departed(); !slices.Equal(got, []string{"group:1 " + rep(3)}) {
		t.Errorf("departed: %v", got)
	}
	if q := w.questions(); len(q) > 0 {
		t.Errorf("questions: %v", q)
	}
	w.until(noon.Add(40 * time.Hour))
	w.on("Board", 1, 2, 4, 5, 6, 7, 8, 9, 10, 11)
	w.wantActs("Olga reconcile done", "Olga reconcile done", "olga list_recreate it was missing")
	// It is there: no answer fits it any more.
	err := w.state.RecreateList(t.Context(), board, "olga")
	if unfit, ok := errors.AsType[*store.ListStateError](err); !ok || unfit.State != mapper.ListBound {
		t.Errorf("error %v", err)
	}
	if err := w.state.SwitchOffList(t.Context(), "group:9", "olga"); !errors.Is(err, store.ErrNoList) {
		t.Errorf("error %v", err)
	}
	w.referee()
}

// A list of the name that somebody made meanwhile is one that existed.
func TestAListThatIsMadeAgainMayExist(t *testing.T) {
	w := missing(t)
	w.do(w.sim.CreateList(account, "board"))
	w.do(w.sim.AddContact(account, "stranger@example.org", "board"))
	w.do(w.state.RecreateList(t.Context(), board, "olga"))
	w.settle()
	w.on("board", "stranger@example.org")
	if q := w.questions(); len(q) != 11 || q[0] != "foreign group:1 remove stranger@example.org" {
		t.Errorf("questions: %v", q)
	}
}

// What only a person can say is not said by making a list again: whether many
// left is asked still, and nobody of them is put on the new list before.
func TestManyLeftOutlastsTheList(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	for n := range 12 {
		w.do(w.sim.Leave(account, rep(n+1), everybody))
	}
	w.reconcile()
	if q := w.questions(); len(q) != 12 {
		t.Fatalf("questions: %v", q)
	}
	w.do(w.sim.DeleteList(account, everybody))
	w.reconcile()
	w.do(w.state.RecreateList(t.Context(), mapper.AllActiveKey, "olga"))
	w.settle()
	w.on(everybody, reps(13, 20)...)
	w.decide("many_left", false)
	w.until(noon.Add(40 * time.Hour))
	w.on(everybody, reps(13, 20)...)
	if got := w.departed(); len(got) != 12 {
		t.Errorf("departed: %v", got)
	}
	w.referee()
}

func TestAnotherListIsBound(t *testing.T) {
	w := missing(t)
	w.do(w.sim.CreateList(account, "Old board"))
	for _, address := range []string{rep(1), rep(12), "stranger@example.org"} {
		w.do(w.sim.AddContact(account, address, "Old board"))
	}
	bind := func(list mapper.ListKey, to string) (state string, answer store.Answer) {
		t.Helper()
		id := w.request(store.RequestContent{Version: 1, Ask: "list_bind", List: string(list), To: to})
		w.settle()
		return w.answer(id)
	}
	for _, c := range []struct {
		list         mapper.ListKey
		to, complain string
	}{
		{board, "No such list", "the account has no list of that id or name"},
		{board, everybody, "that list is bound to all_active already"},
		{board, value[string](w, "select list_id from rollcall_state.list where key = $1", string(board)), "that list was deleted in Constant Contact"},
		{mapper.AllActiveKey, "Old board", "list all_active is bound, and this is for one that is missing, ambiguous, no_room or off"},
		{"group:9", "Old board", "the association has no such list"},
	} {
		if state, answer := bind(c.list, c.to); state != "refused" || answer.Detail != c.complain {
			t.Errorf("bind %s to %q: %s, %q", c.list, c.to, state, answer.Detail)
		}
	}
	w.on("Old board", 1, 12, "stranger@example.org")
	if state, answer := bind(board, " old BOARD "); state != "done" || answer.List != string(board) {
		t.Fatalf("bound: %s, %+v", state, answer)
	}
	// Nobody is added or taken off before somebody has said so.
	w.on("Old board", 1, 12, "stranger@example.org")
	want := []string{"foreign group:1 remove stranger@example.org", "left_behind group:1 remove " + rep(12)}
	for _, n := range []int{10, 11, 2, 4, 5, 6, 7, 8, 9} { // rep 3 is known to have left
		want = append(want, "may_have_left group:1 add "+rep(n))
	}
	if q := w.questions(); !slices.Equal(q, want) {
		t.Errorf("questions: %v\nwant %v", q, want)
	}
	w.decide("may_have_left", true)
	w.decide("left_behind", true)
	w.decide("foreign", false)
	w.settle()
	w.on("Old board", 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, "stranger@example.org")
	if names := w.sim.ListNames(account); slices.Contains(names, "Board") {
		t.Errorf("lists: %v", names)
	}
	w.referee()
}

func TestOneOfTwoListsIsBound(t *testing.T) {
	w := newWorld(t, noon)
	w.sim.SetSwitches(ccsim.Switches{ListNamesCaseSensitive: true})
	w.do(w.sim.CreateList(account, "Board"))
	w.do(w.sim.CreateList(account, "BOARD"))
	w.settle()
	ids := map[string]string{}
	lists, err := w.deliverer.Applier.AccountLists(t.Context())
	w.do(err)
	for id, l := range lists {
		ids[l.Name] = id
	}
	id := w.request(store.RequestContent{Version: 1, Ask: "list_bind", List: string(board), To: "board"})
	w.settle()
	state, answer := w.answer(id)
	if state != "refused" {
		t.Errorf("bound: %s", state)
	}
	contains(t, answer.Detail, "2 lists of the account have that name; name one by its id: ")
	contains(t, answer.Detail, ids["Board"])
	contains(t, answer.Detail, ids["BOARD"])
	id = w.request(store.RequestContent{Version: 1, Ask: "list_bind", List: string(board), To: ids["BOARD"]})
	w.settle()
	if state, answer := w.answer(id); state != "done" {
		t.Errorf("bound: %s, %+v", state, answer)
	}
	// They are contacts by now, and not on it: only a person knows why.
	w.on("BOARD")
	w.decide("may_have_left", true)
	w.settle()
	w.on("BOARD", reps(1, 10)...)
	w.on("Board")
}

// A list that is switched off stays alone, also when the account has one of its
// name again.
func TestAListIsSwitchedOff(t *testing.T) {
	w := missing(t)
	w.do(w.state.SwitchOffList(t.Context(), board, "olga"))
	w.do(w.sim.CreateList(account, "Board"))
	w.reconcile()
	w.until(noon.Add(40 * time.Hour))
	if state := w.listState(board); state != "off" {
		t.Errorf("list is %s", state)
	}
	if state, answer := w.syncNow("1"); state != "refused" || answer.Reason != mapper.ReasonOptionOff {
		t.Errorf("sync now: %s, %+v", state, answer)
	}
	w.sim.Reset()
	w.change(cdc.KindRep, "4", "update chamber.group_membership set disabled = true where rep_id = 4")
	w.settle()
	if n := w.writes(); n > 0 {
		t.Errorf("%d calls change something", n)
	}
	w.do(w.state.RecreateList(t.Context(), board, "olga"))
	w.settle()
	if state := w.listState(board); state != "bound" {
		t.Errorf("list is %s", state)
	}
}

// removals are what somebody saw and wants.
func removals(list mapper.ListKey, addresses ...string) []store.AskedPair {
	var pairs []store.AskedPair
	for _, a := range addresses {
		pairs = append(pairs, store.AskedPair{Address: mapper.Address(a), List: list, Op: mapper.InactivateFromList})
	}
	return pairs
}

// Exactly those whom somebody saw go, however many, and of these nobody who
// belongs on the list by then.
func TestThoseLeftBehindGoWhenSomebodySawThem(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.change(cdc.KindGroup, "1", "delete from chamber.group_membership where rep_id between 2 and 9")
	w.settle()
	w.until(noon.Add(40 * time.Hour))
	w.on("Board", reps(1, 10)...)
	w.change(cdc.KindRep, "3", "insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 1, 3)")
	_, err := w.state.ApproveRemovals(t.Context(), board, removals(board, rep(2), rep(3), rep(4), rep(5), rep(6), rep(7), rep(8)), "olga")
	w.do(err)
	w.settle()
	w.on("Board", 1, 3, 9, 10)
	if q := w.questions(); len(q) > 0 {
		t.Errorf("questions: %v", q)
	}
	w.wantActs("olga list_remove_left 7 removals shown and approved")
	w.until(noon.Add(80 * time.Hour))
	w.on("Board", 1, 3, 9, 10)
	w.referee()
}

// People who opted out stay on a list that is not synced any more, until somebody
// has seen their names. Nobody else goes from such a list, whatever was approved.
func TestOptedOutPeopleOnAListThatIsNotSynced(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.change(cdc.KindGroup, "1", "update chamber.rep_group set sync = false where group_id = 1")
	w.change(cdc.KindRep, "4", "update chamber.rep set opted_out = true where rep_id in (4, 5)")
	w.touch(cdc.KindRep, "5")
	w.change(cdc.KindRep, "6", "update chamber.group_membership set disabled = true where rep_id = 6")
	w.until(noon.Add(40 * time.Hour))
	w.on("Board", reps(1, 10)...)
	_, err := w.state.ApproveRemovals(t.Context(), board, removals(board, rep(4), rep(6)), "olga")
	w.do(err)
	w.settle()
	w.on("Board", 1, 2, 3, 5, 6, 7, 8, 9, 10)
	w.referee()
}

// The choice about foreign people is an operator's, and the next night follows it.
func TestForeignPeopleGoWhenThatIsChosen(t *testing.T) {
	w := newWorld(t, noon)
	w.do(w.sim.CreateList(account, everybody))
	w.settle()
	w.do(w.sim.AddContact(account, "stranger@example.org", everybody))
	w.until(noon.Add(40 * time.Hour))
	w.on(everybody, append(reps(1, 20), "stranger@example.org")...)
	w.do(w.state.SetForeign(t.Context(), mapper.AllActiveKey, false, "olga"))
	w.settle()
	w.on(everybody, append(reps(1, 20), "stranger@example.org")...)
	w.until(noon.Add(64 * time.Hour))
	w.on(everybody, reps(1, 20)...)
	w.do(w.state.SetForeign(t.Context(), mapper.AllActiveKey, true, "olga"))
	w.do(w.sim.AddContact(account, "later@example.org", everybody))
	w.until(noon.Add(88 * time.Hour))
	w.on(everybody, append(reps(1, 20), "later@example.org")...)
	w.wantActs("olga list_foreign remove", "olga list_foreign keep")
}
