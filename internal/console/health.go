package console

import (
	"context"
	"time"
)

// healthOffice knows how the system is.
type healthOffice interface {
	Health(ctx context.Context, association string) (Health, error)
	// Samples are how something was since a time, the oldest first. what is one of
	// the words of Sample…
	Samples(ctx context.Context, association, what string, since time.Time) ([]Point, error)
}

// Health is how the system is, as far as it concerns one association.
type Health struct {
	// The stream of changes.
	Triggers      bool // they capture changes, and there is no slot
	Slot          string
	SlotProblem   string     // a sentence, or empty
	SlotActive    bool       // somebody reads it
	WALStatus     string     // of pg_replication_slots
	RetainedBytes int64      // write-ahead log kept for the slot
	SafeBytes     int64      // until the slot is lost; -1: no limit
	LogBytes      int64      // of the log of changes
	LogSince      *time.Time // when its oldest row was written that was not moved
	DurableAt     *time.Time
	Touched       int // keys that nobody has looked at yet
	TouchedSince  *time.Time

	// The association's work.
	Queued      int // addresses that are to be planned again
	QueuedSince *time.Time
	Open        int // calls that Constant Contact works on
	Questions   int
	PulledAt    *time.Time // the end of the last run that read the whole account
	ReadAt      *time.Time // the last time that anybody was read in Constant Contact
	FullPassAt  *time.Time // the last time that every row of the database was read
	Alarms      []string   // why the database is not to be trusted with removals

	// The API key's calls of today (UTC).
	APIKey      string
	Calls       int // of all associations of the key
	OwnCalls    int // of this one
	Limit       int
	Reserve     int // of Limit, kept for opt-outs
	ClosedUntil *time.Time
}

// What is sampled every few minutes.
const (
	SampleCalls   = "calls"   // of the API key today
	SampleWAL     = "wal"     // bytes of write-ahead log that the slot holds
	SampleQueue   = "queue"   // people to be brought in step
	SampleLatency = "latency" // seconds that the oldest of them has waited
	SampleOnLists = "on_list" // people on the list of everybody
)

// charts are those of the page, in its order.
var charts = []struct {
	title, what string
	show        func(float64) string
}{
	{"Calls of the day", SampleCalls, whole},
	{"People to be brought in step", SampleQueue, whole},
	{"Oldest of them has waited", SampleLatency, waited},
	{"Write-ahead log held", SampleWAL, func(v float64) string { return byteSize(int64(v)) }},
	{"On the list of everybody", SampleOnLists, whole},
}

// waited is a number of seconds.
func waited(v float64) string {
	if v < 1 {
		return "0 s"
	}
	return age(time.Duration(v) * time.Second)
}

func whole(v float64) string { return num(int(v)) }

// charted is how far back the charts go.
const charted = 7 * 24 * time.Hour

// healthPage is a Health as it is shown.
type healthPage struct {
	Health
	LogSince, DurableAt, TouchedSince, QueuedSince, PulledAt, ReadAt, FullPassAt, ClosedUntil moment
	CallsPercent                                                                              int
	Findings                                                                                  []finding
	Charts                                                                                    []series
}

// finding is one thing that is not as it should be.
type finding struct{ What, Do string }

func (c *Console) health(q *request) error {
	h, err := c.Office.Health(q.Context(), q.association.ID)
	if err != nil {
		return err
	}
	p := healthPage{
		Health: h, LogSince: q.momentOf(h.LogSince), DurableAt: q.momentOf(h.DurableAt), TouchedSince: q.momentOf(h.TouchedSince), QueuedSince: q.momentOf(h.QueuedSince),
		PulledAt: q.momentOf(h.PulledAt), ReadAt: q.momentOf(h.ReadAt), FullPassAt: q.momentOf(h.FullPassAt), ClosedUntil: q.momentOf(h.ClosedUntil),
		Findings: h.findings(q.now),
	}
	if h.Limit > 0 {
		p.CallsPercent = min(100*h.Calls/h.Limit, 100)
	}
	for _, chart := range charts {
		s := series{Title: chart.title, Show: chart.show, From: q.now.Add(-charted), To: q.now, zone: q.zone}
		if s.Points, err = c.Office.Samples(q.Context(), q.association.ID, chart.what, s.From); err != nil {
			return err
		}
		s.Bytes = chart.what == SampleWAL
		if chart.what == SampleCalls {
			s.Limit = float64(h.Limit)
		}
		if len(s.Points) > 0 && q.now.Sub(s.Points[0].At) < charted {
			s.From = s.Points[0].At // there is no more yet
		}
		p.Charts = append(p.Charts, s)
	}
	return c.render(q, "health", "Health", p)
}

const (
	// tooLong is how long changes may wait before the page says so: Constant
	// Contact works on a call for a quarter of an hour and more.
	tooLong = 30 * time.Minute
	// muchWAL is how much write-ahead log a slot may hold before the page says
	// so.
	muchWAL = 1 << 30
)

func (h Health) findings(now time.Time) (all []finding) {
	add := func(when bool, what, do string) {
		if when {
			all = append(all, finding{what, do})
		}
	}
	older := func(t *time.Time) bool { return t != nil && now.Sub(*t) > tooLong }
	add(h.SlotProblem != "", h.SlotProblem, "Ask the database's administrator; rollcall check names the statement that mends it.")
	add(h.SlotProblem == "" && !h.SlotActive, "Nobody reads the stream of changes.", "Start rollcall run; the log says why it ended.")
	add(older(h.LogSince), "Changes have waited in the log of the member database for more than half an hour.", "See that rollcall run is running and reaches both databases.")
	add(h.RetainedBytes > muchWAL, "The member database keeps "+byteSize(h.RetainedBytes)+" of write-ahead log for Rollcall.", "See that rollcall run is running and reaches both databases.")
	add(older(h.TouchedSince), "Changes of the database have waited for more than half an hour.", "See the log of rollcall run.")
	add(older(h.QueuedSince) && h.ClosedUntil == nil, "People have waited for more than half an hour to be brought in step.", "See Activity for calls that failed, and Connect for the account.")
	add(h.ClosedUntil != nil, "Today's calls are spent: everything stays queued.", "Nothing is lost; it goes on by itself. Ask Constant Contact for more calls if this is usual.")
	for _, a := range h.Alarms {
		add(true, "The member database looks wrong ("+a+"): removals are held.", "See Approvals.")
	}
	return all
}
