package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/ccsim"
	"rollcall/mapper"
)

// Both names that the predecessor gave its list are taken at the first binding;
// our own name is taken before them, and none of them afterwards.
func TestNamesOfThePredecessorsList(t *testing.T) {
	for _, name := range mapper.SeedAllActiveNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, noon)
			w.do(w.sim.CreateList(account, " "+strings.ToUpper(name)))
			w.settle()
			if names := w.sim.ListNames(account); len(names) != 3 {
				t.Errorf("lists: %v", names)
			}
			w.on(" "+strings.ToUpper(name), reps(1, 20)...)
		})
	}
	t.Run("beside our own", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, noon)
		w.do(w.sim.CreateList(account, mapper.SeedAllActiveNames[0]))
		w.do(w.sim.CreateList(account, everybody))
		w.settle()
		w.on(everybody, reps(1, 20)...)
		w.on(mapper.SeedAllActiveNames[0])
		w.do(w.sim.DeleteList(account, everybody))
		w.reconcile()
		w.until(noon.Add(30 * time.Hour))
		w.on(mapper.SeedAllActiveNames[0])
		if state := w.listState("all_active"); state != "missing" {
			t.Errorf("list is %s", state)
		}
	})
}

// A list is made although nobody is on it yet; none is made of a source without
// a name, and an over-long name is cut.
func TestListsAreMadeForNobody(t *testing.T) {
	long := strings.Repeat("n", 300)
	w := newWorld(t, noon, "alter table chamber.rep_group drop constraint rep_group_name_check",
		`insert into chamber.membership_type (association_id, name) values (1, 'Bronze')`,
		`insert into chamber.rep_group (association_id, name) values (1, 'Choir'), (1, '  '), (1, '`+long+`')`)
	w.settle()
	want := []string{everybody, "Board", "Bronze", "Choir", "Gold", long[:255]}
	slices.Sort(want)
	if names := w.sim.ListNames(account); !slices.Equal(names, want) {
		t.Errorf("lists: %v\nwant %v", names, want)
	}
}

// A name that was derived because two sources share one never takes a list that
// was there.
func TestDerivedNamesTakeNoListThatExists(t *testing.T) {
	w := newWorld(t, noon, `insert into chamber.rep_group (association_id, name) values (1, 'Gold')`,
		`insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 2, 1)`)
	w.do(w.sim.CreateList(account, "Gold (group)"))
	w.settle()
	w.on("Gold", reps(1, 20)...) // the type's
	w.on("Gold (group)")
	if state := w.listState("group:2"); state != "ambiguous" {
		t.Errorf("list is %s", state)
	}
	w.do(w.sim.DeleteList(account, "Gold (group)"))
	w.reconcile()
	w.on("Gold (group)", 1)
}

// A list that existed is bound by its trimmed name in any spelling, once, and by
// its id from then on. One without people on it raises no question.
func TestAListIsBoundOnce(t *testing.T) {
	w := newWorld(t, noon)
	w.do(w.sim.CreateList(account, "  BOARD "))
	w.settle()
	w.on("  BOARD ", reps(1, 10)...)
	w.do(w.sim.RenameList(account, "  BOARD ", "Something else"))
	w.do(w.sim.CreateList(account, "Board"))
	w.reconcile()
	w.change(cdc.KindRep, "11", "insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 1, 11)")
	w.settle()
	w.on("Something else", reps(1, 11)...)
	w.on("Board")
}

// On an adopted all-active list foreign people stay until that is chosen, also
// the later ones; on a list that we made they go at night.
func TestForeignPeopleOnAnAdoptedList(t *testing.T) {
	w := newWorld(t, noon)
	w.do(w.sim.CreateList(account, everybody))
	w.do(w.sim.AddContact(account, "stranger@example.org", everybody))
	w.settle()
	w.do(w.sim.AddContact(account, "later@example.org", everybody, "Gold"))
	w.until(noon.Add(48 * time.Hour))
	w.on(everybody, append(reps(1, 20), "stranger@example.org", "later@example.org")...)
	w.on("Gold", reps(1, 20)...)
	if got, want := w.questions(), []string{"foreign all_active remove stranger@example.org"}; !slices.Equal(got, want) {
		t.Errorf("questions: %v, want %v", got, want)
	}
	w.decide("foreign", true)
	w.until(noon.Add(72 * time.Hour))
	w.on(everybody, append(reps(1, 20), "later@example.org")...)
	w.referee()
}

// Departures are kept while their list is missing, and none come of it.
func TestDeparturesOutlastTheirList(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.Leave(account, rep(3), "Board"))
	w.reconcile()
	w.do(w.sim.DeleteList(account, "Board"))
	w.reconcile()
	w.change(cdc.KindRep, "3", "update chamber.group_membership set disabled = true where rep_id = 3")
	w.change(cdc.KindRep, "3", "update chamber.group_membership set disabled = false where rep_id = 3")
	w.until(noon.Add(26 * time.Hour))
	if got := w.departed(); !slices.Equal(got, []string{"group:1 " + rep(3)}) {
		t.Errorf("departed: %v", got)
	}
	if state := w.listState(board); state != "missing" {
		t.Errorf("list is %s", state)
	}
}

