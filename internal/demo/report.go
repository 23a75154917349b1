package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Report is the whole demonstration.
type Report struct {
	FirstSync FirstSync `json:"first_sync"`
	Outcomes  []Outcome `json:"outcomes"`
	// Violations counts calls that no client may make, as the simulator saw it.
	Violations int  `json:"violations"`
	OK         bool `json:"ok"`
}

// FirstSync is what the first sync did.
type FirstSync struct {
	Reps     int64   `json:"reps"`
	Groups   int64   `json:"groups"`
	Lists    int     `json:"lists"`
	Contacts int     `json:"contacts"`
	Calls    int     `json:"calls"`
	Seconds  float64 `json:"seconds"`
	Missing  int     `json:"missing"` // pairs that a plain SQL statement wants and Constant Contact lacks
	Wrong    int     `json:"wrong"`   // pairs that it forbids and Constant Contact has
}

// printer shows the demonstration while it runs.
type printer struct{ w io.Writer }

func (p printer) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

func (p printer) firstSync(f FirstSync) {
	p.line("first sync: %d reps, %d groups → %d lists, %d contacts, %d calls in %.1f s; compared with a plain SQL statement: %d missing, %d wrong\n",
		f.Reps, f.Groups, f.Lists, f.Contacts, f.Calls, f.Seconds, f.Missing, f.Wrong)
}

func (p printer) outcome(o Outcome) {
	p.line("── %s", o.Title)
	for l := range strings.Lines(o.SQL) {
		p.line("   sql       %s", strings.TrimRight(l, "\n"))
	}
	for _, d := range o.Decisions {
		reason := ""
		if d.Reason != "" {
			reason = "  because " + string(d.Reason) + ": " + d.Reason.Text()
		}
		p.line("   decided   %-5s %s%s", d.Verdict, d.List, reason)
	}
	for _, c := range o.Calls {
		p.line("   call      %s", c)
	}
	lists := strings.Join(o.Lists, ", ")
	if lists == "" {
		lists = "none of them"
	}
	p.line("   now on    %s", lists)
	p.line("   %s %.1f s\n", verdictOf(o), o.Seconds)
}

func verdictOf(o Outcome) string {
	if o.OK {
		return "as expected"
	}
	return "WRONG: " + o.Wrong + ";"
}

func (p printer) table(r Report) {
	w := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "change\treason\tcalls\tseconds\tresult")
	for _, o := range r.Outcomes {
		result := "applied"
		if !o.OK {
			result = "WRONG"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%.1f\t%s\n", o.Title, reasonsOf(o), len(o.Calls), o.Seconds, result)
	}
	w.Flush()
}

// reasonsOf are the different reasons of an outcome's decisions.
func reasonsOf(o Outcome) string {
	var reasons []string
	seen := map[string]bool{"": true}
	for _, d := range o.Decisions {
		if reason := string(d.Reason); !seen[reason] {
			seen[reason] = true
			reasons = append(reasons, reason)
		}
	}
	if len(reasons) == 0 {
		return "wanted"
	}
	return strings.Join(reasons, ", ")
}

func writeJSON(w io.Writer, r Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
