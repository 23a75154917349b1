package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// office does an office's work in a browser, from connecting an account on, once
// on a desk and once on a phone, each for an association of its own.
func office(ctx context.Context, t *testing.T, rollcall, server string) {
	in := install(ctx, t, rollcall, server)
	t.Run("before there is a user", func(t *testing.T) {
		ctx, stop := browser(ctx)
		defer stop()
		w := &worker{t: t, ctx: ctx, in: in, look: looks[0]}
		w.do(as(w.look))
		w.open("/a/1/groups")
		w.sees("Nobody can sign in yet.", "rollcall users add NAME --role admin")
	})
	in.addUsers(ctx, t)
	for association, l := range map[string]look{"1": looks[0], "2": looks[2]} {
		t.Run(l.name, func(t *testing.T) {
			ctx, stop := browser(ctx)
			defer stop()
			w := &worker{t: t, ctx: ctx, in: in, look: l, association: association}
			seen := &watch{known: []string{in.console, in.sim}}
			w.do(as(l))
			if err := chromedp.Listen(ctx, seen.see); err != nil {
				t.Fatal(err)
			}
			for _, part := range []struct {
				name string
				do   func()
			}{
				{"sign in", func() { w.signIn("olive") }},
				{"connect", w.connects},
				{"options", w.chooses},
				{"tick a group", w.ticks},
				{"sync now", w.syncs},
				{"explain a person", w.explains},
				{"approve", w.approves},
				{"another site", func() { w.isSentByOthers(seen) }},
				{"viewer", w.onlyLooks},
				{"too many passwords", w.guesses},
			} {
				part.do()
				if t.Failed() {
					t.Fatalf("failed at: %s", part.name)
				}
			}
			seen.report(t)
		})
	}
}

// worker is somebody at a browser. Every page that is reached is checked, in light
// and in dark.
type worker struct {
	t           *testing.T
	ctx         context.Context
	in          *installation
	look        look
	association string
}

// pageTurn is how long a page may take to come.
const pageTurn = 30 * time.Second

func (w *worker) do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	if err := chromedp.Do(w.ctx, steps...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *worker) path(rest string) string { return "/a/" + w.association + rest }

// open goes to a page of the console.
func (w *worker) open(path string) {
	w.t.Helper()
	w.do(chromedp.Navigate(w.in.console+path), chromedp.WaitReady("main"))
}

// text is what the page says, with single spaces.
func (w *worker) text() string {
	w.t.Helper()
	text, err := chromedp.Run(w.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(strings.Fields(text), " ")
}

// sees fails the test unless the page says all that, and everybody can use it.
func (w *worker) sees(texts ...string) {
	w.t.Helper()
	page := w.text()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			w.t.Errorf("the page does not say %q: %s", text, page)
		}
	}
	for _, scheme := range []string{"dark", "light"} {
		l := w.look
		l.scheme = scheme
		w.do(as(l))
		usable(w.ctx, w.t, fmt.Sprintf("the page with %q, %s", texts, scheme), l)
	}
}

// find marks the element that a person would take for a text: a button, a link, or
// what is beside a box.
const find = `(text => {
	document.querySelectorAll('[data-found]').forEach(e => e.removeAttribute('data-found'));
	const said = e => (e.getAttribute('aria-label') || e.innerText || '').trim();
	const all = [...document.querySelectorAll('main button, main a, main label, main summary, main input, header button, select, body > form button')].filter(e => e.offsetParent !== null && !e.disabled);
	const found = all.find(e => said(e) === text) || all.find(e => said(e).startsWith(text));
	if (found) found.setAttribute('data-found', '');
	return !!found;
})(%q)`

func (w *worker) find(text string) {
	w.t.Helper()
	found, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool](fmt.Sprintf(find, text)))
	if err != nil || !found {
		w.t.Fatalf("the page has no %q (%v): %s", text, err, w.text())
	}
}

// click presses what does not leave the page.
func (w *worker) click(text string) {
	w.t.Helper()
	w.find(text)
	w.do(chromedp.Click("[data-found]"))
}

