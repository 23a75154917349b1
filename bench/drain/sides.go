package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// usage is what one drain took.
type usage struct {
	wall, cpu time.Duration
	rssMiB    float64 // 0: not known
}

// side is one of those who drain.
type side struct {
	name  string
	drain func(context.Context) (usage, error)
}

// sides are the reader and whom it is compared with.
func (b *backlog) sides() []side {
	return []side{
		{"reader", b.drainKeys},
		{"pg_recvlogical", b.drainRows},
		{"loop", b.drainLoop(rowsSlot, "whole_rows")},
		{"loop_of_keys", b.drainLoop(keysSlot, "rollcall")},
	}
}

// measure has all sides drain the backlog in turn. In each round another one
// begins.
func (b *backlog) measure(ctx context.Context, rounds int, out io.Writer) error {
	sides := b.sides()
	took := make([][]usage, len(sides))
	for round := range rounds {
		for i := range sides {
			n := (i + round) % len(sides)
			used, err := sides[n].drain(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", sides[n].name, err)
			}
			took[n] = append(took[n], used)
			fmt.Fprintf(os.Stderr, "%s: %s %.2f s, %.2f s CPU, %.1f MiB\n", b.name, sides[n].name, used.wall.Seconds(), used.cpu.Seconds(), used.rssMiB)
		}
	}
	wall := func(u usage) float64 { return u.wall.Seconds() }
	cpu := func(u usage) float64 { return u.cpu.Seconds() }
	resident := func(u usage) float64 { return u.rssMiB }
	for i, s := range sides {
		name := "drain_" + b.name + "_" + s.name
		fmt.Fprintf(out, "BENCH %s_wall %.2f seconds\n", name, median(took[i], wall))
		fmt.Fprintf(out, "BENCH %s_cpu %.2f seconds\n", name, median(took[i], cpu))
		if mib := median(took[i], resident); mib > 0 {
			fmt.Fprintf(out, "BENCH %s_resident %.1f MiB\n", name, mib)
		}
	}
	// A ratio is of one round: what slows the machine down slows both.
	for i, s := range sides[1:] {
		name := "drain_" + b.name + "_reader_to_" + s.name
		fmt.Fprintf(out, "BENCH %s_wall %.2f ratio\n", name, ratio(took[0], took[i+1], wall))
		fmt.Fprintf(out, "BENCH %s_cpu %.2f ratio\n", name, ratio(took[0], took[i+1], cpu))
	}
	return nil
}

func median(of []usage, what func(usage) float64) float64 {
	var values []float64
	for _, u := range of {
		values = append(values, what(u))
	}
	return middle(values)
}

func ratio(of, to []usage, what func(usage) float64) float64 {
	var values []float64
	for i := range of {
		values = append(values, what(of[i])/what(to[i]))
	}
	return middle(values)
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
