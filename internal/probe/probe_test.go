package probe_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/ccsim"
	"rollcall/internal/probe"
)

const account = "harbour"

// beyond are the switches that a probe cannot find out within its bounds.
var beyond = []string{
	"put_ignores_unsubscribed", "record_unsubscribed_adds", "deleted_stay_deleted", "throttled_calls_are_free", "enforce_abuse_guard",
	"confirmed_opt_in_pends_posts", "refresh_grace_seconds", "reuse_keeps_grant", "refresh_repeats_refresh_token", "secret_excludes_pkce", "okta_errors",
}

// world is an account with some people, and a clock that only waiting moves.
type world struct {
	sim *ccsim.Sim
	now time.Time
	cfg probe.Config
}

// wire carries requests to the simulator.
type wire struct{ http.Handler }

// RoundTrip answers a request.
func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w.ServeHTTP(rec, r)
	return rec.Result(), nil
}

func newWorld(t *testing.T, switches map[string]any) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)}
	raw, err := json.Marshal(switches)
	must(t, err)
	var s ccsim.Switches
	must(t, json.Unmarshal(raw, &s))
	w.sim = ccsim.New(ccsim.Config{Now: func() time.Time { return w.now }, Switches: s})
	w.sim.AddAccount(account, "key", "token")
	must(t, w.sim.CreateList(account, "Members"))
	for i := range 12 {
		address := fmt.Sprintf("member%d@example.org", i)
		must(t, w.sim.AddContact(account, address, "Members"))
		if i < 6 {
			must(t, w.sim.Unsubscribe(account, address))
		}
	}
	must(t, w.sim.DeleteContact(account, "member11@example.org"))
	pause := func(ctx context.Context, d time.Duration) error {
		w.now = w.now.Add(d)
		return ctx.Err()
	}
	w.cfg = probe.Config{
		BaseURL: "https://api.cc.email/v3", UserAgent: "rollcall-test/1", HTTP: &http.Client{Transport: wire{w.sim.Handler()}},
		Token: func(context.Context) (string, error) { return "token", nil },
		Wait:  func(ctx context.Context) error { return pause(ctx, 270*time.Millisecond) },
		Pause: pause, Suffix: "20260630-120000-k3x",
	}
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// all are the simulator's switches as they are set, by name.
func (w *world) all(t *testing.T) map[string]any {
	t.Helper()
	raw, err := json.Marshal(w.sim.Switches())
	must(t, err)
	all := map[string]any{}
	must(t, json.Unmarshal(raw, &all))
	return all
}

// positions are the switches and other positions of each that a probe finds out.
func positions(t *testing.T) map[string][]any {
	t.Helper()
	all := map[string][]any{}
	for name, off := range newWorld(t, nil).all(t) {
		switch {
		case slices.Contains(beyond, name):
		case name == "conflict_form":
			all[name] = []any{"bare", "no_id"}
		case name == "role_imports":
			all[name] = []any{"correctable", "error"}
		case off == false:
			all[name] = []any{true}
		default:
			t.Fatalf("the switch %s is new, and %v: is it to be found out?", name, off)
		}
	}
	return all
}

// A probe finds every position within its bounds: each switch off, on alone, and
// all on together.
func TestSwitchesAreRecovered(t *testing.T) {
	together := map[string]any{}
	cases := map[string]map[string]any{"none": nil, "all": together}
	for name, values := range positions(t) {
		for _, value := range values {
			cases[fmt.Sprint(name, " ", value)] = map[string]any{name: value}
			together[name] = value
		}
	}
	for name, switches := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, switches)
			report, err := probe.Run(t.Context(), w.cfg)
			must(t, err)
			set := w.all(t)
			for _, p := range report.Positions {
				want, known := set[p.Switch]
				if !known {
					t.Errorf("%s is no switch, or is there twice", p.Switch)
				}
				delete(set, p.Switch)
				switch {
				case p.Asked == "" || p.Seen == "":
					t.Errorf("%s: it does not say what was asked and seen", p.Switch)
				case p.Determined == slices.Contains(beyond, p.Switch):
					t.Errorf("%s: determined %t: %s", p.Switch, p.Determined, p.Seen)
				case p.Determined && !reflect.DeepEqual(p.Value, want):
					t.Errorf("%s is %v, want %v: %s: %s", p.Switch, p.Value, want, p.Asked, p.Seen)
				}
			}
			if len(set) > 0 {
				t.Errorf("nothing is said of %v", set)
			}
			w.unharmed(t, switches["put_without_permission_resets"] == true)
		})
	}
}

