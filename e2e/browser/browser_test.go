package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience bounds everything; most of it is the demonstration.
const patience = 20 * time.Minute

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
	return &demo{
		console: os.Getenv("ROLLCALL_CONSOLE"), user: "olive", password: os.Getenv("ROLLCALL_PASSWORD"), database: os.Getenv("ROLLCALL_DATABASE"),
		stop: func() {},
	}
}

// TestConsole looks at every page of the demonstration, and then does an office's
// work on a program that runs beside it, on a database of the same server.
func TestConsole(t *testing.T) {
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no chromium, and in CI there has to be one")
		}
		t.Skip("there is no chromium: no page is looked at in a browser")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	rollcall := program(t)
	d := running()
	if d.console == "" {
		var err error
		if d, err = start(ctx, rollcall); err != nil {
			t.Fatal(err)
		}
	}
	defer d.stop()
	t.Run("every page", func(t *testing.T) { everyPage(ctx, t, d) })
	t.Run("office", func(t *testing.T) { office(ctx, t, rollcall, d.database) })
}

func everyPage(ctx context.Context, t *testing.T, d *demo) {
	ctx, stop := browser(ctx)
	defer stop()
	w := &watch{known: []string{d.console}}
	if err := chromedp.Do(ctx, as(looks[0])); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, w.see); err != nil {
		t.Fatal(err)
	}
	if err := login(ctx, d.console, d.user, d.password); err != nil {
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
				usable(ctx, t, "the page", l)
			})
		}
	}
	t.Run("sync now", func(t *testing.T) { syncNow(ctx, t, d) })
	w.report(t)
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
	finishes(ctx, t)
}

// finishes waits until the page that is shown says, without being loaded again,
// that everything is done.
func finishes(ctx context.Context, t *testing.T) {
	t.Helper()
	bounded, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	done, err := chromedp.Run(bounded, chromedp.Poll[bool](`document.querySelector('#progress').innerText.includes('Everything that was asked for is done.')`))
	if err != nil || !done {
		text, _ := chromedp.Run(ctx, chromedp.Text("#progress"))
		t.Fatalf("it does not end: %v: %s", err, strings.TrimSpace(text))
	}
}
