package cli

import (
	"fmt"
	"time"

	"rollcall/internal/app"
	"rollcall/internal/config"
	"rollcall/internal/probe"
	"rollcall/internal/report"
)

type probeCommand struct {
	Config      string        `help:"Configuration file." default:"/etc/rollcall/rollcall.yaml" type:"path" short:"c"`
	Association string        `help:"Association id." required:"" short:"a"`
	Wait        time.Duration `help:"How long to wait for a running program to give way." default:"30s"`
	JSON        bool          `help:"Print JSON."`
}

func (c *probeCommand) Run(e *env) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	connections, err := app.OpenConnections(e.ctx, cfg, logger(e.stderr, quiet(cfg.Log)), e.Now)
	if err != nil {
		return err
	}
	defer connections.Close()
	connections.Patience = c.Wait
	if !c.JSON {
		fmt.Fprintf(e.stdout, "Probing the account of association %s: about 60 calls, one to five minutes. Nobody is mailed, and only what the probe makes is changed.\n\n", c.Association)
	}
	found, err := connections.Probe(e.ctx, c.Association)
	if found.List == "" {
		return err // nothing was done
	}
	if c.JSON {
		if writeErr := report.JSON(e.stdout, found); writeErr != nil {
			return writeErr
		}
		return err
	}
	c.print(e, found)
	return err
}

func (c *probeCommand) print(e *env, r probe.Report) {
	for _, p := range r.Positions {
		value := "not determined"
		if p.Determined {
			value = fmt.Sprint(p.Value)
			if p.Value == "" {
				value = "as documented"
			}
		}
		fmt.Fprintf(e.stdout, "%s: %s\n    asked: %s\n    seen:  %s\n", p.Switch, value, p.Asked, p.Seen)
	}
	if len(r.Left) == 0 {
		return
	}
	fmt.Fprintln(e.stdout, "\nLeft in Constant Contact:")
	for _, what := range r.Left {
		fmt.Fprintf(e.stdout, "    %s\n", what)
	}
}
