// Command drain measures how fast a backlog of changes is worked off: by
// Rollcall's reader, which stores the touched keys; by pg_recvlogical, which
// writes whole rows to a file; and by the usual loop around pglogrepl
// (bench/peers/loop), which keeps nothing, for whole rows and for keys only. All
// drain the same backlog on the same server, in turn.
//
// It prints one line a figure, each the median of the rounds, with the shape of
// the backlog and the side in its name:
//
//	BENCH drain_<shape>_<side>_wall <n> seconds
//	BENCH drain_<shape>_<side>_cpu <n> seconds
//	BENCH drain_<shape>_<side>_resident <n> MiB
//	BENCH drain_<shape>_reader_to_<side>_wall <n> ratio
//	BENCH drain_<shape>_reader_to_<side>_cpu <n> ratio
//
// It is to be run where go.mod is.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/internal/localpg"
)

func main() {
	changes := flag.Int("changes", 1_000_000, "changes in the backlog")
	rounds := flag.Int("rounds", 3, "how often each side drains it; the median counts")
	child := flag.Bool("reader", false, "be the reader: used by the bench itself")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	var err error
	if *child {
		err = read(ctx, flag.Args())
	} else {
		err = run(ctx, *changes, *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench drain:", err)
		os.Exit(1)
	}
}

// settings keep the server from doing anything else meanwhile.
var settings = map[string]string{
	"shared_buffers":     "512MB",
	"max_wal_size":       "16GB",
	"checkpoint_timeout": "1h",
	"autovacuum":         "off",
}

// A table of people as a member system has it. Changes go to different rows, so
// that none of them can be merged with another.
const tables = `
create schema rollcall;
create table rollcall.watches ("table" text primary key);
create table public.rep (
    rep_id integer primary key, association_id integer not null, member_id integer not null, email text not null,
    first_name text not null, last_name text not null, job_title text not null, phone text not null,
    street text not null, active boolean not null
);
create publication whole_rows for table public.rep;
create procedure public.change(first integer, last integer) language plpgsql as $$
begin
    set synchronous_commit = off;
    for id in first..last loop
        update public.rep set phone = '+1 555 ' || id, active = not active where rep_id = id;
        commit;
    end loop;
end
$$;`

const people = `insert into public.rep
select id, id % 7 + 1, id / 4, 'first.last' || id || '@members.example.org', 'First' || id % 1000, 'Last' || id % 5000,
    'Head of department', '+1 555 0100', id % 900 || ' Harbour Street', true
from generate_series(1, $1::integer) id`

// shape is how the backlog came about.
type shape struct {
	name string
	make func(ctx context.Context, url string, changes int) error
}

var shapes = []shape{
	{"single_row_transactions", changeOneByOne},
	{"one_transaction", changeAtOnce},
}

func run(ctx context.Context, changes, rounds int) (err error) {
	receiver, err := exec.LookPath("pg_recvlogical")
	if err != nil {
		return fmt.Errorf("find pg_recvlogical, which is what the reader is compared with: %w; install Debian's postgresql-client package", err)
	}
	server, err := localpg.Start(ctx, localpg.Options{Settings: settings, Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	dir, err := os.MkdirTemp("", "rollcall-drain-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	loop := filepath.Join(dir, "loop")
	build := exec.CommandContext(ctx, "go", "build", "-C", "bench/peers", "-o", loop, "./loop")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the loop that the reader is compared with: %w", err)
	}
	for _, s := range shapes {
		b := &backlog{shape: s, changes: changes, url: server.URL("postgres"), receiver: receiver, loop: loop, file: filepath.Join(dir, "rows")}
		if err := b.fill(ctx); err != nil {
			return fmt.Errorf("make backlog %s: %w", s.name, err)
		}
		if err := b.measure(ctx, rounds, os.Stdout); err != nil {
			return fmt.Errorf("drain backlog %s: %w", s.name, err)
		}
	}
	return nil
}

// backlog is a stretch of write-ahead log and what drains it.
type backlog struct {
	shape
	changes  int
	url      string
	receiver string // program
	file     string // that it writes
	loop     string // program
	end      string // LSN
}

const (
	rowsSlot = "drain_rows"
	keysSlot = "drain_keys"
)

// fill makes the tables, the two slots and then the changes. Each round drains
// copies of the slots.
func (b *backlog) fill(ctx context.Context) error {
	if err := b.execute(ctx, "drop schema if exists rollcall, rollcall_state cascade; drop table if exists public.rep cascade; "+
		"drop procedure if exists public.change; drop publication if exists whole_rows; drop publication if exists rollcall"); err != nil {
		return err
	}
	if err := b.execute(ctx, tables); err != nil {
		return err
	}
	// Column lists came with version 15; before, the keys come in whole rows.
	if err := b.execute(ctx, `do $$ begin
			execute 'create publication rollcall for table rollcall.watches, public.rep'
				|| case when current_setting('server_version_num')::integer >= 150000 then ' (rep_id)' else '' end;
		end $$`); err != nil {
		return err
	}
	if err := b.execute(ctx, people, b.changes); err != nil {
		return err
	}
	for _, slot := range []string{rowsSlot, keysSlot} {
		if err := b.execute(ctx, "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1", slot); err != nil {
			return err
		}
		if err := b.execute(ctx, "select pg_create_logical_replication_slot($1, 'pgoutput')", slot); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "%s: making %d changes\n", b.name, b.changes)
	if err := b.shape.make(ctx, b.url, b.changes); err != nil {
		return err
	}
	if err := b.execute(ctx, "checkpoint"); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, b.url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, "select pg_current_wal_lsn()::text").Scan(&b.end); err != nil {
		return err
	}
	// A last change beyond the end, so that both sides see that they reached it.
	return b.execute(ctx, "set synchronous_commit = on; update public.rep set phone = '' where rep_id = 1")
}

// changeOneByOne has two sessions commit one row after the other.
func changeOneByOne(ctx context.Context, url string, changes int) error {
	const writers = 2
	var group sync.WaitGroup
	var errs [writers]error
	for i := range writers {
		group.Go(func() {
			errs[i] = (&backlog{url: url}).execute(ctx, fmt.Sprintf("call public.change(%d, %d)", changes*i/writers+1, changes*(i+1)/writers))
		})
	}
	group.Wait()
	return errors.Join(errs[:]...)
}

func changeAtOnce(ctx context.Context, url string, _ int) error {
	return (&backlog{url: url}).execute(ctx, "update public.rep set phone = '+1 555 ' || rep_id, active = not active")
}

func (b *backlog) execute(ctx context.Context, statement string, args ...any) error {
	conn, err := pgx.Connect(ctx, b.url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement, args...)
	return err
}

func (b *backlog) drainRows(ctx context.Context) (usage, error) {
	return b.drain(ctx, rowsSlot, func(slot string) *exec.Cmd {
		return exec.CommandContext(ctx, b.receiver, "--dbname="+b.url, "--slot="+slot, "--start", "--no-loop", "--file="+b.file,
			"--endpos="+b.end, "--option=proto_version=1", "--option=publication_names=whole_rows")
	})
}

func (b *backlog) drainKeys(ctx context.Context) (usage, error) {
	if err := b.execute(ctx, "drop schema if exists rollcall_state cascade"); err != nil {
		return usage{}, err
	}
	// Before the time begins: the tables are made once, and a slot like those of the
	// others is there as well.
	if err := makeState(ctx, b.url); err != nil {
		return usage{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return usage{}, err
	}
	used, err := b.drain(ctx, keysSlot, func(slot string) *exec.Cmd {
		return exec.CommandContext(ctx, self, "-reader", b.url, slot, b.end)
	})
	if err != nil {
		return used, err
	}
	keys, err := storedKeys(ctx, b.url)
	if err != nil {
		return used, err
	}
	if keys != b.changes {
		return used, fmt.Errorf("%d keys were stored, want %d", keys, b.changes)
	}
	return used, nil
}

// drainLoop drains with the usual loop.
func (b *backlog) drainLoop(slot, publication string) func(context.Context) (usage, error) {
	return func(ctx context.Context) (usage, error) {
		return b.drain(ctx, slot, func(slot string) *exec.Cmd {
			return exec.CommandContext(ctx, b.loop, b.url, slot, publication, b.end)
		})
	}
}

// drain runs a program on a copy of the slot. Those of ours print their resident
// memory.
func (b *backlog) drain(ctx context.Context, slot string, command func(slot string) *exec.Cmd) (usage, error) {
	round := slot + "_round"
	if err := b.execute(ctx, "select pg_copy_logical_replication_slot($1, $2)", slot, round); err != nil {
		return usage{}, err
	}
	_ = os.Remove(b.file) // there is none the first time
	cmd := command(round)
	cmd.Stderr = os.Stderr
	began := time.Now()
	printed, err := cmd.Output()
	if err != nil {
		return usage{}, fmt.Errorf("run %s: %w", filepath.Base(cmd.Path), err)
	}
	used := usage{wall: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if len(printed) > 0 {
		if _, err := fmt.Sscan(string(printed), &used.rssMiB); err != nil {
			return usage{}, fmt.Errorf("read the answer of %s: %w", filepath.Base(cmd.Path), err)
		}
	}
	return used, b.drop(ctx, round)
}

// drop drops a slot, once the server has noticed that nobody uses it any more.
func (b *backlog) drop(ctx context.Context, slot string) error {
	retry := backoff.WithContext(backoff.NewExponentialBackOff(backoff.WithInitialInterval(10*time.Millisecond), backoff.WithMaxElapsedTime(time.Minute)), ctx)
	return backoff.Retry(func() error {
		err := b.execute(ctx, "select pg_drop_replication_slot($1)", slot)
		if pgErr, is := errors.AsType[*pgconn.PgError](err); is && pgErr.Code == "55006" { // object_in_use
			return err
		}
		return backoff.Permanent(err)
	}, retry)
}
