package console

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestChart(t *testing.T) {
	s := series{Title: "Queue <1>", Show: whole, From: noon.Add(-4 * time.Hour), To: noon, zone: time.UTC, Limit: 150}
	if !s.Empty() || s.Last() != "" {
		t.Error("nothing is something")
	}
	for _, p := range []struct {
		minutes int
		value   float64
	}{{-240, 0}, {-235, 100}, {-120, 40}, {-115, 20}} { // nobody looked in between
		s.Points = append(s.Points, Point{noon.Add(time.Duration(p.minutes) * time.Minute), p.value})
	}
	svg := string(s.SVG())
	if n := strings.Count(svg, `class="line"`); n != 2 {
		t.Errorf("%d lines, want 2: the gap is drawn over", n)
	}
	for _, want := range []string{`aria-label="Queue &lt;1&gt;: from 0 to 100, last 20"`, ">200<", `class="limit"`, "4:00 PM"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the chart lacks %s: %s", want, svg)
		}
	}
	if strings.Contains(svg, "%!") || strings.Contains(svg, "NaN") || strings.Contains(svg, "style") {
		t.Errorf("the chart is broken: %s", svg)
	}
	// The first point is at the left end of the axis, at the bottom.
	if !regexp.MustCompile(`class="line" d="M54\.0 128\.0L`).MatchString(svg) {
		t.Errorf("the line begins elsewhere: %s", svg)
	}
}

// What is the same as at an end of the scale is not said in the middle; bytes end at
// a round number of their unit, and days have dates.
func TestChartLabels(t *testing.T) {
	s := series{Title: "Waited", Show: waited, From: noon.Add(-72 * time.Hour), To: noon, zone: time.UTC, Points: []Point{{noon.Add(-time.Hour), 0}, {noon, 0}}}
	if svg := string(s.SVG()); strings.Count(svg, ">0 s<") != 1 || !strings.Contains(svg, ">1 s<") || !strings.Contains(svg, "Nov 25, 6 AM") {
		t.Errorf("the chart is %s", svg)
	}
	s.Show, s.Bytes = func(v float64) string { return byteSize(int64(v)) }, true
	s.Points[1].Value = 150_000
	if svg := string(s.SVG()); !strings.Contains(svg, ">200.0 kB<") || !strings.Contains(svg, ">100.0 kB<") {
		t.Errorf("the chart of bytes is %s", svg)
	}
}

func TestScalesAreRound(t *testing.T) {
	for high, want := range map[float64]float64{0: 1, 1: 1, 1.5: 2, 3: 5, 6: 10, 11: 20, 9_999: 10_000, 10_001: 20_000} {
		s := series{Points: []Point{{noon, high}}}
		if top := s.top(); top != want {
			t.Errorf("the scale for %v ends at %v, want %v", high, top, want)
		}
	}
}
