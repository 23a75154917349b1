package oauth_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rollcall/internal/ccsim"
	"rollcall/sink/constantcontact/contracttest"
	"rollcall/sink/constantcontact/oauth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account  = "chamber"
	callback = "https://app.example.org/oauth/callback"
	secret   = "zz-secret/with+signs"
	mayUse   = "/v3/contacts/counts"
)

var start = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

// world is a simulated authorisation server, a client of it, and what it saved.
type world struct {
	t       *testing.T
	sim     *ccsim.Sim
	client  *oauth.Client
	handler http.Handler
	now     time.Time
	saved   []oauth.Token
	saveErr error
}

func newWorld(t *testing.T, switches ccsim.Switches, app ccsim.App, noPKCE bool) *world {
	t.Helper()
	w := &world{t: t, now: start}
	w.sim = ccsim.New(ccsim.Config{Now: func() time.Time { return w.now }, Switches: switches})
	w.sim.AddAccount(account, "", "")
	app.Key, app.RedirectURIs = "app", []string{callback}
	w.must(w.sim.SetApp(app))
	w.sim.SetConsent(&ccsim.Consent{Account: account})
	w.handler = contracttest.Handler(w.sim.Handler(), true, func(problem string) { t.Error(problem) })
	client, err := oauth.New(oauth.Config{
		ClientID: "app", ClientSecret: app.Secret, RedirectURL: callback, NoPKCE: noPKCE, UserAgent: "rollcall-test/1",
		HTTP: &http.Client{Transport: wire{w}},
		Wait: func(context.Context) error { w.now = w.now.Add(oauth.Spacing); return nil },
		Now:  func() time.Time { return w.now },
	})
	w.must(err)
	w.client = client
	return w
}

// wire carries requests to the simulator without a network. A handler that panics
// cuts the connection.
type wire struct{ *world }

// RoundTrip answers a request.
func (w wire) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	rec := httptest.NewRecorder()
	defer func() {
		if cut := recover(); cut != nil {
			answer, err = nil, errors.New("connection reset")
		}
	}()
	w.handler.ServeHTTP(rec, r)
	return rec.Result(), nil
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) save(_ context.Context, t oauth.Token) error {
	if w.saveErr == nil {
		w.saved = append(w.saved, t)
	}
	return w.saveErr
}

// callbackOf opens the address as a browser does and returns the callback's query.
func (w *world) callbackOf(a oauth.Attempt) url.Values {
	w.t.Helper()
	r := httptest.NewRequest("GET", w.client.AuthCodeURL(a), nil)
	r.Header.Set("User-Agent", "browser/1")
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	target, err := url.Parse(rec.Header().Get("Location"))
	w.must(err)
	if !strings.HasPrefix(target.String(), callback+"?") {
		w.t.Fatalf("authorize answered %d to %s", rec.Code, target)
	}
	return target.Query()
}

// connect goes the whole way.
func (w *world) connect() oauth.Token {
	w.t.Helper()
	a := oauth.NewAttempt()
	code, err := a.Code(w.callbackOf(a))
	w.must(err)
	t, err := w.client.Exchange(w.t.Context(), code, a, w.save)
	w.must(err)
	return t
}

func (w *world) refresh(token string) (oauth.Token, error) {
	return w.client.Refresh(w.t.Context(), token, w.save)
}

// works says whether the API takes a token.
func (w *world) works(t oauth.Token) bool {
	w.now = w.now.Add(time.Second)
	r := httptest.NewRequest("GET", mayUse, nil)
	r.Header.Set("Authorization", "Bearer "+t.Access)
	r.Header.Set("User-Agent", "test/1")
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec.Code == 200
}

func TestAuthCodeURL(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, ccsim.App{Secret: secret}, false)
	a := oauth.NewAttempt()
	text := w.client.AuthCodeURL(a)
	if !strings.HasPrefix(text, oauth.DefaultBaseURL+"/authorize?") || strings.Contains(strings.ToUpper(text), "%2B") || strings.Contains(text, a.Verifier) {
		t.Errorf("address %s", text)
	}
	u, err := url.Parse(text)
	w.must(err)
	q := u.Query()
	for name, want := range map[string]string{
		"client_id": "app", "redirect_uri": callback, "response_type": "code", "scope": "contact_data account_read offline_access", "state": a.State,
		"code_challenge_method": "S256",
	} {
		if got := q.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if other := oauth.NewAttempt(); other.State == a.State || other.Verifier == a.Verifier || len(a.State) < 26 || len(a.Verifier) < 43 {
		t.Errorf("two attempts are alike, or short")
	}
}

