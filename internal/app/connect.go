package app

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/internal/budget"
	"rollcall/internal/config"
	"rollcall/internal/credential"
	"rollcall/internal/deliver"
	"rollcall/internal/lease"
	"rollcall/internal/secretbox"
	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

// userAgent names us to Constant Contact, which turns away libraries' defaults.
const userAgent = "rollcall (+https://example.org/rollcall)"

// Databases are the member database and that of the state as a configuration
// names them, with their passwords.
func Databases(cfg *config.Config) (member, state *pgx.ConnConfig, err error) {
	m, err := poolConfig(cfg.Source.URL, cfg.Source.Password, "source.url")
	if err != nil {
		return nil, nil, err
	}
	s, err := poolConfig(cfg.State.URL, cfg.State.Password, "state.url")
	if err != nil {
		return nil, nil, err
	}
	return m.ConnConfig, s.ConnConfig, nil
}

// recogniser looks at a session before it is used; see identity. It may be nil.
type recogniser func(context.Context, *pgx.Conn) error

// unhurried lets no transaction end by the clock, whatever a role or the database is
// set to: reading everything takes its time. The setting came with version 17, so a
// session cannot ask for it as it begins.
func unhurried(recognise recogniser) recogniser {
	return func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `select pg_catalog.set_config('transaction_timeout', '0', false)
			where pg_catalog.current_setting('transaction_timeout', true) is not null`)
		if err != nil || recognise == nil {
			return err
		}
		return recognise(ctx, conn)
	}
}

func memberPool(ctx context.Context, cfg *config.Config, recognise recogniser) (*pgxpool.Pool, error) {
	c, err := poolConfig(cfg.Source.URL, cfg.Source.Password, "source.url")
	if err != nil {
		return nil, err
	}
	source.Configure(c.ConnConfig)
	c.AfterConnect = unhurried(recognise)
	return openPool(ctx, c, "source.url")
}

func statePool(ctx context.Context, cfg *config.Config, recognise recogniser) (*pgxpool.Pool, error) {
	c, err := poolConfig(cfg.State.URL, cfg.State.Password, "state.url")
	if err != nil {
		return nil, err
	}
	c.AfterConnect = unhurried(recognise)
	store.Configure(c.ConnConfig)
	return openPool(ctx, c, "state.url")
}

