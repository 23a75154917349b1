package metrics

import (
	"cmp"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall/internal/store"
	"rollcall/internal/version"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

const namespace = "rollcall"

// Process counts what this process does. It is safe for concurrent use.
type Process struct {
	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
	touched        prometheus.Counter
	refusing       prometheus.Gauge
	uncaptured     prometheus.Gauge
	told           *prometheus.CounterVec
	ended          *prometheus.CounterVec
	calls          *prometheus.CounterVec
	runs           *prometheus.CounterVec
	latency        prometheus.Observer
	readAge        prometheus.Observer
	failures       *prometheus.CounterVec
}

var (
	_ store.Observer = (*Process)(nil)

	// A change takes the linger, and then what Constant Contact needs: seconds to
	// a quarter of an hour, or a day when the calls are spent.
	latencyBuckets = []float64{1, 2.5, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400}
	requestBuckets = []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}
	// A read is good for a minute.
	readAgeBuckets = []float64{0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 120, 600}
)

// NewProcess registers the metrics of a process.
func NewProcess(reg prometheus.Registerer, v version.Info) *Process {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
		reg.MustRegister(h)
		return h
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: "build_info", Help: "Which build this is; always 1."},
		[]string{"version", "revision", "go_version"})
	reg.MustRegister(build)
	build.WithLabelValues(v.Version, v.Revision, v.Go).Set(1)
	p := &Process{
		requests: counter("api_requests_total", "Requests to Constant Contact, by operation, endpoint without ids and HTTP status; code none: no answer came.",
			"operation", "endpoint", "code"),
		requestSeconds: histogram("api_request_duration_seconds", "From the start of a request to Constant Contact to the end of its answer.", requestBuckets, "operation"),
		told:           counter("ops_told_total", "Operations on people that were put on record and sent, by kind.", "kind"),
		ended:          counter("ops_total", "Operations on people that ended, by kind and outcome.", "kind", "outcome"),
		calls:          counter("activities_ended_total", "Calls on people that ended, by kind and by Constant Contact's word for the outcome.", "kind", "outcome"),
		runs:           counter("runs_ended_total", "Runs that ended, by kind and state.", "kind", "state"),
		latency: histogram("commit_to_confirmed_seconds",
			"From the commit in the member database to Constant Contact's confirmation, of operations that a change asked for.", latencyBuckets).WithLabelValues(),
		readAge: histogram("consent_read_age_seconds", "How old the read of people's consent was when a call that adds was sent.", readAgeBuckets).WithLabelValues(),
		touched: counter("touched_keys_total", "Keys stored from the stream, each once a batch.").WithLabelValues(),
		failures: counter("work_errors_total",
			"Turns of an association that ended with an error, by its class: they are repeated. Errors that a known time mends are not among them.", "class"),
	}
	refusing := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Name: "tables_refusing_updates",
		Help: "Published tables on which the member application's own UPDATE and DELETE fail, because of their replica identity.",
	}, nil)
	uncaptured := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Name: "tables_not_captured",
		Help: "Watched tables, and partitions of them, some changes of which are not noticed: not published, or without their triggers.",
	}, nil)
	reg.MustRegister(refusing, uncaptured)
	p.refusing, p.uncaptured = refusing.WithLabelValues(), uncaptured.WithLabelValues()
	for _, op := range []string{"add", "remove", sink.OpFields, sink.OpMove} {
		p.told.WithLabelValues(op)
		p.ended.WithLabelValues(op, store.OutcomeConfirmed)
	}
	return p
}

// Request counts a request to Constant Contact.
func (p *Process) Request(c constantcontact.Call) {
	code := "none"
	if c.Status != 0 {
		code = strconv.Itoa(c.Status)
	}
	p.requests.WithLabelValues(c.Operation, c.Endpoint, code).Inc()
	p.requestSeconds.WithLabelValues(c.Operation).Observe(c.Duration.Seconds())
}

// Touched counts keys that were stored.
func (p *Process) Touched(keys int) { p.touched.Add(float64(keys)) }

// Refusing sets how many published tables refuse the application's updates.
func (p *Process) Refusing(tables int) { p.refusing.Set(float64(tables)) }

// Uncaptured sets of how many watched tables not every change is noticed.
func (p *Process) Uncaptured(tables int) { p.uncaptured.Set(float64(tables)) }

// ReadAge records how old the read was on which an addition relies.
func (p *Process) ReadAge(age time.Duration) { p.readAge.Observe(age.Seconds()) }

// Failed counts an error of an association's turn.
func (p *Process) Failed(err error) {
	p.failures.WithLabelValues(string(constantcontact.Classify(err))).Inc()
}

// Told counts operations; see store.Observer.
func (p *Process) Told(_ sink.CallKind, ops map[string]int) {
	for op, n := range ops {
		p.told.WithLabelValues(op).Add(float64(n))
	}
}

// outcomes are the labels of how calls ended, by the word on record.
var outcomes = map[string]string{
	constantcontact.StateCompleted: "completed", constantcontact.StateCancelled: "cancelled", constantcontact.StateFailed: "failed",
	constantcontact.StateTimedOut: "timed_out", store.OutcomeRejected: "rejected",
	"lost": "lost", "likely": "completed", // without a trace; found again by its counts
	"done": "completed", "not done": "failed", // of a move
}

// Ended counts a call and its operations; see store.Observer.
func (p *Process) Ended(at time.Time, kind sink.CallKind, outcome string, ops []store.EndedOps) {
	p.calls.WithLabelValues(string(kind), cmp.Or(outcomes[outcome], "other")).Inc()
	for _, o := range ops {
		p.ended.WithLabelValues(o.Op, o.Outcome).Add(float64(o.Ops))
		if o.Outcome != store.OutcomeConfirmed || o.CommittedAt == nil {
			continue
		}
		age := max(at.Sub(*o.CommittedAt), 0).Seconds()
		for range o.Ops {
			p.latency.Observe(age)
		}
	}
}

// RunEnded counts a run; see store.Observer.
func (p *Process) RunEnded(kind store.RunKind, state store.RunState) {
	p.runs.WithLabelValues(string(kind), string(state)).Inc()
}
