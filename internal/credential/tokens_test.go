package credential_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/ccsim"
	"rollcall/internal/credential"
	"rollcall/internal/secretbox"
	"rollcall/internal/store"
	"rollcall/sink/constantcontact"
	"rollcall/sink/constantcontact/oauth"
)

// modes are both settings of an application, with and without a repetition of a
// long-lived token.
var modes = map[string]struct {
	switches  ccsim.Switches
	longLived bool
}{
	"rotating":             {ccsim.Switches{}, false},
	"long lived":           {ccsim.Switches{}, true},
	"long lived, repeated": {ccsim.Switches{RefreshRepeatsToken: true, OktaErrors: true}, true},
}

func eachMode(t *testing.T, test func(t *testing.T, w *world, rotating bool)) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, mode.switches, mode.longLived)
			w.must(w.connect("1", "harbour"))
			test(t, w, !mode.longLived)
		})
	}
}

// For ten days, with calls each hour: a refresh a day, in time, and no call with a
// dead token.
func TestTokensAreRefreshedInTime(t *testing.T) {
	eachMode(t, func(t *testing.T, w *world, rotating bool) {
		tokens := w.tokens(nil)
		for range 240 {
			if err := w.call(tokens); err != nil {
				t.Fatalf("%s after the beginning: %v", w.now.Sub(start), err)
			}
			w.now = w.now.Add(time.Hour)
		}
		if n := w.endpoint(); n < 9 || n > 11 {
			t.Errorf("%d refreshes in ten days", n)
		}
		if first := slices.Compact(slices.Clone(w.shown)); rotating && len(first) != len(w.shown) || !rotating && len(first) != 1 {
			t.Errorf("%d different refresh tokens in %d refreshes", len(first), len(w.shown))
		}
		if found := w.sim.Violations(); len(found) > 0 {
			t.Errorf("violations %+v", found)
		}
		if w.alerts() > 0 {
			t.Errorf("log: %s", w.log)
		}
	})
}

// Between 60 and 5 minutes before the end, each association at a time of its own.
func TestRefreshTimesAreSpread(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, true)
	times := map[time.Duration]bool{}
	for i := range 8 {
		account, id := fmt.Sprint("account", i), fmt.Sprint(i)
		w.sim.AddAccount(account, "", "")
		w.must(w.connect(id, account))
		_, sealed, err := w.association(id).Connection(t.Context())
		w.must(err)
		tokens := w.tokens(nil)
		tokens.Association, tokens.Store = id, w.association(id)
		before := w.endpoint()
		for left := 70 * time.Minute; w.endpoint() == before; left -= time.Minute {
			if left < 4*time.Minute {
				t.Fatal("not refreshed in time")
			}
			w.now = sealed.ExpiresAt.Add(-left)
			if _, err := tokens.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			if w.endpoint() > before {
				times[left] = true
				if left > 60*time.Minute {
					t.Errorf("refreshed %s before the end", left)
				}
			}
		}
	}
	if len(times) < 4 {
		t.Errorf("refreshed at %v before the end", times)
	}
}

var errKilled = errors.New("killed")

// killer ends the process at a step of a refresh.
type killer struct {
	credential.Refresher
	step string
}

const (
	beforeRequest = "before the request"
	afterRequest  = "after the request, before the answer"
	beforeCommit  = "after the answer, before the commit"
	afterCommit   = "after the commit"
)

func (k killer) Refresh(ctx context.Context, refresh string, save oauth.SaveFunc) (oauth.Token, error) {
	switch k.step {
	case beforeRequest:
		return oauth.Token{}, errKilled
	case beforeCommit, afterRequest:
		save = func(context.Context, oauth.Token) error { return errKilled }
	}
	token, err := k.Refresher.Refresh(ctx, refresh, save)
	if k.step == afterCommit && err == nil {
		err = errKilled
	}
	if _, dead := errors.AsType[*oauth.UnsavedError](err); dead {
		err = errKilled // with the process
	}
	return token, err
}

