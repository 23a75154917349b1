package ccsim

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
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
