package metrics

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall/cdc"
	"rollcall/internal/store"
)

// State is what the collector asks the state database.
type State interface {
	Measure(ctx context.Context, group string) ([]store.Measure, error)
}

// Key is an API key of the configuration.
type Key struct {
	Lease          string // the key of its lease and of its budget
	Name           string // in the configuration
	Daily, Reserve int    // calls of a day, and of these what is kept for opt-outs
	PerSecond      float64
	Held           func() bool // this process has the lease
}

// Config is what a collector needs.
type Config struct {
	State State
	// Slot reads the slot in the member database, or ChangeLog the log of changes
	// where triggers write one; the other one is nil.
	Slot         func(ctx context.Context) (cdc.Slot, error)
	ChangeLog    func(ctx context.Context) (cdc.ChangeLog, error)
	Stream       *Stream
	Associations []string // in the order of the configuration
	Keys         []Key
	// SourceLease is the key of the source's lease.
	SourceLease string
	// Every is the time between two rounds. A round asks each question for as
	// long at most.
	Every time.Duration
	Now   func() time.Time
	Log   *slog.Logger
}

// rarely is how many rounds pass between two looks at what is expensive.
const rarely = 20

// stale is after how many rounds without an answer a value is not shown any more.
const stale = 4

// groups are what a round asks the state database.
var groups = []string{
	store.MeasureQueue, store.MeasurePosition, store.MeasureActivities, store.MeasurePeople, store.MeasureQuestions, store.MeasureRuns,
	store.MeasureAccounts, store.MeasureKeys, store.MeasureLists,
}

// Collector shows what the databases say and where the stream is.
type Collector struct {
	cfg   Config
	bound bounder
	descs map[string]*prometheus.Desc

	mu     sync.Mutex
	rounds int
	found  map[string]answer // by group
	slot   cdc.Slot
	log    cdc.ChangeLog
	slotAt time.Time // when the one or the other was read; zero: not yet
}

// answer is what a group said last.
type answer struct {
	at       time.Time
	took     time.Duration
	failed   bool // the last question was not answered
	measures []store.Measure
}

// NewCollector registers a collector. It asks nothing before its first round.
func NewCollector(reg prometheus.Registerer, cfg Config) *Collector {
	c := &Collector{cfg: cfg, bound: newBounder(cfg.Associations), descs: map[string]*prometheus.Desc{}, found: map[string]answer{}}
	for _, g := range gauges {
		c.descs[g.name] = g.desc()
	}
	for _, o := range own {
		c.descs[o.name] = prometheus.NewDesc(prometheus.BuildFQName(namespace, "", o.name), o.help, o.labels, nil)
	}
	reg.MustRegister(c)
	return c
}

// Run does a round every so often until the context ends.
func (c *Collector) Run(ctx context.Context) error {
	ticker := time.NewTicker(c.cfg.Every)
	defer ticker.Stop()
	for {
		c.Round(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// Round asks everything once. What is not answered in time is told of once and
// asked again in the next round.
func (c *Collector) Round(ctx context.Context) {
	c.mu.Lock()
	round := c.rounds
	c.rounds++
	c.mu.Unlock()
	for _, group := range groups {
		if group == store.MeasureLists && round%rarely != 0 {
			continue
		}
		c.ask(ctx, group)
	}
	bounded, cancel := context.WithTimeout(ctx, c.cfg.Every)
	defer cancel()
	slot, log, err := c.capture(bounded)
	if err != nil {
		c.tell(ctx, "slot", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slot, c.log, c.slotAt = slot, log, c.cfg.Now()
}

// capture asks the member database how changes are captured. Of a slot that there
// cannot be, only how far the server is is told.
func (c *Collector) capture(ctx context.Context) (slot cdc.Slot, log cdc.ChangeLog, err error) {
	if c.cfg.ChangeLog == nil {
		slot, err = c.cfg.Slot(ctx)
		return slot, log, err
	}
	log, err = c.cfg.ChangeLog(ctx)
	return cdc.Slot{CurrentLSN: log.CurrentLSN}, log, err
}

func (c *Collector) ask(ctx context.Context, group string) {
	bounded, cancel := context.WithTimeout(ctx, c.cfg.Every)
	defer cancel()
	start := c.cfg.Now()
	measures, err := c.cfg.State.Measure(bounded, group)
	now := c.cfg.Now()
	c.mu.Lock()
	a := c.found[group]
	before := a.failed
	if a.failed = err != nil; err == nil {
		a = answer{at: now, took: now.Sub(start), measures: measures}
	}
	c.found[group] = a
	c.mu.Unlock()
	if err != nil && !before {
		c.tell(ctx, group, err)
	}
}

func (c *Collector) tell(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		c.cfg.Log.Warn("metrics cannot be read", "what", what, "err", err)
	}
}

// StateAt is when the state database answered last; zero: it has not.
func (c *Collector) StateAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.found[store.MeasurePosition].at
}

// Slot is what the member database said of the slot last, and when; zero: it has
// not.
func (c *Collector) Slot() (cdc.Slot, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slot, c.slotAt
}

// ChangeLog is what the member database said of the log of changes last, and when;
// zero: it has not.
func (c *Collector) ChangeLog() (cdc.ChangeLog, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log, c.slotAt
}

// Measures are what the state database said last of one metric.
func (c *Collector) Measures(group, metric string) []store.Measure {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []store.Measure
	for _, m := range c.found[group].measures {
		if m.Metric == metric {
			all = append(all, m)
		}
	}
	return all
}

// fresh says whether an answer of a time is still shown.
func (c *Collector) fresh(group string, at, now time.Time) bool {
	rounds := time.Duration(stale)
	if group == store.MeasureLists {
		rounds = 2 * rarely
	}
	return !at.IsZero() && now.Sub(at) <= rounds*c.cfg.Every
}
