package ccsim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestImport(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	w.contact("old@example.org")
	w.contact("out@example.org")
	w.contact("gone@example.org")
	w.must(w.Unsubscribe(account, "out@example.org"))
	w.must(w.DeleteContact(account, "gone@example.org"))
	act := w.run(importPath, people(list,
		`{"email":"New@example.org","first_name":"Ann","birthday_month":2,"birthday_day":3,"phone":"555","street":"1 Main","street2":"Flat 2","zip":"60609","cf:unknown":"x"}`,
		person("old@example.org"), person("OLD@example.org "), person("out@example.org"), person("gone@example.org"), person("not an address"),
		`{"email":"b@example.org","birthday_month":13,"birthday_day":1}`,
	))
	wantStatus(t, act, map[string]float64{
		"items_total_count": 8, "person_count": 6, "error_count": 0, "correctable_count": 2, "cannot_add_to_list_count": 1,
	})
	if got := fmt.Sprint(act.at("activity_errors")); got != "[Line 7: not imported Line 8: not imported]" {
		t.Errorf("errors %s", got)
	}
	if got := w.ListAddresses(account, "Members"); !slices.Equal(got, []string{"gone@example.org", "new@example.org", "old@example.org"}) {
		t.Errorf("on the list: %v", got)
	}
	o := w.get(200, "GET", "/v3/contacts?email=new@example.org&include=phone_numbers,street_addresses", "")
	made := obj(o.at("contacts").([]any)[0].(map[string]any))
	if made.text("first_name") != "Ann" || made.at("birthday_month") != 2.0 || made.text("email_address", "permission_to_send") != implicit {
		t.Errorf("made %v", made)
	}
	if got := fmt.Sprint(parts(made["phone_numbers"]), parts(made["street_addresses"])); got != "[map[kind:other phone_number:555]] [map[kind:home postal_code:60609 street:1 Main Flat 2]]" {
		t.Errorf("sub-resources %s", got)
	}
	w.wantRules(RuleUnsubscribed, RuleDeleted)
}

// parts are resources without what the API adds to them.
func parts(resources any) []any {
	all, _ := resources.([]any)
	for _, r := range all {
		of := r.(map[string]any)
		for _, name := range []string{"phone_number_id", "street_address_id", "created_at", "updated_at", "create_source", "update_source"} {
			if of[name] == nil {
				continue
			}
			delete(of, name)
		}
	}
	return all
}

func TestImportOfAnEmptyText(t *testing.T) {
	for ignored, want := range map[bool]string{false: "", true: "Ann"} {
		w := newWorld(t, Switches{IgnoreEmptyImports: ignored})
		list := w.list("Members")
		w.run(importPath, people(list, `{"email":"a@example.org","first_name":"Ann","last_name":"Lee","phone":"555"}`))
		w.run(importPath, people(list, `{"email":"a@example.org","first_name":"","phone":""}`))
		p := w.accounts[account].byAddress["a@example.org"].profile
		if p.FirstName != want || p.LastName != "Lee" || (len(p.Phones) > 0) != ignored {
			t.Errorf("ignored %v: %+v", ignored, p)
		}
	}
}

func TestImportSwitches(t *testing.T) {
	long := strings.Repeat("x", 40) + "@example.org"
	tests := []struct {
		name     string
		switches Switches
		address  string
		counter  string // empty when imported
	}{
		{"long", Switches{}, long, ""},
		{"long refused", Switches{LongImportsCorrectable: true}, long, "correctable_count"},
		{"role", Switches{}, "info@example.org", ""},
		{"role correctable", Switches{RoleImports: RoleCorrectable}, "info@example.org", "correctable_count"},
		{"role error", Switches{RoleImports: RoleError}, "info@example.org", "error_count"},
		{"deleted", Switches{}, "gone@example.org", ""},
		{"deleted stays", Switches{DeletedStayDeleted: true}, "gone@example.org", "error_count"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.switches)
			list := w.list("Members")
			w.contact("gone@example.org")
			w.must(w.DeleteContact(account, "gone@example.org"))
			act := w.run(importPath, people(list, person(test.address)))
			if test.counter != "" {
				wantStatus(t, act, map[string]float64{test.counter: 1})
			}
			if got := len(w.ListAddresses(account, "Members")); (got == 1) != (test.counter == "") {
				t.Errorf("%d on the list", got)
			}
		})
	}
}

// An activity that was due before a switch was set had the old position.
func TestSwitchesAreNotSetInThePast(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	w.contact("gone@example.org")
	w.must(w.DeleteContact(account, "gone@example.org"))
	w.call(201, "POST", importPath, people(list, person("gone@example.org")))
	w.now = w.now.Add(w.delay)
	w.SetSwitches(Switches{DeletedStayDeleted: true})
	if got := w.Contacts(account)[0].State; got != "active" {
		t.Errorf("the contact is %s", got)
	}
}

func TestImportToAnUnknownList(t *testing.T) {
	w := newWorld(t, Switches{})
	w.call(400, "POST", importPath, people("none", person("a@example.org")))
	w.switches.UnknownListFailsActivity = true
	if got := w.run(importPath, people("none", person("a@example.org"))).text("state"); got != failed {
		t.Errorf("state %s", got)
	}
	if got := w.Contacts(account); len(got) != 0 {
		t.Errorf("made %v", got)
	}
}

// A body over 4 MB loses its last rows with a plain 201.
func TestImportIsCut(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	filler := strings.Repeat("x", 990)
	rows := make([]string, 4100)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"email":"p%04d@example.org","cf:filler":"%s"}`, i, filler)
	}
	act := w.run(importPath, people(list, rows...))
	want := bodyLimit / (len(rows[0]) + 1)
	wantStatus(t, act, map[string]float64{"person_count": float64(want), "error_count": 0})
	if got := len(w.ListAddresses(account, "Members")); got != want || got >= len(rows) {
		t.Errorf("%d on the list, want %d", got, want)
	}
	w.call(400, "POST", importPath, people(list, slices.Repeat([]string{"{}"}, maxRows+1)...))
}
