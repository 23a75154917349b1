package app

import (
	"context"
	"fmt"

	"rollcall/cdc"
	"rollcall/internal/config"
	"rollcall/internal/reconcile"
	"rollcall/internal/store"
)

// capture is who notices changes of the member database.
type capture interface {
	Run(ctx context.Context) error
	Stats() *cdc.Stats
}

func byTriggers(cfg *config.Config) bool { return cfg.Source.Capture == config.CaptureTriggers }

// readLog reads the state of the log of changes.
func (a *App) readLog(ctx context.Context) (cdc.ChangeLog, error) {
	conn, err := a.member.Acquire(ctx)
	if err != nil {
		return cdc.ChangeLog{}, err
	}
	defer conn.Release()
	return cdc.ReadChangeLog(ctx, conn.Conn())
}

// checkLog says what keeps the log of changes from being followed.
func (a *App) checkLog(ctx context.Context) (cdc.ChangeLog, error) {
	conn, err := a.member.Acquire(ctx)
	if err != nil {
		return cdc.ChangeLog{}, fmt.Errorf("connect to source.url: %w", err)
	}
	defer conn.Release()
	log, err := cdc.PrepareLog(ctx, conn.Conn())
	if err != nil {
		return log, fmt.Errorf("prepare log of changes of source %s: %w", a.cfg.Source.Name, err)
	}
	return log, nil
}

// prepareLog sees to it that everything is touched where the log alone does not
// say all.
func (a *App) prepareLog(ctx context.Context, state *store.Store) error {
	log, err := a.checkLog(ctx)
	if err != nil {
		return err
	}
	durable, _, err := state.Position(ctx)
	if err != nil {
		return err
	}
	known, err := state.Log(ctx)
	if err != nil {
		return err
	}
	switch {
	case durable > log.CurrentLSN:
		a.log.Warn("the database has written less than was read from it (it went back in time): looking at everything",
			"current_lsn", log.CurrentLSN.String(), "durable_lsn", durable.String())
		err = state.RaiseAlarms(ctx, store.AlarmWentBack)
	case known != 0 && known != log.ID:
		a.log.Warn("the log of changes was made again: looking at everything, removals are held until all was compared")
		err = state.RaiseAlarms(ctx, store.AlarmGap)
	case known == 0 || durable == 0:
		a.log.Info("no position is stored for the log of changes: looking at everything")
	default:
		a.logID.Store(log.ID)
		return nil
	}
	if err == nil {
		err = a.lookAtEverything(ctx, state)
	}
	if err == nil {
		// Afterwards: whoever is stopped in between looks again.
		err = state.FollowLog(ctx, log.ID)
	}
	a.logID.Store(log.ID)
	return err
}

// lookAtEverything reads both systems again: whoever was changed in Constant
// Contact meanwhile may not be known either.
func (a *App) lookAtEverything(ctx context.Context, state *store.Store) error {
	if err := state.Hasten(ctx, reconcile.DueReconcile); err != nil {
		return err
	}
	return a.touchAll(ctx, state)
}

// newCapture is the reader of the stream, or the mover of the log of changes.
func (a *App) newCapture(state *store.Store) (capture, error) {
	if !byTriggers(a.cfg) {
		return a.newReader(state)
	}
	return cdc.NewMover(cdc.MoverConfig{
		DB: a.member, LogID: a.logID.Load(), Watches: *a.watches.Load(),
		Store: notifying{state, a.touched, a.watched.process},
		Now:   a.now, Log: a.log.With("component", "cdc"),
	})
}
