package console

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// Point is a value at a time.
type Point struct {
	At    time.Time
	Value float64
}

// series is what a chart shows.
type series struct {
	Title  string
	Points []Point
	Show   func(float64) string // a value for people
	Limit  float64              // a line not to be crossed; 0: none
	Bytes  bool                 // values are bytes, whose units are 1,024 apart
	From   time.Time
	To     time.Time
	zone   *time.Location
}

// The chart's box, in its own units; the page scales it.
const (
	chartWidth, chartHeight = 360.0, 150.0
	chartLeft, chartRight   = 54.0, 8.0
	chartTop, chartBottom   = 10.0, 22.0
	// chartGap between two points means that nobody was there to look.
	chartGap = 30 * time.Minute
	// chartDay is up to where the hour alone says when.
	chartDay = 20 * time.Hour
)

// Empty reports whether there is too little to draw.
func (s series) Empty() bool { return len(s.Points) < 2 }

// Last is the latest value.
func (s series) Last() string {
	if len(s.Points) == 0 {
		return ""
	}
	return s.Show(s.Points[len(s.Points)-1].Value)
}

// SVG draws the series. Colours come from classes: the policy allows no styles in
// the page. The text of it is the title and the range, for those who do not see
// it.
func (s series) SVG() template.HTML {
	top := s.top()
	x := func(t time.Time) float64 {
		return chartLeft + float64(t.Sub(s.From))/float64(s.To.Sub(s.From))*(chartWidth-chartLeft-chartRight)
	}
	y := func(v float64) float64 {
		return chartHeight - chartBottom - v/top*(chartHeight-chartTop-chartBottom)
	}
	var b strings.Builder
	low, high := s.bounds()
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s: from %s to %s, last %s">`, chartWidth, chartHeight,
		template.HTMLEscapeString(s.Title), template.HTMLEscapeString(s.Show(low)), template.HTMLEscapeString(s.Show(high)), template.HTMLEscapeString(s.Last()))
	said := ""
	for _, part := range []float64{0, 1, 0.5} {
		text := s.Show(top * part)
		if part == 0.5 && strings.Contains(said, "|"+text+"|") {
			continue // too small a scale to have a middle
		}
		said += "|" + text + "|"
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%[3]f" y2="%[3]f"/>`, chartLeft, chartWidth-chartRight, y(top*part))
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="end">%s</text>`, chartLeft-6, y(top*part)+4, template.HTMLEscapeString(text))
	}
	when := "Jan 2, 3 PM"
	if s.To.Sub(s.From) < chartDay {
		when = "3:04 PM"
	}
	for i, anchor := range []string{"start", "middle", "end"} {
		at := s.From.Add(s.To.Sub(s.From) * time.Duration(i) / 2)
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x(at), chartHeight-6, anchor, at.In(s.zone).Format(when))
	}
	for _, run := range s.runs() {
		var line strings.Builder
		for i, p := range run {
			command := "L"
			if i == 0 {
				command = "M"
			}
			fmt.Fprintf(&line, "%s%.1f %.1f", command, x(p.At), y(p.Value))
		}
		fmt.Fprintf(&b, `<path class="area" d="%sL%.1f %.1fL%.1f %.1fZ"/>`, line.String(), x(run[len(run)-1].At), y(0), x(run[0].At), y(0))
		fmt.Fprintf(&b, `<path class="line" d="%s"/>`, line.String())
	}
	if s.Limit > 0 {
		fmt.Fprintf(&b, `<line class="limit" x1="%.1f" x2="%.1f" y1="%[3]f" y2="%[3]f"/>`, chartLeft, chartWidth-chartRight, y(s.Limit))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// top is the end of the scale: a round number above every value.
func (s series) top() float64 {
	_, high := s.bounds()
	high = max(high, s.Limit)
	top, unit := 1.0, 1.0
	for s.Bytes && high/unit >= 1024 {
		unit *= 1024
	}
	high /= unit
	for top < high {
		for _, step := range []float64{2, 2.5, 2} { // 1, 2, 5, 10, …
			if top >= high {
				break
			}
			top *= step
		}
	}
	return top * unit
}

func (s series) bounds() (low, high float64) {
	for i, p := range s.Points {
		if i == 0 {
			low, high = p.Value, p.Value
		}
		low, high = min(low, p.Value), max(high, p.Value)
	}
	return low, high
}

// runs are the points without the gaps in which nobody looked.
func (s series) runs() [][]Point {
	var runs [][]Point
	for i, p := range s.Points {
		if i == 0 || p.At.Sub(s.Points[i-1].At) > chartGap {
			runs = append(runs, nil)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], p)
	}
	return runs
}
