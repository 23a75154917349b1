package ccsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	bodyLimit  = 4_000_000 // bytes of a body; what is beyond is dropped
	maxRows    = 40_000
	longImport = 50 // characters of an address that imports are documented to take
)

// postImport takes a file of people. A body beyond the limit loses its last
// rows without a word.
func (s *Sim) postImport(c *call) answer {
	var in struct {
		Data    []json.RawMessage `json:"import_data"`
		ListIDs []string          `json:"list_ids"`
	}
	if !c.decode(&in) || len(in.Data) == 0 || len(in.ListIDs) == 0 {
		return invalid("import_data and list_ids are required")
	}
	if len(in.Data) > maxRows || len(c.body) > bodyLimit || len(in.ListIDs) > maxTargetLists {
		s.note(RuleLimits, fmt.Sprintf("an import of %d rows, %d bytes, to %d lists", len(in.Data), len(c.body), len(in.ListIDs)))
	}
	switch {
	case len(in.Data) > maxRows:
		return invalid("import_data has more than %d rows", maxRows)
	case len(in.ListIDs) > maxTargetLists:
		return invalid("list_ids has more than %d values", maxTargetLists)
	}
	lists, known := c.account.living(in.ListIDs)
	if !known && !s.switches.UnknownListFailsActivity {
		return invalid("list_ids does not have a valid value")
	}
	for over := len(c.body) - bodyLimit; over > 0 && len(in.Data) > 0; {
		last := len(in.Data) - 1
		over -= len(in.Data[last]) + len(",")
		in.Data = in.Data[:last]
	}
	rows := make([]row, len(in.Data))
	for i, raw := range in.Data {
		if json.Unmarshal(raw, &rows[i]) != nil {
			return invalid("import_data does not have a valid value")
		}
	}
	a := c.account
	makes := s.refereeMaking(a, rows)
	act, refused := s.accept(c, func(act *activity) {
		if !known {
			act.state, act.errors = failed, []string{"list_ids does not have a valid value"}
			return
		}
		s.importRows(a, act, rows, lists)
	})
	if act == nil {
		return refused
	}
	act.makes = makes
	return answer{status: http.StatusCreated, body: s.activityBody(act)}
}

// refereeMaking looks for addresses that another import is still making, and
// returns those that have no contact.
func (s *Sim) refereeMaking(a *accountState, rows []row) map[string]bool {
	makes := map[string]bool{}
	for _, r := range rows {
		address := normal(r.text("email"))
		if a.byAddress[address] != nil {
			continue
		}
		makes[address] = true
		for _, act := range a.open {
			if act.makes[address] {
				s.note(RuleMaking, "activity "+act.id)
			}
		}
	}
	return makes
}

// importRows is what an import does to people: new ones are created, those who
// exist change only in the fields given, everybody mailable joins every list.
// Of several rows of an address the last counts.
func (s *Sim) importRows(a *accountState, act *activity, rows []row, lists []*list) {
	last := map[string]int{}
	for i, r := range rows {
		last[normal(r.text("email"))] = i
	}
	act.counters = map[string]int{
		"items_total_count": len(rows) + 1, // with the header
		"person_count":      len(last), "error_count": 0, "correctable_count": 0, "cannot_add_to_list_count": 0, "list_count": len(lists),
	}
	for i, r := range rows {
		address := normal(r.text("email"))
		s.countRow(a, address, act.createdAt)
		if last[address] != i {
			continue
		}
		counter := s.refuses(a, address, r)
		if act.drops(i) {
			counter = "error_count"
		}
		if counter == "" {
			counter = s.importPerson(a, act.createdAt, address, r, lists)
		}
		if counter == "" {
			continue
		}
		act.counters[counter]++
		if counter != "cannot_add_to_list_count" {
			act.errors = append(act.errors, fmt.Sprintf("Line %d: not imported", i+2)) // line 1 is the header
		}
	}
}

var roleNames = []string{"abuse", "admin", "info", "jobs", "postmaster", "sales", "support"}

// refuses names the counter of a row that is not imported; empty when it is.
func (s *Sim) refuses(a *accountState, address string, r row) string {
	const correctable = "correctable_count"
	local, _, _ := strings.Cut(address, "@")
	role := slices.Contains(roleNames, local)
	switch {
	case !wellFormed(address), tooLong(address, maxAddress), s.switches.LongImportsCorrectable && tooLong(address, longImport),
		r.broken() != "", a.brokenColumns(r), role && s.switches.RoleImports == RoleCorrectable:
		return correctable
	case role && s.switches.RoleImports == RoleError:
		return "error_count"
	}
	return ""
}

// takeRow takes over what an import row says about a person.
func (s *Sim) takeRow(a *accountState, c *contact, r row) {
	changed := c.profile.take(r, s.switches.IgnoreEmptyImports)
	if changed = a.takeFields(c, r, s.switches.IgnoreEmptyImports) || changed; changed {
		c.updatedAt = s.time()
	}
	s.complete(c, byAccount)
}

// importPerson imports a row that was asked for at a time and names the counter
// when it did not put the person on the lists.
func (s *Sim) importPerson(a *accountState, asked time.Time, address string, r row, lists []*list) string {
	if s.refusesWrite(a, address, asked) {
		return "correctable_count" // as any address that is not valid
	}
	c := a.byAddress[address]
	if c == nil {
		c = s.addContact(a, address, implicit)
	}
	if !c.readdressedAt.After(asked) { // or the request was about nobody
		for _, l := range lists {
			s.referee(c, l, asked)
		}
	}
	if c.deleted() {
		if s.switches.DeletedStayDeleted {
			return "error_count"
		}
		c.deletedAt = time.Time{}
	}
	s.takeRow(a, c, r)
	if c.permission == unsubscribed {
		return "cannot_add_to_list_count"
	}
	for _, l := range lists {
		if !l.deleted() && len(c.lists) < maxContactLists {
			s.join(c, l)
		}
	}
	return ""
}
