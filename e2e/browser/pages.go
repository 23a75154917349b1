package main

import (
	"context"
	"fmt"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// page is one page of the console, reached by a path and then by the first link
// that a selector finds, if it has one.
type page struct{ name, path, click string }

// pages are all pages that look different.
var pages = []page{
	{"groups", "/a/1/groups", ""},
	{"group", "/a/1/groups?name=Harbour+Board", "table.groups th a"},
	{"held", "/a/1/groups/all_active", "#held ~ table a"},
	{"sync", "/a/1/groups?name=Lantern", "table.groups td a[role=button]"},
	{"leftover", "/a/1/groups/all_active/leftover", ""},
	{"people", "/a/1/people", ""},
	{"person", "/a/1/groups/all_active/people/expected", "tbody th a"},
	{"activity", "/a/1/activity", ""},
	{"run", "/a/1/activity", "h2 ~ table th a"},
	{"approvals", "/a/1/approvals", ""},
	{"approval", "/a/1/approvals", "tbody th a"},
	{"adoption", "/a/1/adoption", ""},
	{"problems", "/a/1/problems", ""},
	{"reason", "/a/1/problems", "tbody th a"},
	{"options", "/a/1/options", ""},
	{"connect", "/a/1/connect", ""},
	{"audit", "/a/1/audit", ""},
	{"health", "/a/1/health", ""},
	{"problem", "/a/2/health", ""},
}

// look is how somebody looks at the console.
type look struct {
	name   string
	width  int64
	scheme string
}

// looks are the four that matter.
var looks = []look{{"light", 1280, "light"}, {"dark", 1280, "dark"}, {"phone", 390, "light"}, {"phone-dark", 390, "dark"}}

// browser is a Chromium without a window. Close with the second function.
func browser(parent context.Context) (context.Context, func()) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true))
	allocated, stopAll := chromedp.NewExecAllocator(parent, options...)
	ctx, stop := chromedp.NewContext(allocated)
	return ctx, func() { stop(); stopAll() }
}

// as lets the pages believe how they are looked at.
func as(l look) chromedp.Action[chromedp.Void] {
	viewport := chromedp.EmulateViewport(l.width, 900)
	if l.width < 500 {
		viewport = chromedp.EmulateViewport(l.width, 844, chromedp.EmulateMobile)
	}
	return chromedp.Steps(viewport, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		return err
	}))
}

// login signs in on the console's own page.
func login(ctx context.Context, console, user, password string) error {
	return chromedp.Do(ctx,
		chromedp.Navigate(console+"/"), chromedp.WaitReady("#name"),
		chromedp.SendKeys("#name", user), chromedp.SendKeys("#password", password),
		chromedp.Submit("#password"), chromedp.WaitReady("header.top"),
	)
}

// open goes to a page.
func open(ctx context.Context, console string, p page) error {
	if err := chromedp.Do(ctx, chromedp.Navigate(console+p.path), chromedp.WaitReady("main")); err != nil || p.click == "" {
		return err
	}
	to, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf("(document.querySelector(%q) || {href: ''}).href", p.click)))
	if err != nil {
		return err
	}
	if to == "" {
		return fmt.Errorf("the page %s has no %s", p.path, p.click)
	}
	return chromedp.Do(ctx, chromedp.Navigate(to), chromedp.WaitReady("main"))
}
