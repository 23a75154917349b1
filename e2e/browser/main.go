// Screenshots opens every page of the demonstration's console in a browser without
// a window, in light and dark, on a desk and on a phone, and writes what it looks
// like.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

func main() {
	program := flag.String("rollcall", "../../rollcall", "the program, whose demonstration is looked at")
	console := flag.String("console", "", "look at this console instead, of rollcall demo --keep")
	user := flag.String("user", "olive", "name to sign in with there")
	out := flag.String("out", "screenshots", "folder for the pictures")
	only := flag.String("only", "", "only pages whose name holds this")
	flag.Parse()
	d := &demo{console: strings.TrimSuffix(*console, "/"), user: *user, password: os.Getenv("ROLLCALL_PASSWORD"), stop: func() {}}
	if err := run(context.Background(), *program, d, *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program string, d *demo, out, only string) (err error) {
	if d.console == "" {
		fmt.Println("playing the demonstration first …")
		if d, err = start(ctx, program); err != nil {
			return err
		}
	}
	defer d.stop()
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	ctx, stop := browser(ctx)
	defer stop()
	for _, l := range looks {
		if err := chromedp.Do(ctx, as(l), chromedp.Navigate(d.console+"/login"), chromedp.WaitReady("main")); err != nil {
			return err
		}
		if err := shoot(ctx, filepath.Join(out, "login-"+l.name+".png"), chromedp.FullScreenshot(100)); err != nil {
			return err
		}
	}
	if err := login(ctx, d.console, d.user, d.password); err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	if err := counted(ctx, d.console); err != nil {
		return err
	}
	for _, l := range looks {
		if err := chromedp.Do(ctx, as(l)); err != nil {
			return err
		}
		for _, p := range pages {
			if !strings.Contains(p.name, only) {
				continue
			}
			if err := open(ctx, d.console, p); err != nil {
				return fmt.Errorf("open %s: %w", p.name, err)
			}
			if err := shoot(ctx, filepath.Join(out, p.name+"-"+l.name+".png"), chromedp.FullScreenshot(100)); err != nil {
				return err
			}
			if forReadme[p.name] == l.name {
				if err := shoot(ctx, filepath.Join(out, "readme-"+p.name+".png"), chromedp.CaptureScreenshot()); err != nil {
					return err
				}
			}
		}
	}
	fmt.Println("the pictures are in", out)
	return nil
}

// countPatience is long for machines with much else to do: counting takes no more
// than one part in twenty of the time.
const countPatience = 15 * time.Minute

// counted waits until the numbers of the pages have caught up with the
// demonstration.
func counted(ctx context.Context, console string) error {
	ctx, cancel := context.WithTimeout(ctx, countPatience)
	defer cancel()
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		if err := open(ctx, console, pages[0]); err != nil {
			return err
		}
		behind, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("[...document.querySelectorAll('.badge')].some(b => b.innerText === 'syncing')"))
		if err != nil || !behind {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the numbers: %w", ctx.Err())
		}
	}
}

// forReadme are the pages that the README shows: as much as a window shows.
var forReadme = map[string]string{"groups": "light", "approval": "dark"}

func shoot(ctx context.Context, file string, action chromedp.Action[[]byte]) error {
	picture, err := chromedp.Run(ctx, action)
	if err != nil {
		return fmt.Errorf("take picture: %w", err)
	}
	return os.WriteFile(file, picture, 0o644)
}
