package constantcontact_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"rollcall/internal/ccsim"
	"rollcall/sink/constantcontact"
)

// positions are the switches at their beginning, and with each one turned alone.
func positions() map[string]ccsim.Switches {
	all := map[string]ccsim.Switches{"none": {}}
	for field := range reflect.TypeFor[ccsim.Switches]().Fields() {
		for _, to := range []any{true, 60, ccsim.RoleCorrectable, ccsim.RoleError, ccsim.ConflictBare, ccsim.ConflictWithoutID} {
			if reflect.TypeOf(to) != field.Type {
				continue
			}
			var s ccsim.Switches
			reflect.ValueOf(&s).Elem().FieldByIndex(field.Index).Set(reflect.ValueOf(to))
			name, _ := json.Marshal(to)
			all[field.Tag.Get("json")+" "+string(name)] = s
		}
	}
	return all
}

// TestContract makes every call that the client has, with every switch in both
// positions. The answers may differ; that all of them are within the contract,
// and that the client reads them, may not.
func TestContract(t *testing.T) {
	if n := len(positions()); n != reflect.TypeFor[ccsim.Switches]().NumField()+3 {
		t.Fatalf("%d positions of the switches: a switch of a new type is left out", n)
	}
	for name, switches := range positions() {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, switches)
			o.everyCall()
			for _, endpoint := range []string{
				"GET /v3/contacts", "POST /v3/contacts", "GET /v3/contacts/counts", "GET /v3/contacts/{id}", "PUT /v3/contacts/{id}",
				"GET /v3/contact_lists", "POST /v3/contact_lists", "GET /v3/contact_lists/{id}", "PUT /v3/contact_lists/{id}",
				"GET /v3/contact_custom_fields", "POST /v3/contact_custom_fields", "POST /v3/activities/contacts_json_import",
				"POST /v3/activities/add_list_memberships", "POST /v3/activities/remove_list_memberships", "POST /v3/activities/contact_exports",
				"GET /v3/contact_exports/{id}", "GET /v3/activities", "GET /v3/activities/{id}", "GET /v3/account/summary", "GET /v3/account/user/privileges",
			} {
				if o.sim.Counts()[endpoint] == 0 {
					t.Errorf("%s was not called", endpoint)
				}
			}
			o.clean()
		})
	}
}

// everyCall uses the client as a sync does.
func (o *office) everyCall() {
	o.t.Helper()
	ctx, cc := o.t.Context(), o.cc
	_, err := cc.AccountSummary(ctx)
	o.must(err)
	held, err := cc.Privileges(ctx)
	o.must(err)
	if missing := constantcontact.MissingPrivileges(held); len(missing) > 0 {
		o.t.Errorf("missing privileges %v", missing)
	}
	list, board := o.list("Members"), o.list("Board")
	_, err = cc.RenameList(ctx, board, "Board 2026")
	o.must(err)
	_, err = cc.List(ctx, board)
	o.must(err)
	o.must(cc.Lists(ctx, func([]constantcontact.List) error { return nil }))
	level, err := cc.CreateCustomField(ctx, "Member level")
	o.must(err)
	fields, err := cc.CustomFields(ctx)
	o.must(err)
	if len(fields) != 1 || fields[0] != level {
		o.t.Errorf("custom fields %+v, made %+v", fields, level)
	}

	rows := []constantcontact.ImportRow{
		{
			Email: "a@example.org", FirstName: "Ann", LastName: "Lee & <Co>", CompanyName: "A", JobTitle: "B", Phone: "555", Street: "1 Main", City: "C",
			State: "IL", Zip: "60609", Country: "US", Custom: map[string]string{level.Name: "Gold", "none": ""},
		},
		{Email: "b@example.org"},
	}
	if a := o.ended(cc.ImportContacts(ctx, rows, []string{list})); !a.Clean(constantcontact.KindImport, 2) {
		o.t.Errorf("import %s %v", a.State, a.Counters())
	}
	a, err := cc.ContactByEmail(ctx, "A@example.org")
	o.must(err)
	long := strings.Repeat("x", 60) + "@example.org"
	made, err := cc.CreateContact(ctx, constantcontact.NewContact{
		Address: long, FirstName: "Long", LastName: "Name", Phone: "555", Street: constantcontact.Street{City: "C"}, ListIDs: []string{list},
		Custom: []constantcontact.CustomValue{{FieldID: level.ID, Value: "Gold"}},
	})
	o.must(err)
	again, err := cc.CreateContact(ctx, constantcontact.NewContact{Address: strings.ToUpper(long)})
	o.must(err)
	if again.ID != made.ID || !again.Existed || made.Existed {
		o.t.Errorf("made %+v, then %+v", made, again)
	}
	_, err = cc.PutContact(ctx, a.ID, constantcontact.ContactChange{
		JobTitle: ptr("Chair"), Phone: ptr("556"), Street: &constantcontact.Street{City: "D"}, Custom: []constantcontact.CustomValue{{FieldID: level.ID, Value: "Tin"}},
	})
	o.must(err)
	_, err = cc.PutContact(ctx, a.ID, constantcontact.ContactChange{Address: ptr("New@example.org")})
	o.must(err)
	full, err := cc.FullContactByID(ctx, a.ID)
	o.must(err)
	if full.Address != "new@example.org" || full.LastName != "Lee & <Co>" || full.JobTitle != "Chair" || full.Phones[0].Number != "556" || full.Custom[0].Value != "Tin" {
		o.t.Errorf("changed %+v", full)
	}
	o.ended(cc.RemoveListMemberships(ctx, []string{a.ID}, []string{list}))
	o.ended(cc.AddListMemberships(ctx, []string{a.ID}, []string{list, board}))
	o.ended(cc.AddListMemberships(ctx, []string{a.ID}, []string{list, board}))

	o.must(o.sim.DeleteContact(account, "b@example.org"))
	back, err := cc.ReviveContact(ctx, "b@example.org")
	if err != nil && !errors.Is(err, constantcontact.ErrAddressLost) {
		o.must(err)
	}
	if back.ID == "" {
		o.t.Errorf("revived %+v", back)
	}
	seen := 0
	o.must(cc.Contacts(ctx, constantcontact.ContactQuery{Lists: []string{list}, UpdatedAfter: start}, func(page []constantcontact.Contact) error {
		seen += len(page)
		return nil
	}))
	if seen != 2 {
		o.t.Errorf("%d contacts on the list", seen)
	}
	_, err = cc.Counts(ctx)
	o.must(err)
	_, err = cc.ContactByID(ctx, a.ID)
	o.must(err)
	o.must(cc.Activities(ctx, func([]constantcontact.Activity) error { return nil }))
	columns := []constantcontact.Column{constantcontact.ColumnContactID, constantcontact.ColumnAddress, constantcontact.ColumnPermission, constantcontact.ColumnLists}
	export := o.ended(cc.StartExport(ctx, constantcontact.ExportQuery{Status: "active", ListIDs: []string{board}, Columns: columns}))
	o.must(cc.Export(ctx, export, columns, func(rows []constantcontact.ExportRow) error {
		if len(rows) != 1 || rows[0].Text(constantcontact.ColumnContactID) != a.ID || rows[0].State() != constantcontact.StateActive {
			o.t.Errorf("%d rows", len(rows))
		}
		return nil
	}))
}
