// Package cli is the command line: one file a subcommand.
package cli

import (
	"cmp"
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
	"golang.org/x/term"

	"rollcall/internal/access"
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
	Status     statusCommand     `cmd:"" help:"Tell at a glance whether all is well, and what needs attention."`
	Uninstall  uninstallCommand  `cmd:"" help:"Remove what init made, and the state, after showing it."`
	Check      checkCommand      `cmd:"" help:"Look for what is wrong with the member database, the configuration and the state, and say what mends it."`
	Plan       planCommand       `cmd:"" help:"Show what would be done and why, touching nothing."`
	Explain    explainCommand    `cmd:"" help:"Say why somebody is or is not on each list."`
	Trace      traceCommand      `cmd:"" help:"Follow what changed about a rep, from the stream to the confirmation."`
	Sync       syncCommand       `cmd:"" help:"Sync one group now, after showing who would be taken off."`
	Reconcile  reconcileCommand  `cmd:"" help:"Ask for a full reconciliation."`
	Runs       runsCommand       `cmd:"" help:"List the last runs, or show the report of one."`
	Notices    noticesCommand    `cmd:"" help:"List what is done otherwise than the database says, such as names that are cut."`
	Approvals  approvalsCommand  `cmd:"" help:"List what waits for an answer, and answer it."`
	AllowBack  allowBackCommand  `cmd:"" help:"Allow somebody back who left a list or was deleted in Constant Contact."`
	Lists      listsCommand      `cmd:"" help:"List the lists, and answer for one that is missing or ambiguous."`
	Audit      auditCommand      `cmd:"" help:"List who did what: connected, approved, allowed, asked for."`
	Retry      retryCommand      `cmd:"" help:"Try an address again that Constant Contact refused."`
	Export     exportCommand     `cmd:"" help:"Write a list's people to a file for an import by hand."`
	Connect    connectCommand    `cmd:"" help:"Connect the Constant Contact account of an association."`
	Disconnect disconnectCommand `cmd:"" help:"Forget the tokens of an association's account."`
	Users      usersCommand      `cmd:"" help:"Say who may see the web console."`
	Adopt      adoptCommand      `cmd:"" help:"Say that another database than the one on record is the right one: after a failover or a restore."`
	Probe      probeCommand      `cmd:"" help:"Find out of a connected account what Constant Contact leaves open, on a list that is made for it."`
	Demo       demoCommand       `cmd:"" help:"Show a day of office work on a Postgres and a Constant Contact of its own."`
	Sim        simCommand        `cmd:"" help:"Run the simulator of Constant Contact alone."`
	Health     healthCommand     `cmd:"" name:"healthcheck" help:"Ask a program on this host that runs whether it is alive."`
	Version    versionCommand    `cmd:"" help:"Print the version."`
	Completion completionCommand `cmd:"" help:"Print a script that completes command lines in a shell."`
	Man        manCommand        `cmd:"" help:"Print the manual page, for man -l."`
	Complete   completeCommand   `cmd:"" hidden:"" help:"Print what may come next on a command line."`
}

// Program is the command line with its surroundings.
type Program struct {
	Stdin          io.Reader
	Terminal       bool // somebody can be asked on Stdin
	Stdout, Stderr io.Writer
	Now            func() time.Time
	User           string // who asks, for the record: the system's name for the user
}

// env is what a command gets from its surroundings.
type env struct {
	Program
	ctx            context.Context
	stdout, stderr io.Writer
	model          *kong.Application
}

// who is on record for what a command does.
func (e *env) who() string { return cmp.Or(e.User, "the command line") }

// Main runs the command line of this process and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	p := Program{Stdin: os.Stdin, Stdout: stdout, Stderr: stderr, Now: time.Now, User: userName()}
	p.Terminal = term.IsTerminal(int(os.Stdin.Fd()))
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
	parser, err := p.newParser(&c, func(code int) { exit = code })
	if err != nil {
		fmt.Fprintf(p.Stderr, "rollcall: %v\n", err)
		return ExitFailure
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 {
		return exit // --help
	}
	if err != nil {
		fmt.Fprintf(p.Stderr, "rollcall: %v\nTry: rollcall %s--help\n", err, reached(err))
		return ExitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	if err := parsed.Run(&env{Program: p, ctx: ctx, stdout: p.Stdout, stderr: p.Stderr, model: parser.Model}); err != nil {
		fmt.Fprintf(p.Stderr, "rollcall: %v\n", err)
		if try := remedy(err); try != "" {
			fmt.Fprintf(p.Stderr, "Try: %s\n", try)
		}
		return code(err)
	}
	return ExitOK
}

// reached is the command that a wrong command line got to, with a space behind
// it; empty for none.
func reached(err error) string {
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) || wrong.Context == nil || wrong.Context.Selected() == nil {
		return ""
	}
	return path(wrong.Context.Selected()) + " "
}

// code is the exit code of an error.
func code(err error) int {
	var bad *config.Error
	var usage *usageError
	var name *access.NameError
	var password *access.PasswordError
	if errors.As(err, &bad) || errors.As(err, &usage) || errors.As(err, &name) || errors.As(err, &password) {
		return ExitUsage
	}
	return ExitFailure
}

// logger writes what the configuration asks for, without member data.
func logger(w io.Writer, cfg config.Log) *slog.Logger { return loggerAt(w, cfg.Level, cfg.Format) }

// loggerAt is a logger whose level may change.
func loggerAt(w io.Writer, level slog.Leveler, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if format == "json" {
		h = slog.NewJSONHandler(w, options)
	}
	return slog.New(redact.NewHandler(h))
}
