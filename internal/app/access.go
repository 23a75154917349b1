package app

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/internal/access"
	"rollcall/internal/config"
	"rollcall/internal/console"
	"rollcall/internal/store"
)

// Users are those of the console of one source.
type Users struct {
	*store.Store
	pool *pgxpool.Pool
}

// OpenUsers opens the state. With prepare it makes the schema first, so that the
// first user can be added before run was ever started; without, the error is
// store.ErrNotStarted then. Close must be called on what it returns.
func OpenUsers(ctx context.Context, cfg *config.Config, now func() time.Time, prepare bool) (*Users, error) {
	pool, err := statePool(ctx, cfg, nil)
	if err != nil {
		return nil, err
	}
	ready := store.Ready
	if prepare {
		ready = store.Migrate
	}
	if err := ready(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return &Users{store.New(pool, cfg.Source.Name, now), pool}, nil
}

// Close gives the database connections back.
func (u *Users) Close() { u.pool.Close() }

// ListenConsole opens the console's port, or refuses to: see access.Listen.
func ListenConsole(ctx context.Context, c config.Console, s *store.Store) (net.Listener, error) {
	where := access.Exposure{
		Address: c.Listen, Certificate: c.TLS.Certificate, Key: c.TLS.Key, Proxy: c.TrustedHeader.Name != "",
	}
	return access.Listen(ctx, where, func(ctx context.Context) (bool, error) {
		all, err := s.ConsoleUsers(ctx)
		if err != nil {
			return false, err
		}
		for _, u := range all {
			if u.PasswordHash != "" {
				return true, nil
			}
		}
		return false, nil
	})
}

// NewConsoleGuard lets the users of a source into the console.
func NewConsoleGuard(c config.Console, s *store.Store, log *slog.Logger, now func() time.Time) (*access.Guard, error) {
	tls := c.TLS.Certificate != ""
	return access.New(access.Config{
		Store: s, Now: now, Log: log, Idle: c.Idle, Lifetime: c.Lifetime,
		Secure: tls || strings.HasPrefix(c.URL, "https://"), Origin: strings.TrimRight(c.URL, "/"),
		Header: c.TrustedHeader.Name, Proxies: c.TrustedHeader.Networks(),
		ProxiesOnly: c.TrustedHeader.Name != "" && !tls && !access.Loopback(c.Listen),
	})
}

// consoleGuard is an access.Guard for the console.
type consoleGuard struct{ *access.Guard }

// User implements console.Guard.
func (consoleGuard) User(ctx context.Context) console.User {
	u := access.From(ctx)
	return console.User{Name: u.Name, Role: console.Role(u.Role), Associations: u.Associations}
}
