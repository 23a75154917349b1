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
	"rollcall/internal/localpg"
	"rollcall/internal/setup"
	"rollcall/sql"
)

// settings are those of a server that is used: commits are on disk.
var settings = map[string]string{
	"shared_buffers":     "256MB",
	"max_wal_size":       "8GB",
	"checkpoint_timeout": "1h",
	"fsync":              "on",
	"synchronous_commit": "on",
}

const (
	database = "postgres"
	slot     = "overhead"
	patience = 2 * time.Minute
)

// side is a server with a member database, the application's sessions, and what
// follows it.
type side struct {
	name       string
	server     *localpg.Server
	postmaster int // process id
	sessions   []*pgx.Conn
	command    *exec.Cmd // nil: nothing follows it
	reps       chamber.IDs
	members    chamber.IDs
}

// start makes a side; nothing follows it yet.
func (b *bench) start(ctx context.Context, name string) (*side, error) {
	server, err := localpg.Start(ctx, localpg.Options{Settings: settings, Log: os.Stderr})
	if err != nil {
		return nil, err
	}
	s := &side{name: name, server: server}
	if err := s.prepare(ctx, b.sessions); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare member database: %w", err), s.stop(ctx))
	}
	return s, nil
}

func (s *side) url() string { return s.server.URL(database) }

func (s *side) prepare(ctx context.Context, sessions int) error {
	for range sessions {
		conn, err := pgx.Connect(ctx, s.url())
		if err != nil {
			return err
		}
		s.sessions = append(s.sessions, conn)
	}
	conn := s.sessions[0]
	if err := conn.QueryRow(ctx, "select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int").Scan(&s.postmaster); err != nil {
		return fmt.Errorf("read process id of the server: %w", err)
	}
	if _, err := conn.Exec(ctx, sql.Reference()[0]); err != nil {
		return err
	}
	made, err := chamber.Generate(ctx, conn, chamber.Options{Seed: 3, Associations: 4, Reps: 5000, Groups: 20})
	if err != nil {
		return err
	}
	s.reps, s.members = made.Reps, made.Members
	switch s.name {
	case replication, recvlogical:
		_, err = setup.Apply(ctx, conn, setup.Contract{Slot: slot})
	case triggers:
		_, err = setup.Apply(ctx, conn, setup.Contract{Triggers: true})
	}
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "vacuum analyze")
	return err
}

// stop ends what follows a side, and its server.
func (s *side) stop(ctx context.Context) (err error) {
	if s.command != nil {
		err = s.command.Process.Signal(syscall.SIGTERM)
		_ = s.command.Wait() // pg_recvlogical says how it was ended
	}
	for _, conn := range s.sessions {
		err = errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	return errors.Join(err, s.server.Stop())
}

// follow starts what is to follow a side, and waits until it has caught up.
func (b *bench) follow(ctx context.Context, s *side) error {
	active := "select active and confirmed_flush_lsn >= $1::pg_lsn from pg_replication_slots where slot_name = '" + slot + "'"
	looked := "select not exists (select from rollcall_state.touched) and (select touch_all_after is null and full_pass_at is not null from rollcall_state.position)"
	var caughtUp string
	var command *exec.Cmd
	switch s.name {
	case again:
		return nil
	case recvlogical:
		command = exec.CommandContext(ctx, b.receiver, "--dbname="+s.url(), "--slot="+slot, "--start", "--no-loop",
			"--file="+os.DevNull, "--option=proto_version=1", "--option=publication_names="+setup.Publication)
		caughtUp = "select active from pg_replication_slots where slot_name = '" + slot + "'"
	case replication:
		caughtUp = looked + " and (" + active + ")"
	case triggers:
		caughtUp = looked + " and not exists (select from rollcall.log)"
	}
	if command == nil {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		file, err := b.configure(s)
		if err != nil {
			return err
		}
		command = exec.CommandContext(ctx, self, "-rollcall", file)
	}
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	if err := command.Start(); err != nil {
		return err
	}
	s.command = command
	if err := s.await(ctx, caughtUp); err != nil {
		return fmt.Errorf("wait until it has caught up: %w", err)
	}
	return nil
}

// await waits until a query is true. Its parameter, where it has one, is how far
// the server has written now.
func (s *side) await(ctx context.Context, query string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn := s.sessions[0]
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
func (b *bench) configure(s *side) (file string, err error) {
	u, err := url.Parse(s.url())
	if err != nil {
		return "", err
	}
	u.User = url.User("rollcall")
	text := fmt.Sprintf("source: {name: %s, url: %q, slot: %s, capture: %s}\nmetrics: {listen: \"off\"}\nconsole: {listen: \"off\"}\n", s.name, u, slot, s.name)
	file = filepath.Join(b.dir, s.name+".yaml")
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
