package reconcile_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/credential"
	"rollcall/internal/store"
)

// other is the account that takes the place of the one before.
const other = "hill"

// leaving is an office whose people decided some things in its first account, and
// another account, where there is a Board of its own.
func leaving(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, noon)
	w.sim.AddAccount(other, "key", "token-of-"+other)
	w.do(w.setAccount(account, false))
	w.settle()
	w.do(w.sim.Unsubscribe(account, rep(1)))
	w.do(w.sim.DeleteContact(account, rep(2)))
	w.do(w.sim.Leave(account, rep(3), "Board"))
	w.do(w.sim.SetPermission(account, rep(4), "temp_hold"))
	w.change(cdc.KindRep, "5", "update chamber.rep set opted_out = true where rep_id = 5")
	w.reconcile()
	w.do(w.sim.CreateList(other, "Board"))
	for _, address := range []string{rep(6), rep(12), "stranger@example.org"} {
		w.do(w.sim.AddContact(other, address, "Board"))
	}
	for _, address := range []string{rep(1), rep(3), rep(7)} {
		w.do(w.sim.AddContact(other, address))
	}
	return w
}

func (w *world) setAccount(name string, adopt bool) error {
	return w.state.SetAccount(w.t.Context(), credential.Connection{
		APIKey: "main", AccountID: "account-" + name, AccountName: name, State: credential.Connected, StateSince: w.now, ConnectedAt: w.now, ConnectedBy: "olga",
	}, adopt)
}

// adopt makes the other account the association's.
func (w *world) adopt() {
	w.t.Helper()
	w.do(w.setAccount(other, true))
	w.token = "token-of-" + other
	w.restart()
}

func TestAnotherAccountIsAdopted(t *testing.T) {
	w := leaving(t)
	before := w.sim.ListAddresses(account, everybody)
	w.adopt()
	w.sim.Reset()
	w.settle()
	// Lists that the account lacks are made. On them is who is wanted, and neither
	// unsubscribed, was deleted, is on hold, nor left them in the account before.
	w.onIn(other, everybody, append([]any{3}, reps(6, 20)...)...)
	w.onIn(other, "Gold", append([]any{3}, reps(6, 20)...)...)
	// The list that was there is asked about, and gets only people who are new to
	// the account.
	w.onIn(other, "Board", 6, 8, 9, 10, 12, "stranger@example.org")
	want := []string{
		"foreign group:1 remove stranger@example.org", "left_behind group:1 remove " + rep(12), "may_have_left group:1 add " + rep(7),
	}
	if q := w.questions(); !slices.Equal(q, want) {
		t.Errorf("questions: %v\nwant %v", q, want)
	}
	if got := w.departed(); !slices.Equal(got, []string{"group:1 " + rep(3)}) {
		t.Errorf("departed: %v", got)
	}
	w.decide("may_have_left", true)
	w.until(noon.Add(40 * time.Hour))
	w.onIn(other, "Board", 6, 7, 8, 9, 10, 12, "stranger@example.org")
	if runs := w.runs(store.RunReconcile); len(runs) < 2 || runs[len(runs)-1].State != store.RunDone {
		t.Errorf("runs: %+v", runs)
	}
	// The account before was left as it was.
	if after := w.sim.ListAddresses(account, everybody); !slices.Equal(before, after) {
		t.Errorf("in the account before: %v, were %v", after, before)
	}
	for _, r := range w.sim.Requests() {
		if r.Status == 400 || r.Status == 404 {
			t.Errorf("%s %s was answered %d", r.Method, r.Endpoint, r.Status)
		}
	}
	said := value[[]string](w, "select array(select address || ' ' || state from rollcall_state.feedback order by 1)")
	if want := []string{rep(1) + " unsubscribed", rep(2) + " deleted", rep(3) + " departed", rep(4) + " on_hold"}; !slices.Equal(said, want) {
		t.Errorf("feedback: %v, want %v", said, want)
	}
	w.referee()
	acts := w.acts()
	if want := "olga adopt_account in place of the account before; carried over: 1 departures, 3 who unsubscribed, were deleted or are on hold"; !slices.Contains(acts, want) {
		t.Errorf("acts: %q", acts)
	}
}

// What was carried over ends when an operator allows it, and goes with the person
// to another address.
func TestWhatIsCarriedOverEndsByAllowing(t *testing.T) {
	w := leaving(t)
	w.adopt()
	w.settle()
	w.change(cdc.KindRep, "2", "update chamber.rep set email = 'two@example.org' where rep_id = 2")
	w.settle()
	w.onIn(other, "Gold", append([]any{3}, reps(6, 20)...)...)
	for _, address := range []string{rep(1), "two@example.org"} {
		id := w.request(store.RequestContent{Version: 1, Ask: "allow_back", Address: address})
		w.settle()
		if state, answer := w.answer(id); state != "done" {
			t.Errorf("allow back: %s, %+v", state, answer)
		}
	}
	w.onIn(other, "Gold", append([]any{1, 3, "two@example.org"}, reps(6, 20)...)...)
	// What the present account shows is another matter.
	w.do(w.sim.Unsubscribe(other, rep(8)))
	id := w.request(store.RequestContent{Version: 1, Ask: "allow_back", Address: rep(8)})
	w.settle()
	if state, _ := w.answer(id); state != "refused" {
		t.Errorf("allow back: %s", state)
	}
	// Adopting the first account again carries over what the second one showed.
	w.do(w.setAccount(account, true))
	w.token = "token"
	w.restart()
	w.settle()
	if q := w.questions(); slices.ContainsFunc(q, func(s string) bool { return strings.Contains(s, rep(8)) }) {
		t.Errorf("questions: %v", q)
	}
	if got := value[string](w, "select state from rollcall_state.old_account where address = $1", rep(8)); got != "unsubscribed" {
		t.Errorf("carried over: %q", got)
	}
	w.referee()
}

