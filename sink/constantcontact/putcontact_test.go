package constantcontact_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"rollcall/internal/ccsim"
	"rollcall/sink/constantcontact"
)

// filled is a contact with something in every place.
func filled(o *office) string {
	o.t.Helper()
	o.list("By hand")
	id := o.contact("a@example.org", "By hand")
	o.must(o.sim.CreateField(account, "Level"))
	o.must(o.sim.CreateField(account, "Shoe size"))
	o.must(o.sim.EditFields(account, "a@example.org", map[string]any{
		"first_name": "Ann", "last_name": "Lee", "job_title": "Chair", "company_name": "Acme", "anniversary": "2006-11-15",
		"birthday_month": 2.0, "birthday_day": 3.0, "home_phone": "1", "work_phone": "2", "home_city": "Here", "work_city": "There",
		"cf:level": "Gold", "cf:shoe_size": "39",
	}))
	o.must(o.sim.AddNote(account, "a@example.org", "Prefers letters"))
	return id
}

// without is what the API shows of a contact, but for times and ids that a PUT
// makes anew, as one text.
func without(body map[string]any, names ...string) string {
	text := fmt.Sprint(body["list_memberships"], body["notes"])
	for _, name := range []string{
		"first_name", "last_name", "job_title", "company_name", "anniversary", "birthday_month", "birthday_day", "phone_numbers", "street_addresses", "custom_fields",
	} {
		changed := false
		for _, other := range names {
			changed = changed || other == name
		}
		if !changed {
			text += fmt.Sprintf(" %s=%v", name, body[name])
		}
	}
	return text
}

// What is not changed stays, whatever is changed.
func TestPutContactKeepsTheRest(t *testing.T) {
	for name, test := range map[string]struct {
		change constantcontact.ContactChange
		part   string
		want   string
	}{
		"first name":   {constantcontact.ContactChange{FirstName: ptr("Zoë")}, "first_name", "Zoë"},
		"cleared name": {constantcontact.ContactChange{LastName: ptr("")}, "last_name", "<nil>"},
		"nothing":      {constantcontact.ContactChange{}, "company_name", "Acme"},
		"phone":        {constantcontact.ContactChange{Phone: ptr("3")}, "phone_numbers", "kind:home phone_number:1 kind:work phone_number:3"},
		"no phone":     {constantcontact.ContactChange{Phone: ptr("")}, "phone_numbers", "kind:home phone_number:1"},
		"address":      {constantcontact.ContactChange{Street: &constantcontact.Street{Kind: "home", City: "New"}}, "street_addresses", "city:Here kind:home city:New kind:work"},
		"no address":   {constantcontact.ContactChange{Street: &constantcontact.Street{}}, "street_addresses", "city:Here kind:home"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, ccsim.Switches{})
			id := filled(o)
			before := without(o.shown("a@example.org"), test.part)
			got, err := o.cc.PutContact(t.Context(), id, test.change)
			if err != nil || got.ID != id || got.State != constantcontact.StateActive || got.Address != "a@example.org" {
				t.Fatalf("got %+v: %v", got, err)
			}
			body := o.shown("a@example.org")
			if after := without(body, test.part); after != before {
				t.Errorf("the rest was %s\nand is %s", before, after)
			}
			shown := fmt.Sprint(body[test.part])
			for _, word := range strings.Fields(test.want) {
				if !strings.Contains(shown, word) {
					t.Errorf("%s is %s, want %s", test.part, shown, test.want)
				}
			}
			o.clean()
		})
	}
}

func TestPutContactOfCustomFields(t *testing.T) {
	o := newOffice(t, ccsim.Switches{})
	id := filled(o)
	fields, err := o.cc.CustomFields(t.Context())
	o.must(err)
	values := func() map[string]string {
		t.Helper()
		full, err := o.cc.FullContactByID(t.Context(), id)
		o.must(err)
		found := map[string]string{}
		for _, v := range full.Custom {
			found[v.FieldID] = v.Value
		}
		return found
	}
	change := constantcontact.ContactChange{Custom: []constantcontact.CustomValue{{FieldID: fields[0].ID, Value: "Tin"}, {FieldID: fields[1].ID}}}
	_, err = o.cc.PutContact(t.Context(), id, change)
	o.must(err)
	if got := values(); len(got) != 1 || got[fields[0].ID] != "Tin" {
		t.Errorf("values %v", got)
	}
	change.Custom[0].FieldID = "00000000-0000-0000-0000-000000000000"
	_, err = o.cc.PutContact(t.Context(), id, change)
	if constantcontact.Classify(err) != constantcontact.Reject || constantcontact.MayHaveApplied(err) {
		t.Errorf("an unknown field: %v", err)
	}
}

