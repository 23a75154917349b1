package cli

import (
	"errors"
	"time"

	"rollcall/internal/app"
	"rollcall/internal/config"
)

type runCommand struct {
	Config string `help:"Configuration file." default:"/etc/rollcall/rollcall.yaml" type:"path" short:"c"`
}

func (c *runCommand) Run(e *env) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	for {
		err := c.once(e, cfg)
		if !errors.Is(err, app.ErrAgain) {
			return err
		}
	}
}

// once runs until somebody stops it, or another server takes over.
func (c *runCommand) once(e *env, cfg *config.Config) error {
	a, err := app.New(e.ctx, cfg, logger(e.stderr, cfg.Log), time.Now)
	if err != nil {
		return err
	}
	defer a.Close()
	return a.Run(e.ctx)
}
