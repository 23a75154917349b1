package ccsim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// The trap: an import puts back who left, and a list change does as well.
func TestRefereeOfLeavers(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	id := w.contact("a@example.org", "Members")
	leave := func() { t.Helper(); w.must(w.Leave(account, "a@example.org", "Members")) }

	leave()
	w.run(importPath, people(list, person("a@example.org")))
	if got := w.ListAddresses(account, "Members"); len(got) != 1 {
		t.Errorf("the import did not put them back: %v", got)
	}
	w.wantRules(RuleLeft)
	w.Reset()

	leave()
	w.run("/v3/activities/add_list_memberships", change(list, id))
	w.wantRules(RuleLeft)
	w.Reset()

	leave() // but the office puts them back itself
	w.contact("a@example.org", "Members")
	w.run("/v3/activities/remove_list_memberships", change(list, id))
	w.run("/v3/activities/add_list_memberships", change(list, id))
	w.wantRules()

	// That they left cannot be read any more once they are taken off as well: it
	// was to be known until then.
	leave()
	w.now = w.now.Add(time.Hour)
	w.call(201, "POST", "/v3/activities/remove_list_memberships", change(list, id))
	w.now = w.now.Add(time.Hour)
	w.run("/v3/activities/remove_list_memberships", change(list, id))
	w.run("/v3/activities/add_list_memberships", change(list, id))
	w.wantRules(RuleLeft)
	if known := w.Violations()[0].Known.Round(time.Minute); known != time.Hour {
		t.Errorf("it was to be known for %s, want an hour", known)
	}
	w.Reset()

	// Who leaves while a removal is under way was not there to be seen either.
	w.call(201, "POST", "/v3/activities/remove_list_memberships", change(list, id))
	w.now = w.now.Add(w.delay / 2)
	leave()
	w.now = w.now.Add(w.delay)
	w.run("/v3/activities/add_list_memberships", change(list, id))
	w.wantRules()

	// Who leaves while an addition is under way was not there to be seen.
	w.call(201, "POST", "/v3/activities/add_list_memberships", change(list, id))
	w.now = w.now.Add(w.delay / 2)
	leave()
	w.now = w.now.Add(w.delay)
	w.wantRules()
}

func TestRefereeOfRows(t *testing.T) {
	for enforced, want := range map[bool]float64{false: 0, true: 1} {
		w := newWorld(t, Switches{EnforceAbuseGuard: enforced})
		list := w.list("Members")
		var act obj
		for range guardWrites {
			w.run(importPath, people(list, person("a@example.org")))
		}
		w.wantRules()
		act = w.run(importPath, people(list, person("a@example.org")))
		wantStatus(t, act, map[string]float64{"correctable_count": want})
		w.wantRules(RuleRows)
		w.now = w.now.Add(24 * time.Hour)
		w.run(importPath, people(list, person("a@example.org")))
		w.wantRules(RuleRows)
	}
}

// An import of an address that another is still making is noted; one after that,
// and one of a contact that exists, are not.
func TestRefereeOfMaking(t *testing.T) {
	w := newWorld(t, Switches{})
	one, two := w.list("Members"), w.list("Board")
	w.contact("old@example.org")
	w.call(201, "POST", importPath, people(one, person("new@example.org"), person("old@example.org")))
	w.call(201, "POST", importPath, people(two, person("old@example.org")))
	w.wantRules()
	w.call(201, "POST", importPath, people(two, person("new@example.org")))
	w.wantRules(RuleMaking)
	w.Reset()
	w.now = w.now.Add(2 * w.delay)
	w.run(importPath, people(two, person("new@example.org")))
	w.wantRules()
}

// Rows that are refused count as well: a client that tries a bad address again
// and again is what the vendor's guard is about.
func TestRefereeOfRefusedRows(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	for range guardWrites {
		w.run(importPath, people(list, person("not an address")))
	}
	w.wantRules()
	w.run(importPath, people(list, person("not an address")))
	w.run(importPath, people(list, slices.Repeat([]string{"{}"}, guardWrites+1)...)) // no address at all
	w.wantRules(RuleRows)
}

func TestAbuseGuard(t *testing.T) {
	w := newWorld(t, Switches{EnforceAbuseGuard: true})
	list := w.list("Members")
	id := w.contact("a@example.org")
	put := func(status int) {
		t.Helper()
		w.call(status, "PUT", "/v3/contacts/"+id, `{"update_source":"Account"}`)
	}
	for range guardWrites {
		put(200)
	}
	put(400)
	w.must(w.EditAddress(account, "a@example.org", "b@example.org"))
	w.call(400, "POST", "/v3/contacts", `{"create_source":"Account","email_address":{"address":"a@example.org"}}`)
	put(200) // it is the address that is refused
	w.must(w.EditAddress(account, "b@example.org", "a@example.org"))
	w.now = w.now.Add(guardLasts - time.Minute)
	wantStatus(t, w.run(importPath, people(list, person("a@example.org"))), map[string]float64{"correctable_count": 1})
	w.now = w.now.Add(2 * time.Minute)
	put(200)
	w.wantRules() // for rows only
}