// Calls to the account before are over, whatever becomes of them: what they said
// is planned anew.
func TestAdoptedWhileCallsAreOpen(t *testing.T) {
	w := newWorld(t, noon)
	w.sim.AddAccount(other, "key", "token-of-"+other)
	w.do(w.setAccount(account, false))
	w.settle()
	w.sim.SetDelay(time.Hour)
	w.exec("insert into chamber.rep (association_id, member_id, first_name, email) values (1, 1, 'New', 'new@example.org')")
	w.exec("update chamber.group_membership set disabled = true where rep_id = 2")
	w.touch(cdc.KindRep, "21")
	w.touch(cdc.KindRep, "2")
	for range 10 {
		w.step()
		w.now = w.now.Add(time.Second)
	}
	open, err := w.state.Open(t.Context())
	w.do(err)
	if len(open) < 2 {
		t.Fatalf("%d calls are open", len(open))
	}
	w.sim.SetDelay(0)
	w.adopt()
	w.settle()
	if open, _ := w.state.Open(t.Context()); len(open) != 0 {
		t.Errorf("open: %+v", open)
	}
	w.onIn(other, everybody, append(reps(1, 20), "new@example.org")...)
	w.onIn(other, "Board", append([]any{1}, reps(3, 10)...)...)
	w.referee()
}

// A change of e-mail that is under way carries over to no list of the account
// before.
func TestAdoptedDuringAnEmailChange(t *testing.T) {
	w := newWorld(t, noon)
	w.sim.AddAccount(other, "key", "token-of-"+other)
	w.do(w.setAccount(account, false))
	w.settle()
	w.do(w.sim.CreateList(account, "News"))
	w.do(w.sim.AddContact(account, rep(3), "News"))
	w.sim.SetDelay(time.Hour)
	w.change(cdc.KindRep, "3", "update chamber.rep set email = 'three@example.org' where rep_id = 3")
	for range 10 {
		w.step()
		w.now = w.now.Add(time.Second)
	}
	if n := value[int](w, "select count(*) from rollcall_state.ledger where list like 'unmanaged:%'"); n != 1 {
		t.Fatalf("%d pairs of lists that are not ours", n)
	}
	w.sim.SetDelay(0)
	w.adopt()
	w.settle()
	if n := value[int](w, "select count(*) from rollcall_state.ledger where list like 'unmanaged:%'"); n != 0 {
		t.Errorf("%d pairs of lists of the account before", n)
	}
	if n := value[int](w, "select count(*) from rollcall_state.address_change where ended_at is null"); n != 0 {
		t.Errorf("%d e-mail changes are not finished", n)
	}
	w.onIn(other, "Gold", append([]any{1, 2, "three@example.org"}, reps(4, 20)...)...)
	w.referee()
}

// Adopting is done as a whole or not at all.
func TestAdoptionThatFailsChangesNothing(t *testing.T) {
	w := leaving(t)
	w.settle()
	w.exec(`create function public.stop() returns trigger language plpgsql as $$ begin raise 'stopped'; end $$;
		create trigger stop before insert on rollcall_state.audit for each row execute function public.stop()`)
	state := func() string {
		return value[string](w, `select md5(string_agg(x, ' ' order by x)) from (
			select c::text as x from rollcall_state.connection c union all select c::text from rollcall_state.contact c
			union all select l::text from rollcall_state.ledger l union all select l::text from rollcall_state.list l
			union all select a::text from rollcall_state.activity a union all select d::text from rollcall_state.due d
			union all select o::text from rollcall_state.old_account o union all select d::text from rollcall_state.dirty d) y`)
	}
	before := state()
	if err := w.setAccount(other, true); err == nil {
		t.Fatal("adopted")
	}
	if state() != before {
		t.Error("something changed")
	}
	w.exec("drop trigger stop on rollcall_state.audit")
	var refused *credential.OtherAccountError
	if err := w.setAccount(other, false); !errors.As(err, &refused) {
		t.Errorf("without the wish: %v", err)
	}
	// Stopped after it was done, and before anything follows of it.
	w.do(w.setAccount(other, true))
	w.token = "token-of-" + other
	for range 5 {
		w.restart()
		w.step()
		w.now = w.now.Add(time.Second)
	}
	w.settle()
	w.onIn(other, "Gold", append([]any{3}, reps(6, 20)...)...)
	w.referee()
}