func TestCallback(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, ccsim.App{Secret: secret}, false)
	a := oauth.NewAttempt()
	q := w.callbackOf(a)
	if _, err := oauth.NewAttempt().Code(q); !errors.Is(err, oauth.ErrState) {
		t.Errorf("another attempt: %v", err)
	}
	if _, err := (oauth.Attempt{}).Code(url.Values{"code": {"x"}}); !errors.Is(err, oauth.ErrState) {
		t.Errorf("no attempt: %v", err)
	}
	if _, err := a.Code(url.Values{"state": {a.State}}); err == nil {
		t.Error("no code is no error")
	}
	w.sim.SetConsent(&ccsim.Consent{Deny: true})
	_, err := a.Code(w.callbackOf(a))
	if denied, is := errors.AsType[*oauth.DeniedError](err); !is || denied.Code != "access_denied" {
		t.Errorf("denied: %v", err)
	}
}

// Both modes, with and without a secret, with every form of answer that is not
// documented: a token works, and works again after each refresh.
func TestConnectAndRefresh(t *testing.T) {
	for name, test := range map[string]struct {
		switches ccsim.Switches
		app      ccsim.App
		noPKCE   bool
		changes  bool // of the refresh token
	}{
		"rotating, secret and PKCE": {ccsim.Switches{}, ccsim.App{Secret: secret}, false, true},
		"rotating, secret alone":    {ccsim.Switches{SecretExcludesPKCE: true}, ccsim.App{Secret: secret}, true, true},
		"rotating, PKCE alone":      {ccsim.Switches{}, ccsim.App{}, false, true},
		"rotating with grace":       {ccsim.Switches{RefreshGraceSeconds: 60}, ccsim.App{Secret: secret}, false, true},
		"long lived, left out":      {ccsim.Switches{}, ccsim.App{Secret: secret, LongLived: true}, false, false},
		"long lived, repeated":      {ccsim.Switches{RefreshRepeatsToken: true}, ccsim.App{Secret: secret, LongLived: true}, false, false},
		"long lived, PKCE alone":    {ccsim.Switches{}, ccsim.App{LongLived: true}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.switches, test.app, test.noPKCE)
			token := w.connect()
			for i := range 4 {
				if !w.works(token) || len(token.MissingScopes()) > 0 || len(w.saved) != i+1 || w.saved[i].Refresh != token.Refresh {
					t.Fatalf("after %d refreshes: %d saved, scopes %v", i, len(w.saved), token.Scopes)
				}
				if life := token.ExpiresAt.Sub(w.now); life > 24*time.Hour || life < 24*time.Hour-time.Minute {
					t.Errorf("expires in %s", life)
				}
				next, err := w.refresh(token.Refresh)
				w.must(err)
				if (next.Refresh != token.Refresh) != test.changes || next.Access == token.Access {
					t.Errorf("refresh token changed: %v", next.Refresh != token.Refresh)
				}
				token = next
			}
			if got := w.sim.Violations(); len(got) > 0 {
				t.Errorf("violations %+v", got)
			}
		})
	}
}

