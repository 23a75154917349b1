// Command report runs the benches one after the other and writes the page of
// figures, with the machine and the commands, from what they print. It is to be
// run where go.mod is.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// bench is a program that prints lines of figures.
type bench struct {
	name  string // of its directory
	about string // what its figures say, for the page
	args  []string
	small []string // arguments of a run that only shows that it works
}

// benches are run in this order. One whose directory is not there is an error.
var benches = []bench{
	{
		name:  "drain",
		about: "A backlog of changes is worked off by the reader, by `pg_recvlogical`, and by the usual loop around pglogrepl that keeps nothing, for whole rows and for keys only.",
		small: []string{"-changes", "20000", "-rounds", "1"},
	},
	{
		name:  "calls",
		about: "Calls to Constant Contact for a first sync and for some days' work. `writes` change people, `bound` is the least that any way of calling takes, `naive` is one call a contact.",
		small: []string{"-reps", "1500", "-groups", "12"},
	},
	{
		name:  "reconcile",
		about: "A full reconciliation that finds nothing to do, and a first sync, of associations of several sizes, without the time that Constant Contact takes to answer.",
		small: []string{"-reps", "1000,4000", "-first", "1000,4000"},
	},
	{
		name:  "latency",
		about: "From the application's change to the sender, and to the wire, at several rates of changes, with the linger in it and without any time of Constant Contact's.",
		small: []string{"-rates", "1,50", "-length", "2s", "-least", "3", "-linger", "500ms"},
	},
	{
		name:  "plan",
		about: "`rollcall plan` with few lists and with ten times as many.",
		small: []string{"-reps", "3000", "-few", "20", "-times", "3", "-rounds", "1"},
	},
	{
		name:  "console",
		about: "The pages of the console with many reps and with few, the same number of groups.",
		small: []string{"-reps", "2000", "-few", "200", "-groups", "20", "-rounds", "3"},
	},
	{
		name: "overhead",
		about: "Transactions on the member tables beside Rollcall by replication and by triggers, beside `pg_recvlogical` on the same publication, and once more alone, each against the load alone in turns of a second: " +
			"what `again` differs from 1 by is the machine. `half_p95` is the median over the turns, `half_p95_all` that of all transactions.",
		small: []string{"-rounds", "1", "-turn", "250ms"},
	},
}

func main() {
	page := flag.String("page", "docs/performance.md", "the page to write; empty: none is")
	only := flag.String("only", "", "benches to run, separated by commas; all when empty. Their sections of the page are written anew then")
	small := flag.Bool("small", false, "run each with little work, to see that it works. No page is written then")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, *page, *only, *small); err != nil {
		fmt.Fprintln(os.Stderr, "bench report:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, page, only string, small bool) error {
	chosen := benches
	if only != "" {
		var err error
		if chosen, err = choose(strings.Split(only, ",")); err != nil {
			return err
		}
	}
	began := time.Now()
	var results []result
	for _, b := range chosen {
		r, err := b.run(ctx, small)
		if err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		results = append(results, r)
	}
	if page == "" || small {
		return nil
	}
	if only == "" {
		var out bytes.Buffer
		write(&out, machine(ctx), results, time.Since(began))
		return os.WriteFile(page, out.Bytes(), 0o644)
	}
	text, err := os.ReadFile(page)
	for _, r := range results {
		if err == nil {
			text, err = rewrite(text, r)
		}
	}
	if err != nil {
		return err
	}
	return os.WriteFile(page, text, 0o644)
}

func choose(names []string) ([]bench, error) {
	var chosen []bench
	for _, name := range names {
		i := slices.IndexFunc(benches, func(b bench) bool { return b.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only: there is no bench %q", name)
		}
		chosen = append(chosen, benches[i])
	}
	return chosen, nil
}

// result is what a bench printed.
type result struct {
	bench
	command string
	commit  string
	figures []figure
	took    time.Duration
}

// run runs a bench, shows its lines and keeps them.
func (b bench) run(ctx context.Context, small bool) (result, error) {
	args := append([]string{"run", "./bench/" + b.name}, b.args...)
	if small {
		args = append(args, b.small...)
	}
	r := result{bench: b, command: "go " + strings.Join(args, " "), commit: said(ctx, "git", "describe", "--always", "--dirty")}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it stops its server
	cmd.Stderr = os.Stderr
	printed, err := cmd.StdoutPipe()
	if err != nil {
		return r, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return r, err
	}
	r.figures, err = readFigures(io.TeeReader(printed, os.Stdout))
	if err = errors.Join(err, cmd.Wait()); err == nil && len(r.figures) == 0 {
		err = errors.New("it printed no figures")
	}
	r.took = time.Since(began)
	return r, err
}

// figure is a line: BENCH name value unit, or BENCH name what=value …
type figure struct{ name, value, unit string }

// readFigures reads lines of figures. Other lines are left out, except bad ones.
func readFigures(in io.Reader) ([]figure, error) {
	var all []figure
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || words[0] != "BENCH" {
			continue
		}
		switch {
		case len(words) > 2 && strings.Contains(words[2], "="):
			for _, word := range words[2:] {
				what, value, _ := strings.Cut(word, "=")
				all = append(all, figure{words[1] + " " + what, value, ""})
			}
		case len(words) == 4:
			all = append(all, figure{words[1], words[2], words[3]})
		default:
			return all, fmt.Errorf("read figure: %q is neither BENCH name value unit nor BENCH name what=value", lines.Text())
		}
	}
	return all, lines.Err()
}
