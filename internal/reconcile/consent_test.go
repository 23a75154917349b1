package reconcile_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/store"
)

// The file of consent has what follows to the present address of a person, because a
// new state does not know who had which address before.
func TestConsentUnderAPreviousAddressOutlivesTheState(t *testing.T) {
	for name, leave := range map[string]func(*world){
		"left lists": func(w *world) {
			for _, list := range []string{everybody, "Gold", "Board"} {
				w.do(w.sim.Leave(account, rep(3), list))
			}
		},
		"unsubscribed": func(w *world) { w.do(w.sim.Unsubscribe(account, rep(3))) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, noon)
			w.settle()
			leave(w)
			w.reconcile()
			w.change(cdc.KindRep, "3", "update chamber.rep set email = 'new@example.org' where rep_id = 3")
			w.settle()
			stays := func() {
				t.Helper()
				w.on("Board", 1, 2, 4, 5, 6, 7, 8, 9, 10)
				w.on("Gold", append(reps(1, 2), reps(4, 20)...)...)
				w.on(everybody, append(reps(1, 2), reps(4, 20)...)...)
			}
			stays()
			file := w.consent()
			w.loseState()
			_, err := w.widener.Store.ReadConsent(t.Context(), file, store.Installation{SystemID: "1", Timeline: 1, DatabaseOID: 1, Slot: "rollcall"})
			w.do(err)
			w.touch(cdc.KindAll, "")
			w.settle()
			stays()
			w.referee()
		})
	}
}

// consent is the file of consent.
func (w *world) consent() *bytes.Buffer {
	w.t.Helper()
	var file bytes.Buffer
	_, err := w.widener.Store.WriteConsent(w.t.Context(), &file)
	w.do(err)
	return &file
}

// An address was allowed once, and its person unsubscribed later under another one:
// that is in the file, too.
func TestConsentLaterThanAnAllowanceIsInTheFile(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	address := func(to string) {
		w.change(cdc.KindRep, "3", "update chamber.rep set email = $1 where rep_id = 3", to)
		w.settle()
	}
	w.do(w.sim.Unsubscribe(account, rep(3)))
	w.reconcile()
	for _, to := range []string{"b@example.org", "c@example.org"} {
		address(to)
		if state, answer := w.allowBack(to, ""); state != "done" {
			t.Fatalf("answer: %s, %+v", state, answer)
		}
	}
	if file := w.consent().String(); strings.Contains(file, "c@example.org") {
		t.Errorf("what was allowed is in the file: %s", file)
	}
	w.do(w.sim.Unsubscribe(account, "c@example.org"))
	w.until(w.now.Add(2 * time.Hour)) // a sweep
	address("b@example.org")
	if file := w.consent().String(); !strings.Contains(file, "b@example.org") {
		t.Errorf("what came after the allowance is not in the file: %s", file)
	}
}

// Of whom it is asked whether they left a list that existed, the file says that they
// left it, under the new address as well.
func TestWhoIsAskedAboutIsInTheFileOfConsent(t *testing.T) {
	w := newWorld(t, noon)
	w.do(w.sim.CreateList(account, "Board"))
	for n := 1; n <= 10; n++ {
		lists := []string{"Board"}
		if n == 3 {
			lists = nil
		}
		w.do(w.sim.AddContact(account, rep(n), lists...))
	}
	w.settle()
	w.change(cdc.KindRep, "3", "update chamber.rep set email = 'new@example.org' where rep_id = 3")
	w.settle()
	w.on("Board", 1, 2, 4, 5, 6, 7, 8, 9, 10)
	if file := w.consent().String(); strings.Count(file, "new@example.org") != 1 || strings.Count(file, `"`+rep(3)+`"`) != 1 {
		t.Errorf("the file is %s", file)
	}
}
