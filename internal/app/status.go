package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/internal/budget"
	"rollcall/internal/config"
	"rollcall/internal/credential"
	"rollcall/internal/lease"
	"rollcall/internal/report"
	"rollcall/internal/store"
)

// callsPerFlush is what sending a batch of changes costs: reads of lists and of
// people, the change, and a poll.
const callsPerFlush = 4

// Status reads how everything is. Associations are those with a connection, or
// the one that is given.
func (i *Inspector) Status(ctx context.Context, only string) (*report.Status, error) {
	s := &report.Status{Source: i.cfg.Source.Name, At: i.now(), Associations: []report.AssociationStatus{}, Keys: []report.KeyStatus{}}
	var err error
	if s.Stream, err = i.streamStatus(ctx); err != nil {
		return nil, err
	}
	var keys []string
	for _, c := range i.cfg.ConstantContact.Connections {
		if only != "" && c.Association != only {
			continue
		}
		v, err := i.View(c.Association)
		if err != nil {
			return nil, err
		}
		a, err := v.status(ctx)
		if err != nil {
			return nil, err
		}
		if c.AccessToken.IsSet() {
			a.Connection = credential.Connected // by the configuration
		}
		s.Associations = append(s.Associations, a)
		if !slices.Contains(keys, c.APIKey) {
			keys = append(keys, c.APIKey)
		}
	}
	for _, name := range keys {
		k, err := i.keyStatus(ctx, name)
		if err != nil {
			return nil, err
		}
		s.Keys = append(s.Keys, k)
	}
	s.Judge(i.cfg.Reconcile.Every)
	return s, nil
}

func (i *Inspector) streamStatus(ctx context.Context) (report.StreamStatus, error) {
	st := report.StreamStatus{Capture: string(i.cfg.Source.Capture), Slot: i.cfg.Source.Slot, SafeBytes: -1}
	known, err := i.Store.StreamStatus(ctx)
	if err != nil {
		return st, err
	}
	st.SavedAt, st.FullPassAt, st.Touched, st.TouchedSince = known.SavedAt, known.FullPassAt, known.Touched, known.TouchedSince
	if st.Foreign, err = i.Foreign(ctx); err != nil {
		return st, err
	}
	conn, err := i.member.Acquire(ctx)
	if err != nil {
		return st, fmt.Errorf("connect to source.url: %w", err)
	}
	defer conn.Release()
	if byTriggers(i.cfg) {
		return i.logStatus(ctx, conn.Conn(), st)
	}
	slot, err := cdc.ReadSlot(ctx, conn.Conn(), st.Slot)
	if err != nil {
		return st, err
	}
	switch {
	case !slot.Exists:
		st.SlotProblem = "there is no replication slot " + st.Slot
	case !slot.Here || slot.Plugin != "pgoutput":
		st.SlotProblem = "the replication slot " + st.Slot + " belongs to something else"
	case slot.WALStatus == "lost":
		st.SlotProblem = "the server has dropped what the replication slot " + st.Slot + " needs"
	default:
		st.Active, st.RetainedBytes, st.SafeBytes = slot.Active, slot.RetainedBytes(), slot.SafeWALBytes
	}
	return st, nil
}

// logStatus is how the log of changes is, where triggers write one. Whether
// somebody moves it, the source's lease says.
func (i *Inspector) logStatus(ctx context.Context, conn *pgx.Conn, st report.StreamStatus) (report.StreamStatus, error) {
	st.Slot = ""
	log, err := cdc.ReadChangeLog(ctx, conn)
	if err != nil {
		return st, err
	}
	if log.ID == 0 {
		st.SlotProblem = noLogOfChanges
		return st, nil
	}
	st.LogBytes = log.Bytes
	if !log.Oldest.IsZero() {
		st.LogSince = &log.Oldest
	}
	st.Active, err = leased(ctx, i.Store, sourceLease(i.cfg), i.now())
	return st, err
}

const noLogOfChanges = "there is no log of changes, the table " + cdc.LogTable

func sourceLease(cfg *config.Config) string { return "source/" + cfg.Source.Name }

// leased says whether a process has a lease.
func leased(ctx context.Context, s *store.Store, key string, now time.Time) (bool, error) {
	holder, until, err := s.Holder(ctx, key)
	return holder != "" && until.Add(lease.TTL).After(now), err
}

func (i *Inspector) keyStatus(ctx context.Context, name string) (report.KeyStatus, error) {
	now := i.now()
	sharing := members(i.cfg, name)
	k := report.KeyStatus{Name: name, Associations: len(sharing)}
	id := keyID(i.cfg, name)
	holder, until, err := i.Store.Holder(ctx, id)
	if err != nil {
		return k, err
	}
	// Clocks differ; a lease that ended long ago is nobody's.
	if k.Held = holder != "" && until.Add(lease.TTL).After(now); k.Held {
		k.Holder = holder
	}
	record, err := store.NewBudgets(i.state).ReadDay(ctx, id, budget.StartOfDay(now))
	if err != nil {
		return k, err
	}
	limits := limits(i.cfg.Pace)
	day := budget.NewDay(limits, sharing, record, now)
	k.Used, k.Daily, k.Reserve = day.Used(), limits.Daily, limits.Reserve
	if record.ClosedUntil.After(now) {
		k.ClosedUntil = &record.ClosedUntil
	}
	if len(sharing) > 0 {
		var longest time.Duration
		for _, m := range sharing {
			longest = max(longest, day.Linger(m, callsPerFlush, i.cfg.Pace.Linger, now))
		}
		k.LingerSeconds = longest.Seconds()
	}
	return k, nil
}

// status reads how the association is.
func (v *View) status(ctx context.Context) (report.AssociationStatus, error) {
	connection, _, err := v.Store.Connection(ctx)
	if err != nil {
		return report.AssociationStatus{}, err
	}
	facts, err := v.Store.Status(ctx)
	if err != nil {
		return report.AssociationStatus{}, err
	}
	a := report.AssociationStatus{
		ID: v.ID, Connection: connection.State, Account: connection.AccountName, Detail: connection.Detail,
		Due: facts.Due, DueSince: facts.DueSince, Later: facts.Later, Open: facts.Open, OpenSince: facts.OpenSince,
		Questions: facts.Questions, QuestionsSince: facts.QuestionsSince, Alarms: facts.Alarms, ReconciledAt: facts.PulledAt, NightlyAt: facts.NightlyAt,
		Problems: []report.ProblemStatus{},
	}
	for _, p := range facts.Problems {
		a.Problems = append(a.Problems, report.ProblemStatus{Reason: p.Reason, N: p.N})
	}
	runs, err := v.Store.Runs(ctx, 1)
	if err != nil || len(runs) == 0 {
		return a, err
	}
	counts, err := v.Store.RunReport(ctx, runs[0].ID)
	if err != nil {
		return a, err
	}
	a.LastRun = report.NewRun(v.ID, runs[0], counts, v.now())
	return a, nil
}
