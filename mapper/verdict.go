package mapper

import (
	"cmp"
	"slices"
	"strings"
)

// standing is a person with what the rows say of the address on every list.
type standing struct {
	*Person
	readable   []Rep // holders whose rows can be used, by id
	unreadable *Rep  // the first holder, or who may be one, whose row cannot

	optedOut    bool
	optedOutRep RepID // who opted out, where it is one rep
	remembered  bool  // the opt-out to remember from now on
	lifted      bool  // a holder who was seen opted out is not any more

	unusable    Reason // why the address may be on no list, opt-outs apart
	unusableRep RepID
}

func newStanding(p *Person) *standing {
	s := &standing{Person: p}
	holders := slices.SortedFunc(slices.Values(p.Holders), func(a, b Rep) int { return compareIDs(a.ID, b.ID) })
	for _, rep := range holders {
		if rep.Unreadable == "" {
			s.readable = append(s.readable, rep)
		} else if s.unreadable == nil {
			s.unreadable = &rep
		}
	}
	for _, former := range p.Former { // who cannot be read at all may have the address still
		if former.Rep != nil && former.Rep.Unreadable == UnreadableValue && former.Rep.Email == "" && s.unreadable == nil {
			s.unreadable = former.Rep
		}
	}
	s.weighOptOuts()
	s.weighAddress()
	return s
}

// weighOptOuts applies section 4 of docs/semantics.md. An opt-out is about the
// inbox, so that one holder's counts for all.
func (s *standing) weighOptOuts() {
	present, optedIn, lifted, returned := s.OptOutAll, false, false, false
	for _, rep := range s.readable {
		if rep.OptedOut {
			present, s.optedOutRep = true, cmp.Or(s.optedOutRep, rep.ID)
			continue
		}
		optedIn = true
		lifted = lifted || s.SeenOptedOut[rep.ID]
	}
	for _, rep := range s.Holders { // a row that cannot be used now does not take back what it said
		present = present || rep.Unreadable != "" && s.SeenOptedOut[rep.ID]
		returned = returned || s.Returned[rep.ID]
	}
	s.remembered = present || (s.RememberedOptOut || returned) && !lifted
	s.lifted = lifted
	s.optedOut = s.remembered
	if s.optedOut || optedIn || s.unreadable != nil {
		return
	}
	for _, former := range s.Former {
		if rep, optedOut := former.optedOut(); optedOut && (!s.optedOut || compareIDs(rep, s.optedOutRep) < 0) {
			s.optedOut, s.optedOutRep = true, rep
		}
	}
}

// optedOut reports whether a former holder has opted out, as the row says or,
// without one, as was last seen.
func (f Former) optedOut() (RepID, bool) {
	switch {
	case f.Rep == nil:
		return "", f.OptedOut
	case f.Rep.Unreadable != "", f.Gone && f.OptedOut:
		return f.Rep.ID, f.OptedOut
	}
	return f.Rep.ID, f.Rep.OptedOut
}

// weighAddress finds what else keeps the address off every list.
func (s *standing) weighAddress() {
	for _, rep := range s.readable {
		if rep.NotMailable {
			s.unusable, s.unusableRep = ReasonNotMailable, rep.ID
			return
		}
	}
	_, s.unusable = Normalize(string(s.Address))
	if len(s.readable) > 0 {
		s.unusableRep = s.readable[0].ID
	}
}

// ruling is what the rows say of an address on one list.
type ruling struct {
	verdict Verdict
	reason  Reason // with On: why the holders who want the list are held back
	rep     RepID
	optOut  bool
}

// rule applies section 2 of docs/semantics.md. What is known of an opt-out
// counts even where a row of the address cannot be used.
func (s *standing) rule(list List, policy Policy) ruling {
	switch {
	case s.optedOut:
		return ruling{verdict: Off, reason: ReasonOptedOut, rep: s.optedOutRep, optOut: true}
	case list.Kind == ListGroup && s.OptOutGroups[GroupID(list.Ref)]:
		return ruling{verdict: Off, reason: ReasonOptedOutOfGroup, optOut: true}
	case s.unreadable != nil:
		return ruling{verdict: None, reason: ReasonSourceUnreadable, rep: s.unreadable.ID}
	}
	if list.Kind == ListUnmanaged {
		return s.carried(list, s.withoutRow(list, policy))
	}
	var off, held ruling
	for _, rep := range s.readable {
		reason, concerned := rep.standsOn(list, policy)
		switch {
		case !concerned:
			continue
		case s.unusable != "":
			return ruling{verdict: Off, reason: s.unusable, rep: s.unusableRep}
		case reason == "":
			back := s.heldBack(rep.ID, list.Key)
			if back == "" {
				return ruling{verdict: On, rep: rep.ID}
			}
			if back.Compare(held.reason) < 0 {
				held = ruling{verdict: On, reason: back, rep: rep.ID}
			}
		case reason.Compare(off.reason) < 0:
			off = ruling{verdict: Off, reason: reason, rep: rep.ID}
		}
	}
	switch {
	case held.verdict != "":
		return held
	case off.verdict != "":
		return off
	}
	return s.carried(list, s.withoutRow(list, policy))
}

// standsOn says what keeps a holder off a list, and whether the holder has
// anything to do with it: a group concerns only reps with a row in it.
func (r Rep) standsOn(list List, policy Policy) (why Reason, concerned bool) {
	switch list.Kind {
	case ListGroup:
		disabled, has := r.Groups[GroupID(list.Ref)]
		if policy.GroupRequiresActive {
			why = r.inactive()
		}
		if disabled {
			why = firstReason(why, ReasonDisabledInGroup)
		}
		return why, has
	case ListType:
		why = r.inactive()
		if !slices.Contains(typeNames(r), list.Ref) {
			why = firstReason(why, ReasonOtherType)
		}
		return why, true
	}
	return r.inactive(), true
}

// inactive says why the rep does not count as active, empty if it does.
func (r Rep) inactive() Reason {
	switch {
	case !r.Active:
		return ReasonRepInactive
	case !strings.EqualFold(r.MemberStatus, "active") && !strings.EqualFold(r.MemberStatus, "courtesy"):
		return ReasonMemberNotActive
	}
	return ""
}

// withoutRow is for a list that no holder has anything to do with.
func (s *standing) withoutRow(list List, policy Policy) ruling {
	r := ruling{verdict: Leave, reason: ReasonNotInDatabase}
	if len(s.readable) > 0 {
		r.reason, r.rep = ReasonNotInGroup, s.readable[0].ID
	} else if rep := s.movedOn(); rep != nil {
		return s.replaced(rep, s.Pairs[list.Key], policy)
	}
	if list.Kind == ListGroup && policy.RemoveOnMissingRow && !s.stranger() {
		r.verdict = Off
	}
	return r
}

// stranger reports whether no row ever put the address anywhere.
func (s *standing) stranger() bool { return len(s.Holders)+len(s.Former) == 0 }
