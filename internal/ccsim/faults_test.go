package ccsim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFaultAnswers(t *testing.T) {
	for kind, want := range map[FaultKind]struct {
		status int
		body   string
	}{
		FaultThrottled:    {429, `{"error_key":"throttled","error_message":"Too Many Requests"}`},
		FaultQuota:        {429, `{"error_key":"quota_exceeded","error_message":"Limit Exceeded"}`},
		FaultUnauthorized: {401, `{"error_key":"unauthorized","error_message":"Unauthorized"}`},
		Fault500:          {500, `[{"error_key":"contacts.api.internal_error","error_message":"There was a problem with our internal service."}]`},
		Fault503:          {503, ""},
		FaultHTML502:      {502, "<html><body><h1>502 Bad Gateway</h1></body></html>"},
	} {
		w := newWorld(t, Switches{})
		w.must(w.Fault(Fault{Method: "POST", PathPrefix: "/v3/contact_lists", Kind: kind}))
		w.call(200, "GET", "/v3/contact_lists", "")
		if got := w.call(want.status, "POST", "/v3/contact_lists", `{"name":"A"}`); got != want.body {
			t.Errorf("%s: %s", kind, got)
		}
		if got := w.ListNames(account); len(got) != 0 {
			t.Errorf("%s: done all the same: %v", kind, got)
		}
		w.call(201, "POST", "/v3/contact_lists", `{"name":"A"}`)
	}
}

func TestFaultsAreCounted(t *testing.T) {
	w := newWorld(t, Switches{})
	w.must(w.Fault(Fault{Kind: Fault503, Count: 2}))
	w.must(w.Fault(Fault{Kind: Fault500}))
	for _, want := range []int{503, 503, 500, 200} {
		w.call(want, "GET", "/v3/contacts", "")
	}
	if err := w.Fault(Fault{Kind: "flood"}); err == nil {
		t.Error("an unknown kind is no error")
	}
}

func TestActivitiesFail(t *testing.T) {
	for kind, want := range map[FaultKind]string{FaultActivityFailed: failed, FaultActivityTimedOut: timedOut} {
		w := newWorld(t, Switches{})
		list := w.list("Members")
		w.must(w.Fault(Fault{Method: "POST", Kind: kind}))
		if got := w.run(importPath, people(list, person("a@example.org"))).text("state"); got != want {
			t.Errorf("state %s, want %s", got, want)
		}
		if got := w.ListAddresses(account, "Members"); len(got) != 0 {
			t.Errorf("%s has an effect: %v", want, got)
		}
	}
}

// A cut connection needs a real one. Whether the request was done differs.
func TestFaultsOfTheConnection(t *testing.T) {
	for _, test := range []struct {
		kind  FaultKind
		lists int
		check func(*http.Response, error) bool
	}{
		{FaultResetBefore, 0, func(_ *http.Response, err error) bool { return err != nil }},
		{FaultResetAfter, 1, func(_ *http.Response, err error) bool { return err != nil }},
		{FaultTruncated, 1, func(r *http.Response, err error) bool {
			if err != nil {
				return false
			}
			raw, err := io.ReadAll(r.Body)
			return err == nil && r.StatusCode == 201 && len(raw) > 0 && !json.Valid(raw)
		}},
		{FaultSlow, 1, func(r *http.Response, err error) bool { return err == nil && r.StatusCode == 201 }},
	} {
		t.Run(string(test.kind), func(t *testing.T) {
			w := newWorld(t, Switches{})
			server := httptest.NewServer(w.Handler())
			defer server.Close()
			w.must(w.Fault(Fault{Kind: test.kind, Delay: time.Millisecond}))
			r := newRequest("POST", server.URL+"/v3/contact_lists", `{"name":"A"}`)
			r.RequestURI = ""
			res, err := server.Client().Do(r)
			if err == nil {
				defer func() { _ = res.Body.Close() }()
			}
			if !test.check(res, err) {
				t.Errorf("got %v, %v", res, err)
			}
			if got := w.ListNames(account); len(got) != test.lists {
				t.Errorf("lists %v, want %d", got, test.lists)
			}
			status := 201
			if test.kind == FaultResetBefore || test.kind == FaultResetAfter {
				status = 0
			}
			if got := w.Requests()[0].Status; got != status {
				t.Errorf("recorded status %d, want %d", got, status)
			}
		})
	}
}

func TestFaultOfARevokedGrant(t *testing.T) {
	w := newWorld(t, Switches{})
	w.must(w.Fault(Fault{Kind: FaultRevoked}))
	w.call(401, "GET", "/v3/contacts", "")
	w.call(401, "GET", "/v3/contacts", "") // and it stays so
	w.AddAccount(account, "key", "token")
	w.call(200, "GET", "/v3/contacts", "")
}

