package access_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"rollcall/internal/access"
	"rollcall/internal/pgtest"
	"rollcall/internal/statetest"
	"rollcall/internal/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	password = "correct horse battery"
	idle     = time.Hour
	lifetime = 12 * time.Hour
)

// world is a console behind a guard, with a clock that the test moves.
type world struct {
	t       *testing.T
	store   *store.Store
	db      *pgtest.DB
	clock   *time.Time
	handler http.Handler
	served  atomic.Int32 // requests that the console itself answered
}

func newWorld(t *testing.T, settle func(*access.Config)) *world {
	t.Helper()
	clock := time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)
	w := &world{t: t, clock: &clock}
	w.db = statetest.Database(t)
	pool := w.db.Pool(t)
	now := func() time.Time { return *w.clock }
	w.store = store.New(pool, "chamber", now)
	cfg := access.Config{Store: w.store, Now: now, Log: slog.New(slog.DiscardHandler), Idle: idle, Lifetime: lifetime}
	if settle != nil {
		settle(&cfg)
	}
	guard, err := access.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	access.Hurry(guard)
	w.handler = guard.Wrap(w.console())
	return w
}

// console answers with who is there.
func (w *world) console() http.Handler {
	who := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.served.Add(1)
		io.WriteString(rw, access.From(r.Context()).Name+r.Header.Get("X-Forwarded-User"))
	})
	mux := http.NewServeMux()
	mux.Handle("/", who)
	mux.Handle("POST /groups", access.Require(access.Operator, who))
	mux.Handle("POST /connect", access.Require(access.Admin, who))
	mux.Handle("GET /associations/{id}", access.RequireAssociation(func(r *http.Request) string { return r.PathValue("id") }, who))
	return mux
}

// user adds one with the password, hashed cheaply.
func (w *world) user(name string, role access.Role, associations ...string) {
	w.t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.AddConsoleUser(w.t.Context(), access.User{Name: name, Role: role, Associations: associations}, string(hash), "test"); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) later(d time.Duration) { *w.clock = w.clock.Add(d) }

// request is one that a browser sends, from a client's address.
type request struct {
	method, path string
	form         url.Values
	cookie       *http.Cookie
	header       http.Header
	from         string
}

func (w *world) do(q request) *http.Response {
	w.t.Helper()
	if q.method == "" {
		q.method = http.MethodGet
	}
	r := httptest.NewRequestWithContext(w.t.Context(), q.method, q.path, strings.NewReader(q.form.Encode()))
	if q.form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range q.header {
		r.Header[k] = v
	}
	if q.cookie != nil {
		r.AddCookie(q.cookie)
	}
	r.RemoteAddr = "192.0.2.1:40000"
	if q.from != "" {
		r.RemoteAddr = q.from
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec.Result()
}

// want is do for a status.
func (w *world) want(status int, q request) *http.Response {
	w.t.Helper()
	res := w.do(q)
	if res.StatusCode != status {
		w.t.Errorf("%s %s: status %d, want %d", q.method, q.path, res.StatusCode, status)
	}
	return res
}

func login(name, password string) request {
	return request{method: http.MethodPost, path: "/login", form: url.Values{"name": {name}, "password": {password}}}
}

// cookie is the session that a response begins.
func (w *world) cookie(res *http.Response) *http.Cookie {
	w.t.Helper()
	all := res.Cookies()
	if len(all) != 1 {
		w.t.Fatalf("response sets %d cookies", len(all))
	}
	return all[0]
}

func (w *world) in(name string) *http.Cookie {
	w.t.Helper()
	return w.cookie(w.want(http.StatusSeeOther, login(name, password)))
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func behindProxy(c *access.Config) {
	c.Header = "X-Forwarded-User"
	c.Proxies = []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}
}
