package ccsim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const importPath = "/v3/activities/contacts_json_import"

// change is the body of a list change.
func change(list string, contacts ...string) string {
	return `{"source":{"contact_ids":["` + strings.Join(contacts, `","`) + `"]},"list_ids":["` + list + `"]}`
}

// people is the body of an import.
func people(list string, rows ...string) string {
	return `{"import_data":[` + strings.Join(rows, ",") + `],"list_ids":["` + list + `"]}`
}

func person(address string) string { return `{"email":"` + address + `"}` }

// run sends a request and returns its activity when it has ended.
func (w *world) run(path, body string) obj {
	w.t.Helper()
	id := w.get(201, "POST", path, body).text("activity_id")
	w.now = w.now.Add(w.delay)
	return w.get(200, "GET", "/v3/activities/"+id, "")
}

// wantStatus compares counters of an activity.
func wantStatus(t *testing.T, act obj, want map[string]float64) {
	t.Helper()
	for name, n := range want {
		if got := act.at("status", name); got != n {
			t.Errorf("%s is %v, want %v", name, got, n)
		}
	}
}

func TestActivityStates(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	w.SetDelay(time.Minute)
	act := w.get(201, "POST", importPath, people(list, person("a@example.org")))
	if act.text("state") != initialized || act.at("started_at") != nil || act.at("status") != nil {
		t.Errorf("new: %v", act)
	}
	path := act.text("_links", "self", "href")
	w.Hold(true)
	for _, step := range []struct {
		after time.Duration
		hold  bool
		want  string
	}{{0, true, initialized}, {20 * time.Second, true, processing}, {time.Hour, true, processing}, {0, false, completed}} {
		w.Advance(step.after)
		w.Hold(step.hold)
		if got := w.get(200, "GET", path, "").text("state"); got != step.want {
			t.Errorf("after %s: %s, want %s", step.after, got, step.want)
		}
		if here := len(w.ListAddresses(account, "Members")) == 1; here != (step.want == completed) {
			t.Errorf("%s: the effect is there: %v", step.want, here)
		}
	}
	w.Advance(activityLife)
	w.call(404, "GET", path, "")
	if got := w.call(200, "GET", "/v3/activities", ""); got != `{"activities":[]}` {
		t.Errorf("after ten days: %s", got)
	}
}

// Effects come in the order of submission and carry the time of completion,
// also when nobody looks for long.
func TestActivitiesKeepOrder(t *testing.T) {
	w := newWorld(t, Switches{MembershipMovesUpdatedAt: true})
	list := w.list("Members")
	id := w.contact("a@example.org")
	w.SetDelay(time.Minute)
	w.call(201, "POST", "/v3/activities/add_list_memberships", change(list, id))
	w.SetDelay(time.Second)
	w.call(201, "POST", "/v3/activities/remove_list_memberships", change(list, id))
	w.now = w.now.Add(2 * time.Second)
	if got := w.ListAddresses(account, "Members"); len(got) != 0 {
		t.Errorf("the second came first: %v", got)
	}
	w.now = w.now.Add(time.Hour)
	if got := w.ListAddresses(account, "Members"); len(got) != 0 {
		t.Errorf("on the list: %v", got)
	}
	if got := w.get(200, "GET", "/v3/contacts/"+id, "").text("updated_at"); got != "2026-05-04T09:01:00Z" {
		t.Errorf("moved at %s", got)
	}
}

func TestActivitiesList(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	w.run(importPath, people(list, person("a@example.org")))
	w.call(201, "POST", importPath, people(list, person("b@example.org")))
	w.now = w.now.Add(w.delay / 2)
	if got := w.get(200, "GET", "/v3/activities?state=processing", "").all("activities", "state"); !slices.Equal(got, []string{processing}) {
		t.Errorf("got %v", got)
	}
	o := w.get(200, "GET", "/v3/activities?limit=1", "")
	if next := w.get(200, "GET", o.text("_links", "next", "href"), ""); len(next.all("activities", "activity_id")) != 1 || next.at("_links") != nil {
		t.Errorf("second page %v", next)
	}
	w.call(400, "GET", "/v3/activities?state=initialized", "")
}

func TestQueueIsFull(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	w.SetDelay(time.Hour)
	for range queueLimit {
		w.call(201, "POST", importPath, people(list, person("a@example.org")))
	}
	if got := w.call(429, "POST", importPath, people(list, person("a@example.org"))); !strings.Contains(got, "1,000 queued activities") {
		t.Errorf("got %s", got)
	}
	w.now = w.now.Add(2 * time.Hour)
	w.call(201, "POST", importPath, people(list, person("b@example.org")))
}

func TestListChanges(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	a, b := w.contact("a@example.org"), w.contact("b@example.org")
	act := w.run("/v3/activities/add_list_memberships", change(list, a, b, "unknown"))
	wantStatus(t, act, map[string]float64{"items_total_count": 3, "items_completed_count": 3, "list_count": 1})
	w.run("/v3/activities/remove_list_memberships", change(list, b))
	if got := w.ListAddresses(account, "Members"); !slices.Equal(got, []string{"a@example.org"}) {
		t.Errorf("on the list: %v", got)
	}
	w.switches.UnknownIDsAreErrors = true
	wantStatus(t, w.run("/v3/activities/remove_list_memberships", change(list, "unknown")), map[string]float64{"error_count": 1})

	w.must(w.Unsubscribe(account, "b@example.org"))
	w.run("/v3/activities/add_list_memberships", change(list, b))
	if got := w.ListAddresses(account, "Members"); len(got) != 1 {
		t.Errorf("an unsubscribed contact is on the list: %v", got)
	}
	w.switches.RecordUnsubscribedAdds = true
	w.run("/v3/activities/add_list_memberships", change(list, b))
	if got := w.ListAddresses(account, "Members"); len(got) != 2 {
		t.Errorf("the addition is not recorded: %v", got)
	}

	w.call(404, "POST", "/v3/activities/add_list_memberships", change("none", a))
	w.call(400, "POST", "/v3/activities/add_list_memberships", change(list, slices.Repeat([]string{a}, 501)...))
	w.call(400, "POST", "/v3/activities/add_list_memberships", `{"source":{"contact_ids":["`+a+`"]},"list_ids":["`+strings.Repeat(list+`","`, 50)+list+`"]}`)
	w.call(400, "POST", "/v3/activities/add_list_memberships", `{"source":{},"list_ids":["`+list+`"]}`)
	w.call(400, "POST", "/v3/activities/add_list_memberships", `{"source":{"contact_ids":["`+a+`"],"all_active_contacts":true},"list_ids":["`+list+`"]}`)
}

