package ccsim

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The vendor's authorisation server. Here it is on the API's host.
const (
	authorizePath = "/oauth2/default/v1/authorize"
	tokenPath     = "/oauth2/default/v1/token"
)

// Consent is what the person answers who is asked whether an application may
// use an account.
type Consent struct {
	Account string `json:"account"`
	Deny    bool   `json:"deny"`
}

// SetConsent answers for the person from now on, so that no page is shown; nil
// ends it.
func (s *Sim) SetConsent(c *Consent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.consent = c
}

// question is a valid request for an authorisation.
type question struct {
	app       App
	redirect  string
	state     string
	scopes    []string
	challenge string
}

// authorize is the page on which a person connects an account: GET shows it,
// POST is the answer.
func (s *Sim) authorize(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // a form that is none has no answer
	s.mu.Lock()
	seen := Request{Method: r.Method, Path: r.URL.Path, Endpoint: r.Pattern, At: s.time(), Key: r.URL.Query().Get("client_id")}
	target, a := s.answerQuestion(r)
	seen.Status = a.status
	s.record(seen)
	s.mu.Unlock()
	if target != "" {
		w.Header().Set("Location", target)
	}
	a.write(w)
}

// answerQuestion returns where the browser is sent, if anywhere, and what it is
// shown.
func (s *Sim) answerQuestion(r *http.Request) (target string, a answer) {
	q := r.URL.Query()
	if s.blocks(r) {
		return "", blocked()
	}
	ask := question{redirect: q.Get("redirect_uri"), state: q.Get("state"), scopes: strings.Fields(q.Get("scope")), challenge: q.Get("code_challenge")}
	k := s.keys[q.Get("client_id")]
	if k == nil {
		return "", page(http.StatusBadRequest, "Invalid value for 'client_id' parameter.")
	}
	ask.app = k.app
	if !slices.Contains(ask.app.RedirectURIs, ask.redirect) {
		return "", page(http.StatusBadRequest, "The 'redirect_uri' parameter must be a Login redirect URI in the client app settings.")
	}
	if code, text := ask.broken(q); code != "" {
		return ask.refuse(code, text), answer{status: http.StatusFound}
	}
	given := s.consent
	if r.Method == http.MethodPost {
		given = &Consent{Account: r.PostFormValue("account"), Deny: r.PostFormValue("answer") != "allow"}
	}
	switch {
	case given == nil:
		return "", s.consentPage(ask)
	case given.Deny:
		return ask.refuse("access_denied", "The resource owner denied the request."), answer{status: http.StatusFound}
	case s.accounts[given.Account] == nil:
		return "", page(http.StatusBadRequest, "There is no such account.")
	}
	code := s.opaque("code")
	g := s.newGrant(ask.app.Key, s.accounts[given.Account], ask.scopes, false)
	s.codes[code] = &authCode{grant: g, redirect: ask.redirect, challenge: ask.challenge, expires: s.time().Add(codeLife)}
	return ask.back(url.Values{"code": {code}}), answer{status: http.StatusFound}
}

// broken names the error that the application is sent, empty when there is none.
func (ask question) broken(q url.Values) (code, text string) {
	switch {
	case ask.app.Deactivated:
		return "unauthorized_client", "The client is not authorized."
	case q.Get("response_type") != "code":
		return "unsupported_response_type", "The response type is not supported by the authorization server."
	case ask.state == "":
		return "invalid_request", "The authentication request has an invalid 'state' parameter."
	case len(ask.scopes) == 0 || !allIn(ask.scopes, scopes):
		return "invalid_scope", "One or more scopes are not configured for the authorization server resource."
	case ask.challenge == "" && ask.app.Secret == "":
		return "invalid_request", "PKCE code challenge is required when the token endpoint authentication method is 'NONE'."
	case ask.challenge != "" && (len(ask.challenge) != 43 || q.Get("code_challenge_method") != "S256"):
		return "invalid_request", "The PKCE code challenge is not valid."
	}
	return "", ""
}

func (ask question) refuse(code, text string) string {
	return ask.back(url.Values{"error": {code}, "error_description": {text}})
}

// back is the application's address with an answer.
func (ask question) back(answer url.Values) string {
	answer.Set("state", ask.state)
	separator := "?"
	if strings.Contains(ask.redirect, "?") {
		separator = "&"
	}
	return ask.redirect + separator + answer.Encode()
}

// consentForm stands for the vendor's pages. Who is signed in, and for which
// account, is chosen on it.
var consentForm = template.Must(template.New("consent").Parse(`<!DOCTYPE html>
<html lang="en"><head><title>Simulated Constant Contact</title></head><body>
<h1>Simulated Constant Contact</h1>
<p>The application <strong>{{.App}}</strong> asks for: {{range .Scopes}}<code>{{.}}</code> {{end}}</p>
<form method="post">
<label>Account <select name="account">{{range .Accounts}}<option>{{.}}</option>{{end}}</select></label>
<button name="answer" value="allow">Allow</button>
<button name="answer" value="deny">Deny</button>
</form></body></html>
`))

func (s *Sim) consentPage(ask question) answer {
	content := struct {
		App              string
		Scopes, Accounts []string
	}{App: ask.app.Key, Scopes: ask.scopes, Accounts: s.accountNames()}
	var b strings.Builder
	if err := consentForm.Execute(&b, content); err != nil {
		panic(fmt.Errorf("show consent: %w", err)) // the template is fixed
	}
	return answer{status: http.StatusOK, raw: []byte(b.String()), kind: "text/html; charset=utf-8"}
}

func (s *Sim) accountNames() []string {
	names := []string{}
	for name := range s.accounts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
