package console

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"rollcall/mapper"
)

// functions are those of the templates.
var functions = template.FuncMap{
	"num":    num[int],
	"many":   many,
	"bytes":  byteSize,
	"reason": reasonText,
	"list":   listName,
	"by":     byWhom,
	"did":    didWhat,
}

// byWhom is who asked for something, where that was no person.
func byWhom(who string) string {
	switch who {
	case "schedule":
		return "Rollcall itself"
	case "sql":
		return "the member database"
	}
	return who
}

// didWhat is the word for what was done to so many people.
func didWhat(what string) string {
	if what == "inactivated" {
		return "taken off"
	}
	return what
}

// number is any whole number.
type number interface{ ~int | ~int64 }

// num is a number with its thousands apart: 12,345.
func num[N number](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if n < 0 {
		sign, digits = "−", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// many is a number with its noun: 1 person, 2 people.
func many(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return num(n) + " " + more
}

// byteSize is a number of bytes for people.
func byteSize(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	size, units := float64(n)/unit, "kMGTP"
	for size >= unit && len(units) > 1 {
		size, units = size/unit, units[1:]
	}
	return fmt.Sprintf("%.1f %cB", size, units[0])
}

// reasonText is the sentence of a reason; the code where it has none.
func reasonText(r mapper.Reason) string {
	if text := r.Text(); text != "" {
		return text
	}
	return string(r)
}

// listName is what a list is called where its name is not known.
func listName(key mapper.ListKey) string {
	kind, ref, _ := strings.Cut(string(key), ":")
	switch kind {
	case "":
		return "all lists"
	case "all_active":
		return "everybody active"
	case "type", "group", "unmanaged":
		return kind + " " + ref
	}
	return string(key)
}

// moment is a time as a page shows it: in the association's zone, with its age.
// The zero moment is never.
type moment struct {
	at   time.Time
	zone *time.Location
	now  time.Time
}

func (q *request) moment(t time.Time) moment { return moment{t, q.zone, q.now} }

func (q *request) momentOf(t *time.Time) moment {
	if t == nil {
		return moment{}
	}
	return q.moment(*t)
}

// Known reports whether there is a time.
func (m moment) Known() bool { return !m.at.IsZero() }

// Local is the time in the association's zone.
func (m moment) Local() string {
	if !m.Known() {
		return "never"
	}
	at := m.at.In(m.zone)
	form := "Jan 2, 3:04 PM MST"
	if at.Year() != m.now.In(m.zone).Year() {
		form = "Jan 2 2006, 3:04 PM MST"
	}
	return at.Format(form)
}

// Day is the time with its day of the week.
func (m moment) Day() string {
	if !m.Known() {
		return "never"
	}
	return m.at.In(m.zone).Format("Monday, ") + m.Local()
}

// Ago is how long ago it was, or how long it is until then.
func (m moment) Ago() string {
	if !m.Known() {
		return "never"
	}
	if d := m.at.Sub(m.now); d > 0 {
		return "in " + age(d)
	}
	return age(m.now.Sub(m.at)) + " ago"
}

// HTML is the age, with the time behind it.
func (m moment) HTML() template.HTML {
	if !m.Known() {
		return "never"
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`,
		m.at.UTC().Format(time.RFC3339), template.HTMLEscapeString(m.Local()), template.HTMLEscapeString(m.Ago())))
}

// seconds is a duration for people.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	if d < time.Minute {
		return fmt.Sprintf("%.0f s", s)
	}
	return d.Round(time.Second).String()
}

// age is a duration in its largest unit.
func age(d time.Duration) string {
	switch {
	case d < time.Second:
		return "a moment"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
