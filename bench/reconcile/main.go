// Command reconcile measures what a full reconciliation and a first sync take of an
// association, and how that grows with it: the real deliverer and reconciler, a
// Postgres of its own, and the simulated Constant Contact in another process. Its
// clock moves only when something waits, and the time that the simulator takes to
// answer is not counted.
//
// It prints for each number of reps, and for each of the two:
//
//	BENCH <what>_<reps>_wall <n> seconds
//	BENCH <what>_<reps>_resident <n> MiB
//	BENCH <what>_<reps>_calls <n> calls
//
// and of the two largest numbers how the time grows: the exponent is 1 when it
// grows as the number of reps.
//
//	BENCH <what>_growth <n> exponent
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/bench/association"
	"rollcall/internal/localpg"
)

// What is measured.
const (
	fullReconciliation = "full_reconciliation"
	firstSync          = "first_sync"
)

const (
	groups = 24
	ofARep = 2
)

func main() {
	reps := flag.String("reps", "10000,100000,1000000", "numbers of reps of a full reconciliation, separated by commas")
	first := flag.String("first", "10000,100000", "numbers of reps of a first sync, separated by commas")
	what := flag.String("what", fullReconciliation+","+firstSync, "what is measured, separated by commas")
	part := flag.String("part", "", "be a part of the bench: used by itself")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	var err error
	switch args := flag.Args(); {
	case *part == "simulator":
		err = simulator(ctx, args)
	case *part == "measure":
		err = printed(measure(ctx, args[0], args[1], args[2]))
	default:
		err = run(ctx, strings.Split(*what, ","), map[string][]string{fullReconciliation: strings.Split(*reps, ","), firstSync: strings.Split(*first, ",")})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench reconcile:", err)
		os.Exit(1)
	}
}

// simulator is simulate with the arguments of a command line.
func simulator(ctx context.Context, args []string) error {
	reps, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	return simulate(ctx, association.Size{Reps: reps, Groups: groups, OfARep: ofARep}, args[0] == fullReconciliation, args[2])
}

func printed(f figures, err error) error {
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

func run(ctx context.Context, what []string, numbers map[string][]string) (err error) {
	server, err := localpg.Start(ctx, localpg.Options{
		Settings: map[string]string{"shared_buffers": "512MB", "max_wal_size": "8GB", "checkpoint_timeout": "1h"}, Log: os.Stderr,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	dir, err := os.MkdirTemp("", "rollcall-reconcile-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, w := range what {
		if w != fullReconciliation && w != firstSync {
			return fmt.Errorf("-what: %q is neither %s nor %s", w, fullReconciliation, firstSync)
		}
		var sizes []int
		var took []figures
		for _, n := range numbers[w] {
			reps, err := strconv.Atoi(n)
			if err != nil {
				return fmt.Errorf("number of reps: %w", err)
			}
			f, err := one(ctx, server, dir, w, reps)
			if err != nil {
				return fmt.Errorf("%s of %d reps: %w", w, reps, err)
			}
			fmt.Printf("BENCH %s_%d_wall %.2f seconds\n", w, reps, f.Seconds)
			fmt.Printf("BENCH %s_%d_resident %.1f MiB\n", w, reps, f.ResidentMiB)
			fmt.Printf("BENCH %s_%d_calls %d calls\n", w, reps, f.Calls)
			sizes, took = append(sizes, reps), append(took, f)
		}
		if last := len(sizes) - 1; last > 0 {
			growth := math.Log(took[last].Seconds/took[last-1].Seconds) / math.Log(float64(sizes[last])/float64(sizes[last-1]))
			fmt.Printf("BENCH %s_growth %.2f exponent\n", w, growth)
		}
	}
	return nil
}

// one makes a database and a simulator for a measurement, and drops them.
func one(ctx context.Context, server *localpg.Server, dir, what string, reps int) (f figures, err error) {
	if err := execute(ctx, server.URL("postgres"), "drop database if exists office", "create database office"); err != nil {
		return f, err
	}
	self, err := os.Executable()
	if err != nil {
		return f, err
	}
	ids := filepath.Join(dir, "ids")
	fmt.Fprintf(os.Stderr, "%s: filling %d reps\n", what, reps)
	vendor := exec.CommandContext(ctx, self, "-part", "simulator", what, strconv.Itoa(reps), ids)
	vendor.Stderr = os.Stderr
	said, err := vendor.StdoutPipe()
	if err != nil {
		return f, err
	}
	if err := vendor.Start(); err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, vendor.Process.Signal(os.Interrupt), vendor.Wait()) }()
	address, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		return f, fmt.Errorf("start the simulator: %w", err)
	}
	address = strings.TrimSpace(address)
	if err := fillDatabase(ctx, server.URL("office"), what, association.Size{Reps: reps, Groups: groups, OfARep: ofARep}, ids, address); err != nil {
		return f, fmt.Errorf("fill the database: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "-part", "measure", what, server.URL("office"), address)
	cmd.Stderr = os.Stderr
	answer, err := cmd.Output()
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(answer, &f); err != nil {
		return f, err
	}
	return f, judge(ctx, address, reps)
}

// fillDatabase makes the association, and for a reconciliation the state that
// agrees with the simulator.
func fillDatabase(ctx context.Context, url, what string, size association.Size, ids, address string) error {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := size.Members(ctx, pool); err != nil || what == firstSync {
		return err
	}
	file, err := os.ReadFile(ids)
	if err != nil {
		return err
	}
	contacts := strings.Fields(string(file))
	if err := size.State(ctx, pool, func(rep int64) string { return contacts[rep-1] }); err != nil {
		return err
	}
	lists, err := listIDs(ctx, address)
	if err != nil {
		return err
	}
	for name, id := range lists {
		if _, err := pool.Exec(ctx, "update rollcall_state.list set list_id = $2 where name = $1", name, id); err != nil {
			return err
		}
	}
	return nil
}

func execute(ctx context.Context, url string, statements ...string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