// The permission is sent back as it was read, so that nothing depends on what
// the API makes of an address without one.
func TestPutContactEchoesThePermission(t *testing.T) {
	for _, switches := range []ccsim.Switches{{}, {PutWithoutPermissionResets: true}, {PutWithoutEmailDrops: true}, {UnsetScalarsAreNull: true}} {
		for _, permission := range []string{"implicit", "explicit", "not_set"} {
			o := newOffice(t, switches)
			id := o.contact("a@example.org")
			o.must(o.sim.SetPermission(account, "a@example.org", permission))
			_, err := o.cc.PutContact(t.Context(), id, constantcontact.ContactChange{FirstName: ptr("Ann")})
			o.must(err)
			if got := o.permission("a@example.org"); got != permission {
				t.Errorf("%+v: %s became %s", switches, permission, got)
			}
			o.clean()
		}
	}
}

// A permission that forbids mail is not sent at all. Where a PUT without an
// address takes it away, that is found.
func TestPutContactOfPeopleWhoMayNotBeMailed(t *testing.T) {
	for _, state := range []constantcontact.ContactState{constantcontact.StateUnsubscribed, constantcontact.StateTempHold, constantcontact.StatePending} {
		for drops, want := range map[bool]error{false: nil, true: constantcontact.ErrAddressLost} {
			o := newOffice(t, ccsim.Switches{PutWithoutEmailDrops: drops})
			id := o.contact("a@example.org")
			if state == constantcontact.StateUnsubscribed {
				o.must(o.sim.Unsubscribe(account, "a@example.org"))
			} else {
				o.must(o.sim.SetPermission(account, "a@example.org", string(state)))
			}
			_, err := o.cc.PutContact(t.Context(), id, constantcontact.ContactChange{Address: ptr("b@example.org")})
			if refused, is := errors.AsType[*constantcontact.StateError](err); !is || refused.State != state || constantcontact.Classify(err) != constantcontact.Reject {
				t.Errorf("%s: moved: %v", state, err)
			}
			got, err := o.cc.PutContact(t.Context(), id, constantcontact.ContactChange{FirstName: ptr("Ann")})
			if !errors.Is(err, want) || want == nil && got.State != state {
				t.Errorf("%s, drops %v: got %+v: %v", state, drops, got, err)
			}
			if err != nil && strings.Contains(err.Error(), "@") {
				t.Errorf("error %v", err)
			}
			o.clean()
		}
	}
}

func TestMoveToAnotherAddress(t *testing.T) {
	o := newOffice(t, ccsim.Switches{})
	id := filled(o)
	o.contact("taken@example.org")
	o.contact("gone@example.org")
	o.must(o.sim.DeleteContact(account, "gone@example.org"))
	for _, taken := range []string{"taken@example.org", "gone@example.org"} {
		_, err := o.cc.PutContact(t.Context(), id, constantcontact.ContactChange{Address: &taken})
		if constantcontact.Classify(err) != constantcontact.Conflict || strings.Contains(err.Error(), "@") {
			t.Errorf("moved to an address that is taken: %v", err)
		}
	}
	before := without(o.shown("a@example.org"))
	got, err := o.cc.PutContact(t.Context(), id, constantcontact.ContactChange{Address: ptr(" B@Example.org ")})
	if err != nil || got.ID != id || got.Address != "b@example.org" {
		t.Fatalf("moved: %+v: %v", got, err)
	}
	if after := without(o.shown("b@example.org")); after != before {
		t.Errorf("was %s\nis  %s", before, after)
	}
	if o.permission("b@example.org") != "implicit" {
		t.Errorf("permission %s", o.permission("b@example.org"))
	}
	o.clean()
}

