package constantcontact_test

import (
	"slices"
	"strings"
	"testing"

	"rollcall/internal/ccsim"
	"rollcall/sink/constantcontact"
)

var long = strings.Repeat("x", 68) + "@example.org"

func TestCreateContact(t *testing.T) {
	o := newOffice(t, ccsim.Switches{LongImportsCorrectable: true})
	list := o.list("Members")
	got, err := o.cc.CreateContact(t.Context(), constantcontact.NewContact{Address: " " + strings.ToUpper(long), FirstName: "Ann", ListIDs: []string{list}})
	if err != nil || got.ID == "" || got.Address != long || got.State != constantcontact.StateActive || got.Existed {
		t.Errorf("made %+v: %v", got, err)
	}
	if on := o.sim.ListAddresses(account, "Members"); !slices.Equal(on, []string{long}) || o.permission(long) != "implicit" {
		t.Errorf("on the list: %v, permission %s", on, o.permission(long))
	}
	o.clean()
}

// Whoever has the address already is found and left alone, in whatever state and
// whatever the conflict says.
func TestCreateContactAdopts(t *testing.T) {
	for _, form := range []ccsim.ConflictForm{ccsim.ConflictFull, ccsim.ConflictBare, ccsim.ConflictWithoutID} {
		for name, happen := range map[string]func(*office) error{
			"active":       func(*office) error { return nil },
			"unsubscribed": func(o *office) error { return o.sim.Unsubscribe(account, long) },
			"deleted":      func(o *office) error { return o.sim.DeleteContact(account, long) },
		} {
			o := newOffice(t, ccsim.Switches{ConflictForm: form})
			id := o.contact(long)
			list := o.list("Members")
			o.must(happen(o))
			before := o.sim.Contacts(account)[0]
			got, err := o.cc.CreateContact(t.Context(), constantcontact.NewContact{Address: long, FirstName: "Ann", ListIDs: []string{list}})
			if err != nil || got.ID != id || !got.Existed {
				t.Errorf("%q, %s: %+v: %v", form, name, got, err)
			}
			if want := map[bool]string{true: name}[form == ccsim.ConflictWithoutID]; string(got.State) != want {
				t.Errorf("%q, %s: state %s", form, name, got.State)
			}
			if after := o.sim.Contacts(account)[0]; after.State != before.State || len(after.Lists) != 0 {
				t.Errorf("%q, %s: became %+v", form, name, after)
			}
			o.clean()
		}
	}
}

// After a reply that was lost the same call finds what it made.
func TestCreateContactAfterALostReply(t *testing.T) {
	o := newOffice(t, ccsim.Switches{})
	o.must(o.sim.Fault(ccsim.Fault{Method: "POST", Kind: ccsim.FaultResetAfter}))
	n := constantcontact.NewContact{Address: long}
	if _, err := o.cc.CreateContact(t.Context(), n); !constantcontact.MayHaveApplied(err) {
		t.Fatalf("the reply was lost: %v", err)
	}
	got, err := o.cc.CreateContact(t.Context(), n)
	if err != nil || !got.Existed || got.ID != o.shown(long)["contact_id"] {
		t.Errorf("again: %+v: %v", got, err)
	}
}

func TestCreateContactMayBePending(t *testing.T) {
	for pends, want := range map[bool]constantcontact.ContactState{false: constantcontact.StateActive, true: constantcontact.StatePending} {
		o := newOffice(t, ccsim.Switches{ConfirmedOptInPendsPosts: pends})
		o.must(o.sim.SetConfirmedOptIn(account, true))
		if got, err := o.cc.CreateContact(t.Context(), constantcontact.NewContact{Address: long}); err != nil || got.State != want {
			t.Errorf("pends %v: %+v: %v", pends, got, err)
		}
	}
}

func TestCreateContactLimits(t *testing.T) {
	o := newOffice(t, ccsim.Switches{})
	for want, n := range map[string]constantcontact.NewContact{
		"create contact: email is empty":                           {},
		"create contact: email is 81, over the limit of 80":        {Address: "x" + long},
		"create contact: lists is 51, over the limit of 50":        {Address: long, ListIDs: make([]string, 51)},
		"create contact: city is 51, over the limit of 50":         {Address: long, Street: constantcontact.Street{City: strings.Repeat("x", 51)}},
		"create contact: phone_number is 26, over the limit of 25": {Address: long, Phone: strings.Repeat("1", 26)},
	} {
		if _, err := o.cc.CreateContact(t.Context(), n); err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
	if len(o.sim.Requests()) != 0 {
		t.Errorf("%d requests were sent", len(o.sim.Requests()))
	}
	_, err := o.cc.CreateContact(t.Context(), constantcontact.NewContact{Address: long, ListIDs: []string{"00000000-0000-0000-0000-000000000000"}})
	if constantcontact.Classify(err) != constantcontact.Reject {
		t.Errorf("an unknown list: %v", err)
	}
}
