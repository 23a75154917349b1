// Screenshots opens every page of a console in a browser without a window, in
// light and dark, on a phone and on a desk, and writes what it looks like.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

func main() {
	base := flag.String("url", "", "address of the console, as rollcall demo --keep prints it")
	out := flag.String("out", "screenshots", "folder for the pictures")
	only := flag.String("only", "", "only pages whose path holds this")
	flag.Parse()
	if *base == "" {
		fmt.Fprintln(os.Stderr, "screenshots: -url is missing")
		os.Exit(2)
	}
	if err := run(strings.TrimSuffix(*base, "/"), *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

// pages are paths of the console; a first link of a page is named by its
// selector behind a space.
var pages = []struct{ name, path, click string }{
	{"groups", "/a/1/groups", ""},
	{"group", "/a/1/groups", "table.groups th a"},
	{"held", "/a/1/groups/all_active", "#held ~ table a"},
	{"sync", "/a/1/groups", "table.groups td a[role=button]"},
	{"people", "/a/1/people", ""},
	{"person", "/a/1/groups/all_active/people/expected", "tbody th a"},
	{"activity", "/a/1/activity", ""},
	{"approvals", "/a/1/approvals", ""},
	{"adoption", "/a/1/adoption", ""},
	{"problems", "/a/1/problems", ""},
	{"options", "/a/1/options", ""},
	{"connect", "/a/1/connect", ""},
	{"health", "/a/1/health", ""},
	{"problem", "/a/2/health", ""},
}

func run(base, out, only string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	ctx, stop = chromedp.NewContext(ctx)
	defer stop()
	ctx, stop = context.WithTimeout(ctx, 5*time.Minute)
	defer stop()
	for _, look := range []struct {
		name   string
		width  int64
		scheme string
	}{{"light", 1280, "light"}, {"dark", 1280, "dark"}, {"phone", 390, "light"}, {"phone-dark", 390, "dark"}} {
		for _, p := range pages {
			if !strings.Contains(p.name, only) {
				continue
			}
			if err := shoot(ctx, base+p.path, p.click, filepath.Join(out, p.name+"-"+look.name+".png"), look.width, look.scheme); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	return nil
}

func shoot(ctx context.Context, url, click, file string, width int64, scheme string) error {
	viewport := chromedp.EmulateViewport(width, 900)
	if width < 500 {
		viewport = chromedp.EmulateViewport(width, 844, chromedp.EmulateMobile)
	}
	if err := chromedp.Do(ctx, viewport, media("prefers-color-scheme", scheme), chromedp.Navigate(url), chromedp.WaitReady("main")); err != nil {
		return err
	}
	if click != "" {
		to, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf("(document.querySelector(%q) || {href: ''}).href", click)))
		if err != nil {
			return err
		}
		if to == "" {
			return fmt.Errorf("the page has no %s", click)
		}
		if err := chromedp.Do(ctx, chromedp.Navigate(to), chromedp.WaitReady("main")); err != nil {
			return err
		}
	}
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		return err
	}
	return os.WriteFile(file, picture, 0o644)
}

// media lets the page believe that a person set something.
func media(feature, value string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: feature, Value: value}},
		})
		return err
	})
}
