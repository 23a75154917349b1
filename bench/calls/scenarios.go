package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"rollcall/internal/chamber"
)

const firstSync = "first_sync"

// scenario is one day's work.
type scenario struct {
	name          string
	linger        time.Duration // how long changes wait for each other; 0: as usual
	thresholdsOff bool
	play          func(ctx context.Context, w *world) error
}

// scenarios follow each other on one association.
var scenarios = []scenario{
	{name: firstSync, play: touchEverything},
	{name: "quiet_night", play: quietNight},
	{name: "one_change", play: changing(`update chamber.group_membership set disabled = false
		where (group_id, rep_id) in (select g.group_id, g.rep_id from chamber.group_membership g join rollcall.reps r on r.rep_id = g.rep_id
			where g.disabled and r.active and not r.opted_out and r.email ~ '^[a-z0-9.]+@[a-z0-9.]+$' order by g.group_id, g.rep_id limit 1)`)},
	// All are committed within a minute and go in one batch, as they do while the
	// day's calls are paced.
	{name: "scattered_1000", linger: time.Minute, thresholdsOff: true, play: scattered(1, 1000, time.Minute)},
	// Others, of which a batch takes what came while the one before was sent.
	{name: "scattered_1000_live", thresholdsOff: true, play: scattered(2, 1000, time.Minute)},
	{name: "email_change_300", play: changing(`update chamber.rep set email = 'new.' || rep_id || '@moved.example.org'
		where rep_id in (select rep_id from rollcall.reps where active and not opted_out and email ~ '^[a-z0-9.]+@[a-z0-9.]+$' order by md5(rep_id::text) limit 300)`)},
	{name: "disable_5000", thresholdsOff: true, play: changing(`with largest as (
			select group_id from chamber.group_membership where not disabled group by 1 order by count(*) desc, 1 limit 40),
		ranked as (
			select group_id, rep_id, row_number() over (partition by group_id order by md5(rep_id::text || group_id)) as n
			from chamber.group_membership join largest using (group_id) where not disabled)
		update chamber.group_membership set disabled = true
		where (group_id, rep_id) in (select group_id, rep_id from ranked order by n, group_id, rep_id limit 5000)`)},
}

// touchEverything is what the first start does.
func touchEverything(ctx context.Context, w *world) error {
	after, err := w.Source.NewTransactionID(ctx)
	if err == nil {
		err = w.store.TouchAll(ctx, after)
	}
	if err != nil {
		return err
	}
	return w.deliverAll(ctx, &arrivals{})
}

// quietNight is the nightly run when nothing changed. Whatever is due until then,
// such as the daily reading of the whole account, has been done.
func quietNight(ctx context.Context, w *world) error {
	if err := w.keepAll(ctx); err != nil {
		return err
	}
	agenda, err := w.Store.Agenda(ctx)
	if err != nil {
		return err
	}
	night, planned := agenda.Due["nightly"]
	if !planned {
		return errors.New("no nightly run is planned")
	}
	w.clock.advance(night.At.Sub(w.clock.now()) - time.Minute)
	if err := w.keepAll(ctx); err != nil {
		return err
	}
	w.sim.Reset()
	w.clock.advance(max(0, night.At.Sub(w.clock.now())))
	return w.keepAll(ctx)
}

// keepAll does what is due and delivers what follows, until nothing is left.
func (w *world) keepAll(ctx context.Context) error {
	for {
		worked, _, err := w.keeper.Turn(ctx)
		if err != nil {
			return err
		}
		if worked {
			continue
		}
		queued, err := w.Store.Queued(ctx)
		if err != nil || queued == 0 {
			return err
		}
		if err := w.deliverAll(ctx, &arrivals{}); err != nil {
			return err
		}
	}
}

// changing runs one statement and delivers what it changed.
func changing(statement string) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) error {
		tag, err := w.pool.Exec(ctx, statement)
		if err == nil && tag.RowsAffected() == 0 {
			err = errors.New("the statement changed nothing")
		}
		if err != nil {
			return err
		}
		return w.deliverAll(ctx, &arrivals{})
	}
}

// scattered does n statements of an office, evenly within some time.
func scattered(seed uint64, n int, within time.Duration) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) error {
		return w.deliverAll(ctx, &arrivals{
			statements: slices.Collect(chamber.Changes(seed, w.summary, n)), every: within / time.Duration(n), next: w.clock.now(),
		})
	}
}
