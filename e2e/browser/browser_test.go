package main

import (
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

//go:embed axe/axe.min.js
var axe string

// patience bounds everything; most of it is the demonstration.
const patience = 15 * time.Minute

// program builds rollcall.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rollcall")
	command := exec.Command("go", "build", "-o", path, "./cmd/rollcall")
	command.Dir = "../.."
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// running is a demonstration that somebody left running for this test, or none.
func running() *demo {
	return &demo{console: os.Getenv("ROLLCALL_CONSOLE"), user: "olive", password: os.Getenv("ROLLCALL_PASSWORD"), stop: func() {}}
}

// watch writes down what a browser should not do: ask another host, or complain.
type watch struct {
	mu      sync.Mutex
	console string
	found   []string
}

func (w *watch) see(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || u.Scheme != "data" && "http://"+u.Host != w.console {
			w.found = append(w.found, "asks for "+e.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		w.found = append(w.found, "throws "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if kind := fmt.Sprint(e.Type); kind == "error" || kind == "warning" {
			w.found = append(w.found, fmt.Sprintf("says on the browser's console: %v", e.Args))
		}
	case *log.EventEntryAdded:
		// The page that refuses somebody is an error of the network, on purpose.
		if fmt.Sprint(e.Entry.Level) == "error" && fmt.Sprint(e.Entry.Source) != "network" {
			w.found = append(w.found, "breaks a rule of the browser: "+e.Entry.Text)
		}
	}
}

// violations of the rules for pages that everybody can use.
const violations = `axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => v.id + ': ' + v.help + ' ' + v.nodes.map(n => n.target.join(' ')).slice(0, 3).join(', ')))`

func TestEveryPage(t *testing.T) {
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no chromium, and in CI there has to be one")
		}
		t.Skip("there is no chromium: no page is looked at in a browser")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d := running()
	if d.console == "" {
		var err error
		if d, err = start(ctx, program(t)); err != nil {
			t.Fatal(err)
		}
	}
	defer d.stop()
	ctx, stop := browser(ctx)
	defer stop()
	w := &watch{console: d.console}
	if err := chromedp.Do(ctx, as(looks[0])); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, w.see); err != nil {
		t.Fatal(err)
	}
	if err := login(ctx, d); err != nil {
		t.Fatalf("sign in: %v", err)
	}
	for _, l := range looks {
		if err := chromedp.Do(ctx, as(l)); err != nil {
			t.Fatal(err)
		}
		for _, p := range pages {
			t.Run(p.name+"/"+l.name, func(t *testing.T) {
				if err := open(ctx, d.console, p); err != nil {
					t.Fatal(err)
				}
				if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](axe)); err != nil {
					t.Fatal(err)
				}
				found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](violations, chromedp.EvalAwaitPromise))
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range found {
					t.Error(v)
				}
				wide, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
				if err != nil || wide > l.width {
					t.Errorf("the page is %d wide in a window of %d (%v)", wide, l.width, err)
				}
			})
		}
	}
	t.Run("sync now", func(t *testing.T) { syncNow(ctx, t, d) })
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, what := range w.found {
		t.Error("a page ", what)
	}
}

// syncNow syncs a group as a person would, with the keyboard, and watches it
// finish without loading the page again.
func syncNow(ctx context.Context, t *testing.T, d *demo) {
	if err := open(ctx, d.console, page{path: "/a/1/groups?name=Newsletter", click: "table.groups td a[role=button]"}); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Focus("main form button"), chromedp.KeyEvent("\r"), chromedp.WaitReady("#progress")); err != nil {
		t.Fatal(err)
	}
	bounded, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	done, err := chromedp.Run(bounded, chromedp.Poll[bool](`document.querySelector('#progress').innerText.includes('Everything that was asked for is done.')`))
	if err != nil || !done {
		text, _ := chromedp.Run(ctx, chromedp.Text("#progress"))
		t.Fatalf("it does not end: %v: %s", err, strings.TrimSpace(text))
	}
}
