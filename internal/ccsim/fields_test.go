package ccsim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCustomFields(t *testing.T) {
	w := newWorld(t, Switches{})
	made := w.get(201, "POST", "/v3/contact_custom_fields", `{"label":"Customer ID","type":"string"}`)
	if made.text("name") != "customer_id" || made.text("label") != "Customer ID" {
		t.Errorf("made %v", made)
	}
	for status, bodies := range map[int][]string{
		409: {`{"label":"customer id","type":"string"}`},
		400: {`{"label":"","type":"string"}`, `{"label":"` + strings.Repeat("x", 51) + `","type":"string"}`, `{"label":"Other","type":"some"}`},
	} {
		for _, body := range bodies {
			w.call(status, "POST", "/v3/contact_custom_fields", body)
		}
	}
	for i := range maxFields - 1 {
		w.must(w.CreateField(account, fmt.Sprint("Field ", i)))
	}
	w.call(400, "POST", "/v3/contact_custom_fields", `{"label":"One more","type":"string"}`)
	o := w.get(200, "GET", "/v3/contact_custom_fields", "")
	if got := len(o.all("custom_fields", "name")); got != 50 {
		t.Errorf("a page of %d", got)
	}
	w.call(400, "GET", "/v3/contact_custom_fields?limit=101", "")
	if got := w.get(200, "GET", o.text("_links", "next", "href"), "").all("custom_fields", "name"); got[49] != "field_98" {
		t.Errorf("second page %v", got)
	}

	path := "/v3/contact_custom_fields/" + made.text("custom_field_id")
	w.call(200, "PUT", path, `{"label":"Client ID","type":"string"}`)
	if got := w.get(200, "GET", path, ""); got.text("label") != "Client ID" || got.text("name") != "customer_id" {
		t.Errorf("renamed %v", got)
	}
	w.switches.FieldLabelMovesName = true
	w.must(w.RelabelField(account, "Client ID", "Number"))
	if got := w.get(200, "GET", path, "").text("name"); got != "number" {
		t.Errorf("name %q", got)
	}
	w.call(204, "DELETE", path, "")
	w.call(404, "GET", path, "")
	w.call(404, "PUT", path, `{"label":"X","type":"string"}`)
	w.call(404, "DELETE", path, "")
}

func TestCustomFieldsOfContacts(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	var ids []string
	for i := range maxContactFields + 1 {
		w.must(w.CreateField(account, fmt.Sprint("Field ", i)))
		ids = append(ids, w.accounts[account].fields[i].id)
	}
	value := func(i int, text string) string { return `{"custom_field_id":"` + ids[i] + `","value":"` + text + `"}` }
	values := func(o obj) string { return fmt.Sprint(o.at("custom_fields")) }
	id := w.get(201, "POST", "/v3/contacts", `{"create_source":"Account","email_address":{"address":"a@example.org"},"custom_fields":[`+value(0, "Gold")+`]}`).text("contact_id")
	target := "/v3/contacts/" + id
	all := make([]string, maxContactFields+1)
	for i := range all {
		all[i] = value(i, "x")
	}
	for _, bad := range []string{`{"custom_field_id":"none","value":"x"}`, strings.Join(all, ","), value(0, strings.Repeat("x", 256))} {
		w.call(400, "PUT", target, `{"update_source":"Account","custom_fields":[`+bad+`]}`)
	}
	if got := values(w.get(200, "PUT", target, `{"update_source":"Account"}`)); got != "[map[custom_field_id:"+ids[0]+" value:Gold]]" {
		t.Errorf("left out in a PUT: %s", got)
	}
	w.call(200, "PUT", target, `{"update_source":"Account","custom_fields":[`+value(1, "Silver")+`]}`)
	w.run(importPath, people(list, `{"email":"a@example.org","cf:field_2":"Tin","cf:field_1":"Iron","cf:unknown":"x","cf:Field_3":"x"}`))
	want := "[map[custom_field_id:" + ids[1] + " value:Iron] map[custom_field_id:" + ids[2] + " value:Tin]]"
	if got := values(w.get(200, "GET", target+"?include=custom_fields", "")); got != want {
		t.Errorf("after an import: %s", got)
	}
	wantStatus(t, w.run(importPath, people(list, `{"email":"b@example.org","cf:field_2":"`+strings.Repeat("x", 256)+`"}`)), map[string]float64{"correctable_count": 1})
	w.call(204, "DELETE", "/v3/contact_custom_fields/"+ids[1], "")
	if got := values(w.get(200, "GET", target+"?include=custom_fields", "")); strings.Contains(got, "Iron") || !strings.Contains(got, "Tin") {
		t.Errorf("after a field is gone: %s", got)
	}
	w.run(importPath, people(list, `{"email":"a@example.org","cf:field_2":""}`))
	if got := values(w.get(200, "GET", target+"?include=custom_fields", "")); got != "[]" {
		t.Errorf("after an empty value: %s", got)
	}
}

