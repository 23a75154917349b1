package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/budget"
	"rollcall/internal/credential"
	"rollcall/internal/lease"
	"rollcall/sink/constantcontact"
)

var (
	noon     = time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)
	midnight = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
)

// days is a budget.Store in memory.
type days struct{ record budget.Record }

func (d *days) ReadDay(context.Context, string, time.Time) (budget.Record, error) {
	return d.record, nil
}

func (d *days) CountCalls(_ context.Context, _ budget.Fence, _ string, _ time.Time, n int, _ map[budget.Member]budget.Count) error {
	d.record.Taken += n
	return nil
}

func (d *days) CloseDay(_ context.Context, _ budget.Fence, _ string, _, until time.Time) error {
	d.record.ClosedUntil = until
	return nil
}

// connections is a credential.Store that has one connection.
type connections struct {
	credential.Store
	now credential.Connection
}

func (c *connections) Connection(context.Context) (credential.Connection, credential.Sealed, error) {
	return c.now, credential.Sealed{}, nil
}

func (c *connections) SetConnection(_ context.Context, _ int64, to credential.State, detail string) (bool, error) {
	changed := c.now.State != to
	c.now.State, c.now.Detail = to, detail
	return changed, nil
}

// newAccount is an account with a token of the configuration, whose key has used
// some calls of the day.
func newAccount(used int) (*account, *days, *bytes.Buffer, *time.Time) {
	now, text := noon, &bytes.Buffer{}
	clock := func() time.Time { return now }
	log := slog.New(slog.NewTextHandler(text, nil))
	m := budget.Member{Source: "chamber", Association: "1"}
	store := &days{budget.Record{Taken: used, Counts: map[budget.Member]budget.Count{m: {Calls: used}}}}
	key := &apiKey{name: "main"}
	fence := func(context.Context, pgx.Tx) error { return nil }
	key.term.Store(&term{counter: budget.NewCounter(store, fence, "main", []budget.Member{m}, budget.DefaultLimits, clock)})
	tokens := &credential.Tokens{
		Source: "chamber", Association: "1", Store: &connections{now: credential.Connection{State: credential.Connected}}, Now: clock, Log: log,
		Static: func() (string, error) { return "a-token", nil },
	}
	return &account{key: key, member: m, tokens: tokens, now: clock, log: log}, store, text, &now
}

func wantPause(t *testing.T, a *account, want time.Duration) {
	t.Helper()
	if got, err := a.Pause(t.Context()); got != want || err != nil {
		t.Errorf("pause %s, %v, want %s", got, err, want)
	}
}

// A spent day is waited for, and told of once; while calls for opt-outs are left
// these go on.
func TestSpentDayIsWaitedFor(t *testing.T) {
	a, _, log, now := newAccount(9000)
	wantPause(t, a, 0)
	for range 3 {
		err := fmt.Errorf("deliver: %w", a.key.term.Load().counter.Take(t.Context(), a.member, budget.Ordinary))
		if err := a.Failed(t.Context(), err); err != nil {
			t.Fatal(err)
		}
		wantPause(t, a, optOutPause)
		*now = now.Add(optOutPause)
		wantPause(t, a, 0)
	}
	if n := strings.Count(log.String(), "no calls are left"); n != 1 {
		t.Errorf("told %d times", n)
	}
	a, _, _, now = newAccount(10_000)
	if err := a.Failed(t.Context(), a.key.term.Load().counter.Take(t.Context(), a.member, budget.OptOut)); err != nil {
		t.Fatal(err)
	}
	wantPause(t, a, midnight.Sub(*now))
}

// What Constant Contact says about the day is put on record.
func TestQuotaIsBelieved(t *testing.T) {
	a, store, _, now := newAccount(10)
	said := &constantcontact.RateLimitError{APIError: &constantcontact.APIError{Status: 429}, Daily: true}
	if err := a.Failed(t.Context(), errors.Join(errors.New("another"), said)); err != nil {
		t.Fatal(err)
	}
	wantPause(t, a, midnight.Sub(*now))
	if !store.record.ClosedUntil.Equal(midnight) {
		t.Errorf("closed until %s", store.record.ClosedUntil)
	}
}

func TestErrorsThatPassOrEnd(t *testing.T) {
	a, _, _, now := newAccount(10)
	for _, known := range []error{
		lease.ErrLost, &credential.NotConnectedError{Association: "1", State: credential.NeedsReconnecting},
	} {
		if err := a.Failed(t.Context(), fmt.Errorf("deliver: %w", known)); err != nil {
			t.Errorf("%v is news", err)
		}
		wantPause(t, a, 0)
	}
	for _, news := range []error{
		errors.New("another"), &constantcontact.RateLimitError{APIError: &constantcontact.APIError{Status: 429}},
		&constantcontact.APIError{Status: 403, Body: constantcontact.BodyHTML},
	} {
		if err := a.Failed(t.Context(), news); !errors.Is(err, news) {
			t.Errorf("%v became %v", news, err)
		}
	}
	later := &credential.RetryError{Association: "1", At: now.Add(5 * time.Minute), Err: errors.New("away")}
	if err := a.Failed(t.Context(), later); err != nil {
		t.Error(err)
	}
	wantPause(t, a, 5*time.Minute)
	*now = now.Add(5 * time.Minute)
	if err := a.Failed(t.Context(), &constantcontact.APIError{Status: 403, Body: constantcontact.BodyJSON}); err != nil {
		t.Error(err)
	}
	wantPause(t, a, notConnectedPause)
}

// Without the lease nothing is sent and nothing recorded.
func TestWithoutTheLease(t *testing.T) {
	a, _, _, _ := newAccount(10)
	a.key.term.Store(nil)
	if err := a.key.wait(a.member, budget.Ordinary)(t.Context()); !errors.Is(err, lease.ErrLost) {
		t.Errorf("waited: %v", err)
	}
	if err := a.key.fence(t.Context(), nil); !errors.Is(err, lease.ErrLost) {
		t.Errorf("fenced: %v", err)
	}
}

// A token of the configuration is verified once, and again when it was replaced or
// the lease was taken. While it leads to an account that may not be used nothing
// is sent, which is told of once.
func TestATokenOfTheConfigurationIsVerified(t *testing.T) {
	a, _, log, now := newAccount(10)
	token, asked := "one", 0
	var answer error
	a.tokens.Static = func() (string, error) { return token, nil }
	a.verify = func(context.Context) error { asked++; return answer }
	verified := func(want int) {
		t.Helper()
		if asked != want {
			t.Errorf("asked %d times, want %d", asked, want)
		}
	}
	wantPause(t, a, 0)
	wantPause(t, a, 0)
	verified(1)
	token = "two"
	answer = fmt.Errorf("record connection: %w", &credential.OtherAccountError{Association: "1", Was: "harbour", Is: "hill"})
	for n := range 3 {
		wantPause(t, a, verifyPause)
		wantPause(t, a, verifyPause)
		verified(n + 2)
		*now = now.Add(verifyPause)
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("told %d times: %s", n, log)
	}
	for _, other := range []error{&credential.AccountTakenError{AccountName: "hill"}, &credential.MissingError{What: "privileges"}} {
		answer = other
		wantPause(t, a, verifyPause)
		*now = now.Add(verifyPause)
	}
	answer = errors.New("away")
	if _, err := a.Pause(t.Context()); !errors.Is(err, answer) {
		t.Errorf("paused: %v", err)
	}
	answer = nil
	wantPause(t, a, 0)
	verified(8)
	a.begin()
	wantPause(t, a, 0)
	verified(9)
}