func TestActivitiesAreStuck(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	w.must(w.Fault(Fault{Kind: FaultActivityStuck}))
	stuck := w.run(importPath, people(list, person("a@example.org")))
	if got := w.run(importPath, people(list, person("b@example.org"))).text("state"); got != completed {
		t.Errorf("the one behind is %s", got)
	}
	w.now = w.now.Add(time.Hour)
	path := stuck.text("_links", "self", "href")
	if got := w.get(200, "GET", path, "").text("state"); got != processing {
		t.Errorf("state %s", got)
	}
	if got := w.ListAddresses(account, "Members"); !slices.Equal(got, []string{"b@example.org"}) {
		t.Errorf("on the list: %v", got)
	}
	w.order(204, "accounts/"+account+"/release", "")
	if got := w.get(200, "GET", path, ""); got.text("state") != completed || got.text("completed_at") < "2026-05-04T10:00:00Z" {
		t.Errorf("released: %v", got)
	}
	if got := w.ListAddresses(account, "Members"); len(got) != 2 {
		t.Errorf("on the list: %v", got)
	}
}

// Some people are left out, and only the counters say so.
func TestActivitiesCompleteWithErrors(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	spoil := func() { t.Helper(); w.must(w.Fault(Fault{Method: "POST", Kind: FaultActivityErrors})) }
	spoil()
	act := w.run(importPath, people(list, person("a@example.org"), person("b@example.org"), person("c@example.org"), person("d@example.org")))
	wantStatus(t, act, map[string]float64{"items_total_count": 5, "person_count": 4, "error_count": 2})
	if got := w.ListAddresses(account, "Members"); act.text("state") != completed || !slices.Equal(got, []string{"b@example.org", "c@example.org"}) {
		t.Errorf("%s; on the list: %v", act.text("state"), got)
	}
	a := w.accounts[account]
	ids := []string{a.byAddress["b@example.org"].id, a.byAddress["c@example.org"].id}
	spoil()
	act = w.run("/v3/activities/remove_list_memberships", change(list, ids...))
	wantStatus(t, act, map[string]float64{"items_total_count": 2, "items_completed_count": 1, "error_count": 1})
	if got := w.ListAddresses(account, "Members"); !slices.Equal(got, []string{"b@example.org"}) {
		t.Errorf("on the list: %v", got)
	}
	spoil()
	wantStatus(t, w.run("/v3/activities/contact_exports", `{}`), map[string]float64{"items_total_count": 2, "items_completed_count": 1})
}

func TestPagesChangeBetweenReads(t *testing.T) {
	for kind, want := range map[FaultKind]string{FaultPageSkips: "p0 p1 p3 p4", FaultPageRepeats: "p0 p1 p1 p2 p3 p4"} {
		w := newWorld(t, Switches{})
		for i := range 5 {
			w.contact(fmt.Sprintf("p%d@example.org", i))
		}
		w.must(w.Fault(Fault{Kind: kind}))
		got := strings.ReplaceAll(strings.Join(w.pages("/v3/contacts?limit=2&status=all", func(int) {}), " "), "@example.org", "")
		if got != want {
			t.Errorf("%s: read %s, want %s", kind, got, want)
		}
	}
}

// The same seed gives the same faults.
func TestFaultsAtRandom(t *testing.T) {
	run := func(seed string) (statuses []int) {
		w := newWorld(t, Switches{})
		w.order(204, "faults/random", `{"seed":`+seed+`,"share":0.3,"kinds":["500","503","throttled","activity_failed"]}`)
		for range 200 {
			w.now = w.now.Add(270 * time.Millisecond)
			statuses = append(statuses, w.serve(newRequest("GET", "/v3/contacts/counts", "")).Code)
		}
		w.order(204, "faults/random", `{}`)
		w.call(200, "GET", "/v3/contacts/counts", "")
		return statuses
	}
	first := run("1")
	if !slices.Equal(first, run("1")) || slices.Equal(first, run("2")) {
		t.Error("the faults do not follow from the seed")
	}
	spoiled := len(slices.DeleteFunc(slices.Clone(first), func(status int) bool { return status == 200 }))
	if spoiled < 25 || spoiled > 65 {
		t.Errorf("%d of 200 requests are spoiled, want about 45", spoiled)
	}
	w := newWorld(t, Switches{})
	w.order(400, "faults/random", `{"share":0.3,"kinds":["flood"]}`)
	w.order(400, "faults/random", `{"share":0.3}`)
}

// A clock that goes wrong shows wrong times and has another midnight; what takes
// time takes as long as ever.
func TestSkewedClock(t *testing.T) {
	w := newWorld(t, Switches{})
	w.order(204, "skew", `{"duration":"-10m"}`)
	id := w.contact("a@example.org")
	if got := w.get(200, "GET", "/v3/contacts/"+id, "").text("created_at"); got != "2026-05-04T08:50:00Z" {
		t.Errorf("created at %s", got)
	}
	for after, want := range map[string]int{"2026-05-04T08:49:59Z": 1, "2026-05-04T08:50:01Z": 0} {
		if got := len(w.get(200, "GET", "/v3/contacts?status=all&created_after="+after, "").at("contacts").([]any)); got != want {
			t.Errorf("after %s: %d contacts", after, got)
		}
	}
	w.keys["key"].day, w.keys["key"].today = "2026-05-04", perDay
	w.now = time.Date(2026, 5, 5, 0, 5, 0, 0, time.UTC)
	w.call(429, "GET", "/v3/contacts/counts", "")
	w.now = time.Date(2026, 5, 5, 0, 10, 0, 0, time.UTC)
	w.call(200, "GET", "/v3/contacts/counts", "")
}
