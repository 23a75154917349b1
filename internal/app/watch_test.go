package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/config"
	"rollcall/internal/metrics"
	"rollcall/internal/store"
)

// answers is a metrics.State.
type answers struct {
	measures []store.Measure // of every group
	err      error
}

func (a *answers) Measure(context.Context, string) ([]store.Measure, error) { return a.measures, a.err }

// A process that stands by is ready, one that nobody's work is done by is not, and
// what another could do no better is a note.
func TestReady(t *testing.T) {
	const key = "api_key/0123"
	healthy := cdc.Slot{Exists: true, Active: true, WALStatus: "reserved"}
	held := store.Measure{Metric: "lease_expiry_timestamp_seconds", Labels: []string{key}, Value: float64(noon.Add(8 * time.Second).Unix())}
	ended := held
	ended.Value = float64(noon.Add(-time.Minute).Unix())
	reader, readerEnded := held, ended
	reader.Labels, readerEnded.Labels = []string{"source/chamber"}, []string{"source/chamber"}
	lost := store.Measure{Metric: "connection_state", Association: "7", Labels: []string{"needs_reconnecting"}, Value: 1}
	alarm := store.Measure{Metric: "source_alarms", Association: "7", Labels: []string{"shrank"}, Value: 1}
	for name, x := range map[string]struct {
		state     answers
		slot      cdc.Slot
		slotErr   error
		log       *cdc.ChangeLog // by triggers
		open      bool
		lease     bool
		later     time.Duration // after the last round
		unhealthy string        // the check that fails; empty: ready
		notes     int
	}{
		"does all":                  {slot: healthy, open: true, lease: true},
		"stands by":                 {state: answers{measures: []store.Measure{held}}, slot: healthy},
		"nobody reads":              {slot: cdc.Slot{Exists: true, WALStatus: "reserved"}, lease: true, unhealthy: "stream"},
		"slot is lost":              {slot: cdc.Slot{Exists: true, Active: true, WALStatus: "lost"}, lease: true, unhealthy: "stream"},
		"slot is gone":              {slot: cdc.Slot{}, lease: true, unhealthy: "stream"},
		"nobody sends":              {state: answers{measures: []store.Measure{ended}}, slot: healthy, open: true, unhealthy: key[:8] + "main"},
		"state is away":             {state: answers{err: errors.New("no answer")}, slot: healthy, open: true, lease: true, unhealthy: "state_database"},
		"members are away":          {slotErr: errors.New("no answer"), open: true, lease: true, unhealthy: "member_database"},
		"answers are old":           {slot: healthy, open: true, lease: true, later: 10 * time.Minute, unhealthy: "state_database"},
		"moves the log":             {log: &cdc.ChangeLog{ID: 4}, open: true, lease: true},
		"another moves the log":     {log: &cdc.ChangeLog{ID: 4}, state: answers{measures: []store.Measure{reader}}, lease: true},
		"nobody moves the log":      {log: &cdc.ChangeLog{ID: 4}, state: answers{measures: []store.Measure{readerEnded}}, lease: true, unhealthy: "stream"},
		"the log is gone":           {log: &cdc.ChangeLog{}, state: answers{measures: []store.Measure{reader}}, lease: true, unhealthy: "stream"},
		"a person has to reconnect": {state: answers{measures: []store.Measure{lost, alarm}}, slot: healthy, open: true, lease: true, notes: 2},
	} {
		t.Run(name, func(t *testing.T) {
			now := noon
			a := &App{
				cfg: &config.Config{Source: config.Source{Name: "chamber"}, Metrics: config.Metrics{Every: 15 * time.Second}}, now: func() time.Time { return now },
				watched: newWatched(), keys: []*served{{key: &apiKey{name: "main", id: key}}},
			}
			if x.lease {
				a.keys[0].key.term.Store(&term{})
			}
			stats := &cdc.Stats{}
			stats.Streaming.Store(x.open)
			a.watched.stream.Follow(stats)
			cfg := metrics.Config{
				State: &x.state, Slot: func(context.Context) (cdc.Slot, error) { return x.slot, x.slotErr }, Stream: a.watched.stream,
				SourceLease: sourceLease(a.cfg), Every: a.cfg.Metrics.Every, Now: a.now, Log: slog.New(slog.DiscardHandler),
			}
			if x.log != nil {
				a.cfg.Source.Capture = config.CaptureTriggers
				cfg.ChangeLog = func(context.Context) (cdc.ChangeLog, error) { return *x.log, nil }
			}
			a.watched.collector = metrics.NewCollector(a.watched.registry, cfg)
			a.watched.collector.Round(t.Context())
			now = now.Add(x.later)
			r := a.ready()
			failed := ""
			for _, c := range r.Checks {
				if !c.OK && failed == "" {
					failed = c.Name
				}
				if c.Reason == "" {
					t.Errorf("%s says no reason", c.Name)
				}
			}
			if failed != x.unhealthy || r.Ready != (x.unhealthy == "") || len(r.Notes) != x.notes {
				t.Errorf("got %+v", r)
			}
		})
	}
}

// An address that somebody chose has to be had; the default one is told of.
func TestListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if other, err := net.Listen("tcp", config.DefaultListen); err == nil {
		defer other.Close() // else somebody has it, which is what the test is about
	}
	var log bytes.Buffer
	for address, ok := range map[string]bool{taken.Addr().String(): false, config.DefaultListen: true, "off": true} {
		a := &App{cfg: &config.Config{Metrics: config.Metrics{Listen: address}}, log: slog.New(slog.NewTextHandler(&log, nil))}
		listener, err := a.listen()
		if listener != nil || (err == nil) != ok {
			t.Errorf("%s: %v, %v", address, listener, err)
		}
	}
	if n := strings.Count(log.String(), "metrics are not served"); n != 1 {
		t.Errorf("told %d times", n)
	}
}