// A process that is killed during a refresh, at each step, in both modes: the next
// one goes on, except in the one window that no client can close.
func TestKilledDuringARefresh(t *testing.T) {
	for _, step := range []string{beforeRequest, afterRequest, beforeCommit, afterCommit} {
		t.Run(step, func(t *testing.T) {
			eachMode(t, func(t *testing.T, w *world, rotating bool) {
				w.now = w.now.Add(23*time.Hour + 56*time.Minute)
				if step == afterRequest {
					w.must(w.sim.Fault(ccsim.Fault{PathPrefix: "/oauth2", Kind: ccsim.FaultResetAfter}))
					w.must(w.sim.Fault(ccsim.Fault{PathPrefix: "/oauth2", Kind: ccsim.FaultResetBefore}))
				}
				_, _ = w.tokens(killer{w.app, step}).Token(t.Context())
				w.now = w.now.Add(time.Minute)
				next := w.tokens(nil)
				err := w.call(next)
				lost := rotating && (step == beforeCommit || step == afterRequest)
				if !lost {
					if err != nil || w.state().State != credential.Connected {
						t.Fatalf("the next process: %v, %+v", err, w.state())
					}
					if found := w.sim.Violations(); len(found) > 0 {
						t.Errorf("violations %+v", found)
					}
					return
				}
				if over, ok := errors.AsType[*credential.NotConnectedError](err); !ok || over.State != credential.NeedsReconnecting {
					t.Fatalf("the next process: %v", err)
				}
				w.staysDown(next)
				w.reconnects(next)
			})
		})
	}
}

// staysDown wants that nobody is asked any more, by this process or another, for
// a week, and that one alert was given.
func (w *world) staysDown(t *credential.Tokens) {
	w.t.Helper()
	asked, calls := w.endpoint(), len(w.sim.Requests())
	for range 7 * 24 {
		w.now = w.now.Add(time.Hour)
		if over, ok := errors.AsType[*credential.NotConnectedError](w.call(t)); !ok || over.State != credential.NeedsReconnecting {
			w.t.Fatalf("later: %v", over)
		}
	}
	if err := w.call(w.tokens(nil)); err == nil {
		w.t.Error("another process calls")
	}
	if w.endpoint() != asked || len(w.sim.Requests()) != calls {
		w.t.Errorf("%d refreshes and %d requests after the end", w.endpoint()-asked, len(w.sim.Requests())-calls)
	}
	if w.alerts() != 1 {
		w.t.Errorf("%d alerts: %s", w.alerts(), w.log)
	}
}

// reconnects has a person connect the account again, and the same process go on.
func (w *world) reconnects(t *credential.Tokens) {
	w.t.Helper()
	w.must(w.connect("1", "harbour"))
	w.now = w.now.Add(time.Minute)
	if err := w.call(t); err != nil {
		w.t.Errorf("after connecting again: %v", err)
	}
}

// An answer that was lost is asked for once more, with the same token. In rotating
// mode that one is used up if the first request was done.
func TestLostAnswers(t *testing.T) {
	for kind, dies := range map[ccsim.FaultKind]bool{
		ccsim.FaultResetBefore: false, ccsim.Fault503: false, ccsim.FaultHTML502: false, ccsim.FaultResetAfter: true, ccsim.FaultTruncated: true,
	} {
		t.Run(string(kind), func(t *testing.T) {
			eachMode(t, func(t *testing.T, w *world, rotating bool) {
				w.must(w.sim.Fault(ccsim.Fault{PathPrefix: "/oauth2", Kind: kind}))
				w.now = w.now.Add(23*time.Hour + 56*time.Minute)
				tokens := w.tokens(nil)
				err := w.call(tokens)
				if w.endpoint() != 2 || w.shown[0] != w.shown[1] {
					t.Errorf("%d requests", w.endpoint())
				}
				if found := w.sim.Violations(); len(found) > 0 {
					t.Errorf("violations %+v", found)
				}
				if !dies || !rotating {
					w.must(err)
					return
				}
				if _, ok := errors.AsType[*credential.NotConnectedError](err); !ok {
					t.Fatalf("error %v", err)
				}
				w.staysDown(tokens)
				w.reconnects(tokens)
			})
		})
	}
}

