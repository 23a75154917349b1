package reconcile_test

import (
	"bytes"
	"testing"

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
			var file bytes.Buffer
			_, err := w.widener.Store.WriteConsent(t.Context(), &file)
			w.do(err)
			w.loseState()
			_, err = w.widener.Store.ReadConsent(t.Context(), &file, store.Installation{SystemID: "1", Timeline: 1, DatabaseOID: 1, Slot: "rollcall"})
			w.do(err)
			w.touch(cdc.KindAll, "")
			w.settle()
			stays()
			w.referee()
		})
	}
}
