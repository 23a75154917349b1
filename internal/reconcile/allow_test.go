package reconcile_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/ccsim"
	"rollcall/internal/store"
	"rollcall/mapper"
)

func (w *world) allowBack(address, list string) (state string, answer store.Answer) {
	w.t.Helper()
	id := w.request(store.RequestContent{Version: 1, Ask: "allow_back", Address: address, List: list})
	w.settle()
	return w.answer(id)
}

func TestAllowBackAfterADeparture(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.Leave(account, rep(3), "Board"))
	w.do(w.sim.Leave(account, rep(3), "Gold"))
	w.reconcile()
	if state, answer := w.allowBack("  REP3@example.org", "group:1"); state != "done" {
		t.Fatalf("answer: %s, %+v", state, answer)
	}
	w.on("Board", reps(1, 10)...)
	w.on("Gold", append(reps(1, 2), reps(4, 20)...)...)
	contains(t, w.log.String(), "asked_by=Olga")
	if state, _ := w.allowBack(rep(3), ""); state != "done" {
		t.Error("not allowed back on all lists")
	}
	w.on("Gold", reps(1, 20)...)
	if got := w.departed(); len(got) > 0 {
		t.Errorf("departed: %v", got)
	}
	w.reconcile() // it stays so
	if got := w.departed(); len(got) > 0 {
		t.Errorf("departed again: %v", got)
	}
}

// A person who was missed on a list while the rows did not want them there is shown as
// having left it, and is allowed back like anybody.
func TestAllowBackWhoLeftWhileOff(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.reconcile()
	w.do(w.sim.Leave(account, rep(3), "Board"))
	w.change(cdc.KindRep, "3", offBoard)
	w.settle()
	w.change(cdc.KindRep, "3", onBoard)
	w.settle()
	decisions, err := w.deliverer.Decide(t.Context(), mapper.Address(rep(3)))
	w.do(err)
	if !slices.ContainsFunc(decisions, func(d mapper.Decision) bool { return d.List == board && d.Reason == mapper.ReasonLeftList }) {
		t.Fatalf("decisions: %+v", decisions)
	}
	if state, answer := w.allowBack(rep(3), "group:1"); state != "done" {
		t.Fatalf("answer: %s, %+v", state, answer)
	}
	w.on("Board", reps(1, 10)...)
}

func TestAllowBackADeletedContact(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.DeleteContact(account, rep(3)))
	w.do(w.sim.Unsubscribe(account, rep(4)))
	w.do(w.sim.DeleteContact(account, rep(4)))
	w.reconcile()
	w.sim.Reset()
	if state, answer := w.allowBack(rep(3), ""); state != "done" {
		t.Fatalf("answer: %s, %+v", state, answer)
	}
	w.on("Board", reps(1, 10)[0], 2, 3, 5, 6, 7, 8, 9, 10)
	if n := w.sim.Counts()["PUT /v3/contacts/{id}"]; n != 1 {
		t.Errorf("%d PUTs, want one", n)
	}
	// Who had unsubscribed before is unsubscribed again, and that is the end.
	state, answer := w.allowBack(rep(4), "")
	if state != "refused" || answer.Reason != mapper.ReasonUnsubscribed {
		t.Errorf("answer: %s, %+v", state, answer)
	}
	w.on("Board", 1, 2, 3, 5, 6, 7, 8, 9, 10)
	// The referee knows nothing of audited decisions: reviving is not against its
	// rules, but nothing else may have been.
	w.referee()
}

// Whoever left one list and was deleted then may be allowed back on another.
func TestAllowBackADeletedContactOnOneList(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.Leave(account, rep(3), "Gold"))
	w.reconcile()
	w.do(w.sim.DeleteContact(account, rep(3)))
	w.reconcile()
	if state, answer := w.allowBack(rep(3), "group:1"); state != "done" {
		t.Fatalf("answer: %s, %+v", state, answer)
	}
	w.on("Board", reps(1, 10)...)
	w.on("Gold", append(reps(1, 2), reps(4, 20)...)...)
}

