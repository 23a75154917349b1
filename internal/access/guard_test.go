package access_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"rollcall/internal/access"
)

func TestNobodyIsSentToTheLogin(t *testing.T) {
	w := newWorld(t, nil)
	for path, to := range map[string]string{"/": "/login", "/groups?page=2": "/login?next=%2Fgroups%3Fpage%3D2"} {
		if got := w.want(http.StatusSeeOther, request{path: path}).Header.Get("Location"); got != to {
			t.Errorf("%s leads to %s, want %s", path, got, to)
		}
	}
	res := w.want(http.StatusUnauthorized, request{path: "/runs", header: http.Header{"Hx-Request": {"true"}}})
	if res.Header.Get("HX-Redirect") != "/login" {
		t.Error("a part of a page does not lead to the login")
	}
	w.want(http.StatusSeeOther, request{method: http.MethodPost, path: "/groups"})
	if n := w.served.Load(); n != 0 {
		t.Errorf("the console answered %d requests of nobody", n)
	}
	w.want(http.StatusOK, request{path: "/static/console.css"})
	if page := body(t, w.want(http.StatusOK, request{path: "/login?next=/groups"})); !strings.Contains(page, `value="/groups"`) {
		t.Error("the login page forgets where to go")
	}
}

// Nobody is let in because there is nobody yet, not even from this host, where a
// proxy may stand. The login page says how the first user comes about.
func TestWithoutUsersNobodyIsLetIn(t *testing.T) {
	const how = "rollcall users add NAME --role admin"
	w := newWorld(t, nil)
	for _, from := range []string{"127.0.0.1:40000", "[::1]:40000", "192.0.2.1:40000"} {
		w.want(http.StatusSeeOther, request{path: "/", from: from})
		w.want(http.StatusSeeOther, request{method: http.MethodPost, path: "/groups", from: from})
		if page := body(t, w.want(http.StatusOK, request{path: "/login", from: from})); !strings.Contains(page, how) {
			t.Errorf("from %s the login page does not say how to begin: %s", from, page)
		}
	}
	w.want(http.StatusForbidden, login("", ""))
	w.want(http.StatusForbidden, login("admin", password))
	w.user("ann", access.Admin)
	if page := body(t, w.want(http.StatusOK, request{path: "/login"})); strings.Contains(page, how) {
		t.Error("the login page still says how to begin")
	}
	w.in("ann")
	if err := w.store.RemoveConsoleUser(t.Context(), "ann", "test"); err != nil {
		t.Fatal(err)
	}
	w.want(http.StatusSeeOther, request{path: "/", from: "127.0.0.1:40000"})
	if n := w.served.Load(); n != 0 {
		t.Errorf("the console answered %d requests of nobody", n)
	}
}

func TestLoginAndLogout(t *testing.T) {
	w := newWorld(t, nil)
	w.user("ann", access.Viewer)
	q := login(" Ann", password)
	q.form.Set("next", "/runs")
	res := w.want(http.StatusSeeOther, q)
	if to := res.Header.Get("Location"); to != "/runs" {
		t.Errorf("the login leads to %s", to)
	}
	c := w.cookie(res)
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Secure || !c.Expires.IsZero() || c.Path != "/" {
		t.Errorf("cookie is %v", c)
	}
	if who := body(t, w.want(http.StatusOK, request{path: "/", cookie: c})); who != "ann" {
		t.Errorf("the console serves %q", who)
	}
	w.want(http.StatusSeeOther, request{path: "/login", cookie: c}) // logged in already
	w.want(http.StatusMethodNotAllowed, request{path: "/logout", cookie: c})
	out := w.want(http.StatusSeeOther, request{method: http.MethodPost, path: "/logout", cookie: c})
	if gone := w.cookie(out); gone.MaxAge >= 0 || gone.Value != "" {
		t.Errorf("the logout leaves %v", gone)
	}
	w.want(http.StatusSeeOther, request{path: "/", cookie: c})
}

func TestCookieIsForTLSOnlyWithTLS(t *testing.T) {
	w := newWorld(t, func(c *access.Config) { c.Secure = true })
	w.user("ann", access.Viewer)
	if c := w.in("ann"); !c.Secure || !strings.HasPrefix(c.Name, "__Host-") {
		t.Errorf("cookie is %v", c)
	}
}

func TestWrongPassword(t *testing.T) {
	w := newWorld(t, nil)
	w.user("ann", access.Admin)
	if err := w.store.AddConsoleUser(t.Context(), access.User{Name: "proxied", Role: access.Admin}, "", "test"); err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]request{
		"wrong": login("ann", password+"!"), "empty": login("ann", ""), "unknown": login("nobody", password),
		"no name": login("", password), "without a password": login("proxied", ""), "beyond what bcrypt reads": login("ann", password+strings.Repeat("x", 80)),
	} {
		res := w.want(http.StatusForbidden, q)
		if len(res.Cookies()) != 0 {
			t.Errorf("%s: begins a session", name)
		}
		if text := body(t, res); !strings.Contains(text, "Name or password is wrong.") || strings.Contains(text, password) {
			t.Errorf("%s: the page says %s", name, text)
		}
	}
}

