package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"rollcall/cdc"
	"rollcall/internal/deliver"
	"rollcall/internal/httpserver"
	"rollcall/internal/metrics"
	"rollcall/internal/store"
	"rollcall/internal/version"
	"rollcall/sink/constantcontact"
)

// watched is what whoever watches this process is shown.
type watched struct {
	registry  *prometheus.Registry
	process   *metrics.Process
	stream    *metrics.Stream
	collector *metrics.Collector
}

func newWatched() *watched {
	w := &watched{registry: prometheus.NewRegistry(), stream: &metrics.Stream{}}
	w.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	w.process = metrics.NewProcess(w.registry, version.Read())
	return w
}

// collect begins to show what the databases say.
func (a *App) collect() {
	limits := limits(a.cfg.Pace)
	var keys []metrics.Key
	for _, s := range a.keys {
		keys = append(keys, metrics.Key{
			Lease: s.key.id, Name: s.key.name, Daily: limits.Daily, Reserve: limits.Reserve,
			PerSecond: float64(time.Second) / float64(constantcontact.Spacing),
			Held:      func() bool { return s.key.term.Load() != nil },
		})
	}
	var ids []string
	for _, c := range a.cfg.ConstantContact.Connections {
		ids = append(ids, c.Association)
	}
	cfg := metrics.Config{
		State: a.store, Slot: a.readSlot, Stream: a.watched.stream, Associations: ids, Keys: keys, SourceLease: sourceLease(a.cfg),
		Every: a.cfg.Metrics.Every, Now: a.now, Log: a.log.With("component", "metrics"),
	}
	if byTriggers(a.cfg) {
		cfg.Slot, cfg.ChangeLog = nil, a.readLog
	}
	a.watched.collector = metrics.NewCollector(a.watched.registry, cfg)
}

func (a *App) readSlot(ctx context.Context) (cdc.Slot, error) {
	conn, err := a.member.Acquire(ctx)
	if err != nil {
		return cdc.Slot{}, err
	}
	defer conn.Release()
	return cdc.ReadSlot(ctx, conn.Conn(), a.cfg.Source.Slot)
}

// listen opens the address for metrics. Where the configuration names none, the
// default one may be taken by another process on this host: that is told of and
// stops nobody.
func (a *App) listen() (net.Listener, error) {
	m := a.cfg.Metrics
	if m.Off() {
		return nil, nil
	}
	listener, err := net.Listen("tcp", m.Listen)
	switch {
	case err == nil:
		return listener, nil
	case m.Chosen():
		return nil, fmt.Errorf("listen for metrics: %w; give another address in metrics.listen, or off", err)
	}
	a.log.Warn("metrics are not served: give this process an address of its own in metrics.listen, or off", "address", m.Listen, "err", err)
	return nil, nil
}

// serveWatchers answers whoever watches this process.
func (a *App) serveWatchers(ctx context.Context, listener net.Listener) error {
	a.log.Info("serving metrics", "address", listener.Addr().String())
	s := &httpserver.Server{Gatherer: a.watched.registry, Ready: a.ready, Log: a.log.With("component", "metrics")}
	return s.Run(ctx, listener)
}

// ready says whether this process does its job. It asks nobody: it goes by what
// the collector heard last.
func (a *App) ready() httpserver.Report {
	r := httpserver.Report{Ready: true, Notes: []string{}}
	check := func(name string, ok bool, reason string) {
		r.Checks = append(r.Checks, httpserver.Check{Name: name, OK: ok, Reason: reason})
		r.Ready = r.Ready && ok
	}
	collector, now := a.watched.collector, a.now()
	recent := func(at time.Time) bool { return !at.IsZero() && now.Sub(at) <= 4*a.cfg.Metrics.Every }
	if at := collector.StateAt(); recent(at) {
		check("state_database", true, "it answers")
	} else {
		check("state_database", false, "it does not answer in time")
	}
	slot, at := collector.Slot()
	switch {
	case !recent(at):
		check("member_database", false, "it does not answer in time")
	default:
		check("member_database", true, "it answers")
	}
	if a.has(RoleReader) {
		ok, reason := a.readyStream(slot, recent(at), now)
		check("stream", ok, reason)
	}
	if a.has(RoleWorker) {
		a.readyKeys(check, now)
	}
	for _, m := range collector.Measures(store.MeasureAccounts, "connection_state") {
		if m.Labels[0] != "connected" {
			r.Notes = append(r.Notes, fmt.Sprintf("association %s: its account is not connected (%s)", m.Association, m.Labels[0]))
		}
	}
	for _, m := range collector.Measures(store.MeasureQuestions, "source_alarms") {
		r.Notes = append(r.Notes, fmt.Sprintf("association %s: removals are held (%s)", m.Association, m.Labels[0]))
	}
	return r
}

// readyStream says whether changes of the member database are noticed. heard says
// whether the collector has heard of slot or log lately.
func (a *App) readyStream(slot cdc.Slot, heard bool, now time.Time) (ok bool, reason string) {
	log, _ := a.watched.collector.ChangeLog()
	switch {
	case a.watched.stream.Open():
		return true, "this process reads it"
	case !heard:
		return false, "this process does not read it"
	case byTriggers(a.cfg) && log.ID == 0:
		return false, "there is no log of changes"
	case byTriggers(a.cfg) && a.leaseRuns(sourceLease(a.cfg), now):
		return true, "another process reads it: this one stands by"
	case byTriggers(a.cfg):
		return false, "nobody reads it"
	case !slot.Exists:
		return false, "there is no slot"
	case slot.WALStatus == "lost":
		return false, "the slot is lost: start again to have it made"
	case slot.Active:
		return true, "another process reads it: this one stands by"
	}
	return false, "nobody reads it"
}

// leaseRuns says whether a lease was somebody's when the collector heard last. The
// answer is up to a round old, and so may be the renewal.
func (a *App) leaseRuns(key string, now time.Time) bool {
	for _, m := range a.watched.collector.Measures(store.MeasureKeys, "lease_expiry_timestamp_seconds") {
		if m.Labels[0] == key {
			return time.UnixMilli(int64(m.Value * 1000)).After(now.Add(-2 * a.cfg.Metrics.Every))
		}
	}
	return false
}

// readyKeys says who has the API keys.
func (a *App) readyKeys(check func(name string, ok bool, reason string), now time.Time) {
	for _, s := range a.keys {
		name := "api_key/" + s.key.name
		switch {
		case s.key.term.Load() != nil:
			check(name, true, "this process has its lease")
		case a.leaseRuns(s.key.id, now):
			check(name, true, "another process has its lease: this one stands by")
		default:
			check(name, false, "nobody has its lease")
		}
	}
}

// counted is an account whose errors are counted.
type counted struct {
	deliver.Account
	process *metrics.Process
}

// Failed counts what is news; see deliver.Account.
func (c counted) Failed(ctx context.Context, err error) error {
	err = c.Account.Failed(ctx, err)
	if err != nil && !errors.Is(err, context.Canceled) {
		c.process.Failed(err)
	}
	return err
}
