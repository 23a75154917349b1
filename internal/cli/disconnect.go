package cli

import (
	"fmt"
	"time"

	"rollcall/internal/app"
	"rollcall/internal/config"
	"rollcall/internal/report"
)

type disconnectCommand struct {
	Config      string        `help:"Configuration file." default:"/etc/rollcall/rollcall.yaml" type:"path" short:"c"`
	Association string        `help:"Association id." required:"" short:"a"`
	Wait        time.Duration `help:"How long to wait for a running program to give way." default:"30s"`
	JSON        bool          `help:"Print JSON."`
}

type disconnected struct {
	Association  string `json:"association"`
	WasConnected bool   `json:"was_connected"`
}

func (c *disconnectCommand) Run(e *env) error {
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
	found, err := connections.Disconnect(e.ctx, c.Association, e.who())
	if err != nil {
		return err
	}
	if c.JSON {
		return report.JSON(e.stdout, disconnected{c.Association, found})
	}
	if !found {
		fmt.Fprintf(e.stdout, "Association %s was not connected.\n", c.Association)
		return nil
	}
	fmt.Fprintf(e.stdout, "Association %s is disconnected: its tokens are deleted here, nothing is sent any more, and its lists stay as they are.\n"+
		"Constant Contact still lists the application in the account, below the connected applications: remove it there too.\n", c.Association)
	return nil
}
