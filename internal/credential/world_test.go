package credential_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/internal/ccsim"
	"rollcall/internal/credential"
	"rollcall/internal/pgtest"
	"rollcall/internal/secretbox"
	"rollcall/internal/statetest"
	"rollcall/internal/store"
	"rollcall/sink/constantcontact"
	"rollcall/sink/constantcontact/oauth"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	callback = "http://localhost:8410/callback"
	secret   = "zz-canary-client-secret"
)

var start = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

// world is a simulated Constant Contact, a state database and a log.
type world struct {
	t    *testing.T
	sim  *ccsim.Sim
	http http.Handler // the simulator's
	pool *pgxpool.Pool
	now  time.Time
	log  *bytes.Buffer
	box  *secretbox.Box
	app  *oauth.Client
	// shown are all refresh tokens in the order in which the token endpoint was
	// shown them.
	shown []string
}

func newWorld(t *testing.T, switches ccsim.Switches, longLived bool) *world {
	t.Helper()
	w := &world{t: t, now: start, log: &bytes.Buffer{}}
	w.pool = statetest.Database(t).Pool(t)
	w.sim = ccsim.New(ccsim.Config{Now: w.time, Switches: switches})
	w.http = w.sim.Handler()
	t.Cleanup(func() { w.silent(w.log.String()) })
	for _, account := range []string{"harbour", "hill"} {
		w.sim.AddAccount(account, "", "")
	}
	w.must(w.sim.SetApp(ccsim.App{Key: "app", Secret: secret, RedirectURIs: []string{callback}, LongLived: longLived}))
	w.box = w.boxOf(1)
	var err error
	w.app, err = oauth.New(oauth.Config{
		ClientID: "app", ClientSecret: secret, RedirectURL: callback, UserAgent: "rollcall-test/1", HTTP: &http.Client{Transport: wire{w}},
		Wait: func(context.Context) error { w.now = w.now.Add(oauth.Spacing); return nil }, Now: w.time,
	})
	w.must(err)
	return w
}

func (w *world) time() time.Time { return w.now }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// boxOf is a box whose first key is one of a repeated byte.
func (w *world) boxOf(keys ...byte) *secretbox.Box {
	w.t.Helper()
	var parsed []secretbox.Key
	for _, b := range keys {
		key, err := secretbox.ParseKey(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, secretbox.KeyBytes)))
		w.must(err)
		parsed = append(parsed, key)
	}
	box, err := secretbox.New(credential.Purpose, parsed...)
	w.must(err)
	return box
}

// wire carries requests to the simulator, and notes what the token endpoint is
// shown.
type wire struct{ *world }

// RoundTrip answers a request.
func (w wire) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	if strings.HasSuffix(r.URL.Path, "/token") && r.Body != nil {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		r.Body = http.NoBody
		form, _ := url.ParseQuery(body.String())
		if shown := form.Get("refresh_token"); shown != "" {
			w.shown = append(w.shown, shown)
		}
		r = r.Clone(r.Context())
		r.Body = readCloser{&body}
	}
	rec := httptest.NewRecorder()
	defer func() {
		if cut := recover(); cut != nil {
			answer, err = nil, errors.New("connection reset")
		}
	}()
	w.http.ServeHTTP(rec, r)
	return rec.Result(), nil
}

type readCloser struct{ *bytes.Buffer }

func (readCloser) Close() error { return nil }

// association is the state of an association.
func (w *world) association(id string) *store.Association {
	return store.New(w.pool, "chamber", w.time).Association(id)
}

func (w *world) connector(id string) *credential.Connector {
	return &credential.Connector{Source: "chamber", Association: id, APIKey: "main", Store: w.association(id), Box: w.box, Now: w.time}
}

// client is the API with a token.
func (w *world) client(token constantcontact.TokenFunc, observe func(constantcontact.Call)) *constantcontact.Client {
	w.t.Helper()
	c, err := constantcontact.New(constantcontact.Config{
		HTTP: &http.Client{Transport: wire{w}}, UserAgent: "rollcall-test/1", Now: w.time, Token: token, Observe: observe,
		Wait: func(context.Context) error { w.now = w.now.Add(constantcontact.Spacing); return nil },
	})
	w.must(err)
	return c
}

// grant is what a person gives who signs in to an account.
func (w *world) grant(account string) oauth.Token {
	w.t.Helper()
	w.sim.SetConsent(&ccsim.Consent{Account: account})
	attempt := oauth.NewAttempt()
	r := httptest.NewRequest("GET", w.app.AuthCodeURL(attempt), nil)
	r.Header.Set("User-Agent", "browser/1")
	rec := httptest.NewRecorder()
	w.http.ServeHTTP(rec, r)
	back, err := url.Parse(rec.Header().Get("Location"))
	w.must(err)
	code, err := attempt.Code(back.Query())
	w.must(err)
	token, err := w.app.Exchange(w.t.Context(), code, attempt, func(context.Context, oauth.Token) error { return nil })
	w.must(err)
	return token
}

func (w *world) connect(id, account string) error {
	w.t.Helper()
	token := w.grant(account)
	api := w.client(func(context.Context) (string, error) { return token.Access, nil }, nil)
	_, err := w.connector(id).Connect(w.t.Context(), token, api, "olive", "olive")
	return err
}

// tokens are those of association 1 in a process that has just started.
func (w *world) tokens(with credential.Refresher) *credential.Tokens {
	if with == nil {
		with = w.app
	}
	return &credential.Tokens{
		Source: "chamber", Association: "1", Store: w.association("1"), Box: w.box, OAuth: with, Now: w.time,
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
	}
}

// call makes a call of the API with tokens, as the program does.
func (w *world) call(t *credential.Tokens) error {
	w.t.Helper()
	_, err := w.client(t.Token, t.Observe).Counts(w.t.Context())
	if err != nil {
		w.silent(err.Error())
	}
	return err
}

// silent wants a text without a token or a secret. Every access token begins like
// a JWT.
func (w *world) silent(text string) {
	w.t.Helper()
	for _, word := range append(w.shown, secret, "eyJ") {
		if strings.Contains(text, word) {
			w.t.Errorf("a secret is shown: %s", text)
		}
	}
}

func (w *world) state() credential.Connection {
	w.t.Helper()
	c, _, err := w.association("1").Connection(w.t.Context())
	w.must(err)
	return c
}

// endpoint counts the requests of the token endpoint.
func (w *world) endpoint() int { return len(w.shown) }

// alerts counts what was logged as an error.
func (w *world) alerts() int { return strings.Count(w.log.String(), "level=ERROR") }
