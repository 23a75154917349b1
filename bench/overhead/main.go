// Command overhead measures what Rollcall costs the member application: the same
// load on the member tables without it, with it by replication, with
// pg_recvlogical on the same publication, and with it by triggers, in turn.
// Rollcall runs as a whole, in a process of its own on the same machine; it has no
// account, so that it looks at every change and sends nothing.
//
// At half of the saturated rate transactions begin at fixed times, and how long one
// takes counts from then. That goes on for as long as Rollcall rests at the most, so
// that what it does now and then is in the figures. It prints one line a figure, the median over all rounds
// of what a round has in comparison with the load alone:
//
//	BENCH overhead_<with>_half_throughput <ratio> ratio
//	BENCH overhead_<with>_half_p95 <ratio> ratio
//	BENCH overhead_<with>_saturated_throughput <ratio> ratio
//	BENCH overhead_replication_to_recvlogical <saturated throughput, the one / the other> ratio
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"time"

	"rollcall/internal/localpg"
)

func main() {
	rounds := flag.Int("rounds", 3, "how often each side is measured; the median counts")
	length := flag.Duration("length", 30*time.Second, "how long each side is measured at half of the saturated rate, and a quarter of that at the saturated one")
	clients := flag.Int("clients", 4, "sessions of the application")
	child := flag.String("rollcall", "", "be Rollcall with this configuration: used by the bench itself")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	var err error
	if *child != "" {
		err = follow(ctx, *child)
	} else {
		err = run(ctx, *rounds, *clients, *length, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench overhead:", err)
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

// The sides of the comparison, and what is compared of each.
const (
	alone       = "alone"
	replication = "replication"
	recvlogical = "recvlogical"
	triggers    = "triggers"
)

var sides = []string{alone, replication, recvlogical, triggers}

// round is what the sides did in one round.
type round map[string]figures

type figures struct {
	saturated float64 // transactions a second
	half      float64 // likewise, at half of the saturated rate
	p95       time.Duration
}

func run(ctx context.Context, rounds, clients int, length time.Duration, out io.Writer) (err error) {
	receiver, err := exec.LookPath("pg_recvlogical")
	if err != nil {
		return fmt.Errorf("find pg_recvlogical, which is what Rollcall is compared with: %w; install Debian's postgresql-client package", err)
	}
	server, err := localpg.Start(ctx, localpg.Options{Settings: settings, Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	dir, err := os.MkdirTemp("", "rollcall-overhead-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{url: server.URL, dir: dir, receiver: receiver, clients: clients, length: length}
	if err := b.prepare(ctx); err != nil {
		return fmt.Errorf("prepare member databases: %w", err)
	}
	full, err := b.load(ctx, alone, 0, length/4)
	if err != nil {
		return err
	}
	rate := full.perSecond() / 2
	var all []round
	for i := range rounds {
		order := slices.Concat(sides[i%len(sides):], sides[:i%len(sides)])
		r := round{}
		for _, side := range order {
			if r[side], err = b.measure(ctx, side, rate); err != nil {
				return fmt.Errorf("measure %s: %w", side, err)
			}
			fmt.Fprintf(os.Stderr, "round %d, %s: %.0f a second; at %.0f a second %.0f, p95 %s\n",
				i+1, side, r[side].saturated, rate, r[side].half, r[side].p95.Round(10*time.Microsecond))
		}
		all = append(all, r)
	}
	report(out, all)
	return nil
}

func report(out io.Writer, all []round) {
	ratio := func(name, side, to string, of func(figures) float64) {
		var ratios []float64
		for _, r := range all {
			ratios = append(ratios, of(r[side])/of(r[to]))
		}
		slices.Sort(ratios)
		fmt.Fprintf(out, "BENCH overhead_%s %.3f ratio\n", name, ratios[len(ratios)/2])
	}
	saturated := func(f figures) float64 { return f.saturated }
	for _, side := range sides[1:] {
		ratio(side+"_half_throughput", side, alone, func(f figures) float64 { return f.half })
		ratio(side+"_half_p95", side, alone, func(f figures) float64 { return f.p95.Seconds() })
		ratio(side+"_saturated_throughput", side, alone, saturated)
	}
	ratio("replication_to_recvlogical", replication, recvlogical, saturated)
}
