package ccsim

import "time"

// Violation is something that no client may do.
type Violation struct {
	At     time.Time `json:"at"`
	Rule   string    `json:"rule"`
	Detail string    `json:"detail"` // ids, never addresses

	// Known is for how long before the request there was to be read what it
	// disregards: that the person had left, unsubscribed or so. That somebody left
	// is not to be read any more once a client asks for their removal. It is 0 for
	// rules that are about the request alone.
	Known time.Duration `json:"known_ns"`
}

// The rules of the referee.
const (
	RuleSignUpForm   = "sign_up_form called"
	RulePutLists     = "PUT with list_memberships"
	RulePermission   = "PUT that changes the permission"
	RuleDelete       = "contact deleted by the API"
	RuleRate         = "more than 4 requests in a second"
	RuleUnsubscribed = "adds somebody who unsubscribed"
	RuleDeleted      = "adds somebody who was deleted"
	RuleNotMailable  = "adds somebody who cannot be mailed"
	RuleLeft         = "puts somebody back who left the list"
	RuleRows         = "more than 5 import rows for an address in 24 hours"
	RuleMaking       = "imports an address that another import is still making"
	RuleLimits       = "more in a request than the vendor takes"
	RuleTokenRate    = "more than 1 request of the token endpoint in a second"
	RuleStaleRefresh = "presents a refresh token whose successor was delivered"
)

func (s *Sim) note(rule, detail string) {
	s.violations = append(s.violations, Violation{At: s.time(), Rule: rule, Detail: detail})
}

// leaving is a person's choice to be on a list no more.
type leaving struct {
	at      time.Time
	removal time.Time // when a client first asked after it to take them off
}

// takenOff notes that a client asked for a contact's removal from a list that the
// contact may have left.
func (c *contact) takenOff(l *list, asked time.Time) {
	if left, gone := c.left[l]; gone && left.removal.IsZero() {
		left.removal = asked
		c.left[l] = left
	}
}

// referee looks at a contact that is about to be put on a list. What happened
// after the client asked for it is not held against the client.
func (s *Sim) referee(c *contact, l *list, asked time.Time) {
	var rule string
	var since time.Time
	until := asked
	left, gone := c.left[l]
	switch {
	case c.permission == unsubscribed:
		rule, since = RuleUnsubscribed, c.optOutAt
	case c.deleted():
		rule, since = RuleDeleted, c.deletedAt
	case !c.active():
		rule, since = RuleNotMailable, c.emailUpdatedAt
	case gone:
		if rule, since = RuleLeft, left.at; !left.removal.IsZero() {
			until = left.removal
		}
	default:
		return
	}
	if since.After(until) {
		return
	}
	s.violations = append(s.violations, Violation{At: s.time(), Rule: rule, Detail: "contact " + c.id + ", list " + l.id, Known: until.Sub(since)})
}

// Violations are what the referee saw since the start or Reset.
func (s *Sim) Violations() []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settleAll()
	return append([]Violation{}, s.violations...)
}
