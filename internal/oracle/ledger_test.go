package oracle

import (
	"fmt"
	"slices"
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
	// maybeTold: a removal got no answer and was not carried out, and no read
	// has shown since that the address is still on the list.
	maybeTold bool
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
	lifted    bool   // can be mailed again; whoever has another address by now is planned by a full reconciliation
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
		h.known, h.ours, h.maybeTold = true, true, false
	}
	h.told, h.activity, h.lost, h.confirmed = op, activity, lost, false
}

// mayBeTold notes a request without an answer, which Constant Contact did not
// carry out. Whoever is off the list afterwards may as well have been taken off
// by it, and whoever is on it put there.
func (m *model) mayBeTold(listID, a, op string) {
	s, ours := m.of[listID]
	if !ours {
		return
	}
	h := m.pair(s, a)
	if op == "add" {
		h.ours = true
		return
	}
	h.maybeTold = true
	h.hideDeparture()
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
			if now.on(p.address, m.lists[p.list]) == (h.told == "add") {
				m.did(p, h.told)
			}
			switch c := now.byAddress[p.address]; {
			case h.told != "add" || h.lost:
			case now.on(p.address, m.lists[p.list]):
				h.confirmed = true
			case c != nil && !c.active():
				// The call is done, and nobody hears that it left the person out, who is
				// then missing from the list as if they had left it.
				h.maybeDeparted = true
			}
			h.known = h.known && h.told != "remove" // it was read before that
			if h.told == "add" && !now.byAddress[p.address].active() {
				// Nobody knows whether that was before, so it is not carried over again.
				for _, c := range m.changes {
					if c.to == p.address {
						delete(c.due, p.list)
					}
				}
			}
		case "failed", "timed_out":
			// As if never told. Whether an earlier word stands again is not
			// followed.
			h.maybeSeen = h.maybeSeen || h.told == "remove"
			if h.told == "add" && !h.seen && h.departed {
				// Whoever was on the list was not put there by this.
				h.departed, h.missed, h.maybeDeparted = false, false, true
			}
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
		// A poll reads what became of its activity, and of nothing else.
		asked := planning || h.told != "" && !m.settled[h.activity]
		h.known = asked && c.on(id) || !asked && h.known
		if !c.on(id) {
			v, _ := m.verdict(s, a)
			// A page alone proves nothing: who is missed there is asked for by name.
			h.missed = h.missed || h.departed && planning && byName && v == on && c.active()
			if c.Deleted != "" || p.unsubRead {
				h.seen, h.confirmed = false, false // off because of that
				h.hideDeparture()
				if m.settled[h.activity] {
					h.told, h.activity = "", ""
				}
			}
			continue
		}
		if !asked {
			continue
		}
		h.departed, h.maybeDeparted, h.missed, h.maybeTold = false, false, false, false
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
		m.carriesNothing(a)
	}
	for s := range m.lists {
		m.pair(s, a).known = false
	}
}

// left is a person leaving one list in Constant Contact.
func (m *model) left(s mirror, a string) {
	h := m.pair(s, a)
	byUs := h.maybeTold || h.told == "remove" && !m.settled[h.activity]
	switch {
	case (h.seen || h.told == "add" && h.confirmed) && !byUs:
		h.departed = true
		m.met("left")
	case h.told == "add" || h.maybeSeen || h.seen:
		h.maybeDeparted = true
	}
	m.person(a).unread, h.going = true, false
	for _, c := range m.changes {
		if c.to == a {
			delete(c.due, s) // the system may have seen the person there
		}
	}
}

// offAll is somebody going off all lists. Whoever is on one later was put there
// later.
func (m *model) offAll(a string) {
	for p, h := range m.pairs {
		h.going = h.going && p.address != a
	}
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
