package deliver

import (
	"rollcall/mapper"
	"rollcall/sink"
)

// spare finds the pairs that a call may reach without effect, so that one call
// can do for people whose differences are not quite the same.
type spare struct {
	w         *world
	bound     map[mapper.ListKey]sink.BoundList
	decisions map[mapper.Address][]mapper.Decision
	held      map[mapper.PairOp]bool
	plain     []mapper.List // bound lists that the plan wants and nobody is asked about as a whole
}

func newSpare(w *world, out mapper.Output, held []mapper.Held, bound map[mapper.ListKey]sink.BoundList) *spare {
	s := &spare{w: w, bound: bound, decisions: map[mapper.Address][]mapper.Decision{}, held: map[mapper.PairOp]bool{}}
	for first := 0; first < len(out.Decisions); {
		last := first
		for last < len(out.Decisions) && out.Decisions[last].Address == out.Decisions[first].Address {
			last++
		}
		s.decisions[out.Decisions[first].Address] = out.Decisions[first:last]
		first = last
	}
	for _, h := range held {
		s.held[mapper.PairOp{Address: h.Op.Address, List: h.Op.List, Kind: h.Op.Kind}] = true
	}
	known := map[mapper.ListKey]sink.BoundList{}
	for _, l := range w.lists {
		known[l.Key] = l
	}
	for _, l := range out.Lists {
		_, bound := bound[l.Key]
		if before := known[l.Key]; bound && !before.KeepForeign && (!before.Existed || before.Looked) {
			s.plain = append(s.plain, l)
		}
	}
	return s
}

// pairs are those of sink.Work.On and Off for one address. shown is this batch's
// read, empty when there was none.
func (s *spare) pairs(address mapper.Address, shown sink.Shown, busy bool) (on, off []mapper.ListKey) {
	if busy {
		return nil, nil
	}
	known := s.w.known[address].Pairs
	decided := map[mapper.ListKey]bool{}
	optedOut := false
	for _, d := range s.decisions[address] {
		decided[d.List] = true
		optedOut = optedOut || d.Reason == mapper.ReasonOptedOut && d.Verdict == mapper.Off
		l, bound := s.bound[d.List]
		pair := known[d.List]
		switch {
		case !bound || pair.Add.State != mapper.HoldNone || pair.Remove.State != mapper.HoldNone || s.asked(address, d.List):
		case d.Verdict == mapper.On && d.Reason == "" && shown.Lists[l.ListID]:
			on = append(on, d.List)
		case d.Verdict == mapper.Off && s.absent(pair, shown, l):
			off = append(off, d.List)
		}
	}
	// The rows put nobody on a list of whom the plan has no decision about it.
	// The verdict is off all the same: of everybody who opted out for every list,
	// of every holder for lists by status and type.
	readable := len(s.w.people[address].Holders) > 0
	for _, h := range s.w.people[address].Holders {
		readable = readable && h.Unreadable == ""
	}
	for _, l := range s.plain {
		if !decided[l.Key] && (optedOut || readable && l.Kind != mapper.ListGroup) && s.absent(known[l.Key], shown, s.bound[l.Key]) {
			off = append(off, l.Key)
		}
	}
	return on, off
}

// asked reports whether the plan at hand asks a person about the pair.
func (s *spare) asked(address mapper.Address, list mapper.ListKey) bool {
	return s.held[mapper.PairOp{Address: address, List: list, Kind: mapper.AddToList}] ||
		s.held[mapper.PairOp{Address: address, List: list, Kind: mapper.InactivateFromList}]
}

// absent reports whether nothing says that somebody is on a list.
func (s *spare) absent(pair mapper.Pair, shown sink.Shown, l sink.BoundList) bool {
	return !shown.Lists[l.ListID] && pair.Shown != mapper.ShownOn && pair.Told != mapper.ToldAdd && (pair.Told == mapper.ToldNothing || pair.Confirmed)
}
