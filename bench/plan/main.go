// Command plan measures what rollcall plan needs on a large association, with
// few lists and with ten times as many, and as many pairs on them: neither its
// memory nor its time may grow with lists. Both sides are measured in turn on
// the same server, with the state of a first sync.
//
// It prints one line a figure:
//
//	BENCH plan_many_to_few_lists_resident <n> ratio
//	BENCH plan_many_to_few_lists_wall <n> ratio
//	BENCH plan_<n>_lists_resident <n> MiB
//	BENCH plan_<n>_lists_wall <n> seconds
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
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/bench/association"
	"rollcall/internal/localpg"
)

func main() {
	reps := flag.Int("reps", 100_000, "reps of the association")
	few := flag.Int("few", 60, "lists of the one side")
	times := flag.Int("times", 10, "how many times as many lists the other side has")
	rounds := flag.Int("rounds", 3, "how often each side plans; the median counts")
	child := flag.Bool("command", false, "be the command: used by the bench itself")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	var err error
	switch {
	case *child:
		err = command(flag.Args())
	case *few < fewest || *reps < *few**times:
		err = fmt.Errorf("want at least %d lists, and as many reps as lists", fewest)
	default:
		err = run(ctx, *reps, *few, *few**times, *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench plan:", err)
		os.Exit(1)
	}
}

const (
	groupsOfARep  = 6
	fewest        = association.Types + 1 + groupsOfARep // lists
	outcastsEvery = 50                                   // of so many reps one is not active, one unsubscribed, and one is new
)

// settings keep the server from doing anything else meanwhile.
var settings = map[string]string{"shared_buffers": "512MB", "max_wal_size": "8GB", "checkpoint_timeout": "1h", "autovacuum": "off"}

// side is an association with a number of lists.
type side struct {
	lists    int
	database string
	config   string
	used     []usage
}

func run(ctx context.Context, reps, few, many, rounds int) (err error) {
	server, err := localpg.Start(ctx, localpg.Options{Settings: settings, Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	dir, err := os.MkdirTemp("", "rollcall-plan-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sides := []*side{{lists: few}, {lists: many}}
	for _, s := range sides {
		s.database = fmt.Sprintf("lists_%d", s.lists)
		s.config = filepath.Join(dir, s.database+".yaml")
		fmt.Fprintf(os.Stderr, "filling %d reps and %d lists\n", reps, s.lists)
		pairs, err := s.fill(ctx, server, reps)
		if err != nil {
			return fmt.Errorf("fill %s: %w", s.database, err)
		}
		fmt.Fprintf(os.Stderr, "%d lists: %d pairs\n", s.lists, pairs)
	}
	for range rounds {
		for _, s := range sides {
			u, err := s.plan(ctx)
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "%d lists: %.2f s, %.1f MiB\n", s.lists, u.wall.Seconds(), u.rssMiB)
			s.used = append(s.used, u)
		}
		slices.Reverse(sides)
	}
	slices.SortFunc(sides, func(a, b *side) int { return a.lists - b.lists })
	report(os.Stdout, sides)
	return nil
}

// usage is what one plan took.
type usage struct {
	wall   time.Duration
	rssMiB float64
}

func report(out io.Writer, sides []*side) {
	wall, memory := [2]float64{}, [2]float64{}
	for i, s := range sides {
		wall[i] = median(s.used, func(u usage) float64 { return u.wall.Seconds() })
		memory[i] = median(s.used, func(u usage) float64 { return u.rssMiB })
	}
	fmt.Fprintf(out, "BENCH plan_many_to_few_lists_resident %.2f ratio\n", memory[1]/memory[0])
	fmt.Fprintf(out, "BENCH plan_many_to_few_lists_wall %.2f ratio\n", wall[1]/wall[0])
	for i, s := range sides {
		fmt.Fprintf(out, "BENCH plan_%d_lists_resident %.1f MiB\n", s.lists, memory[i])
		fmt.Fprintf(out, "BENCH plan_%d_lists_wall %.2f seconds\n", s.lists, wall[i])
	}
}

func median(used []usage, of func(usage) float64) float64 {
	values := make([]float64, len(used))
	for i, u := range used {
		values[i] = of(u)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// plan runs the command in a process of its own.
func (s *side) plan(ctx context.Context) (usage, error) {
	self, err := os.Executable()
	if err != nil {
		return usage{}, err
	}
	cmd := exec.CommandContext(ctx, self, "-command", s.config)
	cmd.Stderr = os.Stderr
	began := time.Now()
	printed, err := cmd.Output()
	u := usage{wall: time.Since(began)}
	if err != nil {
		return u, fmt.Errorf("run plan: %w", err)
	}
	if _, err := fmt.Sscan(string(printed), &u.rssMiB); err != nil {
		return u, fmt.Errorf("read the command's answer: %w", err)
	}
	return u, nil
}

// fill makes the database of a side and returns how many pairs are on lists.
func (s *side) fill(ctx context.Context, server *localpg.Server, reps int) (pairs int, err error) {
	admin, err := pgx.Connect(ctx, server.URL("postgres"))
	if err != nil {
		return 0, err
	}
	_, err = admin.Exec(ctx, "create database "+s.database)
	if err := errors.Join(err, admin.Close(ctx)); err != nil {
		return 0, err
	}
	url := server.URL(s.database)
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	size := association.Size{Reps: reps, Groups: s.lists - association.Types - 1, OfARep: groupsOfARep}
	err = size.Members(ctx, pool)
	if err == nil {
		err = size.State(ctx, pool, association.ContactID)
	}
	if err == nil {
		err = size.Outcasts(ctx, pool, outcastsEvery)
	}
	if err != nil {
		return 0, err
	}
	if err := pool.QueryRow(ctx, "select count(*) from rollcall_state.ledger").Scan(&pairs); err != nil {
		return 0, err
	}
	text := fmt.Sprintf("source: {name: %s, url: %q}\nconstant_contact: {connections: [{association: \"1\", access_token: {env: ROLLCALL_BENCH_NO_TOKEN}}]}\n", association.Source, url)
	return pairs, os.WriteFile(s.config, []byte(text), 0o600)
}
