package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall/internal/store"
)

// ownMetric is one that the collector works out itself.
type ownMetric struct {
	name, help string
	labels     []string
}

// own are the metrics of the slot, of the stream and of the collector.
var own = []ownMetric{
	{"slot_active", "1 while some process reads the slot.", nil},
	{"slot_retained_wal_bytes", "Write-ahead log that the member database keeps for the slot.", nil},
	{"slot_safe_wal_bytes", "Write-ahead log that can still be written until the slot is lost; absent without a limit.", nil},
	{"slot_wal_status", "The slot's wal_status; 1 for the present one, missing where there is no slot.", []string{"status"}},
	{"log_present", "1 while there is a log of changes, which triggers write; absent where a slot is read instead, like the other metrics of the log.", nil},
	{"log_oldest_row_seconds", "Age of the oldest row of the log of changes that is not moved yet; 0 when all are.", nil},
	{"log_bytes", "Size of the log of changes in the member database, with the room of rows that were moved.", nil},
	{"stream_open", "1 while this process reads the stream, 0 while it stands by or connects again.", nil},
	{"stream_connects_total", "Streams begun by this process.", nil},
	{"stream_transactions_total", "Committed transactions of the member database that were stored, once more for each replay.", nil},
	{"changes_total", "Changed rows of published tables that came over the stream, once more for each replay.", nil},
	{"stream_batches_total", "Batches of the stream that were stored.", nil},
	{"stream_refused_requests_total", "Logical messages with our prefix that ask for nothing that there is.", nil},
	{"lease_held", "1 while this process has the lease.", []string{"lease"}},
	{"poll_timestamp_seconds", "When the state database last answered a group of questions.", []string{"group"}},
	{"poll_duration_seconds", "How long the last answer to a group of questions took.", []string{"group"}},
	{"poll_failed", "1 when the last round got no answer to a group of questions.", []string{"group"}},
}

// walStatuses are those of pg_replication_slots, and missing.
var walStatuses = []string{"reserved", "extended", "unreserved", "lost", "missing"}

// Describe sends what there can be.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect shows what the last round found.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	set := func(kind prometheus.ValueType, name string, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(c.descs[name], kind, value, labels...)
	}
	by := map[string][]store.Measure{}
	for group, a := range c.found {
		set(prometheus.GaugeValue, "poll_failed", number(a.failed), group)
		if a.at.IsZero() {
			continue
		}
		set(prometheus.GaugeValue, "poll_timestamp_seconds", float64(a.at.UnixMilli())/1000, group)
		set(prometheus.GaugeValue, "poll_duration_seconds", a.took.Seconds(), group)
		if !c.fresh(group, a.at, now) {
			continue
		}
		for _, m := range a.measures {
			by[m.Metric] = append(by[m.Metric], m)
		}
	}
	slotKnown := c.fresh("", c.slotAt, now)
	c.keys(by)
	c.positions(by, slotKnown)
	answered := c.fresh(store.MeasureQueue, c.found[store.MeasureQueue].at, now)
	for _, g := range gauges {
		if !answered && len(by[g.name]) == 0 {
			continue
		}
		for _, s := range c.bound.samples(g, by[g.name]) {
			set(prometheus.GaugeValue, g.name, s.value, s.labels...)
		}
	}
	switch {
	case slotKnown && c.cfg.ChangeLog != nil:
		c.collectLog(set, now)
	case slotKnown:
		c.collectSlot(set)
	}
	c.collectStream(set)
	for _, k := range c.cfg.Keys {
		set(prometheus.GaugeValue, "lease_held", number(k.Held()), leasePrefix+k.Name)
	}
}

// leasePrefix stands before the name of an API key as the label of its lease.
const leasePrefix = "api_key/"