// The state is lost, or the program is installed anew: what was ours is a list
// that existed. Nobody who is not on it is added without an answer, because they
// may have left.
func TestStateLost(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.Leave(account, rep(3), "Board"))
	w.do(w.sim.Leave(account, rep(4), everybody))
	w.do(w.sim.Unsubscribe(account, rep(5)))
	w.loseState()
	w.change(cdc.KindAll, "", "insert into chamber.rep (association_id, member_id, email) values (1, 1, 'new@example.org')")
	w.settle()
	w.until(noon.Add(48 * time.Hour))
	w.on("Board", append([]any{1, 2, 4}, reps(6, 10)...)...)
	w.on(everybody, append([]any{1, 2, 3, "new@example.org"}, reps(6, 20)...)...)
	want := []string{"may_have_left all_active add " + rep(4), "may_have_left group:1 add " + rep(3)}
	if got := w.questions(); !slices.Equal(got, want) {
		t.Errorf("questions: %v\nwant %v", got, want)
	}
	w.referee()
}

// loseState empties the state, but for the schema and which database this is.
func (w *world) loseState() {
	w.t.Helper()
	w.exec(`do $$ declare t text; begin
		for t in select tablename from pg_tables where schemaname = 'rollcall_state' and tablename not in ('installation', 'schema_version') loop
			execute format('truncate rollcall_state.%I cascade', t);
		end loop; end $$`)
	w.restart()
}

// Departures are sticky on every kind of list, and lifted where Constant Contact
// shows the person on that list again, and only there.
func TestShownAgainLiftsADeparture(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	for _, list := range []string{everybody, "Gold", "Board"} {
		w.do(w.sim.Leave(account, rep(3), list))
	}
	w.reconcile()
	if n := len(w.departed()); n != 3 {
		t.Fatalf("departed: %v, want three", w.departed())
	}
	w.change(cdc.KindRep, "3", "update chamber.group_membership set disabled = true where rep_id = 3")
	w.change(cdc.KindRep, "3", "update chamber.rep set active = false where rep_id = 3")
	w.settle()
	w.change(cdc.KindRep, "3", "update chamber.group_membership set disabled = false where rep_id = 3")
	w.change(cdc.KindRep, "3", "update chamber.rep set active = true where rep_id = 3")
	w.settle()
	w.until(noon.Add(26 * time.Hour))
	w.on("Board", append(reps(1, 2), reps(4, 10)...)...)
	w.on("Gold", append(reps(1, 2), reps(4, 20)...)...)
	w.do(w.sim.AddContact(account, rep(3), "Gold"))
	w.reconcile()
	if got, want := w.departed(), []string{"all_active " + rep(3), "group:1 " + rep(3)}; !slices.Equal(got, want) {
		t.Errorf("departed: %v, want %v", got, want)
	}
	w.change(cdc.KindMember, "1", "update chamber.member set status = 'dropped'")
	w.settle()
	w.decideAll("removals", true)
	w.settle()
	w.change(cdc.KindMember, "1", "update chamber.member set status = 'courtesy'")
	w.settle()
	w.on("Gold", reps(1, 20)...) // taken off by us, added by us
	w.on(everybody, append(reps(1, 2), reps(4, 20)...)...)
	w.referee()
}

// A contact that Constant Contact holds is left, and read again at each pull.
func TestAHoldIsReadAgain(t *testing.T) {
	w := newWorld(t, noon, "update chamber.group_membership set disabled = true where rep_id = 3")
	w.settle()
	w.do(w.sim.SetPermission(account, rep(3), "temp_hold"))
	w.reconcile()
	w.change(cdc.KindRep, "3", "update chamber.group_membership set disabled = false where rep_id = 3")
	w.settle()
	w.on("Board", append(reps(1, 2), reps(4, 10)...)...)
	w.do(w.sim.SetPermission(account, rep(3), "implicit"))
	w.reconcile()
	w.on("Board", reps(1, 10)...)
	w.referee()
}

// A contact whose address was edited there is nobody's until the two agree: here
// because the database takes over the new address.
func TestAnAddressEditedThereUntilTheyAgree(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.reconcile()
	w.do(w.sim.EditAddress(account, rep(3), "elsewhere@example.org"))
	w.reconcile()
	w.change(cdc.KindRep, "3", "update chamber.rep set job_title = 'Baker' where rep_id = 3")
	w.settle()
	w.on("Board", append(append(reps(1, 2), reps(4, 10)...), "elsewhere@example.org")...)
	w.change(cdc.KindRep, "3", "update chamber.rep set email = 'elsewhere@example.org' where rep_id = 3")
	w.until(noon.Add(26 * time.Hour))
	w.on("Board", append(append(reps(1, 2), reps(4, 10)...), "elsewhere@example.org")...)
	w.on(everybody, append(append(reps(1, 2), reps(4, 20)...), "elsewhere@example.org")...)
	w.change(cdc.KindRep, "3", "update chamber.group_membership set disabled = true where rep_id = 3")
	w.settle()
	w.on("Board", append(reps(1, 2), reps(4, 10)...)...)
	w.referee()
}

// An unsubscribed contact that is still shown on a list is left there, and
// counted by itself.
func TestUnsubscribedAndStillShown(t *testing.T) {
	w := newWorld(t, noon)
	w.sim.SetSwitches(ccsim.Switches{UnsubscribedKeepLists: true})
	w.settle()
	w.do(w.sim.Unsubscribe(account, rep(3)))
	w.change(cdc.KindRep, "3", "delete from chamber.rep where rep_id = 3")
	w.reconcile()
	w.until(noon.Add(26 * time.Hour))
	w.on("Board", reps(1, 10)...)
	w.on(everybody, reps(1, 20)...)
	runs := w.runs("reconcile")
	if found := runs[len(runs)-1].Found; found["unsubscribed_on_lists"] != 1 {
		t.Errorf("found %v, want one unsubscribed on lists", found)
	}
	if got := w.departed(); len(got) > 0 {
		t.Errorf("departed: %v", got)
	}
}