// What the office wrote, and what the API adds, stays over a PUT that leaves it
// out.
func TestSubResourcesAreKept(t *testing.T) {
	w := newWorld(t, Switches{})
	id := w.contact("a@example.org")
	w.order(204, "accounts/"+account+"/contacts/a@example.org/note", `{"text":"Prefers letters"}`)
	put := func(status int, more string) {
		t.Helper()
		w.call(status, "PUT", "/v3/contacts/"+id, `{"update_source":"Account"`+more+`}`)
	}
	for _, bad := range []string{
		`,"phone_numbers":[{"phone_number":"1"}]`, `,"phone_numbers":[{"kind":"home"}]`, `,"phone_numbers":[{"kind":"home","phone_number":"` + strings.Repeat("1", 26) + `"}]`,
		`,"street_addresses":[{"kind":"mobile"}]`, `,"street_addresses":[{"kind":"home","city":"` + strings.Repeat("x", 51) + `"}]`,
		`,"taggings":["none"]`, `,"anniversary":"tomorrow"`,
	} {
		put(400, bad)
	}
	put(200, `,"phone_numbers":[{"kind":"work","phone_number":"555","extra":"x"}],"anniversary":"11/24/2006"`)
	before := w.get(200, "GET", "/v3/contacts/"+id+"?include=notes,phone_numbers", "")
	put(200, "")
	after := w.get(200, "GET", "/v3/contacts/"+id+"?include=notes,phone_numbers", "")
	for _, name := range []string{"notes", "phone_numbers"} {
		if got, want := fmt.Sprint(after[name]), fmt.Sprint(before[name]); got != want || got == "[]" {
			t.Errorf("%s are %s, were %s", name, got, want)
		}
	}
	shown := w.see("accounts/" + account + "/contacts/a@example.org")
	if !strings.Contains(shown, "Prefers letters") || strings.Contains(shown, "extra") {
		t.Errorf("shown %s", shown)
	}
	w.order(400, "accounts/"+account+"/contacts/none@example.org/note", `{"text":"x"}`)
}

func TestConfirmedOptIn(t *testing.T) {
	for pends, want := range map[bool]string{false: implicit, true: pending} {
		w := newWorld(t, Switches{ConfirmedOptInPendsPosts: pends})
		list := w.list("Members")
		w.order(204, "accounts/"+account+"/confirmed_opt_in", `{"on":true}`)
		o := w.get(201, "POST", "/v3/contacts", `{"create_source":"Account","email_address":{"address":"a@example.org","permission_to_send":"implicit"}}`)
		if got := o.text("email_address", "permission_to_send"); got != want {
			t.Errorf("pends %v: a POST makes %s", pends, got)
		}
		w.call(201, "POST", "/v3/contacts/sign_up_form", `{"email_address":"b@example.org","list_memberships":["`+list+`"]}`)
		b := w.accounts[account].byAddress["b@example.org"]
		if o := w.get(200, "GET", "/v3/contacts/"+b.id, ""); o.text("email_address", "permission_to_send") != pending || o.text("email_address", "confirm_status") != "pending" {
			t.Errorf("a form makes %v", o)
		}
		w.run(importPath, people(list, person("c@example.org")))
		w.must(w.Resubscribe(account, "b@example.org"))
		if got := w.Contacts(account); got[2].State != "active" || got[1].State != "active" {
			t.Errorf("contacts %+v", got)
		}
	}
}

