package oracle

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"
)

// question is one pair of a question to a person, as the system has it. The
// model takes from it what was asked and answered, and judges whether it may
// be asked.
type question struct {
	ID      int64
	Kind    string
	State   string
	ListID  string
	Address string
	Op      string
	Begun   bool // an approval for which a call was begun; what became of it the model knows
}

type asked struct {
	pair
	op string // add or remove
}

// hold is the latest question about an operation of a pair.
type hold struct {
	id       int64
	kind     string
	state    string
	verdict  verdict // when it was asked
	adoption bool    // what the first look at a list that existed found
	used     bool    // a call did what was approved
}

// questions takes in what the system asks by now.
func (s *system) questions(ctx context.Context) error {
	rows, err := s.pool.Query(ctx, `select q.id, q.kind, q.state, l.list_id, p.address, p.op, p.ended = 'done'
		from rollcall_state.approval q join rollcall_state.approval_pair p on p.approval = q.id
		join rollcall_state.list l on l.source = p.source and l.association = p.association and l.key = p.list
		where q.source = $1 and q.association = $2 and q.state <> 'withdrawn'
			and (p.ended = '' or p.ended = 'done' and q.state = 'approved' and (q.expires_at is null or q.expires_at > $3)) order by q.id, p.list, p.address, p.op`, sourceName, s.id, s.clock.Now())
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[question])
	if err != nil {
		return err
	}
	s.model.takeQuestions(s.account.look(), all)
	return nil
}

func (m *model) takeQuestions(now *picture, all []question) {
	before := m.holds
	m.holds = map[asked]*hold{}
	for _, q := range all {
		list, known := m.of[q.ListID]
		if !known {
			m.problem("asks about a list that is not its own")
			continue
		}
		at := asked{pair{list, q.Address}, q.Op}
		h := before[at]
		for old, same := range before {
			if same.id == q.ID && m.released(old.list) && old.address == q.Address && old.op == q.Op {
				h = same // about the list of a group that is gone
			}
		}
		if q.Begun && (h == nil || h.id != q.ID || h.used) {
			continue
		}
		if h == nil || h.id != q.ID {
			v, optOut := m.verdict(list, q.Address)
			h = &hold{id: q.ID, kind: q.Kind, verdict: v, adoption: strings.Contains("left_behind foreign may_have_left", q.Kind)}
			m.mayAsk(now, at, h, optOut)
			if q.Op == "remove" {
				m.pair(list, q.Address).going = false // see planned: the plan that asked was before the question
			}
		}
		h.state = q.State
		m.holds[at] = h
	}
	for at, h := range m.holds {
		if old := before[at]; h.kind == "removals" && (old == nil || old.id != h.id) && !m.tooMany(now, at.list) {
			m.problem("asks whether to remove %s from %s, which is not above the threshold", at.address, at.list)
		}
	}
}

// mayAsk judges a new question.
func (m *model) mayAsk(now *picture, at asked, h *hold, optOut bool) {
	m.met("asked: " + h.kind)
	complain := func(why string) {
		m.problem("asks (%s) whether to %s %s, %s: %s", h.kind, at.op, at.address, at.list, why)
	}
	c := now.byAddress[at.address]
	switch {
	case at.op == "remove" && optOut:
		complain("the person opted out")
	case at.op == "remove" && h.verdict == on, at.op == "add" && h.verdict != on:
		complain("the verdict is " + string(h.verdict))
	}
	switch h.kind {
	case "source":
		if !m.wasAlarmed {
			complain("no rows vanished")
		}
	case "removals":
	case "left_behind", "foreign":
		switch ours := m.everHeld(at.address); {
		case !m.existed[at.list] || at.op != "remove" || !c.on(m.lists[at.list]):
			complain("the list did not exist before, or the person is not on it")
		case ours != (h.kind == "left_behind"):
			complain(fmt.Sprintf("somebody of ours had the address: %v", ours))
		}
	case "may_have_left":
		if !m.existed[at.list] || at.op != "add" || c.on(m.lists[at.list]) || !c.active() {
			complain("the list did not exist before, or the person is on it or cannot be mailed")
		}
	default:
		complain("there are not so many people here")
	}
}

// everHeld says whether a rep was ever seen with the address.
func (m *model) everHeld(a string) bool {
	for _, saw := range m.memory.saw {
		if _, had := saw[a]; had {
			return true
		}
	}
	return len(m.office.holders(a)) > 0
}

// firstLook notes whom the look at lists that existed finds: on one and not
// wanted there, or wanted and not on it. Nothing is done about them before a
// person has decided, or their rows have changed (section 6).
func (m *model) firstLook(now *picture) {
	for s := range m.existed {
		if m.looked[s] || !m.office.open(s) {
			continue
		}
		m.looked[s] = true
		for _, a := range everybody(now, addresses) {
			c, h := now.byAddress[a], m.pair(s, a)
			v, optOut := m.verdict(s, a)
			switch {
			case optOut || v == unknown || !c.active() || h.departed || h.maybeDeparted:
			case c.on(m.lists[s]) && v != on:
				m.mustAsk[asked{pair{s, a}, "remove"}] = v
			case !c.on(m.lists[s]) && v == on:
				m.mustAsk[asked{pair{s, a}, "add"}] = v
			}
		}
	}
}

