package report

import (
	"fmt"
	"io"
	"strings"

	"rollcall/mapper"
)

// Text writes the explanation for people. Lists that neither the rows nor the
// ledger connect with the address are only counted, unless everything is asked
// for.
func (e *Explanation) Text(out io.Writer, everything bool) error {
	w := &writer{Writer: out}
	w.linef("%s in association %s, %s", oneLine(e.title()), oneLine(e.Association), stamp(e.At))
	if e.Problem != "" {
		w.linef("The e-mail field holds %q. %s", e.Email, e.ProblemText)
		if e.Hint != "" {
			w.linef("%s", e.Hint)
		}
	}
	w.linef("")
	e.people(w)
	if e.Contact.ReadAt == nil {
		w.linef("Constant Contact: %s.", e.Contact.Text)
	} else {
		w.linef("Constant Contact: %s; read %s.", e.Contact.Text, since(e.At, e.Contact.ReadAt))
	}
	if e.Contact.Refused {
		w.linef("Constant Contact refused this address.")
	}
	if e.OldAccount != "" {
		w.linef("In an account that the association had before: %s. That holds until somebody allows the person back.", stateText(e.OldAccount))
	}
	if e.OptedOut {
		w.linef("An opt-out of this address is on record.")
	}
	if len(e.Before) > 0 {
		before := make([]string, len(e.Before))
		for i, a := range e.Before {
			before[i] = string(a)
		}
		w.linef("Further addresses of this rep: %s", strings.Join(before, ", "))
	}
	for _, n := range e.Notices {
		w.linef("Notice: %s", oneLine(n.Text))
	}
	w.linef("")
	e.table(w, everything)
	e.questions(w)
	e.history(w)
	return w.err
}

func (e *Explanation) title() string {
	if e.Address != "" {
		return string(e.Address)
	}
	if len(e.Holders) > 0 {
		return "Rep " + string(e.Holders[0].Rep)
	}
	return "An address that is none"
}

func (e *Explanation) people(w *writer) {
	if len(e.Holders) == 0 {
		w.linef("Database: nobody has this address.")
	}
	for _, h := range e.Holders {
		if h.Gone {
			w.linef("Database: a rep who had this address is gone.")
			continue
		}
		facts := []string{"active"}
		if !h.Active {
			facts[0] = "not active"
		}
		if h.MemberStatus != "" {
			facts = append(facts, "member "+strings.ToLower(h.MemberStatus))
		} else {
			facts = append(facts, "no member")
		}
		if len(h.Types) > 0 {
			facts = append(facts, strings.Join(h.Types, " and "))
		}
		if h.OptedOut {
			facts = append(facts, "opted out")
		}
		if h.NotMailable {
			facts = append(facts, "not to be mailed")
		}
		if h.Unreadable != "" {
			facts = append(facts, "row cannot be used: "+h.Unreadable)
		}
		who := "rep " + string(h.Rep)
		if n := name(h.FirstName, h.LastName); n != "" {
			who += " " + n
		}
		if h.Company != "" {
			who += ", " + h.Company
		}
		if !h.Now {
			who += " (has another address now)"
		}
		w.linef("Database: %s: %s.", oneLine(who), oneLine(strings.Join(facts, ", ")))
	}
}

func (e *Explanation) table(w *writer, everything bool) {
	lists, remote := e.Connected()
	if everything {
		lists, remote = e.Lists, nil
	}
	if len(lists) == 0 && len(remote) == 0 {
		w.linef("There are no lists.")
	}
	if len(lists) > 0 {
		lines := [][]string{{"LIST", "DATABASE", "CONSTANT CONTACT", "THE PERSON", "BECAUSE"}}
		for _, l := range lists {
			seen := l.Shown
			if l.ShownAt != nil {
				seen += ", " + age(e.At.Sub(*l.ShownAt)) + " ago"
			}
			lines = append(lines, []string{fmt.Sprintf("%s [%s]", l.Name, l.List), l.Database, seen, l.Does, l.Text})
		}
		w.rows(lines)
	}
	for _, r := range reasonsOf(remote) {
		w.linef("%s not concerned. %s", many(remote[r], "further list is", "further lists are"), reasonText(r))
	}
	if e.Fields {
		w.linef("Changed names or company will be told.")
	}
	sentences, names := changes(lists)
	if len(sentences) > 0 {
		w.linef("\nWHAT WOULD CHANGE IT")
	}
	for _, s := range sentences {
		w.linef("  %s: %s", oneLine(strings.Join(names[s], ", ")), s)
	}
}

func reasonsOf(counts map[mapper.Reason]int) []mapper.Reason {
	set := map[mapper.Reason]bool{}
	for r := range counts {
		set[r] = true
	}
	return byPrecedence(set)
}

func (e *Explanation) questions(w *writer) {
	if len(e.Questions) == 0 {
		return
	}
	w.linef("\nQUESTIONS")
	lines := [][]string{}
	for _, q := range e.Questions {
		state := q.State
		switch {
		case q.DecidedAt != nil:
			state += " by " + q.DecidedBy + ", " + stamp(*q.DecidedAt)
		case q.ExpiresAt != nil:
			state += " until " + stamp(*q.ExpiresAt)
		}
		lines = append(lines, []string{fmt.Sprintf("  %d", q.Approval), q.Op, string(q.List), string(q.Kind), "asked " + stamp(q.AskedAt), state})
	}
	w.rows(lines)
}

func (e *Explanation) history(w *writer) {
	if len(e.History) == 0 {
		return
	}
	w.linef("\nLAST CALLS")
	lines := [][]string{}
	for _, h := range e.History {
		state := h.State
		if h.Outcome != "" {
			state += ": " + h.Outcome
		}
		lines = append(lines, []string{"  " + stamp(h.At), h.Kind, h.Op, string(h.List), state, string(h.Reason)})
	}
	w.rows(lines)
}
