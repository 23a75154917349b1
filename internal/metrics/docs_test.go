package metrics

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/metrics.md anew")

const (
	metricsPage = "../../docs/metrics.md"
	tableBegins = "<!-- The table is made of the code: go test ./internal/metrics -run TestDocs -update -->\n\n"
	tableEnds   = "\n<!-- end of the table -->"
)

// table is the table of docs/metrics.md.
func table() string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | what it is | shown by |\n|---|---|---|---|---|\n")
	for _, d := range Catalogue() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", d.Name, d.Type, strings.Join(d.Labels, ", "), d.Help, d.From)
	}
	return b.String()
}

// The page describes every metric that there is, and no other.
func TestDocsDescribeEveryMetric(t *testing.T) {
	text, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), tableBegins)
	have, after, ended := strings.Cut(rest, tableEnds)
	if !found || !ended {
		t.Fatal("the page has no table")
	}
	if *update {
		if err := os.WriteFile(metricsPage, []byte(before+tableBegins+table()+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have != table() {
		t.Errorf("the page has\n%s\nthe program has\n%s", have, table())
	}
	if n := strings.Count(have, "\n"); n < 40 {
		t.Errorf("%d metrics are too few to be all", n)
	}
}
