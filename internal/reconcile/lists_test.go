package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/ccsim"
	"rollcall/internal/store"
	"rollcall/mapper"
)

func (w *world) listState(key mapper.ListKey) string {
	w.t.Helper()
	return value[string](w, "select coalesce((select state from rollcall_state.list where key = $1), 'none')", string(key))
}

// A list that was deleted by hand is paused and made again by nobody; nobody
// left it.
func TestListDeletedByHand(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.DeleteList(account, "Board"))
	w.reconcile()
	if state := w.listState(board); state != "missing" {
		t.Errorf("list is %s", state)
	}
	contains(t, w.log.String(), "list was deleted in Constant Contact")
	w.change(cdc.KindRep, "11", "insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 1, 11)")
	w.until(chicago(t, "2026-07-01 04:30"))
	if got := w.departed(); len(got) > 0 {
		t.Errorf("departed: %v", got)
	}
	if names := w.sim.ListNames(account); slices.Contains(names, "Board") {
		t.Errorf("lists: %v", names)
	}
}

// A group that is renamed after its list was deleted stops nothing: the list is
// missing from then on.
func TestGroupOfADeletedListIsRenamed(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.DeleteList(account, "Board"))
	w.change(cdc.KindGroup, "1", "update chamber.rep_group set name = 'Directors' where group_id = 1")
	w.change(cdc.KindRep, "3", "update chamber.rep set active = false where rep_id = 3")
	w.settle()
	if state := w.listState(board); state != "missing" {
		t.Errorf("list is %s", state)
	}
	w.on(everybody, append(reps(1, 2), reps(4, 20)...)...)
	if names := w.sim.ListNames(account); len(names) != 2 {
		t.Errorf("lists: %v", names)
	}
	if got := w.departed(); len(got) > 0 {
		t.Errorf("departed: %v", got)
	}
}

func TestListRenamedByHandIsLeftAlone(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.RenameList(account, "Board", "Our board"))
	w.reconcile()
	w.until(chicago(t, "2026-07-01 04:30"))
	w.change(cdc.KindRep, "11", "insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 1, 11)")
	w.settle()
	w.on("Our board", reps(1, 11)...)
	if names := w.sim.ListNames(account); len(names) != 3 {
		t.Errorf("lists: %v", names)
	}
	// Renaming the group is a later decision.
	w.change(cdc.KindGroup, "1", "update chamber.rep_group set name = 'Directors' where group_id = 1")
	w.settle()
	w.on("Directors", reps(1, 11)...)
}

func TestGroupRenamed(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.change(cdc.KindGroup, "1", "update chamber.rep_group set name = 'Directors' where group_id = 1")
	w.settle()
	w.on("Directors", reps(1, 10)...)
	if names := w.sim.ListNames(account); len(names) != 3 {
		t.Errorf("lists: %v", names)
	}
}

// A name that the account refuses is tried again at night.
func TestRefusedRenameIsTriedAgainAtNight(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.CreateList(account, "Directors"))
	w.change(cdc.KindGroup, "1", "update chamber.rep_group set name = 'Directors' where group_id = 1")
	w.until(noon.Add(5 * time.Hour))
	w.on("Board", reps(1, 10)...)
	puts := 0
	for _, r := range w.sim.Requests() {
		if r.Method == "PUT" {
			puts++
		}
	}
	if puts != 1 {
		t.Errorf("%d renames were tried, want one", puts)
	}
	w.do(w.sim.DeleteList(account, "Directors"))
	w.until(chicago(t, "2026-07-01 04:30"))
	w.on("Directors", reps(1, 10)...)
}

// Groups that exchange their names keep their lists.
func TestGroupsSwapNames(t *testing.T) {
	w := newWorld(t, noon, `insert into chamber.rep_group (association_id, name) values (1, 'Press'), (1, 'Sponsors')`,
		`insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 2, 11), (1, 3, 12)`)
	w.settle()
	w.exec(`update chamber.rep_group set name = case group_id when 1 then 'Press' when 2 then 'Sponsors' else 'Board' end`)
	w.touch(cdc.KindGroup, "1")
	w.touch(cdc.KindGroup, "2")
	w.touch(cdc.KindGroup, "3")
	w.settle()
	w.on("Press", reps(1, 10)...)
	w.on("Sponsors", 11)
	w.on("Board", 12)
	if names := w.sim.ListNames(account); len(names) != 5 {
		t.Errorf("lists: %v", names)
	}
	w.referee()
}

