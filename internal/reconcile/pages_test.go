package reconcile_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/ccsim"
)

// Later pages need not have the lists. Who unsubscribed is found all the same: the
// question is not about lists.
func TestSweepOfManyWhoseLaterPagesLackLists(t *testing.T) {
	w := newWorld(t, noon)
	for i := range 600 {
		w.do(w.sim.AddContact(account, fmt.Sprintf("gone%03d@example.org", i)))
		w.do(w.sim.Unsubscribe(account, fmt.Sprintf("gone%03d@example.org", i)))
	}
	w.settle()
	w.do(w.sim.Unsubscribe(account, rep(4)))
	w.sim.SetSwitches(ccsim.Switches{CursorDropsInclude: true})
	w.quietly(3*time.Hour, 10*time.Minute)
	if state := value[string](w, "select state from rollcall_state.contact where address = $1", rep(4)); state != "unsubscribed" {
		t.Errorf("contact is %q", state)
	}
}

// A deleted contact without list_memberships holds up nobody else.
func TestADeletedContactWithoutListsHoldsUpNobody(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.DeleteContact(account, rep(5)))
	(&double{after: func(r *http.Request, answer map[string]any) {
		contacts, _ := answer["contacts"].([]any)
		for _, c := range append(contacts, any(answer)) {
			if one, is := c.(map[string]any); is && one["deleted_at"] != nil {
				one["list_memberships"] = nil
			}
		}
	}}).become(w)
	w.exec("update chamber.rep set first_name = 'Anna' where rep_id = 5")
	w.change(cdc.KindAll, "", newRep, "new@example.org")
	w.quietly(time.Hour, time.Minute)
	w.on(everybody, "new@example.org", 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)
	w.referee()
}

// Pages move while they are read: a person whom an import made, and whom the pages of
// its read-back skip, is neither refused nor off the list.
func TestAReadBackThatAPageSkips(t *testing.T) {
	w := newWorld(t, noon)
	w.others(480)
	w.settle()
	w.do(w.sim.Fault(ccsim.Fault{PathPrefix: "/v3/contacts", Kind: ccsim.FaultPageSkips, Count: 1}))
	w.do(w.sim.Fault(ccsim.Fault{PathPrefix: "/v3/activities/contacts_json_import", Kind: ccsim.FaultActivityErrors}))
	for i := range 60 {
		w.exec(newRep, fmt.Sprintf("new%02d@example.org", i))
	}
	w.touch(cdc.KindAll, "")
	w.quietly(10*time.Minute, 5*time.Second)
	for _, address := range w.sim.ListAddresses(account, everybody) {
		if strings.Contains(w.refused(), address) {
			t.Errorf("%s is on the list and is put aside as refused", address)
		}
	}
}

// A list of more than a page whose later pages lack what was asked for can be read by
// another way.
func TestSyncNowOfALongListWhoseLaterPagesLackLists(t *testing.T) {
	w := newWorld(t, noon)
	w.others(2000)
	w.settle()
	for i := range 600 {
		w.do(w.sim.AddContact(account, fmt.Sprintf("board%03d@example.org", i), "Board"))
	}
	w.sim.SetSwitches(ccsim.Switches{CursorDropsInclude: true})
	state, answer := w.syncNow("Board")
	if state == "refused" || state == "failed" {
		t.Errorf("sync now: %s, %+v", state, answer)
	}
}

// Many new addresses are looked for in the account's pages. Somebody deleted whom a
// page skips is not brought back by the import.
func TestADeletedContactThatAPageSkips(t *testing.T) {
	for _, how := range []string{"deleted", "on hold", "unsubscribed"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t, noon)
			w.others(480)
			w.settle()
			w.do(w.sim.AddContact(account, "new00@example.org")) // the first of the second page
			switch how {
			case "deleted":
				w.do(w.sim.DeleteContact(account, "new00@example.org"))
			case "on hold":
				w.do(w.sim.SetPermission(account, "new00@example.org", "temp_hold"))
			default:
				w.do(w.sim.Unsubscribe(account, "new00@example.org"))
			}
			w.sleep(30 * time.Minute)
			w.do(w.sim.Fault(ccsim.Fault{PathPrefix: "/v3/contacts", Kind: ccsim.FaultPageSkips, Count: 1}))
			for i := range 60 {
				w.exec(newRep, fmt.Sprintf("new%02d@example.org", i))
			}
			w.touch(cdc.KindAll, "")
			w.quietly(10*time.Minute, 5*time.Second)
			if slices.Contains(w.sim.ListAddresses(account, everybody), "new00@example.org") {
				t.Error("new00@example.org is on the list")
			}
			w.referee()
		})
	}
}

// Whoever a page of the first look skips is asked about all the same: not added to a
// list that existed, which they may have left, and not taken for one of ours.
func TestAFirstLookThatSkipsSomebody(t *testing.T) {
	for name, c := range map[string]struct {
		who   string
		lists []string
	}{
		"may have left": {rep(9), nil},
		"foreign":       {"stranger@example.org", []string{"Board"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, noon)
			w.others(499)
			w.do(w.sim.CreateList(account, "Board"))
			w.do(w.sim.AddContact(account, "first@example.org", "Board"))
			w.do(w.sim.AddContact(account, c.who, c.lists...))
			w.do(w.sim.Fault(ccsim.Fault{PathPrefix: "/v3/contacts", Kind: ccsim.FaultPageSkips, Count: 1}))
			w.settle()
			w.until(noon.Add(40 * time.Hour))
			if on := slices.Contains(w.sim.ListAddresses(account, "Board"), c.who); on != (c.lists != nil) {
				t.Errorf("%s is on the list: %t, without a question: %v", c.who, on, w.questions())
			}
		})
	}
}
