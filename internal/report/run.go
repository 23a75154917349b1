package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"rollcall/internal/store"
	"rollcall/mapper"
)

// Run is the report of one run.
type Run struct {
	ID          int64            `json:"id"`
	Association string           `json:"association"`
	Kind        store.RunKind    `json:"kind"`
	Lists       []mapper.ListKey `json:"lists,omitempty"` // empty: all
	AskedBy     string           `json:"asked_by"`
	State       store.RunState   `json:"state"`
	Detail      string           `json:"detail,omitempty"`
	StartedAt   time.Time        `json:"started_at"`
	EndedAt     *time.Time       `json:"ended_at,omitempty"`
	Seconds     float64          `json:"seconds"` // so far, while it runs
	Totals      map[string]int   `json:"totals"`  // by word
	Counts      []RunCount       `json:"counts,omitempty"`
	Found       map[string]int   `json:"found,omitempty"` // by the pull
}

// RunCount is one number of a report.
type RunCount struct {
	What   string        `json:"what"`
	Reason mapper.Reason `json:"reason,omitempty"`
	N      int           `json:"n"`
}

// runWords are the words of a report in their order; others come behind.
var runWords = []string{"checked", "added", "updated", "inactivated", "held", "refused"}

// NewRun makes a run presentable.
func NewRun(association string, r store.Run, counts []store.RunCount, now time.Time) *Run {
	run := &Run{
		ID: r.ID, Association: association, Kind: r.Kind, Lists: r.Lists, AskedBy: r.AskedBy, State: r.State, Detail: r.Detail,
		StartedAt: r.StartedAt, EndedAt: r.EndedAt, Found: r.Found, Totals: map[string]int{},
	}
	end := now
	if r.EndedAt != nil {
		end = *r.EndedAt
	}
	run.Seconds = end.Sub(r.StartedAt).Seconds()
	for _, word := range runWords {
		run.Totals[word] = 0
	}
	for _, c := range counts {
		run.Totals[c.What] += c.N
		run.Counts = append(run.Counts, RunCount{c.What, c.Reason, c.N})
	}
	slices.SortStableFunc(run.Counts, func(a, b RunCount) int {
		return cmp.Or(wordRank(a.What)-wordRank(b.What), cmp.Compare(a.What, b.What), a.Reason.Compare(b.Reason))
	})
	return run
}

func wordRank(word string) int {
	if i := slices.Index(runWords, word); i >= 0 {
		return i
	}
	return len(runWords)
}

func (r *Run) scope() string {
	if len(r.Lists) == 0 {
		return "all lists"
	}
	names := make([]string, len(r.Lists))
	for i, l := range r.Lists {
		names[i] = string(l)
	}
	return strings.Join(names, ", ")
}

func (r *Run) duration() string {
	d := time.Duration(r.Seconds * float64(time.Second)).Round(time.Second)
	if r.EndedAt == nil {
		return d.String() + " so far"
	}
	return d.String()
}

// RunTable lists runs.
func RunTable(out io.Writer, all []*Run) error {
	w := &writer{Writer: out}
	if len(all) == 0 {
		w.linef("There are no runs yet.")
		return w.err
	}
	lines := [][]string{{"ID", "ASSOCIATION", "KIND", "SCOPE", "ASKED BY", "STARTED", "DURATION", "STATE", "CHECKED", "ADDED", "UPDATED", "INACTIVATED", "HELD", "REFUSED"}}
	for _, r := range all {
		scope := r.scope()
		if len(r.Lists) > 2 {
			scope = many(len(r.Lists), "list", "lists")
		}
		line := []string{fmt.Sprint(r.ID), r.Association, string(r.Kind), scope, r.AskedBy, stamp(r.StartedAt), r.duration(), string(r.State)}
		for _, word := range runWords {
			line = append(line, fmt.Sprint(r.Totals[word]))
		}
		lines = append(lines, line)
	}
	w.rows(lines)
	return w.err
}

// Text writes the report of one run.
func (r *Run) Text(out io.Writer) error {
	w := &writer{Writer: out}
	w.linef("Run %d of association %s: %s, %s", r.ID, oneLine(r.Association), r.Kind, oneLine(r.scope()))
	w.linef("Asked for by %s, started %s, %s, %s.", oneLine(r.AskedBy), stamp(r.StartedAt), r.duration(), r.State)
	if r.Detail != "" {
		w.linef("%s", oneLine(r.Detail))
	}
	w.linef("")
	var lines [][]string
	for _, word := range runWords {
		lines = append(lines, []string{word, fmt.Sprint(r.Totals[word])})
		for _, c := range r.Counts {
			if c.What == word && c.Reason != "" {
				lines = append(lines, []string{"  " + string(c.Reason), fmt.Sprint(c.N), reasonText(c.Reason)})
			}
		}
	}
	for _, word := range slices.Sorted(maps.Keys(r.Totals)) {
		if wordRank(word) == len(runWords) {
			lines = append(lines, []string{word, fmt.Sprint(r.Totals[word])})
		}
	}
	w.rows(lines)
	if len(r.Found) > 0 {
		w.linef("\nFound by the pull")
		var found [][]string
		for _, word := range slices.Sorted(maps.Keys(r.Found)) {
			found = append(found, []string{"  " + word, fmt.Sprint(r.Found[word])})
		}
		w.rows(found)
	}
	return w.err
}
