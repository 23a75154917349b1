package cli

import (
	"fmt"
	"time"

	"rollcall/internal/ccsim"
)

type simCommand struct {
	Listen      string        `help:"Address to listen on." default:"127.0.0.1:8089"`
	Account     string        `help:"Name of the account." default:"demo"`
	APIKey      string        `help:"API key that the limits count on." default:"demo-key"`
	Secret      string        `help:"Client secret of that key; no secret. Empty: PKCE only." default:"demo-secret"`
	RedirectURI []string      `help:"Redirect URI that is registered for the key." default:"http://127.0.0.1:8089/callback" name:"redirect-uri"`
	LongLived   bool          `help:"Refresh tokens stay the same; else each refresh makes a new one." name:"long-lived"`
	Token       string        `help:"Access token of the account that does not expire; no secret." default:"demo-access-token"`
	Delay       time.Duration `help:"How long an activity takes." default:"1s"`
}

func (c *simCommand) Run(e *env) error {
	sim := ccsim.New(ccsim.Config{Now: time.Now, Delay: c.Delay})
	sim.AddAccount(c.Account, c.APIKey, c.Token)
	if err := sim.SetApp(ccsim.App{Key: c.APIKey, Secret: c.Secret, RedirectURIs: c.RedirectURI, LongLived: c.LongLived}); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "simulator of Constant Contact: api_url http://%[1]s/v3, authorisation http://%[1]s/oauth2/default/v1, controls below http://%[1]s/_sim/\n", c.Listen)
	return sim.Serve(e.ctx, c.Listen)
}
