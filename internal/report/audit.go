package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"rollcall/internal/store"
)

// Act is one act of an operator.
type Act struct {
	ID          int64        `json:"id"`
	At          time.Time    `json:"at"`
	Who         string       `json:"who"`
	Association string       `json:"association,omitempty"`
	What        store.Action `json:"what"`
	Subjects    []string     `json:"subjects"`
	Detail      string       `json:"detail,omitempty"`
}

// NewAct makes an act presentable.
func NewAct(row store.AuditRow) Act {
	return Act{row.ID, row.At, row.Who, row.Association, row.What, row.Subjects, row.Detail}
}

// AuditTable lists acts.
func AuditTable(out io.Writer, acts []Act) error {
	w := &writer{Writer: out}
	if len(acts) == 0 {
		w.linef("Nobody has done anything yet.")
		return w.err
	}
	lines := [][]string{{"ID", "AT", "WHO", "ASSOCIATION", "WHAT", "ABOUT", "DETAIL"}}
	for _, a := range acts {
		lines = append(lines, []string{
			fmt.Sprint(a.ID), stamp(a.At), a.Who, a.Association, string(a.What), strings.Join(a.Subjects, " "), a.Detail,
		})
	}
	w.rows(lines)
	return w.err
}
