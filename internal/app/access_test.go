package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"rollcall/internal/access"
	"rollcall/internal/config"
	"rollcall/internal/store"
)

// Without users whoever is at this host may do everything, and nobody else; from
// the first user on everybody has to sign in.
func TestConsoleIsOpenOnThisHostOnlyWithoutUsers(t *testing.T) {
	guard, err := access.New(access.Config{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var users []store.ConsoleUser
	g := &consoleGuard{guard: guard, local: true, users: func(context.Context) ([]store.ConsoleUser, error) { return users, nil }}
	pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u := g.User(r.Context()); u.Role.String() != "admin" {
			t.Errorf("the page is served to %+v", u)
		}
	})
	ask := func(header string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if header != "" {
			r.Header.Set(header, "192.0.2.1")
		}
		rec := httptest.NewRecorder()
		g.Wrap(pages).ServeHTTP(rec, r)
		return rec.Code
	}
	if code := ask(""); code != http.StatusOK {
		t.Errorf("without users: status %d", code)
	}
	for _, header := range forwarding {
		if code := ask(header); code != http.StatusSeeOther {
			t.Errorf("through a proxy that says %s: status %d", header, code)
		}
	}
	users = []store.ConsoleUser{{}}
	if code := ask(""); code != http.StatusSeeOther {
		t.Errorf("with a user: status %d", code)
	}
	users = nil // removed meanwhile
	if code := ask(""); code != http.StatusSeeOther {
		t.Errorf("after the user was removed: status %d", code)
	}
	for name, c := range map[string]config.Console{
		"elsewhere":      {Listen: "0.0.0.0:8411"},
		"with a proxy":   {Listen: "127.0.0.1:8411", URL: "https://rollcall.example.org"},
		"with a header":  {Listen: "127.0.0.1:8411", TrustedHeader: config.TrustedHeader{Name: "X-User", Proxies: []string{"127.0.0.1"}}},
		"another's name": {Listen: "db.example.org:8411"},
	} {
		if onlyThisHost(c) {
			t.Errorf("%s: the console is open", name)
		}
	}
	if !onlyThisHost(config.Console{Listen: config.DefaultConsole}) {
		t.Error("the default is not open on this host")
	}
}
