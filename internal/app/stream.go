package app

import (
	"context"
	"fmt"

	"rollcall/cdc"
	"rollcall/internal/failpoint"
	"rollcall/internal/metrics"
	"rollcall/internal/store"
)

// checkCapture says what keeps the member database from being followed.
func (a *App) checkCapture(ctx context.Context) error {
	if byTriggers(a.cfg) {
		_, err := a.checkLog(ctx)
		return err
	}
	conn, err := a.member.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to source.url: %w", err)
	}
	defer conn.Release()
	if err := cdc.Check(ctx, conn.Conn(), a.cfg.Source.Slot, a.cfg.Source.Publication); err != nil {
		return fmt.Errorf("prepare stream of source %s: %w", a.cfg.Source.Name, err)
	}
	return nil
}

// prepareStream finds or makes the slot and sees to it that everything is
// touched where the stream alone does not say all.
func (a *App) prepareStream(ctx context.Context, state *store.Store) error {
	conn, err := a.member.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to source.url: %w", err)
	}
	slot, err := cdc.Prepare(ctx, conn.Conn(), a.cfg.Source.Slot, a.cfg.Source.Publication)
	conn.Release()
	if err != nil {
		return fmt.Errorf("prepare stream of source %s: %w", a.cfg.Source.Name, err)
	}
	if slot.Created {
		failpoint.Hit(failpoint.SlotMade)
	}
	durable, known, err := state.Position(ctx)
	if err != nil {
		return err
	}
	if err := state.FollowLog(ctx, 0); err != nil {
		return err
	}
	switch {
	case slot.Created && durable > 0:
		a.log.Warn("created the slot again: looking at everything, removals are held until all was compared", "slot", a.cfg.Source.Slot)
		err = state.RaiseAlarms(ctx, store.AlarmGap)
	case slot.Created:
		a.log.Info("created slot: looking at everything", "slot", a.cfg.Source.Slot)
	case !known || durable == 0:
		a.log.Info("no position is stored for the slot: looking at everything", "slot", a.cfg.Source.Slot)
	case durable > 0 && slot.Confirmed > durable:
		a.log.Warn("slot is ahead of the stored position (another consumer, or a restored state): looking at everything",
			"slot", a.cfg.Source.Slot, "confirmed_lsn", slot.Confirmed.String(), "durable_lsn", durable.String())
		err = state.RaiseAlarms(ctx, store.AlarmWentBack)
	case slot.Current < durable:
		a.log.Warn("the database has written less than was read from it (it went back in time): looking at everything",
			"slot", a.cfg.Source.Slot, "current_lsn", slot.Current.String(), "durable_lsn", durable.String())
		err = state.RaiseAlarms(ctx, store.AlarmWentBack)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	return a.lookAtEverything(ctx, state)
}

func (a *App) newReader(state *store.Store) (*cdc.Reader, error) {
	return cdc.NewReader(cdc.Config{
		Conn:        &a.member.Config().ConnConfig.Config,
		Slot:        a.cfg.Source.Slot,
		Publication: a.cfg.Source.Publication,
		Watches:     *a.watches.Load(),
		Store:       notifying{state, a.touched, a.watched.process},
		Snapshot:    a.source.CurrentSnapshot,
		Now:         a.now,
		Log:         a.log.With("component", "cdc"),
		SystemID:    a.identity.accepted.Load().SystemID,
		Timeline:    a.identity.accepted.Load().Timeline,
	})
}

// notifying wakes the widener after each stored batch.
type notifying struct {
	cdc.Store
	touched signal
	process *metrics.Process
}

// Save stores the batch; see cdc.Store.
func (n notifying) Save(ctx context.Context, b *cdc.Batch) error {
	failpoint.Hit(failpoint.KeysReceived)
	if err := n.Store.Save(ctx, b); err != nil {
		return err
	}
	failpoint.Hit(failpoint.KeysStored)
	n.process.Touched(b.Len())
	n.touched.set()
	return nil
}
