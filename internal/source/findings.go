package source

import (
	"maps"
	"slices"
	"sync"

	"rollcall/mapper"
)

// findings are the rows of reps that could not be used when they were last
// read. A rep is read again and again, and told of once until it is mended.
type findings struct {
	mu   sync.Mutex
	told map[repKey]string // what is wrong
}

type repKey struct {
	association string
	rep         mapper.RepID
}

// mostNamed is how many reps one line of the log names: a broken view may make
// every row of an association unusable.
const mostNamed = 20

// tell logs, by rep id, the rows that have become unusable.
func (s *Source) tell(association string, reps []*mapper.Rep) {
	fresh := s.findings.note(association, reps)
	if s.Log == nil {
		return
	}
	for _, what := range slices.Sorted(maps.Keys(fresh)) {
		ids := fresh[what]
		s.Log.Warn("rows of rollcall.reps cannot be used: their people are neither added nor removed",
			"association", association, "problem", problemTexts[what], "count", len(ids), "reps", ids[:min(len(ids), mostNamed)])
	}
}

// problemTexts say what Rep.Unreadable names.
var problemTexts = map[string]string{
	"active":               "active is NULL",
	"opted_out":            "opted_out is NULL",
	"mailable":             "mailable is NULL",
	"disabled":             "disabled is NULL in rollcall.group_members",
	"group_id":             "group_id is NULL in rollcall.group_members",
	"rep_id":               "rep_id is NULL",
	mapper.UnreadableValue: "a view fails at it",
	"otherwise":            "the rep_id is written otherwise in rollcall.group_members",
	"duplicate":            "the rep_id is there more than once",
}

// note remembers what is wrong with reps and returns the ids of those of which
// that was not known, by what is wrong.
func (f *findings) note(association string, reps []*mapper.Rep) map[string][]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.told == nil {
		f.told = map[repKey]string{}
	}
	fresh := map[string][]string{}
	for _, rep := range reps {
		key := repKey{association, rep.ID}
		switch {
		case rep.Unreadable == "":
			delete(f.told, key)
		case f.told[key] != rep.Unreadable:
			f.told[key] = rep.Unreadable
			fresh[rep.Unreadable] = append(fresh[rep.Unreadable], string(rep.ID))
		}
	}
	return fresh
}
