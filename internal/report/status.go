package report

import (
	"time"

	"rollcall/internal/credential"
	"rollcall/mapper"
)

// Status is how everything is, at a glance.
type Status struct {
	Source       string              `json:"source"`
	At           time.Time           `json:"at"`
	Well         bool                `json:"well"`      // nothing needs attention
	Attention    []Attention         `json:"attention"` // the most urgent first
	Stream       StreamStatus        `json:"stream"`
	Keys         []KeyStatus         `json:"api_keys"`
	Associations []AssociationStatus `json:"associations"`
}

// Attention is one thing that a person has to see to.
type Attention struct {
	Association string `json:"association,omitempty"` // empty: concerns all
	Text        string `json:"text"`                  // without member data
	Try         string `json:"try"`
}

// StreamStatus is how the member database is followed.
type StreamStatus struct {
	Foreign       bool       `json:"foreign"` // the database is another one than the state was made for
	Capture       string     `json:"capture"` // replication or triggers
	Slot          string     `json:"slot,omitempty"`
	SlotProblem   string     `json:"slot_problem,omitempty"` // why it cannot be read
	Active        bool       `json:"active"`                 // somebody reads it
	RetainedBytes int64      `json:"retained_bytes"`         // of write-ahead log that the server keeps for it
	SafeBytes     int64      `json:"safe_bytes"`             // until the server drops it; -1: no limit
	LogBytes      int64      `json:"log_bytes,omitempty"`    // of the log of changes, where triggers write one
	LogSince      *time.Time `json:"log_since,omitempty"`    // when the oldest row was written that was not moved
	SavedAt       *time.Time `json:"saved_at,omitempty"`     // when the position was saved last
	FullPassAt    *time.Time `json:"full_pass_at,omitempty"` // the last time that every row was read
	Touched       int        `json:"touched"`                // keys that nobody has looked at yet
	TouchedSince  *time.Time `json:"touched_since,omitempty"`
}

const captureTriggers = "triggers"

// KeyStatus is the day of an API key. Its capacity is Daily calls a day.
type KeyStatus struct {
	Name          string     `json:"name"`
	Associations  int        `json:"associations"` // that share it here
	Held          bool       `json:"held"`         // a process calls with it
	Holder        string     `json:"holder,omitempty"`
	Used          int        `json:"used"`          // calls today, UTC
	Daily         int        `json:"daily"`         // calls of a day
	Reserve       int        `json:"reserve"`       // of these, for opt-outs only
	LingerSeconds float64    `json:"lingers_for_s"` // how long changes are gathered now
	ClosedUntil   *time.Time `json:"closed_until,omitempty"`
}

// AssociationStatus is how one association is.
type AssociationStatus struct {
	ID             string           `json:"association"`
	Connection     credential.State `json:"connection"`
	Account        string           `json:"account,omitempty"`
	Detail         string           `json:"connection_detail,omitempty"`
	Due            int              `json:"due"` // people to be told of now
	DueSince       *time.Time       `json:"due_since,omitempty"`
	Later          int              `json:"later"` // people who wait for a time
	Open           int              `json:"open"`  // calls on their way
	OpenSince      *time.Time       `json:"open_since,omitempty"`
	Questions      int              `json:"questions"` // that wait for an answer
	QuestionsSince *time.Time       `json:"questions_since,omitempty"`
	Alarms         []string         `json:"alarms"`
	LastRun        *Run             `json:"last_run,omitempty"`
	ReconciledAt   *time.Time       `json:"reconciled_at,omitempty"` // the end of the last run that read the whole account
	NightlyAt      *time.Time       `json:"nightly_at,omitempty"`    // when the next nightly run begins
	Problems       []ProblemStatus  `json:"problems"`
}

// ProblemStatus is how many people or lists have a problem that people mend.
type ProblemStatus struct {
	Reason mapper.Reason `json:"reason"`
	N      int           `json:"n"`
}

// When waiting is too long. Changes are gathered for at most half an hour.
const (
	slowTouched = 10 * time.Minute
	slowDue     = 45 * time.Minute
	slowCall    = 6 * time.Hour
	slowSave    = 5 * time.Minute
	// lateRun is how much later than it should the account may be read.
	lateRun = 6 * time.Hour
)

