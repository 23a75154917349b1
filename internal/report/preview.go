package report

import (
	"io"

	"rollcall/mapper"
)

// Preview is what syncing one group now would do.
type Preview struct {
	Association string         `json:"association"`
	Group       mapper.GroupID `json:"group"`
	List        mapper.ListKey `json:"list"`
	Name        string         `json:"name"`
	On          int            `json:"on"`        // people on it as far as is known
	Adds        int            `json:"add"`       // people who would be added
	Removals    []PersonPlan   `json:"remove"`    // for approval
	OptedOut    int            `json:"opted_out"` // further removals, which need none
	Adoption    int            `json:"adoption"`  // people of whom the adoption questions decide
}

// Text writes the preview for people.
func (p *Preview) Text(out io.Writer) error {
	w := &writer{Writer: out}
	w.linef("%s [%s] of association %s: %s on it.", oneLine(p.Name), p.List, oneLine(p.Association), many(p.On, "person is", "people are"))
	w.linef("%s added.", many(p.Adds, "person would be", "people would be"))
	if p.OptedOut > 0 {
		w.linef("%s taken off because of an opt-out, whatever is approved here.", many(p.OptedOut, "person is", "people are"))
	}
	if p.Adoption > 0 {
		w.linef("%s until the questions about this list are answered: rollcall approvals", many(p.Adoption, "person stays", "people stay"))
	}
	if len(p.Removals) == 0 {
		w.linef("Nobody would be taken off.")
		return w.err
	}
	w.linef("%s taken off:", many(len(p.Removals), "person would be", "people would be"))
	lines := make([][]string, 0, len(p.Removals))
	for _, r := range p.Removals {
		lines = append(lines, []string{"  " + string(r.Address), name(r.FirstName, r.LastName), rep(r.Rep), reasonIf(r.Reason)})
	}
	w.rows(lines)
	return w.err
}
