package e2e

import (
	"strings"
	"testing"
	"time"

	"rollcall/internal/ccsim"
)

const (
	connectionState = "select count(*) from rollcall_state.connection where state = "
	tokenVersion    = "select version from rollcall_state.token"
)

// The process is killed at each step of a refresh, in both modes. The next one
// goes on, except in rotating mode between the vendor's answer and the commit:
// that ends in one alert, not in a loop.
func TestKilledDuringARefresh(t *testing.T) {
	t.Parallel()
	for step, kill := range map[string]func(*world, *testing.T){
		"before the request": (*world).killBeforeRequest,
		"before the commit":  (*world).killBeforeCommit,
		"after the commit":   (*world).killAfterCommit,
	} {
		for mode, longLived := range map[string]bool{"rotating": false, "long lived": true} {
			t.Run(step+" "+mode, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, "small", fillSmall)
				redirect := w.oauthConfig(t)
				w.must(t, w.sim.SetApp(ccsim.App{Key: theApp, Secret: "zz-canary-secret", RedirectURIs: []string{redirect}, LongLived: longLived}))
				w.connect(t)
				w.start(t)
				w.settle(t, time.Minute)
				kill(w, t)
				w.start(t)
				if step != "before the commit" || longLived {
					w.exec(t, "update chamber.rep set active = false where email = $1", rosa)
					w.settle(t, time.Minute)
					w.compare(t)
					w.stop(t)
					return
				}
				w.endsInReconnecting(t)
			})
		}
	}
}

// refreshes are the requests of the token endpoint for new tokens.
func (w *world) refreshes() (n int) {
	for _, r := range w.sim.Requests() {
		if strings.HasSuffix(r.Path, "/token") {
			n++
		}
	}
	return n
}

// needToken lets a change wait that cannot be sent with the present token.
func (w *world) needToken(t *testing.T) {
	t.Helper()
	w.must(t, w.sim.ExpireTokens(account))
	w.exec(t, "update chamber.rep set active = false where email = $1", lotte)
}

func (w *world) killBeforeRequest(t *testing.T) {
	asked := w.refreshes()
	tx, err := w.db.Conn(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "select from rollcall_state.connection for update"); err != nil {
		t.Fatal(err)
	}
	w.needToken(t)
	const locked = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
	wait(t, "the refresh", func() bool { return w.count(t, locked) > 0 })
	w.kill(t)
	w.must(t, tx.Rollback(t.Context()))
	if n := w.refreshes(); n != asked {
		t.Fatalf("%d refreshes before the request", n-asked)
	}
}

func (w *world) killBeforeCommit(t *testing.T) {
	asked, version := w.refreshes(), w.count(t, tokenVersion)
	w.must(t, w.sim.Fault(ccsim.Fault{PathPrefix: "/oauth2", Kind: ccsim.FaultSlow, Delay: time.Minute}))
	w.needToken(t)
	wait(t, "the refresh", func() bool { return w.refreshes() > asked })
	w.kill(t)
	if w.count(t, tokenVersion) != version {
		t.Fatal("the new tokens are on record")
	}
}

func (w *world) killAfterCommit(t *testing.T) {
	version := w.count(t, tokenVersion)
	w.needToken(t)
	wait(t, "the new tokens", func() bool { return w.count(t, tokenVersion) > version })
	w.kill(t)
}

// endsInReconnecting wants one alert and no further attempt, and that all goes on
// once the account is connected again.
func (w *world) endsInReconnecting(t *testing.T) {
	t.Helper()
	wait(t, "the end of the connection", func() bool { return w.count(t, connectionState+"'needs_reconnecting'") == 1 })
	asked, calls := w.refreshes(), len(w.sim.Requests())
	// Another process is no more persistent than this one.
	w.kill(t)
	w.start(t)
	w.exec(t, "update chamber.rep set active = false where email = $1", rosa)
	const queued = "select count(*) from rollcall_state.dirty where address = 'rosa@example.org'"
	wait(t, "the queue", func() bool { return w.count(t, queued) == 1 })
	if n := w.refreshes() - asked; n > 0 || len(w.sim.Requests()) > calls {
		t.Errorf("%d refreshes and %d requests after the end", n, len(w.sim.Requests())-calls)
	}
	// The successor was sent to a process that was dead: presented once, and the end.
	stale := 0
	for _, v := range w.sim.Violations() {
		if v.Rule == ccsim.RuleStaleRefresh {
			stale++
		} else {
			t.Errorf("the referee saw %s: %s", v.Rule, v.Detail)
		}
	}
	if stale != 1 {
		t.Errorf("the old refresh token was presented %d times, want once", stale)
	}
	w.connect(t)
	w.settle(t, time.Minute)
	if on := w.sim.ListAddresses(account, allActive); len(on) != 2 {
		t.Errorf("on the list are %q", on)
	}
	w.stop(t) // before its log is read
	if n := strings.Count(w.log.String(), "account has to be connected again"); n != 1 {
		t.Errorf("%d alerts", n)
	}
}