// press presses what leads to another page.
func (w *worker) press(text string) {
	w.t.Helper()
	w.find(text)
	ctx, cancel := context.WithTimeout(w.ctx, pageTurn)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click("[data-found]")); err != nil {
		w.t.Fatalf("press %q: %v: %s", text, err, w.text())
	}
}

// await opens a page again until it says something.
func (w *worker) await(path, text string) {
	w.t.Helper()
	deadline, tick := time.After(2*time.Minute), time.NewTicker(500*time.Millisecond)
	defer tick.Stop()
	for {
		w.open(path)
		if strings.Contains(w.text(), text) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("%s does not say %q: %s", path, text, w.text())
		}
	}
}

// signIn signs in, after somebody else has signed out.
func (w *worker) signIn(name string) {
	w.t.Helper()
	w.open("/login")
	w.sees("Password", "Sign in")
	if err := login(w.ctx, w.in.console, name, officePassword); err != nil {
		w.t.Fatalf("sign in: %v: %s", err, w.text())
	}
	if !strings.Contains(w.text(), name) {
		w.t.Errorf("the page does not say that %s is signed in: %s", name, w.text())
	}
}

func (w *worker) connects() {
	w.open(w.path("/"))
	w.sees("not connected", "The first time", "have agreed to be mailed")
	w.click("The people of")
	w.press("Connect")
	w.sees("Sign in to Constant Contact", "Go to Constant Contact")
	w.press("Go to Constant Contact")
	w.do(chromedp.SetValue("select", accounts[w.association]))
	w.press("Allow")
	w.sees("The account is connected.", accounts[w.association], "by olive")
}

func (w *worker) chooses() {
	w.open(w.path("/options"))
	w.sees("Nothing is sent unless this is ConstantContact.", "No nightly run is planned.")
	w.do(chromedp.SetValue("[name=newsletter_solution]", "ConstantContact"))
	w.click("Groups that are set to sync")
	w.press("Save")
	w.sees("Nothing is saved yet")
	w.press("Switch on")
	w.sees("Saved.")
}

func (w *worker) ticks() {
	w.await(w.path("/groups?show=all"), "Counted")
	w.sees("Committee", "off")
	w.click("Sync Committee")
	w.press("Save")
	w.sees("20 people would be added", "Person Number07", "Nothing is saved yet")
	if on := w.in.onList(w.ctx, w.t, accounts[w.association], "Committee"); len(on) > 0 {
		w.t.Errorf("before it was saved %d people are on the list", len(on))
	}
	w.press("Save")
	w.sees("Saved.")
	w.await(w.path("/groups"), "in sync")
	w.sees("Committee", "in sync", "20")
	if on := w.in.onList(w.ctx, w.t, accounts[w.association], "Committee"); len(on) != 20 {
		w.t.Errorf("%d people are on the list", len(on))
	}
}

func (w *worker) syncs() {
	w.in.exec(w.ctx, w.t, "delete from chamber.group_membership m using chamber.rep r where r.rep_id = m.rep_id and r.last_name = 'Number01' and m.association_id = "+w.association)
	w.open(w.path("/groups"))
	w.press("Sync now")
	w.sees("Sync Committee now?", "1 person is taken off", "Person Number01", "The representative is not in this group.")
	w.press("Sync now, and take 1 person off")
	finishes(w.ctx, w.t)
	w.sees("Everything that was asked for is done.", "taken off 1")
	if on := w.in.onList(w.ctx, w.t, accounts[w.association], "Committee"); len(on) != 19 {
		w.t.Errorf("%d people are on the list", len(on))
	}
	w.press("See the report")
	w.sees("Sync now", "Asked by olive", "done")
}

func (w *worker) explains() {
	w.open(w.path("/people"))
	w.sees("Whom do you look for?")
	w.do(chromedp.SendKeys("[name=who]", "number01"))
	w.press("Search")
	w.sees("Person Number01", "Member database", "Constant Contact", "may be mailed", "Gold", "Committee", "The representative is not in this group.", "History")
	if strings.Contains(w.text(), "type:") {
		w.t.Errorf("the page names a list by its key: %s", w.text())
	}
	w.open(w.path("/people"))
	w.do(chromedp.SendKeys("[name=who]", "number"))
	w.press("Search")
	w.sees("Person Number01", "Person Number30")
}