// A deleted group leaves list and people; a new group of its name takes the list
// as one that existed.
func TestGroupDeletedAndMadeAgain(t *testing.T) {
	w := newWorld(t, noon, `insert into chamber.rep_group (association_id, name) values (1, 'Press')`)
	w.settle()
	w.change(cdc.KindGroup, "1", "delete from chamber.rep_group where group_id = 1")
	w.touch(cdc.KindAssociation, "1")
	w.settle()
	w.on("Board", reps(1, 10)...)
	if state := w.listState(board); state != "none" {
		t.Errorf("list is %s, want it released", state)
	}
	w.exec("insert into chamber.rep_group (association_id, name) values (1, 'Board')")
	w.change(cdc.KindGroup, "3", "insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 3, 1), (1, 3, 2)")
	w.settle()
	w.on("Board", reps(1, 10)...)
	if names := w.sim.ListNames(account); len(names) != 4 {
		t.Errorf("lists: %v", names)
	}
	if existed := value[bool](w, "select existed from rollcall_state.list where key = 'group:3'"); !existed {
		t.Error("the list counts as our own")
	}
}

// A view of groups that is empty all at once releases nothing.
func TestEmptyGroupsReleaseNothing(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.change(cdc.KindAssociation, "1", "delete from chamber.rep_group")
	w.settle()
	if state := w.listState(board); state != "bound" {
		t.Errorf("list is %s", state)
	}
}

// A group without an id may be the one that is missing.
func TestAGroupWithoutAnIDReleasesNothing(t *testing.T) {
	w := newWorld(t, noon, `insert into chamber.rep_group (association_id, name) values (1, 'Press')`)
	w.settle()
	w.change(cdc.KindAssociation, "1", "create or replace view rollcall.groups as select association_id, nullif(group_id, 1) as group_id, name, sync from chamber.rep_group")
	w.settle()
	if state := w.listState(board); state != "bound" {
		t.Errorf("list is %s", state)
	}
	w.on("Board", reps(1, 10)...)
}

// Rows of people that vanished say nothing about groups: the list of one that was
// deleted is released all the same, and a new one of its name takes it.
func TestVanishedRowsReleaseADeletedGroup(t *testing.T) {
	w := newWorld(t, noon, `insert into chamber.rep_group (association_id, name) values (1, 'Press')`)
	w.settle()
	w.change(cdc.KindAll, "", "delete from chamber.rep where rep_id > 6") // more than 10, and of 20
	w.settle()
	if alarmed, err := w.state.Alarmed(t.Context(), store.AlarmShrank); err != nil || !alarmed {
		t.Fatalf("alarmed: %v, %v", alarmed, err)
	}
	w.change(cdc.KindGroup, "1", "delete from chamber.rep_group where group_id = 1")
	w.exec("insert into chamber.rep_group (association_id, name) values (1, 'Board')")
	w.change(cdc.KindGroup, "3", "insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 3, 1)")
	w.touch(cdc.KindAssociation, "1")
	w.settle()
	w.on("Board", reps(1, 10)...)
	if names, state := w.sim.ListNames(account), w.listState("group:3"); len(names) != 4 || state != "bound" {
		t.Errorf("lists: %v, the new group's is %s", names, state)
	}
}

