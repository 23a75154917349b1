package contracttest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
)

// maxBody is what the vendor reads of a body; the rest is dropped without a word.
const maxBody = 4_000_000

// CheckRequest returns what is wrong with a request of the client.
func CheckRequest(r *http.Request, body []byte) []string {
	at := r.Method + " " + template(r.Method, r.URL.Path)
	problems := checkAgent(at, r)
	switch r.URL.Path {
	case tokenPath:
		return append(problems, checkTokenForm(at, r, body)...)
	case authorizePath:
		return append(problems, checkQuestion(at, r.URL.Query())...)
	}
	e, known := find(r.Method, r.URL.Path)
	if !known {
		return append(problems, at+": is no operation of a membership sync")
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
		problems = append(problems, at+": has no token")
	}
	problems = append(problems, checkQuery(at, e, r.URL.Query())...)
	if e.body == nil {
		if len(body) > 0 {
			problems = append(problems, at+": has a body")
		}
		return problems
	}
	if r.Header.Get("Content-Type") != "application/json" {
		problems = append(problems, at+": its body is not declared as JSON")
	}
	if len(body) >= maxBody {
		problems = append(problems, at+": its body is too large")
	}
	return append(problems, checkJSON(at, body, e.body)...)
}

// template is the operation's path, so that no id is in a problem.
func template(method, path string) string {
	if e, known := find(method, path); known {
		return e.path
	}
	return anyUUID.ReplaceAllString(path, "{id}")
}

var anyUUID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

func checkAgent(at string, r *http.Request) []string {
	agent := r.UserAgent()
	if agent == "" || strings.HasPrefix(agent, "Go-http-client") || strings.HasPrefix(agent, "Python-urllib") {
		return []string{at + ": has no user agent of its own"}
	}
	return nil
}

func checkQuery(at string, e endpoint, q url.Values) (problems []string) {
	for name, values := range q {
		allowed := e.query[name]
		switch {
		case allowed == nil:
			problems = append(problems, at+": has the unknown parameter "+name)
		case len(values) != 1 || !allowed(values[0]):
			problems = append(problems, at+": its parameter "+name+" has a value that the API does not take")
		}
	}
	if e.needed != "" && !q.Has(e.needed) && !q.Has("cursor") {
		problems = append(problems, at+": has no "+e.needed)
	}
	return problems
}

func checkJSON(at string, body []byte, r rule) []string {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return []string{at + ": its body is no JSON"}
	}
	return r(at, v)
}

// checkTokenForm holds a request of the token endpoint to the two flows: with the
// secret as Basic authorisation, or with PKCE and the key in the form.
func checkTokenForm(at string, r *http.Request, body []byte) (problems []string) {
	q, err := url.ParseQuery(string(body))
	if err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		return []string{at + ": its body is no form"}
	}
	allowed := map[string]string{
		"authorization_code": "grant_type code redirect_uri code_verifier client_id",
		"refresh_token":      "grant_type refresh_token client_id",
	}[q.Get("grant_type")]
	needed := map[string][]string{"authorization_code": {"code", "redirect_uri"}, "refresh_token": {"refresh_token"}}[q.Get("grant_type")]
	if allowed == "" {
		return []string{at + ": its grant_type is not one of a membership sync"}
	}
	for name, values := range q {
		if !strings.Contains(" "+allowed+" ", " "+name+" ") || len(values) != 1 {
			problems = append(problems, at+": has a parameter that it should not have: "+name)
		}
	}
	for _, name := range needed {
		if q.Get(name) == "" {
			problems = append(problems, at+": has no "+name)
		}
	}
	if _, _, basic := r.BasicAuth(); basic == q.Has("client_id") {
		problems = append(problems, at+": says who the client is twice, or not at all")
	}
	return problems
}

// checkQuestion holds the address that a person opens to the documents.
func checkQuestion(at string, q url.Values) (problems []string) {
	for _, name := range []string{"client_id", "redirect_uri", "scope", "state"} {
		if q.Get(name) == "" {
			problems = append(problems, at+": has no "+name)
		}
	}
	if q.Get("response_type") != "code" {
		problems = append(problems, at+": does not ask for a code")
	}
	if q.Has("code_challenge") && (len(q.Get("code_challenge")) != 43 || q.Get("code_challenge_method") != "S256") {
		problems = append(problems, at+": its challenge is not S256")
	}
	return problems
}

// CheckAnswer returns what is wrong with an answer to a request. Answers of a
// proxy, from 500 on, may be anything.
func CheckAnswer(r *http.Request, status int, header http.Header, body []byte) []string {
	at := r.Method + " " + template(r.Method, r.URL.Path) + " answer"
	if status >= 500 || r.URL.Path == authorizePath {
		return nil
	}
	if strings.HasPrefix(header.Get("Content-Type"), "text/html") {
		if status == http.StatusForbidden {
			return nil // in front of the API, which the client did not reach
		}
		return []string{at + ": is a page"}
	}
	if r.URL.Path == tokenPath {
		return checkTokens(at, status, body)
	}
	e, known := find(r.Method, r.URL.Path)
	switch {
	case status >= 300:
		return checkError(at, status, body)
	case !known:
		return nil // not used by a membership sync
	case status != e.status:
		return []string{at + ": its status is not the documented one"}
	case e.csv:
		if !strings.HasPrefix(header.Get("Content-Type"), "text/csv") {
			return []string{at + ": is not declared as CSV"}
		}
		return nil
	case header.Get("Content-Type") != "application/json":
		return []string{at + ": is not declared as JSON"}
	}
	return checkJSON(at, body, e.answer(r.URL.Query()))
}

// checkError knows the three forms of errors: an array of the API's own, an object
// of its limits and tokens, and the gateway's.
func checkError(at string, status int, body []byte) []string {
	var forms []rule
	switch status {
	case http.StatusUnauthorized:
		forms = []rule{oneError}
	case http.StatusTooManyRequests:
		forms = []rule{oneError, errorArray} // the array says that the queue is full
	case http.StatusForbidden:
		forms = []rule{errorArray, gateway}
	default:
		forms = []rule{errorArray}
	}
	return anyOf(at, body, forms...)
}

func anyOf(at string, body []byte, forms ...rule) (problems []string) {
	for _, r := range forms {
		problems = checkJSON(at, body, r)
		if len(problems) == 0 {
			return nil
		}
	}
	return problems
}

func checkTokens(at string, status int, body []byte) []string {
	if status == http.StatusOK {
		return checkJSON(at, body, tokens)
	}
	return anyOf(at, body, oauthError, oktaError)
}

// Handler passes requests on to next and reports what is wrong with answers, and
// with requests as well when they are the client's. Controls are no part of the
// contract.
func Handler(next http.Handler, requests bool, report func(problem string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_sim/") {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			report(r.Method + ": its body cannot be read")
			return
		}
		var problems []string
		if requests {
			problems = CheckRequest(r, body)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		seen := httptest.NewRecorder()
		next.ServeHTTP(seen, r) // a handler that panics to cut the connection passes through
		for _, problem := range append(problems, CheckAnswer(r, seen.Code, seen.Result().Header, seen.Body.Bytes())...) {
			report(problem)
		}
		for name, values := range seen.Result().Header {
			w.Header()[name] = values
		}
		w.WriteHeader(seen.Code)
		_, _ = w.Write(seen.Body.Bytes())
	})
}
