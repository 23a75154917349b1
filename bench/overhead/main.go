// Command overhead measures what Rollcall costs the member application: the load of
// an office on the member tables alone is compared with the same load beside Rollcall by
// replication, beside pg_recvlogical on the same publication, and beside Rollcall by
// triggers. It is also compared with itself, alone again: what those two differ by is the
// machine. Rollcall runs as a whole, in a process of its own on the same machine; it
// has no account, so that it looks at every change and sends nothing.
//
// Each side has a server of its own. The two that are compared take turns, and the one
// whose turn it is not is stopped, with whatever follows it: both meet the same moments of
// a machine that is shared. The load alone has one turn for three of the other's, because
// Rollcall's rests go on meanwhile: for the load on its side it works up to a third more
// often than it would.
//
// At half of the saturated rate transactions begin at fixed times, and how long one
// takes counts from then. It prints one line a figure:
//
//	BENCH overhead_<beside>_half_throughput <all turns, beside / alone> ratio
//	BENCH overhead_<beside>_half_p95 <median over the turns, beside / alone right before> ratio
//	BENCH overhead_<beside>_half_p95_all <of the transactions of all turns, beside / alone> ratio
//	BENCH overhead_<beside>_saturated_throughput <all turns, beside / alone> ratio
//	BENCH overhead_replication_to_recvlogical <saturated throughput, the one / the other> ratio
//
// Now and then a turn has a pass over what changed: half_p95 does not see that,
// half_p95_all does.
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
)

func main() {
	rounds := flag.Int("rounds", 24, "how often a side is compared with the load alone at half of the saturated rate; at the saturated one it is a quarter of that")
	turn := flag.Duration("turn", time.Second, "how long a turn is; a round has one of the load alone and three of the other side")
	sessions := flag.Int("sessions", 4, "sessions of the application")
	child := flag.String("rollcall", "", "be Rollcall with this configuration: used by the bench itself")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	var err error
	if *child != "" {
		err = follow(ctx, *child)
	} else {
		err = run(ctx, &bench{sessions: *sessions, rounds: *rounds, turn: *turn}, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench overhead:", err)
		os.Exit(1)
	}
}

// The sides of the comparison: the load alone, and what it is compared with.
const (
	alone       = "alone"
	again       = "again"
	replication = "replication"
	recvlogical = "recvlogical"
	triggers    = "triggers"
)

// bench is how the sides are compared.
type bench struct {
	dir      string // files of configuration
	receiver string // the program pg_recvlogical
	sessions int
	rounds   int
	turn     time.Duration
	seed     uint64
}

func run(ctx context.Context, b *bench, out io.Writer) (err error) {
	if b.receiver, err = exec.LookPath("pg_recvlogical"); err != nil {
		return fmt.Errorf("find pg_recvlogical, which is what Rollcall is compared with: %w; install Debian's postgresql-client package", err)
	}
	if b.dir, err = os.MkdirTemp("", "rollcall-overhead-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	base, err := b.start(ctx, alone)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, base.stop(ctx)) }()
	full, err := base.load(ctx, 0, 0, 5*b.turn)
	if err != nil {
		return err
	}
	rate := full.perSecond() / 2
	saturated := map[string]float64{}
	for _, name := range []string{again, replication, recvlogical, triggers} {
		p, err := b.compare(ctx, base, name, rate)
		if err != nil {
			return fmt.Errorf("compare %s with %s: %w", name, alone, err)
		}
		fmt.Fprintf(out, "BENCH overhead_%s_half_throughput %.3f ratio\n", name, p.half.throughput())
		fmt.Fprintf(out, "BENCH overhead_%s_half_p95 %.3f ratio\n", name, p.half.p95())
		fmt.Fprintf(out, "BENCH overhead_%s_half_p95_all %.3f ratio\n", name, p.half.p95OfAll())
		saturated[name] = p.full.throughput()
		fmt.Fprintf(out, "BENCH overhead_%s_saturated_throughput %.3f ratio\n", name, saturated[name])
	}
	fmt.Fprintf(out, "BENCH overhead_replication_to_recvlogical %.3f ratio\n", saturated[replication]/saturated[recvlogical])
	return nil
}

// comparison is what a side did in its turns, with what the load alone did in those
// right before them.
type comparison struct{ half, full turns }

type turns struct {
	alone, beside done
	p95s          []float64 // of a side's turn / of the one alone
}

func (t *turns) throughput() float64 { return t.beside.perSecond() / t.alone.perSecond() }

func (t *turns) p95OfAll() float64 { return t.beside.p95().Seconds() / t.alone.p95().Seconds() }

func (t *turns) p95() float64 {
	slices.Sort(t.p95s)
	return t.p95s[len(t.p95s)/2]
}

// compare has a side and the load alone take turns, once the side has caught up. The
// first turns are not measured: whoever has just started looks at everything twice.
func (b *bench) compare(ctx context.Context, base *side, name string, rate float64) (c comparison, err error) {
	if err := base.freeze(); err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, base.thaw()) }()
	beside, err := b.start(ctx, name)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, beside.stop(ctx)) }()
	if err := b.follow(ctx, beside); err != nil {
		return c, err
	}
	if _, err := beside.load(ctx, 0, rate, 5*b.turn); err != nil {
		return c, err
	}
	if err := beside.freeze(); err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, beside.thaw()) }()
	if c.half, err = b.alternate(ctx, base, beside, rate, b.rounds); err != nil {
		return c, err
	}
	c.full, err = b.alternate(ctx, base, beside, 0, max(b.rounds/4, 1))
	return c, err
}

// besideTurns is how many turns a followed side has for one of the load alone.
const besideTurns = 3

// alternate gives each of two stopped sides its turns.
func (b *bench) alternate(ctx context.Context, base, beside *side, rate float64, rounds int) (t turns, err error) {
	for i := range rounds {
		a, err := b.turns(ctx, base, rate, 1)
		if err != nil {
			return t, err
		}
		t.alone.add(a[0])
		did, err := b.turns(ctx, beside, rate, besideTurns)
		if err != nil {
			return t, err
		}
		for _, w := range did {
			t.beside.add(w)
			t.p95s = append(t.p95s, w.p95().Seconds()/a[0].p95().Seconds())
			fmt.Fprintf(os.Stderr, "%s, round %d at %.0f a second: %.0f and alone %.0f, p95 %s and alone %s\n",
				beside.name, i+1, rate, w.perSecond(), a[0].perSecond(), w.p95().Round(10*time.Microsecond), a[0].p95().Round(10*time.Microsecond))
		}
	}
	return t, nil
}

// turns lets a stopped side go on for so many turns.
func (b *bench) turns(ctx context.Context, s *side, rate float64, n int) (did []done, err error) {
	if err := s.thaw(); err != nil {
		return nil, err
	}
	for range n {
		b.seed++
		d, err := s.load(ctx, b.seed, rate, b.turn)
		if err != nil {
			return nil, err
		}
		did = append(did, d)
	}
	return did, s.freeze()
}