func TestPutContactLimits(t *testing.T) {
	o := newOffice(t, ccsim.Switches{})
	id := o.contact("a@example.org")
	o.must(o.sim.EditFields(account, "a@example.org", map[string]any{"home_phone": "1", "mobile_phone": "2", "other_phone": "3"}))
	long := strings.Repeat("é", constantcontact.MaxField+1)
	for want, change := range map[string]constantcontact.ContactChange{
		"change contact: email is empty":                             {Address: ptr("")},
		"change contact: email is 81, over the limit of 80":          {Address: ptr(strings.Repeat("a", 69) + "@example.org")},
		"change contact: first_name is 51, over the limit of 50":     {FirstName: &long},
		"change contact: phone_number is 51, over the limit of 25":   {Phone: &long},
		"change contact: city is 51, over the limit of 50":           {Street: &constantcontact.Street{City: long}},
		"change contact: custom_field_id is empty":                   {Custom: []constantcontact.CustomValue{{Value: "x"}}},
		"change contact: custom field is 256, over the limit of 255": {Custom: []constantcontact.CustomValue{{FieldID: "x", Value: strings.Repeat("x", 256)}}},
		"change contact: phone numbers is 4, over the limit of 3":    {Phone: ptr("4")},
		"change contact: custom fields is 26, over the limit of 25":  {Custom: make([]constantcontact.CustomValue, 26)},
	} {
		_, err := o.cc.PutContact(t.Context(), id, change)
		if err == nil || err.Error() != want || constantcontact.Classify(err) != constantcontact.Reject {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
	if n := o.sim.Counts()["PUT /v3/contacts/{id}"]; n != 0 {
		t.Errorf("%d were sent", n)
	}
	if _, err := o.cc.PutContact(t.Context(), "", constantcontact.ContactChange{}); constantcontact.Classify(err) != constantcontact.Reject {
		t.Errorf("no id: %v", err)
	}
}

// A deleted contact is not revived by a change, whichever way the API shows it.
func TestPutContactOfADeletedContact(t *testing.T) {
	for hidden, want := range map[bool]constantcontact.Class{false: constantcontact.Reject, true: constantcontact.Missing} {
		o := newOffice(t, ccsim.Switches{DeletedContactByIDIs404: hidden})
		id := o.contact("a@example.org")
		o.must(o.sim.DeleteContact(account, "a@example.org"))
		if _, err := o.cc.PutContact(t.Context(), id, constantcontact.ContactChange{FirstName: ptr("Ann")}); constantcontact.Classify(err) != want {
			t.Errorf("hidden %v: %v", hidden, err)
		}
		if got := o.shown("a@example.org")["deleted_at"]; got == nil {
			t.Errorf("hidden %v: revived", hidden)
		}
	}
}

func TestReviveContact(t *testing.T) {
	for _, switches := range []ccsim.Switches{{}, {DeletedContactByIDIs404: true}, {DefaultStatusIsActive: true}} {
		o := newOffice(t, switches)
		id := filled(o)
		o.must(o.sim.DeleteContact(account, "a@example.org"))
		before := without(o.shown("a@example.org"))
		got, err := o.cc.ReviveContact(t.Context(), "A@example.org")
		if err != nil || got.ID != id || got.State != constantcontact.StateActive {
			t.Errorf("revived: %+v: %v", got, err)
		}
		if after := without(o.shown("a@example.org")); after != before {
			t.Errorf("was %s\nis  %s", before, after)
		}
		again, err := o.cc.ReviveContact(t.Context(), "a@example.org")
		if err != nil || again.ID != id || !again.Existed || o.sim.Counts()["PUT /v3/contacts/{id}"] != 1 {
			t.Errorf("a second time: %+v: %v", again, err)
		}
		if _, err := o.cc.ReviveContact(t.Context(), "none@example.org"); !errors.Is(err, constantcontact.ErrNoContact) || constantcontact.Classify(err) != constantcontact.Missing {
			t.Errorf("nobody: %v", err)
		}

		o.must(o.sim.Unsubscribe(account, "a@example.org"))
		o.must(o.sim.DeleteContact(account, "a@example.org"))
		got, err = o.cc.ReviveContact(t.Context(), "a@example.org")
		if err != nil || got.State != constantcontact.StateUnsubscribed {
			t.Errorf("who had unsubscribed: %+v: %v", got, err)
		}
		o.clean()
	}
	o := newOffice(t, ccsim.Switches{PutWithoutEmailDrops: true})
	o.contact("a@example.org")
	o.must(o.sim.DeleteContact(account, "a@example.org"))
	if _, err := o.cc.ReviveContact(t.Context(), "a@example.org"); !errors.Is(err, constantcontact.ErrAddressLost) {
		t.Errorf("the address is lost: %v", err)
	}
}

// A reply that was lost does not lead to a second PUT, and is told apart.
func TestPutContactAfterALostReply(t *testing.T) {
	o := newOffice(t, ccsim.Switches{})
	id := o.contact("a@example.org")
	o.must(o.sim.Fault(ccsim.Fault{Method: "PUT", Kind: ccsim.FaultResetAfter}))
	_, err := o.cc.PutContact(t.Context(), id, constantcontact.ContactChange{FirstName: ptr("Ann")})
	if !constantcontact.MayHaveApplied(err) || constantcontact.Classify(err) != constantcontact.Retry {
		t.Errorf("a reply that was lost: %v", err)
	}
	if got := o.shown("a@example.org")["first_name"]; got != "Ann" {
		t.Errorf("first name %v", got)
	}
	if n := o.sim.Counts()["PUT /v3/contacts/{id}"]; n != 1 {
		t.Errorf("sent %d times", n)
	}
}
