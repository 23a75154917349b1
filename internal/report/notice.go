package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"rollcall/internal/store"
	"rollcall/mapper"
)

// Notice says what is done otherwise than the database says.
type Notice struct {
	Association string           `json:"association"`
	Kind        store.NoticeKind `json:"kind"`
	List        mapper.ListKey   `json:"list,omitempty"`
	Rep         mapper.RepID     `json:"rep,omitempty"`
	What        []string         `json:"what"`
	Text        string           `json:"text"`
	Since       time.Time        `json:"since"`
}

// NewNotice makes a notice presentable.
func NewNotice(association string, n store.Notice) *Notice {
	what := strings.Join(n.What, ", ")
	text := ""
	switch n.Kind {
	case store.NoticeFieldsCut:
		text = fmt.Sprintf("Rep %s has more text than Constant Contact takes, which is cut: %s.", n.Rep, what)
	case store.NoticeNameCut:
		text = fmt.Sprintf("The name of %s is longer than Constant Contact takes, so its list is called %q.", n.List, what)
	case store.NoticeNameTaken:
		text = fmt.Sprintf("Another list has the name of %s, so its list is called %q.", n.List, what)
	}
	return &Notice{association, n.Kind, n.List, n.Rep, n.What, text, n.Since}
}

// NoticeTable lists notices.
func NoticeTable(out io.Writer, all []*Notice) error {
	w := &writer{Writer: out}
	if len(all) == 0 {
		w.linef("There are no notices.")
		return w.err
	}
	lines := [][]string{{"ASSOCIATION", "KIND", "SINCE", "NOTICE"}}
	for _, n := range all {
		lines = append(lines, []string{n.Association, string(n.Kind), stamp(n.Since), n.Text})
	}
	w.rows(lines)
	return w.err
}

// notices are those that concern a person: about the reps, and about lists that
// the person has to do with.
func (e *Explanation) notices(all []store.Notice) {
	concerns := map[mapper.ListKey]bool{}
	for _, l := range e.Lists {
		concerns[l.List] = !l.remote
	}
	for _, n := range all {
		if n.Rep != "" || concerns[n.List] {
			e.Notices = append(e.Notices, NewNotice(e.Association, n))
		}
	}
}
