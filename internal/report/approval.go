package report

import (
	"fmt"
	"io"
	"time"

	"rollcall/internal/store"
	"rollcall/mapper"
)

// Approval is a question to a person.
type Approval struct {
	ID          int64           `json:"id"`
	Association string          `json:"association"`
	Kind        mapper.HoldKind `json:"kind"`
	Question    string          `json:"question"`
	List        mapper.ListKey  `json:"list,omitempty"`
	Name        string          `json:"name,omitempty"`
	State       string          `json:"state"`
	Detail      string          `json:"detail,omitempty"`
	People      int             `json:"people"`    // asked about
	Remaining   int             `json:"remaining"` // of these, neither done nor withdrawn
	AskedAt     time.Time       `json:"asked_at"`
	ExpiresAt   *time.Time      `json:"expires_at,omitempty"`
	DecidedAt   *time.Time      `json:"decided_at,omitempty"`
	DecidedBy   string          `json:"decided_by,omitempty"`
	Means       string          `json:"means"` // what the answer means, or would mean
	Pairs       []ApprovalPair  `json:"pairs,omitempty"`
}

// ApprovalPair is one operation of a question.
type ApprovalPair struct {
	Address mapper.Address `json:"address"`
	List    mapper.ListKey `json:"list"`
	Name    string         `json:"name,omitempty"`
	Op      string         `json:"op"`
	Reason  mapper.Reason  `json:"reason,omitempty"`
	Rep     mapper.RepID   `json:"rep,omitempty"`
	Ended   string         `json:"ended,omitempty"`
}

// questions are what each kind of question asks, and what yes and no mean.
var questions = map[mapper.HoldKind]struct{ asks, yes, no string }{
	mapper.HoldRemovals: {
		"More people would be taken off this list than goes without asking.",
		"They are taken off the list.", "They stay on the list, and are asked about again when others come in addition.",
	},
	mapper.HoldSource: {
		"The database looks wrong, so that nobody is taken off.",
		"The database is right: they are taken off, and what it has now is the new measure.", "They stay on their lists.",
	},
	mapper.HoldWentBack: {
		"The database went back in time, so that nobody is taken off or added again.",
		"The database is right: what was held is done.", "Nobody of them is taken off or added again.",
	},
	mapper.HoldOptedIn: {
		"Many people opted in again within an hour, as after a restored backup.",
		"They are added.", "They are not added.",
	},
	mapper.HoldAddressChanges: {
		"Many e-mail addresses changed within an hour, and lists that mirror nothing would follow.",
		"The new addresses are added to these lists.", "The new addresses are not added to these lists.",
	},
	mapper.HoldManyLeft: {
		"Many people are gone from this list in Constant Contact. Did they leave, or did staff remove them?",
		"Staff removed them: they are put back.", "They left, and stay off.",
	},
	mapper.HoldLeftBehind: {
		"The list existed before. They are on it and do not belong there by now.",
		"They are taken off the list.", "They stay on the list.",
	},
	mapper.HoldForeign: {
		"The list existed before. They are on it, and the database never knew them.",
		"They are taken off the list.", "They stay on the list.",
	},
	mapper.HoldMayHaveLeft: {
		"The list existed before. They belong on it and are not on it: they may have left.",
		"They are added.", "They left, and stay off.",
	},
}

// NewApproval makes a question presentable. Pairs may be nil.
func NewApproval(row store.ApprovalRow, pairs []store.ApprovalPair) *Approval {
	q := questions[row.Kind]
	a := &Approval{
		ID: row.ID, Association: row.Association, Kind: row.Kind, Question: q.asks, List: row.List, Name: row.ListName, State: row.State,
		Detail: row.Detail, People: row.Pairs, Remaining: row.Open, AskedAt: row.AskedAt, ExpiresAt: row.ExpiresAt, DecidedAt: row.DecidedAt,
		DecidedBy: row.DecidedBy,
	}
	switch row.State {
	case "approved":
		a.Means = q.yes
	case "rejected", "expired":
		a.Means = q.no
	case "waiting":
		a.Means = "Approve: " + q.yes + " Reject: " + q.no
	}
	for _, p := range pairs {
		a.Pairs = append(a.Pairs, ApprovalPair{p.Address, p.List, p.ListName, p.Op, p.Reason, p.Rep, p.Ended})
	}
	return a
}

// ApprovalTable lists questions.
func ApprovalTable(out io.Writer, all []*Approval, now time.Time) error {
	w := &writer{Writer: out}
	if len(all) == 0 {
		w.linef("Nothing waits for an answer.")
		return w.err
	}
	lines := [][]string{{"ID", "ASSOCIATION", "KIND", "LIST", "PEOPLE", "STATE", "ASKED", "EXPIRES"}}
	for _, a := range all {
		list := a.listName()
		expires := "never"
		switch {
		case a.State != "waiting" && a.State != "approved":
			expires = ""
		case a.ExpiresAt != nil:
			expires = stamp(*a.ExpiresAt)
		}
		lines = append(lines, []string{
			fmt.Sprint(a.ID), a.Association, string(a.Kind), list, fmt.Sprint(a.Remaining), a.State, since(now, &a.AskedAt), expires,
		})
	}
	w.rows(lines)
	w.linef("\nrollcall approvals show ID shows the people; approve ID or reject ID answers.")
	return w.err
}

func (a *Approval) listName() string {
	switch {
	case a.List == "":
		return "(all lists)"
	case a.Name == "":
		return string(a.List)
	}
	return fmt.Sprintf("%s [%s]", a.Name, a.List)
}

// Text writes the question with its people.
func (a *Approval) Text(out io.Writer) error {
	w := &writer{Writer: out}
	w.linef("Question %d of association %s: %s, %s", a.ID, oneLine(a.Association), a.Kind, oneLine(a.listName()))
	w.linef("%s", a.Question)
	if a.Detail != "" {
		w.linef("%s", oneLine(a.Detail))
	}
	asked := "asked " + stamp(a.AskedAt)
	if a.ExpiresAt != nil && (a.State == "waiting" || a.State == "approved") {
		asked += ", expires " + stamp(*a.ExpiresAt)
	}
	if a.DecidedAt != nil {
		asked += ", decided " + stamp(*a.DecidedAt)
		if a.DecidedBy != "" {
			asked += " by " + oneLine(a.DecidedBy)
		}
	}
	w.linef("State: %s; %s. %s", a.State, asked, a.Means)
	w.linef("")
	lines := [][]string{}
	for _, p := range a.Pairs {
		list := p.Name
		if list == "" {
			list = string(p.List)
		}
		lines = append(lines, []string{"  " + p.Op, string(p.Address), rep(p.Rep), list, string(p.Reason), p.Ended})
	}
	w.rows(lines)
	return w.err
}
