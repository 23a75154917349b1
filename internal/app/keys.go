package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/budget"
	"rollcall/internal/config"
	"rollcall/internal/credential"
	"rollcall/internal/lease"
	"rollcall/internal/pause"
	"rollcall/internal/secretbox"
	"rollcall/internal/store"
	"rollcall/sink/constantcontact"
	"rollcall/sink/constantcontact/oauth"
)

// apiKey is an API key whose limits this process keeps while it has the lease.
type apiKey struct {
	name    string        // in the configuration
	id      string        // what lease and budget go by, the same in all processes
	oauth   *oauth.Client // nil: the key is only a name
	limiter *constantcontact.Limiter
	term    atomic.Pointer[term]
}

// term is the time for which the lease is held.
type term struct {
	lease   *lease.Lease
	counter *budget.Counter
}

// keyID is what lease and budget of a key go by. What the limits count on is the
// application, so that is it where it is known: several configurations may call
// it differently.
func keyID(cfg *config.Config, name string) string {
	if described, ok := cfg.ConstantContact.Key(name); ok {
		return "api_key/" + described.ClientID
	}
	return "api_key/" + name
}

// newAPIKey describes the key of a name.
func newAPIKey(cfg *config.Config, name string, now func() time.Time) (*apiKey, error) {
	k := &apiKey{name: name, id: keyID(cfg, name), limiter: constantcontact.NewLimiter(now, constantcontact.Spacing)}
	described, ok := cfg.ConstantContact.Key(name)
	if !ok {
		return k, nil
	}
	secret := ""
	var err error
	if described.ClientSecret.IsSet() {
		if secret, err = described.ClientSecret.Read(); err != nil {
			return nil, err
		}
	}
	k.oauth, err = oauth.New(oauth.Config{
		BaseURL: described.AuthURL, ClientID: described.ClientID, ClientSecret: secret, RedirectURL: described.RedirectURL,
		UserAgent: userAgent, Wait: constantcontact.NewLimiter(now, oauth.Spacing).Wait, Now: now,
	})
	return k, err
}

// wait is what a client of a member waits for before each attempt.
func (k *apiKey) wait(m budget.Member, class budget.Class) func(context.Context) error {
	return func(ctx context.Context) error {
		t := k.term.Load()
		if t == nil {
			return lease.ErrLost
		}
		return t.counter.Wait(m, class, t.lease.Check, k.limiter.Wait)(ctx)
	}
}

// fence keeps transactions of a former holder from being committed.
func (k *apiKey) fence(ctx context.Context, tx pgx.Tx) error {
	t := k.term.Load()
	if t == nil {
		return lease.ErrLost
	}
	return t.lease.Fence(ctx, tx)
}

// closePatience bounds giving back calls that were not made.
const closePatience = 3 * time.Second

// serve works with the lease held, and gives it up when it is wanted.
func (k *apiKey) serve(
	ctx context.Context, l *lease.Lease, budgets budget.Store, members []budget.Member, limits budget.Limits, now func() time.Time, log *slog.Logger,
	work func(context.Context) error,
) error {
	counter := budget.NewCounter(budgets, l.Fence, k.id, members, limits, now)
	k.term.Store(&term{l, counter})
	ctx, cancel := context.WithCancelCause(ctx)
	yielding := make(chan struct{})
	go func() {
		defer close(yielding)
		for pause.For(ctx, lease.Poll) == nil {
			if l.Wanted() {
				cancel(lease.ErrYield)
			}
		}
	}()
	err := work(ctx)
	if errors.Is(context.Cause(ctx), lease.ErrYield) {
		err = lease.ErrYield
	}
	cancel(nil)
	<-yielding
	k.term.Store(nil)
	closing, done := context.WithTimeout(context.WithoutCancel(ctx), closePatience)
	defer done()
	if closeErr := counter.Close(closing); closeErr != nil {
		log.Warn("calls that were not made are lost", "api_key", k.name, "err", closeErr)
	}
	return err
}

// limits are the calls of a key on a day.
func limits(p config.Pace) budget.Limits {
	return budget.Limits{Daily: p.DailyCalls, Reserve: p.DailyCalls * p.OptOutReserve / 100}
}

// members are the associations of a key in this configuration.
func members(cfg *config.Config, key string) []budget.Member {
	var all []budget.Member
	for _, c := range cfg.ConstantContact.Connections {
		if c.APIKey == key {
			all = append(all, budget.Member{Source: cfg.Source.Name, Association: c.Association})
		}
	}
	return all
}

// newKeeper takes leases for this process.
func newKeeper(leases *store.Leases, what, serves string, now func() time.Time, log *slog.Logger) *lease.Keeper {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown host"
	}
	// Two containers may have the same host name and process number.
	holder := fmt.Sprintf("rollcall %s on %s, process %d (%s)", what, host, os.Getpid(), rand.Text()[:6])
	return &lease.Keeper{Store: leases, Holder: holder, Serves: serves, Now: now, Log: log.With("component", "lease")}
}

// tokenBox opens and seals tokens with the master keys; nil without any.
func tokenBox(cfg *config.Config) (*secretbox.Box, error) {
	if len(cfg.State.MasterKeys) == 0 {
		return nil, nil
	}
	var keys []secretbox.Key
	for i, place := range cfg.State.MasterKeys {
		text, err := place.Read()
		if err != nil {
			return nil, err
		}
		key, err := secretbox.ParseKey(text)
		if err != nil {
			return nil, &config.Error{Problems: []config.Problem{{Field: fmt.Sprintf("state.master_keys[%d]", i), Message: err.Error()}}}
		}
		keys = append(keys, key)
	}
	return secretbox.New(credential.Purpose, keys...)
}

// ReadSecrets reads what a connection needs of the configuration's secrets, and
// says what is wrong with it: the access token, or the application's secret and
// the master keys. The error is a *config.Error.
func ReadSecrets(cfg *config.Config, c config.Connection) error {
	if c.AccessToken.IsSet() {
		_, err := c.AccessToken.Read()
		return err
	}
	if key, described := cfg.ConstantContact.Key(c.APIKey); described && key.ClientSecret.IsSet() {
		if _, err := key.ClientSecret.Read(); err != nil {
			return err
		}
	}
	_, err := tokenBox(cfg)
	return err
}

// newTokens are the tokens of a connection: those of the configuration, or those
// of a connected account.
func newTokens(cfg *config.Config, c config.Connection, k *apiKey, box *secretbox.Box, state *store.Association, now func() time.Time, log *slog.Logger) *credential.Tokens {
	t := &credential.Tokens{
		Source: cfg.Source.Name, Association: c.Association, Store: state, Box: box, Now: now, Log: log.With("component", "credential"),
	}
	if c.AccessToken.IsSet() {
		t.Static = c.AccessToken.Read
		return t
	}
	t.OAuth = k.oauth
	return t
}
