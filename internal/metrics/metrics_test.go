package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"rollcall/cdc"
	"rollcall/internal/store"
	"rollcall/internal/version"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

var noon = time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)

// said is a State that says what it is told to.
type said struct {
	measures map[string][]store.Measure // by group
	failing  map[string]bool
	blocks   bool
	asked    map[string]int
}

func (s *said) Measure(ctx context.Context, group string) ([]store.Measure, error) {
	if s.asked == nil {
		s.asked = map[string]int{}
	}
	s.asked[group]++
	if s.blocks {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if s.failing[group] {
		return nil, errors.New("no answer")
	}
	return s.measures[group], nil
}

// world is a registry with everything on it.
type world struct {
	registry  *prometheus.Registry
	process   *Process
	collector *Collector
	stream    *Stream
	state     *said
	slot      cdc.Slot
	changeLog cdc.ChangeLog
	slotErr   error
	log       *strings.Builder
	now       time.Time
}

func newWorld(associations ...string) *world {
	w := &world{
		registry: prometheus.NewRegistry(), stream: &Stream{}, state: &said{measures: map[string][]store.Measure{}, failing: map[string]bool{}},
		slot: cdc.Slot{Exists: true, Active: true, RestartLSN: 100, CurrentLSN: 1100, WALStatus: "reserved", SafeWALBytes: 5000},
		now:  noon, log: &strings.Builder{},
	}
	w.process = NewProcess(w.registry, version.Info{Version: "1.2.3", Revision: "abc", Go: "go1.26"})
	w.collector = NewCollector(w.registry, Config{
		State: w.state, Slot: func(context.Context) (cdc.Slot, error) { return w.slot, w.slotErr }, Stream: w.stream, Associations: associations, SourceLease: "source/chamber",
		Keys:  []Key{{Lease: "api_key/0123", Name: "main", Daily: 10_000, Reserve: 1000, PerSecond: 3.7, Held: func() bool { return true }}},
		Every: 15 * time.Second, Now: func() time.Time { return w.now }, Log: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	return w
}

// fill gives every metric a value.
func (w *world) fill(t *testing.T) {
	t.Helper()
	for _, g := range gauges {
		if g.name == "position_lag_bytes" || strings.HasPrefix(g.name, "api_budget") {
			continue // worked out
		}
		labels := make([]string, len(g.labels))
		for i := range labels {
			labels[i] = "x"
		}
		switch {
		case strings.HasPrefix(g.name, "lease_"):
			labels[0] = "api_key/0123"
		case g.name == "position_bytes":
			labels[0] = "durable"
		}
		w.state.measures[store.MeasureQueue] = append(w.state.measures[store.MeasureQueue], store.Measure{Metric: g.name, Association: "1", Labels: labels, Value: 7})
	}
	stats := &cdc.Stats{}
	stats.Received.Store(900)
	stats.Streaming.Store(true)
	w.stream.Follow(stats)
	w.process.Request(constantcontact.Call{Operation: "read_contacts", Endpoint: "GET /contacts", Status: 200, Duration: time.Second})
	w.process.Touched(3)
	w.process.ReadAge(2 * time.Second)
	w.process.Failed(errors.New("a defect"))
	committed := noon.Add(-20 * time.Second)
	w.process.Told(sink.CallImport, map[string]int{"add": 2})
	w.process.Ended(noon, sink.CallImport, "completed", []store.EndedOps{{Op: "add", Outcome: store.OutcomeConfirmed, CommittedAt: &committed, Ops: 2}})
	w.process.RunEnded(store.RunNightly, store.RunDone)
	w.collector.Round(t.Context())
}

// All names and helps are as Prometheus wants them.
func TestMetricsAreWellNamed(t *testing.T) {
	w := newWorld("1")
	w.fill(t)
	problems, err := testutil.GatherAndLint(w.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	captured := newCaptured("1")
	captured.collector.Round(t.Context())
	more, err := captured.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, f := range append(families, more...) {
		have[f.GetName()] = true
	}
	for _, d := range Catalogue() {
		if !have[d.Name] {
			t.Errorf("%s has no value: it was not looked at", d.Name)
		}
	}
}

func (w *world) want(t *testing.T, text string, names ...string) {
	t.Helper()
	if err := testutil.GatherAndCompare(w.registry, strings.NewReader(text), names...); err != nil {
		t.Error(err)
	}
}

func TestOperationsAndTheirLatency(t *testing.T) {
	w := newWorld("1")
	at := noon.Add(-20 * time.Second)
	w.process.Ended(noon, sink.CallImport, "completed", []store.EndedOps{
		{Op: "add", Outcome: store.OutcomeConfirmed, CommittedAt: &at, Ops: 3},
		{Op: "add", Outcome: store.OutcomeConfirmed, Ops: 5}, // of a run: no commit asked for them
		{Op: "add", Outcome: store.OutcomeRefused, CommittedAt: &at, Ops: 1},
	})
	w.process.Ended(noon, sink.CallRemove, "something that is new", nil)
	w.want(t, `
# HELP rollcall_activities_ended_total Calls on people that ended, by kind and by Constant Contact's word for the outcome.
# TYPE rollcall_activities_ended_total counter
rollcall_activities_ended_total{kind="import",outcome="completed"} 1
rollcall_activities_ended_total{kind="remove",outcome="other"} 1
`, "rollcall_activities_ended_total")
	w.want(t, `
# HELP rollcall_ops_total Operations on people that ended, by kind and outcome.
# TYPE rollcall_ops_total counter
rollcall_ops_total{kind="add",outcome="confirmed"} 8
rollcall_ops_total{kind="add",outcome="refused"} 1
rollcall_ops_total{kind="fields",outcome="confirmed"} 0
rollcall_ops_total{kind="move",outcome="confirmed"} 0
rollcall_ops_total{kind="remove",outcome="confirmed"} 0
`, "rollcall_ops_total")
	if text := w.scrape(t); !strings.Contains(text, "rollcall_commit_to_confirmed_seconds_sum 60\n") || !strings.Contains(text, "rollcall_commit_to_confirmed_seconds_count 3\n") {
		t.Error("three operations took 20 s each, and the others count for nothing")
	}
}

// scrape is what Prometheus reads.
func (w *world) scrape(t *testing.T) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	promhttp.HandlerFor(w.registry, promhttp.HandlerOpts{}).ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	return recorder.Body.String()
}

// However many associations and lists there are, the series stay few: sums, the
// oldest age and the earliest time stand for the others.
func TestLabelsAreBounded(t *testing.T) {
	var ids []string
	for i := range 5000 {
		ids = append(ids, fmt.Sprint(i))
	}
	w := newWorld(ids...)
	put := func(metric, id string, value float64, labels ...string) {
		w.state.measures[store.MeasureQueue] = append(w.state.measures[store.MeasureQueue], store.Measure{Metric: metric, Association: id, Labels: labels, Value: value})
	}
	for i, id := range ids {
		put("queue_addresses", id, 2, "ready")
		put("oldest_unplanned_seconds", id, float64(i))
		put("run_last_success_timestamp_seconds", id, float64(1_000_000-i), "nightly")
		put("list_people", id, 3, "group", "group:"+id)
	}
	w.collector.Round(t.Context())
	for metric, most := range map[string]int{
		"rollcall_queue_addresses": maxAssociations + 1, "rollcall_oldest_unplanned_seconds": maxAssociations + 1, "rollcall_list_people": maxAssociations + maxLists,
	} {
		n, err := testutil.GatherAndCount(w.registry, metric)
		if err != nil || n > most || n < 100 {
			t.Errorf("%s has %d series, %v; want at most %d", metric, n, err, most)
		}
	}
	for want, n := range map[string]float64{
		`rollcall_queue_addresses{association="other",state="ready"}`:                     2 * 4900,
		`rollcall_oldest_unplanned_seconds{association="other"}`:                          4999,
		`rollcall_run_last_success_timestamp_seconds{association="other",kind="nightly"}`: 1_000_000 - 4999,
		`rollcall_list_people{association="other",kind="group",list="other"}`:             3 * 4500,
		`rollcall_list_people{association="7",kind="group",list="group:7"}`:               3,
		`rollcall_api_budget_remaining_calls{api_key="main",window="opt_out_reserve"}`:    1000,
	} {
		if got := w.value(t, want); got != n {
			t.Errorf("%s is %v, want %v", want, got, n)
		}
	}
}

// value is one series of a scrape; -1: there is none.
func (w *world) value(t *testing.T, series string) float64 {
	t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			name := f.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			if name == series {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return -1
}

func TestBudget(t *testing.T) {
	w := newWorld("1")
	put := func(metric, lease string, value float64) {
		w.state.measures[store.MeasureKeys] = append(w.state.measures[store.MeasureKeys], store.Measure{Metric: metric, Labels: []string{lease}, Value: value})
	}
	put("api_calls_today", "api_key/0123", 9300)
	put("api_calls_today", "api_key/another", 1)
	put("api_opt_out_calls_today", "api_key/0123", 100)
	put("lease_takeovers", "api_key/0123", 4)
	put("lease_takeovers", "api_key/another", 9)
	put("lease_takeovers", "source/another", 9)
	put("lease_takeovers", "source/chamber", 2)
	w.collector.Round(t.Context())
	for series, want := range map[string]float64{
		`rollcall_api_budget_remaining_calls{api_key="main",window="day"}`:             700,
		`rollcall_api_budget_remaining_calls{api_key="main",window="opt_out_reserve"}`: 700, // of 900: no more are left in all
		`rollcall_api_budget_calls{api_key="main",window="day"}`:                       10_000,
		`rollcall_lease_takeovers{lease="api_key/main"}`:                               4,
		`rollcall_lease_takeovers{lease="source/chamber"}`:                             2,
		`rollcall_lease_held{lease="api_key/main"}`:                                    1,
	} {
		if got := w.value(t, series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	if n, err := testutil.GatherAndCount(w.registry, "rollcall_lease_takeovers"); n != 2 || err != nil {
		t.Errorf("%d leases, %v: another configuration's is not ours", n, err)
	}
	put("api_day_closed", "api_key/0123", 1)
	w.collector.Round(t.Context())
	if got := w.value(t, `rollcall_api_budget_remaining_calls{api_key="main",window="day"}`); got != 0 {
		t.Errorf("%v calls are left of a day that Constant Contact closed", got)
	}
}

func TestSlot(t *testing.T) {
	w := newWorld("1")
	w.collector.Round(t.Context())
	for series, want := range map[string]float64{
		"rollcall_slot_active": 1, "rollcall_slot_retained_wal_bytes": 1000, "rollcall_slot_safe_wal_bytes": 5000,
		`rollcall_slot_wal_status{status="reserved"}`: 1, `rollcall_slot_wal_status{status="lost"}`: 0,
	} {
		if got := w.value(t, series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	w.slot = cdc.Slot{Exists: true, WALStatus: "lost", SafeWALBytes: -1, CurrentLSN: 2000}
	w.collector.Round(t.Context())
	if lost, safe := w.value(t, `rollcall_slot_wal_status{status="lost"}`), w.value(t, "rollcall_slot_safe_wal_bytes"); lost != 1 || safe != -1 {
		t.Errorf("a lost slot without a limit: lost %v, safe %v", lost, safe)
	}
	w.slot = cdc.Slot{CurrentLSN: 2000}
	w.collector.Round(t.Context())
	if got := w.value(t, `rollcall_slot_wal_status{status="missing"}`); got != 1 {
		t.Errorf("a missing slot: %v", got)
	}
}

// newCaptured is a world in which triggers capture changes.
func newCaptured(associations ...string) *world {
	w := newWorld(associations...)
	w.registry = prometheus.NewRegistry()
	w.changeLog = cdc.ChangeLog{ID: 4, Oldest: noon.Add(-90 * time.Second), Bytes: 8192, CurrentLSN: 1100}
	w.collector = NewCollector(w.registry, Config{
		State: w.state, ChangeLog: func(context.Context) (cdc.ChangeLog, error) { return w.changeLog, nil }, Stream: w.stream, Associations: associations,
		SourceLease: "source/chamber", Every: 15 * time.Second, Now: func() time.Time { return w.now }, Log: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	return w
}

// Where triggers capture changes there is no slot to be told of.
func TestLogOfChanges(t *testing.T) {
	w := newCaptured("1")
	w.collector.Round(t.Context())
	for series, want := range map[string]float64{
		"rollcall_log_present": 1, "rollcall_log_oldest_row_seconds": 90, "rollcall_log_bytes": 8192, "rollcall_slot_active": -1,
		`rollcall_slot_wal_status{status="missing"}`: -1,
	} {
		if got := w.value(t, series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	w.changeLog = cdc.ChangeLog{ID: 4, Bytes: 8192}
	w.collector.Round(t.Context())
	if got := w.value(t, "rollcall_log_oldest_row_seconds"); got != 0 {
		t.Errorf("all is moved, and the oldest row is %v s old", got)
	}
	w.changeLog = cdc.ChangeLog{}
	w.collector.Round(t.Context())
	if present, bytes := w.value(t, "rollcall_log_present"), w.value(t, "rollcall_log_bytes"); present != 0 || bytes != -1 {
		t.Errorf("a log that is gone: present %v, bytes %v", present, bytes)
	}
}

// What nobody answers is not shown for long, and is told of once.
func TestOldAnswersAreNotShown(t *testing.T) {
	w := newWorld("1")
	w.state.measures[store.MeasureQueue] = []store.Measure{{Metric: "queue_addresses", Association: "1", Labels: []string{"ready"}, Value: 4}}
	const queued = `rollcall_queue_addresses{association="1",state="ready"}`
	w.collector.Round(t.Context())
	w.state.failing[store.MeasureQueue] = true
	for round := range 8 {
		w.now = w.now.Add(15 * time.Second)
		w.collector.Round(t.Context())
		want := 4.0
		if round >= stale {
			want = -1
		}
		if got := w.value(t, queued); got != want {
			t.Errorf("round %d: %v, want %v", round, got, want)
		}
		if w.value(t, `rollcall_poll_failed{group="metrics_queue"}`) != 1 {
			t.Errorf("round %d: the failure does not show", round)
		}
	}
	if n := strings.Count(w.log.String(), "metrics cannot be read"); n != 1 {
		t.Errorf("told %d times", n)
	}
	if w.value(t, "rollcall_oldest_touched_seconds") != -1 {
		t.Error("an age of 0 is shown that nobody knows")
	}
	w.state.failing[store.MeasureQueue] = false
	w.collector.Round(t.Context())
	if got := w.value(t, queued); got != 4 {
		t.Errorf("%v after an answer", got)
	}
}

// A database that does not answer holds up no scrape, and a round only so long.
func TestARoundIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("1")
		w.state.blocks = true
		w.slotErr = errors.New("no answer")
		start := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.collector.Round(t.Context())
		}()
		synctest.Wait()
		if _, err := w.registry.Gather(); err != nil {
			t.Error(err)
		}
		if time.Since(start) != 0 {
			t.Error("the scrape waited")
		}
		<-done
		if took := time.Since(start); took != time.Duration(len(groups))*15*time.Second {
			t.Errorf("the round took %s", took)
		}
	})
}

func TestTheLedgerIsReadRarely(t *testing.T) {
	w := newWorld("1")
	for range 2*rarely + 1 {
		w.collector.Round(t.Context())
	}
	if n := w.state.asked[store.MeasureLists]; n != 3 {
		t.Errorf("read %d times in %d rounds", n, 2*rarely+1)
	}
}

// A reader that takes another's place goes on counting.
func TestStreamGoesOnCounting(t *testing.T) {
	w := newWorld("1")
	for range 2 {
		stats := &cdc.Stats{}
		stats.Changes.Store(5)
		stats.Connects.Store(1)
		stats.Streaming.Store(true)
		w.stream.Follow(stats)
	}
	if got := w.value(t, "rollcall_changes_total"); got != 10 {
		t.Errorf("%v changes, want 10", got)
	}
	if w.value(t, "rollcall_stream_open") != 1 {
		t.Error("the stream is open")
	}
}
