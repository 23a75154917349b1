package e2e

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"rollcall/internal/credential"
	"rollcall/mapper"
)

// Another account takes the place of the one before while the program runs: it
// goes on there, with what people had decided, and sends nothing more to the
// account that it left.
func TestAnotherAccountIsAdopted(t *testing.T) {
	t.Parallel()
	w := newInside(t, "small", fillSmall, true)
	w.sim.AddAccount("hill", "", "")
	if err := w.connectInside(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop := w.run(t)
	w.settle(t, 2*time.Minute)
	w.compare(t)
	if err := w.sim.Unsubscribe(account, "rosa@example.org"); err != nil {
		t.Fatal(err)
	}
	w.exec(t, "update chamber.rep set first_name = 'Rosalie' where email = 'rosa@example.org'")
	const known = "select count(*) from rollcall_state.contact where address = 'rosa@example.org' and state = 'unsubscribed'"
	wait(t, "the unsubscribe", func() bool { return w.count(t, known) == 1 })
	var refused *credential.OtherAccountError
	if err := w.connectAccount(t.Context(), "hill", ""); !errors.As(err, &refused) {
		t.Fatalf("connected: %v", err)
	}
	if err := w.connectAccount(t.Context(), "hill", refused.IsID); err != nil {
		t.Fatal(err)
	}
	before := w.sim.Contacts(account)
	names := w.sim.ListNames(account)
	adopted := len(w.sim.Requests())
	w.settle(t, 2*time.Minute)
	stop()
	for _, list := range []string{mapper.DefaultAllActiveName, "Gold", "Board"} {
		if got, want := w.sim.ListAddresses("hill", list), []string{"lena@example.org", "lotte@example.org", "ulla@example.org"}; !slices.Equal(got, want) {
			t.Errorf("on %q: %v", list, got)
		}
	}
	if len(before) != len(w.sim.Contacts(account)) || !slices.Equal(names, w.sim.ListNames(account)) {
		t.Error("the account before was changed")
	}
	for _, r := range w.sim.Requests()[adopted:] {
		if r.Status == http.StatusNotFound || r.Status == http.StatusBadRequest {
			t.Errorf("%s %s was answered %d: an id of the account before", r.Method, r.Endpoint, r.Status)
		}
	}
	for _, v := range w.sim.Violations() {
		t.Errorf("the referee saw %s: %s", v.Rule, v.Detail)
	}
}