// While it is not known which table was truncated nobody knows whether a group
// was deleted. A new group of its name waits for the list, and gets no other.
func TestATruncatedTableKeepsTheListOfADeletedGroup(t *testing.T) {
	w := newWorld(t, noon, `insert into chamber.rep_group (association_id, name) values (1, 'Press')`)
	w.settle()
	w.do(w.state.RaiseAlarm(t.Context(), store.AlarmTruncated, ""))
	w.change(cdc.KindGroup, "1", "delete from chamber.rep_group where group_id = 1")
	w.exec("insert into chamber.rep_group (association_id, name) values (1, 'Board')")
	w.change(cdc.KindGroup, "3", "insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 3, 1), (1, 3, 12)")
	w.touch(cdc.KindAssociation, "1")
	w.settle()
	w.on("Board", reps(1, 10)...)
	if names, state := w.sim.ListNames(account), w.listState(board); len(names) != 4 || state != "bound" {
		t.Errorf("lists: %v, the deleted group's is %s", names, state)
	}
	w.do(w.sim.DeleteList(account, "Board")) // so that the new group's is not looked at first
	w.sleep(2 * time.Hour)
	w.touch(cdc.KindAll, "")
	w.settle()
	w.sleep(2 * time.Hour)
	w.settle()
	w.on("Board", 1, 12)
	if names, state := w.sim.ListNames(account), w.listState(board); len(names) != 4 || state != "none" {
		t.Errorf("lists: %v, the deleted group's is %s", names, state)
	}
}

// A call for an opt-out names lists that were deleted, ours and another one, and is
// refused. The person goes off the others all the same, at once.
func TestAnOptOutOfWhomAListIsGone(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.CreateList(account, "News"))
	w.do(w.sim.AddContact(account, rep(3), "News"))
	w.change(cdc.KindRep, "3", "update chamber.rep set email = 'three@example.org' where rep_id = 3")
	w.settle()
	w.on("News", 3, "three@example.org")
	w.do(w.sim.DeleteList(account, "News"))
	w.do(w.sim.DeleteList(account, "Board"))
	w.change(cdc.KindRep, "3", "update chamber.rep set opted_out = true where rep_id = 3")
	for range 60 {
		w.quietStep()
	}
	w.on("Gold", append(reps(1, 2), reps(4, 20)...)...)
	w.on(everybody, append(reps(1, 2), reps(4, 20)...)...)
	if state := w.listState(board); state != "missing" {
		t.Errorf("the board's list is %s", state)
	}
	w.settle()
	if n := value[int](w, "select count(*) from rollcall_state.ledger where list like 'unmanaged:%' and told <> ''"); n != 0 {
		t.Errorf("%d pairs of a list that is gone", n)
	}
	w.referee()
}

// With the view of types a renamed type keeps its list and what is known of it.
func TestTypeRenamed(t *testing.T) {
	for name, view := range map[string]bool{"with the view": true, "without it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var prepare []string
			if !view {
				prepare = append(prepare, "drop view rollcall.membership_types")
			}
			w := newWorld(t, noon, prepare...)
			w.settle()
			w.do(w.sim.Leave(account, rep(3), "Gold"))
			w.reconcile()
			w.change(cdc.KindAssociation, "1", "update chamber.membership_type set name = 'Platinum'")
			w.settle()
			if view {
				w.on("Platinum", append(reps(1, 2), reps(4, 20)...)...)
				if names := w.sim.ListNames(account); len(names) != 3 {
					t.Errorf("lists: %v", names)
				}
				if got := w.departed(); !slices.Equal(got, []string{"type:Platinum " + rep(3)}) {
					t.Errorf("departed: %v", got)
				}
				w.reconcile()
				w.until(chicago(t, "2026-07-01 04:30"))
				w.on("Platinum", append(reps(1, 2), reps(4, 20)...)...)
				return
			}
			w.on("Gold", append(reps(1, 2), reps(4, 20)...)...)
			w.on("Platinum", reps(1, 20)...)
		})
	}
}

// Whoever left a type's list is read in the batch that also finds the type
// renamed, and has unsubscribed before the next.
func TestSomebodyLeftTheListOfATypeThatIsRenamed(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.Leave(account, rep(15), "Gold"))
	w.change(cdc.KindAssociation, "1", "update chamber.membership_type set name = 'Platinum'")
	w.change(cdc.KindRep, "15", "insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 1, 15)")
	w.settle()
	w.on("Board", append(reps(1, 10), 15)...)
	w.do(w.sim.Unsubscribe(account, rep(15)))
	w.change(cdc.KindRep, "15", "update chamber.rep set job_title = 'Baker' where rep_id = 15")
	w.settle()
	w.do(w.sim.Resubscribe(account, rep(15)))
	w.reconcile()
	w.on("Platinum", append(reps(1, 14), reps(16, 20)...)...)
	if got := w.departed(); !slices.Equal(got, []string{"type:Platinum " + rep(15)}) {
		t.Errorf("departed: %v", got)
	}
	w.referee()
}

