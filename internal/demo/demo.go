package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/app"
	"rollcall/internal/ccsim"
	"rollcall/internal/chamber"
	"rollcall/internal/config"
	"rollcall/internal/localpg"
	"rollcall/mapper"
	"rollcall/sql"
)

// Options say how the demonstration is shown.
type Options struct {
	Out  io.Writer
	JSON bool
	Keep bool         // leave everything running until the context ends
	Log  *slog.Logger // of Rollcall itself
	Now  func() time.Time
}

// The size of the chamber. The seed makes every demonstration the same.
const (
	seed   = 20260630
	reps   = 2000
	groups = 40
)

// firstSyncPatience bounds the first sync.
const firstSyncPatience = 10 * time.Minute

const (
	account = "Harbour Chamber"
	token   = "demo-access-token"
)

// ErrWrong says that an outcome was not what the script expects.
var ErrWrong = errors.New("an outcome is not as expected")

// Run shows the demonstration and checks every outcome. It starts everything
// that it needs and stops it again.
func Run(ctx context.Context, o Options) (err error) {
	p := printer{o.Out}
	if o.JSON {
		p.w = io.Discard
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	p.line("starting a Postgres server of its own …")
	server, err := localpg.Start(ctx, localpg.Options{Settings: map[string]string{"fsync": "off"}})
	if err != nil {
		return fmt.Errorf("start Postgres: %w", err)
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	of, summary, err := open(ctx, server, o.Now)
	if err != nil {
		return err
	}
	defer of.member.Close(context.WithoutCancel(ctx))
	p.line("Postgres %d: a chamber with %d reps, %d members and %d groups, and the contract views", server.Version(), summary.Reps.Len(), summary.Members.Len(), summary.Groups.Len())

	dir, err := os.MkdirTemp("", "rollcall-demo-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(dir)
	address, stopSim, err := of.serve()
	if err != nil {
		return err
	}
	defer stopSim()
	p.line("a simulated Constant Contact: 4 calls a second, activities take a second; /_sim/ on %s has its controls\n", address)

	cfg, err := configure(dir, server.URL("chamber"), address)
	if err != nil {
		return err
	}
	password := ""
	if o.Keep {
		if password, err = addUser(ctx, cfg, o.Now); err != nil {
			return err
		}
	}
	a, err := app.New(ctx, cfg, o.Log, o.Now)
	if err != nil {
		return err
	}
	defer a.Close()
	of.decide = func(ctx context.Context, address mapper.Address) ([]mapper.Decision, error) {
		return a.Decide(ctx, of.association, address)
	}
	running := make(chan error, 1)
	go func() { running <- a.Run(ctx) }()
	report, err := of.day(ctx, p, summary, o.Now())
	if err == nil && o.Keep {
		err = of.keep(ctx, p, a.ConsoleURL(), server.URL("chamber"), password, running)
	}
	cancel()
	if stopped := <-running; stopped != nil {
		err = errors.Join(stopped, err)
	}
	if err != nil {
		return err
	}
	if o.JSON {
		if err := writeJSON(o.Out, report); err != nil {
			return err
		}
	}
	if !report.OK {
		return ErrWrong
	}
	return nil
}

// open makes the member database with the chamber and the cast.
func open(ctx context.Context, server *localpg.Server, now func() time.Time) (*office, chamber.Summary, error) {
	fail := func(err error) (*office, chamber.Summary, error) {
		return nil, chamber.Summary{}, fmt.Errorf("make the member database: %w", err)
	}
	admin, err := pgx.Connect(ctx, server.URL("postgres"))
	if err != nil {
		return fail(err)
	}
	_, err = admin.Exec(ctx, "create database chamber")
	if err := errors.Join(err, admin.Close(ctx)); err != nil {
		return fail(err)
	}
	member, err := pgx.Connect(ctx, server.URL("chamber"))
	if err != nil {
		return fail(err)
	}
	for _, script := range append(sql.Reference(), sql.Contract()...) {
		if _, err := member.Exec(ctx, script); err != nil {
			return fail(errors.Join(err, member.Close(ctx)))
		}
	}
	summary, err := chamber.Generate(ctx, member, chamber.Options{Seed: seed, Associations: 1, Reps: reps, Groups: groups})
	if err != nil {
		return fail(errors.Join(err, member.Close(ctx)))
	}
	association := fmt.Sprint(summary.Associations.First)
	if _, err := member.Exec(ctx, cast, pgx.QueryExecModeSimpleProtocol, summary.Associations.First); err != nil {
		return fail(errors.Join(err, member.Close(ctx)))
	}
	return &office{
		sim: ccsim.New(ccsim.Config{Now: now, Delay: time.Second}), account: account, association: association, member: member, now: now,
	}, summary, nil
}

// serve runs the simulator on a free port of the loopback address.
func (o *office) serve() (address string, stop func(), err error) {
	o.sim.AddAccount(account, "demo-key", token)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("start simulator: %w", err)
	}
	server := &http.Server{Handler: o.sim.Handler(), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	return listener.Addr().String(), func() { _ = server.Close(); <-done }, nil
}

// configure writes the configuration that an operator would write, and loads
// it.
func configure(dir, url, simulator string) (*config.Config, error) {
	tokenFile := filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte(token+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("write token: %w", err)
	}
	text := fmt.Sprintf(`source:
  name: chamber
  url: %s
constant_contact:
  api_url: http://%s/v3
  connections:
    - association: "1"
      access_token: {file: %s}
metrics: {listen: "off"}
console: {listen: "127.0.0.1:0"}
`, url, simulator, tokenFile)
	path := filepath.Join(dir, "rollcall.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	return config.Load(path)
}

// day does the first sync and plays the script.
func (o *office) day(ctx context.Context, p printer, of chamber.Summary, start time.Time) (Report, error) {
	r := Report{FirstSync: FirstSync{Reps: of.Reps.Len(), Groups: of.Groups.Len()}, OK: true}
	if err := o.settle(ctx, firstSyncPatience); err != nil {
		return r, fmt.Errorf("do the first sync: %w", err)
	}
	f := &r.FirstSync
	f.Seconds = o.now().Sub(start).Seconds()
	f.Lists, f.Contacts, f.Calls = len(o.sim.ListNames(o.account)), len(o.sim.Contacts(o.account)), len(o.sim.Requests())
	if err := o.compare(ctx, f); err != nil {
		return r, err
	}
	r.OK = f.Missing == 0 && f.Wrong == 0
	p.firstSync(*f)
	for _, s := range o.script() {
		outcome, err := o.play(ctx, s)
		if err != nil {
			return r, err
		}
		r.Outcomes = append(r.Outcomes, outcome)
		r.OK = r.OK && outcome.OK
		p.outcome(outcome)
	}
	violations := o.sim.Violations()
	for _, v := range violations {
		p.line("the simulator's referee saw: %s (%s)", v.Rule, v.Detail)
	}
	r.Violations = len(violations)
	r.OK = r.OK && r.Violations == 0
	p.table(r)
	return r, nil
}

// compare holds Constant Contact's lists against a plain SQL statement over the
// member tables, which knows nothing of the planner.
func (o *office) compare(ctx context.Context, f *FirstSync) error {
	expected, err := chamber.Expected(ctx, o.member)
	if err != nil {
		return err
	}
	lists := map[string]map[string]bool{}
	for _, e := range expected {
		if lists[e.List] == nil {
			lists[e.List] = map[string]bool{}
			for _, address := range o.sim.ListAddresses(o.account, e.List) {
				lists[e.List][address] = true
			}
		}
		switch {
		case e.On && !lists[e.List][e.Address]:
			f.Missing++
		case !e.On && lists[e.List][e.Address]:
			f.Wrong++
		}
	}
	return nil
}