// While the authorisation server is away the present token is used to its end;
// then there is none, and the server is asked rarely.
func TestServerIsAway(t *testing.T) {
	eachMode(t, func(t *testing.T, w *world, _ bool) {
		w.now = w.now.Add(23*time.Hour + 54*time.Minute)
		w.must(w.sim.Fault(ccsim.Fault{PathPrefix: "/oauth2", Kind: ccsim.Fault503, Count: 1000}))
		tokens := w.tokens(nil)
		for range 60 {
			if err := w.call(tokens); err != nil && w.now.Before(start.Add(24*time.Hour)) {
				t.Fatalf("at %s: %v", w.now.Sub(start), err)
			}
			w.now = w.now.Add(time.Second)
		}
		w.now = start.Add(25 * time.Hour)
		for range 60 { // an hour
			err := w.call(tokens)
			later, ok := errors.AsType[*credential.RetryError](err)
			if !ok || later.At.Sub(w.now) > 16*time.Minute || constantcontact.Classify(err) != constantcontact.Retry {
				t.Fatalf("at %s: %v", w.now.Sub(start), err)
			}
			w.now = w.now.Add(time.Minute)
		}
		if n := w.endpoint(); n > 2*10 {
			t.Errorf("%d requests of the token endpoint", n)
		}
		if w.alerts() > 0 || w.state().State != credential.Connected {
			t.Errorf("state %+v", w.state())
		}
		w.sim.Reset()
		w.now = w.now.Add(20 * time.Minute)
		w.must(w.call(tokens))
	})
}

// A 401: refreshed once, repeated once.
func TestRefusedAccessToken(t *testing.T) {
	eachMode(t, func(t *testing.T, w *world, _ bool) {
		tokens := w.tokens(nil)
		w.must(w.call(tokens))
		w.must(w.sim.ExpireTokens("harbour"))
		w.must(w.call(tokens))
		if w.endpoint() != 1 {
			t.Errorf("%d refreshes", w.endpoint())
		}
		// Much later, and again and again, one at a time: no end of it.
		for range 5 {
			w.must(w.sim.Fault(ccsim.Fault{PathPrefix: "/v3", Kind: ccsim.FaultUnauthorized}))
			w.must(w.call(tokens))
		}
		if w.endpoint() != 6 || w.state().State != credential.Connected {
			t.Errorf("%d refreshes, %+v", w.endpoint(), w.state())
		}
		// Twice in a row: a person has to look.
		w.must(w.sim.Fault(ccsim.Fault{PathPrefix: "/v3", Kind: ccsim.FaultUnauthorized, Count: 2}))
		err := w.call(tokens)
		if refused, ok := errors.AsType[*constantcontact.APIError](err); !ok || refused.Status != 401 {
			t.Fatalf("error %v", err)
		}
		if _, ok := errors.AsType[*credential.NotConnectedError](w.call(tokens)); !ok || w.endpoint() != 7 {
			t.Errorf("%d refreshes", w.endpoint())
		}
		w.staysDown(tokens)
		w.reconnects(tokens)
	})
}

// Every way in which a grant ends, found at a refresh or at a call.
func TestEndedGrants(t *testing.T) {
	for name, end := range map[string]func(*world) error{
		"revoked": func(w *world) error { return w.sim.Revoke("harbour", "") },
		"secret made anew": func(w *world) error {
			return w.sim.SetApp(ccsim.App{Key: "app", Secret: "another", RedirectURIs: []string{callback}})
		},
		"unused for half a year": func(w *world) error { w.now = w.now.Add(200 * 24 * time.Hour); return nil },
		"restored state": func(w *world) error { // a backup has a refresh token that was replaced
			_, err := w.app.Refresh(w.t.Context(), w.refreshToken(), func(context.Context, oauth.Token) error { return nil })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, ccsim.Switches{}, false)
			w.must(w.connect("1", "harbour"))
			tokens := w.tokens(nil)
			w.must(w.call(tokens))
			w.must(end(w))
			w.now = w.now.Add(24 * time.Hour)
			if over, ok := errors.AsType[*credential.NotConnectedError](w.call(tokens)); !ok || !strings.Contains(over.Error(), "rollcall connect --association 1") {
				t.Errorf("error %v", over)
			}
			w.staysDown(tokens)
		})
	}
}

