package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/app"
	"rollcall/internal/chamber"
	"rollcall/internal/config"
	"rollcall/internal/setup"
	"rollcall/sql"
)

// databases are those that the sides work on: one that nobody follows, one with
// the publication and one with the triggers.
var databases = map[string]string{alone: "plain", replication: "published", recvlogical: "published", triggers: "captured"}

const (
	slot = "overhead"
	// receiverSlot is there only while pg_recvlogical reads it.
	receiverSlot = "overhead_recvlogical"
	patience     = 2 * time.Minute
)

// bench is the server with its databases, and the programs.
type bench struct {
	url      func(database string) string
	dir      string
	receiver string
	clients  int
	length   time.Duration
	reps     chamber.IDs
	members  chamber.IDs
}

func (b *bench) prepare(ctx context.Context) error {
	for _, side := range []string{alone, replication, triggers} {
		if err := b.execute(ctx, "postgres", "create database "+databases[side]); err != nil {
			return err
		}
		if err := b.fill(ctx, side); err != nil {
			return fmt.Errorf("fill %s: %w", databases[side], err)
		}
	}
	return nil
}

func (b *bench) fill(ctx context.Context, side string) error {
	conn, err := pgx.Connect(ctx, b.url(databases[side]))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, sql.Reference()[0]); err != nil {
		return err
	}
	s, err := chamber.Generate(ctx, conn, chamber.Options{Seed: 3, Associations: 4, Reps: 5000, Groups: 20})
	if err != nil {
		return err
	}
	b.reps, b.members = s.Reps, s.Members
	if side != alone {
		contract := setup.Contract{Slot: slot}
		if side == triggers {
			contract = setup.Contract{Triggers: true}
		}
		if _, err := setup.Apply(ctx, conn, contract); err != nil {
			return err
		}
	}
	_, err = conn.Exec(ctx, "vacuum analyze")
	return err
}

func (b *bench) execute(ctx context.Context, database, statement string, args ...any) error {
	conn, err := pgx.Connect(ctx, b.url(database))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, statement, args...)
	return err
}

// measure has the load done beside what belongs to a side, once that has caught up. The
// first sixth is not measured: whoever has just started looks at everything twice.
func (b *bench) measure(ctx context.Context, side string, rate float64) (f figures, err error) {
	stop, err := b.begin(ctx, side)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if _, err := b.load(ctx, side, rate, b.length/6); err != nil {
		return f, err
	}
	half, err := b.load(ctx, side, rate, b.length)
	if err != nil {
		return f, err
	}
	full, err := b.load(ctx, side, 0, b.length/4)
	return figures{saturated: full.perSecond(), half: half.perSecond(), p95: half.p95()}, err
}

// begin starts what belongs to a side and waits until it has caught up.
func (b *bench) begin(ctx context.Context, side string) (stop func() error, err error) {
	var command *exec.Cmd
	caughtUp := `select not exists (select from rollcall_state.touched) and (select touch_all_after is null and full_pass_at is not null from rollcall_state.position)`
	switch side {
	case alone:
		return func() error { return nil }, nil
	case recvlogical:
		if err := b.execute(ctx, databases[side], "select pg_create_logical_replication_slot($1, 'pgoutput')", receiverSlot); err != nil {
			return nil, err
		}
		command = exec.CommandContext(ctx, b.receiver, "--dbname="+b.url(databases[side]), "--slot="+receiverSlot, "--start", "--no-loop",
			"--file="+os.DevNull, "--option=proto_version=1", "--option=publication_names="+setup.Publication)
		caughtUp = "select active from pg_replication_slots where slot_name = '" + receiverSlot + "'"
	default:
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		file, err := b.configure(side)
		if err != nil {
			return nil, err
		}
		command = exec.CommandContext(ctx, self, "-rollcall", file)
		if side == triggers {
			caughtUp += " and not exists (select from rollcall.log)"
		} else {
			caughtUp += " and (select active and confirmed_flush_lsn >= $1::pg_lsn from pg_replication_slots where slot_name = '" + slot + "')"
		}
	}
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	if err := command.Start(); err != nil {
		return nil, err
	}
	stop = func() error {
		err := command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait() // pg_recvlogical says how it was ended
		if side == recvlogical {
			err = errors.Join(err, b.await(ctx, databases[side], "select not active from pg_replication_slots where slot_name = '"+receiverSlot+"'"),
				b.execute(ctx, databases[side], "select pg_drop_replication_slot($1)", receiverSlot))
		}
		return err
	}
	if err := b.await(ctx, databases[side], caughtUp); err != nil {
		return nil, errors.Join(fmt.Errorf("wait until it has caught up: %w", err), stop())
	}
	return stop, nil
}

// await waits until a query is true. Its parameter, where it has one, is how far
// the server has written now.
func (b *bench) await(ctx context.Context, database, query string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, b.url(database))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var lsn string
	if err := conn.QueryRow(ctx, "select pg_current_wal_lsn()::text").Scan(&lsn); err != nil {
		return err
	}
	statement, err := conn.Prepare(ctx, "", query)
	for err != nil { // the state is being made
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
			statement, err = conn.Prepare(ctx, "", query)
		}
	}
	args := []any{lsn}[:len(statement.ParamOIDs)]
	for {
		var yes *bool
		if err := conn.QueryRow(ctx, query, args...).Scan(&yes); err != nil {
			return err
		}
		if yes != nil && *yes {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// configure writes Rollcall's configuration for a side.
func (b *bench) configure(side string) (file string, err error) {
	u, err := url.Parse(b.url(databases[side]))
	if err != nil {
		return "", err
	}
	u.User = url.User("rollcall")
	text := fmt.Sprintf("source: {name: %s, url: %q, slot: %s, capture: %s}\nmetrics: {listen: \"off\"}\nconsole: {listen: \"off\"}\n", side, u, slot, side)
	file = filepath.Join(b.dir, side+".yaml")
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// follow is Rollcall, until it is asked to end.
func follow(ctx context.Context, file string) error {
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer cancel()
	cfg, err := config.Load(file)
	if err != nil {
		return err
	}
	a, err := app.New(ctx, cfg, slog.New(slog.NewTextHandler(io.Discard, nil)), time.Now)
	if err != nil {
		return err
	}
	defer a.Close()
	return a.Run(ctx)
}
