package ccsim

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// order sends a control.
func (w *world) order(status int, control, body string) {
	w.t.Helper()
	if rec := w.serve(httptest.NewRequest("POST", "/_sim/"+control, strings.NewReader(body))); rec.Code != status {
		w.t.Fatalf("%s %s answered %d %s, want %d", control, body, rec.Code, rec.Body, status)
	}
}

// see is what a control shows.
func (w *world) see(view string) string {
	return w.serve(httptest.NewRequest("GET", "/_sim/"+view, nil)).Body.String()
}

func TestControlsOfPeople(t *testing.T) {
	w := newWorld(t, Switches{})
	w.order(204, "accounts", `{"account":"office","api_key":"k","token":"t"}`)
	const lists, contacts = "accounts/office/lists", "accounts/office/contacts"
	for _, name := range []string{"Members", "Board", "Old"} {
		w.order(204, lists, `{"list":"`+name+`"}`)
	}
	w.order(204, lists+"/Old/delete", "")
	w.order(204, lists+"/Board/rename", `{"new":"Board 2026/27"}`)
	w.order(400, lists+"/Members/rename", `{"new":"board 2026/27"}`)
	w.order(400, lists, `{"list":"MEMBERS"}`)
	if got := w.see(lists); got != `["Board 2026/27","Members"]` {
		t.Errorf("lists %s", got)
	}
	for _, name := range []string{"a", "b", "c"} {
		w.order(204, contacts, `{"address":"`+name+`@example.org","lists":["Members","Board 2026/27"]}`)
	}
	w.order(400, contacts, `{"address":"d@example.org","lists":["Old"]}`)
	w.order(204, contacts+"/a@example.org/leave?list=Members", "")
	w.order(400, contacts+"/a@example.org/leave?list=Members", "")
	w.order(204, contacts+"/b%40example.org/unsubscribe", "")
	w.order(400, contacts, `{"address":"b@example.org"}`)
	w.order(204, contacts+"/c@example.org/edit", `{"new":"e@example.org","fields":{"first_name":"Eve","phone":"555"}}`)
	w.order(400, contacts+"/e@example.org/edit", `{"new":"a@example.org"}`)
	w.order(400, contacts+"/e@example.org/edit", `{"fields":{"birthday_month":13}}`)
	if got := w.see(lists + "/Board%202026%2F27"); got != `["a@example.org","e@example.org"]` {
		t.Errorf("addresses %s", got)
	}
	edited := w.accounts["office"].byAddress["e@example.org"].profile
	if edited.FirstName != "Eve" || len(edited.Phones) != 1 {
		t.Errorf("edited %+v", edited)
	}
	w.order(204, contacts+"/b@example.org/resubscribe", "")
	w.order(204, contacts+"/a@example.org/permission", `{"permission":"temp_hold"}`)
	w.order(400, contacts+"/a@example.org/permission", `{"permission":"unsubscribed"}`)
	w.order(204, contacts+"/e@example.org/delete", "")
	want := `[{"address":"a@example.org","state":"temp_hold","lists":["Board 2026/27"]},` +
		`{"address":"b@example.org","state":"active","lists":[]},{"address":"e@example.org","state":"deleted","lists":[]}]`
	if got := w.see(contacts); got != want {
		t.Errorf("contacts %s", got)
	}
	w.order(400, "accounts/none/contacts/a@example.org/unsubscribe", "")
	w.order(400, contacts+"/none@example.org/unsubscribe", "")
	if err := w.Unsubscribe(account, "zz-canary@example.org"); err == nil || strings.Contains(err.Error(), "@") {
		t.Errorf("error %v", err)
	}
}

func TestControlsOfTheSimulator(t *testing.T) {
	w := newWorld(t, Switches{})
	w.order(204, "hold", `{"on":true}`)
	w.order(204, "delay", `{"duration":"1m"}`)
	w.order(204, "advance", `{"duration":"1h"}`)
	w.order(400, "advance", `{"duration":"soon"}`)
	if !w.held || w.delay != time.Minute || w.offset != time.Hour {
		t.Errorf("held %v, delay %s, offset %s", w.held, w.delay, w.offset)
	}
	w.order(204, "faults", `{"kind":"slow","method":"GET","path_prefix":"/v3/contacts","count":3,"duration":"2s"}`)
	w.order(400, "faults", `{"kind":"flood"}`)
	w.order(400, "faults", `{"kind":"slow","duration":"soon"}`)
	if want := []Fault{{Method: "GET", PathPrefix: "/v3/contacts", Kind: FaultSlow, Count: 3, Delay: 2 * time.Second}}; !slices.Equal(w.faults, want) {
		t.Errorf("faults %+v", w.faults)
	}
	w.call(400, "POST", "/v3/contacts/sign_up_form", "{}")
	if got := w.see("violations"); !strings.Contains(got, `"rule":"sign_up_form called"`) {
		t.Errorf("violations %s", got)
	}
	if got := w.see("requests"); !strings.Contains(got, `"endpoint":"POST /v3/contacts/sign_up_form","status":400`) {
		t.Errorf("requests %s", got)
	}
	if got := w.see("counts"); got != `{"POST /v3/contacts/sign_up_form":1}` {
		t.Errorf("counts %s", got)
	}
	w.order(204, "reset", `{}`)
	if got := w.see("requests") + w.see("violations"); got != "[][]" {
		t.Errorf("after reset %s", got)
	}
	w.order(400, "reset", `no JSON`)
	w.order(400, "hold", `{"off":true}`)
	w.order(404, "holt", `{}`)
}

// A switch that is not named keeps its position.
func TestControlsOfSwitches(t *testing.T) {
	w := newWorld(t, Switches{DeletedStayDeleted: true})
	w.order(204, "switches", `{"default_status_active":true,"role_imports":"correctable"}`)
	w.order(400, "switches", `{"role_imports":"eaten"}`)
	w.order(400, "switches", `{"no_such_switch":true}`)
	if got, want := w.Switches(), (Switches{DeletedStayDeleted: true, DefaultStatusIsActive: true, RoleImports: RoleCorrectable}); got != want {
		t.Errorf("switches %+v", got)
	}
	if got := w.see("switches"); !strings.Contains(got, `"deleted_stay_deleted":true`) {
		t.Errorf("shown %s", got)
	}
}