// Judge says what needs attention. reconcileEvery is the time between two full
// reconciliations.
func (s *Status) Judge(reconcileEvery time.Duration) {
	s.Attention = []Attention{}
	s.judgeStream()
	for _, k := range s.Keys {
		s.judgeKey(k)
	}
	for i := range s.Associations {
		s.judgeAssociation(&s.Associations[i], reconcileEvery)
	}
	s.Well = len(s.Attention) == 0
}

func (s *Status) need(association, text, try string) {
	s.Attention = append(s.Attention, Attention{association, text, try})
}

func (s *Status) judgeStream() {
	st := s.Stream
	switch {
	case st.Foreign:
		s.need("", "the member database is another one than this state was made for: nothing is sent", "rollcall run, which says what to do")
	case st.SlotProblem != "":
		s.need("", st.SlotProblem, "rollcall check")
	case !st.Active && st.Capture == captureTriggers:
		s.need("", "nobody moves the log of changes: changes wait, and it grows with each of them", "rollcall run")
	case s.longer(st.LogSince, slowSave):
		s.need("", "the log of changes has a row that is "+s.ago(st.LogSince)+" old", "the log of rollcall run")
	case !st.Active:
		s.need("", "nobody reads the slot "+oneLine(st.Slot)+": changes wait, and the server keeps "+size(st.RetainedBytes)+" of its log for them", "rollcall run")
	case s.longer(st.SavedAt, slowSave):
		s.need("", "the position was saved last "+s.ago(st.SavedAt)+" ago", "the log of rollcall run")
	}
	if st.SafeBytes >= 0 && st.SafeBytes < st.RetainedBytes {
		s.need("", "the server drops its log for the slot after another "+size(st.SafeBytes), "max_slot_wal_keep_size, and rollcall run")
	}
	if s.longer(st.TouchedSince, slowTouched) {
		s.need("", "changes wait for "+s.ago(st.TouchedSince)+" to be looked at", "rollcall check, which finds transactions that hold them up")
	}
}

func (s *Status) judgeKey(k KeyStatus) {
	if !k.Held {
		s.need("", "nobody calls with the API key "+oneLine(k.Name), "rollcall run")
	}
	if k.ClosedUntil != nil && k.ClosedUntil.After(s.At) {
		s.need("", "the calls of API key "+oneLine(k.Name)+" are used up until "+stamp(*k.ClosedUntil)+"; what is left waits",
			"asking Constant Contact for more calls, if this happens often")
	}
}

func (s *Status) judgeAssociation(a *AssociationStatus, reconcileEvery time.Duration) {
	if a.Connection != credential.Connected {
		text := "the account is " + connectionWords(a.Connection)
		if a.Detail != "" {
			text += ": " + oneLine(a.Detail)
		}
		s.need(a.ID, text, "rollcall connect --association "+a.ID)
	}
	for _, alarm := range a.Alarms {
		s.need(a.ID, "nobody is taken off, because the member database is not to be trusted: "+oneLine(alarm), "rollcall approvals")
	}
	if a.Questions > 0 {
		s.need(a.ID, many(a.Questions, "question waits", "questions wait")+" for an answer, for "+s.ago(a.QuestionsSince), "rollcall approvals")
	}
	if r := a.LastRun; r != nil && r.State == "failed" {
		s.need(a.ID, "the last run failed: "+oneLine(r.Detail), "rollcall runs "+decimal(r.ID))
	}
	if a.Connection == credential.Connected {
		switch {
		case s.longer(a.ReconciledAt, reconcileEvery+lateRun):
			s.need(a.ID, "the whole account was read last "+s.ago(a.ReconciledAt)+" ago", "rollcall reconcile --association "+a.ID)
		case s.longer(a.DueSince, slowDue):
			s.need(a.ID, "changes wait for "+s.ago(a.DueSince)+" to be sent", "rollcall status, for the calls that are left today; and the log of rollcall run")
		case s.longer(a.OpenSince, slowCall):
			s.need(a.ID, "Constant Contact works on a call for "+s.ago(a.OpenSince), "its Activity page")
		}
	}
}

// longer says whether something is longer ago than d. What never was is not.
func (s *Status) longer(t *time.Time, d time.Duration) bool {
	return t != nil && s.At.Sub(*t) > d
}

func (s *Status) ago(t *time.Time) string {
	if t == nil {
		return "some time"
	}
	return age(s.At.Sub(*t))
}

func connectionWords(state credential.State) string {
	switch state {
	case credential.Connected:
		return "connected"
	case credential.NeedsReconnecting:
		return "no longer connected"
	case credential.OtherAccount:
		return "another one than before"
	}
	return "not connected"
}
