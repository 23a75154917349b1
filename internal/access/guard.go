package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"golang.org/x/crypto/bcrypt"
)

// ErrNoUser says that there is no user of a name.
var ErrNoUser = errors.New("there is no such user")

// Account is a user with what a login is checked against.
type Account struct {
	User
	PasswordHash string `json:"-"` // empty: comes through the proxy only
	// PasswordID changes with the password. A session is over when it has
	// another one than its user.
	PasswordID string `json:"password_id"`
}

// store keeps users and sessions. A session is kept under a hash of its token.
type store interface {
	// ConsoleUser reads a user; the error is ErrNoUser where there is none.
	ConsoleUser(ctx context.Context, name string) (Account, error)
	// ConsoleSession reads the user of a session that was begun and seen after
	// the two times, and whose user has the same password still, and notes that
	// it was seen.
	ConsoleSession(ctx context.Context, hash string, begunAfter, seenAfter time.Time) (Account, bool, error)
	// BeginConsoleSession records a session, unless the password has changed
	// since the account was read. Those that are over by the two times go.
	BeginConsoleSession(ctx context.Context, hash string, a Account, begunAfter, seenAfter time.Time) error
	EndConsoleSession(ctx context.Context, hash string) error
	// HasConsoleUsers says whether there is anybody who may see the console.
	HasConsoleUsers(ctx context.Context) (bool, error)
}

// Config is what a Guard needs.
type Config struct {
	Store store
	Now   func() time.Time
	Log   *slog.Logger
	// Secure sends the cookie over TLS only: for a console that is served with
	// TLS, by itself or by a proxy.
	Secure bool
	// Origin is where browsers find the console where that differs from the
	// Host that reaches it, such as https://rollcall.example.org.
	Origin   string
	Idle     time.Duration // a session ends after so long without a request
	Lifetime time.Duration // and so long after the login in any case
	// Header names the header in which a reverse proxy says who it let in, such
	// as X-Forwarded-User. It counts only from one of Proxies. Empty: none.
	Header  string
	Proxies []netip.Prefix
	// ProxiesOnly refuses requests that do not come from one of Proxies: where
	// a password would travel in the open.
	ProxiesOnly bool
}

// Guard lets users in. All its methods may be called at the same time.
type Guard struct {
	cfg      Config
	sessions *scs.SessionManager
	origins  *http.CrossOriginProtection
	users    *throttle // logins by user
	clients  *throttle // logins by client address
	hashing  chan struct{}
	compare  func(hash, password []byte) error
}

// New prepares a Guard. The error is about Config.Origin.
func New(cfg Config) (*Guard, error) {
	g := &Guard{
		cfg: cfg, origins: http.NewCrossOriginProtection(), hashing: make(chan struct{}, hashers), compare: bcrypt.CompareHashAndPassword,
		users: newThrottle(userBurst, userEvery, cfg.Now), clients: newThrottle(clientBurst, clientEvery, cfg.Now),
	}
	if cfg.Origin != "" {
		if err := g.origins.AddTrustedOrigin(cfg.Origin); err != nil {
			return nil, fmt.Errorf("read origin of the console: %w", err)
		}
	}
	g.origins.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusForbidden, "Refused", "Another site sent this request. Open the console itself, and do it there.")
	}))
	// Not scs.New, which starts a goroutine for a store that is not used.
	g.sessions = &scs.SessionManager{
		Lifetime: cfg.Lifetime, HashTokenInStore: true, Store: sessions{cfg}, Codec: codec{},
		Cookie: scs.SessionCookie{Name: cookieName(cfg.Secure), HttpOnly: true, Path: "/", SameSite: http.SameSiteLaxMode, Secure: cfg.Secure},
	}
	return g, nil
}

// cookieName has the prefix that keeps other hosts of the domain from setting
// the cookie, where that can be had.
func cookieName(secure bool) string {
	if secure {
		return "__Host-rollcall"
	}
	return "rollcall"
}

// Wrap lets only users through to next, which finds them with From. It serves
// /login and /logout itself, leaves /static/ open, and refuses what another
// site sent. Whoever has no session is sent to the login page.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", g.loginPage)
	mux.HandleFunc("POST /login", g.login)
	mux.HandleFunc("POST /logout", g.logout)
	mux.HandleFunc("/logout", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, http.StatusMethodNotAllowed, "Not like this", "Use the button of the console to log out.")
	})
	mux.Handle("/", g.inside(next))
	guarded := g.origins.Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		named, ok := g.proxied(w, r)
		if !ok {
			return
		}
		guarded.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), namedKey{}, named)))
	})
}

// inside serves whoever is known.
func (g *Guard) inside(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/static/") {
			next.ServeHTTP(w, r)
			return
		}
		u, err := g.user(r)
		switch {
		case errors.Is(err, errNotInvited):
			refuse(w, http.StatusForbidden, "No account", "You are signed in, but have no account here. Ask an administrator of Rollcall for one.")
		case err != nil:
			g.broken(w, "read session", err)
		case u.Role == 0:
			g.toLogin(w, r)
		default:
			next.ServeHTTP(w, r.WithContext(With(r.Context(), u)))
		}
	})
}

// user is who sent a request, the zero User for nobody.
func (g *Guard) user(r *http.Request) (User, error) {
	if name := named(r); name != "" {
		a, err := g.cfg.Store.ConsoleUser(r.Context(), name)
		if errors.Is(err, ErrNoUser) {
			return User{}, errNotInvited
		}
		return a.User, err
	}
	ctx, err := g.load(r)
	if err != nil {
		return User{}, err
	}
	a, _ := g.sessions.Get(ctx, accountKey).(Account)
	return a.User, nil
}

// errNotInvited says that the proxy let somebody in who is no user.
var errNotInvited = errors.New("the proxy named somebody who is no user")

// toLogin sends a browser to the login page, and back from there to a page. A
// part of a page, which htmx asks for, makes htmx leave the page.
func (g *Guard) toLogin(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case r.Header.Get("HX-Request") != "":
		w.Header().Set("HX-Redirect", "/login")
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		http.Redirect(w, r, loginAddress(r.URL.RequestURI()), http.StatusSeeOther)
	default:
		http.Redirect(w, r, "/login", http.StatusSeeOther)
	}
}

func (g *Guard) broken(w http.ResponseWriter, what string, err error) {
	g.cfg.Log.Error("who asks could not be told: the page was not served", "component", "console", "err", fmt.Errorf("%s: %w", what, err))
	refuse(w, http.StatusInternalServerError, "Something is broken", "Rollcall could not read who you are. Its log says more; try again in a moment.")
}
