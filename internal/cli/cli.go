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
	Init       initCommand       `cmd:"" help:"Make what Rollcall needs in the member database, or print the SQL for it."`
	Check      checkCommand      `cmd:"" help:"Look for what is wrong with the member database, the configuration and the state, and say what mends it."`
	Plan       planCommand       `cmd:"" help:"Show what would be done and why, touching nothing."`
	Explain    explainCommand    `cmd:"" help:"Say why somebody is or is not on each list."`
	Sync       syncCommand       `cmd:"" help:"Sync one group now, after showing who would be taken off."`
	Reconcile  reconcileCommand  `cmd:"" help:"Ask for a full reconciliation."`
	Runs       runsCommand       `cmd:"" help:"List the last runs, or show the report of one."`
	Notices    noticesCommand    `cmd:"" help:"List what is done otherwise than the database says, such as names that are cut."`
	Approvals  approvalsCommand  `cmd:"" help:"List what waits for an answer, and answer it."`
	AllowBack  allowBackCommand  `cmd:"" help:"Allow somebody back who left a list or was deleted in Constant Contact."`
	Retry      retryCommand      `cmd:"" help:"Try an address again that Constant Contact refused."`
	Export     exportCommand     `cmd:"" help:"Write a list's people to a file for an import by hand."`
	Connect    connectCommand    `cmd:"" help:"Connect the Constant Contact account of an association."`
	Disconnect disconnectCommand `cmd:"" help:"Forget the tokens of an association's account."`
	Probe      probeCommand      `cmd:"" help:"Find out of a connected account what Constant Contact leaves open, on a list that is made for it."`
	Demo       demoCommand       `cmd:"" help:"Show a day of office work on a Postgres and a Constant Contact of its own."`
	Sim        simCommand        `cmd:"" help:"Run the simulator of Constant Contact alone."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
}

// Program is the command line with its surroundings.
type Program struct {
	Stdin          io.Reader
	Terminal       bool // somebody can be asked on Stdin
	Stdout, Stderr io.Writer
	Now            func() time.Time
	User           string // who asks, for the record
}

// env is what a command gets from its surroundings.
type env struct {
	Program
	ctx            context.Context
	stdout, stderr io.Writer
}

// Main runs the command line of this process and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	p := Program{Stdin: os.Stdin, Stdout: stdout, Stderr: stderr, Now: time.Now, User: userName()}
	if info, err := os.Stdin.Stat(); err == nil {
		p.Terminal = info.Mode()&os.ModeCharDevice != 0
	}
	return p.Main(args)
}

// userName is the name that the system has for whoever runs us.
func userName() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// Main runs the command line and returns the exit code.
func (p Program) Main(args []string) int {
	var c commands
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("rollcall"),
		kong.Description("Rollcall keeps Constant Contact lists in step with a Postgres member database."),
		kong.Writers(p.Stdout, p.Stderr),
		kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintf(p.Stderr, "rollcall: %v\n", err)
		return ExitFailure
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 {
		return exit // --help
	}
	if err != nil {
		fmt.Fprintf(p.Stderr, "rollcall: %v\nTry: rollcall --help\n", err)
		return ExitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	if err := parsed.Run(&env{Program: p, ctx: ctx, stdout: p.Stdout, stderr: p.Stderr}); err != nil {
		fmt.Fprintf(p.Stderr, "rollcall: %v\n", err)
		if try := remedy(err); try != "" {
			fmt.Fprintf(p.Stderr, "Try: %s\n", try)
		}
		return code(err)
	}
	return ExitOK
}

// code is the exit code of an error.
func code(err error) int {
	var bad *config.Error
	var usage *usageError
	if errors.As(err, &bad) || errors.As(err, &usage) {
		return ExitUsage
	}
	return ExitFailure
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