func TestDeadGrants(t *testing.T) {
	for _, okta := range []bool{false, true} {
		for name, kill := range map[string]func(*world, *oauth.Token) error{
			"replaced": func(w *world, token *oauth.Token) error { _, err := w.refresh(token.Refresh); return err },
			"revoked":  func(w *world, _ *oauth.Token) error { return w.sim.Revoke(account, "") },
			"idle":     func(w *world, _ *oauth.Token) error { w.now = w.now.Add(181 * 24 * time.Hour); return nil },
			"secret made anew": func(w *world, _ *oauth.Token) error {
				return w.sim.SetApp(ccsim.App{Key: "app", Secret: "another", RedirectURIs: []string{callback}})
			},
			"application ended": func(w *world, _ *oauth.Token) error {
				return w.sim.SetApp(ccsim.App{Key: "app", Secret: secret, RedirectURIs: []string{callback}, Deactivated: true})
			},
			"unknown":   func(_ *world, token *oauth.Token) error { token.Refresh = "zz-canary-token"; return nil },
			"forgotten": func(_ *world, token *oauth.Token) error { token.Refresh = ""; return nil },
		} {
			w := newWorld(t, ccsim.Switches{OktaErrors: okta}, ccsim.App{Secret: secret}, false)
			token := w.connect()
			w.must(kill(w, &token))
			saved := len(w.saved)
			_, err := w.refresh(token.Refresh)
			if !errors.Is(err, oauth.ErrNeedsReconnect) || errors.Is(err, oauth.ErrThrottled) || len(w.saved) != saved {
				t.Errorf("%s, okta %v: %v", name, okta, err)
			}
			for _, word := range []string{token.Refresh, secret, url.QueryEscape(secret)} {
				if word != "" && strings.Contains(err.Error(), word) {
					t.Errorf("%s: the error has a secret: %v", name, err)
				}
			}
		}
	}
}

// What the answer to a refresh means for the old token.
func TestFaultsOfARefresh(t *testing.T) {
	for kind, test := range map[ccsim.FaultKind]struct {
		ambiguous bool
		lost      bool // the old token is dead although the client got nothing
		is        error
	}{
		ccsim.FaultThrottled:   {is: oauth.ErrThrottled},
		ccsim.FaultRevoked:     {is: oauth.ErrNeedsReconnect, lost: true},
		ccsim.Fault500:         {ambiguous: true},
		ccsim.Fault503:         {ambiguous: true},
		ccsim.FaultHTML502:     {ambiguous: true},
		ccsim.FaultResetBefore: {ambiguous: true},
		ccsim.FaultResetAfter:  {ambiguous: true, lost: true},
		ccsim.FaultTruncated:   {ambiguous: true, lost: true},
	} {
		for _, longLived := range []bool{false, true} {
			t.Run(fmt.Sprint(kind, " long lived ", longLived), func(t *testing.T) {
				w := newWorld(t, ccsim.Switches{}, ccsim.App{Secret: secret, LongLived: longLived}, false)
				token := w.connect()
				if kind == ccsim.FaultTruncated || kind == ccsim.FaultResetAfter {
					w.handler = w.sim.Handler() // half an answer keeps no contract
				}
				w.must(w.sim.Fault(ccsim.Fault{PathPrefix: "/oauth2", Kind: kind}))
				_, err := w.refresh(token.Refresh)
				_, ambiguous := errors.AsType[*oauth.AmbiguousError](err)
				if err == nil || ambiguous != test.ambiguous || test.is != nil && !errors.Is(err, test.is) || len(w.saved) != 1 {
					t.Fatalf("got %v", err)
				}
				if test.is == nil && errors.Is(err, oauth.ErrNeedsReconnect) {
					t.Errorf("it is taken for the end: %v", err)
				}
				_, err = w.refresh(token.Refresh) // once more with the same token
				dead := test.lost && (!longLived || kind == ccsim.FaultRevoked)
				if dead != errors.Is(err, oauth.ErrNeedsReconnect) || !dead && err != nil {
					t.Errorf("once more: %v", err)
				}
				if got := w.sim.Violations(); len(got) > 0 {
					t.Errorf("violations %+v", got)
				}
			})
		}
	}
}

// With a grace period a lost answer costs nothing.
func TestGraceSavesALostAnswer(t *testing.T) {
	w := newWorld(t, ccsim.Switches{RefreshGraceSeconds: 60}, ccsim.App{Secret: secret}, false)
	token := w.connect()
	w.must(w.sim.Fault(ccsim.Fault{PathPrefix: "/oauth2", Kind: ccsim.FaultResetAfter}))
	if _, err := w.refresh(token.Refresh); err == nil {
		t.Fatal("the answer was to be lost")
	}
	next, err := w.refresh(token.Refresh)
	w.must(err)
	if !w.works(next) {
		t.Error("the token does not work")
	}
}

