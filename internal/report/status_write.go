package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/credential"
)

// How much of a long list is shown, so that everything fits one screen.
const (
	shownAttention    = 4
	shownAssociations = 6
	shownProblems     = 3
)

// Text writes the status on one screen of a terminal, with colours if wanted.
func (s *Status) Text(out io.Writer, colour bool) error {
	w := &writer{Writer: out}
	s.headline(w, colour)
	for i, a := range s.Attention {
		if i == shownAttention {
			w.linef("  … and %d more: rollcall status --json", len(s.Attention)-i)
			break
		}
		of := ""
		if a.Association != "" {
			of = "association " + oneLine(a.Association) + ": "
		}
		w.linef("  ! %s%s\n    Try: %s", of, a.Text, a.Try)
	}
	w.linef("")
	lines := [][]string{{"Stream", s.streamLine()}, {"", s.queueLine()}}
	for _, k := range s.Keys {
		lines = append(lines, []string{"Key " + k.Name, s.keyLine(k)})
	}
	w.rows(lines)
	if len(s.Associations) > 0 {
		w.linef("")
		s.associations(w)
	}
	return w.err
}

func (s *Status) headline(w *writer, colour bool) {
	verdict, paint := "All is well", "\x1b[32m"
	if !s.Well {
		verdict, paint = many(len(s.Attention), "thing needs attention", "things need attention"), "\x1b[31m"
	}
	if colour {
		verdict = "\x1b[1m" + paint + verdict + "\x1b[0m"
	}
	w.linef("%s · source %s · %s", verdict, oneLine(s.Source), stamp(s.At))
}

func (s *Status) streamLine() string {
	st := s.Stream
	if st.Capture == captureTriggers {
		return s.logLine()
	}
	read := "is being read"
	switch {
	case st.SlotProblem != "":
		return "slot " + st.Slot + ": " + st.SlotProblem
	case !st.Active:
		read = "is not being read"
	}
	limit := ""
	if st.SafeBytes >= 0 {
		limit = ", " + size(st.SafeBytes) + " more until it is lost"
	}
	return fmt.Sprintf("slot %s %s; %s of log held%s; position saved %s", st.Slot, read, size(st.RetainedBytes), limit, s.since(st.SavedAt))
}

// logLine is streamLine where triggers capture changes.
func (s *Status) logLine() string {
	st := s.Stream
	moved, waits := "is being moved", "every row is moved"
	switch {
	case st.SlotProblem != "":
		return "log of changes: " + st.SlotProblem
	case !st.Active:
		moved = "is not being moved"
	}
	if st.LogSince != nil {
		waits = "the oldest row was written " + s.since(st.LogSince)
	}
	return fmt.Sprintf("log of changes %s; %s; %s; position saved %s", moved, waits, size(st.LogBytes), s.since(st.SavedAt))
}

func (s *Status) queueLine() string {
	looked := "every change is looked at"
	if s.Stream.Touched > 0 {
		looked = many(s.Stream.Touched, "change", "changes") + " to look at, the oldest " + s.since(s.Stream.TouchedSince)
	}
	return looked + "; every row was read " + s.since(s.Stream.FullPassAt)
}

func (s *Status) keyLine(k KeyStatus) string {
	line := fmt.Sprintf("%d of %d calls used today, %d left (%d for opt-outs alone); %s",
		k.Used, k.Daily, max(0, k.Daily-k.Used), min(k.Reserve, max(0, k.Daily-k.Used)), many(k.Associations, "association", "associations"))
	switch {
	case k.ClosedUntil != nil && k.ClosedUntil.After(s.At):
		return line + "; closed until " + stamp(*k.ClosedUntil)
	case !k.Held:
		return line + "; nobody calls"
	}
	return line + "; changes are gathered for " + age(time.Duration(k.LingerSeconds*float64(time.Second)))
}

// associations lists the ones with trouble first.
func (s *Status) associations(w *writer) {
	needy := map[string]int{}
	for _, a := range s.Attention {
		needy[a.Association]++
	}
	all := slices.Clone(s.Associations)
	slices.SortStableFunc(all, func(a, b AssociationStatus) int { return cmp.Compare(needy[b.ID], needy[a.ID]) })
	lines := [][]string{{"ASSOCIATION", "ACCOUNT", "WAITING", "OLDEST", "CALLS", "LAST RUN", "NIGHTLY", "QUESTIONS", "PROBLEMS"}}
	for i, a := range all {
		if i == shownAssociations {
			break
		}
		lines = append(lines, s.association(a))
	}
	w.rows(lines)
	if more := len(all) - shownAssociations; more > 0 {
		w.linef("… and %d more: rollcall status --association ID", more)
	}
}

func (s *Status) association(a AssociationStatus) []string {
	account := connectionWords(a.Connection)
	if a.Connection == credential.Connected {
		account = cmp.Or(a.Account, account)
	}
	oldest := ""
	if a.DueSince != nil {
		oldest = age(s.At.Sub(*a.DueSince))
	}
	run := "none yet"
	if r := a.LastRun; r != nil {
		run = fmt.Sprintf("%s %s, %s", r.Kind, r.State, s.since(&r.StartedAt))
	}
	nightly := ""
	if a.NightlyAt != nil {
		nightly = "due"
		if left := a.NightlyAt.Sub(s.At); left > 0 {
			nightly = "in " + age(left)
		}
	}
	return []string{short(a.ID, 20), short(account, 24), decimal(a.Due), oldest, decimal(a.Open), run, nightly, count(a.Questions), problems(a.Problems)}
}

func problems(all []ProblemStatus) string {
	var words []string
	for i, p := range all {
		if i == shownProblems {
			words = append(words, "…")
			break
		}
		words = append(words, fmt.Sprintf("%d %s", p.N, p.Reason))
	}
	return strings.Join(words, ", ")
}

// since is how long ago something was.
func (s *Status) since(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return age(s.At.Sub(*t)) + " ago"
}

// size is a number of bytes in its largest unit.
func size(n int64) string {
	const unit = 1024
	value := float64(max(0, n))
	for _, name := range []string{"bytes", "KiB", "MiB", "GiB"} {
		if value < unit {
			if name == "bytes" {
				return fmt.Sprintf("%.0f %s", value, name)
			}
			return fmt.Sprintf("%.1f %s", value, name)
		}
		value /= unit
	}
	return fmt.Sprintf("%.1f TiB", value)
}

// short cuts a text that people chose.
func short(text string, most int) string {
	r := []rune(text)
	if len(r) <= most {
		return text
	}
	return string(r[:most-1]) + "…"
}

func decimal[N int | int64](n N) string { return strconv.FormatInt(int64(n), 10) }
