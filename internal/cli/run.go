package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"rollcall/internal/app"
	"rollcall/internal/config"
)

type runCommand struct {
	Config string   `help:"Configuration file." default:"/etc/rollcall/rollcall.yaml" type:"path" short:"c"`
	Roles  []string `help:"What this process does (${enum}); default all." enum:"reader,worker,console"`
}

func (c *runCommand) Run(e *env) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	level := &slog.LevelVar{}
	level.Set(cfg.Log.Level.Level())
	log := loggerAt(e.stderr, level, cfg.Log.Format)
	defer onHangup(e.ctx, func() { reload(c.Config, cfg, level, log) })()
	for {
		err := c.once(e, cfg, log)
		if !errors.Is(err, app.ErrAgain) {
			return err
		}
	}
}

// once runs until somebody stops it, or another server takes over.
func (c *runCommand) once(e *env, cfg *config.Config, log *slog.Logger) error {
	a, err := app.New(e.ctx, cfg, log, time.Now, c.roles()...)
	if err != nil {
		return err
	}
	defer a.Close()
	return a.Run(e.ctx)
}

func (c *runCommand) roles() []app.Role {
	roles := make([]app.Role, len(c.Roles))
	for i, name := range c.Roles {
		roles[i] = app.Role(name)
	}
	return roles
}

// onHangup does something at each SIGHUP until the context ends or stop is called.
func onHangup(ctx context.Context, do func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				do()
			}
		}
	}()
	return func() {
		signal.Stop(hangup)
		cancel()
		<-ended
	}
}

// reload reads the configuration again and takes the log level from it. Whatever
// else changed needs a restart, and is named. A file with problems changes
// nothing.
func reload(path string, running *config.Config, level *slog.LevelVar, log *slog.Logger) {
	next, err := config.Load(path)
	if err != nil {
		log.Error("configuration cannot be read again: going on with the present one", "err", err)
		return
	}
	level.Set(next.Log.Level.Level())
	changed := slices.DeleteFunc(config.Changed(running, next), func(field string) bool { return field == "log.level" })
	log.Warn("configuration was read again", "level", string(next.Log.Level), "needs_restart", changed)
}