func TestAllowBackRefusals(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.Unsubscribe(account, rep(1)))
	w.do(w.sim.SetPermission(account, rep(2), "temp_hold"))
	for address, reason := range map[string]mapper.Reason{
		rep(1): mapper.ReasonUnsubscribed, rep(2): mapper.ReasonOnHold, "no address": mapper.ReasonInvalidEmail,
	} {
		if state, answer := w.allowBack(address, ""); state != "refused" || answer.Reason != reason {
			t.Errorf("%s: %s, %+v; want a refusal for %s", address, state, answer, reason)
		}
	}
}

// Whose contact was given another address may get a new one.
func TestAllowBackAfterTheAddressWasEdited(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.reconcile()
	w.do(w.sim.EditAddress(account, rep(3), "elsewhere@example.org"))
	w.reconcile()
	w.on("Board", append(append(reps(1, 2), reps(4, 10)...), "elsewhere@example.org")...)
	if state, answer := w.allowBack(rep(3), ""); state != "done" {
		t.Fatalf("answer: %s, %+v", state, answer)
	}
	w.on("Board", append(reps(1, 10), "elsewhere@example.org")...)
	if got := w.departed(); len(got) > 0 {
		t.Errorf("departed: %v", got)
	}
}

// What a previous address shows keeps the new one back until it is allowed.
func TestAllowBackInSpiteOfAPreviousAddress(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.Unsubscribe(account, rep(3)))
	w.reconcile()
	w.change(cdc.KindRep, "3", "update chamber.rep set email = 'new@example.org' where rep_id = 3")
	w.settle()
	w.on("Board", append(reps(1, 2), reps(4, 10)...)...)
	if state, answer := w.allowBack("new@example.org", ""); state != "done" {
		t.Fatalf("answer: %s, %+v", state, answer)
	}
	w.on("Board", append(append(reps(1, 2), reps(4, 10)...), "new@example.org")...)
	if by := value[string](w, "select allowed_by from rollcall_state.previous_allowed where rep = '3'"); by != "Olga" {
		t.Errorf("allowed by %q", by)
	}
}

// What was allowed is what was known then. Somebody who unsubscribes later, under yet
// another address, is not added under the one that was allowed.
func TestAnAllowanceIsNotAboutWhatComesLater(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	address := func(to string) {
		w.change(cdc.KindRep, "3", "update chamber.rep set email = $1 where rep_id = 3", to)
		w.settle()
	}
	allow := func(address string) {
		t.Helper()
		if state, answer := w.allowBack(address, ""); state != "done" {
			t.Fatalf("answer: %s, %+v", state, answer)
		}
	}
	w.do(w.sim.Unsubscribe(account, rep(3)))
	w.reconcile()
	address("b@example.org")
	allow("b@example.org")
	w.on("Board", 1, 2, 4, 5, 6, 7, 8, 9, 10, "b@example.org")
	address("c@example.org")
	allow("c@example.org")
	w.until(chicago(t, "2026-07-01 04:30")) // the lists of everybody and of the type drop b
	w.on("Gold", append(append(reps(1, 2), "c@example.org"), reps(4, 20)...)...)
	w.do(w.sim.Unsubscribe(account, "c@example.org"))
	w.until(w.now.Add(2 * time.Hour)) // a sweep
	address("b@example.org")
	w.on("Gold", append(reps(1, 2), reps(4, 20)...)...)
	allow("b@example.org") // which takes in what is known by now
	w.on("Gold", append(append(reps(1, 2), "b@example.org"), reps(4, 20)...)...)
}

