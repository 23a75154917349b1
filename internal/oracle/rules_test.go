package oracle

import "fmt"

// verdict is what the rows say of one list and one address (section 2).
type verdict string

const (
	on      verdict = "on"
	off     verdict = "off"
	leave   verdict = "leave"
	unknown verdict = "no information"
)

// mirror is what a list mirrors: all active reps, a membership type or a group.
type mirror struct {
	what string // all, type or group; hand is a list that mirrors nothing
	nth  int
	id   string // of a list that mirrors nothing
}

func (s mirror) String() string {
	switch s.what {
	case "all":
		return "all-active"
	case "hand":
		return "a list by hand"
	}
	return fmt.Sprintf("%s %d", s.what, s.nth)
}

// sources are all lists that the database could have, in the order in which
// names are given: all-active, types, groups by id.
func (o *office) sources() []mirror {
	all := []mirror{{what: "all"}}
	for _, k := range o.types {
		all = append(all, mirror{what: "type", nth: k.nth})
	}
	for _, g := range o.groups {
		all = append(all, mirror{what: "group", nth: g.nth})
	}
	return all
}

// open says whether the association wants the list at all (section 3: options
// gate every way alike).
func (o *office) open(s mirror) bool {
	if o.options == nil || o.options.newsletter != constantContact {
		return false
	}
	switch s.what {
	case "hand":
		return true
	case "all":
		return o.options.allActive
	case "type":
		return o.options.typeLists && o.kind(s.nth) != nil
	}
	g := o.group(s.nth)
	return o.options.groupLists && g != nil && g.sync
}

// name is the name that the list should have in Constant Contact.
func (o *office) name(s mirror) string {
	switch s.what {
	case "all":
		return "All Active and Courtesy Representatives"
	case "type":
		return o.kind(s.nth).name
	}
	return o.group(s.nth).name
}

// verdict is what the rows say now, with the opt-outs that are remembered.
// optOut says that it is off because of an opt-out.
func (m *model) verdict(s mirror, a string) (v verdict, optOut bool) {
	o := m.office
	holders := o.holders(a)
	if m.optedOut(a) || s.what == "group" && o.optedOutByRow(a, s.nth) {
		return off, true
	}
	for _, r := range holders {
		if r.spoiled {
			return unknown, false
		}
	}
	wanted, reason := false, len(holders) > 0 && (s.what == "all" || s.what == "type")
	for _, r := range holders {
		_, row := r.rows[s.nth]
		wanted = wanted || wants(r, s)
		reason = reason || s.what == "group" && row
	}
	switch {
	case wanted:
		return on, false
	case reason:
		return off, false
	}
	return leave, false
}

// wants says whether a holder's rows put the address on the list.
func wants(r *rep, s mirror) bool {
	switch s.what {
	case "all":
		return r.activeHolder()
	case "type":
		return r.activeHolder() && r.member.types[s.nth]
	case "group":
		disabled, row := r.rows[s.nth]
		return row && !disabled
	}
	return false
}

// optedOut says whether the address is opted out of all mail (section 4).
func (m *model) optedOut(a string) bool {
	return m.office.optedOutByRow(a, 0) || m.memory.stillOptedOut(m.office, a) || m.optedOutNow(a)
}

// optedOutNow is what the present rows say: a holder opted out, or somebody who
// had the address before did, unless a holder who has not opted out has it. A
// row that cannot be used says what it said last.
func (m *model) optedOutNow(a string) bool {
	free := false
	for _, r := range m.office.holders(a) {
		if !r.spoiled && r.optedOut || r.spoiled && m.memory.saw[r.nth][a] {
			return true
		}
		free = true
	}
	if free {
		return false
	}
	for nth, saw := range m.memory.saw {
		optedOut, had := saw[a]
		if r := m.office.rep(nth); r != nil && !r.spoiled {
			optedOut = r.optedOut || m.memory.gone[nth][a]
		}
		if had && optedOut {
			return true
		}
	}
	return false
}

// memory is what the cuts saw of opt-outs.
type memory struct {
	saw        map[int]map[string]bool // rep → address → opted out when a cut last saw the two
	remembered map[string]bool
	// gone: rep → address → had opted out when last seen, and a cut saw since that the
	// rep was deleted. Whoever has the id later is somebody else.
	gone map[int]map[string]bool
}

func newMemory() *memory {
	return &memory{saw: map[int]map[string]bool{}, remembered: map[string]bool{}, gone: map[int]map[string]bool{}}
}

func (k *memory) had(rep int, a string) bool {
	_, seen := k.saw[rep][a]
	return seen
}

// stillOptedOut: remembered, and no living holder is seen to have changed from
// opted out to not.
func (k *memory) stillOptedOut(o *office, a string) bool {
	still := k.remembered[a]
	for _, r := range o.holders(a) {
		gone := k.gone[r.nth][a]
		still = still || gone
		if !r.spoiled && !r.optedOut && k.saw[r.nth][a] && !gone {
			return false
		}
	}
	return still
}

// deleted notes who had opted out with an address and is not there any more. While
// rows are missing nobody can tell, and then nobody comes back.
func (m *model) deleted(a string) {
	if m.alarmed() || m.wasAlarmed {
		m.office.gone = nil
		return
	}
	for nth, saw := range m.memory.saw {
		if !saw[a] || m.office.rep(nth) != nil {
			continue
		}
		if m.memory.gone[nth] == nil {
			m.memory.gone[nth] = map[string]bool{}
		}
		m.memory.gone[nth][a] = true
	}
}

// glimpse is a run that reads the database without planning at once: it sees
// who has which address.
func (m *model) glimpse() {
	for _, r := range m.office.reps {
		if a := r.address(); a != "" && !m.memory.had(r.nth, a) {
			m.memory.see(r.nth, a, false)
		}
	}
}

func (k *memory) see(rep int, a string, optedOut bool) {
	if k.saw[rep] == nil {
		k.saw[rep] = map[string]bool{}
	}
	k.saw[rep][a] = optedOut
	delete(k.gone[rep], a)
}

// cut is a plan that reads its snapshot: what it sees of the addresses is
// remembered.
func (m *model) cut(addresses []string) {
	m.changesSeen(addresses)
	m.see(addresses)
}

// see notes what a plan remembers of addresses.
func (m *model) see(addresses []string) {
	for at, v := range m.mustAsk {
		if now, _ := m.verdict(at.list, at.address); now != v && now != unknown {
			delete(m.mustAsk, at) // later changes of rows act at once
		}
	}
	k := m.memory
	for _, a := range addresses {
		still := k.stillOptedOut(m.office, a) || m.office.optedOutByRow(a, 0)
		for _, r := range m.office.holders(a) {
			still = still || !r.spoiled && r.optedOut
		}
		k.remembered[a] = still
	}
	for _, a := range addresses {
		for _, r := range m.office.reps {
			if r.spoiled || r.address() != a && !k.had(r.nth, a) {
				continue
			}
			if k.gone[r.nth][a] && r.address() != a && !r.optedOut {
				continue // says nothing of who was deleted
			}
			k.see(r.nth, a, r.optedOut)
		}
		m.deleted(a)
	}
}
