package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"rollcall/mapper"
)

// writer keeps the first error of many small writes.
type writer struct {
	io.Writer
	err error
}

func (w *writer) linef(format string, args ...any) {
	if w.err == nil {
		_, w.err = fmt.Fprintf(w.Writer, format+"\n", args...)
	}
}

// rows writes lines of cells, aligned, without the blanks at the ends of lines
// that alignment leaves.
func (w *writer) rows(lines [][]string) {
	if w.err != nil {
		return
	}
	widest := 0
	for _, cells := range lines {
		widest = max(widest, len(cells))
	}
	var aligned bytes.Buffer
	t := tabwriter.NewWriter(&aligned, 0, 8, 2, ' ', 0)
	for _, cells := range lines {
		for i := range widest {
			if i < len(cells) {
				fmt.Fprint(t, oneLine(cells[i]))
			}
			if i < widest-1 {
				fmt.Fprint(t, "\t")
			}
		}
		fmt.Fprintln(t)
	}
	if w.err = t.Flush(); w.err != nil {
		return
	}
	for line := range strings.Lines(aligned.String()) {
		w.linef("%s", strings.TrimRight(line, " \n"))
	}
}

// oneLine keeps what people typed from breaking a table or a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

// stamp is a time for people.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// since is a time with its age; "never" for none.
func since(now time.Time, t *time.Time) string {
	if t == nil || t.IsZero() {
		return "never"
	}
	return fmt.Sprintf("%s (%s ago)", stamp(*t), age(now.Sub(*t)))
}

// age is a duration in its largest unit.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// count is a number in a table; nothing for zero, so that what is there stands
// out.
func count(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// many is a number with its noun: 1 person, 2 people.
func many(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// reasonText is the sentence of a reason, with its code for those who look it
// up.
func reasonText(r mapper.Reason) string {
	if text := r.Text(); text != "" {
		return text
	}
	return string(r)
}

// JSON writes one value as a document.
func JSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// Documents writes several values as the array of one document, each as soon as
// it is there.
type Documents struct {
	w     io.Writer
	begun bool
}

// NewDocuments begins {"<name>": [.
func NewDocuments(w io.Writer, name string) (*Documents, error) {
	key, err := json.Marshal(name)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(w, "{%s: [", key)
	return &Documents{w: w}, err
}

// next begins another element.
func (d *Documents) next() error {
	between := "\n"
	if d.begun {
		between = ",\n"
	}
	d.begun = true
	_, err := io.WriteString(d.w, between)
	return err
}

// Add writes one value.
func (d *Documents) Add(v any) error {
	if err := d.next(); err != nil {
		return err
	}
	return compact(d.w, v)
}

// Close ends the document.
func (d *Documents) Close() error {
	_, err := io.WriteString(d.w, "\n]}\n")
	return err
}

// compact writes a value on one line, without a line end.
func compact(w io.Writer, v any) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, strings.TrimSuffix(b.String(), "\n"))
	return err
}
