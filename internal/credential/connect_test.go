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
	"rollcall/internal/store"
	"rollcall/sink/constantcontact/oauth"
)

func TestConnectionIsRecorded(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, false)
	if c := w.state(); c.State != credential.Disconnected || c.AccountID != "" {
		t.Errorf("before: %+v", c)
	}
	if _, ok := errors.AsType[*credential.NotConnectedError](w.tokens(nil).Ready(t.Context())); !ok {
		t.Error("ready before it was connected")
	}
	w.must(w.connect("1", "harbour"))
	c := w.state()
	if c.State != credential.Connected || c.AccountID != "account-harbour" || c.AccountName != "harbour" || c.APIKey != "main" ||
		c.ConnectedBy != "olive" || c.AgreedBy != "olive" || c.AgreedAt.IsZero() || !c.ConnectedAt.Equal(c.AgreedAt) {
		t.Errorf("recorded %+v", c)
	}
	// The database has no token that can be read.
	var text string
	w.must(w.pool.QueryRow(t.Context(), "select encode(access, 'escape') || encode(refresh, 'escape') from rollcall_state.token").Scan(&text))
	if strings.Contains(text, "eyJ") || strings.Contains(text, w.refreshToken()) {
		t.Error("a token is readable in the database")
	}
	w.must(w.call(w.tokens(nil)))
}

// A sealed token that was moved to another association is of no use there.
func TestTokensCannotBeMoved(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, true)
	w.must(w.connect("1", "harbour"))
	w.must(w.connect("2", "hill"))
	_, err := w.pool.Exec(t.Context(), `update rollcall_state.token t set access = o.access, refresh = o.refresh
		from rollcall_state.token o where t.association = '1' and o.association = '2'`)
	w.must(err)
	if err := w.call(w.tokens(nil)); err == nil || !strings.Contains(err.Error(), "belongs to another row") {
		t.Errorf("error %v", err)
	}
}

func TestTwoAssociationsNeverShareAnAccount(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, true)
	w.must(w.connect("1", "harbour"))
	err := w.connect("2", "harbour")
	taken, ok := errors.AsType[*credential.AccountTakenError](err)
	if !ok || taken.Association != "1" || taken.Source != "chamber" {
		t.Fatalf("error %v", err)
	}
	if c, _, _ := w.association("2").Connection(t.Context()); c.State != credential.Disconnected || c.AccountID != "" {
		t.Errorf("recorded %+v", c)
	}
	w.must(w.call(w.tokens(nil)))
	if _, err := w.association("1").Disconnect(t.Context(), "olive"); err != nil {
		t.Fatal(err)
	}
	w.must(w.connect("2", "harbour"))
	if _, ok := errors.AsType[*credential.AccountTakenError](w.connect("1", "harbour")); !ok {
		t.Error("both have it")
	}
}

func TestAnotherAccountIsNoticed(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, true)
	w.must(w.connect("1", "harbour"))
	other, ok := errors.AsType[*credential.OtherAccountError](w.connect("1", "hill"))
	if !ok || other.Was != "harbour" || other.Is != "hill" {
		t.Fatalf("error %v", other)
	}
	if c := w.state(); c.State != credential.Connected || c.AccountName != "harbour" {
		t.Errorf("recorded %+v", c)
	}
	w.must(w.call(w.tokens(nil)))
	// Neither when the connection has ended.
	if _, err := w.association("1").Disconnect(t.Context(), "olive"); err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*credential.OtherAccountError](w.connect("1", "hill")); !ok {
		t.Error("connected to another account after a disconnect")
	}
}

// The account that an operator names takes the place of the one before, and no
// other: not one of another association, and not whatever the person signed in to.
func TestAnotherAccountIsAdopted(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, true)
	w.sim.AddAccount("valley", "", "")
	w.must(w.connect("1", "harbour"))
	w.must(w.connect("2", "valley"))
	adopt := func(account, id string) error {
		t.Helper()
		token := w.grant(account)
		c := w.connector("1")
		c.Adopt = id
		_, err := c.Connect(t.Context(), token, w.client(func(context.Context) (string, error) { return token.Access, nil }, nil), "olive", "olive")
		return err
	}
	if _, ok := errors.AsType[*credential.OtherAccountError](adopt("hill", "account-valley")); !ok {
		t.Error("adopted another account than the one named")
	}
	if _, ok := errors.AsType[*credential.AccountTakenError](adopt("valley", "account-valley")); !ok {
		t.Error("adopted the account of another association")
	}
	if c := w.state(); c.AccountName != "harbour" {
		t.Errorf("recorded %+v", c)
	}
	tokens := w.tokens(nil)
	w.must(w.call(tokens))
	w.must(adopt("hill", "account-hill"))
	if c := w.state(); c.AccountName != "hill" || c.State != credential.Connected {
		t.Errorf("recorded %+v", c)
	}
	// A process that had the tokens of the account before goes on with the new
	// ones once it has the lease again.
	tokens.Reread()
	token, err := tokens.Token(t.Context())
	w.must(err)
	account, err := w.client(func(context.Context) (string, error) { return token, nil }, nil).AccountSummary(t.Context())
	if err != nil || account.ID != "account-hill" {
		t.Errorf("calls account %+v, %v", account, err)
	}
	// The account that was left is free.
	w.must(func() error { _, err := w.association("2").Disconnect(t.Context(), "olive"); return err }())
	if _, ok := errors.AsType[*credential.OtherAccountError](w.connect("2", "harbour")); !ok {
		t.Error("the second association was not asked")
	}
	rows, err := store.New(w.pool, "chamber", w.time).Audit(t.Context(), "1", 0, 10)
	w.must(err)
	var acts []string
	for _, a := range rows {
		acts = append(acts, a.Who+" "+string(a.What)+" "+strings.Join(a.Subjects, " "))
	}
	if want := []string{"olive connect account:account-hill", "olive adopt_account account:account-hill account:account-harbour", "olive connect account:account-harbour"}; !slices.Equal(acts, want) {
		t.Errorf("acts %q", acts)
	}
}