// A token that could not be saved is in the error, and nowhere in its text.
func TestUnsavedTokens(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, ccsim.App{Secret: secret}, false)
	token := w.connect()
	w.saveErr = errors.New("database is away")
	got, err := w.refresh(token.Refresh)
	unsaved, is := errors.AsType[*oauth.UnsavedError](err)
	if !is || !errors.Is(err, w.saveErr) || got.Access != "" {
		t.Fatalf("got %v: %v", got, err)
	}
	w.saveErr = nil
	if !w.works(unsaved.Token) {
		t.Error("the token in the error does not work")
	}
	var log strings.Builder
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("x", "err", err, "token", unsaved.Token, "attempt", oauth.Attempt{State: "zz-state", Verifier: "zz-verifier"})
	}
	text := log.String() + fmt.Sprintf("%v %+v %#v %s", unsaved.Token, unsaved.Token, unsaved.Token, err)
	for _, word := range []string{unsaved.Token.Access, unsaved.Token.Refresh, "zz-state", "zz-verifier"} {
		if strings.Contains(text, word) {
			t.Errorf("printed %s", text)
		}
	}
}

// The caller's end does not keep a token from being saved.
func TestSavingOutlivesTheCaller(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, ccsim.App{Secret: secret}, false)
	token := w.connect()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := w.client.Refresh(ctx, token.Refresh, func(saving context.Context, next oauth.Token) error {
		cancel()
		return errors.Join(saving.Err(), w.save(saving, next))
	})
	if err != nil || len(w.saved) != 2 {
		t.Errorf("%d saved: %v", len(w.saved), err)
	}
}

// A code works once; what it lacks is found.
func TestExchangeRefused(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, ccsim.App{Secret: secret}, false)
	a := oauth.NewAttempt()
	code, err := a.Code(w.callbackOf(a))
	w.must(err)
	exchange := func(a oauth.Attempt) error { _, err := w.client.Exchange(t.Context(), code, a, w.save); return err }
	if err := exchange(oauth.NewAttempt()); !errors.Is(err, oauth.ErrNeedsReconnect) || strings.Contains(err.Error(), code) {
		t.Errorf("another verifier: %v", err)
	}
	w.must(exchange(a))
	if err := exchange(a); !errors.Is(err, oauth.ErrNeedsReconnect) {
		t.Errorf("a second time: %v", err)
	}
	code, err = a.Code(w.callbackOf(a))
	w.must(err)
	w.now = w.now.Add(5 * time.Minute)
	if err := exchange(a); !errors.Is(err, oauth.ErrNeedsReconnect) {
		t.Errorf("too late: %v", err)
	}
	if len(w.saved) != 1 {
		t.Errorf("%d saved", len(w.saved))
	}
}

