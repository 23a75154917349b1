package ccsim

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	appKey   = "app"
	secret   = "app-secret"
	callback = "https://app.example.org/cb"
	verifier = "verifier-of-at-least-43-characters-0123456789"
)

// connecting is a world with an application that an account agrees to.
func connecting(t *testing.T, switches Switches, app App) *world {
	t.Helper()
	w := newWorld(t, switches)
	app.Key, app.RedirectURIs = appKey, []string{callback}
	w.must(w.SetApp(app))
	w.SetConsent(&Consent{Account: account})
	return w
}

// question is the address that a person opens, with changes; an empty text takes
// a parameter away.
func (w *world) question(changes ...string) string {
	q := url.Values{
		"client_id": {appKey}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"contact_data account_read offline_access"}, "state": {"s1"},
	}
	for i := 0; i < len(changes); i += 2 {
		if q.Set(changes[i], changes[i+1]); changes[i+1] == "" {
			q.Del(changes[i])
		}
	}
	return authorizePath + "?" + q.Encode()
}

func (w *world) open(target string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest("GET", target, nil)
	r.Header.Set("User-Agent", "browser/1")
	return w.serve(r)
}

// code is the code that the application is sent.
func (w *world) code(changes ...string) string {
	w.t.Helper()
	rec := w.open(w.question(changes...))
	target, err := url.Parse(rec.Header().Get("Location"))
	w.must(err)
	if code := target.Query().Get("code"); rec.Code == 302 && code != "" && target.Query().Get("state") == "s1" {
		return code
	}
	w.t.Fatalf("authorize answered %d %s", rec.Code, target)
	return ""
}

// tokens asks the token endpoint, with the secret when there is one.
func (w *world) tokens(status int, secret string, form ...string) obj {
	w.t.Helper()
	w.now = w.now.Add(time.Second)
	return w.tokensNow(status, secret, form...)
}

