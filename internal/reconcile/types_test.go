package reconcile_test

import (
	"testing"
	"time"

	"rollcall/cdc"
)

const (
	withoutTypes = "drop view rollcall.membership_types" // types have no ids then
	platinum     = "update chamber.membership_type set name = 'Platinum'"
)

// Without ids of types the list of one that is renamed is retired: nobody is taken off
// it, not even by a night, nobody is asked about that, and one of the new name is filled.
func TestTheListOfATypeThatWasRenamedIsRetired(t *testing.T) {
	w := newWorld(t, noon, withoutTypes, "delete from chamber.rep where rep_id > 8")
	w.settle()
	w.change(cdc.KindAssociation, "1", platinum)
	w.settle()
	w.on("Gold", reps(1, 8)...)
	w.on("Platinum", reps(1, 8)...)
	if q := w.questions(); len(q) > 0 {
		t.Errorf("questions: %v", q)
	}
	if state := w.listState("type:Gold"); state != "retired" {
		t.Errorf("the list is %s", state)
	}
	w.until(w.now.Add(26 * time.Hour))
	w.on("Gold", reps(1, 8)...)
	w.change(cdc.KindRep, "3", "update chamber.rep set active = false where rep_id = 3")
	w.settle()
	w.on("Gold", reps(1, 8)...)
	w.referee()
}

// The same where the stream tells of one rep after the other, and the first may be one
// who was never on the old list.
func TestATypeThatWasRenamedIsMetRepByRep(t *testing.T) {
	for name, newcomer := range map[string]bool{"known": false, "new": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, noon, withoutTypes, "delete from chamber.rep where rep_id > 8")
			w.settle()
			w.exec(platinum)
			if newcomer {
				w.exec("insert into chamber.rep (association_id, member_id, email) values (1, 1, 'new@example.org')")
				w.touch(cdc.KindRep, "21")
				w.settle()
				w.on("Platinum", "new@example.org")
			} else {
				w.touch(cdc.KindRep, "3")
				w.settle()
			}
			w.touch(cdc.KindRep, "4")
			w.settle()
			w.on("Gold", reps(1, 8)...)
			w.referee()
		})
	}
}

// A type gets another name and its own again: whoever left its list before, or
// meanwhile, has left it.
func TestDeparturesOutlastTwoRenamesOfAType(t *testing.T) {
	w := newWorld(t, noon, withoutTypes)
	w.settle()
	w.do(w.sim.Leave(account, rep(3), "Gold"))
	w.reconcile()
	w.change(cdc.KindAll, "", platinum)
	w.settle()
	w.do(w.sim.Leave(account, rep(4), "Gold"))
	w.reconcile()
	w.change(cdc.KindAll, "", "update chamber.membership_type set name = 'Gold'")
	w.settle()
	left := append(reps(1, 2), reps(5, 20)...)
	w.on("Gold", left...)
	w.reconcile()
	w.until(w.now.Add(26 * time.Hour))
	w.on("Gold", left...)
	w.referee()
}
