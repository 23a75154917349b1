package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rollcall/cdc"
	"rollcall/internal/budget"
	"rollcall/internal/console"
	"rollcall/internal/tally"
	"rollcall/mapper"
)

// Health reads how the system is; see console.Office.
func (o *office) Health(ctx context.Context, association string) (console.Health, error) {
	v, err := o.View(association)
	if err != nil {
		return console.Health{}, err
	}
	facts, err := v.Store.Freshness(ctx)
	if err != nil {
		return console.Health{}, err
	}
	backlog, err := v.Store.Backlog(ctx)
	if err != nil {
		return console.Health{}, err
	}
	h := console.Health{
		Triggers: byTriggers(o.cfg), Slot: o.cfg.Source.Slot, SafeBytes: -1, DurableAt: backlog.DurableAt,
		Touched: backlog.Touched, TouchedSince: backlog.TouchedSince, Queued: backlog.Due, QueuedSince: backlog.DueSince, Open: backlog.Open,
		Questions: facts.Questions, PulledAt: facts.PulledAt, ReadAt: facts.ReadAt, FullPassAt: facts.FullPassAt, Alarms: facts.Alarms,
	}
	capture := o.slot
	if h.Triggers {
		capture = o.changeLog
	}
	if err := capture(ctx, &h); err != nil {
		return h, err
	}
	return h, o.calls(ctx, v, &h)
}

const (
	// sampleEvery is how often it is written down how things are.
	sampleEvery = 5 * time.Minute
	// sampleKept is how long that is kept.
	sampleKept = 14 * 24 * time.Hour
)

// sample writes down how an association is, for the charts, when that is due.
func (o *office) sample(ctx context.Context, v *View) error {
	last, err := v.Store.LastSample(ctx)
	if err != nil || o.now().Sub(last) < sampleEvery {
		return err
	}
	h, err := o.Health(ctx, v.ID)
	if err != nil {
		return err
	}
	values := map[string]float64{
		console.SampleCalls: float64(h.Calls), console.SampleWAL: float64(h.RetainedBytes), console.SampleQueue: float64(h.Queued), console.SampleLatency: 0,
	}
	if h.QueuedSince != nil {
		values[console.SampleLatency] = max(o.now().Sub(*h.QueuedSince).Seconds(), 0)
	}
	counts, err := v.Store.StandingCounts(ctx, mapper.AllActiveKey)
	if err != nil {
		return err
	}
	for _, c := range counts {
		if c.What == tally.OnList {
			values[console.SampleOnLists] = float64(c.N)
		}
	}
	return v.Store.SaveSamples(ctx, values, sampleKept)
}

// Samples reads how something was; see console.Office.
func (o *office) Samples(ctx context.Context, association, what string, since time.Time) ([]console.Point, error) {
	v, err := o.View(association)
	if err != nil {
		return nil, err
	}
	samples, err := v.Store.Samples(ctx, what, since)
	points := make([]console.Point, len(samples))
	for i, s := range samples {
		points[i] = console.Point(s)
	}
	return points, err
}

func (o *office) slot(ctx context.Context, h *console.Health) error {
	conn, err := o.member.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to source.url: %w", err)
	}
	defer conn.Release()
	slot, err := cdc.ReadSlot(ctx, conn.Conn(), o.cfg.Source.Slot)
	if err != nil {
		return err
	}
	switch {
	case !slot.Exists:
		h.SlotProblem = "The replication slot is gone."
	case !slot.Here || slot.Plugin != "pgoutput":
		h.SlotProblem = "A replication slot of that name belongs to something else."
	case slot.WALStatus == "lost":
		h.SlotProblem = "The server has dropped what the replication slot needs."
	}
	h.SlotActive, h.WALStatus, h.SafeBytes = slot.Active, slot.WALStatus, slot.SafeWALBytes
	if slot.Exists && slot.WALStatus != "lost" {
		h.RetainedBytes = slot.RetainedBytes()
	}
	return nil
}

func (o *office) changeLog(ctx context.Context, h *console.Health) error {
	conn, err := o.member.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to source.url: %w", err)
	}
	defer conn.Release()
	log, err := cdc.ReadChangeLog(ctx, conn.Conn())
	if err != nil {
		return err
	}
	if log.ID == 0 {
		h.SlotProblem = "The log of changes is gone: the table " + cdc.LogTable + "."
	}
	h.LogBytes = log.Bytes
	if !log.Oldest.IsZero() {
		h.LogSince = &log.Oldest
	}
	h.SlotActive, err = leased(ctx, o.Store, sourceLease(o.cfg), o.now())
	return err
}

// calls reads the day of the association's API key.
func (o *office) calls(ctx context.Context, v *View, h *console.Health) error {
	now := o.now()
	h.APIKey = v.connection().APIKey
	record, err := v.budgets.ReadDay(ctx, keyID(o.cfg, h.APIKey), budget.StartOfDay(now))
	if err != nil {
		return err
	}
	limits := limits(o.cfg.Pace)
	h.Limit, h.Reserve = limits.Daily, limits.Reserve
	me := budget.Member{Source: o.cfg.Source.Name, Association: v.ID}
	h.Calls, h.OwnCalls = record.Taken, record.Counts[me].Calls
	day := budget.NewDay(limits, members(o.cfg, h.APIKey), record, now)
	if spent, ok := errors.AsType[*budget.SpentError](day.Check(me, budget.Ordinary, now)); ok {
		h.ClosedUntil = &spent.Until
	}
	return nil
}

// options reads what an association chose.
func (o *office) options(ctx context.Context, association string) (mapper.Options, error) {
	snap, err := o.source.Snapshot(ctx)
	if err != nil {
		return mapper.Options{}, err
	}
	defer snap.Close(ctx)
	return snap.Options(ctx, association)
}
