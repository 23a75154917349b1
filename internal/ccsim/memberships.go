package ccsim

import (
	"fmt"
	"time"
)

const (
	maxMembershipIDs = 500
	maxTargetLists   = 50
)

func (s *Sim) postAdd(c *call) answer    { return s.postMemberships(c, true) }
func (s *Sim) postRemove(c *call) answer { return s.postMemberships(c, false) }

// postMemberships puts contacts on lists or takes them off. Of the sources only
// contact_ids is simulated; the others are refused.
func (s *Sim) postMemberships(c *call, add bool) answer {
	var in struct {
		Source struct {
			ContactIDs []string `json:"contact_ids"`
		} `json:"source"`
		ListIDs []string `json:"list_ids"`
	}
	if !c.decodeOnly(&in) {
		return invalid("source does not have a valid value")
	}
	ids := in.Source.ContactIDs
	if len(ids) > maxMembershipIDs || len(in.ListIDs) > maxTargetLists {
		s.note(RuleLimits, fmt.Sprintf("a list change of %d contacts and %d lists", len(ids), len(in.ListIDs)))
		return invalid("source or list_ids has too many values")
	}
	if len(ids) == 0 || len(in.ListIDs) == 0 {
		return invalid("source.contact_ids and list_ids are required")
	}
	lists, known := c.account.living(in.ListIDs)
	if !known {
		return notFound("list_id")
	}
	a := c.account
	return s.submit(c, "", func(act *activity) {
		done := 0
		for i, id := range ids {
			one := a.byID[id]
			if act.drops(i) {
				act.counters["error_count"]++
				continue
			}
			done++
			if one == nil {
				if s.switches.UnknownIDsAreErrors {
					act.counters["error_count"]++
				}
				continue
			}
			for _, l := range lists {
				s.changeMembership(one, l, act.createdAt, add)
			}
		}
		act.counters["items_total_count"], act.counters["items_completed_count"] = len(ids), done
		act.counters["list_count"] = len(lists)
	})
}

func (s *Sim) changeMembership(c *contact, l *list, asked time.Time, add bool) {
	switch {
	case l.deleted(): // since the request
	case !add:
		s.quit(c, l)
		c.takenOff(l, asked)
	default:
		s.referee(c, l, asked)
		if len(c.lists) < maxContactLists && (c.active() || s.switches.RecordUnsubscribedAdds && !c.deleted()) {
			s.join(c, l)
		}
	}
}