// unasked: the first look found the pair, its rows say what they said then, and
// nobody has approved the operation.
func (m *model) unasked(s mirror, a, op string) bool {
	at := asked{pair{s, a}, op}
	v, found := m.mustAsk[at]
	now, _ := m.verdict(s, a)
	overruled := op == "remove" && s.what == "group" && m.exact[s]
	return found && now == v && !overruled && !m.approved(s, a, op)
}

// blocked says whether a person's answer keeps the operation back: it is
// awaited, or was no.
func (m *model) blocked(s mirror, a, op string) bool {
	v, _ := m.verdict(s, a)
	return m.blockedAt(v, s, a, op)
}

// blockedAt is blocked for somebody whose place on the list is v: an e-mail change
// wants a person on a list on which the rows only leave them.
func (m *model) blockedAt(v verdict, s mirror, a, op string) bool {
	h := m.holds[asked{pair{s, a}, op}]
	if h == nil || h.state == "approved" {
		return false
	}
	if h.state == "rejected" && h.kind == "may_have_left" {
		return false // then they left, which ends as any departure does
	}
	if h.state == "rejected" && h.adoption && s.what == "group" && m.exact[s] {
		return false // to sync the group now is another decision
	}
	return !h.adoption || v == h.verdict
}

// outlived says whether a removal was asked about because rows had vanished, and
// they are back: then the question ends before the next removal.
func (m *model) outlived(s mirror, a string) bool {
	h := m.holds[asked{pair{s, a}, "remove"}]
	return h != nil && h.state == "waiting" && h.kind == "source" && !m.alarmed()
}

// approved says whether a person said yes to the operation, and no call has done it
// yet: one that was refused, or failed, has used nothing up.
func (m *model) approved(s mirror, a, op string) bool {
	h := m.holds[asked{pair{s, a}, op}]
	if h == nil || h.state != "approved" || h.used {
		return false
	}
	v, _ := m.verdict(s, a)
	return !h.adoption || v == h.verdict
}

// did notes that a call did what it was to do with the pair.
func (m *model) did(p pair, op string) {
	if h := m.holds[asked{p, op}]; h != nil && h.state == "approved" {
		h.used = true
	}
}

// counts are the rows of each view.
func (o *office) counts() map[string]int {
	n := map[string]int{"reps": len(o.reps), "groups": len(o.groups), "options": 0, "group_members": 0, "opt_outs": 0}
	for _, r := range o.reps {
		n["group_members"] += len(r.rows)
	}
	for _, out := range o.optOuts {
		if !out.withdrawn {
			n["opt_outs"]++
		}
	}
	if o.options != nil {
		n["options"] = 1
	}
	return n
}

// alarmed says whether the rows are not to be believed (section 6): a view is
// empty that was not, or rows vanished in bulk, since the last complete read.
func (m *model) alarmed() bool {
	for view, n := range m.office.counts() {
		before := m.base[view]
		bulk := view == "reps" || view == "group_members"
		if before > 0 && n == 0 || bulk && before-n > 10 && (before-n)*5 > before {
			return true
		}
	}
	return false
}

// countRows is a complete read of the database.
func (m *model) countRows() {
	if !m.alarmed() {
		m.base = m.office.counts()
	}
}

// answer answers one of the open questions.
func (s *system) answer(ctx context.Context, t *rapid.T) {
	if err := s.questions(ctx); err != nil {
		t.Fatal(err)
	}
	open := map[int64]*hold{}
	for _, h := range s.model.holds {
		if h.state == "waiting" {
			open[h.id] = h
		}
	}
	if len(open) == 0 {
		t.Skip()
	}
	id := pick(t, "question", slices.Sorted(maps.Keys(open)))
	approve := chance(t, "approve")
	t.Logf("the question %s is answered: %v", open[id].kind, approve)
	if err := s.store().Decide(ctx, id, approve, "oracle"); err != nil {
		t.Logf("  not answered: %v", err) // it has expired
		return
	}
	for at, h := range s.model.holds {
		if h.id != id {
			continue
		}
		pair := s.model.pair(at.list, at.address)
		switch {
		case h.kind == "may_have_left" && !approve:
			pair.departed, pair.missed = true, true
			delete(s.model.mustAsk, at)
		case h.kind == "source" && approve:
			s.model.base = nil
		case h.adoption && approve:
			delete(s.model.mustAsk, at) // decided, however often it takes to do it
		}
	}
	if err := s.questions(ctx); err != nil {
		t.Fatal(err)
	}
}
