package cli

import (
	"log/slog"
	"time"

	"rollcall/internal/config"
	"rollcall/internal/demo"
)

type demoCommand struct {
	JSON    bool `help:"Print the report as JSON."`
	Keep    bool `help:"Leave everything running afterwards, with the console, until it is interrupted."`
	Verbose bool `help:"Show Rollcall's own log too." short:"v"`
}

func (c *demoCommand) Run(e *env) error {
	log := slog.New(slog.DiscardHandler)
	if c.Verbose {
		log = logger(e.stderr, config.Log{Level: "info"})
	}
	return demo.Run(e.ctx, demo.Options{Out: e.stdout, JSON: c.JSON, Keep: c.Keep, Log: log, Now: time.Now})
}
