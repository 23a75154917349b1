package ccsim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestContactsPage(t *testing.T) {
	w := newWorld(t, Switches{})
	w.list("Members")
	for i := range 7 {
		w.contact(fmt.Sprintf("p%d@example.org", i), "Members")
	}
	w.contact("other@example.org")
	members := w.accounts[account].list("Members").id
	target := "/v3/contacts?limit=3&status=active&include=list_memberships&include_count=true&lists=" + members
	var seen int
	for pages := 1; target != ""; pages++ {
		o := w.get(200, "GET", target, "")
		if o.at("contacts_count") != 7.0 {
			t.Fatalf("page %d counts %v", pages, o.at("contacts_count"))
		}
		for _, row := range o.at("contacts").([]any) {
			if got := fmt.Sprint(row.(map[string]any)["list_memberships"]); got != "["+members+"]" {
				t.Errorf("page %d has memberships %s", pages, got)
			}
			seen++
		}
		target = o.text("_links", "next", "href")
		if target != "" && !strings.HasPrefix(target, "/v3/contacts?cursor=") {
			t.Fatalf("link %q", target)
		}
	}
	if seen != 7 {
		t.Errorf("saw %d contacts", seen)
	}
}

func TestCursorMayDropInclude(t *testing.T) {
	w := newWorld(t, Switches{CursorDropsInclude: true})
	w.contact("a@example.org")
	w.contact("b@example.org")
	o := w.get(200, "GET", "/v3/contacts?limit=1&include=list_memberships", "")
	if got := w.call(200, "GET", o.text("_links", "next", "href"), ""); strings.Contains(got, "list_memberships") {
		t.Errorf("got %s", got)
	}
}

func TestContactsFilter(t *testing.T) {
	w := newWorld(t, Switches{})
	for _, name := range []string{"active", "gone", "out"} {
		w.contact(name + "@example.org")
	}
	w.contact("plus+tag@example.org")
	w.now = w.now.Add(time.Hour)
	w.must(w.DeleteContact(account, "gone@example.org"))
	w.must(w.Unsubscribe(account, "out@example.org"))
	since := w.now.Add(-time.Minute).Format(time.RFC3339)
	for query, want := range map[string]int{
		"":                                       3,
		"status=all":                             4,
		"status=active":                          2,
		"status=deleted,unsubscribed":            2,
		"status=all&updated_after=" + since:      0, // an unsubscribe is not an update
		"optout_after=" + since:                  1,
		"optout_before=" + since:                 0,
		"created_before=" + since:                3,
		"email=PLUS%2Btag@example.org":           1,
		"email=gone@example.org&status=all":      1,
		"email=gone@example.org":                 0,
		"email=nobody@example.org&status=all":    0,
		"lists=06526938-56dd-11e9-932a-00000000": 0,
		"tags=06526938-56dd-11e9-932a-00000000":  0,
		"sms_status=explicit":                    0,
		"sms_status=not_set,explicit":            3,
	} {
		o := w.get(200, "GET", "/v3/contacts?"+query, "")
		if got := len(o.at("contacts").([]any)); got != want {
			t.Errorf("%q: %d contacts, want %d", query, got, want)
		}
	}
	for _, query := range []string{
		"status=some", "limit=501", "limit=0", "include=all", "updated_after=today", "cursor=%", "cursor=bmV4dD0tMQ==", "lists=" + strings.Repeat("a,", 25),
		"tags=" + strings.Repeat("a,", 50), "sms_status=some",
	} {
		w.call(400, "GET", "/v3/contacts?"+query, "")
	}
	w.call(404, "GET", "/v3/contacts?segment_id=1", "")
	if w.switches.DefaultStatusIsActive = true; len(w.get(200, "GET", "/v3/contacts", "").at("contacts").([]any)) != 2 {
		t.Error("the default is not only active contacts")
	}
}