// Joining a list twice is joining it once.
func TestAddingTwiceChangesNothing(t *testing.T) {
	w := newWorld(t, Switches{MembershipMovesUpdatedAt: true})
	list := w.list("Members")
	id := w.contact("a@example.org")
	updated := func() string {
		t.Helper()
		w.run("/v3/activities/add_list_memberships", change(list, id))
		return w.get(200, "GET", "/v3/contacts/"+id, "").text("updated_at")
	}
	first := updated()
	w.now = w.now.Add(time.Hour)
	if second := updated(); second != first {
		t.Errorf("updated at %s and at %s", first, second)
	}
	if got := w.Contacts(account)[0].Lists; !slices.Equal(got, []string{"Members"}) {
		t.Errorf("lists %v", got)
	}
}

func TestExport(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	w.contact("a@example.org", "Members")
	w.contact("b@example.org")
	act := w.get(201, "POST", "/v3/activities/contact_exports", `{"list_ids":["`+list+`"],"status":"active","fields":["email_address","email_lists"]}`)
	path := act.text("_links", "results", "href")
	w.call(404, "GET", path, "")
	w.switches.EarlyExportIs400 = true
	w.call(400, "GET", path, "")
	w.now = w.now.Add(w.delay)
	if got := w.call(200, "GET", path, ""); got != "Email address,Email Lists\na@example.org,Members\n" {
		t.Errorf("got %q", got)
	}
	act = w.get(200, "GET", act.text("_links", "self", "href"), "")
	wantStatus(t, act, map[string]float64{"items_total_count": 1})
	w.call(400, "POST", "/v3/activities/contact_exports", `{"status":"some"}`)
	w.call(400, "POST", "/v3/activities/contact_exports", `{"tag_ids":["some"]}`)
	w.call(404, "POST", "/v3/activities/contact_exports", `{"list_ids":["none"]}`)
}

func TestLists(t *testing.T) {
	w := newWorld(t, Switches{})
	for i := range 51 {
		w.list(fmt.Sprintf("List %02d", i))
	}
	w.contact("a@example.org", "List 00")
	o := w.get(200, "GET", "/v3/contact_lists?include_count=true&include_membership_count=active", "")
	if got := o.all("lists", "name"); len(got) != 50 || o.at("lists_count") != 51.0 {
		t.Errorf("page of %d of %v", len(got), o.at("lists_count"))
	}
	if got := o.at("lists").([]any)[0].(map[string]any)["membership_count"]; got != 1.0 {
		t.Errorf("members: %v", got)
	}
	if got := w.get(200, "GET", o.text("_links", "next", "href"), "").all("lists", "name"); !slices.Equal(got, []string{"List 50"}) {
		t.Errorf("second page %v", got)
	}
	for _, query := range []string{"limit=1001", "include_membership_count=some", "status=some"} {
		w.call(400, "GET", "/v3/contact_lists?"+query, "")
	}

	made := w.get(201, "POST", "/v3/contact_lists", `{"name":"Board","description":"d"}`)
	path := "/v3/contact_lists/" + made.text("list_id")
	w.call(409, "POST", "/v3/contact_lists", `{"name":" BOARD "}`)
	w.call(400, "POST", "/v3/contact_lists", `{"name":"`+strings.Repeat("x", 256)+`"}`)
	w.call(409, "PUT", path, `{"name":"List 00"}`)
	w.call(200, "PUT", path, `{"name":"Board 2026"}`)
	if got := w.get(200, "GET", path, "").text("name"); got != "Board 2026" {
		t.Errorf("name %q", got)
	}
	w.switches.ListNamesCaseSensitive = true
	w.call(201, "POST", "/v3/contact_lists", `{"name":"BOARD 2026"}`)

	w.must(w.AddContact(account, "a@example.org", "Board 2026"))
	act := w.get(202, "DELETE", path, "")
	w.call(200, "GET", path, "")
	w.now = w.now.Add(w.delay)
	w.call(404, "GET", path, "")
	wantStatus(t, w.get(200, "GET", act.text("_links", "self", "href"), ""), map[string]float64{"list_count": 1})
	if got := w.Contacts(account)[0].Lists; !slices.Equal(got, []string{"List 00"}) {
		t.Errorf("lists %v", got)
	}
	if got := w.get(200, "GET", "/v3/contact_lists?status=deleted", "").all("lists", "name"); !slices.Equal(got, []string{"Board 2026"}) {
		t.Errorf("deleted: %v", got)
	}
}

func TestListsAreLimited(t *testing.T) {
	w := newWorld(t, Switches{})
	for i := range maxLists {
		w.list(fmt.Sprint("List ", i))
	}
	w.call(400, "POST", "/v3/contact_lists", `{"name":"One more"}`)
}
