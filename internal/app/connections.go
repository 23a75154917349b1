package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"rollcall/internal/budget"
	"rollcall/internal/config"
	"rollcall/internal/credential"
	"rollcall/internal/lease"
	"rollcall/internal/secretbox"
	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/sink/constantcontact"
	"rollcall/sink/constantcontact/oauth"
)

// Connections connects and disconnects the accounts of associations, also while
// the program runs elsewhere.
type Connections struct {
	// Patience is how long the lease of an API key is waited for. A program that
	// runs gives it up within half a minute.
	Patience time.Duration

	app *App
	box *secretbox.Box
}

// OpenConnections connects to the databases. It refuses a member database that
// is not the one of the state, like the program itself. Close must be called on
// what it returns.
func OpenConnections(ctx context.Context, cfg *config.Config, log *slog.Logger, now func() time.Time) (_ *Connections, err error) {
	a := &App{cfg: cfg, log: log, now: now, identity: newIdentity()}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	c := &Connections{app: a, Patience: 30 * time.Second}
	if c.box, err = tokenBox(cfg); err != nil {
		return nil, err
	}
	if a.member, err = memberPool(ctx, cfg, a.identity.recognise); err != nil {
		return nil, err
	}
	if a.source, err = source.New(ctx, a.member); err != nil {
		return nil, err
	}
	if a.state, err = statePool(ctx, cfg, a.identity.recogniseState); err != nil {
		return nil, err
	}
	if err = store.Migrate(ctx, a.state); err != nil {
		return nil, err
	}
	a.store = store.New(a.state, cfg.Source.Name, now)
	if err = a.checkInstallation(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Close gives the database connections back.
func (c *Connections) Close() { c.app.Close() }

// Read returns what is on record of an association's connection.
func (c *Connections) Read(ctx context.Context, association string) (credential.Connection, error) {
	found, _, err := c.app.store.Association(association).Connection(ctx)
	return found, err
}

// Connecting is an account that is being connected.
type Connecting struct {
	// Address is what the person opens in a browser, RedirectURL where that is
	// sent back to.
	Address     string
	RedirectURL string
	Attempt     oauth.Attempt

	from       *Connections
	connection config.Connection
	key        *apiKey
}

// ErrStaticToken says that an association's access token is in the
// configuration, so that there is nothing to connect.
var ErrStaticToken = errors.New("its access token is in the configuration; take access_token out to connect an account")

// connection finds an association in the configuration.
func (c *Connections) connection(association string) (config.Connection, error) {
	conn, ok := c.app.cfg.ConstantContact.Connection(association)
	if !ok {
		unknown := &UnknownAssociationError{Association: association}
		for _, known := range c.app.cfg.ConstantContact.Connections {
			unknown.Configured = append(unknown.Configured, known.Association)
		}
		return conn, unknown
	}
	if conn.AccessToken.IsSet() {
		return conn, fmt.Errorf("association %s: %w", association, ErrStaticToken)
	}
	return conn, nil
}

// Begin prepares the connecting of an association's account.
func (c *Connections) Begin(association string) (*Connecting, error) {
	conn, err := c.connection(association)
	if err != nil {
		return nil, err
	}
	key, err := newAPIKey(c.app.cfg, conn.APIKey, c.app.now)
	if err != nil {
		return nil, err
	}
	described, _ := c.app.cfg.ConstantContact.Key(conn.APIKey)
	attempt := oauth.NewAttempt()
	return &Connecting{
		Address: key.oauth.AuthCodeURL(attempt), RedirectURL: described.RedirectURL, Attempt: attempt, from: c, connection: conn, key: key,
	}, nil
}

// Close closes idle connections.
func (c *Connecting) Close() { c.key.oauth.Close() }

// Finish makes tokens of the code that the browser brought, checks the account
// and records it. adopt is the id of an account that may take the place of the one
// that the association had before; empty: none. It needs the lease of the API key
// for that: where another process does not give it up, the error is a
// *lease.HeldError and the code was not used.
func (c *Connecting) Finish(ctx context.Context, code, by, agreedBy, adopt string) (made credential.Connection, err error) {
	app := c.from.app
	member := budget.Member{Source: app.cfg.Source.Name, Association: c.connection.Association}
	err = c.from.withLease(ctx, c.key, func(ctx context.Context) error {
		token, err := c.key.oauth.Exchange(ctx, code, c.Attempt, func(context.Context, oauth.Token) error { return nil }) // see Connector.Connect
		if err != nil {
			return err
		}
		api, err := constantcontact.New(constantcontact.Config{
			BaseURL: app.cfg.ConstantContact.APIURL, UserAgent: userAgent, Now: app.now, Wait: c.key.wait(member, budget.Ordinary),
			Token: func(context.Context) (string, error) { return token.Access, nil },
		})
		if err != nil {
			return err
		}
		defer api.Close()
		connector := &credential.Connector{
			Source: app.cfg.Source.Name, Association: c.connection.Association, APIKey: c.connection.APIKey,
			Store: app.store.Association(c.connection.Association), Box: c.from.box, Now: app.now, Adopt: adopt,
		}
		made, err = connector.Connect(ctx, token, api, by, agreedBy)
		return err
	})
	return made, err
}

// AdoptStatic records the account that the access token of the configuration
// leads to, in place of the one that the association had before; adopt is its id.
// It needs the lease of the API key like Connecting.Finish.
func (c *Connections) AdoptStatic(ctx context.Context, association, by, adopt string) (made credential.Connection, err error) {
	conn, ok := c.app.cfg.ConstantContact.Connection(association)
	if !ok || !conn.AccessToken.IsSet() {
		_, err := c.connection(association)
		return made, err
	}
	key, err := newAPIKey(c.app.cfg, conn.APIKey, c.app.now)
	if err != nil {
		return made, err
	}
	api, err := constantcontact.New(constantcontact.Config{
		BaseURL: c.app.cfg.ConstantContact.APIURL, UserAgent: userAgent, Now: c.app.now,
		Wait:  key.wait(budget.Member{Source: c.app.cfg.Source.Name, Association: association}, budget.Ordinary),
		Token: func(context.Context) (string, error) { return conn.AccessToken.Read() },
	})
	if err != nil {
		return made, err
	}
	defer api.Close()
	connector := &credential.Connector{
		Source: c.app.cfg.Source.Name, Association: association, APIKey: conn.APIKey,
		Store: c.app.store.Association(association), Now: c.app.now, Adopt: adopt,
	}
	err = c.withLease(ctx, key, func(ctx context.Context) error {
		made, err = connector.Verify(ctx, api, by)
		return err
	})
	return made, err
}

// IsStatic reports whether the access token of an association is in the
// configuration.
func (c *Connections) IsStatic(association string) bool {
	conn, ok := c.app.cfg.ConstantContact.Connection(association)
	return ok && conn.AccessToken.IsSet()
}

// Disconnect forgets an association's tokens. found is false when it was not
// connected.
func (c *Connections) Disconnect(ctx context.Context, association, by string) (found bool, err error) {
	conn, err := c.connection(association)
	if err != nil {
		return false, err
	}
	key, err := newAPIKey(c.app.cfg, conn.APIKey, c.app.now)
	if err != nil {
		return false, err
	}
	defer key.oauth.Close()
	err = c.withLease(ctx, key, func(ctx context.Context) error {
		found, err = c.app.store.Association(association).Disconnect(ctx, by)
		return err
	})
	return found, err
}

// withLease works with the lease of a key, as soon as it is to be had.
func (c *Connections) withLease(ctx context.Context, key *apiKey, work func(context.Context) error) error {
	a := c.app
	keeper := newKeeper(store.NewLeases(a.state, a.now), "connect", "connecting accounts", a.now, a.log)
	err := keeper.Once(ctx, key.id, c.Patience, func(ctx context.Context, l *lease.Lease) error {
		return key.serve(ctx, l, store.NewBudgets(a.state), members(a.cfg, key.name), limits(a.cfg.Pace), a.now, a.log, work)
	})
	if held, ok := errors.AsType[*lease.HeldError](err); ok {
		return fmt.Errorf("API key %s is busy: %w; stop that process, or try again later", key.name, held)
	}
	return err
}
