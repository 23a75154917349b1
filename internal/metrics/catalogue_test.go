package metrics

import (
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall/internal/version"
)

// Description is what there is to know about a metric.
type Description struct {
	Name   string
	Type   string // counter, gauge or histogram
	Help   string
	Labels []string
	From   string // which process shows it
}

// The processes that show a metric, where several share the work.
const (
	fromDoer   = "the process that did it: add them up"
	fromReader = "the process that reads the stream; the others show 0"
	fromEvery  = "every process, the same: take any"
	fromItself = "every process, of itself"
)

var describedBy = regexp.MustCompile(`^Desc\{fqName: "([^"]*)", help: "(.*?)"(?:, unit: "[^"]*")?, constLabels: \{\}, variableLabels: \{([^}]*)\}\}$`)

// kinds records what is registered, with its type.
type kinds struct {
	prometheus.Registerer
	all []Description
}

// MustRegister records collectors.
func (k *kinds) MustRegister(collectors ...prometheus.Collector) {
	for _, c := range collectors {
		ch := make(chan *prometheus.Desc, 100)
		c.Describe(ch)
		close(ch)
		for desc := range ch {
			m := describedBy.FindStringSubmatch(desc.String())
			d := Description{Name: m[1], Help: m[2], Type: "gauge", From: fromDoer}
			if m[3] != "" {
				d.Labels = strings.Split(m[3], ",")
			}
			switch c.(type) {
			case *prometheus.HistogramVec:
				d.Type = "histogram"
			case *prometheus.CounterVec:
				d.Type = "counter"
			case *Collector:
				d.Type, d.From = "gauge", fromEvery
				if strings.HasSuffix(d.Name, "_total") {
					d.Type = "counter"
				}
			}
			k.all = append(k.all, d)
		}
	}
}

// Catalogue describes every metric of Rollcall, in the order of names.
func Catalogue() []Description {
	k := &kinds{}
	NewProcess(k, version.Info{})
	NewCollector(k, Config{})
	for i, d := range k.all {
		name := strings.TrimPrefix(d.Name, namespace+"_")
		switch {
		case name == "changes_total" || strings.HasPrefix(name, "stream_") || name == "touched_keys_total" || strings.HasPrefix(name, "tables_"):
			k.all[i].From = fromReader
		case name == "build_info" || name == "lease_held" || strings.HasPrefix(name, "poll_"):
			k.all[i].From = fromItself
		}
	}
	slices.SortFunc(k.all, func(a, b Description) int { return strings.Compare(a.Name, b.Name) })
	return k.all
}
