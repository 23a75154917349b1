package console

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

//go:embed static
var static embed.FS

// Config is what a console needs.
type Config struct {
	Office Office
	Guard  Guard // knows who asks
	// Hosts are the names, without a port, by which browsers may ask for the
	// console; empty: any. On the loopback address they keep pages of others from
	// reaching it under a name of their own (DNS rebinding).
	Hosts []string
	// Callbacks are the paths of the redirect URLs that are registered for the
	// applications: where the browser comes back to when it reaches the console.
	Callbacks []string
	Now       func() time.Time
	Log       *slog.Logger
}

// Office is what the pages show and do. Every method but Associations is about
// one association, and the console calls it only for users who may see it.
type Office interface {
	// Associations are all that are connected in the configuration, in its order.
	Associations(ctx context.Context) ([]Association, error)
	// Zone is the association's time zone.
	Zone(ctx context.Context, association string) (*time.Location, error)

	groupsOffice
	answersOffice
	progressOffice
	peopleOffice
	approvalsOffice
	optionsOffice
	activityOffice
	problemsOffice
	connectOffice
	auditOffice
	healthOffice
}

// Association is one tenant.
type Association struct {
	ID   string
	Name string // for people; the account's name where it is connected
}

// Path is where the association's pages begin.
func (a Association) Path() string { return link(a.ID) }

// Console serves the pages.
type Console struct {
	Config
	pages     *pages
	sealer    sealer
	previews  previews
	attempts  attempts
	forwarder forwarder
	handler   http.Handler
}

// New prepares the console.
func New(cfg Config) (*Console, error) {
	c := &Console{Config: cfg, previews: previews{all: map[string]shownPreview{}}, attempts: attempts{all: map[string]attempt{}}}
	var err error
	if c.sealer, err = newSealer(); err != nil {
		return nil, fmt.Errorf("prepare console: %w", err)
	}
	if c.pages, err = parsed(); err != nil {
		return nil, fmt.Errorf("prepare console: %w", err)
	}
	c.handler = c.build()
	return c, nil
}

// ServeHTTP serves a page.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// Close ends what waits for browsers.
func (c *Console) Close() {
	c.forwarder.close()
	c.attempts.close()
}

// build puts the layers around the routes.
func (c *Console) build() http.Handler {
	inside := http.NewServeMux()
	for _, rt := range routes() {
		inside.Handle(rt.pattern, c.handle(rt))
	}
	for _, path := range c.Callbacks {
		if path != callbackPath {
			inside.Handle("GET "+path, c.handle(route{"GET " + path, Admin, (*Console).callback}))
		}
	}
	inside.Handle("/", http.HandlerFunc(c.notFound))
	outside := http.NewServeMux()
	outside.Handle("GET /static/", cached(http.FileServerFS(static)))
	outside.Handle("/", c.Guard.Wrap(inside))
	return c.knownHost(secured(outside))
}

// policy lets the browser load and run only what the console itself serves, as
// files: nothing inline, nothing of others. Pico draws its arrows with data:
// images. No page may be framed.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secured sets the headers of every answer. Pages hold member data: nothing
// keeps them, and no address of them leaves the host.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// cached lets the browser keep the files that hold no data.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") { // no listing
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "max-age=3600")
		next.ServeHTTP(w, r)
	})
}

// knownHost answers only to the names of the console.
func (c *Console) knownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := url.URL{Host: r.Host}
		if len(c.Hosts) > 0 && !slices.Contains(c.Hosts, strings.ToLower(u.Hostname())) {
			http.Error(w, "The console is not served under this name. Open it at "+net.JoinHostPort(c.Hosts[0], u.Port())+", or set console.url.",
				http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
