package mapper

import (
	"fmt"
	"strings"
)

// DefaultAllActiveName names the all-active list where the policy does not.
const DefaultAllActiveName = "All Active and Courtesy Representatives"

// SeedAllActiveNames are the names that the vendor's own software gave the list.
// Without a list of the policy's name, the first binding of the all-active list
// takes one of these that exists, the first of them first.
var SeedAllActiveNames = []string{
	DefaultAllActiveName + " from ChamberMaster/MemberZone",
	DefaultAllActiveName + " from ChamberMaster",
	DefaultAllActiveName + " from MemberZone",
}

// maxListName is the longest name of a Constant Contact list, in characters.
const maxListName = 255

// name gives every wanted list a name of its own. A list that is bound but not
// wanted now still has its name in Constant Contact, whatever its source is
// called by now, and comes first. That of a group which is gone will be
// released: a new group of its name waits for it.
func (c *catalog) name() {
	taken, leaving := make(map[string]bool), make(map[string]bool)
	for _, t := range c.targets {
		if t.gate != "" && t.known {
			taken[folded(t.bound)] = true
			leaving[folded(t.bound)] = t.gone
		}
	}
	for _, t := range c.targets {
		if t.gate != "" || t.Kind == ListUnmanaged {
			continue
		}
		source := t.Name
		t.Name = fitName(source, "")
		if t.Kind == ListGroup && !t.known && leaving[folded(t.Name)] {
			t.gate = ReasonListMissing
			continue
		}
		if taken[folded(t.Name)] {
			t.Name = freeName(source, t.Kind, taken)
			t.Derived = true
		}
		t.Cut = !strings.HasPrefix(t.Name, source)
		taken[folded(t.Name)] = true
	}
}

func listName(raw string) string { return strings.TrimSpace(raw) }

func folded(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// fitName appends the suffix to the name, cut so that both fit.
func fitName(name, suffix string) string {
	if runes, room := []rune(name), maxListName-len(suffix); len(runes) > room {
		name = strings.TrimSpace(string(runes[:room]))
	}
	return name + suffix
}

// freeName derives a name that no other list has.
func freeName(name string, kind ListKind, taken map[string]bool) string {
	if derived := fitName(name, " (group)"); kind == ListGroup && !taken[folded(derived)] {
		return derived
	}
	for n := 2; ; n++ {
		if derived := fitName(name, fmt.Sprintf(" (%d)", n)); !taken[folded(derived)] {
			return derived
		}
	}
}
