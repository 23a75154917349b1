package access

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxForm is how much of a login is read, in bytes.
const maxForm = 16 << 10

// loginPage shows the form, or sends on whoever is logged in.
func (g *Guard) loginPage(w http.ResponseWriter, r *http.Request) {
	u, err := g.user(r)
	switch {
	case err != nil && !errors.Is(err, errNotInvited):
		g.broken(w, "read session", err)
	case u.Role != 0:
		http.Redirect(w, r, onward(r.URL.Query().Get("next")), http.StatusSeeOther)
	default:
		some, err := g.cfg.Store.HasConsoleUsers(r.Context())
		if err != nil {
			g.broken(w, "look for users", err)
			return
		}
		showLogin(w, http.StatusOK, loginForm{Next: r.URL.Query().Get("next"), Nobody: !some})
	}
}

// login checks name and password, and begins a session under a new token, so
// that one that somebody planted in the browser is worth nothing.
func (g *Guard) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, "Not understood", "Open the login page again.")
		return
	}
	form := loginForm{Name: r.PostForm.Get("name"), Next: r.PostForm.Get("next")}
	wait := max(g.clients.take(clientOf(r)), g.users.take(foldName(form.Name)))
	if wait > 0 {
		g.cfg.Log.Warn("login refused: too many attempts", "component", "console")
		seconds := int((wait + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		form.Problem = "Too many attempts. Wait " + strconv.Itoa(seconds) + " seconds, then try again."
		showLogin(w, http.StatusTooManyRequests, form)
		return
	}
	a, ok, err := g.check(r.Context(), form.Name, r.PostForm.Get("password"))
	switch {
	case err != nil:
		g.broken(w, "check login", err)
		return
	case !ok:
		g.cfg.Log.Warn("login refused: wrong name or password", "component", "console")
		form.Problem = "Name or password is wrong."
		showLogin(w, http.StatusForbidden, form)
		return
	}
	g.users.forget(foldName(form.Name))
	if err := g.begin(w, r, a); err != nil {
		g.broken(w, "begin session", err)
		return
	}
	http.Redirect(w, r, onward(form.Next), http.StatusSeeOther)
}

// check says whether a user has a password. It takes as long for a name that
// nobody has. Few are checked at the same time, because each costs a CPU.
func (g *Guard) check(ctx context.Context, name, password string) (Account, bool, error) {
	a, err := g.cfg.Store.ConsoleUser(ctx, foldName(name))
	if err != nil && !errors.Is(err, ErrNoUser) {
		return a, false, err
	}
	hash, known := a.PasswordHash, err == nil && a.PasswordHash != ""
	if !known {
		hash = nobodysHash
	}
	select {
	case g.hashing <- struct{}{}:
		defer func() { <-g.hashing }()
	case <-ctx.Done():
		return a, false, ctx.Err()
	}
	fits := g.compare([]byte(hash), []byte(password)) == nil
	return a, known && fits, nil
}

func (g *Guard) begin(w http.ResponseWriter, r *http.Request, a Account) error {
	ctx, err := g.load(r)
	if err != nil {
		return err
	}
	if err := g.sessions.RenewToken(ctx); err != nil {
		return err
	}
	g.sessions.Put(ctx, accountKey, a)
	token, expiry, err := g.sessions.Commit(ctx)
	if err != nil {
		return err
	}
	g.sessions.WriteSessionCookie(ctx, w, token, expiry)
	return nil
}

// logout ends the session.
func (g *Guard) logout(w http.ResponseWriter, r *http.Request) {
	ctx, err := g.load(r)
	if err == nil {
		err = g.sessions.Destroy(ctx)
	}
	if err != nil {
		g.broken(w, "end session", err)
		return
	}
	g.sessions.WriteSessionCookie(ctx, w, "", time.Time{})
	if named(r) != "" {
		refuse(w, http.StatusOK, "Still signed in", "The server in front of the console signed you in. Sign out there.")
		return
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// loginAddress is the login page that leads back to an address of the console.
func loginAddress(next string) string {
	if next == "/" {
		return "/login"
	}
	return "/login?" + url.Values{"next": {next}}.Encode()
}

// onward is where to go after the login: a page of the console, whatever
// somebody wrote into a link.
func onward(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") ||
		strings.HasPrefix(next, "//") || strings.Contains(next, `\`) || u.Path == "/login" || u.Path == "/logout" {
		return "/"
	}
	return next
}