// answering is a client whose every request gets one answer.
func answering(t *testing.T, answer func(*http.Request) (*http.Response, error)) *oauth.Client {
	t.Helper()
	client, err := oauth.New(oauth.Config{
		ClientID: "app", ClientSecret: secret, RedirectURL: callback, UserAgent: "rollcall-test/1", HTTP: &http.Client{Transport: roundTrip(answer)},
		Wait: func(context.Context) error { return nil }, Now: func() time.Time { return start },
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip answers a request.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAnswers(t *testing.T) {
	const old = "old-refresh"
	for name, test := range map[string]struct {
		status    int
		body      string
		check     func(oauth.Token) bool
		ambiguous bool
		terminal  bool
	}{
		"epoch for seconds":     {200, `{"access_token":"a","refresh_token":"r","expires_in":1777885200}`, func(t oauth.Token) bool { return t.ExpiresAt.Equal(start.Add(24*time.Hour)) && t.Refresh == "r" }, false, false},
		"no time":               {200, `{"access_token":"a"}`, func(t oauth.Token) bool { return t.ExpiresAt.Before(start.Add(time.Hour)) && t.Refresh == old }, false, false},
		"fewer scopes":          {200, `{"access_token":"a","scope":"account_read offline_access"}`, func(t oauth.Token) bool { return slices.Equal(t.MissingScopes(), []string{"contact_data"}) }, false, false},
		"scopes not told":       {200, `{"access_token":"a"}`, func(t oauth.Token) bool { return len(t.MissingScopes()) == 0 }, false, false},
		"no token":              {200, `{}`, nil, true, false},
		"no JSON":               {200, `<html>`, nil, true, false},
		"an error in a success": {200, `{"error":"invalid_grant"}`, nil, false, true},
		"blocked in front":      {403, `<html>`, nil, false, false},
		"another refusal":       {400, `{"error":"invalid_request","error_description":"refresh_token old-refresh is odd"}`, nil, false, false},
		"invalid client":        {401, `{"errorCode":"invalid_client","errorSummary":"no"}`, nil, false, true},
		"redirect":              {302, ``, nil, false, false},
		"failure that repeats":  {500, `{"error":"server_error","error_description":"old-refresh"}`, nil, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			client := answering(t, func(r *http.Request) (*http.Response, error) {
				rec := httptest.NewRecorder()
				rec.Header().Set("Content-Type", "application/json")
				rec.Header().Set("Location", "https://elsewhere.example.org/")
				rec.WriteHeader(test.status)
				_, _ = rec.WriteString(test.body)
				return rec.Result(), nil
			})
			token, err := client.Refresh(t.Context(), old, func(context.Context, oauth.Token) error { return nil })
			if test.check != nil {
				if err != nil || !test.check(token) {
					t.Errorf("got %#v, expires %s, scopes %v: %v", token, token.ExpiresAt, token.Scopes, err)
				}
				return
			}
			_, ambiguous := errors.AsType[*oauth.AmbiguousError](err)
			if err == nil || ambiguous != test.ambiguous || errors.Is(err, oauth.ErrNeedsReconnect) != test.terminal || strings.Contains(err.Error(), old) {
				t.Errorf("ambiguous %v: %v", ambiguous, err)
			}
		})
	}
}

// Only a connection that never came proves that nothing was sent.
func TestNotSent(t *testing.T) {
	server := httptest.NewServer(nil)
	base := server.URL
	server.Close()
	cfg := oauth.Config{
		BaseURL: base, ClientID: "app", ClientSecret: secret, RedirectURL: callback, UserAgent: "rollcall-test/1",
		Wait: func(context.Context) error { return nil }, Now: time.Now,
	}
	refresh := func() error {
		client, err := oauth.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		_, err = client.Refresh(t.Context(), "old", func(context.Context, oauth.Token) error { return nil })
		return err
	}
	if _, ambiguous := errors.AsType[*oauth.AmbiguousError](refresh()); ambiguous {
		t.Error("a connection that was refused is ambiguous")
	}
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer hangs.Close()
	cfg.BaseURL = hangs.URL
	if _, ambiguous := errors.AsType[*oauth.AmbiguousError](refresh()); !ambiguous {
		t.Error("a connection that was cut is not ambiguous")
	}
	errSpent := errors.New("budget spent")
	cfg.Wait = func(context.Context) error { return errSpent }
	if err := refresh(); !errors.Is(err, errSpent) {
		t.Errorf("the limiter: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	good := oauth.Config{
		ClientID: "app", ClientSecret: secret, RedirectURL: callback, UserAgent: "x", Wait: func(context.Context) error { return nil }, Now: time.Now,
	}
	if _, err := oauth.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*oauth.Config){
		"no key":            func(c *oauth.Config) { c.ClientID = "" },
		"no agent":          func(c *oauth.Config) { c.UserAgent = "" },
		"no limiter":        func(c *oauth.Config) { c.Wait = nil },
		"no clock":          func(c *oauth.Config) { c.Now = nil },
		"no proof":          func(c *oauth.Config) { c.ClientSecret, c.NoPKCE = "", true },
		"relative redirect": func(c *oauth.Config) { c.RedirectURL = "/callback" },
		"http elsewhere":    func(c *oauth.Config) { c.BaseURL = "http://auth.example.org" },
		"secret in the URL": func(c *oauth.Config) { c.BaseURL = "https://s3cret@auth.example.org" },
		"no URL":            func(c *oauth.Config) { c.BaseURL = "https://s3cret:port/" },
	} {
		cfg := good
		change(&cfg)
		if _, err := oauth.New(cfg); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