// Allowed back on one list is not allowed back on others, also where a previous
// address left them.
func TestAllowBackOnOneListInSpiteOfAPreviousAddress(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.Leave(account, rep(3), "Board"))
	w.do(w.sim.Leave(account, rep(3), "Gold"))
	w.reconcile()
	w.change(cdc.KindRep, "3", `update chamber.rep set email = 'new@example.org' where rep_id = 3`)
	w.settle()
	w.on("Board", 1, 2, 4, 5, 6, 7, 8, 9, 10)
	if state, answer := w.allowBack("new@example.org", "group:1"); state != "done" {
		t.Fatalf("answer: %s, %+v", state, answer)
	}
	w.on("Board", 1, 2, 4, 5, 6, 7, 8, 9, 10, "new@example.org")
	w.on("Gold", append([]any{1, 2}, reps(4, 20)...)...)
}

// The same where the previous address is on no list any more: the operator's word is
// about that list, and about another one when that is allowed too.
func TestAllowBackOnOneListInSpiteOfAnUnsubscribe(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.Unsubscribe(account, rep(3)))
	w.reconcile()
	w.change(cdc.KindRep, "3", `update chamber.rep set email = 'new@example.org' where rep_id = 3`)
	w.settle()
	gold := append([]any{1, 2}, reps(4, 20)...)
	for _, list := range []string{"group:1", "type:Gold"} {
		w.on("Gold", gold...)
		if state, answer := w.allowBack("new@example.org", list); state != "done" {
			t.Fatalf("answer: %s, %+v", state, answer)
		}
		w.on("Board", 1, 2, 4, 5, 6, 7, 8, 9, 10, "new@example.org")
	}
	w.on("Gold", append(gold, "new@example.org")...)
	w.on(everybody, gold...)
	w.change(cdc.KindRep, "3", `update chamber.rep set email = 'later@example.org' where rep_id = 3`)
	w.settle()
	w.on("Board", 1, 2, 4, 5, 6, 7, 8, 9, 10, "new@example.org") // an address later, nothing was allowed
}

// refuseRoles has imports of addresses such as info@ refused, and returns the switches
// that do it and how many imports there were.
func (w *world) refuseRoles() (switches ccsim.Switches, imports func() int) {
	switches = w.sim.Switches()
	switches.RoleImports = ccsim.RoleCorrectable
	w.sim.SetSwitches(switches)
	return switches, func() int { return w.sim.Counts()["POST /v3/activities/contacts_json_import"] }
}

// Who was refused is tried once more after 49 hours, and when somebody asks.
func TestRetryOfRefusals(t *testing.T) {
	w := newWorld(t, noon, "update chamber.rep set email = 'info@example.org' where rep_id = 3")
	w.do(w.sim.CreateList(account, "unused"))
	switches, imports := w.refuseRoles()
	w.until(noon.Add(time.Hour))
	if refused := value[bool](w, "select refused_at is not null from rollcall_state.contact where address = 'info@example.org'"); !refused {
		t.Fatal("not refused")
	}
	before := imports()
	w.until(noon.Add(47 * time.Hour))
	if n := imports(); n != before {
		t.Errorf("%d imports in the first 47 hours", n-before)
	}
	w.until(noon.Add(52 * time.Hour))
	if n := imports(); n != before+1 {
		t.Errorf("%d imports after 49 hours, want one", n-before)
	}
	w.until(noon.Add(110 * time.Hour))
	if n := imports(); n != before+1 {
		t.Errorf("%d imports, want no more by themselves", n-before)
	}
	switches.RoleImports = ""
	w.sim.SetSwitches(switches)
	id := w.request(store.RequestContent{Version: 1, Ask: "retry", Address: "info@example.org"})
	w.settle()
	if state, answer := w.answer(id); state != "done" {
		t.Errorf("answer: %s, %+v", state, answer)
	}
	w.on("Board", append(append(reps(1, 2), reps(4, 10)...), "info@example.org")...)
	id = w.request(store.RequestContent{Version: 1, Ask: "retry", Address: rep(1)})
	w.settle()
	if state, _ := w.answer(id); state != "refused" {
		t.Errorf("a retry of somebody who was not refused is %s", state)
	}
}

