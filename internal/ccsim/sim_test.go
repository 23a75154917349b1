package ccsim

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rollcall/sink/constantcontact/contracttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

// world is a simulator with one account, whose clock stands until it is moved.
type world struct {
	*Sim
	t   *testing.T
	now time.Time
}

const account = "chamber"

func newWorld(t *testing.T, switches Switches) *world {
	t.Helper()
	w := &world{t: t, now: start}
	w.Sim = New(Config{Now: func() time.Time { return w.now }, Switches: switches})
	w.AddAccount(account, "key", "token")
	return w
}

// must fails the test when a control could not be carried out.
func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// list makes a list and returns its id.
func (w *world) list(name string) string {
	w.t.Helper()
	w.must(w.CreateList(account, name))
	return w.accounts[account].list(name).id
}

// contact makes a contact and returns its id.
func (w *world) contact(address string, lists ...string) string {
	w.t.Helper()
	w.must(w.AddContact(account, address, lists...))
	return w.accounts[account].byAddress[address].id
}

func newRequest(method, target, body string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer token")
	r.Header.Set("User-Agent", "test/1")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// serve holds every answer against the contract.
func (w *world) serve(r *http.Request) *httptest.ResponseRecorder {
	w.t.Helper()
	rec := httptest.NewRecorder()
	contracttest.Handler(w.Handler(), false, func(problem string) { w.t.Error(problem) }).ServeHTTP(rec, r)
	return rec
}

// call sends a request that keeps to the rate and returns the body's text.
func (w *world) call(status int, method, target, body string) string {
	w.t.Helper()
	w.now = w.now.Add(270 * time.Millisecond)
	rec := w.serve(newRequest(method, target, body))
	if rec.Code != status {
		w.t.Fatalf("%s %s answered %d %s, want %d", method, target, rec.Code, rec.Body, status)
	}
	return rec.Body.String()
}

// get is call for an answer that is a JSON object.
func (w *world) get(status int, method, target, body string) obj {
	w.t.Helper()
	var o obj
	w.must(json.Unmarshal([]byte(w.call(status, method, target, body)), &o))
	return o
}

type obj map[string]any

// at follows names into a JSON object; nil when one is absent.
func (o obj) at(names ...string) any {
	var v any = map[string]any(o)
	for _, name := range names {
		inner, _ := v.(map[string]any)
		v = inner[name]
	}
	return v
}

func (o obj) text(names ...string) string {
	text, _ := o.at(names...).(string)
	return text
}

// all collects a property of the rows of a page.
func (o obj) all(rows, property string) []string {
	var found []string
	page, _ := o.at(rows).([]any)
	for _, r := range page {
		found = append(found, obj(r.(map[string]any)).text(property))
	}
	return found
}

// wantRules compares the rules that were broken.
func (w *world) wantRules(want ...string) {
	w.t.Helper()
	var got []string
	for _, v := range w.Violations() {
		got = append(got, v.Rule)
		if strings.Contains(v.Detail, "@") {
			w.t.Errorf("violation %q has an address", v.Rule)
		}
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("violations %q, want %q", got, want)
	}
}

func TestGate(t *testing.T) {
	tests := []struct {
		name, header, value string
		status              int
		body                string
	}{
		{"default agent of Go", "User-Agent", "Go-http-client/1.1", 403, "<html><body>Access denied</body></html>"},
		{"no agent", "User-Agent", "", 403, "<html><body>Access denied</body></html>"},
		{"no token", "Authorization", "", 403, `{"message":"Forbidden"}`},
		{"wrong token", "Authorization", "Bearer other", 401, `{"error_key":"unauthorized","error_message":"Unauthorized"}`},
		{"wrong type", "Content-Type", "text/plain", 415, `[{"error_key":"contacts.api.unsupported_media_type","error_message":"Unsupported Media Type"}]`},
		{"malformed", "", "", 400, `[{"error_key":"contacts.api.validation.error","error_message":"the JSON is malformed"}]`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, Switches{})
			r := newRequest("POST", "/v3/contacts", "{")
			if test.header != "" {
				r.Header.Set(test.header, test.value)
			}
			if rec := w.serve(r); rec.Code != test.status || rec.Body.String() != test.body {
				t.Errorf("got %d %s", rec.Code, rec.Body)
			}
		})
	}
	w := newWorld(t, Switches{AnyUserAgent: true})
	r := newRequest("GET", "/v3/contacts", "")
	r.Header.Set("User-Agent", "Go-http-client/1.1")
	if rec := w.serve(r); rec.Code != 200 {
		t.Errorf("switched off, the default agent of Go got %d", rec.Code)
	}
	if got := w.call(403, "GET", "/elsewhere", ""); got != `{"message":"Forbidden"}` {
		t.Errorf("unknown path: %s", got)
	}
}

// The window of a second slides: a fifth request is too many until the first is
// a second old.
func TestLimitOfASecond(t *testing.T) {
	w := newWorld(t, Switches{})
	w.AddAccount("other", "key", "token-2") // the key counts, not the account
	send := func(after time.Duration, token string) int {
		w.now = w.now.Add(after)
		r := newRequest("GET", "/v3/contacts/counts", "")
		r.Header.Set("Authorization", "Bearer "+token)
		return w.serve(r).Code
	}
	for i, step := range []struct {
		after time.Duration
		token string
		want  int
	}{
		{0, "token", 200},
		{500 * time.Millisecond, "token", 200},
		{0, "token-2", 200},
		{0, "token", 200},
		{499 * time.Millisecond, "token-2", 429},
		{1001 * time.Millisecond, "token", 200},
	} {
		if got := send(step.after, step.token); got != step.want {
			t.Errorf("request %d answered %d, want %d", i, got, step.want)
		}
	}
	w.wantRules(RuleRate)
}

