package app

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/internal/config"
	"rollcall/internal/deliver"
	"rollcall/internal/source"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

// userAgent names us to Constant Contact, which turns away libraries' defaults.
const userAgent = "rollcall (+https://example.org/rollcall)"

func memberPool(ctx context.Context, cfg *config.Config) (*pgxpool.Pool, error) {
	c, err := poolConfig(cfg.Source.URL, cfg.Source.Password, "source.url")
	if err != nil {
		return nil, err
	}
	source.Configure(c.ConnConfig)
	return openPool(ctx, c, "source.url")
}

func statePool(ctx context.Context, cfg *config.Config) (*pgxpool.Pool, error) {
	c, err := poolConfig(cfg.State.URL, cfg.State.Password, "state.url")
	if err != nil {
		return nil, err
	}
	c.ConnConfig.RuntimeParams["application_name"] = "rollcall state"
	c.ConnConfig.RuntimeParams["timezone"] = "UTC"
	// A stopped process must not hold locks that another waits for.
	c.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "60s"
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

// readTokens reads every access token once: one that is missing now would
// otherwise show only at the first call.
func readTokens(cfg *config.Config) error {
	for _, c := range cfg.ConstantContact.Connections {
		if _, err := c.AccessToken.Read(); err != nil {
			return err
		}
	}
	return nil
}

// connect prepares one worker for every API key, with the associations whose
// accounts it serves.
func (a *App) connect() error {
	limits := map[string]*constantcontact.Limiter{}
	workers := map[string]*deliver.Worker{}
	for _, c := range a.cfg.ConstantContact.Connections {
		if limits[c.APIKey] == nil {
			limits[c.APIKey] = constantcontact.NewLimiter(a.now, constantcontact.Spacing)
			w := &deliver.Worker{
				Keepers: map[string]deliver.Keeper{}, Visible: a.visible, Store: a.store, Now: a.now, Log: a.log.With("component", "deliver"),
			}
			workers[c.APIKey] = w
			a.workers = append(a.workers, w)
			a.dirty = append(a.dirty, newSignal())
		}
		client, err := constantcontact.New(constantcontact.Config{
			BaseURL:   a.cfg.ConstantContact.APIURL,
			Token:     func(context.Context) (string, error) { return c.AccessToken.Read() },
			Wait:      limits[c.APIKey].Wait,
			UserAgent: userAgent,
			Now:       a.now,
		})
		if err != nil {
			return err
		}
		state := a.store.Association(c.Association)
		log := a.log.With("component", "sink", "association", c.Association)
		w := workers[c.APIKey]
		d := &deliver.Deliverer{
			ID: c.Association, Source: a.source, Store: state, Policy: policy(a.cfg), Linger: a.cfg.Pace.Linger, Now: a.now, Log: a.log.With("component", "deliver"),
			Applier: &sink.Applier{API: client, Ledger: state, Now: a.now, Log: log},
		}
		w.Associations = append(w.Associations, d)
		w.Keepers[c.Association] = a.keep(w, d)
	}
	return nil
}

// visible says whether a transaction of the member database can be seen by now.
func (a *App) visible(ctx context.Context, xid uint64) (bool, error) {
	if xid == 0 {
		return true, nil
	}
	shows, err := a.source.CurrentSnapshot(ctx)
	return err == nil && shows.Visible(xid), err
}