func TestSubResourcesAreGated(t *testing.T) {
	w := newWorld(t, Switches{})
	id := w.contact("a@example.org")
	plain := w.get(200, "GET", "/v3/contacts/"+id, "")
	full := w.get(200, "GET", "/v3/contacts/"+id+"?include="+strings.Join(includes, ","), "")
	for _, name := range includes {
		if _, present := plain[name]; present {
			t.Errorf("%s came unasked", name)
		}
		if got := fmt.Sprint(full[name]); got != "[]" {
			t.Errorf("%s is %s", name, got)
		}
	}
	if _, present := plain["first_name"]; present {
		t.Error("an unset scalar is present")
	}
	w.switches.UnsetScalarsAreNull = true
	if v, present := w.get(200, "GET", "/v3/contacts/"+id, "")["first_name"]; !present || v != nil {
		t.Errorf("first_name is %v", v)
	}
}

func TestContactByID(t *testing.T) {
	w := newWorld(t, Switches{})
	id := w.contact("a@example.org")
	if got := w.call(404, "GET", "/v3/contacts/nonsense", ""); got != `[{"error_key":"contacts.api.not_found","error_message":"contact_id is in an invalid format."}]` {
		t.Errorf("got %s", got)
	}
	w.must(w.DeleteContact(account, "a@example.org"))
	if got := w.get(200, "GET", "/v3/contacts/"+id, "").text("deleted_at"); got != "2026-05-04" {
		t.Errorf("deleted_at %q", got)
	}
	w.switches.DeletedContactByIDIs404 = true
	w.call(404, "GET", "/v3/contacts/"+id, "")
}

func TestPostContact(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	body := `{"email_address":{"address":" New@Example.org","permission_to_send":"explicit"},"first_name":"Ann","create_source":"Account","list_memberships":["` + list +
		`"],"phone_numbers":[{"phone_number":"555","kind":"home"}]}`
	o := w.get(201, "POST", "/v3/contacts", body)
	if o.text("email_address", "address") != "new@example.org" || o.text("email_address", "permission_to_send") != explicit || o.text("first_name") != "Ann" {
		t.Errorf("got %v", o)
	}
	if got := w.ListAddresses(account, "Members"); !slices.Equal(got, []string{"new@example.org"}) {
		t.Errorf("on the list: %v", got)
	}
	conflict := `[{"error_key":"contacts.api.conflict","error_message":"Validation failed: Email already exists for contact ` + o.text("contact_id") + `"}]`
	w.must(w.Unsubscribe(account, "new@example.org"))
	w.must(w.DeleteContact(account, "new@example.org"))
	if got := w.call(409, "POST", "/v3/contacts", body); got != conflict {
		t.Errorf("got %s, want %s", got, conflict)
	}
	for _, bad := range []string{
		`{"email_address":{"address":"x@example.org"}}`,
		`{"create_source":"Account"}`,
		`{"create_source":"Account","email_address":{"address":"x"}}`,
		`{"create_source":"Account","email_address":{"address":"` + strings.Repeat("x", 70) + `@example.org"}}`,
		`{"create_source":"Account","first_name":"` + strings.Repeat("é", 51) + `"}`,
		`{"create_source":"Account","first_name":"Ann","birthday_day":1}`,
		`{"create_source":"Account","first_name":"Ann","list_memberships":["none"]}`,
		`{"create_source":"Account","first_name":"Ann","custom_fields":[{"custom_field_id":"none","value":"x"}]}`,
		`{"create_source":"Account","first_name":"Ann","email_address":{"address":"x@example.org","permission_to_send":"yes"}}`,
	} {
		w.call(400, "POST", "/v3/contacts", bad)
	}
	w.call(201, "POST", "/v3/contacts", `{"create_source":"Account","first_name":"Telephone"}`)
	w.wantRules()
}

