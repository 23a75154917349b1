package oracle

import (
	"time"

	"rollcall/mapper"
)

// thresholds are what holds removals for their number (section 6).
type thresholds struct {
	off                       bool
	few, percent, many, small int
}

// Most checks have no thresholds, because a list of few people reaches them all
// the time.
var (
	anyNumber = thresholds{off: true}
	byDefault = thresholds{few: 10, percent: 20, many: 500, small: 5}
	tight     = thresholds{few: 1, percent: 20, many: 500, small: 2}
)

func (t thresholds) policy() mapper.Thresholds {
	return mapper.Thresholds{Off: t.off, Few: t.few, Percent: t.percent, Many: t.many, Small: t.small}
}

// exceeded says whether n removals are too many for a list of that size.
func (t thresholds) exceeded(n, size int) bool {
	return !t.off && (n > t.few && n*100 > size*t.percent || n > t.many || size >= t.small && n >= size)
}

// sent is a removal that was sent. free: for an opt-out, or approved, so that it
// counts only where the list becomes empty.
type sent struct {
	address string
	at      time.Time
	free    bool
}

// mayBeOn says whether a removal may take somebody off a list on which Constant
// Contact does not show them: what was read last says that they are on it, or a
// call that may put them there is on its way. Any other removal takes nobody
// off, and stands in a call only because that is about others.
func (m *model) mayBeOn(s mirror, a string) bool {
	h := m.pair(s, a)
	return h.known || h.told == "add" && !m.settled[h.activity]
}

// taken notes a removal, and judges those of the last hour together that count.
// The size of the list at the start of the hour is taken as high as it can have
// been, so that no harmless difference is a fault.
func (m *model) taken(s mirror, a string, free bool) {
	now := m.time()
	m.sent[s] = append(m.sent[s], sent{a, now, free})
	if free {
		for _, c := range m.changes { // a person's own word about the address
			if c.to == a {
				delete(c.due, s)
			}
		}
		return
	}
	n := map[string]bool{}
	for _, r := range m.sent[s] {
		if !r.free && now.Sub(r.at) < time.Hour {
			n[r.address] = true
		}
	}
	most := 0
	for p, h := range m.pairs {
		if p.list == s && (h.told != "" || h.known || h.seen || h.maybeSeen) {
			most++
		}
	}
	if m.thresholds.exceeded(len(n), most) {
		m.problem("removes %d people from %s within an hour, who were at most %d, and nobody was asked", len(n), s, most)
	}
}

// tooMany says whether the removals asked about may be above the threshold, if
// everything counts.
func (m *model) tooMany(now *picture, s mirror) bool {
	n, free, size := 0, 0, 0
	for _, r := range m.sent[s] {
		switch {
		case m.time().Sub(r.at) >= time.Hour:
		case r.free:
			free++
		default:
			n++
		}
	}
	for at, h := range m.holds {
		if at.list == s && at.op == "remove" && h.kind == "removals" {
			n++
		}
	}
	for _, c := range now.contacts {
		h := m.pair(s, c.Email.Address)
		going := h.told == "remove" && !m.settled[h.activity]
		coming := h.told == "add" && !h.seen // perhaps since the question
		if c.on(m.lists[s]) && !going && !coming {
			size++
		}
	}
	return !m.thresholds.off && (n > m.thresholds.few || n+free >= size)
}
