package oracle

import (
	"slices"
	"strings"
)

// createList is a list that is about to be made: somebody must want it.
func (m *model) createList(name string) mirror {
	for _, s := range m.office.sources() {
		if m.office.open(s) && m.lists[s] == "" && m.office.name(s) == name {
			return s
		}
	}
	m.problem("creates the list %q, which nothing wants", name)
	return mirror{}
}

// renameList is a list that is about to be renamed: its source must have the
// name, or the list makes way for another.
func (m *model) renameList(now *picture, id, name string) {
	s, ours := m.of[id]
	switch {
	case !ours || s.what == "all":
		m.problem("renames the list %q, which is not its to rename", now.lists[id])
	case strings.HasSuffix(name, " (being renamed)"), name == now.lists[id]:
	case !strings.HasPrefix(name, m.office.name(s)):
		m.problem("renames %s to %q, but it is called %q", s, name, m.office.name(s))
	}
}

// putContact is a contact whose fields are about to be told: somebody in the
// database has the address, it can be mailed, and neither changes by it.
func (m *model) putContact(c *contact, a, permission string) {
	switch {
	case c == nil:
		m.problem("writes a contact that there is not")
	case !c.active():
		m.problem("writes %s, who is %s (deleted %q)", c.Email.Address, c.Email.Permission, c.Deleted)
	case a != "" && a != c.Email.Address || permission != "" && permission != c.Email.Permission:
		m.problem("writes %s and makes it %s, %s", c.Email.Address, a, permission)
	case len(m.office.holders(c.Email.Address)) == 0:
		m.problem("writes %s, whom nobody in the database has", c.Email.Address)
	}
}

func (m *model) bind(s mirror, id string) { m.lists[s], m.of[id] = id, s }

// bindExisting binds lists that have the name of something that has none yet
// (section 6: trimmed, case-insensitive). Nothing is planned for them before
// they were looked at.
func (m *model) bindExisting(now *picture) {
	for _, s := range m.office.sources() {
		if !m.office.open(s) || m.lists[s] != "" {
			continue
		}
		for id, name := range now.lists {
			of, known := m.of[id]
			if strings.EqualFold(strings.TrimSpace(name), m.office.name(s)) && (!known || of.what == "hand" || m.released(of)) {
				m.bind(s, id)
				m.existed[s], m.byHand[id] = true, true
				m.met("list that existed bound")
			}
		}
	}
}

// released: the group is gone, and its list is free for one of its name.
func (m *model) released(s mirror) bool { return s.what == "group" && m.office.group(s.nth) == nil }

// add judges an addition that is about to be sent.
func (m *model) add(now *picture, listID, a string) {
	s, known := m.of[listID]
	if !known {
		s = m.hand(listID)
	}
	c, h := now.byAddress[a], m.pair(s, a)
	v, _ := m.verdict(s, a)
	switch {
	case !m.office.open(s):
		m.problem("adds %s to %s, which is switched off", a, s)
	case v == leave && m.mayCarry(s, a):
		m.met("carried to a list of kind " + s.what)
	case s.what == "hand" && c.on(listID): // said again, and nothing changes
	case s.what == "hand":
		m.problem("adds %s to %q, which is not ours", a, now.lists[listID])
	case v == on && m.held(s, a) == yes && !c.on(listID):
		m.problem("adds %s to %s, whom a previous address holds back", a, s)
	case v == leave && c.on(listID): // an import that tells fields names a list that was read as on
	case v != on:
		m.problem("adds %s to %s, verdict %s", a, s, v)
	case c != nil && !c.active():
		m.problem("adds %s to %s, who is %s (deleted %q)", a, s, c.Email.Permission, c.Deleted)
	case c == nil && m.person(a).edited:
		m.problem("adds %s to %s, whose contact has another address now", a, s)
	case h.departed && !c.on(listID):
		m.problem("adds %s to %s, who left it", a, s)
	case m.existed[s] && !m.looked[s]:
		m.problem("adds %s to %s before the first look at it", a, s)
	case m.blocked(s, a, "add") && !c.on(listID), m.unasked(s, a, "add"):
		m.problem("adds %s to %s before that is approved", a, s)
	}
}

// editedHere says whether the contact of somebody who is wanted on the list has an
// address there that nobody of ours ever had: the same person (section 8).
func (m *model) editedHere(s mirror, c *contact) bool {
	return !m.everHeld(c.Email.Address) && slices.ContainsFunc(m.names[c.ID], func(had string) bool {
		v, _ := m.verdict(s, had)
		return had != c.Email.Address && v == on && m.person(had).contactID == c.ID
	})
}

// mayBeEdited is whether that may be so of an address.
func (m *model) mayBeEdited(s mirror, a string) bool {
	for _, names := range m.names {
		if slices.Contains(names, a) && slices.ContainsFunc(names, func(had string) bool {
			v, _ := m.verdict(s, had)
			return had != a && (v == on || v == unknown)
		}) {
			return true
		}
	}
	return false
}

// remove judges a removal that is about to be sent. A contact may have had
// other addresses: one that is to go is enough.
func (m *model) remove(now *picture, listID string, c *contact) {
	s, known := m.of[listID]
	names := append(slices.Clone(m.names[c.ID]), c.Email.Address)
	put := slices.ContainsFunc(names, func(a string) bool { return m.pair(s, a).ours })
	if !known || s.what == "hand" && !put {
		m.problem("removes %s from %q, which is not ours", c.Email.Address, now.lists[listID])
		return
	}
	if !m.office.open(s) {
		_, optOut := m.verdict(s, c.Email.Address)
		if h := m.holds[asked{pair{s, c.Email.Address}, "remove"}]; !optOut || h == nil || h.adoption || h.state != "approved" {
			m.problem("removes %s from %s, which is switched off", c.Email.Address, s)
		}
		return
	}
	justified := func(a string) bool {
		v, optOut := m.verdict(s, a)
		switch {
		case optOut:
			m.met("taken off for an opt-out")
			return true
		case m.approved(s, a, "remove"):
			m.met("taken off as approved")
			return v != on && v != unknown
		case m.unasked(s, a, "remove"):
			return false
		case m.blocked(s, a, "remove") && !m.outlived(s, a) || m.existed[s] && !m.looked[s]:
			return false
		case m.alarmed():
			return false
		}
		if v == leave && m.exact[s] && !(a == c.Email.Address && m.editedHere(s, c)) {
			m.met("taken off an exact list")
			return true
		}
		return v == off
	}
	if c.on(listID) || m.mayBeOn(s, c.Email.Address) {
		_, optOut := m.verdict(s, c.Email.Address)
		m.taken(s, c.Email.Address, optOut || m.approved(s, c.Email.Address, "remove"))
	}
	if !slices.ContainsFunc(names, justified) {
		v, _ := m.verdict(s, c.Email.Address)
		m.problem("removes %s from %s, verdict %s, alarmed %v\n%s", c.Email.Address, s, v, m.alarmed(), m.told(s, c.Email.Address))
	}
}
