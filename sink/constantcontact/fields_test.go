package constantcontact_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/ccsim"
	"rollcall/sink/constantcontact"
)

// The name is read, whatever the server makes of a label.
func TestCustomFieldsOfTheClient(t *testing.T) {
	o := newOffice(t, ccsim.Switches{FieldLabelMovesName: true})
	made, err := o.cc.CreateCustomField(t.Context(), "Member Level")
	if err != nil || made.Name != "member_level" || made.Label != "Member Level" || made.Type != "string" {
		t.Errorf("made %+v: %v", made, err)
	}
	if _, err := o.cc.CreateCustomField(t.Context(), "member level"); constantcontact.Classify(err) != constantcontact.Conflict {
		t.Errorf("a second time: %v", err)
	}
	if _, err := o.cc.CreateCustomField(t.Context(), strings.Repeat("x", 51)); constantcontact.Classify(err) != constantcontact.Reject {
		t.Errorf("a long label: %v", err)
	}
	for i := range constantcontact.MaxCustomFields - 1 {
		o.must(o.sim.CreateField(account, fmt.Sprint("Field ", i)))
	}
	if _, err := o.cc.CreateCustomField(t.Context(), "One more"); constantcontact.Classify(err) != constantcontact.Reject {
		t.Errorf("more than there may be: %v", err)
	}
	o.must(o.sim.RelabelField(account, "Member Level", "Grade"))
	all, err := o.cc.CustomFields(t.Context())
	if err != nil || len(all) != constantcontact.MaxCustomFields || all[0].ID != made.ID || all[0].Name != "grade" {
		t.Errorf("%d fields, the first %+v: %v", len(all), all[0], err)
	}
}

