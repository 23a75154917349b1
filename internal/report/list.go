package report

import (
	"fmt"
	"io"

	"rollcall/internal/store"
	"rollcall/mapper"
)

// List is a list of an association with the answers that there are for it.
type List struct {
	Association string          `json:"association"`
	Key         mapper.ListKey  `json:"list"`
	Name        string          `json:"name"`
	Kind        mapper.ListKind `json:"kind"`
	State       string          `json:"state"` // new where it is still to be made or found
	ListID      string          `json:"list_id,omitempty"`
	Existed     bool            `json:"existed"`           // was there before Rollcall
	Foreign     string          `json:"foreign,omitempty"` // keep or remove; empty where it is no choice
	Paused      mapper.Reason   `json:"paused,omitempty"`  // why nothing is planned for it
	On          int             `json:"on"`                // people on it as far as is known
	Left        int             `json:"left"`              // people who left it in Constant Contact
	Questions   int             `json:"questions"`         // that wait for an answer
	Answers     []string        `json:"answers,omitempty"` // what can be done about it

	// Of one list that is shown by itself.
	Leftover *Leftover `json:"leftover,omitempty"`
}

// Leftover is who may be taken off a list by one act.
type Leftover struct {
	People   []PersonPlan `json:"people"`
	Adoption int          `json:"adoption"` // further people of whom the adoption questions decide
}

// NewList makes a list presentable.
func NewList(association string, row store.ListRow, paused mapper.Reason) *List {
	l := &List{
		Association: association, Key: row.Key, Name: row.Name, Kind: row.Kind, State: string(row.State), ListID: row.ListID, Existed: row.Existed,
		Paused: paused, On: row.On, Left: row.Left, Questions: row.Questions,
	}
	switch row.State {
	case mapper.ListUnbound:
		l.State = "new"
	case mapper.ListMissing:
		l.Answers = []string{"recreate", "bind", "switch-off"}
	case mapper.ListAmbiguous, mapper.ListNoRoom:
		l.ListID, l.Answers = "", []string{"bind", "switch-off"}
	case mapper.ListOff:
		l.ListID, l.Answers = "", []string{"recreate", "bind"}
	}
	if row.Kind != mapper.ListGroup && row.State != mapper.ListUnbound {
		l.Foreign = "remove"
		if row.KeepForeign {
			l.Foreign = "keep"
		}
	}
	return l
}

// ListTable lists lists.
func ListTable(out io.Writer, all []*List) error {
	w := &writer{Writer: out}
	if len(all) == 0 {
		w.linef("There are no lists.")
		return w.err
	}
	lines := [][]string{{"LIST", "STATE", "ON", "LEFT", "QUESTIONS", "FOREIGN", "PAUSED"}}
	asks := false
	for _, l := range all {
		asks = asks || len(l.Answers) > 0
		lines = append(lines, []string{
			fmt.Sprintf("%s [%s]", l.Name, l.Key), l.State, fmt.Sprint(l.On), count(l.Left), count(l.Questions), l.Foreign, string(l.Paused),
		})
	}
	w.rows(lines)
	if asks {
		w.linef("\nrollcall lists show LIST says what can be done about one that is missing, ambiguous or off.")
	}
	return w.err
}

// Text writes one list.
func (l *List) Text(out io.Writer) error {
	w := &writer{Writer: out}
	w.linef("%s [%s] of association %s: %s, %s on it.", oneLine(l.Name), oneLine(string(l.Key)), oneLine(l.Association), l.State, many(l.On, "person is", "people are"))
	if l.ListID != "" {
		w.linef("Constant Contact's list %s%s.", oneLine(l.ListID), map[bool]string{true: ", which was there before", false: ""}[l.Existed])
	}
	if l.Paused != "" {
		w.linef("Nothing is planned for it. %s", l.Paused.Text())
	}
	if l.Foreign != "" {
		w.linef("Foreign people: %s.", l.Foreign)
	}
	if l.Left > 0 {
		w.linef("%s.", many(l.Left, "person left it in Constant Contact and stays off", "people left it in Constant Contact and stay off"))
	}
	if l.Questions > 0 {
		w.linef("%s for an answer: rollcall approvals", many(l.Questions, "question waits", "questions wait"))
	}
	for _, answer := range l.Answers {
		w.linef("rollcall lists %s %s", answers[answer].command, oneLine(string(l.Key))+answers[answer].more)
	}
	if l.Leftover != nil {
		l.Leftover.text(w)
	}
	return w.err
}

// answers are the commands about a list that is not bound.
var answers = map[string]struct{ command, more string }{
	"recreate":   {"recreate", "    makes it again; who left it stays off"},
	"bind":       {"bind", " --to ID|NAME    takes another list of the account, after a look at who is on it"},
	"switch-off": {"switch-off", "    leaves it alone"},
}

func (l *Leftover) text(w *writer) {
	if l.Adoption > 0 {
		w.linef("%s until the questions about this list are answered: rollcall approvals", many(l.Adoption, "further person stays", "further people stay"))
	}
	if len(l.People) == 0 {
		w.linef("Nobody is left behind.")
		return
	}
	w.linef("%s left behind; rollcall lists remove-left takes them off:", many(len(l.People), "person is", "people are"))
	lines := make([][]string, 0, len(l.People))
	for _, r := range l.People {
		lines = append(lines, []string{"  " + string(r.Address), name(r.FirstName, r.LastName), rep(r.Rep), reasonIf(r.Reason)})
	}
	w.rows(lines)
}
