package constantcontact_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"rollcall/internal/ccsim"
	"rollcall/sink/constantcontact"
	"rollcall/sink/constantcontact/contracttest"
)

const account = "chamber"

var start = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

// office is a simulated Constant Contact and a client of it. Every request and
// every answer between them is held to the contract.
type office struct {
	t   *testing.T
	sim *ccsim.Sim
	cc  *constantcontact.Client
}

func newOffice(t *testing.T, switches ccsim.Switches) *office {
	t.Helper()
	o := &office{t: t, sim: ccsim.New(ccsim.Config{Now: func() time.Time { return start }, Switches: switches})}
	o.sim.AddAccount(account, "key", "token")
	handler := contracttest.Handler(o.sim.Handler(), true, func(problem string) { t.Error(problem) })
	client, err := constantcontact.New(constantcontact.Config{
		HTTP:      &http.Client{Transport: wire{handler}},
		Token:     func(context.Context) (string, error) { return "token", nil },
		Wait:      func(context.Context) error { o.sim.Advance(constantcontact.Spacing); return nil },
		UserAgent: "rollcall-test/1",
		Now:       func() time.Time { return start },
	})
	o.must(err)
	o.cc = client
	return o
}

// wire carries requests to a handler without a network. A handler that panics
// cuts the connection.
type wire struct{ handler http.Handler }

// RoundTrip answers a request.
func (w wire) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	rec := httptest.NewRecorder()
	defer func() {
		if cut := recover(); cut != nil {
			answer, err = nil, errors.New("connection reset")
		}
	}()
	w.handler.ServeHTTP(rec, r)
	return rec.Result(), nil
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// list makes a list and returns its id.
func (o *office) list(name string) string {
	o.t.Helper()
	l, err := o.cc.CreateList(o.t.Context(), name, "")
	o.must(err)
	return l.ID
}

// contact makes a contact in the office and returns its id.
func (o *office) contact(address string, lists ...string) string {
	o.t.Helper()
	o.must(o.sim.AddContact(account, address, lists...))
	return o.shown(address)["contact_id"].(string)
}

// shown is what the API would show of a contact.
func (o *office) shown(address string) map[string]any {
	o.t.Helper()
	body, err := o.sim.Contact(account, address)
	o.must(err)
	return body
}

func (o *office) permission(address string) string {
	o.t.Helper()
	return o.shown(address)["email_address"].(map[string]any)["permission_to_send"].(string)
}

// ended waits for an activity.
func (o *office) ended(a constantcontact.Activity, err error) constantcontact.Activity {
	o.t.Helper()
	o.must(err)
	o.sim.Advance(time.Minute)
	a, err = o.cc.Activity(o.t.Context(), a.ID)
	o.must(err)
	if !a.Ended() {
		o.t.Fatalf("the activity is %s", a.State)
	}
	return a
}

// clean says that the simulator's referee saw nothing.
func (o *office) clean() {
	o.t.Helper()
	for _, v := range o.sim.Violations() {
		o.t.Errorf("%s: %s", v.Rule, v.Detail)
	}
}

func ptr(s string) *string { return &s }
