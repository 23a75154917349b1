package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"rollcall/mapper"
)

// Text writes the plan for people.
func (p *Plan) Text(out io.Writer) error {
	w := &writer{Writer: out}
	w.linef("Plan for association %s, %s. Nothing was changed.", oneLine(p.Association), stamp(p.At))
	w.linef("Constant Contact is known as of: last complete pull %s; last read of a person %s.",
		since(p.At, p.Facts.PulledAt), since(p.At, p.Facts.ReadAt))
	if p.Facts.Queued > 0 {
		w.linef("%s to be looked at again.", many(p.Facts.Queued, "address is queued", "addresses are queued"))
	}
	if p.Facts.Questions > 0 {
		w.linef("%s for an answer: rollcall approvals", many(p.Facts.Questions, "question waits", "questions wait"))
	}
	for _, alarm := range p.Facts.Alarms {
		w.linef("Alarm: %s. Removals are held.", oneLine(alarm))
	}
	for _, note := range p.Notes {
		w.linef("Note: %s", note)
	}
	w.linef("")
	lines := [][]string{{"LIST", "STATE", "ON", "ADD", "REMOVE", "HELD", "WAITING", "LEFT OUT", "LEFT BEHIND", "AS IS"}}
	var total ListPlan
	explained := map[mapper.Reason]bool{}
	for _, l := range p.Lists() {
		lines = append(lines, l.row())
		for _, r := range l.reasons() {
			n := l.Reasons[r]
			explained[r] = true
			lines = append(lines, []string{
				"  " + string(r), "", "", "", count(n.Removals), count(n.Held), count(n.Waiting),
				count(n.LeftOut), count(n.LeftBehind), count(n.AsIs),
			})
		}
		for _, k := range slices.Sorted(maps.Keys(l.Kinds)) {
			lines = append(lines, []string{"  held: " + string(k), "", "", "", "", fmt.Sprint(l.Kinds[k])})
		}
		total.add(l)
	}
	total.Name = "Total"
	w.rows(append(lines, total.row()))
	if p.FieldUpdates > 0 {
		w.linef("Changed names or companies to tell: %s.", many(p.FieldUpdates, "person", "people"))
	}
	if p.Moves > 0 {
		w.linef("Contacts to give another address: %d.", p.Moves)
	}
	if len(explained) > 0 {
		w.linef("\nREASONS")
		var texts [][]string
		for _, r := range byPrecedence(explained) {
			texts = append(texts, []string{"  " + string(r), reasonText(r)})
		}
		w.rows(texts)
	}
	if p.names {
		p.people(w)
	}
	return w.err
}

// people writes the names behind the numbers.
func (p *Plan) people(w *writer) {
	for _, l := range p.Lists() {
		if len(l.People) == 0 {
			continue
		}
		w.linef("\n%s", oneLine(l.Name))
		lines := make([][]string, 0, len(l.People))
		for _, who := range l.People {
			op := who.Op
			if who.Held != "" {
				op += ", held: " + string(who.Held)
			}
			lines = append(lines, []string{"  " + op, string(who.Address), name(who.FirstName, who.LastName), rep(who.Rep), string(who.Reason)})
		}
		w.rows(lines)
	}
}

func (l *ListPlan) row() []string {
	name := l.Name
	if l.Key != "" {
		name += " [" + string(l.Key) + "]"
	}
	return []string{
		name, l.State, fmt.Sprint(l.On), fmt.Sprint(l.Adds), fmt.Sprint(l.Removals), count(l.Held), count(l.Waiting),
		count(l.LeftOut), count(l.LeftBehind), count(l.AsIs),
	}
}

func (l *ListPlan) add(other *ListPlan) {
	l.On += other.On
	l.Adds += other.Adds
	l.Removals += other.Removals
	l.Held += other.Held
	l.Waiting += other.Waiting
	l.LeftOut += other.LeftOut
	l.LeftBehind += other.LeftBehind
	l.AsIs += other.AsIs
}

// reasons are those of the list, in order of precedence.
func (l *ListPlan) reasons() []mapper.Reason {
	present := map[mapper.Reason]bool{}
	for r, n := range l.Reasons {
		if *n != (ReasonPlan{}) {
			present[r] = true
		}
	}
	return byPrecedence(present)
}

