package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/mapper"
)

const (
	offBoard = "update chamber.group_membership set disabled = true where rep_id = 3"
	onBoard  = "update chamber.group_membership set disabled = false where rep_id = 3"
)

// A list that is deleted and made again: whoever left the one before stays off, also
// where the rows did not want them there at the time.
func TestWhoLeftWhileOffStaysOffAListMadeAgain(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.reconcile()
	w.do(w.sim.Leave(account, rep(3), "Board"))
	w.change(cdc.KindRep, "3", offBoard)
	w.settle()
	w.do(w.sim.DeleteList(account, "Board"))
	w.reconcile()
	w.do(w.state.RecreateList(t.Context(), board, "ann"))
	w.settle()
	w.change(cdc.KindRep, "3", onBoard)
	w.settle()
	w.on("Board", 1, 2, 4, 5, 6, 7, 8, 9, 10)
	w.referee()
}

// Whoever is read as on hold after leaving a list has left it still when the hold ends.
func TestALeaverWhoIsOnHoldHasLeft(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.reconcile()
	w.do(w.sim.Leave(account, rep(3), "Board"))
	w.do(w.sim.SetPermission(account, rep(3), "temp_hold"))
	w.reconcile()
	w.do(w.sim.SetPermission(account, rep(3), "implicit"))
	w.reconcile()
	w.on("Board", 1, 2, 4, 5, 6, 7, 8, 9, 10)
	w.referee()
}

// Whom we took off and somebody put back by hand, and who leaves then, has left by
// themselves, also under the next address and under the first one again.
func TestWhoWasPutBackByHandAndLeavesHasLeft(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.change(cdc.KindRep, "3", offBoard)
	w.settle()
	w.do(w.sim.AddContact(account, rep(3), "Board"))
	w.change(cdc.KindRep, "3", onBoard)
	w.settle()
	w.reconcile()
	w.do(w.sim.Leave(account, rep(3), "Board"))
	w.reconcile()
	w.reconcile()
	w.on("Board", 1, 2, 4, 5, 6, 7, 8, 9, 10)
	for _, address := range []string{"new@example.org", rep(3)} {
		w.change(cdc.KindRep, "3", "update chamber.rep set email = $1 where rep_id = 3", address)
		w.settle()
		w.on("Board", 1, 2, 4, 5, 6, 7, 8, 9, 10)
	}
	w.referee()
}

// Whoever left a list, and was deleted before anybody read that, has left it when the
// address comes back after the rows about it were erased.
func TestWhoLeftBeforeBeingErasedHasLeft(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.reconcile()
	w.do(w.sim.Leave(account, rep(3), "Board"))
	w.change(cdc.KindRep, "3", "delete from chamber.rep where rep_id = 3")
	w.settle()
	w.reconcile()
	w.until(w.now.Add(33 * 24 * time.Hour))
	if n := value[int](w, "select count(*) from rollcall_state.erased"); n != 1 {
		t.Fatalf("%d hashes, want that of the departure", n)
	}
	w.exec("insert into chamber.rep (association_id, member_id, email) values (1, 1, $1)", rep(3))
	w.exec("insert into chamber.group_membership (association_id, group_id, rep_id) select 1, 1, max(rep_id) from chamber.rep")
	w.touch(cdc.KindAll, "")
	w.settle()
	w.on("Board", 1, 2, 4, 5, 6, 7, 8, 9, 10)
	w.referee()
}

// While it is asked whether many left a list, nobody of them is erased: the question
// would be left without them and nobody could answer it.
func TestNobodyIsErasedWhileItIsAskedWhetherManyLeft(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.reconcile()
	for n := 1; n <= 11; n++ {
		w.do(w.sim.Leave(account, rep(n), "Gold"))
	}
	w.reconcile()
	w.change(cdc.KindRep, "3", "delete from chamber.rep where rep_id = 3")
	w.settle()
	w.until(w.now.Add(33 * 24 * time.Hour))
	asked := slices.DeleteFunc(w.questions(), func(q string) bool { return !strings.HasPrefix(q, string(mapper.HoldManyLeft)) })
	if len(asked) != 11 {
		t.Errorf("%d people are asked about, want 11: %q", len(asked), asked)
	}
}