func TestLimitOfADay(t *testing.T) {
	w := newWorld(t, Switches{})
	w.keys["key"].day, w.keys["key"].today = "2026-05-04", perDay-1
	w.call(200, "GET", "/v3/contacts/counts", "")
	if got := w.call(429, "GET", "/v3/contacts/counts", ""); got != `{"error_key":"quota_exceeded","error_message":"Limit Exceeded"}` {
		t.Errorf("got %s", got)
	}
	w.now = time.Date(2026, 5, 4, 23, 59, 59, 0, time.UTC)
	w.call(429, "GET", "/v3/contacts/counts", "")
	w.call(429, "GET", "/v3/contacts/counts", "")
	w.now = time.Date(2026, 5, 5, 0, 0, 0, 0, time.UTC)
	w.call(200, "GET", "/v3/contacts/counts", "")
}

func TestThrottledCallsCountAgainstTheDay(t *testing.T) {
	for free, want := range map[bool]int{false: 6, true: 4} {
		w := newWorld(t, Switches{ThrottledCallsAreFree: free})
		for range 6 {
			w.serve(newRequest("GET", "/v3/contacts/counts", ""))
		}
		if got := w.keys["key"].today; got != want {
			t.Errorf("free %v: %d of the day used, want %d", free, got, want)
		}
	}
}

func TestRequestsAreRecorded(t *testing.T) {
	w := newWorld(t, Switches{})
	w.call(400, "POST", "/v3/contacts?x=1", "{}")
	w.must(w.Fault(Fault{Kind: Fault503}))
	w.call(503, "GET", "/v3/contacts/some-id", "")
	w.call(403, "GET", "/v3/emails", "")
	at := func(n int) time.Time { return start.Add(time.Duration(n) * 270 * time.Millisecond) }
	want := []Request{
		{Method: "POST", Path: "/v3/contacts", Endpoint: "POST /v3/contacts", Status: 400, At: at(1), Key: "key", Bytes: 2},
		{Method: "GET", Path: "/v3/contacts/some-id", Endpoint: "GET /v3/contacts/{id}", Status: 503, At: at(2), Key: "key", Fault: Fault503},
		{Method: "GET", Path: "/v3/emails", Endpoint: "/", Status: 403, At: at(3)},
	}
	if got := w.Requests(); !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	if got := w.Counts(); len(got) != 3 || got["GET /v3/contacts/{id}"] != 1 {
		t.Errorf("counts %v", got)
	}
	w.Reset()
	if got := w.Requests(); len(got)+len(w.Counts()) != 0 {
		t.Errorf("after Reset: %+v, %v", got, w.Counts())
	}
}

// The log is bounded and its totals are not.
func TestOldRequestsAreForgotten(t *testing.T) {
	w := newWorld(t, Switches{})
	const n = 2*requestsKept + 10
	for i := range n {
		w.record(Request{Endpoint: "x", Bytes: i})
	}
	got := w.Requests()
	if len(got) != requestsKept || got[0].Bytes != n-requestsKept || got[len(got)-1].Bytes != n-1 || len(w.requests) > 2*requestsKept {
		t.Errorf("%d requests kept, %d shown, from %d", len(w.requests), len(got), got[0].Bytes)
	}
	if got := w.Counts()["x"]; got != n {
		t.Errorf("counted %d, want %d", got, n)
	}
}

func TestAccount(t *testing.T) {
	w := newWorld(t, Switches{})
	if got := w.get(200, "GET", "/v3/account/summary", "").text("encoded_account_id"); got != "account-chamber" {
		t.Errorf("account %q", got)
	}
	if got := w.call(200, "GET", "/v3/account/user/privileges", ""); !strings.Contains(got, `"contacts:lists:write"`) {
		t.Errorf("privileges %s", got)
	}
}

func TestServe(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := New(Config{Now: time.Now})
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, addr) }()
	for {
		connection, err := net.Dial("tcp", addr)
		if err == nil {
			_ = connection.Close()
			break
		}
		select {
		case err := <-ended:
			t.Fatal(err)
		default:
			runtime.Gosched()
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("end of the context: %v", err)
	}
	if err := s.Serve(context.Background(), "not an address"); err == nil {
		t.Error("a wrong address is no error")
	}
}

// Many clients and the office at once: for the race detector, and nobody is lost.
func TestConcurrentUse(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	handler := w.Handler()
	const clients, each = 8, perSecond - 1
	var clientsDone sync.WaitGroup
	for n := range clients {
		token := fmt.Sprint("token-", n)
		w.AddAccount(account, fmt.Sprint("key-", n), token)
		clientsDone.Go(func() {
			for i := range each {
				address := fmt.Sprintf("p%d-%d@example.org", n, i)
				r := newRequest("POST", importPath, people(list, person(address)))
				r.Header.Set("Authorization", "Bearer "+token)
				handler.ServeHTTP(httptest.NewRecorder(), r)
				w.Advance(time.Second)
				_ = w.Unsubscribe(account, address)
				_, _, _ = w.Contacts(account), w.Violations(), w.Requests()
			}
		})
	}
	clientsDone.Wait()
	w.Advance(time.Hour)
	if got := len(w.Contacts(account)); got != clients*each {
		t.Errorf("%d contacts, want %d", got, clients*each)
	}
}