// Other data that are refused as well before 49 hours have passed are not the one retry:
// that comes 49 hours after them.
func TestRetryAfterOtherDataWereRefused(t *testing.T) {
	w := newWorld(t, noon, "update chamber.rep set email = 'info@example.org' where rep_id = 3")
	_, imports := w.refuseRoles()
	w.until(noon.Add(10 * time.Hour))
	before := imports()
	w.change(cdc.KindRep, "3", "update chamber.rep set last_name = 'Changed' where rep_id = 3")
	w.until(noon.Add(11 * time.Hour))
	if n := imports(); n != before+1 {
		t.Fatalf("%d imports after other data, want one", n-before)
	}
	w.until(noon.Add(58 * time.Hour))
	if n := imports(); n != before+1 {
		t.Errorf("%d imports within 48 hours of other data, want one", n-before)
	}
	w.until(noon.Add(62 * time.Hour))
	if n := imports(); n != before+2 {
		t.Errorf("%d imports after 49 hours, want two", n-before)
	}
	w.until(noon.Add(130 * time.Hour))
	if n := imports(); n != before+2 {
		t.Errorf("%d imports, want no more by themselves", n-before)
	}
}

// Thirty days after the database lost somebody, the rows go; what the person
// decided is honoured when the address comes back.
func TestRetention(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.do(w.sim.Leave(account, rep(1), "Board"))
	w.reconcile()
	w.change(cdc.KindRep, "2", "update chamber.rep set opted_out = true where rep_id = 2")
	w.settle()
	w.change(cdc.KindRep, "4", "update chamber.rep set email = 'four@example.org' where rep_id = 4")
	w.settle()
	w.exec("insert into rollcall_state.old_account (source, association, address, state) values ('chamber', '1', $1, 'temp_hold')", rep(2))
	for n := 1; n <= 3; n++ {
		w.change(cdc.KindRep, fmt.Sprint(n), "delete from chamber.rep where rep_id = $1", n)
	}
	w.settle()
	known := func() []string {
		return value[[]string](w, `select array(select distinct address from (
			select address from rollcall_state.rep_seen union select address from rollcall_state.contact
			union select address from rollcall_state.ledger union select address from rollcall_state.opt_out
			union select address from rollcall_state.rep_now union select address from rollcall_state.old_account union select address from rollcall_state.intent) x
			where address = any($1) order by 1)`, []string{rep(1), rep(2), rep(3), rep(4)})
	}
	runRetention := func(after time.Duration) {
		w.sleep(after)
		w.exec("update rollcall_state.due set at = $1 where what <> 'retention' and at < $1", w.now.Add(time.Hour))
		w.exec("update rollcall_state.due set at = $1 where what = 'retention'", w.now)
		w.settle()
	}
	runRetention(time.Hour)
	runRetention(29 * 24 * time.Hour)
	if got := known(); len(got) != 4 {
		t.Errorf("after 29 days %v are known, want all", got)
	}
	runRetention(2 * 24 * time.Hour)
	// The previous address of somebody who is still there stays.
	if got := known(); !slices.Equal(got, []string{rep(4)}) {
		t.Errorf("after 31 days %v are known, want the previous address only", got)
	}
	if n := value[int](w, "select count(*) from rollcall_state.erased"); n != 3 {
		t.Errorf("%d hashes, want an opt-out, a departure, and what an account before this one showed", n)
	}
	facts, err := w.state.Erased(t.Context(), []mapper.Address{mapper.Address(rep(1)), mapper.Address(rep(2)), mapper.Address(rep(3))})
	if err != nil {
		t.Fatal(err)
	}
	if f := facts[mapper.Address(rep(1))]; f.OptedOut || !slices.Equal(f.Left, []mapper.ListKey{board}) {
		t.Errorf("of who left: %+v", f)
	}
	if f := facts[mapper.Address(rep(2))]; !f.OptedOut || f.OldAccount != mapper.ContactOnHold {
		t.Errorf("of who opted out: %+v", f)
	}
	if _, any := facts[mapper.Address(rep(3))]; any {
		t.Error("something is remembered of somebody who decided nothing")
	}
	// They come back as other people, who agreed to nothing yet.
	w.exec("insert into chamber.rep (association_id, member_id, email) values (1, 1, $1), (1, 1, $2), (1, 1, $3)", rep(1), rep(2), rep(3))
	w.exec("insert into chamber.group_membership (association_id, group_id, rep_id) select 1, 1, rep_id from chamber.rep where rep_id > 20")
	w.touch(cdc.KindGroup, "1")
	w.settle()
	w.on("Board", append(append(reps(3, 10)[:1], "four@example.org"), reps(4, 10)...)...)
	if n := value[int](w, "select count(*) from rollcall_state.opt_out where address = $1", rep(2)); n != 1 {
		t.Error("the opt-out did not come back")
	}
	if n := value[int](w, "select count(*) from rollcall_state.old_account where address = $1 and state = 'temp_hold'", rep(2)); n != 1 {
		t.Error("what the account before showed did not come back")
	}
	if got := w.departed(); !slices.Equal(got, []string{"group:1 " + rep(1)}) {
		t.Errorf("departed: %v", got)
	}
	if n := value[int](w, "select count(*) from rollcall_state.erased"); n != 0 {
		t.Errorf("%d hashes are left", n)
	}
}

