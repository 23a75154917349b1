package ccsim

import (
	"slices"
	"time"
)

const (
	guardWrites = 5              // of an address in 24 hours, before the vendor takes the next for abuse
	guardLasts  = 48 * time.Hour // how long an address is refused then
)

// guard counts how often an address is written.
type guard struct {
	rows    map[string][]time.Time // import rows of the last day, for the referee
	writes  map[string][]time.Time // writes of the last day, kept while the guard is enforced
	refused map[string]time.Time   // until when
}

func newGuard() guard {
	return guard{rows: map[string][]time.Time{}, writes: map[string][]time.Time{}, refused: map[string]time.Time{}}
}

// lastDay adds a time to those of an address, keeps those of its last 24 hours
// and says whether they are too many.
func lastDay(times map[string][]time.Time, address string, now time.Time) (tooMany bool) {
	kept := slices.DeleteFunc(times[address], func(at time.Time) bool { return now.Sub(at) >= 24*time.Hour })
	kept = append(kept, now)
	times[address] = kept
	return len(kept) > guardWrites
}

// countRow counts an import row that was sent at a time, whatever becomes of it.
func (s *Sim) countRow(a *accountState, address string, sent time.Time) {
	if address == "" || !lastDay(a.guard.rows, address, sent) {
		return
	}
	who := "an address without a contact"
	if c := a.byAddress[address]; c != nil {
		who = "contact " + c.id
	}
	s.note(RuleRows, who)
}

// refusesWrite counts a write of an address and says whether the vendor takes it
// for abuse, when that is enforced.
func (s *Sim) refusesWrite(a *accountState, address string, sent time.Time) bool {
	if !s.switches.EnforceAbuseGuard {
		return false
	}
	if sent.Before(a.guard.refused[address]) {
		return true
	}
	tooMany := lastDay(a.guard.writes, address, sent)
	if tooMany {
		a.guard.refused[address] = sent.Add(guardLasts)
	}
	return tooMany
}
