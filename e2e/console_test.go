package e2e

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/app"
	"rollcall/internal/ccsim"
	"rollcall/internal/chamber"
	"rollcall/internal/cli"
	"rollcall/internal/config"
)

// page is what the console answered.
type page struct {
	path, text string
	status     int
}

// browser asks the console as a person would, links and forms, without running
// scripts.
type browser struct {
	t    *testing.T
	base string
	http http.Client
}

// asBrowser is a transport that says it is a browser: Constant Contact turns away
// libraries.
type asBrowser struct{ http.RoundTripper }

func (n asBrowser) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("User-Agent", "browser/1")
	return n.RoundTripper.RoundTrip(r)
}

func (b *browser) get(path string) page {
	b.t.Helper()
	return b.read(b.http.Get(b.base + path))
}

func (b *browser) post(path string, fields ...string) page {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return b.read(b.http.PostForm(b.base+path, form))
}

func (b *browser) read(answer *http.Response, err error) page {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return page{answer.Request.URL.EscapedPath(), string(text), answer.StatusCode}
}

// await loads a page again until it says something.
func (b *browser) await(path, text string) page {
	b.t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		p := b.get(path)
		if strings.Contains(p.text, text) {
			return p
		}
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Fatalf("%s does not say %q: %s", path, text, visible(p.text))
		}
	}
}

// visible is the text of a page.
func visible(text string) string {
	_, main, _ := strings.Cut(text, "<main")
	return strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(main, " ")), " ")
}

func (b *browser) want(p page, status int, texts ...string) {
	b.t.Helper()
	if p.status != status {
		b.t.Errorf("%s: status %d, want %d: %s", p.path, p.status, status, visible(p.text))
	}
	for _, text := range texts {
		if !strings.Contains(visible(p.text), text) {
			b.t.Errorf("%s does not say %q: %s", p.path, text, visible(p.text))
		}
	}
}

// field is the value of a hidden field.
func (b *browser) field(p page, name string) string {
	b.t.Helper()
	found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(p.text)
	if found == nil {
		b.t.Fatalf("%s has no field %s: %s", p.path, name, visible(p.text))
	}
	return found[1]
}

// link is the first link of a page whose text or path has a text.
func (b *browser) link(p page, text string) string {
	b.t.Helper()
	_, main, _ := strings.Cut(p.text, "<main")
	for _, found := range regexp.MustCompile(`<a [^>]*href="([^"]*)"[^>]*>(.*?)</a>`).FindAllStringSubmatch(main, -1) {
		if strings.Contains(found[1], text) || strings.Contains(found[2], text) {
			return html.UnescapeString(found[1])
		}
	}
	b.t.Fatalf("%s has no link %q: %s", p.path, text, visible(p.text))
	return ""
}

// browse runs the program in this process and opens its console. Nothing that it
// logs may name a member.
func (w *world) browse(t *testing.T, cfg *config.Config) *browser {
	t.Helper()
	var log bytes.Buffer
	a, err := app.New(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, nil)), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		a.Close()
		if strings.Contains(log.String(), "@example.org") || strings.Contains(log.String(), "Consoleman") {
			t.Error("the log names members")
		}
		if t.Failed() {
			t.Logf("log:\n%s", log.String())
		}
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, base: strings.TrimSuffix(a.ConsoleURL(), "/"), http: http.Client{Jar: jar, Transport: asBrowser{&http.Transport{DisableKeepAlives: true}}}}
	w.signIn(t, b)
	return b
}

// signIn adds the first user, without whom nobody is let in, and signs in.
func (w *world) signIn(t *testing.T, b *browser) {
	t.Helper()
	const password = "correct horse battery"
	b.want(b.get("/a/1/groups"), 200, "Nobody can sign in yet", "rollcall users add NAME --role admin")
	p := cli.Program{Stdin: strings.NewReader(password + "\n"), Stdout: io.Discard, Stderr: io.Discard, Now: time.Now, User: "root"}
	if code := p.Main([]string{"users", "add", "olive", "--role", "admin", "--config", w.config}); code != cli.ExitOK {
		t.Fatalf("users add exits with %d", code)
	}
	if p := b.post("/login", "name", "olive", "password", password); p.status >= 400 || p.path == "/login" {
		t.Fatalf("signing in leads to %s, %d", p.path, p.status)
	}
}