// keys gives leases and budgets of API keys their configured names, works out
// what is left, and leaves out the keys of others.
func (c *Collector) keys(by map[string][]store.Measure) {
	named := map[string]Key{}
	for _, k := range c.cfg.Keys {
		named[k.Lease] = k
	}
	for _, metric := range []string{"lease_expiry_timestamp_seconds", "lease_takeovers"} {
		var kept []store.Measure
		for _, m := range by[metric] {
			k, ours := named[m.Labels[0]]
			switch {
			case ours:
				m.Labels = []string{leasePrefix + k.Name}
			case m.Labels[0] != c.cfg.SourceLease:
				continue
			}
			kept = append(kept, m)
		}
		by[metric] = kept
	}
	used := func(metric, lease string) float64 {
		for _, m := range by[metric] {
			if m.Labels[0] == lease {
				return m.Value
			}
		}
		return 0
	}
	for _, k := range c.cfg.Keys {
		put := func(metric, window string, calls float64) {
			by[metric] = append(by[metric], store.Measure{Labels: []string{k.Name, window}, Value: max(calls, 0)})
		}
		put("api_budget_calls", "second", k.PerSecond)
		put("api_budget_calls", "day", float64(k.Daily))
		put("api_budget_calls", "opt_out_reserve", float64(k.Reserve))
		if c.found[store.MeasureKeys].at.IsZero() {
			continue
		}
		left := float64(k.Daily) - used("api_calls_today", k.Lease)
		if used("api_day_closed", k.Lease) > 0 {
			left = 0
		}
		put("api_budget_remaining_calls", "day", left)
		put("api_budget_remaining_calls", "opt_out_reserve", min(left, float64(k.Reserve)-used("api_opt_out_calls_today", k.Lease)))
	}
}

// positions adds what this process has received, and how far each position is
// behind the server.
func (c *Collector) positions(by map[string][]store.Measure, slotKnown bool) {
	if received := c.cfg.Stream.received(); received > 0 {
		by["position_bytes"] = append(by["position_bytes"], store.Measure{Labels: []string{"received"}, Value: float64(received)})
	}
	if !slotKnown {
		return
	}
	for _, p := range by["position_bytes"] {
		lag := max(float64(c.slot.CurrentLSN)-p.Value, 0)
		by["position_lag_bytes"] = append(by["position_lag_bytes"], store.Measure{Labels: p.Labels, Value: lag})
	}
}

type setter func(kind prometheus.ValueType, name string, value float64, labels ...string)

func (c *Collector) collectSlot(set setter) {
	s := c.slot
	status := s.WALStatus
	if !s.Exists {
		status = "missing"
	}
	for _, known := range walStatuses {
		set(prometheus.GaugeValue, "slot_wal_status", number(known == status), known)
	}
	set(prometheus.GaugeValue, "slot_active", number(s.Active))
	if !s.Exists {
		return
	}
	if s.RestartLSN > 0 {
		set(prometheus.GaugeValue, "slot_retained_wal_bytes", float64(max(s.RetainedBytes(), 0)))
	}
	if s.SafeWALBytes >= 0 {
		set(prometheus.GaugeValue, "slot_safe_wal_bytes", float64(s.SafeWALBytes))
	}
}

func (c *Collector) collectLog(set setter, now time.Time) {
	set(prometheus.GaugeValue, "log_present", number(c.log.ID != 0))
	if c.log.ID == 0 {
		return
	}
	age := 0.0
	if !c.log.Oldest.IsZero() {
		age = max(now.Sub(c.log.Oldest).Seconds(), 0)
	}
	set(prometheus.GaugeValue, "log_oldest_row_seconds", age)
	set(prometheus.GaugeValue, "log_bytes", float64(c.log.Bytes))
}

func (c *Collector) collectStream(set setter) {
	s := c.cfg.Stream.now()
	set(prometheus.GaugeValue, "stream_open", number(s.open))
	for name, n := range map[string]int64{
		"stream_connects_total": s.connects, "stream_transactions_total": s.transactions, "changes_total": s.changes,
		"stream_batches_total": s.batches, "stream_refused_requests_total": s.refused,
	} {
		set(prometheus.CounterValue, name, float64(n))
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