func TestPutReplaces(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	w.list("By hand")
	id := w.contact("a@example.org", "By hand")
	w.contact("taken@example.org")
	put := func(status int, body string) obj {
		t.Helper()
		if status != http.StatusOK {
			w.call(status, "PUT", "/v3/contacts/"+id, body)
			return nil
		}
		return w.get(status, "PUT", "/v3/contacts/"+id, body)
	}
	put(200, `{"update_source":"Account","first_name":"Ann","last_name":"Lee","phone_numbers":[{"phone_number":"1","kind":"home"}]}`)
	o := put(200, `{"update_source":"Account","last_name":"Lee"}`)
	if o.text("first_name") != "" || o.text("last_name") != "Lee" {
		t.Errorf("core properties %v", o)
	}
	if len(o.at("phone_numbers").([]any)) != 1 {
		t.Error("a sub-resource that was left out is gone")
	}
	if got := o.text("email_address", "address"); got != "a@example.org" {
		t.Errorf("address %q", got)
	}
	put(400, `{"last_name":"Lee"}`)
	put(409, `{"update_source":"Account","email_address":{"address":"taken@example.org"}}`)
	put(200, `{"update_source":"Account","email_address":{"address":"b@example.org"},"phone_numbers":[]}`)
	w.wantRules()
	put(200, `{"update_source":"Account","list_memberships":["`+list+`"]}`)
	if got := w.Contacts(account)[0]; got.Address != "b@example.org" || !slices.Equal(got.Lists, []string{"Members"}) {
		t.Errorf("got %+v", got)
	}
	w.must(w.DeleteContact(account, "b@example.org"))
	put(200, `{"update_source":"Account"}`)
	if got := w.Contacts(account)[0].State; got != "active" {
		t.Errorf("a PUT left a deleted contact %s", got)
	}
	o = put(200, `{"update_source":"Account","email_address":{"address":"b@example.org","permission_to_send":"unsubscribed","opt_out_reason":"moved"}}`)
	if o.text("email_address", "opt_out_source") != "Account" || o.text("email_address", "opt_out_reason") != "moved" {
		t.Errorf("opt-out %v", o)
	}
	put(400, `{"update_source":"Account","list_memberships":["`+list+`"]}`)
	w.switches.PutIgnoresUnsubscribed = true
	put(200, `{"update_source":"Account","list_memberships":["`+list+`"]}`)
	if got := w.Contacts(account)[0]; got.State != unsubscribed || len(got.Lists) != 0 {
		t.Errorf("got %+v", got)
	}
	w.switches.PutWithoutEmailDrops = true
	if o := put(200, `{"update_source":"Account"}`); o.at("email_address") != nil {
		t.Errorf("the address is kept: %v", o)
	}
	w.wantRules(RulePutLists, RulePermission, RulePutLists, RulePutLists)
}

func TestDeleteAndSignUp(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	id := w.contact("a@example.org", "Members")
	w.call(204, "DELETE", "/v3/contacts/"+id, "")
	w.call(404, "DELETE", "/v3/contacts/"+id, "")
	if got := w.ListAddresses(account, "Members"); len(got) != 0 {
		t.Errorf("on the list: %v", got)
	}
	form := func(address string) string {
		return `{"email_address":"` + address + `","list_memberships":["` + list + `"]}`
	}
	o := w.get(200, "POST", "/v3/contacts/sign_up_form", form("a@example.org"))
	if o.text("contact_id") != id || o.text("action") != "updated" {
		t.Errorf("got %v", o)
	}
	if o := w.get(201, "POST", "/v3/contacts/sign_up_form", form("b@example.org")); o.text("action") != "created" {
		t.Errorf("got %v", o)
	}
	w.call(400, "POST", "/v3/contacts/sign_up_form", `{"email_address":"b@example.org"}`)
	if got := w.ListAddresses(account, "Members"); len(got) != 2 {
		t.Errorf("on the list: %v", got)
	}
	w.wantRules(RuleDelete, RuleSignUpForm, RuleSignUpForm, RuleSignUpForm)
}

// An unsubscribe moves the address's time and not the contact's.
func TestUnsubscribe(t *testing.T) {
	for kept, want := range map[bool]int{false: 0, true: 1} {
		w := newWorld(t, Switches{UnsubscribedKeepLists: kept})
		w.list("Members")
		id := w.contact("a@example.org", "Members")
		w.now = w.now.Add(time.Hour)
		later := w.now.Format(time.RFC3339)
		w.must(w.Unsubscribe(account, "A@example.org"))
		o := w.get(200, "GET", "/v3/contacts/"+id+"?include=list_memberships", "")
		if o.text("updated_at") != start.Format(time.RFC3339) || o.text("email_address", "updated_at") != later || o.text("email_address", "opt_out_date") != later {
			t.Errorf("times %v", o)
		}
		if got := len(o.at("list_memberships").([]any)); got != want {
			t.Errorf("kept %v: on %d lists", kept, got)
		}
		o = w.get(200, "GET", "/v3/contacts/counts", "")
		if o.at("total") != 1.0 || o.at("unsubscribed") != 1.0 {
			t.Errorf("counts %v", o)
		}
	}
}