func (w *worker) approves() {
	w.in.exec(w.ctx, w.t, "update chamber.group_membership m set disabled = true from chamber.rep r where r.rep_id = m.rep_id and r.last_name between 'Number02' and 'Number07' and m.association_id = "+w.association)
	w.await(w.path("/approvals"), "More people would be taken off this list than goes without asking.")
	w.sees("Committee", "waiting")
	w.press("More people would be taken off")
	w.sees("Approve all 6", "Person Number04", "The representative is disabled in this group.")
	if on := w.in.onList(w.ctx, w.t, accounts[w.association], "Committee"); len(on) != 19 {
		w.t.Errorf("before it was approved %d people are on the list", len(on))
	}
	w.press("Approve all 6")
	w.sees("Approved.")
	w.await(w.path("/groups/group:"+w.association), "13 On the list")
	if on := w.in.onList(w.ctx, w.t, accounts[w.association], "Committee"); len(on) != 13 {
		w.t.Errorf("%d people are on the list", len(on))
	}
	w.open(w.path("/audit"))
	w.sees("olive", "Sync now")
}

// isSentByOthers visits a page of another site on this host, which presses a button of the
// console in the user's name.
func (w *worker) isSentByOthers(seen *watch) {
	other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(rw, r)
			return
		}
		rw.Header().Set("Content-Type", "text/html")
		io.WriteString(rw, `<!doctype html><html lang="en"><title>Win</title><link rel="icon" href="data:,"><body><form method="post" action="`+
			w.in.console+w.path("/reconcile")+`"><button>Win a prize</button></form></body></html>`)
	}))
	defer other.Close()
	seen.mu.Lock()
	seen.known = append(seen.known, other.URL)
	seen.mu.Unlock()
	w.do(chromedp.Navigate(other.URL), chromedp.WaitReady("form"))
	w.press("Win a prize")
	w.sees("Another site sent this request.")
	w.open(w.path("/audit"))
	if strings.Contains(w.text(), "reconciliation") {
		w.t.Errorf("another site asked for a reconciliation: %s", w.text())
	}
}

func (w *worker) onlyLooks() {
	w.press("Sign out")
	w.signIn("vera" + w.association)
	w.open(w.path("/groups"))
	page := w.text()
	for _, not := range []string{"Sync now", "Save"} {
		if strings.Contains(page, not) {
			w.t.Errorf("a viewer is offered %q: %s", not, page)
		}
	}
	w.sees("Committee", "viewer")
	w.open(w.path("/groups/group:" + w.association + "/sync"))
	w.sees("You may not do this.", "It needs the role operator; yours is viewer.")
	status, err := chromedp.Run(w.ctx, chromedp.Evaluate[int64](fmt.Sprintf(`fetch(%q, {method: 'POST'}).then(r => r.status)`, w.path("/reconcile")), chromedp.EvalAwaitPromise))
	if err != nil || status != http.StatusForbidden {
		w.t.Errorf("a viewer's request is answered with %d (%v)", status, err)
	}
	for other := range accounts {
		if other != w.association {
			w.open("/a/" + other + "/people")
			w.sees("This is not one of your associations.")
		}
	}
}

// guesses tries passwords until it has to wait.
func (w *worker) guesses() {
	w.open("/")
	w.press("Sign out")
	for range 10 {
		w.do(chromedp.SetValue("#name", "guessed"+w.association), chromedp.SendKeys("#password", "not the password"))
		w.press("Sign in")
		if strings.Contains(w.text(), "Too many attempts.") {
			w.sees("Too many attempts.", "then try again")
			return
		}
		w.sees("Name or password is wrong.")
	}
	w.t.Errorf("ten passwords were tried: %s", w.text())
}
