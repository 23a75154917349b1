package ccsim

import (
	"fmt"
	"net/http"
	"slices"
)

type exportInput struct {
	ContactIDs []string `json:"contact_ids"`
	ListIDs    []string `json:"list_ids"`
	Status     string   `json:"status"`
	Fields     []string `json:"fields"`
	Exclude    struct {
		ContactIDs []string `json:"contact_ids"`
	} `json:"exclude"`
}

// maxExcluded is how many contacts an export may leave out by id.
const maxExcluded = 50

// selects returns the contacts to export. removed is the word for deleted.
func (in *exportInput) selects(a *accountState, lists []*list) []*contact {
	all := a.contacts
	switch {
	case len(in.ContactIDs) > 0:
		all = nil
		for _, id := range in.ContactIDs {
			if c := a.byID[id]; c != nil {
				all = append(all, c)
			}
		}
	case len(lists) > 0:
		all = a.onAny(lists)
	}
	var found []*contact
	for _, c := range all {
		status := c.status()
		if status == "deleted" {
			status = "removed"
		}
		if (in.Status == "" || in.Status == status) && (len(lists) == 0 || slices.ContainsFunc(lists, c.on)) && !slices.Contains(in.Exclude.ContactIDs, c.id) {
			found = append(found, c)
		}
	}
	return found
}

func (s *Sim) postExport(c *call) answer {
	var in exportInput
	switch {
	case !c.decodeOnly(&in):
		return invalid("the filter does not have a valid value")
	case len(in.ContactIDs) > maxMembershipIDs, len(in.ListIDs) > maxTargetLists, len(in.Exclude.ContactIDs) > maxExcluded:
		s.note(RuleLimits, fmt.Sprintf("an export of %d contacts or %d lists", len(in.ContactIDs), len(in.ListIDs)))
		return invalid("list_ids or contact_ids has too many values")
	case len(in.ContactIDs) > 0 && (len(in.ListIDs) > 0 || len(in.Exclude.ContactIDs) > 0):
		return invalid("list_ids does not have a valid value")
	case !allIn(in.Fields, exportFields):
		return invalid("fields does not have a valid value")
	case slices.ContainsFunc(in.Fields, needsAddress) && !slices.Contains(in.Fields, "email_address"):
		return invalid("email_address is missing in fields")
	case !allIn([]string{in.Status}, []string{"", "active", "unsubscribed", "removed"}):
		return invalid("status does not have a valid value")
	}
	a := c.account
	lists, known := a.living(in.ListIDs)
	if !known {
		return notFound("list_id")
	}
	return s.submit(c, s.identity().id, func(act *activity) {
		found := in.selects(a, lists)
		act.counters["items_total_count"] = len(found)
		found = act.leaveOut(found)
		act.result = s.export(a, found, in.Fields)
		act.counters["items_completed_count"] = len(found)
	})
}

// leaveOut is the part of the contacts that an activity with errors exports.
func (act *activity) leaveOut(all []*contact) []*contact {
	var kept []*contact
	for i, c := range all {
		if act.drops(i) {
			act.counters["error_count"]++
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

func (s *Sim) getExport(c *call) answer {
	for _, act := range c.account.activities {
		if act.resultID != c.PathValue("id") {
			continue
		}
		if act.result == nil && s.switches.EarlyExportIs400 {
			return invalid("the export is not ready")
		}
		if act.result != nil {
			return answer{status: http.StatusOK, raw: act.result, kind: "text/csv"}
		}
	}
	return notFound("file_export_id")
}