// A session whose token somebody planted in the browser never becomes the
// user's, whether the server knows the token or not.
func TestPlantedSessionIsNotTaken(t *testing.T) {
	w := newWorld(t, nil)
	w.user("ann", access.Admin)
	w.user("mallory", access.Viewer)
	known := w.in("mallory")
	unknown := &http.Cookie{Name: known.Name, Value: "planted"}
	for _, planted := range []*http.Cookie{known, unknown} {
		q := login("ann", password)
		q.cookie = planted
		c := w.cookie(w.want(http.StatusSeeOther, q))
		if c.Value == planted.Value {
			t.Error("the login keeps the token")
		}
		if who := body(t, w.want(http.StatusOK, request{path: "/", cookie: c})); who != "ann" {
			t.Errorf("the console serves %q", who)
		}
		w.want(http.StatusSeeOther, request{path: "/", cookie: planted})
	}
}

func TestStateHoldsNoToken(t *testing.T) {
	w := newWorld(t, nil)
	w.user("ann", access.Viewer)
	c := w.in("ann")
	var tokens, all int
	err := w.db.Conn(t).QueryRow(t.Context(), "select count(*) filter (where s::text like '%' || $1 || '%'), count(*) from rollcall_state.console_session s", c.Value).Scan(&tokens, &all)
	if err != nil || tokens != 0 || all != 1 {
		t.Errorf("%d of %d sessions hold the token, %v", tokens, all, err)
	}
}

func TestSessionsExpire(t *testing.T) {
	w := newWorld(t, nil)
	w.user("ann", access.Viewer)
	unused, used := w.in("ann"), w.in("ann")
	for range int(lifetime/(idle/2)) - 1 {
		w.later(idle / 2)
		w.want(http.StatusOK, request{path: "/", cookie: used})
	}
	w.want(http.StatusSeeOther, request{path: "/", cookie: unused})
	w.later(idle/2 + time.Second)
	w.want(http.StatusSeeOther, request{path: "/", cookie: used}) // however much it was used
	last := w.in("ann")
	var left int
	if err := w.db.Conn(t).QueryRow(t.Context(), "select count(*) from rollcall_state.console_session").Scan(&left); err != nil || left != 1 {
		t.Errorf("%d sessions are left, want the new one, %v", left, err)
	}
	w.later(idle)
	w.want(http.StatusSeeOther, request{path: "/", cookie: last})
}

func TestUserChangesAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.user("ann", access.Viewer)
	c := w.in("ann")
	post := request{method: http.MethodPost, path: "/groups", cookie: c}
	w.want(http.StatusForbidden, post)
	if err := w.store.ChangeConsoleUser(t.Context(), access.User{Name: "ann", Role: access.Operator}, "test"); err != nil {
		t.Fatal(err)
	}
	w.want(http.StatusOK, post)
	account, err := w.store.ConsoleUser(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.SetConsolePassword(t.Context(), "ann", account.PasswordHash, "test"); err != nil {
		t.Fatal(err)
	}
	w.want(http.StatusSeeOther, post)
	// A login that checked the password before it was changed begins nothing.
	if err := w.store.BeginConsoleSession(t.Context(), "late", account, *w.clock, *w.clock); err != nil {
		t.Fatal(err)
	}
	if _, found, err := w.store.ConsoleSession(t.Context(), "late", time.Time{}, time.Time{}); found || err != nil {
		t.Errorf("found a session of the old password: %v, %v", found, err)
	}
	c = w.in("ann")
	if err := w.store.RemoveConsoleUser(t.Context(), "ann", "test"); err != nil {
		t.Fatal(err)
	}
	w.want(http.StatusSeeOther, request{path: "/", cookie: c})
	w.want(http.StatusForbidden, login("ann", password))
}

func TestRolesAndAssociations(t *testing.T) {
	w := newWorld(t, nil)
	w.user("vic", access.Viewer, "1")
	w.user("olga", access.Operator, "1", "2")
	w.user("adam", access.Admin)
	w.user("none", access.Admin)
	if err := w.store.ChangeConsoleUser(t.Context(), access.User{Name: "none", Role: access.Admin, Associations: []string{}}, "test"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][4]int{ // POST /groups, POST /connect, association 1, association 2
		"vic": {403, 403, 200, 404}, "olga": {200, 403, 200, 200}, "adam": {200, 200, 200, 200}, "none": {200, 200, 404, 404},
	} {
		c := w.in(name)
		for i, q := range []request{
			{method: http.MethodPost, path: "/groups"}, {method: http.MethodPost, path: "/connect"}, {path: "/associations/1"}, {path: "/associations/2"},
		} {
			q.cookie = c
			if got := w.do(q).StatusCode; got != want[i] {
				t.Errorf("%s: %s %s: status %d, want %d", name, q.method, q.path, got, want[i])
			}
		}
	}
	if u := access.From(context.Background()); u.Can(access.Viewer) || u.Sees("1") || u.Can(0) {
		t.Error("nobody may do something")
	}
}