// A full reconciliation reads who left a type's list before the rename of the type
// has come through the stream.
func TestAFullReadingFindsALeaverAndARenamedType(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.Leave(account, rep(15), "Gold"))
	w.exec("update chamber.membership_type set name = 'Platinum'")
	w.reconcile()
	if got := w.departed(); !slices.Equal(got, []string{"type:Platinum " + rep(15)}) {
		t.Errorf("departed: %v", got)
	}
	w.on("Platinum", append(reps(1, 14), reps(16, 20)...)...)
	w.referee()
}

// A night makes the list of a type exact that it finds renamed.
func TestNightIsExactThoughATypeWasRenamed(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.change(cdc.KindRep, "15", "update chamber.rep set email = 'fifteen@example.org' where rep_id = 15")
	w.settle()
	w.on("Gold", append(reps(1, 20), "fifteen@example.org")...)
	w.until(chicago(t, "2026-07-01 01:30"))
	w.exec("update chamber.membership_type set name = 'Platinum'")
	w.until(chicago(t, "2026-07-01 04:30"))
	w.on("Platinum", append(append(reps(1, 14), reps(16, 20)...), "fifteen@example.org")...)
	w.referee()
}

// The list of a type that is gone keeps the name that somebody gave it, also
// before that was read.
func TestListOfAGoneTypeRenamedByHand(t *testing.T) {
	w := newWorld(t, noon)
	w.do(w.sim.CreateList(account, " GOLD "))
	w.settle()
	w.do(w.sim.RenameList(account, " GOLD ", "Our gold"))
	w.exec("delete from chamber.member_type")
	w.change(cdc.KindAssociation, "1", "delete from chamber.membership_type")
	w.sleep(2 * time.Hour)
	w.settle()
	if names := w.sim.ListNames(account); !slices.Contains(names, "Our gold") {
		t.Errorf("lists: %v", names)
	}
}

// Two lists of one name are not told apart by us. One that is left is taken.
func TestAmbiguousUntilOneIsLeft(t *testing.T) {
	w := newWorld(t, noon)
	w.sim.SetSwitches(ccsim.Switches{ListNamesCaseSensitive: true})
	w.do(w.sim.CreateList(account, "Board"))
	w.do(w.sim.CreateList(account, "BOARD"))
	w.settle()
	if state := w.listState(board); state != "ambiguous" {
		t.Fatalf("list is %s", state)
	}
	if state, answer := w.syncNow("1"); state != "refused" || answer.Reason != mapper.ReasonListAmbiguous {
		t.Errorf("sync now: %s, %+v", state, answer)
	}
	w.reconcile()
	if state := w.listState(board); state != "ambiguous" {
		t.Errorf("list is %s", state)
	}
	w.do(w.sim.DeleteList(account, "BOARD"))
	w.reconcile()
	if state := w.listState(board); state != "bound" {
		t.Errorf("list is %s", state)
	}
}

// A full account refuses a list; it is made once there is room.
func TestNoRoomForAList(t *testing.T) {
	w := newWorld(t, noon)
	for n := range 998 {
		w.do(w.sim.CreateList(account, "list "+time.Duration(n).String()))
	}
	w.settle()
	if state := w.listState(board); state != "no_room" {
		t.Fatalf("list is %s", state)
	}
	w.on(everybody, reps(1, 20)...)
	w.do(w.sim.DeleteList(account, "list 1ns"))
	w.reconcile()
	w.on("Board", reps(1, 10)...)
}

// The vendor's own software named the list otherwise.
func TestSeedsListOfEverybody(t *testing.T) {
	w := newWorld(t, noon)
	w.do(w.sim.CreateList(account, everybody+" from ChamberMaster"))
	w.settle()
	if names := w.sim.ListNames(account); len(names) != 3 {
		t.Errorf("lists: %v", names)
	}
	if existed := value[bool](w, "select existed from rollcall_state.list where key = 'all_active'"); !existed {
		t.Error("the list counts as our own")
	}
}