// withConsole loads the world's configuration with a console, and other values in
// place of some.
func (w *world) withConsole(t *testing.T, replace ...string) *config.Config {
	t.Helper()
	text, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer(append(replace, `console: {listen: "off"}`, `console: {listen: "127.0.0.1:0"}`)...).Replace(string(text))
	if err := os.WriteFile(w.config, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(w.config)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// consoleOffice is what the test of the console names.
const consoleOffice = `
update chamber.sync_options set sync_all_active = true, sync_membership_types = true, sync_groups = true;
insert into chamber.rep_group (association_id, name, sync) values (1, 'Console Committee', false), (1, 'Twins', true), (1, 'Twins', true), (1, repeat('long ', 60), true);
insert into chamber.rep (association_id, first_name, last_name, email) values
    (1, 'Clara', 'Consoleman', 'clara@example.org'), (1, 'Dora', 'Consoleman', 'not an address'), (1, 'Emil', 'Consolewitz', 'emil@example.org');
insert into chamber.group_membership (association_id, group_id, rep_id)
    select 1, (select group_id from chamber.rep_group where name = 'Console Committee'), rep_id from chamber.rep where last_name like 'Console%';`

func fillConsole(ctx context.Context, conn *pgx.Conn) error {
	if _, err := chamber.Generate(ctx, conn, chamber.Options{Seed: 11, Associations: 1, Reps: 60, Groups: 3}); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, consoleOffice)
	return err
}

// TestConsole does an office's work on the pages of a running program: it looks
// at the numbers, ticks a group after a preview, syncs it, looks somebody up,
// answers a question and changes an option, all of it against a real member
// database and the simulator.
func TestConsole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "console", fillConsole)
	cfg := w.withConsole(t, "{removal_thresholds: {off: true}}", "{removal_thresholds: {few: 2, percent: 10}}")
	b := w.browse(t, cfg)
	w.settle(t, time.Minute)

	// The numbers of a group that is not ticked yet.
	group := ""
	if err := w.member.QueryRow(t.Context(), "select group_id::text from chamber.rep_group where name = 'Console Committee'").Scan(&group); err != nil {
		t.Fatal(err)
	}
	list := "/a/1/groups/group:" + group
	b.want(b.await(list, "Console Committee"), 200, "off", "The group is not ticked")
	unticked := b.await(list, `<span class="big">3</span><span>In the database</span>`)
	b.want(unticked, 200, "2 Expected", "The e-mail field does not hold one well-formed address. 1")
	b.want(b.get(b.link(unticked, "/people/held")), 200, "Dora Consoleman", "none that can be used")
	b.want(b.get("/a/1/groups?show=all"), 200, "Set to sync", "Console Committee", "All Active and Courtesy Representatives",
		"Another list has this name, so that it is called Twins (group) in Constant Contact.", "The name is longer than the 255 characters that Constant Contact takes")

	// Ticked after the names were seen, and saved in the member database.
	preview := b.post("/a/1/groups/ticks", "shown", group, "tick", group)
	b.want(preview, 200, "2 people would be added", "Clara Consoleman", "emil@example.org", "Nothing is saved yet")
	ticked := false
	read := func() {
		t.Helper()
		if err := w.member.QueryRow(t.Context(), "select sync from chamber.rep_group where group_id = $1::text::bigint", group).Scan(&ticked); err != nil {
			t.Fatal(err)
		}
	}
	if read(); ticked {
		t.Error("ticked before it was saved")
	}
	b.want(b.post("/a/1/groups/ticks", "shown", group, "tick", group, "seen", "yes"), 200, "Saved.")
	if read(); !ticked {
		t.Error("saved, and not ticked")
	}
	w.settle(t, time.Minute)
	b.await(list, `<span class="big">2</span><span>On the list</span>`)

	// Sync now: somebody whose row is gone is named, and taken off.
	w.exec(t, "delete from chamber.group_membership where rep_id = (select rep_id from chamber.rep where first_name = 'Emil')")
	w.settle(t, time.Minute)
	b.await(list, `<span class="big">1</span><span>Left behind</span>`)
	shown := b.get(list + "/sync")
	b.want(shown, 200, "1 person is taken off", "emil@example.org", "The representative is not in this group.")
	progress := b.post(list+"/sync", "preview", b.field(shown, "preview"))
	b.want(b.await(progress.path, "Everything that was asked for is done."), 200, "taken off 1", "remove")
	if on := w.sim.ListAddresses(account, "Console Committee"); fmt.Sprint(on) != "[clara@example.org]" {
		t.Errorf("the list has %v", on)
	}
	report := b.get(b.link(b.get("/a/1/activity"), "Sync now"))
	b.want(report, 200, "Asked by olive", "completed")
	if csv := b.get(b.link(report, "people.csv")); !strings.Contains(csv.text, "emil@example.org") {
		t.Errorf("the CSV has %s", csv.text)
	}

	// Looked up by name, by rep and by address, and read again.
	b.want(b.post("/a/1/people", "who", "consolem"), 200, "Clara", "Dora", "does not hold one well-formed address")
	clara := b.post("/a/1/people", "who", "Clara@Example.org ")
	b.want(clara, 200, "Clara Consoleman", "may be mailed", "Console Committee", "stays on")
	if strings.Contains(clara.path, "clara") {
		t.Errorf("the address names her: %s", clara.path)
	}
	b.want(b.post("/a/1/people", "who", "nobody@example.org"), 200, "Nobody")
	b.await(b.post(clara.path, "do", "look").path, "Everything that was asked for is done.")
	b.want(b.post(clara.path, "do", "retry"), 409, "did not refuse this address")

	// A question with names, answered in part, and the rest rejected.
	w.exec(t, "update chamber.rep set active = false where rep_id in (select rep_id from chamber.rep where active and not opted_out and email like '%@%' order by rep_id limit 25)")
	w.settle(t, time.Minute)
	question := b.get(b.link(b.get("/a/1/approvals"), "More people would be taken off"))
	b.want(question, 200, "waiting", "The representative is not active.", "Approve all")
	b.want(b.post(question.path, "answer", "up_to", "most", "2"), 200, "Approved.")
	w.settle(t, time.Minute)
	b.want(b.get(question.path), 200, "approved", "People 2", "by olive")
	rest := b.get(b.link(b.get("/a/1/approvals"), "More people would be taken off"))
	b.want(b.post(rest.path, "answer", "reject"), 200, "Rejected.")
	b.want(b.post(rest.path, "answer", "approve"), 409, "does not wait for an answer any more")

	// Options, in the member database.
	choice := []string{"newsletter_solution", "ConstantContact", "sync_all_active", "on", "sync_groups", "on", "window_start", "02:30", "window_end", "05:00", "time_zone", "America/Denver"}
	saved := b.post("/a/1/options", choice...)
	b.want(saved, 200, "Saved.", "MST")
	if b.field(saved, "window_start") != "02:30" || b.field(saved, "time_zone") != "America/Denver" {
		t.Errorf("the page shows other hours: %s", saved.text)
	}
	var zone string
	var types bool
	if err := w.member.QueryRow(t.Context(), "select time_zone, sync_membership_types from chamber.sync_options").Scan(&zone, &types); err != nil {
		t.Fatal(err)
	}
	if zone != "America/Denver" || types {
		t.Errorf("the zone is %s, types are %v", zone, types)
	}
	b.want(b.post("/a/1/options", append(choice, "sync_membership_types", "on")...), 200, "Nothing is saved yet", "Would be added")
	choice[len(choice)-1] = "Nowhere/Here"
	b.want(b.post("/a/1/options", choice...), 400, "is not an IANA name")

	for _, path := range []string{"/a/1/problems", "/a/1/problems/no_email", "/a/1/connect", "/a/1/health", "/a/1/adoption"} {
		b.want(b.get(path), 200)
	}
	export := b.get(list + "/export.csv")
	if !strings.Contains(export.text, "clara@example.org") {
		t.Errorf("the export is %s", export.text)
	}
	b.want(b.get("/a/2/groups"), 403, "This is not one of your associations.")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.base+"/a/1/reconcile", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://other.example.org")
	b.want(b.read(b.http.Do(r)), 403, "Another site sent this request.")
	for _, v := range w.sim.Violations() {
		t.Errorf("the referee saw %s: %s", v.Rule, v.Detail)
	}
}