// A violation says how long the client could have known. What happens after the
// request is none.
func TestViolationsSayHowLongKnown(t *testing.T) {
	for rule, happen := range map[string]func(*world, string) error{
		RuleUnsubscribed: func(w *world, a string) error { return w.Unsubscribe(account, a) },
		RuleDeleted:      func(w *world, a string) error { return w.DeleteContact(account, a) },
		RuleLeft:         func(w *world, a string) error { return w.Leave(account, a, "Members") },
		RuleNotMailable:  func(w *world, a string) error { return w.SetPermission(account, a, onHold) },
	} {
		w := newWorld(t, Switches{})
		list := w.list("Members")
		w.contact("before@example.org", "Members")
		w.contact("after@example.org", "Members")
		w.must(happen(w, "before@example.org"))
		w.now = w.now.Add(time.Minute - 270*time.Millisecond) // the rest passes in the call
		w.call(201, "POST", importPath, people(list, person("before@example.org"), person("after@example.org")))
		w.now = w.now.Add(w.delay / 2)
		w.must(happen(w, "after@example.org"))
		w.now = w.now.Add(w.delay)
		w.wantRules(rule)
		if got := w.Violations()[0].Known; got != time.Minute {
			t.Errorf("%s: known for %s", rule, got)
		}
	}
}

// An import is about an address: who got it after the request was not to be read
// there.
func TestAnAddressThatChangedHandsAfterTheRequest(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	for _, a := range []string{"early@example.org", "late@example.org"} {
		w.contact(a, "Members")
		w.must(w.Unsubscribe(account, a))
	}
	w.now = w.now.Add(time.Minute)
	w.must(w.EditAddress(account, "early@example.org", "first@example.org"))
	w.now = w.now.Add(time.Minute)
	w.call(201, "POST", importPath, people(list, person("first@example.org"), person("second@example.org")))
	w.now = w.now.Add(w.delay / 2)
	w.must(w.EditAddress(account, "late@example.org", "second@example.org"))
	w.now = w.now.Add(w.delay)
	w.wantRules(RuleUnsubscribed)
}

// Whoever was put back has not left any more: one wrong addition is noted once.
func TestLeavingEndsWithReturn(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	id := w.contact("a@example.org", "Members")
	w.must(w.Leave(account, "a@example.org", "Members"))
	for range 2 {
		w.run("/v3/activities/add_list_memberships", change(list, id))
		w.run("/v3/activities/remove_list_memberships", change(list, id))
	}
	w.wantRules(RuleLeft)
}

func TestRefereeOfLimits(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	id := w.contact("a@example.org")
	lists := strings.Repeat(list+`","`, maxTargetLists) + list
	w.call(400, "POST", "/v3/activities/add_list_memberships", change(list, slices.Repeat([]string{id}, maxMembershipIDs+1)...))
	w.call(400, "POST", "/v3/activities/remove_list_memberships", change(lists, id))
	w.call(400, "POST", importPath, people(lists, person("a@example.org")))
	w.call(400, "POST", importPath, people(list, slices.Repeat([]string{"{}"}, maxRows+1)...))
	w.call(400, "POST", "/v3/activities/contact_exports", `{"list_ids":["`+lists+`"]}`)
	w.call(201, "POST", importPath, people(list, `{"email":"a@example.org","cf:filler":"`+strings.Repeat("x", bodyLimit)+`"}`))
	w.wantRules(slices.Repeat([]string{RuleLimits}, 6)...)
}

// No more than 50 lists fit on a contact; the others are not joined.
func TestContactsHaveLimitedLists(t *testing.T) {
	w := newWorld(t, Switches{})
	var ids []string
	for i := range maxContactLists + 1 {
		ids = append(ids, w.list(fmt.Sprint("List ", i)))
	}
	id := w.contact("a@example.org")
	for _, some := range [][]string{ids[:30], ids[30:]} {
		w.run("/v3/activities/add_list_memberships", change(strings.Join(some, `","`), id))
	}
	if got := len(w.Contacts(account)[0].Lists); got != maxContactLists {
		t.Errorf("on %d lists", got)
	}
	w.run("/v3/activities/add_list_memberships", change(ids[0], id))
	w.wantRules()
}