func TestSyncNow(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.AddContact(account, "stranger@example.org", "Board"))
	w.change(cdc.KindRep, "10", "delete from chamber.group_membership where rep_id = 10")
	w.settle()
	w.on("Board", append(reps(1, 10), "stranger@example.org")...)
	state, answer := w.syncNow("Board")
	if state != "done" {
		t.Errorf("answer: %s, %+v", state, answer)
	}
	w.on("Board", reps(1, 9)...)
	runs := w.runs(store.RunSyncNow)
	if len(runs) != 1 || runs[0].State != store.RunDone || runs[0].AskedBy != "sql" {
		t.Errorf("runs: %+v", runs)
	}
	w.referee()
}

func TestSyncNowIsRefused(t *testing.T) {
	w := newWorld(t, noon, `insert into chamber.rep_group (association_id, name) values (1, 'Twin'), (1, 'Twin')`)
	w.settle()
	wants := func(name, group, state string, reason mapper.Reason, detail string) {
		t.Helper()
		got, answer := w.syncNow(group)
		if got != state || answer.Reason != reason {
			t.Errorf("%s: %s, %+v; want %s for %q", name, got, answer, state, reason)
		}
		contains(t, answer.Detail, detail)
	}
	wants("no such group", "Choir", "refused", "", "no group")
	wants("two groups", "Twin", "refused", "", "ask by id")
	wants("one of two by id", "2", "done", "", "")
	w.change(cdc.KindGroup, "1", "update chamber.rep_group set sync = false where group_id = 1")
	wants("unticked", "Board", "refused", mapper.ReasonGroupNotSynced, "not ticked")
	w.change(cdc.KindGroup, "1", "update chamber.rep_group set sync = true where group_id = 1")
	w.do(w.sim.DeleteList(account, "Board"))
	wants("deleted list", "Board", "refused", mapper.ReasonListMissing, "missing there")
	w.change(cdc.KindAssociation, "1", "update chamber.sync_options set sync_groups = false")
	wants("option off", "2", "refused", mapper.ReasonOptionOff, "switched off")
	w.change(cdc.KindAssociation, "1", "update chamber.sync_options set newsletter_solution = 'Other'")
	wants("another solution", "2", "refused", mapper.ReasonOtherNewsletter, "newsletter")
}

// Without an approval the thresholds apply to sync now like to anything else.
// With one, nobody goes who was not approved because the list is exact.
func TestSyncNowAndApproval(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	for n := range 14 {
		w.do(w.sim.AddContact(account, "stranger"+string(rune('a'+n))+"@example.org", "Board"))
	}
	w.syncNow("Board")
	if got := len(w.sim.ListAddresses(account, "Board")); got != 24 {
		t.Errorf("%d people on the list, want all 24: the removals are held", got)
	}
	if got := w.questions(); len(got) != 14 {
		t.Errorf("questions: %v", got)
	}
	// A command showed 13 strangers; one more came in between.
	w.exec(`update rollcall_state.approval set state = 'withdrawn' where state = 'waiting'`)
	w.exec(`insert into rollcall_state.approval (source, association, list, kind, state, asked_at, decided_at, expires_at)
		values ('chamber', '1', 'group:1', 'removals', 'approved', $1, $1, $2)`, w.now, w.now.Add(24*time.Hour))
	w.exec(`insert into rollcall_state.approval_pair (approval, source, association, list, address, op)
		select (select max(id) from rollcall_state.approval), 'chamber', '1', 'group:1', address, 'remove'
		from rollcall_state.ledger where list = 'group:1' and address like 'stranger%' and address <> 'strangern@example.org'`)
	id := w.request(store.RequestContent{Version: 1, Ask: "sync_now", Group: "Board"})
	w.settle()
	if state, answer := w.answer(id); state != "done" {
		t.Errorf("answer: %s, %+v", state, answer)
	}
	w.on("Board", append(reps(1, 10), "strangern@example.org")...)
}