func TestConflictForms(t *testing.T) {
	for form, want := range map[ConflictForm]string{
		ConflictFull: "Validation failed: Email already exists for contact ID", ConflictBare: "Email already exists for contact ID",
		ConflictWithoutID: "Validation failed: EmailAddress is not unique",
	} {
		w := newWorld(t, Switches{ConflictForm: form})
		id := w.contact("a@example.org")
		got := w.call(409, "POST", "/v3/contacts", `{"create_source":"Account","email_address":{"address":"a@example.org"}}`)
		if !strings.Contains(got, `"`+strings.Replace(want, "ID", id, 1)+`"`) {
			t.Errorf("%q: %s", form, got)
		}
	}
}

func TestPutOfABareAddress(t *testing.T) {
	for resets, want := range map[bool]string{false: implicit, true: notSet} {
		w := newWorld(t, Switches{PutWithoutPermissionResets: resets})
		id := w.contact("a@example.org")
		w.call(200, "PUT", "/v3/contacts/"+id, `{"update_source":"Account","email_address":{"address":"b@example.org"}}`)
		if got := w.accounts[account].byAddress["b@example.org"].permission; got != want {
			t.Errorf("resets %v: %s", resets, got)
		}
	}
}

func TestExportOfEverything(t *testing.T) {
	w := newWorld(t, Switches{})
	w.list("Members")
	w.must(w.CreateField(account, "Member Level"))
	for _, address := range []string{"a@example.org", "b@example.org", "c@example.org"} {
		w.contact(address, "Members")
	}
	w.must(w.EditFields(account, "a@example.org", map[string]any{"work_phone": "555", "work_city": "Chicago", "cf:member_level": "Gold, and more", "birthday_month": 2.0, "birthday_day": 3.0}))
	w.must(w.Unsubscribe(account, "b@example.org"))
	file := func(body string) []string {
		t.Helper()
		act := w.run("/v3/activities/contact_exports", body)
		return strings.Split(strings.TrimSpace(w.call(200, "GET", act.text("_links", "results", "href"), "")), "\n")
	}
	whole := file(`{}`)
	for _, header := range []string{"Phone - work", "City - Work", "Member Level", "Confirmed Opt-Out Date", "Email Lists", "Email permission status", "Birthday"} {
		if !slices.Contains(strings.Split(whole[0], ","), header) {
			t.Errorf("no column %s in %s", header, whole[0])
		}
	}
	if !strings.Contains(whole[1], "555") || !strings.Contains(whole[1], "2/3") || !strings.HasSuffix(whole[1], `,"Gold, and more"`) || !strings.Contains(whole[2], "unsubscribed") {
		t.Errorf("rows %q", whole[1:])
	}
	other := w.accounts[account].byAddress["c@example.org"].id
	if got := file(`{"exclude":{"contact_ids":["` + other + `"]},"fields":["email_address","birthday_day","street_1"]}`); len(got) != 3 || !strings.Contains(got[0], "Street address line 1 - Home") {
		t.Errorf("without one %q", got)
	}
	w.switches.ExportHeadersAreFields = true
	if got := file(`{"fields":["email_address","email_permission","email_optout_date"]}`); got[0] != "email_address,email_permission,email_optout_date" {
		t.Errorf("headers %s", got[0])
	}
	w.call(400, "POST", "/v3/activities/contact_exports", `{"fields":["shoe_size"]}`)
	w.call(400, "POST", "/v3/activities/contact_exports", `{"fields":["email_optout_date"]}`)
	w.call(400, "POST", "/v3/activities/contact_exports", `{"contact_ids":["`+other+`"],"exclude":{"contact_ids":["`+other+`"]}}`)
}