func TestOtherSitesAreRefused(t *testing.T) {
	w := newWorld(t, func(c *access.Config) { c.Origin = "https://rollcall.example.org" })
	w.user("ann", access.Admin)
	c := w.in("ann")
	before := w.served.Load()
	for _, h := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example.org"}}, {"Origin": {"null"}},
	} {
		w.want(http.StatusForbidden, request{method: http.MethodPost, path: "/groups", cookie: c, header: h})
		q := login("ann", password)
		q.header = h
		w.want(http.StatusForbidden, q)
		w.want(http.StatusForbidden, request{method: http.MethodPost, path: "/logout", cookie: c, header: h})
	}
	if n := w.served.Load(); n != before {
		t.Errorf("the console answered %d of them", n-before)
	}
	for _, h := range []http.Header{{"Sec-Fetch-Site": {"same-origin"}}, {"Origin": {"https://rollcall.example.org"}, "Sec-Fetch-Site": {"cross-site"}}, {}} {
		w.want(http.StatusOK, request{method: http.MethodPost, path: "/groups", cookie: c, header: h})
	}
}

func TestProxyNamesTheUser(t *testing.T) {
	const proxy, mapped, other = "198.51.100.7:1234", "[::ffff:198.51.100.7]:1234", "192.0.2.9:1234"
	w := newWorld(t, behindProxy)
	w.user("ann", access.Admin)
	says := func(names ...string) http.Header { return http.Header{"X-Forwarded-User": names} }
	for _, from := range []string{proxy, mapped} {
		// The console does not see the header, which it might believe.
		if who := body(t, w.want(http.StatusOK, request{path: "/", from: from, header: says("Ann")})); who != "ann" {
			t.Errorf("from %s: the console serves %q", from, who)
		}
	}
	served := w.served.Load()
	w.want(http.StatusForbidden, request{path: "/", from: proxy, header: says("stranger")})
	w.want(http.StatusBadRequest, request{path: "/", from: proxy, header: says("ann", "ann")})
	w.want(http.StatusBadRequest, request{path: "/", from: proxy, header: says("ann, bob")})
	w.want(http.StatusBadRequest, request{path: "/", from: proxy, header: says("")})
	w.want(http.StatusSeeOther, request{path: "/", from: proxy})
	w.want(http.StatusSeeOther, request{path: "/", from: other, header: says("ann")})
	w.want(http.StatusSeeOther, request{path: "/", from: "not an address", header: says("ann")})
	w.want(http.StatusSeeOther, request{path: "/", from: other, header: http.Header{"X-Forwarded-User": {"ann"}, "X-Forwarded-For": {"198.51.100.7"}}})
	if n := w.served.Load(); n != served {
		t.Errorf("the console answered %d of them", n-served)
	}
	// Somebody else's session stays what it is, whatever the header says.
	w.user("vic", access.Viewer)
	c := w.in("vic")
	if who := body(t, w.want(http.StatusOK, request{path: "/", from: other, cookie: c, header: says("ann")})); who != "vic" {
		t.Errorf("the console serves %q", who)
	}
	page := body(t, w.want(http.StatusOK, request{method: http.MethodPost, path: "/logout", from: proxy, header: says("ann")}))
	if !strings.Contains(page, "Sign out there") {
		t.Error("the logout does not say that the proxy signs in again")
	}
}

func TestOnlyTheProxyIsAnswered(t *testing.T) {
	w := newWorld(t, func(c *access.Config) { behindProxy(c); c.ProxiesOnly = true })
	w.user("ann", access.Admin)
	q := login("ann", password)
	w.want(http.StatusForbidden, q)
	w.want(http.StatusForbidden, request{path: "/login"})
	w.want(http.StatusOK, request{path: "/", from: "198.51.100.7:1", header: http.Header{"X-Forwarded-User": {"ann"}}})
}

func TestLoginLeadsIntoTheConsoleOnly(t *testing.T) {
	w := newWorld(t, nil)
	w.user("ann", access.Viewer)
	for next, want := range map[string]string{
		"/groups?x=1": "/groups?x=1", "": "/", "groups": "/", "https://evil.example.org/": "/", "//evil.example.org": "/",
		`/\evil.example.org`: "/", "/login": "/", "/logout": "/", "javascript:alert(1)": "/", "/%": "/", "/\t/evil.example.org": "/",
	} {
		q := login("ann", password)
		q.form.Set("next", next)
		q.from = "[2001:db8::1]:1"
		w.later(time.Minute)
		if got := w.do(q).Header.Get("Location"); got != want {
			t.Errorf("next %q leads to %q, want %q", next, got, want)
		}
	}
}

func TestOriginMustBeOne(t *testing.T) {
	if _, err := access.New(access.Config{Origin: "rollcall.example.org", Now: time.Now}); err == nil {
		t.Error("took an origin without scheme")
	}
}