func (w *world) tokensNow(status int, secret string, form ...string) obj {
	w.t.Helper()
	q := url.Values{}
	for i := 0; i < len(form); i += 2 {
		q.Set(form[i], form[i+1])
	}
	r := httptest.NewRequest("POST", tokenPath, strings.NewReader(q.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", "test/1")
	if secret != "" {
		r.SetBasicAuth(appKey, secret)
	}
	rec := w.serve(r)
	if rec.Code != status {
		w.t.Fatalf("token endpoint answered %d %s, want %d", rec.Code, rec.Body, status)
	}
	var o obj
	w.must(json.Unmarshal(rec.Body.Bytes(), &o))
	return o
}

func (w *world) exchange(code string) obj {
	w.t.Helper()
	return w.tokens(200, secret, "grant_type", "authorization_code", "code", code, "redirect_uri", callback)
}

func (w *world) refreshWith(status int, token string) obj {
	w.t.Helper()
	return w.tokens(status, secret, "grant_type", "refresh_token", "refresh_token", token)
}

// answers is the status that a token gets.
func (w *world) answers(token, path string) int {
	w.now = w.now.Add(270 * time.Millisecond)
	r := newRequest("GET", path, "")
	r.Header.Set("Authorization", "Bearer "+token)
	return w.serve(r).Code
}

const anyContacts = "/v3/contacts/counts"

func TestAuthorizeRefuses(t *testing.T) {
	w := connecting(t, Switches{}, App{Secret: secret})
	for name, test := range map[string]struct {
		changes []string
		want    string // error of the redirect, empty for a page
	}{
		"unknown application":       {[]string{"client_id", "other"}, ""},
		"another redirect URI":      {[]string{"redirect_uri", callback + "/"}, ""},
		"redirect URI of a prefix":  {[]string{"redirect_uri", "https://app.example.org/"}, ""},
		"no state":                  {[]string{"state", ""}, "invalid_request"},
		"another response type":     {[]string{"response_type", "token"}, "unsupported_response_type"},
		"unknown scope":             {[]string{"scope", "contact_data everything"}, "invalid_scope"},
		"separators encoded wrong":  {[]string{"scope", "contact_data+account_read"}, "invalid_scope"},
		"a challenge that is plain": {[]string{"code_challenge", challengeOf(verifier), "code_challenge_method", "plain"}, "invalid_request"},
		"a challenge of no hash":    {[]string{"code_challenge", "short", "code_challenge_method", "S256"}, "invalid_request"},
	} {
		rec := w.open(w.question(test.changes...))
		target, err := url.Parse(rec.Header().Get("Location"))
		w.must(err)
		if test.want == "" && (rec.Code != 400 || target.String() != "") {
			t.Errorf("%s: %d to %s", name, rec.Code, target)
		}
		if got := target.Query().Get("error"); got != test.want {
			t.Errorf("%s: error %q, want %q", name, got, test.want)
		}
	}
	w.SetConsent(&Consent{Deny: true})
	if got := w.open(w.question()).Header().Get("Location"); !strings.HasPrefix(got, callback+"?error=access_denied&") || !strings.HasSuffix(got, "&state=s1") {
		t.Errorf("denied: %s", got)
	}
	r := httptest.NewRequest("GET", w.question(), nil)
	r.Header.Set("User-Agent", "Go-http-client/1.1")
	if got := w.serve(r).Code; got != 403 {
		t.Errorf("the default agent of Go got %d", got)
	}
}

// Without a control a page asks, and its form answers.
func TestAuthorizePage(t *testing.T) {
	w := connecting(t, Switches{}, App{Secret: secret})
	w.SetConsent(nil)
	if rec := w.open(w.question()); rec.Code != 200 || !strings.Contains(rec.Body.String(), "<option>"+account+"</option>") {
		t.Errorf("page %d %s", rec.Code, rec.Body)
	}
	for form, want := range map[string]string{"account=" + account + "&answer=allow": "?code=", "account=" + account + "&answer=deny": "?error=access_denied"} {
		r := httptest.NewRequest("POST", w.question(), strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("User-Agent", "browser/1")
		if got := w.serve(r).Header().Get("Location"); !strings.HasPrefix(got, callback+want) {
			t.Errorf("%s leads to %s", form, got)
		}
	}
}

func TestCodes(t *testing.T) {
	w := connecting(t, Switches{}, App{Secret: secret})
	form := func(code string, changes ...string) []string {
		return append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", callback}, changes...)
	}
	code := w.code()
	if got := w.tokens(400, secret, form(code, "redirect_uri", callback+"?x")...).text("error"); got != "invalid_grant" {
		t.Errorf("another redirect URI: %s", got)
	}
	if got := w.tokens(401, "wrong", form(code)...).text("error"); got != "invalid_client" {
		t.Errorf("a wrong secret: %s", got)
	}
	w.tokens(401, "", form(code, "client_id", appKey)...) // without a secret or a verifier
	w.tokens(400, secret, "grant_type", "password")
	o := w.exchange(code)
	if o.at("expires_in") != 86400.0 || o.text("token_type") != "Bearer" || o.text("scope") != "contact_data account_read offline_access" {
		t.Errorf("answer %v", o)
	}
	if token := o.text("access_token"); len(token) <= 1000 || len(strings.Split(token, ".")) != 3 {
		t.Errorf("the token has %d characters", len(token))
	}
	if got := w.answers(o.text("access_token"), anyContacts); got != 200 {
		t.Errorf("the token is answered %d", got)
	}
	w.tokens(400, secret, form(code)...) // a second time
	late := w.code()
	w.now = w.now.Add(codeLife - time.Second)
	w.tokens(400, secret, form(late)...)
	if o := w.exchange(w.code("scope", "contact_data")); o.at("refresh_token") != nil {
		t.Errorf("a refresh token came without offline_access: %v", o)
	}
}

func TestPKCE(t *testing.T) {
	w := connecting(t, Switches{}, App{})
	if got := w.open(w.question()).Header().Get("Location"); !strings.Contains(got, "error=invalid_request") {
		t.Errorf("without a challenge: %s", got)
	}
	ask := []string{"code_challenge", challengeOf(verifier), "code_challenge_method", "S256"}
	form := func(code, verifier string) []string {
		return []string{"grant_type", "authorization_code", "code", code, "redirect_uri", callback, "client_id", appKey, "code_verifier", verifier}
	}
	code := w.code(ask...)
	w.tokens(400, "", form(code, "another")...)
	o := w.tokens(200, "", form(code, verifier)...)
	w.tokens(200, "", "grant_type", "refresh_token", "client_id", appKey, "refresh_token", o.text("refresh_token"))

	// With a secret besides: taken, unless a switch forbids it.
	w = connecting(t, Switches{}, App{Secret: secret})
	w.tokens(200, secret, form(w.code(ask...), verifier)...)
	w.switches.SecretExcludesPKCE = true
	w.tokens(400, secret, form(w.code(ask...), verifier)...)
}

func TestRotatingTokens(t *testing.T) {
	w := connecting(t, Switches{}, App{Secret: secret})
	first := w.exchange(w.code())
	second := w.refreshWith(200, first.text("refresh_token"))
	if second.text("refresh_token") == first.text("refresh_token") || second.text("refresh_token") == "" {
		t.Fatalf("refresh token %q", second.text("refresh_token"))
	}
	if got := w.refreshWith(400, first.text("refresh_token")); got.text("error") != "invalid_grant" || got.text("error_description") != "The refresh token is invalid or expired." {
		t.Errorf("reuse: %v", got)
	}
	w.refreshWith(400, second.text("refresh_token")) // the whole grant is dead
	if got := w.answers(second.text("access_token"), anyContacts); got != 401 {
		t.Errorf("its access token is answered %d", got)
	}
	w.wantRules(RuleStaleRefresh)

	w = connecting(t, Switches{ReuseKeepsGrant: true}, App{Secret: secret})
	first = w.exchange(w.code())
	second = w.refreshWith(200, first.text("refresh_token"))
	w.refreshWith(400, first.text("refresh_token"))
	third := w.refreshWith(200, second.text("refresh_token"))
	w.tokens(401, "", "grant_type", "refresh_token", "client_id", appKey, "refresh_token", third.text("refresh_token")) // not a client with PKCE

	// The same application on two sites: the second connection ends the first.
	w.exchange(w.code())
	w.refreshWith(400, third.text("refresh_token"))
}

func TestRefreshGrace(t *testing.T) {
	w := connecting(t, Switches{RefreshGraceSeconds: 60}, App{Secret: secret})
	first := w.exchange(w.code())
	w.refreshWith(200, first.text("refresh_token"))
	again := w.refreshWith(200, first.text("refresh_token"))
	w.now = w.now.Add(time.Minute)
	w.refreshWith(200, again.text("refresh_token"))
	w.wantRules()
	w.refreshWith(400, first.text("refresh_token"))
	w.wantRules(RuleStaleRefresh)
}

func TestLongLivedTokens(t *testing.T) {
	for repeats, want := range map[bool]bool{false: false, true: true} {
		w := connecting(t, Switches{RefreshRepeatsToken: repeats}, App{Secret: secret, LongLived: true})
		token := w.exchange(w.code()).text("refresh_token")
		for range 2 {
			o := w.refreshWith(200, token)
			if got := o.text("refresh_token"); (got == token) != want || got != "" && !want {
				t.Errorf("repeats %v: %q", repeats, got)
			}
		}
		w.exchange(w.code()) // another site
		w.now = w.now.Add(idleLife - time.Minute)
		w.refreshWith(200, token)
		w.now = w.now.Add(idleLife - time.Minute)
		w.refreshWith(200, token)
		w.now = w.now.Add(idleLife)
		w.refreshWith(400, token)
	}
}

func TestTokensEnd(t *testing.T) {
	w := connecting(t, Switches{OktaErrors: true}, App{Secret: secret})
	o := w.exchange(w.code())
	w.now = w.now.Add(accessLife - 2*time.Second)
	if got := w.answers(o.text("access_token"), anyContacts); got != 200 {
		t.Errorf("before its time: %d", got)
	}
	w.now = w.now.Add(2 * time.Second)
	if got := w.answers(o.text("access_token"), anyContacts); got != 401 {
		t.Errorf("after its time: %d", got)
	}
	o = w.refreshWith(200, o.text("refresh_token"))
	w.must(w.ExpireTokens(account))
	if got := w.answers(o.text("access_token"), anyContacts); got != 401 {
		t.Errorf("ended early: %d", got)
	}
	o = w.refreshWith(200, o.text("refresh_token"))
	w.order(204, "accounts/"+account+"/revoke", `{"api_key":"other"}`)
	if got := w.answers(o.text("access_token"), anyContacts); got != 200 {
		t.Errorf("another application removed: %d", got)
	}
	w.order(204, "accounts/"+account+"/revoke", "")
	if got := w.answers(o.text("access_token"), anyContacts); got != 401 {
		t.Errorf("removed: %d", got)
	}
	if got := w.refreshWith(400, o.text("refresh_token")).text("errorCode"); got != "invalid_grant" {
		t.Errorf("removed: %s", got)
	}
}

func TestTokenEndpointIsSlow(t *testing.T) {
	w := connecting(t, Switches{}, App{Secret: secret})
	token := w.exchange(w.code()).text("refresh_token")
	w.now = w.now.Add(999 * time.Millisecond)
	w.tokensNow(429, secret, "grant_type", "refresh_token", "refresh_token", token)
	w.refreshWith(200, token)
	w.wantRules(RuleTokenRate)
}

// The faults of the API hit the token endpoint as well. A token whose successor
// was lost on its way is not held against the client.
func TestFaultsOfTheTokenEndpoint(t *testing.T) {
	w := connecting(t, Switches{}, App{Secret: secret})
	token := w.exchange(w.code()).text("refresh_token")
	w.must(w.Fault(Fault{Kind: FaultUnauthorized})) // waits for a request of the API
	w.must(w.Fault(Fault{PathPrefix: tokenPath, Kind: FaultThrottled}))
	w.tokens(429, secret, "grant_type", "refresh_token", "refresh_token", token)
	w.must(w.Fault(Fault{PathPrefix: tokenPath, Kind: FaultResetAfter}))
	func() {
		defer func() { _ = recover() }() // the connection is cut
		w.refreshWith(0, token)
	}()
	w.refreshWith(400, token)
	w.wantRules()
	if got := slices.ContainsFunc(w.Requests(), func(r Request) bool { return r.Fault == FaultResetAfter && r.Status == 0 && r.Key == appKey }); !got {
		t.Errorf("requests %+v", w.Requests())
	}

	token = w.exchange(w.code()).text("refresh_token")
	w.must(w.Fault(Fault{PathPrefix: tokenPath, Kind: FaultRevoked}))
	if got := w.refreshWith(400, token).text("error"); got != "invalid_grant" {
		t.Errorf("revoked: %s", got)
	}
}

func TestScopesAndPrivileges(t *testing.T) {
	w := connecting(t, Switches{}, App{Secret: secret})
	narrow := w.exchange(w.code("scope", "account_read")).text("access_token")
	wide := w.exchange(w.code()).text("access_token")
	check := func(name, token string, want map[string]int) {
		t.Helper()
		for path, status := range want {
			if got := w.answers(token, path); got != status {
				t.Errorf("%s: %s answered %d, want %d", name, path, got, status)
			}
		}
	}
	const summary, held, lists, activities = "/v3/account/summary", "/v3/account/user/privileges", "/v3/contact_lists", "/v3/activities"
	check("scope", narrow, map[string]int{summary: 200, held: 200, anyContacts: 403, lists: 403, activities: 403})
	check("owner", wide, map[string]int{summary: 200, held: 200, anyContacts: 200, lists: 200, activities: 200})
	w.order(204, "accounts/"+account+"/privileges", `{"privileges":["contacts:read","contacts:lists:read"]}`)
	check("reader", wide, map[string]int{anyContacts: 200, lists: 200, activities: 403})
	w.order(204, "accounts/"+account+"/role", `{"role":"Campaign Creator"}`)
	check("creator", wide, map[string]int{summary: 200, held: 200, anyContacts: 403, lists: 403, activities: 403})
	if got := w.call(200, "GET", held, ""); got != "[]" {
		t.Errorf("privileges %s", got)
	}
	w.order(400, "accounts/"+account+"/role", `{"role":"King"}`)
	w.order(204, "accounts/"+account+"/role", `{"role":"Manager"}`)
	w.order(204, "apps", `{"api_key":"app","secret":"app-secret","redirect_uris":["`+callback+`"],"deactivated":true}`)
	check("deactivated", wide, map[string]int{anyContacts: 403, summary: 403})
}