// unharmed wants the account as it was, but for the contacts of the probe, and
// nothing that no client may do.
func (w *world) unharmed(t *testing.T, resets bool) {
	t.Helper()
	for _, v := range w.sim.Violations() {
		// That such a PUT changes the permission is what is found out, of the
		// probe's own contact.
		if !resets || v.Rule != ccsim.RulePermission {
			t.Errorf("the referee saw %s: %s", v.Rule, v.Detail)
		}
	}
	if lists := w.sim.ListNames(account); !slices.Equal(lists, []string{"Members"}) {
		t.Errorf("lists %q", lists)
	}
	for _, c := range w.sim.Contacts(account) {
		if strings.HasPrefix(c.Address, "member") {
			continue
		}
		if c.Address != "" && !strings.Contains(c.Address, "probe-"+w.cfg.Suffix) || !strings.HasSuffix(c.Address, "example.org") && c.Address != "" || len(c.Lists) > 0 {
			t.Errorf("left behind: %+v", c)
		}
	}
	for _, r := range w.sim.Requests() {
		if strings.Contains(r.Path, "sign_up") || r.Method == http.MethodDelete && strings.HasPrefix(r.Path, "/v3/contacts") {
			t.Errorf("%s %s", r.Method, r.Path)
		}
	}
}

// What goes wrong is a position that is not determined, and what was made is
// removed all the same.
func TestProbeInTrouble(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(t, nil)
		must(t, w.sim.FaultsAtRandom(seed, 0.1, 0, ccsim.FaultThrottled, ccsim.Fault500, ccsim.Fault503, ccsim.FaultHTML502, ccsim.FaultActivityFailed))
		report, err := probe.Run(t.Context(), w.cfg)
		if err != nil && !errors.Is(err, probe.ErrNotReady) {
			t.Errorf("seed %d: %v", seed, err)
		}
		set := w.all(t)
		for _, p := range report.Positions {
			if p.Determined && !reflect.DeepEqual(p.Value, set[p.Switch]) {
				t.Errorf("seed %d: %s is %v: %s: %s", seed, p.Switch, p.Value, p.Asked, p.Seen)
			}
			if strings.Contains(p.Seen+p.Asked, "@example") {
				t.Errorf("an address: %s", p.Seen)
			}
		}
		// A list whose removal was refused is named.
		left := len(w.sim.ListNames(account)) - 1
		if named := strings.Count(strings.Join(report.Left, "\n"), "of the name"); left != named {
			t.Errorf("seed %d: %d lists are left, named is %q", seed, left, report.Left)
		}
	}
}

// A probe that is stopped removes what it made.
func TestProbeIsStopped(t *testing.T) {
	for after := range 40 {
		w := newWorld(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		wait, calls := w.cfg.Wait, 0
		w.cfg.Wait = func(ctx context.Context) error {
			if calls++; calls == after {
				cancel()
			}
			return wait(context.WithoutCancel(ctx))
		}
		_, err := probe.Run(ctx, w.cfg)
		cancel()
		if after > 0 && err == nil {
			t.Errorf("stopped at request %d: no error", after)
		}
		if lists := w.sim.ListNames(account); len(lists) != 1 {
			t.Errorf("stopped at request %d: lists %q", after, lists)
		}
	}
}
