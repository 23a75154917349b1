package oracle

import (
	"slices"
	"strings"

	"pgregory.net/rapid"

	"rollcall/internal/ccsim"
)

// deed is one thing that happens in Constant Contact; false when there is
// nobody whom it could happen to.
type deed struct {
	name string
	do   func(t *rapid.T, s *system, now *picture) bool
}

var accountWork = slices.Concat(
	times(3, deed{"leave", leaveList}),
	times(3, deed{"unsubscribe", unsubscribe}),
	times(2, deed{"resubscribe", resubscribe}),
	times(4, deed{"put on list", putOnList}),
	times(3, deed{"put ours on list by hand", putOnHandList}),
	times(1, deed{"new contact", newContact}),
	times(1, deed{"delete contact", deleteContact}),
	times(1, deed{"edit address", editAddress}),
	times(2, deed{"permission", setPermission}),
	times(1, deed{"new list", newList}),
	times(1, deed{"rename list", renameList}),
	times(1, deed{"delete list", deleteList}),
	times(2, deed{"hold", flipHold}),
	times(2, deed{"fault", addFault}),
)

func someContact(t *rapid.T, now *picture, fits func(*contact) bool) *contact {
	var found []*contact
	for _, c := range now.contacts {
		if c.Email.Address != "" && fits(c) {
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return pick(t, "contact", found)
}

func living(c *contact) bool { return c.Deleted == "" }

func leaveList(t *rapid.T, s *system, now *picture) bool {
	c := someContact(t, now, func(c *contact) bool { return c.active() && len(c.Lists) > 0 })
	if c == nil {
		return false
	}
	id := pick(t, "list", c.Lists)
	if of, ours := s.model.of[id]; ours {
		s.model.left(of, c.Email.Address)
	}
	return s.did(s.account.sim.Leave(accountName, c.Email.Address, now.lists[id]), "%s leaves %s", c.Email.Address, now.lists[id])
}

func unsubscribe(t *rapid.T, s *system, now *picture) bool {
	c := someContact(t, now, func(c *contact) bool { return living(c) && c.Email.Permission != "unsubscribed" })
	if c == nil {
		return false
	}
	p := s.model.person(c.Email.Address)
	p.unread, p.unsubRead, p.hidden = true, false, s.model.openCall(c.Email.Address)
	s.model.offAll(c.Email.Address)
	return s.did(s.account.sim.Unsubscribe(accountName, c.Email.Address), "%s unsubscribes", c.Email.Address)
}

func resubscribe(t *rapid.T, s *system, now *picture) bool {
	c := someContact(t, now, func(c *contact) bool { return living(c) && c.Email.Permission == "unsubscribed" })
	if c == nil {
		return false
	}
	p := s.model.person(c.Email.Address)
	p.unread, p.lifted = true, true
	if !p.unsubRead || p.hidden {
		s.model.doubt(c.Email.Address) // off all lists, and nobody saw why
	}
	return s.did(s.account.sim.Resubscribe(accountName, c.Email.Address), "%s subscribes again", c.Email.Address)
}

func putOnList(t *rapid.T, s *system, now *picture) bool {
	c := someContact(t, now, func(c *contact) bool { return c.Email.Permission != "unsubscribed" })
	if c == nil || len(now.lists) == 0 {
		return false
	}
	return s.put(t, now, c.Email.Address)
}

// putOnHandList is somebody of ours who gets onto a list that mirrors nothing.
func putOnHandList(t *rapid.T, s *system, now *picture) bool {
	c := someContact(t, now, func(c *contact) bool { return c.active() && len(s.model.office.holders(c.Email.Address)) > 0 })
	byHand := slices.DeleteFunc(sortedKeys(now.lists), func(id string) bool { return !strings.HasPrefix(now.lists[id], "By hand") })
	if c == nil || len(byHand) == 0 {
		return false
	}
	s.model.person(c.Email.Address).unread = true
	name := now.lists[pick(t, "list", byHand)]
	return s.did(s.account.sim.AddContact(accountName, c.Email.Address, name), "%s is put on %q by hand", c.Email.Address, name)
}

func newContact(t *rapid.T, s *system, now *picture) bool {
	a := pick(t, "address", append(slices.Clone(addresses), foreign...))
	if now.byAddress[a] != nil {
		return false
	}
	return s.put(t, now, a)
}

// put is the office putting somebody on lists by hand.
func (s *system) put(t *rapid.T, now *picture, a string) bool {
	var names []string
	for _, id := range sortedKeys(now.lists) {
		if !chance(t, "on "+now.lists[id]) {
			continue
		}
		names = append(names, now.lists[id])
		if of, ours := s.model.of[id]; ours && !now.on(a, id) {
			h := s.model.pair(of, a)
			h.known, h.going = false, false
		}
	}
	p := s.model.person(a)
	p.unread = true
	if c := now.byAddress[a]; c != nil && c.Deleted != "" {
		p.anyway = true
	}
	return s.did(s.account.sim.AddContact(accountName, a, names...), "%s is put on %q by hand", a, names)
}

func deleteContact(t *rapid.T, s *system, now *picture) bool {
	c := someContact(t, now, living)
	if c == nil {
		return false
	}
	s.model.person(c.Email.Address).unread = true
	s.model.offAll(c.Email.Address)
	if s.model.openCall(c.Email.Address) {
		s.model.doubt(c.Email.Address) // an import on its way makes the contact again, without its lists
	}
	return s.did(s.account.sim.DeleteContact(accountName, c.Email.Address), "%s is deleted", c.Email.Address)
}

func editAddress(t *rapid.T, s *system, now *picture) bool {
	c := someContact(t, now, living)
	to := pick(t, "to", append(slices.Clone(addresses), foreign...))
	if c == nil || now.byAddress[to] != nil {
		return false
	}
	from := s.model.person(c.Email.Address)
	from.unread, from.anyway = true, true
	from.edited = from.contactID == c.ID
	p := s.model.person(to)
	p.unread, p.edited = true, false
	for pair, h := range s.model.pairs {
		if pair.address == c.Email.Address {
			h.hideDeparture() // no contact may as well have been refused
		}
		if pair.address == to && (h.told != "" || h.maybeSeen) {
			p.anyway = true // was known there before
		}
	}
	for of := range s.model.lists {
		h := s.model.pair(of, to)
		h.known, h.going = false, false // whoever was there is another contact
	}
	if !slices.Contains(s.model.names[c.ID], c.Email.Address) {
		s.model.names[c.ID] = append(s.model.names[c.ID], c.Email.Address)
	}
	return s.did(s.account.sim.EditAddress(accountName, c.Email.Address, to), "%s gets the address %s", c.Email.Address, to)
}

func setPermission(t *rapid.T, s *system, now *picture) bool {
	c := someContact(t, now, func(c *contact) bool { return living(c) && c.Email.Permission != "unsubscribed" })
	if c == nil {
		return false
	}
	p := s.model.person(c.Email.Address)
	p.unread, p.lifted = true, p.lifted || !c.active()
	permission := pick(t, "permission", []string{"temp_hold", "pending_confirmation", "not_set", "implicit", "explicit"})
	return s.did(s.account.sim.SetPermission(accountName, c.Email.Address, permission), "%s becomes %s", c.Email.Address, permission)
}

// before is what the account has before anything is synchronised: sometimes
// lists with the names that ours will have, and people on them.
func (s *system) before(t *rapid.T) {
	if chance(t, "a list by hand") {
		newList(t, s, s.account.look())
	}
	if rapid.IntRange(0, 2).Draw(t, "lists before") > 0 {
		return
	}
	for _, of := range s.model.office.sources() {
		if chance(t, "before: "+of.String()) {
			name := s.model.office.name(of)
			if chance(t, "another spelling") {
				name = " " + strings.ToUpper(name) + " "
			}
			s.did(s.account.sim.CreateList(accountName, name), "there is a list %q", name)
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "people before") {
		s.put(t, s.account.look(), pick(t, "address", append(slices.Clone(addresses), foreign...)))
	}
}

func newList(t *rapid.T, s *system, now *picture) bool {
	if len(now.lists) >= 9 {
		return false
	}
	s.handmade++
	name := "By hand " + string(rune('A'+s.handmade-1))
	return s.did(s.account.sim.CreateList(accountName, name), "list %q is made by hand", name)
}

func renameList(t *rapid.T, s *system, now *picture) bool {
	if len(now.lists) == 0 {
		return false
	}
	id := pick(t, "list", sortedKeys(now.lists))
	s.handmade++
	s.model.byHand[id] = true
	name := "Renamed " + string(rune('A'+s.handmade-1))
	return s.did(s.account.sim.RenameList(accountName, now.lists[id], name), "list %q becomes %q", now.lists[id], name)
}

// deleteList is rare: whatever it was the list of is paused from then on.
func deleteList(t *rapid.T, s *system, now *picture) bool {
	if len(now.lists) == 0 || rapid.IntRange(0, 2).Draw(t, "really") > 0 {
		return false
	}
	id := pick(t, "list", sortedKeys(now.lists))
	s.listGone, s.faulty = true, true
	return s.did(s.account.sim.DeleteList(accountName, now.lists[id]), "list %q is deleted by hand", now.lists[id])
}

// flipHold lets activities wait, or go on.
func flipHold(t *rapid.T, s *system, now *picture) bool {
	s.held = !s.held
	s.account.sim.Hold(s.held)
	s.trace("  activities are held: %v", s.held)
	return true
}

// faults are what goes wrong with a request that makes an activity.
var faults = []ccsim.FaultKind{
	ccsim.FaultResetAfter, ccsim.FaultResetAfter, ccsim.FaultResetBefore, ccsim.Fault503, ccsim.FaultTruncated, ccsim.FaultHTML502,
	ccsim.FaultActivityFailed, ccsim.FaultActivityTimedOut,
}

func addFault(t *rapid.T, s *system, now *picture) bool {
	s.faulty = true
	kind := pick(t, "fault", faults)
	return s.did(s.account.sim.Fault(ccsim.Fault{Method: "POST", PathPrefix: "/v3/activities", Kind: kind}), "the next activity meets %s", kind)
}

// did tells of a deed, if it was done.
func (s *system) did(err error, format string, args ...any) bool {
	if err != nil {
		s.trace("  not done: %v", err)
		return false
	}
	s.trace("  "+format, args...)
	return true
}

func sortedKeys[V any](of map[string]V) []string {
	keys := make([]string, 0, len(of))
	for k := range of {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
