// Command calls measures how many calls to Constant Contact some days' work
// takes: the real deliverer, a Postgres of its own and the simulated Constant
// Contact, with a clock that moves only when something waits.
//
// It prints one line a scenario:
//
//	BENCH calls_<scenario> total=<n> writes=<n> bound=<n> naive=<n> polls=<n> batches=<n> seconds=<n>
//
// total are all requests. writes are those that change people; bound is the
// least number of them that any way of calling takes that is done within the day,
// counted from pairs that no permitted call can share, people, bytes and import
// rows (bound.go and rowbound.go, which know nothing of the planner; of several
// batches the sum over what each has to do anew); naive is one call for each
// contact that changes. polls are the requests for activities, and those for lists
// that are made are in total only. batches counts each round of a batch: how often
// something was sent that waited for the calls before.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"time"

	"rollcall/internal/localpg"
	"rollcall/mapper"
)

func main() {
	var o options
	flag.IntVar(&o.reps, "reps", 50_000, "reps of the association")
	flag.IntVar(&o.groups, "groups", 54, "groups: with everybody and five membership types 60 lists")
	flag.StringVar(&o.only, "only", "", "scenarios to print, separated by commas; the first sync is always done")
	verbose := flag.Bool("v", false, "show what Rollcall logs")
	flag.Parse()
	o.out = os.Stdout
	o.log = slog.New(slog.DiscardHandler)
	if *verbose {
		o.log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench calls:", err)
		os.Exit(1)
	}
}

type options struct {
	reps, groups int
	only         string
	out          io.Writer
	log          *slog.Logger
}

func (o options) wants(name string) bool {
	if o.only == "" {
		return true
	}
	for _, n := range strings.Split(o.only, ",") {
		if n == name {
			return true
		}
	}
	return false
}

func run(ctx context.Context, o options) (err error) {
	server, err := localpg.Start(ctx, localpg.Options{Settings: map[string]string{"shared_buffers": "512MB"}, Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	w, err := newWorld(ctx, server, o)
	if err != nil {
		return err
	}
	defer w.close()
	for _, s := range scenarios {
		if s.name != firstSync && !o.wants(s.name) {
			continue
		}
		if err := w.play(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// play changes the member database and counts the calls until nothing is left
// to do.
func (w *world) play(ctx context.Context, s scenario) error {
	w.nextDay()
	w.sim.Reset()
	began := time.Now()
	w.Policy.Thresholds.Off = s.thresholdsOff
	w.Linger = linger
	if s.linger > 0 {
		w.Linger = s.linger
	}
	w.found = found{changed: map[mapper.Address]bool{}, pairs: map[mapper.PairOp]bool{}}
	if err := s.play(ctx, w); err != nil {
		return err
	}
	c := w.counted()
	fmt.Fprintf(w.out, "BENCH calls_%s total=%d writes=%d bound=%d naive=%d polls=%d batches=%d seconds=%.1f\n",
		s.name, c.total, c.writes, w.found.bound, len(w.found.changed), c.polls, w.found.batches, time.Since(began).Seconds())
	for _, v := range w.sim.Violations() {
		return fmt.Errorf("the simulator's referee saw %s: %s", v.Rule, v.Detail)
	}
	return w.settled(ctx)
}

// counts are requests by what they are for.
type counts struct{ total, writes, polls int }

func (w *world) counted() (c counts) {
	for endpoint, n := range w.sim.Counts() {
		w.Log.Info("requests", "endpoint", endpoint, "n", n)
		c.total += n
		method, path, _ := strings.Cut(endpoint, " ")
		switch {
		case method == "GET" && strings.HasPrefix(path, "/v3/activities"):
			c.polls += n
		case method != "GET" && !strings.HasPrefix(path, "/v3/contact_lists") && path != "/v3/activities/contact_exports":
			c.writes += n
		}
	}
	return c
}
