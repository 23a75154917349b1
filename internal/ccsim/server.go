package ccsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Limits of the vendor.
const (
	perSecond = 4
	perDay    = 10_000
)

// keyState counts the requests of one API key.
type keyState struct {
	recent []time.Time // of the last second
	day    string
	today  int
}

// answer is the reply to a request: JSON, or raw of another type.
type answer struct {
	status int
	body   any
	raw    []byte
	kind   string
}

// call is one authorised request.
type call struct {
	*http.Request
	account *accountState
	body    []byte
	fault   Fault
}

// Handler serves the API below /v3 and the controls below /_sim.
func (s *Sim) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", s.strayed)
	for pattern, handle := range s.routes() {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, handle) })
	}
	mux.HandleFunc("/_sim/", http.NotFound)
	s.controls(mux)
	return mux
}

func (s *Sim) routes() map[string]func(*call) answer {
	return map[string]func(*call) answer{
		"GET /v3/contacts":                            s.getContacts,
		"POST /v3/contacts":                           s.postContact,
		"GET /v3/contacts/counts":                     s.getCounts,
		"POST /v3/contacts/sign_up_form":              s.signUp,
		"GET /v3/contacts/{id}":                       s.getContact,
		"PUT /v3/contacts/{id}":                       s.putContact,
		"DELETE /v3/contacts/{id}":                    s.deleteContact,
		"GET /v3/contact_lists":                       s.getLists,
		"POST /v3/contact_lists":                      s.postList,
		"GET /v3/contact_lists/{id}":                  s.getList,
		"PUT /v3/contact_lists/{id}":                  s.putList,
		"DELETE /v3/contact_lists/{id}":               s.deleteList,
		"POST /v3/activities/contacts_json_import":    s.postImport,
		"POST /v3/activities/add_list_memberships":    s.postAdd,
		"POST /v3/activities/remove_list_memberships": s.postRemove,
		"POST /v3/activities/contact_exports":         s.postExport,
		"GET /v3/contact_exports/{id}":                s.getExport,
		"GET /v3/activities":                          s.getActivities,
		"GET /v3/activities/{id}":                     s.getActivity,
		"GET /v3/account/summary":                     s.getAccount,
		"GET /v3/account/user/privileges":             s.getPrivileges,
	}
}

// strayed answers a path that the API does not have.
func (s *Sim) strayed(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.record(Request{Method: r.Method, Path: r.URL.Path, Endpoint: r.Pattern, Status: http.StatusForbidden, At: s.time()})
	s.mu.Unlock()
	forbidden().write(w)
}

// serve authorises, counts, answers and records one request.
func (s *Sim) serve(w http.ResponseWriter, r *http.Request, handle func(*call) answer) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	fault, a := s.do(r, body, handle)
	fault.send(w, r, a)
}

func (s *Sim) do(r *http.Request, body []byte, handle func(*call) answer) (Fault, answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := Request{Method: r.Method, Path: r.URL.Path, Endpoint: r.Pattern, At: s.time(), Bytes: len(body)}
	g, a := s.admit(r, body)
	seen.Key = g.key
	var fault Fault
	if a.status == 0 {
		fault = s.takeFault(r)
		seen.Fault = fault.Kind
		instead, spoiled := fault.instead()
		a = instead
		if !spoiled {
			s.settle(g.account)
			a = handle(&call{Request: r, account: g.account, body: body, fault: fault})
		}
	}
	if !fault.cuts() {
		seen.Status = a.status
	}
	s.record(seen)
	a.raw, a.kind = a.encode() // while nobody changes what it shows
	a.body = nil
	return fault, a
}

// admit checks token, user agent and limits. A status other than 0 is the
// answer.
func (s *Sim) admit(r *http.Request, body []byte) (grant, answer) {
	if agent := r.UserAgent(); !s.switches.AnyUserAgent &&
		(agent == "" || strings.HasPrefix(agent, "Go-http-client") || strings.HasPrefix(agent, "Python-urllib")) {
		return grant{}, page(http.StatusForbidden, "Access denied")
	}
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	g, known := s.tokens[token]
	if !bearer || token == "" {
		return grant{}, forbidden()
	}
	if !known {
		return grant{}, object(http.StatusUnauthorized, "unauthorized", "Unauthorized")
	}
	if limited := s.count(g.key); limited.status != 0 {
		return g, limited
	}
	if len(body) > 0 && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return g, problem(http.StatusUnsupportedMediaType, "contacts.api.unsupported_media_type", "Unsupported Media Type")
	}
	return g, answer{}
}

// count holds a request against the limits of its key.
func (s *Sim) count(key string) answer {
	k, now := s.keys[key], s.time()
	for len(k.recent) > 0 && now.Sub(k.recent[0]) >= time.Second {
		k.recent = k.recent[1:]
	}
	if day := now.Format(time.DateOnly); day != k.day {
		k.day, k.today = day, 0
	}
	tooFast := len(k.recent) >= perSecond
	if tooFast {
		s.note(RuleRate, "key "+key)
	}
	k.recent = append(k.recent, now)
	if !tooFast || !s.switches.ThrottledCallsAreFree {
		k.today++
	}
	switch {
	case tooFast:
		return throttled()
	case k.today > perDay:
		return quotaExceeded()
	}
	return answer{}
}

// encode returns the bytes of the body and their type.
func (a answer) encode() (raw []byte, kind string) {
	if a.body == nil {
		return a.raw, a.kind
	}
	raw, err := json.Marshal(a.body)
	if err != nil {
		panic(err) // every body is made of maps, slices and strings
	}
	return raw, "application/json"
}

func (a answer) write(w http.ResponseWriter) { Fault{}.send(w, nil, a) }

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

type apiError struct {
	Key     string `json:"error_key"`
	Message string `json:"error_message"`
}

// problem is an error in the form of contacts, lists and activities: an array.
func problem(status int, key, format string, args ...any) answer {
	return answer{status: status, body: []apiError{{key, fmt.Sprintf(format, args...)}}}
}

// object is an error in the form of the gateway's limits and tokens.
func object(status int, key, message string) answer {
	return answer{status: status, body: apiError{key, message}}
}

func throttled() answer {
	return object(http.StatusTooManyRequests, "throttled", "Too Many Requests")
}

func quotaExceeded() answer {
	return object(http.StatusTooManyRequests, "quota_exceeded", "Limit Exceeded")
}

// forbidden is the gateway's answer, the third form.
func forbidden() answer {
	return answer{status: http.StatusForbidden, body: map[string]string{"message": "Forbidden"}}
}

// page is an answer of a proxy.
func page(status int, text string) answer {
	return answer{status: status, raw: []byte("<html><body>" + text + "</body></html>"), kind: "text/html"}
}

func invalid(format string, args ...any) answer {
	return problem(http.StatusBadRequest, "contacts.api.validation.error", format, args...)
}

func notFound(what string) answer {
	return problem(http.StatusNotFound, "contacts.api.not_found", "%s is in an invalid format.", what)
}

func (c *call) decode(into any) bool { return json.Unmarshal(c.body, into) == nil }

// decodeOnly refuses what is not simulated, where it would change whom a request
// is about.
func (c *call) decodeOnly(into any) bool {
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.DisallowUnknownFields()
	return d.Decode(into) == nil
}
