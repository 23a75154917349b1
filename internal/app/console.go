package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"rollcall/internal/config"
	"rollcall/internal/console"
)

// openConsole prepares the web console and takes its address, so that an address
// that cannot be had is known at the start. Where nobody chose one and another
// program has the default, the console is left out: everything else works.
func (a *App) openConsole() error {
	c := a.cfg.Console
	if !a.has(RoleConsole) || c.Listen == config.ConsoleOff {
		return nil
	}
	log := a.log.With("component", "console")
	listener, err := ListenConsole(context.Background(), c, a.store)
	if errors.Is(err, syscall.EADDRINUSE) && c.Listen == config.DefaultConsole {
		a.log.Warn("the console is not served: another program has its default address; set console.listen", "address", c.Listen)
		return nil
	}
	if err != nil {
		return fmt.Errorf("serve console at console.listen: %w", err)
	}
	guard, err := NewConsoleGuard(c, a.store, log, a.now)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	pages, err := console.New(console.Config{
		Office: newOffice(a), Guard: consoleGuard{guard}, Hosts: consoleHosts(c), Callbacks: callbackPaths(a.cfg), Now: a.now, Log: log,
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	a.pages, a.consoleListener = pages, listener
	a.console = &http.Server{
		Handler: pages, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), // broken connections of browsers
	}
	return nil
}

// callbackPaths are the paths of the redirect URLs of all applications.
func callbackPaths(cfg *config.Config) []string {
	var paths []string
	for _, key := range cfg.ConstantContact.Keys {
		u, err := url.Parse(key.RedirectURL)
		if err == nil && strings.Trim(u.Path, "/") != "" && !strings.ContainsAny(u.Path, "{}") && !slices.Contains(paths, u.Path) {
			paths = append(paths, u.Path)
		}
	}
	return paths
}

// consoleHosts are the names by which browsers may ask for the console.
func consoleHosts(c config.Console) []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if host, _, err := net.SplitHostPort(c.Listen); err == nil && host != "" {
		hosts = append(hosts, host)
	}
	if u, err := url.Parse(c.URL); err == nil && u.Hostname() != "" {
		hosts = append(hosts, u.Hostname())
	}
	return hosts
}

// ConsoleURL is where the console is served on this host; empty where it is not.
func (a *App) ConsoleURL() string {
	if a.consoleListener == nil {
		return ""
	}
	scheme := "http"
	if a.cfg.Console.TLS.Certificate != "" {
		scheme = "https"
	}
	return scheme + "://" + a.consoleListener.Addr().String() + "/"
}

// consoleClosing is how long pages that are being made may take at the end.
const consoleClosing = 3 * time.Second

// countForConsole counts what its pages show, where there is a console.
func (a *App) countForConsole(ctx context.Context) error {
	if a.console == nil {
		return nil
	}
	return newOffice(a).tally(ctx)
}

// serveConsole serves the console until the context ends.
func (a *App) serveConsole(ctx context.Context) error {
	if a.console == nil {
		return nil
	}
	a.log.Info("the console is served", "url", a.ConsoleURL())
	if some, err := a.store.HasConsoleUsers(ctx); err == nil && !some {
		a.log.Warn("nobody can sign in to the console yet: add the first user with rollcall users add NAME --role admin")
	}
	ended := make(chan error, 1)
	go func() { ended <- a.console.Serve(a.consoleListener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve console: %w", err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), consoleClosing)
	defer cancel()
	if a.console.Shutdown(closing) != nil {
		_ = a.console.Close() // cuts what is left
	}
	<-ended
	return nil
}
