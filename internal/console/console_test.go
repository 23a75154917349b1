package console

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 26, 18, 0, 0, 0, time.UTC) // in Chicago

// userKey is where a test's guard puts the user.
type userKey struct{}

// fakeGuard lets everybody in as the user.
type fakeGuard struct{ user User }

func (g fakeGuard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, g.user)))
	})
}

func (fakeGuard) User(ctx context.Context) User {
	user, _ := ctx.Value(userKey{}).(User)
	return user
}

// olive is who asks unless a test says otherwise.
var olive = User{Name: "olive", Role: Admin}

// world is a console with what stands behind it.
type world struct {
	office *fakeOffice
	log    bytes.Buffer
	*Console
}

// twoAssociations are what tests have unless they say otherwise. The second has
// an id that a path has to escape.
func twoAssociations() []Association {
	return []Association{{ID: "1", Name: "Harbour Chamber"}, {ID: "a/b c", Name: "Hill Chamber"}}
}

func newWorld(t *testing.T, guard Guard) *world {
	t.Helper()
	if guard == nil {
		guard = fakeGuard{olive}
	}
	w := &world{office: &fakeOffice{associations: twoAssociations()}}
	var err error
	w.Console, err = New(Config{
		Office: w.office, Guard: guard, Hosts: []string{"localhost"}, Now: func() time.Time { return noon }, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// do sends a request; a form makes it a POST.
func (w *world) do(path string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://localhost:8411"+path, nil)
	if form != nil {
		r = httptest.NewRequest(http.MethodPost, "http://localhost:8411"+path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, r)
	return answer
}

// want fails the test unless the answer has the status and the texts.
func want(t *testing.T, answer *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	if answer.Code != status {
		t.Errorf("status %d, want %d: %.400s", answer.Code, status, answer.Body)
	}
	for _, text := range texts {
		if !strings.Contains(answer.Body.String(), text) {
			t.Errorf("the page lacks %q", text)
		}
	}
}

// everyPage are all pages.
var everyPage = []string{
	"/a/1/groups", "/a/1/groups?show=all", "/a/1/groups/group:12", "/a/1/groups/group:12/people/in_database", "/a/1/groups/group:12/people/held?reason=opted_out_in_database",
	"/a/1/groups/group:12/sync", "/a/1/people", "/a/1/people/rep/1", "/a/1/approvals", "/a/1/approvals?show=all", "/a/1/approvals/31", "/a/1/adoption",
	"/a/1/options", "/a/1/activity", "/a/1/activity/21", "/a/1/problems", "/a/1/problems/no_email", "/a/1/connect", "/a/1/requests/7", "/a/1/health", "/a/1/audit", "/a/1/groups/group:12/leftover",
}

// forbidden is what the policy would keep the browser from doing.
var forbidden = regexp.MustCompile(`(?i) style=|<style|<script>| on[a-z]+=|javascript:|hx-on|(src|href|action|hx-get)="(https?:)?//`)

func TestEveryPage(t *testing.T) {
	for _, path := range everyPage {
		t.Run(path, func(t *testing.T) {
			for _, full := range []bool{false, true} {
				w := newWorld(t, nil)
				if full {
					w.office.full()
				}
				answer := w.do(path, nil)
				if !full && answer.Code == http.StatusNotFound {
					continue // about something that there is not
				}
				want(t, answer, http.StatusOK, "<!DOCTYPE html>", `lang="en"`, "<h1>", "</html>", "Harbour Chamber", `aria-current="page"`)
				if found := forbidden.FindString(answer.Body.String()); found != "" {
					t.Errorf("full %v: the page has %q, which the policy forbids", full, found)
				}
				if strings.Contains(answer.Body.String(), "ZgotmplZ") || strings.Contains(answer.Body.String(), "%!") {
					t.Errorf("full %v: a value was not fit for its place", full)
				}
				if w.log.Len() > 0 {
					t.Errorf("logged %s", &w.log)
				}
			}
		})
	}
}

// A page that nobody lists in everyPage is one that nobody looks at.
func TestEveryPageIsTested(t *testing.T) {
	for _, rt := range routes() {
		pattern, isPage := strings.CutPrefix(rt.pattern, "GET "+base)
		if !isPage || notPages[rt.pattern] {
			continue
		}
		form := regexp.MustCompile("^/a/1" + regexp.MustCompile(`\\{[a-z]+\\}`).ReplaceAllString(regexp.QuoteMeta(pattern), "[^/]+") + `(\?.*)?$`)
		if !slices.ContainsFunc(everyPage, form.MatchString) {
			t.Errorf("no test renders %s", rt.pattern)
		}
	}
}

// notPages are routes whose answer is no page, and the page of a person by a
// sealed address, which TestPeople opens.
var notPages = map[string]bool{
	"GET " + base + "/{$}": true, "GET " + base + "/groups/{list}/export.csv": true, "GET " + base + "/groups/{list}/left-out.csv": true,
	"GET " + base + "/activity/{id}/people.csv": true, "GET " + base + "/people/at/{token}": true,
}

func TestHeaders(t *testing.T) {
	w := newWorld(t, nil)
	for _, path := range []string{"/a/1/health", "/nowhere", "/static/console.css"} {
		h := w.do(path, nil).Header()
		if h.Get("Content-Security-Policy") != policy || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", path, h)
		}
		if isFile := strings.HasPrefix(path, "/static/"); isFile == (h.Get("Cache-Control") == "no-store") {
			t.Errorf("%s: Cache-Control %q", path, h.Get("Cache-Control"))
		}
	}
	want(t, w.do("/static/", nil), http.StatusNotFound)
	want(t, w.do("/static/htmx.min.js", nil), http.StatusOK)
}

func TestHome(t *testing.T) {
	w := newWorld(t, nil)
	answer := w.do("/", nil)
	want(t, answer, http.StatusSeeOther)
	if to := answer.Header().Get("Location"); to != "/a/1/" {
		t.Errorf("leads to %s", to)
	}
	w.office.associations = nil
	want(t, w.do("/", nil), http.StatusNotFound, "There is no association here.", "constant_contact.connections")
}

func TestEscapedAssociation(t *testing.T) {
	w := newWorld(t, nil)
	want(t, w.do("/a/a%2Fb%20c/health", nil), http.StatusOK, "<h1>Health</h1>", `href="/a/a%2Fb%20c/health" aria-current="page"`, `href="/a/a%2Fb%20c/" aria-current="true"`)
	if w.office.asked[0] != "Health a/b c" {
		t.Errorf("asked %v", w.office.asked)
	}
}

// TestEveryRouteIsGuarded asks for every route as somebody who may not, and as
// somebody of another association: nothing may be read or done.
func TestEveryRouteIsGuarded(t *testing.T) {
	for _, rt := range routes() {
		if rt.role < Viewer || rt.role > Admin {
			t.Errorf("%s: has no role", rt.pattern)
		}
		method, pattern, _ := strings.Cut(rt.pattern, " ")
		path := strings.ReplaceAll(strings.ReplaceAll(pattern, "{association}", "1"), "{$}", "")
		path = regexp.MustCompile(`\{[a-z]+(\.\.\.)?\}`).ReplaceAllString(path, "7")
		var form url.Values
		if method == http.MethodPost {
			form = url.Values{}
		}
		poor := newWorld(t, fakeGuard{User{Name: "ann", Role: rt.role - 1}})
		want(t, poor.do(path, form), http.StatusForbidden, "You may not do this.")
		if len(poor.office.asked) > 0 {
			t.Errorf("%s: asked %v for somebody without the role", rt.pattern, poor.office.asked)
		}
		if !rt.aboutOne() {
			continue
		}
		foreign := newWorld(t, fakeGuard{User{Name: "ann", Role: Admin, Associations: []string{"a/b c"}}})
		want(t, foreign.do(path, form), http.StatusForbidden, "not one of your associations")
		if len(foreign.office.asked) > 0 {
			t.Errorf("%s: asked %v for somebody of another association", rt.pattern, foreign.office.asked)
		}
		missing := newWorld(t, fakeGuard{User{Name: "ann", Role: Admin}})
		missing.office.associations = missing.office.associations[1:]
		want(t, missing.do(path, form), http.StatusForbidden, "not one of your associations")
	}
}

func TestNobodySeesTheNameOfAnotherAssociation(t *testing.T) {
	w := newWorld(t, fakeGuard{User{Name: "ann", Role: Viewer, Associations: []string{"1"}}})
	answer := w.do("/a/1/health", nil)
	want(t, answer, http.StatusOK, "ann", "(viewer)", "Sign out")
	if strings.Contains(answer.Body.String(), "Hill Chamber") {
		t.Error("the page names another association")
	}
	// Who strayed is shown the way to the own one.
	want(t, w.do("/a/2/health", nil), http.StatusForbidden, "Choose an association", `href="/a/1/"`, "Harbour Chamber")
	none := newWorld(t, fakeGuard{User{Name: "ann", Role: Viewer, Associations: []string{}}})
	want(t, none.do("/", nil), http.StatusNotFound)
}

func TestOtherHosts(t *testing.T) {
	w := newWorld(t, nil)
	want(t, w.do("/a/1/health", nil, "Host", "rebound.example.org:8411"), http.StatusMisdirectedRequest, "console.url")
	want(t, w.do("/a/1/health", nil, "Host", "LOCALHOST"), http.StatusOK)
}

func TestFailures(t *testing.T) {
	w := newWorld(t, nil)
	want(t, w.do("/a/1/nothing", nil), http.StatusNotFound, "There is no such page.")
	w.office.err = errNoPage
	part := w.do("/a/1/health", nil, "HX-Request", "true")
	want(t, part, http.StatusNotFound, "There is no such page.")
	if strings.Contains(part.Body.String(), "<html") {
		t.Error("a part of a page is a whole page")
	}
	w.office.err = context.DeadlineExceeded
	want(t, w.do("/a/1/health?q=ann@example.org", nil), http.StatusInternalServerError, "This did not work.")
	if log := w.log.String(); !strings.Contains(log, "deadline") || strings.Contains(log, "ann@") {
		t.Errorf("logged %q", log)
	}
}
