package oracle

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"rollcall/internal/ccsim"
)

// wire carries the system's requests to the simulator and lets the model judge
// what is written and learn what was read.
type wire struct {
	account *account
	model   *model
	trace   func(format string, args ...any)
	// planning: a plan's verdicts count for what is read; else a poll reads.
	planning bool
	writes   int // requests that were not GETs
}

var errCut = errors.New("connection reset by peer")

// RoundTrip does one request.
func (w *wire) RoundTrip(r *http.Request) (_ *http.Response, err error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body.Close()
	sentence := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/v3")
	write := w.judge(r, body)
	recorder := httptest.NewRecorder()
	cut := w.serve(recorder, r, body)
	requests := w.account.sim.Requests()
	last := requests[len(requests)-1]
	done := recorder.Code < 300 && last.Fault != ccsim.FaultResetBefore
	w.trace("    %s?%s → %d %s", sentence, r.URL.RawQuery, recorder.Code, last.Fault)
	switch {
	case write == nil:
	case done:
		write(w.activity(recorder, cut), last.Fault != "", true)
	case last.Fault != "":
		write("", true, false)
	}
	if cut {
		return nil, errCut
	}
	if r.Method == http.MethodGet && last.Fault == "" && recorder.Code == http.StatusOK {
		w.learn(r, recorder.Body.Bytes())
	}
	return recorder.Result(), nil
}

func (w *wire) serve(recorder *httptest.ResponseRecorder, r *http.Request, body []byte) (cut bool) {
	defer func() {
		if e := recover(); e != nil {
			if e != http.ErrAbortHandler {
				panic(e)
			}
			cut = true
		}
	}()
	inner := httptest.NewRequest(r.Method, r.URL.RequestURI(), bytes.NewReader(body))
	inner.Header = r.Header
	w.account.http.ServeHTTP(recorder, inner)
	return false
}

// activity is the id of the activity that a request made.
func (w *wire) activity(recorder *httptest.ResponseRecorder, cut bool) string {
	var reply struct {
		ID   string `json:"activity_id"`
		List string `json:"list_id"`
	}
	if !cut && json.Unmarshal(recorder.Body.Bytes(), &reply) == nil {
		return reply.ID + reply.List
	}
	return w.account.look().newest
}

// judge judges a request that writes. The function returned notes what was
// told: whether the reply was lost, and whether the request was carried out,
// which the system cannot know then.
func (w *wire) judge(r *http.Request, body []byte) func(id string, lost, done bool) {
	m := w.model
	path := strings.TrimPrefix(r.URL.Path, "/v3")
	var in struct {
		Name  string              `json:"name"`
		Rows  []map[string]string `json:"import_data"`
		Lists []string            `json:"list_ids"`
		Email struct {
			Address    string `json:"address"`
			Permission string `json:"permission_to_send"`
		} `json:"email_address"`
		Source struct {
			IDs []string `json:"contact_ids"`
		} `json:"source"`
	}
	if r.Method == http.MethodGet || path == "/activities/contact_exports" {
		return nil
	}
	w.writes++
	if err := json.Unmarshal(body, &in); err != nil {
		m.problem("sends %s with a body that cannot be read", path)
		return nil
	}
	now := w.account.look()
	var people []*contact
	for _, row := range in.Rows {
		c := &contact{}
		c.Email.Address = strings.ToLower(row["email"])
		people = append(people, c)
	}
	for _, id := range in.Source.IDs {
		if c := now.byID[id]; c != nil {
			people = append(people, c)
		}
	}
	if id, found := strings.CutPrefix(path, "/contact_lists/"); found && r.Method == http.MethodPut {
		m.renameList(now, id, in.Name)
		return nil
	}
	if id, found := strings.CutPrefix(path, "/contacts/"); found && r.Method == http.MethodPut {
		m.putContact(now.byID[id], in.Email.Address, in.Email.Permission)
		return nil
	}
	op := "add"
	switch r.Method + " " + path {
	case "POST /contact_lists":
		s := m.createList(in.Name)
		return func(id string, _, done bool) {
			if done {
				m.bind(s, id)
			}
		}
	case "POST /activities/contacts_json_import", "POST /activities/add_list_memberships":
	case "POST /activities/remove_list_memberships":
		op = "remove"
	default:
		m.problem("sends %s %s", r.Method, path)
		return nil
	}
	for _, c := range people {
		for _, id := range in.Lists {
			w.trace("    %s %s: %s", op, c.Email.Address, m.of[id])
			if op == "add" {
				m.add(now, id, c.Email.Address)
			} else {
				m.remove(now, id, c)
			}
		}
	}
	return func(activity string, lost, done bool) {
		for _, c := range people {
			for _, id := range in.Lists {
				if done {
					m.tell(id, c.Email.Address, op, activity, lost)
				} else {
					m.mayBeTold(id, c.Email.Address, op)
				}
			}
		}
	}
}

// learn notes what the system read.
func (w *wire) learn(r *http.Request, body []byte) {
	var page struct {
		Contacts []*contact `json:"contacts"`
	}
	if r.URL.Path != "/v3/contacts" || json.Unmarshal(body, &page) != nil {
		return
	}
	q := r.URL.Query()
	if !strings.Contains(q.Get("include"), "list_memberships") {
		return
	}
	for _, c := range page.Contacts {
		w.model.read(c, w.planning, q.Get("email") != "")
	}
	if a := q.Get("email"); a != "" && len(page.Contacts) == 0 {
		w.model.absent(a, w.planning)
	}
}