// TestConnectOnTheConsole connects an account on the page: the browser is sent to
// Constant Contact, comes back to the redirect URL, and from there to the console.
func TestConnectOnTheConsole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "console", fillConsole)
	app := ccsim.App{Key: "an-application", Secret: "zz-canary-secret", RedirectURIs: []string{w.oauthConfig(t)}}
	if err := w.sim.SetApp(app); err != nil {
		t.Fatal(err)
	}
	b := w.browse(t, w.withConsole(t))
	b.want(b.get("/a/1/"), 200, "not connected", "The account is connected to do")
	b.want(b.post("/a/1/connect"), 400, "Have the members agreed to be mailed?")
	begin := b.post("/a/1/connect", "agreed", "yes")
	w.sim.SetConsent(&ccsim.Consent{Account: account})
	b.want(b.read(b.http.Get(b.link(begin, "Go to Constant Contact"))), 200, "The account is connected.", "Members agreed said by olive")
	w.settle(t, 2*time.Minute)
	if len(w.sim.ListNames(account)) == 0 {
		t.Error("nothing was synced after connecting")
	}
	b.want(b.post("/a/1/disconnect"), 200, "The account is disconnected")
	b.want(b.get("/a/1/audit"), 200, "connected the account", "disconnected the account", "olive")
}