// refreshToken is the one on record.
func (w *world) refreshToken() string {
	w.t.Helper()
	_, sealed, err := w.association("1").Connection(w.t.Context())
	w.must(err)
	plain, err := w.box.Open(sealed.Refresh, "chamber", "1", "refresh")
	w.must(err)
	return string(plain)
}

// A 403 of the API's own is for a person; a page of something in front of it is
// not.
func TestForbidden(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, true)
	w.must(w.connect("1", "harbour"))
	tokens := w.tokens(nil)
	w.must(tokens.Failed(t.Context(), &constantcontact.APIError{Status: 403, Body: constantcontact.BodyHTML}))
	w.must(tokens.Failed(t.Context(), &constantcontact.APIError{Status: 500, Body: constantcontact.BodyJSON}))
	w.must(tokens.Failed(t.Context(), errors.New("another")))
	w.must(w.call(tokens))
	w.must(w.sim.SetRole("harbour", "Campaign Creator"))
	err := w.call(tokens)
	if constantcontact.Classify(err) != constantcontact.Reconnect {
		t.Fatalf("error %v", err)
	}
	w.must(tokens.Failed(t.Context(), fmt.Errorf("deliver: %w", err)))
	if _, ok := errors.AsType[*credential.NotConnectedError](tokens.Ready(t.Context())); !ok || !strings.Contains(w.state().Detail, "403") {
		t.Errorf("state %+v", w.state())
	}
	w.staysDown(tokens)
}

// Two processes at once: one refresh.
func TestOneRefreshOverAllProcesses(t *testing.T) {
	eachMode(t, func(t *testing.T, w *world, _ bool) {
		one, two := w.tokens(nil), w.tokens(nil)
		w.must(w.call(one))
		w.must(w.call(two))
		w.now = w.now.Add(23*time.Hour + 56*time.Minute)
		inside, release := make(chan struct{}), make(chan struct{})
		slow := w.tokens(holding{w.app, inside, release})
		first := make(chan error)
		go func() { _, err := slow.Token(context.Background()); first <- err }()
		<-inside
		second := make(chan error)
		go func() { _, err := two.Token(context.Background()); second <- err }()
		w.waitForLock()
		close(release)
		w.must(<-first)
		w.must(<-second)
		if w.endpoint() != 1 {
			t.Errorf("%d refreshes", w.endpoint())
		}
		w.must(w.call(one))
		w.must(w.call(two))
		if found := w.sim.Violations(); len(found) > 0 {
			t.Errorf("violations %+v", found)
		}
	})
}

// holding waits before it refreshes.
type holding struct {
	credential.Refresher
	inside, release chan struct{}
}

func (h holding) Refresh(ctx context.Context, refresh string, save oauth.SaveFunc) (oauth.Token, error) {
	close(h.inside)
	<-h.release
	return h.Refresher.Refresh(ctx, refresh, save)
}

// waitForLock returns when a session waits for a lock.
func (w *world) waitForLock() {
	w.t.Helper()
	for waiting := 0; waiting == 0; {
		w.must(w.pool.QueryRow(w.t.Context(), "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").Scan(&waiting))
	}
}

// A pair that cannot be saved is used neither before it is, nor forgotten; and the
// one before is not shown again.
func TestPairIsSavedBeforeItIsUsed(t *testing.T) {
	eachMode(t, func(t *testing.T, w *world, _ bool) {
		w.now = w.now.Add(23*time.Hour + 56*time.Minute)
		away := &flaky{Association: w.association("1"), down: true}
		tokens := w.tokens(nil)
		tokens.Store = away
		before := len(w.sim.Requests())
		for range 3 {
			if err := w.call(tokens); err == nil {
				t.Fatal("a call was made")
			}
			w.now = w.now.Add(20 * time.Minute)
		}
		if w.endpoint() != 1 || len(w.sim.Requests()) != before+1 {
			t.Errorf("%d refreshes, %d requests", w.endpoint(), len(w.sim.Requests())-before)
		}
		away.down = false
		w.must(w.call(tokens))
		if w.endpoint() != 1 {
			t.Errorf("%d refreshes", w.endpoint())
		}
		w.must(w.call(w.tokens(nil))) // it is on record
		if found := w.sim.Violations(); len(found) > 0 {
			t.Errorf("violations %+v", found)
		}
	})
}

