// Package cli is the command line: one file a subcommand.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"os/user"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"rollcall/internal/config"
	"rollcall/internal/redact"
)

// Exit codes.
const (
	ExitOK      = 0
	ExitFailure = 1 // what was asked for could not be done
	ExitUsage   = 2 // the command line or the configuration is wrong
)

type commands struct {
	Run        runCommand        `cmd:"" help:"Keep Constant Contact in step with the member database."`
	Connect    connectCommand    `cmd:"" help:"Connect the Constant Contact account of an association."`
	Disconnect disconnectCommand `cmd:"" help:"Forget the tokens of an association's account."`
	Demo       demoCommand       `cmd:"" help:"Show a day of office work on a Postgres and a Constant Contact of its own."`
	Sim        simCommand        `cmd:"" help:"Run the simulator of Constant Contact alone."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

// env is what a command gets from its surroundings.
type env struct {
	ctx            context.Context
	stdout, stderr io.Writer
	Stdin          io.Reader
	Now            func() time.Time
	User           string // who asks, for the record
}

// Main runs the command line and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	var c commands
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("rollcall"),
		kong.Description("Rollcall keeps Constant Contact lists in step with a Postgres member database."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintf(stderr, "rollcall: %v\n", err)
		return ExitFailure
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 {
		return exit // --help
	}
	if err != nil {
		fmt.Fprintf(stderr, "rollcall: %v\nTry: rollcall --help\n", err)
		return ExitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	if err := parsed.Run(&env{ctx: ctx, stdout: stdout, stderr: stderr, Stdin: os.Stdin, Now: time.Now, User: userName()}); err != nil {
		fmt.Fprintf(stderr, "rollcall: %v\n", err)
		var bad *config.Error
		if errors.As(err, &bad) {
			return ExitUsage
		}
		return ExitFailure
	}
	return ExitOK
}

// userName is the name that the system has for whoever runs us.
func userName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// logger writes what the configuration asks for, without member data.
func logger(w io.Writer, cfg config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.Level}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if cfg.Format == "json" {
		h = slog.NewJSONHandler(w, options)
	}
	return slog.New(redact.NewHandler(h))
}
