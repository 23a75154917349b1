package cli

import (
	"fmt"
	"time"

	"rollcall/internal/ccsim"
)

type simCommand struct {
	Listen  string        `help:"Address to listen on." default:"127.0.0.1:8089"`
	Account string        `help:"Name of the account." default:"demo"`
	APIKey  string        `help:"API key that the limits count on." default:"demo-key"`
	Token   string        `help:"Access token of the account; no secret." default:"demo-access-token"`
	Delay   time.Duration `help:"How long an activity takes." default:"1s"`
}

func (c *simCommand) Run(e *env) error {
	sim := ccsim.New(ccsim.Config{Now: time.Now, Delay: c.Delay})
	sim.AddAccount(c.Account, c.APIKey, c.Token)
	fmt.Fprintf(e.stdout, "simulator of Constant Contact: api_url http://%s/v3, controls below http://%s/_sim/\n", c.Listen, c.Listen)
	return sim.Serve(e.ctx, c.Listen)
}
