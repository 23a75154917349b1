package oracle

import "slices"

// answer is what the rules say where they may leave it open.
type answer int

const (
	no answer = iota
	maybe
	yes
)

// change is a rep's new e-mail address and what it carries over from the ones
// before (section 7).
type change struct {
	rep  int
	from []string // the last address first
	to   string
	read bool            // the last address was read for it
	due  map[mirror]bool // lists that to is to be added to, once
	may  map[mirror]bool // lists that it may be added to
}

// hand is a list of the account that mirrors nothing.
func (m *model) hand(id string) mirror {
	s := mirror{what: "hand", id: id}
	m.lists[s], m.of[id] = id, s
	return s
}

// changesSeen notes which reps the cut sees with another address than the cuts
// before.
func (m *model) changesSeen(addresses []string) {
	for _, r := range m.office.reps {
		a := r.address()
		if a == "" || r.spoiled || !slices.Contains(addresses, a) {
			continue
		}
		before := m.now[r.nth]
		m.now[r.nth] = a
		if before == "" || before == a {
			continue
		}
		c := &change{rep: r.nth, from: []string{before}, to: a, due: map[mirror]bool{}, may: map[mirror]bool{}}
		for had := range m.memory.saw[r.nth] {
			if had != a && had != before {
				c.from = append(c.from, had) // its own change may be unfinished
			}
		}
		m.changes[r.nth] = c
	}
}

// carries notes what a read of a previous address makes its successors inherit:
// the groups' lists on which it stays without a row, and the lists that mirror
// nothing. Somebody who still has the address keeps all.
func (m *model) carries(from *contact) {
	a := from.Email.Address
	for _, c := range m.changes {
		if !slices.Contains(c.from, a) {
			continue
		}
		first := c.from[0] == a && !c.read
		c.read = c.read || first
		free := len(m.office.holders(a)) == 0
		for _, id := range from.Lists {
			s, known := m.of[id]
			if !known {
				s = m.hand(id)
			}
			switch {
			case m.released(s): // mirrors nothing any more, once the system has noticed
				c.may[m.hand(id)] = true
			case s.what == "hand":
				c.may[s] = true
				c.due[s] = c.due[s] || first && free && m.related(c, from)
			case s.what == "group":
				if v, _ := m.verdict(s, a); v == leave {
					c.may[s] = true
					wanted, _ := m.verdict(s, c.to) // then it is added, or held back, for its own rows
					c.due[s] = c.due[s] || first && free && m.office.open(s) && wanted != on
				}
			}
		}
	}
}

// carriesNothing notes that a previous address was read for the changes from it
// and has no contact. Lists that it is put on later are none of theirs.
func (m *model) carriesNothing(a string) {
	for _, c := range m.changes {
		c.read = c.read || c.from[0] == a
	}
}

// related: the rep or the previous address is on a list of ours.
func (m *model) related(c *change, from *contact) bool {
	for _, s := range m.office.sources() {
		if from.on(m.lists[s]) {
			return true
		}
		if v, _ := m.verdict(s, c.to); v == on && m.office.open(s) {
			return true
		}
	}
	return false
}

// mayCarry says whether an e-mail change may put an address on a list without
// the rows saying so.
func (m *model) mayCarry(s mirror, a string) bool {
	for _, c := range m.changes {
		if r := m.office.rep(c.rep); r != nil && r.address() == a && c.to == a && c.may[s] && m.heldBack(r, a, s) != yes {
			return true
		}
	}
	return false
}

// carried notes who is on which list by now: what was carried over once is not
// carried again. Of somebody who is there by hand the system may not know it.
func (m *model) carried(now *picture) {
	for _, c := range m.changes {
		for s := range c.may {
			h := m.pair(s, c.to)
			if !now.on(c.to, m.lists[s]) || h.told != "" && !h.confirmed {
				continue
			}
			delete(c.due, s)
			if h.told != "" {
				delete(c.may, s)
			}
		}
	}
}

// carriedAtRest says that what was to be carried over is, and that nobody who
// opted out is where we put them. Whom we took off again, and who is there all
// the same, somebody else has put there.
func (m *model) carriedAtRest(now *picture) {
	m.carried(now)
	for p, h := range m.pairs {
		c := now.byAddress[p.address]
		if p.list.what != "hand" || h.told != "add" || !h.known || !c.active() || !c.on(p.list.id) || !m.office.open(p.list) {
			continue
		}
		if _, optOut := m.verdict(p.list, p.address); optOut {
			m.problem("%s opted out and should be off %q, where we put it", p.address, now.lists[p.list.id])
		}
	}
	for _, c := range m.changes {
		r, to := m.office.rep(c.rep), now.byAddress[c.to]
		if r == nil || r.address() != c.to || !to.active() || m.person(c.to).anyway || m.person(c.to).unread {
			continue
		}
		for s, due := range c.due {
			if to.on(m.lists[s]) {
				continue
			}
			_, there := now.lists[m.lists[s]]
			h := m.pair(s, c.to)
			v, _ := m.verdict(s, c.to)
			excused := m.heldBack(r, c.to, s) != no || h.departed || h.maybeDeparted || m.blockedAt(on, s, c.to, "add")
			if due && there && v == leave && m.office.open(s) && !excused {
				m.problem("%s should be on %s, as %s was before", c.to, s, c.from[0])
			}
		}
	}
}

// heldBack says whether consent given under a previous address of the rep keeps
// the present one off the list.
func (m *model) heldBack(r *rep, a string, s mirror) answer {
	worst := no
	for previous := range m.memory.saw[r.nth] {
		if previous == a {
			continue
		}
		p, h := m.person(previous), m.pair(s, previous)
		switch p.state {
		case "unsubscribed", "deleted", "temp_hold":
			worst = max(worst, yes)
		case "pending_confirmation", "not_set":
			worst = max(worst, maybe)
		}
		if h.departed && h.missed {
			worst = max(worst, yes)
		}
		if q := m.holds[asked{pair{s, previous}, "add"}]; q != nil && q.kind == "may_have_left" && q.state == "waiting" {
			ends := yes // until that is answered
			if h.known {
				ends = maybe // or somebody is read there
			}
			worst = max(worst, ends)
		}
		if p.unread || p.anyway || p.lifted || h.departed || h.maybeDeparted {
			worst = max(worst, maybe)
		}
		if p.unread && worst == yes && !(h.departed && h.missed) {
			worst = maybe // that may be over
		}
	}
	return worst
}

// held says whether everybody who wants the address on the list is held back.
func (m *model) held(s mirror, a string) answer {
	best, wanting := yes, false
	for _, r := range m.office.holders(a) {
		if wants(r, s) {
			wanting = true
			best = min(best, m.heldBack(r, a, s))
		}
	}
	if !wanting {
		return no
	}
	return best
}
