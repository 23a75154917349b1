package app

import (
	"context"
	"time"
	_ "time/tzdata" // nightly windows need the zones also where the machine has none

	"rollcall/internal/config"
	"rollcall/internal/deliver"
	"rollcall/internal/reconcile"
	"rollcall/mapper"
)

// keep prepares what is done for an association beside the stream of changes.
func (a *App) keep(w *deliver.Worker, d *deliver.Deliverer) *reconcile.Reconciler {
	r := &reconcile.Reconciler{
		ID: d.ID, Source: a.source, Store: d.Store, Applier: d.Applier, Deliverer: d,
		Settings: reconcile.Settings(a.cfg.Reconcile),
		Between:  a.between(w),
		Now:      a.now, Log: a.log.With("component", "reconcile"),
	}
	d.Applier.TypeIDs, d.Applier.Compare = r.TypeIDs, r.CompareLists
	return r
}

// betweenPause is how often a long reading lets the changes of the key's
// associations pass. Opt-outs are among them and wait for nothing.
const betweenPause = 2 * time.Second

// between delivers what became due while an account is being read.
func (a *App) between(w *deliver.Worker) func(context.Context) error {
	var last time.Time
	return func(ctx context.Context) error {
		if a.now().Sub(last) < betweenPause {
			return nil
		}
		w.Between(ctx)
		last = a.now()
		return nil
	}
}

func thresholds(t config.Thresholds) mapper.Thresholds {
	return mapper.Thresholds{Off: t.Off, Few: t.Few, Percent: t.Percent, Many: t.Many, Small: t.Small}
}