// TestLockIsLost: the session that holds the lock ends during the request. The
// pair is saved without it.
func TestLockIsLost(t *testing.T) {
	eachMode(t, func(t *testing.T, w *world, _ bool) {
		w.now = w.now.Add(23*time.Hour + 56*time.Minute)
		tokens := w.tokens(cutting{w})
		w.must(w.call(tokens))
		w.must(w.call(w.tokens(nil)))
		if w.endpoint() != 1 {
			t.Errorf("%d refreshes", w.endpoint())
		}
	})
}

// cutting ends all sessions that are in a transaction before it refreshes.
type cutting struct{ *world }

func (c cutting) Refresh(ctx context.Context, refresh string, save oauth.SaveFunc) (oauth.Token, error) {
	_, err := c.pool.Exec(ctx, "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'")
	c.must(err)
	return c.app.Refresh(ctx, refresh, save)
}

// Connecting while a refresh is under way wins.
func TestConnectedDuringARefresh(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, true)
	w.must(w.connect("1", "harbour"))
	w.now = w.now.Add(23*time.Hour + 56*time.Minute)
	tokens := w.tokens(cuttingIn{w})
	w.must(w.call(tokens))
	_, sealed, err := w.association("1").Connection(t.Context())
	w.must(err)
	if sealed.Version != 2 {
		t.Errorf("version %d", sealed.Version)
	}
	access, err := w.box.Open(sealed.Access, "chamber", "1", "access")
	w.must(err)
	if given, err := tokens.Token(t.Context()); err != nil || given != string(access) {
		t.Errorf("another token is used than the one on record: %v", err)
	}
}

// cuttingIn loses its lock and has a person connect the account meanwhile.
type cuttingIn struct{ *world }

func (c cuttingIn) Refresh(ctx context.Context, refresh string, save oauth.SaveFunc) (oauth.Token, error) {
	_, err := c.pool.Exec(ctx, "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'")
	c.must(err)
	token, err := c.app.Refresh(ctx, refresh, func(context.Context, oauth.Token) error { return nil })
	c.must(err)
	c.must(c.connect("1", "harbour"))
	if err := save(ctx, token); err != nil {
		return oauth.Token{}, &oauth.UnsavedError{Token: token, Err: err}
	}
	return token, nil
}

// Master keys are changed without connecting anything again.
func TestMasterKeysAreChanged(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, false)
	w.must(w.connect("1", "harbour"))
	w.box = w.boxOf(2)
	unknown, ok := errors.AsType[*secretbox.UnknownKeyError](w.call(w.tokens(nil)))
	if !ok || w.state().State != credential.Connected || w.endpoint() != 0 {
		t.Errorf("without the key: %v, %+v", unknown, w.state())
	}
	w.box = w.boxOf(2, 1)
	w.must(w.call(w.tokens(nil)))
	w.box = w.boxOf(2)
	w.must(w.call(w.tokens(nil)))
	if w.endpoint() != 0 {
		t.Errorf("%d refreshes", w.endpoint())
	}
}

// flaky is a store that cannot save while it is down.
type flaky struct {
	*store.Association
	down bool
}

var errAway = errors.New("database is away")

func (f *flaky) LockTokens(ctx context.Context, work func(context.Context, credential.Locked) error) error {
	return f.Association.LockTokens(ctx, func(ctx context.Context, l credential.Locked) error { return work(ctx, flakyLock{l, f}) })
}

func (f *flaky) SaveTokens(ctx context.Context, before int64, next credential.Sealed) error {
	if f.down {
		return errAway
	}
	return f.Association.SaveTokens(ctx, before, next)
}

type flakyLock struct {
	credential.Locked
	*flaky
}

func (l flakyLock) Save(ctx context.Context, next credential.Sealed) error {
	if l.down {
		return errAway
	}
	return l.Locked.Save(ctx, next)
}
