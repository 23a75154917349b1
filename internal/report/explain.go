package report

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rollcall/internal/store"
	"rollcall/mapper"
)

// Facts are what an explanation is made of: the planner's input and output for
// one address, with every list, and what the state remembers.
type Facts struct {
	Association string
	At          time.Time
	Address     mapper.Address // or the text that is none
	Input       mapper.Input
	Output      mapper.Output
	Held        []mapper.Held
	Times       map[mapper.ListKey]store.PairTimes
	Questions   []store.AskedAbout
	History     []store.Event
	Notices     []store.Notice
	Before      []mapper.Address // further addresses of the rep that was asked for
}

// Explanation says what the database, Constant Contact and the rules have to do
// with one address.
type Explanation struct {
	Association string           `json:"association"`
	At          time.Time        `json:"at"`
	Address     mapper.Address   `json:"address,omitempty"`
	Email       string           `json:"email,omitempty"` // as stored, where it is no address
	Problem     mapper.Reason    `json:"problem,omitempty"`
	ProblemText string           `json:"problem_text,omitempty"`
	Hint        string           `json:"hint,omitempty"` // what the e-mail field may have been meant to say
	Before      []mapper.Address `json:"other_addresses,omitempty"`
	Holders     []Holder         `json:"reps"`
	OptedOut    bool             `json:"opted_out_remembered"`
	Contact     ContactShown     `json:"constant_contact"`
	// OldAccount is what an account that the association had before showed.
	OldAccount mapper.ContactState `json:"old_account,omitempty"`
	Lists      []ListShown         `json:"lists"`
	Fields     bool                `json:"fields_to_tell"` // names or company changed
	Questions  []QuestionShown     `json:"questions,omitempty"`
	History    []EventShown        `json:"history,omitempty"`
	Notices    []*Notice           `json:"notices,omitempty"`
}

// Holder is a rep who has the address, or had it.
type Holder struct {
	Rep          mapper.RepID `json:"rep"`
	Now          bool         `json:"now"` // has the address now
	Gone         bool         `json:"gone,omitempty"`
	FirstName    string       `json:"first_name,omitempty"`
	LastName     string       `json:"last_name,omitempty"`
	Company      string       `json:"company,omitempty"`
	Active       bool         `json:"active"`
	MemberStatus string       `json:"member_status,omitempty"`
	Types        []string     `json:"membership_types,omitempty"`
	OptedOut     bool         `json:"opted_out"`
	NotMailable  bool         `json:"not_mailable,omitempty"`
	Unreadable   string       `json:"unreadable,omitempty"`
}

// ContactShown is what Constant Contact last showed of the address.
type ContactShown struct {
	State   mapper.ContactState `json:"state"`
	Text    string              `json:"text"`
	ReadAt  *time.Time          `json:"read_at"`
	Refused bool                `json:"refused,omitempty"`
}

// ListShown puts both systems side by side for one list.
type ListShown struct {
	List     mapper.ListKey   `json:"list"`
	Name     string           `json:"name"`
	Database string           `json:"database"`         // what the rows say
	Shown    string           `json:"constant_contact"` // what Constant Contact showed or was told
	ShownAt  *time.Time       `json:"shown_at"`
	On       bool             `json:"on"` // counts as being on the list
	Verdict  mapper.Verdict   `json:"verdict"`
	Op       string           `json:"op,omitempty"` // add or remove: what would be sent
	Held     mapper.HoldKind  `json:"held,omitempty"`
	Answer   mapper.HoldState `json:"question,omitempty"` // waiting or rejected: what somebody was asked
	Does     string           `json:"does"`               // what would be done, in words
	Reason   mapper.Reason    `json:"reason,omitempty"`
	Text     string           `json:"reason_text,omitempty"`
	Change   string           `json:"change,omitempty"` // what would change it
	Rep      mapper.RepID     `json:"rep,omitempty"`
	Sentence string           `json:"sentence"`

	remote bool // neither the rows nor the ledger connect it with the address
}

