// Command latency measures how long a change takes from the member application to
// the sender, and to the wire, at several rates of changes: a Postgres of its own,
// the real reader, widener and worker in one process, and the simulated Constant
// Contact, which answers at once and lets every call pass: its clock goes on when
// the worker would have to wait for it. So the figures have nothing of the vendor's
// time in them, and all of ours.
//
// A change puts one rep on the list of a group, in a transaction of its own; its
// time begins when the application sends that. It is offered when the batch that
// has it is planned and the sender begins with it, by reading its people, and on the
// wire when the call that adds the rep leaves. For each rate it prints
//
//	BENCH latency_offered_p50_<rate> <n> ms
//	BENCH latency_offered_p99_<rate> <n> ms
//	BENCH latency_offered_p99_beyond_linger_<rate> <offered p99 less the linger> ms
//	BENCH latency_wire_p50_<rate> <n> ms
//	BENCH latency_wire_p99_<rate> <n> ms
//	BENCH latency_achieved_<rate> <changes that the application made> changes/s
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/localpg"
)

func main() {
	rates := flag.String("rates", "1,100,1000", "changes a second, separated by commas")
	length := flag.Duration("length", 10*time.Second, "how long each rate is kept up")
	least := flag.Int("least", 30, "changes that a slow rate is kept up for at the least")
	linger := flag.Duration("linger", 2*time.Second, "pace.linger: how long a change waits for others")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, strings.Split(*rates, ","), *length, *least, *linger); err != nil {
		fmt.Fprintln(os.Stderr, "bench latency:", err)
		os.Exit(1)
	}
}

// settings are those of a server that is used: commits are on disk.
var settings = map[string]string{
	"shared_buffers":     "256MB",
	"max_wal_size":       "8GB",
	"checkpoint_timeout": "1h",
	"fsync":              "on",
	"synchronous_commit": "on",
}

func run(ctx context.Context, rates []string, length time.Duration, least int, linger time.Duration) (err error) {
	loads := make([]load, len(rates))
	reps := 0
	for i, text := range rates {
		rate, err := strconv.Atoi(text)
		if err != nil || rate < 1 {
			return fmt.Errorf("-rates: %q is not a number of changes a second", text)
		}
		changes := max(least, int(float64(rate)*length.Seconds()))
		loads[i] = load{rate: rate, first: reps + 1, changes: changes}
		reps += changes
	}
	server, err := localpg.Start(ctx, localpg.Options{Settings: settings, Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	w, err := open(ctx, server, max(reps, leastReps), linger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	for _, l := range loads {
		fmt.Fprintf(os.Stderr, "%d changes at %d a second\n", l.changes, l.rate)
		took, err := l.run(ctx, w)
		if err != nil {
			return fmt.Errorf("%d changes a second: %w", l.rate, err)
		}
		took.report(l.rate, linger)
	}
	return w.judge()
}

// latencies are what the changes of a load took until each stage, sorted.
type latencies struct {
	offered, wire []time.Duration
	perSecond     float64 // changes that the application made
}

func (t latencies) report(rate int, linger time.Duration) {
	figure := func(name string, d time.Duration) {
		fmt.Printf("BENCH latency_%s_%d %.0f ms\n", name, rate, float64(d)/float64(time.Millisecond))
	}
	figure("offered_p50", quantile(t.offered, 50))
	figure("offered_p99", quantile(t.offered, 99))
	figure("offered_p99_beyond_linger", quantile(t.offered, 99)-linger)
	figure("wire_p50", quantile(t.wire, 50))
	figure("wire_p99", quantile(t.wire, 99))
	fmt.Printf("BENCH latency_achieved_%d %.0f changes/s\n", rate, t.perSecond)
}

// quantile is the value that so many of a hundred are at most.
func quantile(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

// sort sorts what quantile is to be taken of.
func (t *latencies) sort() {
	slices.Sort(t.offered)
	slices.Sort(t.wire)
}