func byPrecedence(set map[mapper.Reason]bool) []mapper.Reason {
	return slices.SortedFunc(maps.Keys(set), func(a, b mapper.Reason) int { return cmp.Or(a.Compare(b), cmp.Compare(a, b)) })
}

func name(first, last string) string {
	if first == "" || last == "" {
		return first + last
	}
	return first + " " + last
}

func rep(id mapper.RepID) string {
	if id == "" {
		return ""
	}
	return "rep " + string(id)
}

type listDocument struct {
	List       mapper.ListKey   `json:"list"`
	Name       string           `json:"name"`
	State      string           `json:"state,omitempty"`
	On         int              `json:"on"`
	Adds       int              `json:"add"`
	Removals   int              `json:"remove"`
	Held       int              `json:"held"`
	HeldKinds  []kindDocument   `json:"held_kinds,omitempty"`
	Waiting    int              `json:"waiting"`
	LeftOut    int              `json:"left_out"`
	LeftBehind int              `json:"left_behind"`
	AsIs       int              `json:"as_is"`
	Reasons    []reasonDocument `json:"reasons,omitempty"`
	People     []PersonPlan     `json:"people,omitempty"`
}

type kindDocument struct {
	Kind mapper.HoldKind `json:"kind"`
	Ops  int             `json:"ops"`
}

type reasonDocument struct {
	Reason     mapper.Reason `json:"reason"`
	Text       string        `json:"text"`
	Removals   int           `json:"remove,omitempty"`
	Held       int           `json:"held,omitempty"`
	Waiting    int           `json:"waiting,omitempty"`
	LeftOut    int           `json:"left_out,omitempty"`
	LeftBehind int           `json:"left_behind,omitempty"`
	AsIs       int           `json:"as_is,omitempty"`
}

type planDocument struct {
	Association  string     `json:"association"`
	At           time.Time  `json:"at"`
	PulledAt     *time.Time `json:"pulled_at"`
	ReadAt       *time.Time `json:"read_at"`
	FullPassAt   *time.Time `json:"full_pass_at"`
	Queued       int        `json:"queued"`
	Questions    int        `json:"questions"`
	Alarms       []string   `json:"alarms,omitempty"`
	Notes        []string   `json:"notes,omitempty"`
	FieldUpdates int        `json:"update_fields"`
	Moves        int        `json:"move_contacts"`
}

// Document writes the plan as the next element of a document, one list after
// the other.
func (p *Plan) Document(d *Documents) error {
	if err := d.next(); err != nil {
		return err
	}
	if _, err := io.WriteString(d.w, `{"plan": `); err != nil {
		return err
	}
	err := compact(d.w, planDocument{
		Association: p.Association, At: p.At, PulledAt: p.Facts.PulledAt, ReadAt: p.Facts.ReadAt, FullPassAt: p.Facts.FullPassAt,
		Queued: p.Facts.Queued, Questions: p.Facts.Questions, Alarms: p.Facts.Alarms, Notes: p.Notes,
		FieldUpdates: p.FieldUpdates, Moves: p.Moves,
	})
	if err != nil {
		return err
	}
	if _, err := io.WriteString(d.w, `, "lists": [`); err != nil {
		return err
	}
	lists := Documents{w: d.w}
	for _, l := range p.Lists() {
		if err := lists.Add(l.document()); err != nil {
			return err
		}
	}
	_, err = io.WriteString(d.w, "\n]}")
	return err
}

func (l *ListPlan) document() listDocument {
	doc := listDocument{
		List: l.Key, Name: l.Name, State: l.State, On: l.On, Adds: l.Adds, Removals: l.Removals, Held: l.Held, Waiting: l.Waiting,
		LeftOut: l.LeftOut, LeftBehind: l.LeftBehind, AsIs: l.AsIs, People: l.People,
	}
	for _, k := range slices.Sorted(maps.Keys(l.Kinds)) {
		doc.HeldKinds = append(doc.HeldKinds, kindDocument{k, l.Kinds[k]})
	}
	for _, r := range l.reasons() {
		n := l.Reasons[r]
		doc.Reasons = append(doc.Reasons, reasonDocument{r, r.Text(), n.Removals, n.Held, n.Waiting, n.LeftOut, n.LeftBehind, n.AsIs})
	}
	return doc
}