// QuestionShown is a question to a person that concerns the address.
type QuestionShown struct {
	Approval  int64           `json:"approval"`
	List      mapper.ListKey  `json:"list"`
	Op        string          `json:"op"`
	Kind      mapper.HoldKind `json:"kind"`
	State     string          `json:"state"`
	AskedAt   time.Time       `json:"asked_at"`
	ExpiresAt *time.Time      `json:"expires_at,omitempty"`
	DecidedAt *time.Time      `json:"decided_at,omitempty"`
	DecidedBy string          `json:"decided_by,omitempty"`
}

// EventShown is what a call to Constant Contact did about the address.
type EventShown struct {
	Call    int64          `json:"call"`
	At      time.Time      `json:"at"`
	EndedAt *time.Time     `json:"ended_at,omitempty"`
	Kind    string         `json:"kind"`
	State   string         `json:"state"`
	Outcome string         `json:"outcome,omitempty"`
	List    mapper.ListKey `json:"list,omitempty"`
	Op      string         `json:"op"`
	Reason  mapper.Reason  `json:"reason,omitempty"`
	Rep     mapper.RepID   `json:"rep,omitempty"`
}

// Explain makes an explanation of facts. The input must hold one person.
func Explain(f Facts) *Explanation {
	person := f.Input.People[0]
	e := &Explanation{
		Association: f.Association, At: f.At, Address: f.Address, Before: f.Before, OptedOut: person.RememberedOptOut || person.OptOutAll,
		Contact: contactShown(person.Contact), OldAccount: person.OldAccount, Holders: holders(person),
	}
	if _, problem := mapper.Normalize(string(f.Address)); problem != "" {
		e.Address, e.Email, e.Problem, e.ProblemText = "", string(f.Address), problem, problem.Text()
		e.Hint = mapper.Hint(string(f.Address))
	}
	names, rows := listNames(f), connected(person)
	ops := map[mapper.ListKey]mapper.Op{}
	for _, op := range f.Output.Ops {
		if op.Address != f.Address {
			continue
		}
		if op.Kind == mapper.UpdateFields {
			e.Fields = true
		} else {
			ops[op.List] = op
		}
	}
	held := map[mapper.ListKey]mapper.HoldKind{}
	for _, h := range f.Held {
		if h.Op.Address == f.Address {
			held[h.Op.List] = h.Kind
		}
	}
	for _, d := range f.Output.Decisions {
		if d.Address != f.Address {
			continue
		}
		pair, told := person.Pairs[d.List]
		l := ListShown{
			List: d.List, Name: cmp.Or(names[d.List], string(d.List)), Verdict: d.Verdict, Reason: d.Reason, Text: reasonIf(d.Reason),
			Change: d.Reason.Change(), Rep: d.Rep, On: pair.BelievedOn(), Held: held[d.List],
		}
		if l.Answer = asked(d, pair); l.Answer == mapper.HoldApproved {
			l.Answer = mapper.HoldNone
		}
		l.Database = database(d)
		l.Shown, l.ShownAt = shown(pair, f.Times[d.List], person.Contact.ReadAt)
		if op, going := ops[d.List]; going {
			l.Op = "add"
			if op.Kind == mapper.InactivateFromList {
				l.Op = "remove"
			}
			if l.Reason == "" && op.Reason != "" {
				l.Reason, l.Text, l.Change = op.Reason, reasonIf(op.Reason), op.Reason.Change()
			}
		}
		switch {
		case l.Op != "":
			l.Answer = mapper.HoldNone
		case l.Answer == mapper.HoldWaiting && l.Reason != mapper.ReasonWaitingApproval:
			l.Text = strings.TrimSpace(l.Text + " " + mapper.ReasonWaitingApproval.Text())
		case l.Answer == mapper.HoldRejected:
			l.Text = strings.TrimSpace(l.Text + " The question about that was answered with no, or expired.")
		}
		l.Does = l.does()
		l.Sentence = l.sentence()
		l.remote = !told && l.Op == "" && !rows[d.List]
		e.Lists = append(e.Lists, l)
	}
	for _, q := range f.Questions {
		e.Questions = append(e.Questions, QuestionShown{
			q.Approval, q.List, q.Op, q.Kind, q.State, q.AskedAt, q.ExpiresAt, q.DecidedAt, q.DecidedBy,
		})
	}
	for _, h := range f.History {
		e.History = append(e.History, EventShown{h.Call, h.At, h.EndedAt, h.Kind, h.State, h.Outcome, h.List, h.Op, h.Reason, h.Rep})
	}
	e.notices(f.Notices)
	return e
}

