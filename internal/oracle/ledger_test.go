package oracle

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// model is the oracle's own state of one association.
type model struct {
	office *office
	memory *memory
	lists  map[mirror]string // ids of lists in Constant Contact
	of     map[string]mirror // and back
	pairs  map[pair]*history
	people map[string]*person
	names  map[string][]string // contact id → addresses that it had

	settled map[string]bool // activities whose end a poll has seen
	now     map[int]string  // rep.nth → the last well-formed address that a cut saw
	changes map[int]*change // rep.nth → the last change of it
	byHand  map[string]bool // ids of lists that were renamed by hand since their source was
	exact   map[mirror]bool // lists that a request or a night makes exact, until the next rest
	holds   map[asked]*hold
	existed map[mirror]bool   // lists that existed before they were bound
	looked  map[mirror]bool   // of those, which were looked at
	mustAsk map[asked]verdict // what the first look found
	base    map[string]int    // rows of each view at the last complete read
	// wasAlarmed: the rows were not to be believed at some time since the last
	// rest.
	wasAlarmed bool
	thresholds thresholds
	met        func(what string)
	sent       map[mirror][]sent
	time       func() time.Time
	runs       map[int64]string // id → state
	problems   []string
}

type pair struct {
	list    mirror
	address string
}

// history is what happened to one pair, as far as the system could know of it.
type history struct {
	told      string // add or remove; what Constant Contact was told last
	activity  string // by which
	ours      bool   // it was ever told to be added
	lost      bool   // the reply was: only a read-back confirms it
	confirmed bool   // the addition was, and a poll has seen it
	// seen: read on the list while the verdict was on, since we last told a
	// removal. maybeSeen: read by a poll, whose verdict is another question.
	seen, maybeSeen bool
	// known: whatever was told or read last says that the address is on it.
	known bool
	// departed: left as section 5 has it. maybeDeparted: the system could not
	// tell a departure from something else.
	departed, maybeDeparted bool
	missed                  bool // a plan has read that the person left
	// going: on the list when it was to be made exact, and not wanted since.
	going bool
}

// person is what happened to one address in Constant Contact.
type person struct {
	contactID string // that the system has read
	state     string // that it has read last
	edited    bool   // then the contact got another address
	unsubRead bool   // the system has read that the person unsubscribed
	hidden    bool   // while a call was open, which hides what a read means
	unread    bool   // something happened that no plan has read
	anyway    bool   // what happened leaves open whether the address is added
}

func newModel(o *office) *model {
	m := &model{
		office: o, memory: newMemory(), lists: map[mirror]string{}, of: map[string]mirror{}, pairs: map[pair]*history{},
		people: map[string]*person{}, names: map[string][]string{}, settled: map[string]bool{}, now: map[int]string{}, changes: map[int]*change{}, byHand: map[string]bool{}, exact: map[mirror]bool{}, runs: map[int64]string{}, holds: map[asked]*hold{}, mustAsk: map[asked]verdict{}, sent: map[mirror][]sent{}, thresholds: anyNumber, existed: map[mirror]bool{}, looked: map[mirror]bool{},
	}
	o.renamed = func(s mirror) { m.byHand[m.lists[s]] = false }
	return m
}

func (m *model) pair(s mirror, a string) *history {
	if m.pairs[pair{s, a}] == nil {
		m.pairs[pair{s, a}] = &history{}
	}
	return m.pairs[pair{s, a}]
}

func (m *model) person(a string) *person {
	if m.people[a] == nil {
		m.people[a] = &person{}
	}
	return m.people[a]
}

func (m *model) problem(format string, args ...any) {
	m.problems = append(m.problems, fmt.Sprintf(format, args...))
}

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

// remove judges a removal that is about to be sent. A contact may have had
// other addresses: one that is to go is enough.
func (m *model) remove(now *picture, listID string, c *contact) {
	s, known := m.of[listID]
	if !known || s.what == "hand" && !m.pair(s, c.Email.Address).ours {
		m.problem("removes %s from %q, which is not ours", c.Email.Address, now.lists[listID])
		return
	}
	if !m.office.open(s) {
		m.problem("removes %s from %s, which is switched off", c.Email.Address, s)
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
		case m.blocked(s, a, "remove") || m.existed[s] && !m.looked[s]:
			return false
		case m.alarmed():
			return false
		}
		if v == leave && m.exact[s] {
			m.met("taken off an exact list")
			return true
		}
		return v == off
	}
	if _, optOut := m.verdict(s, c.Email.Address); !optOut && !m.approved(s, c.Email.Address, "remove") {
		m.taken(s, c.Email.Address)
	}
	if !slices.ContainsFunc(append(m.names[c.ID], c.Email.Address), justified) {
		v, _ := m.verdict(s, c.Email.Address)
		m.problem("removes %s from %s, verdict %s, alarmed %v\n%s", c.Email.Address, s, v, m.alarmed(), m.told(s, c.Email.Address))
	}
}

