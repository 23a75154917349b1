// Command console measures how long the pages of the web console take in a large
// association, and in a small one with as many groups: no page may take longer
// because there are more reps. Both are served by the program itself, on the same
// server, and asked in turn.
//
// It prints the machine, and for every page
//
//	BENCH console_<page>_p95 <time in the large association, of 95 in 100 answers> ms
//	BENCH console_<page>_ratio <median there / median in the small one> ratio
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"

	"rollcall/internal/localpg"
)

func main() {
	large := flag.Int("reps", 100_000, "reps of the large association")
	small := flag.Int("few", 1_000, "reps of the small association")
	groups := flag.Int("groups", 500, "groups of each")
	rounds := flag.Int("rounds", 40, "how often each page is asked for")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, *small, *large, *groups, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench console:", err)
		os.Exit(1)
	}
}

// settings keep the server from writing meanwhile. Statistics are kept as anywhere
// else: without them the first count of everybody reads what it has written again
// and again.
var settings = map[string]string{"shared_buffers": "512MB", "max_wal_size": "8GB", "checkpoint_timeout": "1h", "autovacuum_naptime": "5s"}

func run(ctx context.Context, small, large, groups, rounds int) (err error) {
	server, err := localpg.Start(ctx, localpg.Options{Settings: settings, Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	dir, err := os.MkdirTemp("", "rollcall-console-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var sides []*side
	for _, reps := range []int{small, large} {
		fmt.Fprintf(os.Stderr, "filling %d reps and %d groups\n", reps, groups)
		s, err := open(ctx, server, dir, reps, groups)
		if err != nil {
			return fmt.Errorf("%d reps: %w", reps, err)
		}
		defer s.close()
		fmt.Fprintf(os.Stderr, "%d reps: counted after %s\n", reps, s.counting.Round(time.Millisecond))
		sides = append(sides, s)
	}
	took := map[string][2][]time.Duration{}
	for round := range rounds + 1 {
		for i, s := range sides {
			for _, p := range s.pages() {
				d, err := s.ask(ctx, p)
				if err != nil {
					return fmt.Errorf("%d reps: %s: %w", s.reps, p.name, err)
				}
				if round > 0 { // the first fills caches
					both := took[p.name]
					both[i] = append(both[i], d)
					took[p.name] = both
				}
			}
		}
	}
	report(os.Stdout, sides, took)
	return nil
}

func report(out io.Writer, sides []*side, took map[string][2][]time.Duration) {
	fmt.Fprintf(out, "machine: %s, %d cores, %s/%s; %d and %d reps\n", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, sides[1].reps, sides[0].reps)
	for _, p := range sides[1].pages() {
		both := took[p.name]
		for i := range both {
			slices.Sort(both[i])
		}
		fmt.Fprintf(out, "BENCH console_%s_p95 %.1f ms\n", p.name, ms(at(both[1], 95)))
		fmt.Fprintf(out, "BENCH console_%s_ratio %.2f ratio\n", p.name, ms(at(both[1], 50))/ms(at(both[0], 50)))
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// at is the value that so many in a hundred do not exceed.
func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)*percent+99)/100-1]
}

// processor is what the machine says of its processors.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
