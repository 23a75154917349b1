package oracle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rollcall/internal/ccsim"
)

// makeExact notes who is on the list of a group when it is made exact.
func (m *model) makeExact(now *picture, s mirror) {
	for _, c := range now.contacts {
		if c.on(m.lists[s]) {
			m.pair(s, c.Email.Address).going = true
		}
	}
}

// planned notes that a plan of the addresses was carried out. What the first look
// found is settled where Constant Contact shows it as done.
func (m *model) planned(addresses []string) {
	for at := range m.mustAsk {
		if slices.Contains(addresses, at.address) && m.pair(at.list, at.address).known == (at.op == "add") {
			delete(m.mustAsk, at)
		}
	}
	for _, a := range addresses {
		for s := range m.lists {
			// Whoever was held because rows had vanished, or waits for an answer, goes
			// when the list is made exact the next time.
			if v, _ := m.verdict(s, a); v == on || v == unknown || !m.office.open(s) || m.alarmed() || m.blocked(s, a, "remove") || m.mayBeEdited(s, a) {
				m.pair(s, a).going = false
			}
		}
	}
}

// broken are invariants of section 8 that the simulator's referee saw broken.
// Who left a list is judged by the model, which knows whether it could be read.
func (m *model) broken(sim *ccsim.Sim) {
	for _, v := range sim.Violations() {
		if v.Rule != ccsim.RuleLeft {
			m.problem("%s: %s, known for %s", v.Rule, v.Detail, v.Known.Round(time.Second))
		}
	}
}

// optOutsWentOut says that nobody who opted out waits for anything: after a
// batch the last word about each is a removal. Whoever a run has queued just now
// lingers as every change does.
func (m *model) optOutsWentOut(now *picture, lingers []string) {
	for p, h := range m.pairs {
		if slices.Contains(lingers, p.address) {
			continue
		}
		c, state := now.byAddress[p.address], now.states[h.activity]
		onItsWay := state == "initialized" || state == "processing"
		if h.told != "add" || !m.office.open(p.list) || !c.active() || !onItsWay && !(h.known && c.on(m.lists[p.list])) {
			continue
		}
		if v, optOut := m.verdict(p.list, p.address); v == off && optOut {
			m.problem("%s opted out and is not taken off %s at once", p.address, p.list)
		}
	}
}

// atRest compares the lists with the rules when nothing is left to do.
func (m *model) atRest(now *picture, universe []string) {
	m.carriedAtRest(now)
	for _, s := range m.office.sources() {
		if !m.office.open(s) {
			continue
		}
		id := m.lists[s]
		if id == "" {
			m.problem("%s has no list", s)
			continue
		}
		if _, there := now.lists[id]; !there {
			continue // deleted by hand: paused
		}
		for _, a := range everybody(now, universe) {
			m.pairAtRest(now, s, id, a)
		}
	}
}

// namesAtRest looks at the names of the lists that there are.
func (m *model) namesAtRest(now *picture) {
	for _, s := range m.office.sources() {
		id := m.lists[s]
		if _, there := now.lists[id]; there && m.office.open(s) {
			m.nameAtRest(now, s, id)
		}
	}
}

// nameAtRest says that the list of a group or a type has its name, unless
// somebody gave it another or another list has the name.
func (m *model) nameAtRest(now *picture, s mirror, id string) {
	name, want := now.lists[id], m.office.name(s)
	for other, taken := range now.lists {
		if other != id && strings.EqualFold(taken, want) {
			return
		}
	}
	if name != want && s.what != "all" && !m.byHand[id] {
		m.problem("the list of %s is %q and should be %q", s, name, want)
	}
}

func (m *model) pairAtRest(now *picture, s mirror, id, a string) {
	c, h, p := now.byAddress[a], m.pair(s, a), m.person(a)
	v, optOut := m.verdict(s, a)
	switch {
	case v == on && !c.on(id):
		excused := m.held(s, a) != no || c != nil && !c.active() || c == nil && p.edited || h.departed || h.maybeDeparted || p.anyway || p.unread || m.blocked(s, a, "add")
		if m.held(s, a) == yes {
			m.met("held back for a previous address")
		}
		if !excused {
			m.problem("%s should be on %s\n%s", a, s, m.told(s, a))
		}
	case v == off && c.on(id):
		held := !optOut && (m.blocked(s, a, "remove") || m.alarmed())
		if h.known && !held && (c.active() || optOut && c.Email.Permission != "unsubscribed") {
			m.problem("%s should be off %s (opted out: %v)\n%s", a, s, optOut, m.told(s, a))
		}
	case v == leave && h.going && c.on(id) && c.active() && !m.blocked(s, a, "remove") && !m.alarmed() && !m.mayBeEdited(s, a):
		if m.existed[s] && !m.everHeld(a) {
			break // foreign people stay on an adopted list until that is chosen
		}
		m.problem("%s should be off %s, which was made exact", a, s)
	}
	h.going = false // whoever is put on it from now on was not there
}

// everybody are the addresses of the universe and of the account, sorted.
func everybody(now *picture, universe []string) []string {
	all := slices.Clone(universe)
	for a := range now.byAddress {
		all = append(all, a)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// told is what the model knows of a pair, for a failure.
func (m *model) told(s mirror, a string) string {
	text := fmt.Sprintf("  pair %+v\n  person %+v\n", *m.pair(s, a), *m.person(a))
	for _, op := range []string{"add", "remove"} {
		if h := m.holds[asked{pair{s, a}, op}]; h != nil {
			text += fmt.Sprintf("  asked about %s: %+v\n", op, *h)
		}
	}
	for _, r := range m.office.holders(a) {
		text += fmt.Sprintf("  %s, wants it: %v\n", r, wants(r, s))
		for previous, optedOut := range m.memory.saw[r.nth] {
			text += fmt.Sprintf("    was %s, opted out %v, %+v\n", previous, optedOut, *m.person(previous))
		}
	}
	return text
}
