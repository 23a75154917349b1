package report

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"rollcall/internal/store"
	"rollcall/mapper"
)

// Trace follows what changed about a rep: from the stream through touched keys, the
// queue and calls to Constant Contact's confirmation.
type Trace struct {
	Association string          `json:"association"`
	At          time.Time       `json:"at"`
	Rep         mapper.RepID    `json:"rep"`
	Durable     string          `json:"durable_lsn,omitempty"` // empty: the stream has not begun
	Touched     []TracedKeys    `json:"touched,omitempty"`
	Addresses   []TracedAddress `json:"addresses,omitempty"`
}

// TracedKeys are touched keys of one kind that nobody has looked at yet.
type TracedKeys struct {
	Kind      string    `json:"kind"`
	TouchedAt time.Time `json:"touched_at"`
	FirstLSN  *string   `json:"first_lsn,omitempty"`
	LastLSN   *string   `json:"last_lsn,omitempty"`
	Keys      int       `json:"keys"`
	Named     bool      `json:"named"` // the rep's own
}

// TracedAddress is an address of the rep with what is to be done, and was.
type TracedAddress struct {
	Address mapper.Address `json:"address"`
	Queued  *TracedRow     `json:"queued,omitempty"`
	Calls   []TracedCall   `json:"calls,omitempty"`
}

// TracedRow is an address in the queue.
type TracedRow struct {
	CommittedAt *time.Time `json:"committed_at,omitempty"`
	FirstLSN    *string    `json:"first_lsn,omitempty"`
	LastLSN     *string    `json:"last_lsn,omitempty"`
	TouchedAt   time.Time  `json:"touched_at"`
	NotBefore   *time.Time `json:"not_before,omitempty"`
	Run         int64      `json:"run,omitempty"`
	Version     int64      `json:"version"`
}

// TracedCall is what one call did to an address on one list.
type TracedCall struct {
	Call        int64          `json:"call"` // activity in the log
	Kind        string         `json:"kind"`
	State       string         `json:"state"`
	ActivityID  string         `json:"activity_id,omitempty"` // Constant Contact's
	Outcome     string         `json:"outcome,omitempty"`
	CommittedAt *time.Time     `json:"committed_at,omitempty"`
	FirstLSN    *string        `json:"first_lsn,omitempty"`
	LastLSN     *string        `json:"last_lsn,omitempty"`
	PlannedAt   time.Time      `json:"planned_at"`
	SentAt      *time.Time     `json:"sent_at,omitempty"`
	EndedAt     *time.Time     `json:"ended_at,omitempty"`
	List        mapper.ListKey `json:"list,omitempty"`
	Op          string         `json:"op"`
	Reason      mapper.Reason  `json:"reason,omitempty"`
	Run         int64          `json:"run,omitempty"`
	Result      string         `json:"result"`
}

// NewTracedCall is a call as the state has it.
func NewTracedCall(c store.TracedCall) TracedCall {
	return TracedCall{
		Call: c.Call, Kind: c.Kind, State: c.State, ActivityID: c.ActivityID, Outcome: c.Outcome, CommittedAt: c.CommittedAt,
		FirstLSN: c.FirstLSN, LastLSN: c.LastLSN, PlannedAt: c.PlannedAt, SentAt: c.SentAt, EndedAt: c.EndedAt, List: c.List, Op: c.Op,
		Reason: c.Reason, Run: c.Run, Result: c.Result,
	}
}

// Text writes the trace for people.
func (t *Trace) Text(out io.Writer) error {
	w := &writer{Writer: out}
	w.linef("Rep %s in association %s, %s", oneLine(string(t.Rep)), oneLine(t.Association), stamp(t.At))
	w.linef("The stream is durable up to %s.", cmp.Or(t.Durable, "nowhere: it has not begun"))
	t.touched(w)
	for _, a := range t.Addresses {
		w.linef("\n%s", oneLine(string(a.Address)))
		a.queued(w, t.At)
		a.calls(w)
	}
	if len(t.Addresses) == 0 {
		w.linef("\nThe rep has never had an address that can be used: nothing can be sent.")
	}
	return w.err
}

func (t *Trace) touched(w *writer) {
	others := 0
	for _, k := range t.Touched {
		if k.Named {
			w.linef("Touched: a change of the rep waits to be looked at, since %s, stream %s.", moment(&k.TouchedAt), stretch(k.FirstLSN, k.LastLSN))
		} else {
			others += k.Keys
		}
	}
	switch {
	case others > 0:
		w.linef("Touched: other keys wait to be looked at (%d); they may concern the rep.", others)
	case len(t.Touched) == 0:
		w.linef("Touched: nothing waits to be looked at.")
	}
}

func (a TracedAddress) queued(w *writer, now time.Time) {
	q := a.Queued
	if q == nil {
		w.linef("  Queue: nothing is to be planned.")
		return
	}
	why := "asked for by ourselves"
	switch {
	case q.CommittedAt != nil:
		why = fmt.Sprintf("committed %s, stream %s", moment(q.CommittedAt), stretch(q.FirstLSN, q.LastLSN))
	case q.Run != 0:
		why = fmt.Sprintf("asked for by run %d", q.Run)
	}
	when := "is to be planned now"
	if q.NotBefore != nil && q.NotBefore.After(now) {
		when = "is to be planned not before " + moment(q.NotBefore)
	}
	w.linef("  Queue: %s, %s.", when, why)
}

func (a TracedAddress) calls(w *writer) {
	if len(a.Calls) == 0 {
		w.linef("  Calls: none that is still on record.")
		return
	}
	lines := [][]string{{"  COMMIT", "STREAM", "PLANNED", "CALL", "SENT", "ACTIVITY", "ENDED", "OP", "LIST", "RESULT", "TOOK"}}
	for _, c := range a.Calls {
		took := "-"
		if c.CommittedAt != nil && c.EndedAt != nil {
			took = c.EndedAt.Sub(*c.CommittedAt).Round(time.Second).String()
		}
		lines = append(lines, []string{
			"  " + moment(c.CommittedAt), stretch(c.FirstLSN, c.LastLSN), moment(&c.PlannedAt), fmt.Sprintf("%d %s", c.Call, c.Kind), moment(c.SentAt),
			cmp.Or(c.ActivityID, "-"), moment(c.EndedAt), c.Op, cmp.Or(string(c.List), "-"), c.Result, took,
		})
	}
	w.rows(lines)
}

// moment is a time to the second; a dash for none.
func moment(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// stretch is a part of the stream by its commits' ends.
func stretch(first, last *string) string {
	switch {
	case first == nil:
		return "-"
	case last == nil || *first == *last:
		return *first
	}
	return *first + "…" + *last
}
