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
	app    App
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

// Handler serves the API below /v3, the authorisation server below /oauth2 and
// the controls below /_sim.
func (s *Sim) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", s.strayed)
	for pattern, to := range s.routes() {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, to) })
	}
	mux.HandleFunc("GET "+authorizePath, s.authorize)
	mux.HandleFunc("POST "+authorizePath, s.authorize)
	mux.HandleFunc("POST "+tokenPath, s.serveToken)
	mux.HandleFunc("/_sim/", http.NotFound)
	s.controls(mux)
	return mux
}

// route is how an operation is answered, and what a token needs for it.
type route struct {
	handle           func(*call) answer
	scope, privilege string
}

func (s *Sim) routes() map[string]route {
	contacts := func(handle func(*call) answer, privilege string) route { return route{handle, scopeData, privilege} }
	return map[string]route{
		"GET /v3/contacts":                            contacts(s.getContacts, readContacts),
		"POST /v3/contacts":                           contacts(s.postContact, writeContacts),
		"GET /v3/contacts/counts":                     contacts(s.getCounts, readContacts),
		"POST /v3/contacts/sign_up_form":              contacts(s.signUp, writeContacts),
		"GET /v3/contacts/{id}":                       contacts(s.getContact, readContacts),
		"PUT /v3/contacts/{id}":                       contacts(s.putContact, writeContacts),
		"DELETE /v3/contacts/{id}":                    contacts(s.deleteContact, writeContacts),
		"GET /v3/contact_lists":                       contacts(s.getLists, readLists),
		"POST /v3/contact_lists":                      contacts(s.postList, writeLists),
		"GET /v3/contact_lists/{id}":                  contacts(s.getList, readLists),
		"PUT /v3/contact_lists/{id}":                  contacts(s.putList, writeLists),
		"DELETE /v3/contact_lists/{id}":               contacts(s.deleteList, writeLists),
		"GET /v3/contact_custom_fields":               contacts(s.getFields, readContacts),
		"POST /v3/contact_custom_fields":              contacts(s.postField, writeContacts),
		"GET /v3/contact_custom_fields/{id}":          contacts(s.getField, readContacts),
		"PUT /v3/contact_custom_fields/{id}":          contacts(s.putField, writeContacts),
		"DELETE /v3/contact_custom_fields/{id}":       contacts(s.deleteField, writeContacts),
		"POST /v3/activities/contacts_json_import":    contacts(s.postImport, writeContacts),
		"POST /v3/activities/add_list_memberships":    contacts(s.postAdd, writeContacts),
		"POST /v3/activities/remove_list_memberships": contacts(s.postRemove, writeContacts),
		"POST /v3/activities/contact_exports":         contacts(s.postExport, writeContacts),
		"GET /v3/contact_exports/{id}":                contacts(s.getExport, writeContacts),
		"GET /v3/activities":                          contacts(s.getActivities, writeContacts),
		"GET /v3/activities/{id}":                     contacts(s.getActivity, writeContacts),
		"GET /v3/account/summary":                     {s.getAccount, scopeRead, ""},
		"GET /v3/account/user/privileges":             {s.getPrivileges, "", ""},
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
func (s *Sim) serve(w http.ResponseWriter, r *http.Request, to route) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	fault, a := s.do(r, body, to)
	fault.send(w, r, a)
}

func (s *Sim) do(r *http.Request, body []byte, to route) (Fault, answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := Request{Method: r.Method, Path: r.URL.Path, Endpoint: r.Pattern, At: s.time(), Bytes: len(body)}
	g, a := s.admit(r, body)
	if g != nil {
		seen.Key = g.key
	}
	var fault Fault
	if a.status == 0 {
		fault = s.takeFault(r)
		seen.Fault = fault.Kind
		instead, spoiled := fault.instead()
		a = instead
		g.revoked = g.revoked || fault.Kind == FaultRevoked
		if !spoiled {
			s.settle(g.account)
			a = s.permitted(&call{Request: r, account: g.account, body: body, fault: fault}, g, to)
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

// permitted handles a request whose token has the scope and whose user has the
// privilege. The vendor answers 403 for either, and for a deactivated application.
func (s *Sim) permitted(c *call, g *grant, to route) answer {
	if !g.may(to.scope) || !g.account.may(to.privilege) || s.keys[g.key].app.Deactivated {
		return problem(http.StatusForbidden, "contacts.api.forbidden", "Forbidden")
	}
	return to.handle(c)
}

// blocks says whether the vendor's front turns the client away by its name.
func (s *Sim) blocks(r *http.Request) bool {
	agent := r.UserAgent()
	return !s.switches.AnyUserAgent && (agent == "" || strings.HasPrefix(agent, "Go-http-client") || strings.HasPrefix(agent, "Python-urllib"))
}

func blocked() answer { return page(http.StatusForbidden, "Access denied") }

// admit checks user agent, token and limits. A status other than 0 is the
// answer.
func (s *Sim) admit(r *http.Request, body []byte) (*grant, answer) {
	if s.blocks(r) {
		return nil, blocked()
	}
	text, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer || text == "" {
		return nil, forbidden()
	}
	token := s.tokens[text]
	if token == nil || token.grant.revoked || !token.expires.IsZero() && !s.time().Before(token.expires) {
		return nil, unauthorized()
	}
	if limited := s.count(token.grant.key); limited.status != 0 {
		return token.grant, limited
	}
	if len(body) > 0 && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return token.grant, problem(http.StatusUnsupportedMediaType, "contacts.api.unsupported_media_type", "Unsupported Media Type")
	}
	return token.grant, answer{}
}

// count holds a request against the limits of its key.
func (s *Sim) count(key string) answer {
	k, now := s.keys[key], s.time()
	for len(k.recent) > 0 && now.Sub(k.recent[0]) >= time.Second {
		k.recent = k.recent[1:]
	}
	if day := now.Add(s.skew).Format(time.DateOnly); day != k.day {
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

func unauthorized() answer {
	return object(http.StatusUnauthorized, "unauthorized", "Unauthorized")
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
