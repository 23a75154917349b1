package metrics

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall/internal/store"
)

// merge says how the values of associations that share a label become one.
type merge int

const (
	sum   merge = iota
	most        // ages: the oldest
	least       // times: the earliest
)

// gauge is what becomes of the measures of one name.
type gauge struct {
	name, help string
	labels     []string
	// perAssociation puts the label association in front.
	perAssociation bool
	merge          merge
	// zero: every association without a measure has the value 0.
	zero bool
}

// gauges are those that the state database gives.
var gauges = []gauge{
	{name: "touched_keys", help: "Touched keys that nobody has looked at yet, by kind; packed: of any kind, many together.", labels: []string{"kind"}},
	{name: "oldest_touched_seconds", help: "Age of the oldest change that nobody has looked at yet."},
	{name: "queue_addresses", help: "Addresses to be planned; waiting: not before a later time.", labels: []string{"state"}, perAssociation: true},
	{name: "oldest_unplanned_seconds", help: "Age of the oldest change that is ready to be planned.", perAssociation: true, merge: most, zero: true},
	{name: "oldest_unapplied_seconds", help: "Age of the oldest commit that Constant Contact has not confirmed yet.", perAssociation: true, merge: most, zero: true},
	{name: "full_pass_timestamp_seconds", help: "When every row of the member database was read last."},
	{name: "activities_open", help: "Calls on people whose end is not known: intended, sent, or unknown because the reply was lost.", labels: []string{"state"}, perAssociation: true},
	{name: "activity_oldest_open_seconds", help: "Age of the oldest call whose end is not known.", perAssociation: true, merge: most, zero: true},
	{name: "people_kept_off", help: "People whom the rules keep off lists because of what Constant Contact says, by reason.", labels: []string{"reason"}, perAssociation: true},
	{name: "reps_unusable", help: "Reps whose row cannot be used, by reason: they are neither added nor removed.", labels: []string{"reason"}, perAssociation: true},
	{name: "questions_waiting", help: "Questions that wait for a person, by kind.", labels: []string{"kind"}, perAssociation: true},
	{name: "held_ops", help: "Operations that wait for a person, by the kind of the question.", labels: []string{"kind", "op"}, perAssociation: true},
	{name: "question_oldest_seconds", help: "Age of the oldest question that waits, by kind.", labels: []string{"kind"}, perAssociation: true, merge: most},
	{name: "source_alarms", help: "Why the member database is not to be trusted with removals at the moment; 1 each.", labels: []string{"kind"}, perAssociation: true},
	{name: "run_last_success_timestamp_seconds", help: "When the last run ended that was done, by kind.", labels: []string{"kind"}, perAssociation: true, merge: least},
	{name: "run_last_failure_timestamp_seconds", help: "When the last run ended that failed, or was missed, by kind.", labels: []string{"kind"}, perAssociation: true, merge: most},
	{name: "runs_open", help: "Runs under way, by kind.", labels: []string{"kind"}, perAssociation: true},
	{name: "reconcile_drift_pairs", help: "Pairs of person and list that the last full reconciliation had to put right: missing there, or extra.", labels: []string{"side"}, perAssociation: true},
	{name: "lists", help: "Lists, by kind and state.", labels: []string{"kind", "state"}, perAssociation: true},
	{name: "list_people", help: "People on a list, as far as is known.", labels: []string{"kind", "list"}, perAssociation: true},
	{name: "connection_state", help: "The state of the association's account; 1 for the present one.", labels: []string{"state"}, perAssociation: true},
	{name: "token_expiry_timestamp_seconds", help: "When the present access token ends. It is refreshed before.", perAssociation: true, merge: least},
	{name: "lease_expiry_timestamp_seconds", help: "When a lease ends unless it is renewed, by its holder's clock.", labels: []string{"lease"}},
	{name: "lease_takeovers", help: "How often a lease has changed hands: its fencing token.", labels: []string{"lease"}},
	{name: "api_budget_calls", help: "Calls that an API key has in all: a second, a day of UTC, and of the day for opt-outs.", labels: []string{"api_key", "window"}},
	{name: "api_budget_remaining_calls", help: "Calls that an API key has left today, and of these what is kept for opt-outs.", labels: []string{"api_key", "window"}},
	{name: "position_bytes", help: "Positions in the stream as bytes since its beginning: received by this process; durable and applied.", labels: []string{"position"}},
	{name: "position_lag_bytes", help: "How far a position is behind what the member database has written.", labels: []string{"position"}},
}

// bounds are how many series there can be: whatever comes after the first gets
// the label other.
const (
	maxAssociations = 100
	maxLists        = 500
	other           = "other"
)

// sample is one series of a gauge.
type sample struct {
	labels []string
	value  float64
}

// bounder gives associations and lists their labels.
type bounder struct{ associations map[string]string }

// newBounder bounds associations in the order of the configuration. One that the
// configuration does not have is another.
func newBounder(ids []string) bounder {
	b := bounder{map[string]string{}}
	for i, id := range ids {
		if b.associations[id] = id; i >= maxAssociations {
			b.associations[id] = other
		}
	}
	return b
}

func (b bounder) association(id string) string {
	if label, known := b.associations[id]; known {
		return label
	}
	return other
}

// samples makes the series of one gauge of its measures.
func (b bounder) samples(g gauge, measures []store.Measure) []sample {
	found := map[string]*sample{}
	put := func(labels []string, value float64) {
		key := strings.Join(labels, "\x00")
		s, known := found[key]
		switch {
		case !known:
			found[key] = &sample{labels, value}
		case g.merge == sum:
			s.value += value
		case g.merge == most:
			s.value = max(s.value, value)
		case g.merge == least:
			s.value = min(s.value, value)
		}
	}
	if g.perAssociation && g.zero {
		for _, label := range b.associations {
			put([]string{label}, 0)
		}
	}
	if !g.perAssociation && len(g.labels) == 0 && len(measures) == 0 && strings.HasPrefix(g.name, "oldest_") {
		put(nil, 0)
	}
	lists := 0
	for _, m := range measures {
		labels := slices.Clone(m.Labels)
		if g.name == "list_people" {
			if lists++; lists > maxLists {
				labels[len(labels)-1] = other
			}
		}
		if g.perAssociation {
			labels = append([]string{b.association(m.Association)}, labels...)
		}
		put(labels, m.Value)
	}
	all := make([]sample, 0, len(found))
	for _, key := range slices.Sorted(maps.Keys(found)) {
		all = append(all, *found[key])
	}
	return all
}

func (g gauge) desc() *prometheus.Desc {
	labels := g.labels
	if g.perAssociation {
		labels = append([]string{"association"}, labels...)
	}
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", g.name), g.help, labels, nil)
}
