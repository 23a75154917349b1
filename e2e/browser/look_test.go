package main

import (
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

//go:embed axe/axe.min.js
var axe string

// watch writes down what a browser should not do: ask another server, or complain.
type watch struct {
	mu    sync.Mutex
	known []string // servers that may be asked, as http://host:port
	found []string
}

func (w *watch) see(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || u.Scheme != "data" && !slices.Contains(w.known, "http://"+u.Host) {
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

// report fails the test for what was found.
func (w *watch) report(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, what := range w.found {
		t.Error("a page ", what)
	}
}

// violations of the rules for pages that everybody can use.
const violations = `axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => v.id + ': ' + v.help + ' ' + v.nodes.map(n => n.target.join(' ')).slice(0, 3).join(', ')))`

// usable fails the test where not everybody can use the page that is shown, or it
// is wider than its window.
func usable(ctx context.Context, t *testing.T, what string, l look) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](axe)); err != nil {
		t.Fatal(err)
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](violations, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Errorf("%s: %s", what, v)
	}
	wide, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
	if err != nil || wide > l.width {
		t.Errorf("%s is %d wide in a window of %d (%v)", what, wide, l.width, err)
	}
}