func TestImportRowWithEverything(t *testing.T) {
	row := constantcontact.ImportRow{
		Email: "a@example.org", Phone: "555", Street: "1 Main", City: "C", State: "S", Zip: "1", Country: "US",
		Custom: map[string]string{"z": "A & <B>", "b": "2", "none": ""},
	}
	raw, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"email":"a@example.org","work_phone":"555","work_street":"1 Main","work_city":"C","work_state":"S","work_zip":"1","work_country":"US","cf:b":"2","cf:z":"A & <B>"}`
	if size := constantcontact.EncodedRowSize(row); size != len(want) {
		t.Errorf("measured %d bytes, want %d", size, len(want))
	}
	var got, expected map[string]string
	if json.Unmarshal(raw, &got) != nil || json.Unmarshal([]byte(want), &expected) != nil || fmt.Sprint(got) != fmt.Sprint(expected) {
		t.Errorf("row %s", raw)
	}
	many := map[string]string{}
	for i := range constantcontact.MaxContactFields + 1 {
		many[fmt.Sprint("f", i)] = "x"
	}
	for want, bad := range map[string]constantcontact.ImportRow{
		"import contacts: work_phone is 51, over the limit of 50":     {Email: "a@example.org", Phone: strings.Repeat("1", 51)},
		"import contacts: work_street is 256, over the limit of 255":  {Email: "a@example.org", Street: strings.Repeat("1", 256)},
		"import contacts: work_zip is 51, over the limit of 50":       {Email: "a@example.org", Zip: strings.Repeat("1", 51)},
		"import contacts: custom fields is 26, over the limit of 25":  {Email: "a@example.org", Custom: many},
		"import contacts: custom field is 256, over the limit of 255": {Email: "a@example.org", Custom: map[string]string{"a": strings.Repeat("1", 256)}},
		"import contacts: name of a custom field is empty":            {Email: "a@example.org", Custom: map[string]string{"": "x"}},
	} {
		if err := bad.Check(); err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}

// What a user may not do is asked at connecting, and told apart from nothing.
func TestPrivileges(t *testing.T) {
	o := newOffice(t, ccsim.Switches{})
	missing := func() []string {
		t.Helper()
		have, err := o.cc.Privileges(t.Context())
		o.must(err)
		return constantcontact.MissingPrivileges(have)
	}
	if got := missing(); len(got) != 0 {
		t.Errorf("owner lacks %v", got)
	}
	o.must(o.sim.SetPrivileges(account, "contacts:read", "contacts:lists:read"))
	if got := missing(); !slices.Equal(got, []string{"contacts:write", "contacts:lists:write"}) {
		t.Errorf("reader lacks %v", got)
	}
	if err := o.cc.Activities(t.Context(), nil); constantcontact.Classify(err) != constantcontact.Reconnect {
		t.Errorf("reading activities: %v", err)
	}
	o.must(o.sim.SetRole(account, "Campaign Creator"))
	if got := missing(); len(got) != 4 {
		t.Errorf("creator lacks %v", got)
	}
	if _, err := o.cc.Counts(t.Context()); constantcontact.Classify(err) != constantcontact.Reconnect {
		t.Errorf("counting contacts: %v", err)
	}
}

// A full queue is not the limit of a second, and not that of a day.
func TestFullQueue(t *testing.T) {
	o := newOffice(t, ccsim.Switches{})
	list := o.list("Members")
	o.sim.Hold(true)
	send := func() error {
		_, err := o.cc.ImportContacts(t.Context(), []constantcontact.ImportRow{{Email: "a@example.org"}}, []string{list})
		return err
	}
	for range 1000 {
		o.must(send())
	}
	err := send()
	limited, is := errors.AsType[*constantcontact.RateLimitError](err)
	if !is || !limited.Queue || limited.Daily || constantcontact.Classify(err) != constantcontact.Throttle || constantcontact.MayHaveApplied(err) {
		t.Errorf("error %v", err)
	}
	if n := o.sim.Counts()["POST /v3/activities/contacts_json_import"]; n != 1001 {
		t.Errorf("sent %d times", n)
	}
	o.sim.Hold(false)
	o.sim.Advance(time.Minute)
	o.must(send())
}

// A page that lacks a row, or has one again, is read as it is: only what is there
// is evidence.
func TestPagesThatChange(t *testing.T) {
	for kind, want := range map[ccsim.FaultKind]int{ccsim.FaultPageSkips: 599, ccsim.FaultPageRepeats: 601} {
		o := newOffice(t, ccsim.Switches{})
		for i := range 600 {
			o.must(o.sim.AddContact(account, fmt.Sprintf("p%d@example.org", i)))
		}
		o.must(o.sim.Fault(ccsim.Fault{Kind: kind}))
		n := 0
		err := o.cc.Contacts(t.Context(), constantcontact.ContactQuery{}, func(page []constantcontact.Contact) error { n += len(page); return nil })
		if err != nil || n != want {
			t.Errorf("%s: %d contacts, want %d: %v", kind, n, want, err)
		}
	}
}

// Later pages without lists are no answer at all.
func TestPagesWithoutWhatWasAskedFor(t *testing.T) {
	o := newOffice(t, ccsim.Switches{CursorDropsInclude: true})
	for i := range 501 {
		o.must(o.sim.AddContact(account, fmt.Sprintf("p%d@example.org", i)))
	}
	err := o.cc.Contacts(t.Context(), constantcontact.ContactQuery{}, func([]constantcontact.Contact) error { return nil })
	if !errors.Is(err, constantcontact.ErrIncomplete) {
		t.Errorf("error %v", err)
	}
}

// Whoever connects with a token that has ended, or an account that was taken
// away, is told to connect again.
func TestRevokedGrant(t *testing.T) {
	o := newOffice(t, ccsim.Switches{})
	o.must(o.sim.Fault(ccsim.Fault{Kind: ccsim.FaultUnauthorized}))
	_, err := o.cc.Counts(t.Context())
	o.must(err) // a second token is asked for
	o.must(o.sim.Fault(ccsim.Fault{Kind: ccsim.FaultRevoked}))
	if _, err := o.cc.Counts(t.Context()); constantcontact.Classify(err) != constantcontact.Reconnect {
		t.Errorf("error %v", err)
	}
	if n := len(o.sim.Requests()); n != 4 {
		t.Errorf("%d requests", n)
	}
}