// tell notes what Constant Contact was told.
func (m *model) tell(listID, a, op, activity string, lost bool) {
	s, ours := m.of[listID]
	if !ours {
		return
	}
	h := m.pair(s, a)
	if op == "remove" {
		h.maybeSeen, h.seen = false, false
		h.hideDeparture()
	} else {
		h.known, h.ours = true, true
	}
	h.told, h.activity, h.lost, h.confirmed = op, activity, lost, false
}

// hideDeparture is for what explains that the person is off the list: nobody
// can know any more that the person had left it before.
func (h *history) hideDeparture() {
	if h.departed && !h.missed {
		h.departed, h.maybeDeparted = false, true
	}
}

// settle notes which activities a poll has seen the end of.
func (m *model) settle(now *picture) {
	for p, h := range m.pairs {
		if m.settled[h.activity] {
			continue
		}
		switch now.states[h.activity] {
		case "completed":
			if h.told == "add" && !h.lost && now.on(p.address, m.lists[p.list]) {
				h.confirmed = true
			}
		case "failed", "timed_out":
			// As if never told. Whether an earlier word stands again is not
			// followed.
			h.maybeSeen = h.maybeSeen || h.told == "remove"
			h.told, h.activity = "", ""
		}
	}
	for id, state := range now.states {
		if state != "initialized" && state != "processing" {
			m.settled[id] = true
		}
	}
}

// read notes what the system read of one contact. planning: for a plan, whose
// verdict counts. byName: the contact was asked for; else it stood on a page,
// and is forgotten where nothing connects it with the association.
func (m *model) read(c *contact, planning, byName bool) {
	a := c.Email.Address
	if a == "" {
		return
	}
	p := m.person(a)
	p.edited = false
	if byName || slices.ContainsFunc(c.Lists, func(id string) bool { _, ours := m.of[id]; return ours }) {
		p.contactID = c.ID
	}
	if !slices.Contains(m.names[c.ID], a) {
		m.names[c.ID] = append(m.names[c.ID], a)
	}
	p.unsubRead = c.Email.Permission == "unsubscribed"
	switch p.state = c.Email.Permission; {
	case c.Deleted != "":
		p.state = "deleted"
	case byName && planning:
		m.carries(c)
	}
	if planning && byName {
		p.unread = false
	}
	for s, id := range m.lists {
		h := m.pair(s, a)
		h.known = c.on(id)
		if !h.known {
			v, _ := m.verdict(s, a)
			h.missed = h.missed || h.departed && planning && v == on && c.active()
			if c.Deleted != "" || p.unsubRead {
				h.seen, h.confirmed = false, false // off because of that
				h.hideDeparture()
				if m.settled[h.activity] {
					h.told, h.activity = "", ""
				}
			}
			continue
		}
		h.departed, h.maybeDeparted, h.missed = false, false, false
		h.confirmed = h.told == "add"
		if v, _ := m.verdict(s, a); v == on {
			h.seen, h.maybeSeen = h.seen || planning, true
		}
	}
}

// absent notes that the system read that no contact has the address.
func (m *model) absent(a string, planning bool) {
	p := m.person(a)
	if p.state != "deleted" {
		p.state = "absent"
	}
	if planning {
		p.unread = false
	}
	for s := range m.lists {
		m.pair(s, a).known = false
	}
}

// left is a person leaving one list in Constant Contact.
func (m *model) left(s mirror, a string) {
	h := m.pair(s, a)
	switch {
	case h.seen || h.told == "add" && h.confirmed:
		h.departed = true
		m.met("left")
	case h.told == "add" || h.maybeSeen:
		h.maybeDeparted = true
	}
	m.person(a).unread = true
}

// openCall says whether the system waits for a call about the address.
func (m *model) openCall(a string) bool {
	for p, h := range m.pairs {
		if p.address == a && h.told != "" && !m.settled[h.activity] {
			return true
		}
	}
	return false
}

// doubt is for an address whose absence from lists can be taken for a
// departure.
func (m *model) doubt(a string) {
	for p, h := range m.pairs {
		if p.address == a && (h.told != "" || h.maybeSeen) {
			h.maybeDeparted = true
		}
	}
}
