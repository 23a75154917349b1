package cli

import (
	"fmt"
	"io"

	"rollcall/internal/app"
	"rollcall/internal/config"
	"rollcall/internal/report"
	"rollcall/internal/store"
)

type adoptCommand struct {
	Config   string `help:"Configuration file." default:"/etc/rollcall/rollcall.yaml" type:"path" short:"c"`
	Failover bool   `help:"A stand-by took over, or the database has moved: nothing of it is older than what was known." xor:"as" required:""`
	Restored bool   `help:"It is a backup, or a disk that was set back." xor:"as" required:""`
	Yes      bool   `help:"Do not ask." short:"y"`
	JSON     bool   `help:"Print JSON; what is asked and said meanwhile goes to standard error. Needs --yes."`
}

type adopted struct {
	As store.AdoptedAs `json:"as"`
	By string          `json:"by"`
}

// Run takes the database that answers for the right one.
func (c *adoptCommand) Run(e *env) error {
	if c.JSON && !c.Yes {
		return &usageError{"adopt asks, and --json leaves nobody to answer", "--yes"}
	}
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	d, err := app.OpenAdopting(e.ctx, cfg, logger(e.stderr, quiet(cfg.Log)), e.Now)
	if err != nil {
		return err
	}
	defer d.Close()
	as := store.AdoptedFailover
	if c.Restored {
		as = store.AdoptedRestored
	}
	out := e.stdout
	if c.JSON {
		out = e.stderr
	}
	c.describe(out, d)
	if !c.Yes {
		if err := confirm(e, "Is this the database that Constant Contact is to follow?", "adopt"); err != nil {
			return err
		}
	}
	if err := d.Adopt(e.ctx, as, e.who()); err != nil {
		return err
	}
	if c.JSON {
		return report.JSON(e.stdout, adopted{as, e.who()})
	}
	fmt.Fprintf(e.stdout, "Adopted as %s by %s. Now start rollcall run: it looks at everything anew.\n", as, e.who())
	return nil
}

// describe says what is going to happen.
func (c *adoptCommand) describe(out io.Writer, d *app.Adopting) {
	fmt.Fprintf(out, "on record:  system %s, timeline %d, database oid %d\n", d.Known.SystemID, d.Known.Timeline, d.Known.DatabaseOID)
	fmt.Fprintf(out, "answers:    system %s, timeline %d, database oid %d\n", d.Now.SystemID, d.Now.Timeline, d.Now.DatabaseOID)
	switch {
	case d.Known.Same(d.Now):
		fmt.Fprintln(out, "It is the database on record.")
	case d.Successor:
		fmt.Fprintln(out, "It is the same server on a later timeline, as after a failover.")
	case d.Known.SystemID == d.Now.SystemID && d.Known.DatabaseOID == d.Now.DatabaseOID:
		fmt.Fprintln(out, "It is a copy of the same server that does not come from the timeline on record.")
	default:
		fmt.Fprintln(out, "It is another database: a copy, a backup that was loaded, or a server that was made anew.")
	}
	if d.WentBack {
		fmt.Fprintln(out, "Changes that were read before are not in it.")
	}
	if c.Restored || d.WentBack {
		fmt.Fprintln(out, "Removals, and adding again whoever was taken off or had opted out, wait for an answer (rollcall approvals). Opt-outs are removed at once.")
	} else {
		fmt.Fprintln(out, "Removals wait until everything was compared once. Opt-outs are removed at once.")
	}
}