// connected are the lists that the rows of present holders are about.
func connected(p mapper.Person) map[mapper.ListKey]bool {
	keys := map[mapper.ListKey]bool{}
	for _, h := range p.Holders {
		keys[mapper.AllActiveKey] = true
		for _, t := range h.MembershipTypes {
			keys[mapper.TypeKey(t)] = true
		}
		for g := range h.Groups {
			keys[mapper.GroupKey(g)] = true
		}
	}
	return keys
}

func reasonIf(r mapper.Reason) string {
	if r == "" {
		return ""
	}
	return reasonText(r)
}

func listNames(f Facts) map[mapper.ListKey]string {
	names := map[mapper.ListKey]string{}
	for _, g := range f.Input.Groups {
		names[mapper.GroupKey(g.ID)] = strings.TrimSpace(g.Name)
	}
	for _, l := range f.Input.Known {
		names[l.Key] = l.Name
	}
	for _, l := range f.Output.Lists {
		names[l.Key] = l.Name
	}
	for _, d := range f.Output.Decisions {
		if name, isType := strings.CutPrefix(string(d.List), string(mapper.TypeKey(""))); isType && names[d.List] == "" {
			names[d.List] = name // no list is kept for the type
		}
	}
	if names[mapper.AllActiveKey] == "" {
		names[mapper.AllActiveKey] = cmp.Or(f.Input.Policy.AllActiveName, mapper.DefaultAllActiveName)
	}
	return names
}

func holders(p mapper.Person) []Holder {
	all := []Holder{}
	add := func(r mapper.Rep, now bool) {
		all = append(all, Holder{
			Rep: r.ID, Now: now, FirstName: r.FirstName, LastName: r.LastName, Company: r.Company, Active: r.Active, MemberStatus: r.MemberStatus,
			Types: r.MembershipTypes, OptedOut: r.OptedOut, NotMailable: r.NotMailable, Unreadable: r.Unreadable,
		})
	}
	for _, r := range p.Holders {
		add(r, true)
	}
	for _, f := range p.Former {
		if f.Rep != nil {
			add(*f.Rep, false)
		} else {
			all = append(all, Holder{Gone: true, OptedOut: f.OptedOut})
		}
	}
	return all
}

func contactShown(c mapper.Contact) ContactShown {
	s := ContactShown{State: c.State, Text: stateText(c.State), Refused: c.Refused}
	if !c.ReadAt.IsZero() {
		s.ReadAt = &c.ReadAt
	}
	return s
}

func stateText(state mapper.ContactState) string {
	text, known := map[mapper.ContactState]string{
		mapper.ContactUnknown:      "never read",
		mapper.ContactAbsent:       "no such contact",
		mapper.ContactActive:       "may be mailed",
		mapper.ContactUnsubscribed: "unsubscribed",
		mapper.ContactDeleted:      "deleted",
		mapper.ContactOnHold:       "held back by Constant Contact",
		mapper.ContactPending:      "has not confirmed yet",
		mapper.ContactNotSet:       "no permission recorded",
	}[state]
	if !known {
		return string(state)
	}
	return text
}