func TestMissingRights(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, true)
	w.must(w.sim.SetPrivileges("harbour", "contacts:read", "contacts:lists:read"))
	missing, ok := errors.AsType[*credential.MissingError](w.connect("1", "harbour"))
	if !ok || !slices.Equal(missing.Names, []string{"contacts:write", "contacts:lists:write"}) || !strings.Contains(missing.Error(), "Owner or Manager") {
		t.Errorf("error %v", missing)
	}
	token := w.grant("harbour")
	token.Scopes = []string{"account_read", "offline_access"}
	_, err := w.connector("1").Connect(t.Context(), token, nil, "olive", "olive")
	if missing, ok = errors.AsType[*credential.MissingError](err); !ok || !slices.Equal(missing.Names, []string{"contact_data"}) {
		t.Errorf("error %v", err)
	}
	if c := w.state(); c.AccountID != "" {
		t.Errorf("recorded %+v", c)
	}
}

// Disconnecting ends the use of the tokens, also by a process that has them, and
// those that come back later are others.
func TestDisconnect(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, true)
	if found, err := w.association("1").Disconnect(t.Context(), "olive"); found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	w.must(w.connect("1", "harbour"))
	tokens := w.tokens(nil)
	w.must(w.call(tokens))
	if found, err := w.association("1").Disconnect(t.Context(), "olive"); !found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	w.now = w.now.Add(time.Minute)
	over, ok := errors.AsType[*credential.NotConnectedError](w.call(tokens))
	if !ok || over.State != credential.Disconnected || over.Detail != "disconnected by olive" {
		t.Errorf("error %v", over)
	}
	var length int
	w.must(w.pool.QueryRow(t.Context(), "select sum(length(access) + length(refresh)) from rollcall_state.token").Scan(&length))
	if length != 0 {
		t.Errorf("%d bytes of tokens are left", length)
	}
	w.must(w.connect("1", "harbour"))
	w.now = w.now.Add(time.Minute)
	w.must(w.call(tokens))
	if w.alerts() > 0 {
		t.Errorf("log: %s", w.log)
	}
}

// A token of the configuration is not refreshed; its account is on record like
// any other.
func TestStaticToken(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, true)
	w.sim.AddAccount("harbour", "app", "static-token-1")
	w.sim.AddAccount("hill", "app", "static-token-2")
	text := "static-token-1"
	raw := w.client(func(context.Context) (string, error) { return text, nil }, nil)
	verify := func() error { _, err := w.connector("1").Verify(t.Context(), raw, "the configuration"); return err }
	tokens := w.tokens(nil)
	tokens.OAuth, tokens.Box = nil, nil
	tokens.Static = func() (string, error) { return text, nil }
	w.must(w.call(tokens))
	w.must(verify())
	w.must(w.call(tokens))
	if c := w.state(); c.AccountName != "harbour" || c.State != credential.Connected || !c.AgreedAt.IsZero() {
		t.Errorf("recorded %+v", c)
	}
	text = "static-token-2"
	if _, ok := errors.AsType[*credential.OtherAccountError](verify()); !ok || w.state().State != credential.OtherAccount {
		t.Errorf("another account: %+v", w.state())
	}
	w.now = w.now.Add(time.Minute)
	if over, ok := errors.AsType[*credential.NotConnectedError](w.call(tokens)); !ok || over.State != credential.OtherAccount {
		t.Errorf("error %v", over)
	}
	// It is adopted when an operator says so.
	c := w.connector("1")
	c.Adopt = "account-hill"
	_, err := c.Verify(t.Context(), raw, "olive")
	w.must(err)
	w.now = w.now.Add(time.Minute)
	w.must(w.call(tokens))
	text, c.Adopt = "static-token-1", "account-harbour"
	_, err = c.Verify(t.Context(), raw, "olive")
	w.must(err)
	w.now = w.now.Add(time.Minute)
	w.must(w.call(tokens))
	// A token that has ended.
	text = "static-token-9"
	err = w.call(tokens)
	w.must(tokens.Failed(t.Context(), err))
	if w.state().State != credential.NeedsReconnecting || w.alerts() != 1 {
		t.Errorf("state %+v", w.state())
	}
}

// Who agreed stays on record when the account is connected again without the
// question.
func TestAgreementIsKept(t *testing.T) {
	w := newWorld(t, ccsim.Switches{}, true)
	w.must(w.connect("1", "harbour"))
	agreed := w.state().AgreedAt
	c := w.state()
	c.AgreedAt, c.AgreedBy = time.Time{}, ""
	w.must(w.association("1").SetAccount(t.Context(), c, false))
	if c := w.state(); !c.AgreedAt.Equal(agreed) || c.AgreedBy != "olive" {
		t.Errorf("recorded %+v", c)
	}
}

func TestNothingPrintsATokenOfATest(t *testing.T) {
	token := oauth.Token{Access: "zz-access", Refresh: "zz-refresh"}
	for _, err := range []error{
		&credential.RetryError{Association: "1", Err: &oauth.UnsavedError{Token: token, Err: errAway}},
		fmt.Errorf("x: %w", &oauth.UnsavedError{Token: token, Err: errAway}),
	} {
		if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, "zz-") {
			t.Errorf("printed %s", text)
		}
	}
}