func poolConfig(url string, password config.Secret, field string) (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx repeats the URL in its message.
		return nil, &config.Error{Problems: []config.Problem{{Field: field, Message: "is not a Postgres URL"}}}
	}
	if password.IsSet() {
		if c.ConnConfig.Password, err = password.Read(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func openPool(ctx context.Context, c *pgxpool.Config, field string) (*pgxpool.Pool, error) {
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", field, err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, connectError(field, c.ConnConfig, err)
	}
	return pool, nil
}

// connectError says where we tried to connect and what to look at.
func connectError(field string, c *pgx.ConnConfig, err error) error {
	where := fmt.Sprintf("connect to %s (host %s, port %d, database %s, user %s)", field, c.Host, c.Port, c.Database, c.User)
	var pgErr *pgconn.PgError
	var netErr net.Error
	switch {
	case errors.As(err, &pgErr) && (pgErr.Code == "28P01" || pgErr.Code == "28000"):
		return fmt.Errorf("%s: the server refuses the user or the password; look at %s and the server's pg_hba.conf: SQLSTATE %s",
			where, field, pgErr.Code)
	case errors.As(err, &pgErr) && pgErr.Code == "3D000":
		return fmt.Errorf("%s: there is no such database: SQLSTATE %s", where, pgErr.Code)
	case errors.As(err, &pgErr):
		return fmt.Errorf("%s: %w", where, pgErr)
	case errors.As(err, &netErr):
		// One of the attempts, with TLS and without: they fail alike.
		return fmt.Errorf("%s: the server cannot be reached (%w); is it running, and is the address right?", where, netErr)
	}
	return fmt.Errorf("%s: %w", where, err)
}

// readTokens reads the secrets of every connection once: one that is missing now
// would otherwise show only at the first call.
func readTokens(cfg *config.Config) error {
	for _, c := range cfg.ConstantContact.Connections {
		if err := ReadSecrets(cfg, c); err != nil {
			return err
		}
	}
	return nil
}

// connect prepares one worker for every API key, with the associations whose
// accounts it serves.
func (a *App) connect() error {
	box, err := tokenBox(a.cfg)
	if err != nil {
		return err
	}
	served := map[string]*served{}
	for _, c := range a.cfg.ConstantContact.Connections {
		s := served[c.APIKey]
		if s == nil {
			if s, err = a.newServed(c.APIKey); err != nil {
				return err
			}
			served[c.APIKey] = s
			a.keys = append(a.keys, s)
		}
		if err := a.serve(s, c, box); err != nil {
			return err
		}
	}
	for _, s := range a.keys {
		for _, c := range a.cfg.ConstantContact.Connections {
			if c.APIKey != s.key.name {
				s.worker.Elsewhere[c.Association] = true
			}
		}
	}
	return nil
}

// served is an API key with the worker of its associations.
type served struct {
	key      *apiKey
	worker   *deliver.Worker
	accounts []*account
	dirty    signal // addresses became dirty
}

func (a *App) newServed(name string) (*served, error) {
	key, err := newAPIKey(a.cfg, name, a.now)
	if err != nil {
		return nil, err
	}
	return &served{key: key, dirty: newSignal(), worker: &deliver.Worker{
		Keepers: map[string]deliver.Keeper{}, Accounts: map[string]deliver.Account{}, Elsewhere: map[string]bool{},
		Visible: a.visible, Store: a.store.Fenced(key.fence), Now: a.now, Log: a.log.With("component", "deliver"),
	}}, nil
}

// serve adds an association to those of its key.
func (a *App) serve(s *served, c config.Connection, box *secretbox.Box) error {
	member := budget.Member{Source: a.cfg.Source.Name, Association: c.Association}
	// Tokens are saved whoever has the lease: a new pair must not be lost.
	tokens := newTokens(a.cfg, c, s.key, box, a.store.Association(c.Association), a.now, a.log)
	observe := func(c constantcontact.Call) {
		tokens.Observe(c)
		a.watched.process.Request(c)
	}
	var err error
	clients := map[budget.Class]*constantcontact.Client{}
	for _, class := range []budget.Class{budget.Ordinary, budget.OptOut} {
		var client *constantcontact.Client
		client, err = constantcontact.New(constantcontact.Config{
			BaseURL: a.cfg.ConstantContact.APIURL, Token: tokens.Token, Observe: observe, Wait: s.key.wait(member, class), UserAgent: userAgent, Now: a.now,
		})
		if err != nil {
			return err
		}
		clients[class] = client
	}
	state := a.store.Fenced(s.key.fence).Association(c.Association)
	d := &deliver.Deliverer{
		ID: c.Association, Source: a.source, Store: state, Policy: policy(a.cfg), Linger: a.cfg.Pace.Linger, Pace: pace{s.key, member},
		Now: a.now, Log: a.log.With("component", "deliver"),
		Applier: &sink.Applier{
			API: clients[budget.Ordinary], OptOuts: clients[budget.OptOut], Ledger: state, ReadAge: a.watched.process.ReadAge, Now: a.now,
			Log: a.log.With("component", "sink", "association", c.Association),
		},
	}
	s.worker.Associations = append(s.worker.Associations, d)
	s.worker.Keepers[c.Association] = a.keep(s.worker, d)
	acc := &account{key: s.key, member: member, tokens: tokens, now: a.now, log: a.log.With("component", "account")}
	if c.AccessToken.IsSet() {
		if acc.verify, err = a.verifier(s.key, c, a.store.Fenced(s.key.fence).Association(c.Association)); err != nil {
			return err
		}
	}
	s.accounts = append(s.accounts, acc)
	s.worker.Accounts[c.Association] = counted{acc, a.watched.process}
	return nil
}

// verifier checks which account the token of the configuration leads to, whatever
// the state of the connection is.
func (a *App) verifier(key *apiKey, c config.Connection, state credential.Store) (func(context.Context) error, error) {
	api, err := constantcontact.New(constantcontact.Config{
		BaseURL: a.cfg.ConstantContact.APIURL, UserAgent: userAgent, Now: a.now,
		Wait:  key.wait(budget.Member{Source: a.cfg.Source.Name, Association: c.Association}, budget.Ordinary),
		Token: func(context.Context) (string, error) { return c.AccessToken.Read() },
	})
	if err != nil {
		return nil, err
	}
	connector := &credential.Connector{Source: a.cfg.Source.Name, Association: c.Association, APIKey: c.APIKey, Store: state, Now: a.now}
	return func(ctx context.Context) error {
		_, err := connector.Verify(ctx, api, "the access token of the configuration")
		return err
	}, nil
}

// hold serves a key whenever this process has its lease.
func (a *App) hold(ctx context.Context, keeper *lease.Keeper, s *served) error {
	return keeper.Hold(ctx, s.key.id, func(ctx context.Context, l *lease.Lease) error {
		return s.key.serve(ctx, l, store.NewBudgets(a.state), members(a.cfg, s.key.name), limits(a.cfg.Pace), a.now, a.log, func(ctx context.Context) error {
			for _, account := range s.accounts {
				account.begin()
			}
			return s.worker.Run(ctx, s.dirty)
		})
	})
}

// visible says whether a transaction of the member database can be seen by now.
func (a *App) visible(ctx context.Context, xid uint64) (bool, error) {
	if xid == 0 {
		return true, nil
	}
	shows, err := a.source.CurrentSnapshot(ctx)
	return err == nil && shows.Visible(xid), err
}