// database is what the rows say of a list.
func database(d mapper.Decision) string {
	switch d.Verdict {
	case mapper.On:
		return "belongs on it"
	case mapper.Off:
		return "does not belong on it"
	case mapper.Leave:
		return "has no row for it"
	}
	if d.Reason == mapper.ReasonSourceUnreadable {
		return "cannot be read"
	}
	return "is not asked"
}

// shown is what Constant Contact last showed or was told of a pair, and when.
func shown(p mapper.Pair, t store.PairTimes, readAt time.Time) (string, *time.Time) {
	switch {
	case p.Departed:
		return "left the list", cmp.Or(t.DepartedAt, t.ShownAt)
	case p.Told == mapper.ToldAdd && !p.Confirmed:
		return "told to add, not confirmed", t.ToldAt
	case p.Told == mapper.ToldRemove && !p.Confirmed:
		return "told to take off, not confirmed", t.ToldAt
	case p.Shown == mapper.ShownOn:
		return "on", t.ShownAt
	case p.Shown == mapper.ShownOff:
		if p.Told == mapper.ToldRemove {
			return "taken off", cmp.Or(t.RemovedAt, t.ShownAt)
		}
		return "not on", t.ShownAt
	case p.Told == mapper.ToldAdd:
		return "added", t.ToldAt
	case p.Told == mapper.ToldRemove:
		return "taken off", t.RemovedAt
	case !readAt.IsZero():
		return "not on", &readAt
	}
	return "never read", nil
}

// does says what would be done.
func (l ListShown) does() string {
	switch {
	case l.Op != "" && l.Held != "":
		return map[string]string{"add": "would be added, and is held for an answer", "remove": "would be taken off, and is held for an answer"}[l.Op]
	case l.Op == "add":
		return "will be added"
	case l.Op == "remove":
		return "will be taken off"
	case l.On && l.Verdict == mapper.On && l.Reason == "":
		return "stays on"
	case l.On && (waits(l.Reason) || l.Answer == mapper.HoldWaiting):
		return "stays on for now"
	case l.On:
		return "is left on"
	case waits(l.Reason) || l.Answer == mapper.HoldWaiting:
		return "is not added yet"
	case l.Verdict == mapper.On:
		return "is not added"
	}
	return "stays off"
}

// sentence is the whole answer for one list.
func (l ListShown) sentence() string {
	s := fmt.Sprintf("%s: by the database the person %s; Constant Contact: %s; the person %s.", l.Name, l.Database, l.Shown, l.Does)
	if l.Text != "" {
		s += " " + l.Text
	}
	return s
}

// Connected are the lists that the rows or the ledger connect with the address;
// remote counts the others by reason.
func (e *Explanation) Connected() (lists []ListShown, remote map[mapper.Reason]int) {
	remote = map[mapper.Reason]int{}
	for _, l := range e.Lists {
		if l.remote {
			remote[l.Reason]++
		} else {
			lists = append(lists, l)
		}
	}
	return lists, remote
}

// Choose finds the one list that a text names by key, name or group id.
func (e *Explanation) Choose(text string) (mapper.ListKey, error) {
	var found []mapper.ListKey
	for _, l := range e.Lists {
		if string(l.List) == text || l.List == mapper.GroupKey(mapper.GroupID(text)) {
			return l.List, nil
		}
		if strings.EqualFold(l.Name, strings.TrimSpace(text)) {
			found = append(found, l.List)
		}
	}
	switch len(found) {
	case 0:
		return "", errors.New("no list has that key or name")
	case 1:
		return found[0], nil
	}
	return "", errors.New("several lists have that name")
}

// changes groups what would change something by what it would change.
func changes(lists []ListShown) (sentences []string, names map[string][]string) {
	names = map[string][]string{}
	for _, l := range lists {
		if l.Change == "" {
			continue
		}
		if !slices.Contains(sentences, l.Change) {
			sentences = append(sentences, l.Change)
		}
		names[l.Change] = append(names[l.Change], l.Name)
	}
	return sentences, names
}
