package metrics

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const (
	rulesFile      = "../../deploy/prometheus/rules.yml"
	rulesTests     = "../../deploy/prometheus/rules_test.yml"
	rulesDaysTests = "../../deploy/prometheus/rules_days_test.yml"
	dashboardFile  = "../../deploy/grafana/rollcall.json"
	operationsPage = "../../docs/operations.md"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	metricName = regexp.MustCompile(`\brollcall_[a-z_]+\b`)
	suffix     = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// wantKnown complains of metrics in a text that there are not.
func wantKnown(t *testing.T, where, text string) (used int) {
	t.Helper()
	known := map[string]string{}
	for _, d := range Catalogue() {
		known[d.Name] = d.Type
	}
	for _, name := range metricName.FindAllString(text, -1) {
		if name == "rollcall_state" || name == "rollcall_source" { // a schema, the beginning of a credential's name
			continue
		}
		used++
		if known[name] == "" && known[suffix.ReplaceAllString(name, "")] != "histogram" {
			t.Errorf("%s names %s, which there is not", where, name)
		}
	}
	return used
}

type rules struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			For         string            `yaml:"for"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

func readRules(t *testing.T) (r rules) {
	t.Helper()
	if err := yaml.UnmarshalWithOptions([]byte(readFile(t, rulesFile)), &r, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return r
}

var heading = regexp.MustCompile(`(?m)^### (Rollcall\w+)\n\n((?:.|\n)*?)(?:\n### |\n## |\z)`)

// Every alert is of metrics that there are, has a section of the page that says
// what to do, and the page has no other; and each is tested both ways.
func TestAlertsAreDescribedAndTested(t *testing.T) {
	page := readFile(t, operationsPage)
	sections := map[string]string{}
	for rest := page; ; {
		m := heading.FindStringSubmatchIndex(rest)
		if m == nil {
			break
		}
		sections[rest[m[2]:m[3]]] = rest[m[4]:m[5]]
		rest = rest[m[5]:]
	}
	type testFile struct {
		Tests []struct {
			Cases []struct {
				Alert string `yaml:"alertname"`
				Exp   []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	var tests testFile
	for _, path := range []string{rulesTests, rulesDaysTests} {
		var some testFile
		if err := yaml.Unmarshal([]byte(readFile(t, path)), &some); err != nil {
			t.Fatal(err)
		}
		tests.Tests = append(tests.Tests, some.Tests...)
	}
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, x := range tests.Tests {
		for _, c := range x.Cases {
			if len(c.Exp) > 0 {
				fires[c.Alert] = true
			} else {
				quiet[c.Alert] = true
			}
		}
	}
	alerts := map[string]bool{}
	for _, g := range readRules(t).Groups {
		for _, r := range g.Rules {
			alerts[r.Alert] = true
			if wantKnown(t, "alert "+r.Alert, r.Expr) == 0 {
				t.Errorf("alert %s is about no metric", r.Alert)
			}
			if want := "docs/operations.md#" + strings.ToLower(r.Alert); r.Annotations["runbook"] != want || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("alert %s has the annotations %v", r.Alert, r.Annotations)
			}
			if !slices.Contains([]string{"info", "warning", "critical"}, r.Labels["severity"]) || r.For == "" {
				t.Errorf("alert %s has severity %q, for %q", r.Alert, r.Labels["severity"], r.For)
			}
			if !fires[r.Alert] || !quiet[r.Alert] {
				t.Errorf("alert %s is tested as it fires: %t, as it keeps quiet: %t", r.Alert, fires[r.Alert], quiet[r.Alert])
			}
			for _, part := range []string{"**Means:**", "**Look at:**", "**Do:**"} {
				if !strings.Contains(sections[r.Alert], part) {
					t.Errorf("the section of %s in operations.md has no %s", r.Alert, part)
				}
			}
		}
	}
	if len(alerts) < 9 {
		t.Errorf("%d alerts are too few to be all", len(alerts))
	}
	for name := range sections {
		if !alerts[name] {
			t.Errorf("operations.md describes the alert %s, which there is not", name)
		}
	}
}

func TestRulesWorkInPrometheus(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (Debian has it in the package prometheus): the rules are not tested")
	}
	for _, args := range [][]string{{"check", "rules", rulesFile}, {"test", "rules", rulesTests, rulesDaysTests}} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// Prometheus takes what is served.
func TestPrometheusTakesTheMetrics(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (Debian has it in the package prometheus): the metrics are not checked by it")
	}
	w := newWorld("1")
	w.fill(t)
	command := exec.Command(promtool, "check", "metrics")
	command.Stdin = strings.NewReader(w.scrape(t))
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

type dashboard struct {
	Title  string  `json:"title"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID      int    `json:"id"`
	Type    string `json:"type"`
	Title   string `json:"title"`
	GridPos struct{ H, W, X, Y int }
	Targets []struct {
		RefID string `json:"refId"`
		Expr  string `json:"expr"`
	} `json:"targets"`
}

// The dashboard is of metrics that there are, and its panels do not lie on each
// other.
func TestDashboard(t *testing.T) {
	text := readFile(t, dashboardFile)
	var d dashboard
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	if used := wantKnown(t, "the dashboard", text); used < 30 {
		t.Errorf("the dashboard has %d metrics", used)
	}
	for _, captured := range []string{"slot_active", "slot_retained_wal_bytes", "log_oldest_row_seconds", "log_bytes", "tables_not_captured"} {
		if !strings.Contains(text, "(rollcall_"+captured+"{") {
			t.Errorf("the dashboard does not show rollcall_%s, whether a slot is read or triggers write a log", captured)
		}
	}
	ids := map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("panel %q has the id %d of another", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if at := [2]int{x, y}; x >= 24 || taken[at] != "" {
					t.Errorf("panel %q lies on %q or beyond the edge", p.Title, taken[at])
				} else {
					taken[at] = p.Title
				}
			}
		}
		for _, target := range p.Targets {
			if metricName.FindString(target.Expr) == "" || !strings.Contains(target.Expr, `job=~"$job"`) {
				t.Errorf("panel %q asks %q", p.Title, target.Expr)
			}
		}
	}
}

// What the dashboard asks is what Prometheus understands.
func TestDashboardAsksInPromQL(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (Debian has it in the package prometheus): the dashboard is not checked by it")
	}
	var d dashboard
	if err := json.Unmarshal([]byte(readFile(t, dashboardFile)), &d); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			fmt.Fprintf(&b, "  - record: panel_%d_%s\n    expr: %q\n", p.ID, target.RefID, target.Expr)
		}
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("promtool check rules: %v\n%s", err, out)
	}
}

// What the pages say of metrics and alerts is true.
func TestPagesNameMetricsAndAlertsThatThereAre(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d pages, %v", len(files), err)
	}
	alerts := map[string]bool{}
	for _, g := range readRules(t).Groups {
		for _, r := range g.Rules {
			alerts[r.Alert] = true
		}
	}
	for _, file := range append(files, "../../README.md") {
		text, page := readFile(t, file), filepath.Base(file)
		wantKnown(t, page, text)
		for _, name := range regexp.MustCompile(`\bRollcall[A-Z]\w+`).FindAllString(text, -1) {
			if !alerts[name] {
				t.Errorf("%s names the alert %s, which there is not", page, name)
			}
		}
	}
}