// Reports are kept longer than calls, which name people.
func TestOldCallsAndReportsGo(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.reconcile()
	count := func(table string) int { return value[int](w, "select count(*) from rollcall_state."+table) }
	if count("activity") == 0 || count("run") == 0 || count("request") == 0 {
		t.Fatal("nothing is on record")
	}
	forget := func(days int) {
		t.Helper()
		now := noon.Add(time.Duration(days) * 24 * time.Hour)
		if err := w.state.ForgetOld(t.Context(), now.Add(-30*24*time.Hour), now.Add(-90*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	forget(29)
	if count("activity") == 0 || count("request") == 0 {
		t.Error("calls went after 29 days")
	}
	forget(31)
	if count("activity") != 0 || count("request") != 0 || count("run") == 0 {
		t.Errorf("after 31 days: %d calls, %d requests, %d runs", count("activity"), count("request"), count("run"))
	}
	forget(91)
	if count("run") != 0 {
		t.Error("reports stay after 91 days")
	}
}

// Questions expire a day after they were asked.
func TestQuestionsExpire(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.exec("update chamber.group_membership set disabled = true")
	w.touch(cdc.KindGroup, "1")
	w.settle()
	if got := w.questions(); len(got) != 10 {
		t.Fatalf("questions: %v", got)
	}
	w.sleep(25 * time.Hour)
	w.settle()
	if state := value[string](w, "select state from rollcall_state.approval where kind = 'removals'"); state != "expired" {
		t.Errorf("question is %s", state)
	}
	w.on("Board", reps(1, 10)...)
}

// A question that expired because the database looked wrong for a day ends when it
// looks right: what had waited for it is done.
func TestRemovalsHeldForTheSourceOutlastTheirQuestion(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.until(w.now.Add(2 * time.Hour))
	w.do(w.state.RaiseAlarm(t.Context(), store.AlarmUnreadable, "a view failed"))
	w.change(cdc.KindRep, "3", offBoard)
	w.settle()
	w.on("Board", reps(1, 10)...)
	w.sleep(25 * time.Hour)
	w.settle()
	w.do(w.state.Readable(t.Context()))
	w.settle()
	w.reconcile()
	w.on("Board", 1, 2, 4, 5, 6, 7, 8, 9, 10)
}
