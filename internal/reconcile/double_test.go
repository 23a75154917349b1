package reconcile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"rollcall/sink/constantcontact"
)

// double is a Constant Contact that does what the documentation leaves open in another
// way than the simulator.
type double struct {
	w      *world
	before func(r *http.Request, body string) (status int, answer string) // 0: the simulator answers
	after  func(r *http.Request, answer map[string]any)
}

// RoundTrip answers a request.
func (o *double) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	reply := httptest.NewRecorder()
	if o.before != nil {
		if status, answer := o.before(r, string(body)); status != 0 {
			reply.WriteHeader(status)
			_, _ = reply.WriteString(answer)
			return reply.Result(), nil
		}
	}
	o.w.sim.Handler().ServeHTTP(reply, r)
	var answer map[string]any
	if o.after != nil && json.Unmarshal(reply.Body.Bytes(), &answer) == nil {
		o.after(r, answer)
		raw, _ := json.Marshal(answer)
		changed := httptest.NewRecorder()
		changed.WriteHeader(reply.Code)
		_, _ = changed.Write(raw)
		reply = changed
	}
	return reply.Result(), nil
}

// become lets the account be such a one from now on.
func (o *double) become(w *world) {
	o.w = w
	client, err := constantcontact.New(constantcontact.Config{
		BaseURL: "http://localhost/v3", HTTP: &http.Client{Transport: o}, UserAgent: "rollcall-test", Now: func() time.Time { return w.now },
		Token: func(context.Context) (string, error) { return w.token, nil },
		Wait:  func(context.Context) error { w.now = w.now.Add(constantcontact.Spacing); return nil },
	})
	w.do(err)
	w.deliverer.Applier.API = client
}

// quietly works although anything may fail, in steps of that length.
func (w *world) quietly(d, step time.Duration) {
	w.t.Helper()
	ctx := w.t.Context()
	note := func(err error) {
		if err != nil {
			fmt.Fprintln(&w.log, w.now, err)
		}
	}
	for end := w.now.Add(d); w.now.Before(end); w.sleep(step) {
		_, _, err := w.widener.Pass(ctx)
		note(err)
		for turned, turns := true, 0; turned && turns < 10; turns++ {
			turned, _, err = w.keeper.Turn(ctx)
			note(err)
		}
		_, _, err = w.deliverer.Applier.Poll(ctx)
		note(err)
		_, _, err = w.deliverer.Batch(ctx)
		note(err)
	}
}

// answerWith lets requests to an endpoint be answered so from now on, while it says so of
// their bodies. It returns how many were.
func (w *world) answerWith(path string, status int, answer string, while func(body string) bool) *int {
	n := new(int)
	(&double{before: func(r *http.Request, body string) (int, string) {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, path) || !while(body) {
			return 0, ""
		}
		*n++
		return status, answer
	}}).become(w)
	return n
}

// spendOrdinaryCalls leaves only the calls that are kept for opt-outs.
func (w *world) spendOrdinaryCalls() {
	w.t.Helper()
	spent, err := constantcontact.New(constantcontact.Config{
		UserAgent: "rollcall-test", Now: func() time.Time { return w.now }, Token: func(context.Context) (string, error) { return w.token, nil },
		Wait: func(context.Context) error { return errors.New("no ordinary calls are left") },
	})
	w.do(err)
	w.deliverer.Applier.OptOuts, w.deliverer.Applier.API = w.deliverer.Applier.API, spent
}

// refused is whoever was put aside.
func (w *world) refused() string {
	return value[string](w, "select coalesce(string_agg(address, ' ' order by address), '') from rollcall_state.contact where refused_at is not null")
}

func always(string) bool { return true }

const (
	importPath = "contacts_json_import"
	// newRep makes a rep of the address, who is to be on the list of everybody and on Gold.
	newRep = "insert into chamber.rep (association_id, member_id, first_name, email) values (1, 1, 'New', $1)"
)
