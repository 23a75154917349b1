package ccsim

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// exportColumns are the columns of an export that are simulated: the name of
// the field in the request, the header in the file, and the value.
var exportColumns = []struct {
	field, header string
	value         func(c *contact) string
}{
	{"contact_id", "Contact ID", func(c *contact) string { return c.id }},
	{"email_address", "Email address", func(c *contact) string { return c.address }},
	{"first_name", "First name", func(c *contact) string { return c.profile.FirstName }},
	{"last_name", "Last name", func(c *contact) string { return c.profile.LastName }},
	{"company_name", "Company", func(c *contact) string { return c.profile.Company }},
	{"job_title", "Job title", func(c *contact) string { return c.profile.JobTitle }},
	{"email_permission", "Email permission status", func(c *contact) string { return c.permission }},
	{"email_optout_date", "Confirmed Opt-Out Date", func(c *contact) string {
		if c.optOutAt.IsZero() {
			return ""
		}
		return stamp(c.optOutAt)
	}},
	{"email_lists", "Email Lists", func(c *contact) string { return strings.Join(c.listNames(), ",") }},
	{"created_at", "Created At", func(c *contact) string { return stamp(c.createdAt) }},
	{"updated_at", "Updated At", func(c *contact) string { return stamp(c.updatedAt) }},
}

type exportInput struct {
	ContactIDs []string `json:"contact_ids"`
	ListIDs    []string `json:"list_ids"`
	Status     string   `json:"status"`
	Fields     []string `json:"fields"`
}

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
		if (in.Status == "" || in.Status == status) && (len(lists) == 0 || slices.ContainsFunc(lists, c.on)) {
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
	case len(in.ContactIDs) > maxMembershipIDs, len(in.ListIDs) > maxTargetLists:
		s.note(RuleLimits, fmt.Sprintf("an export of %d contacts or %d lists", len(in.ContactIDs), len(in.ListIDs)))
		return invalid("list_ids or contact_ids has too many values")
	case len(in.ContactIDs) > 0 && len(in.ListIDs) > 0:
		return invalid("list_ids does not have a valid value")
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
		act.result = export(found, in.Fields)
		act.counters["items_total_count"], act.counters["items_completed_count"] = len(found), len(found)
	})
}

// export is the file.
func export(contacts []*contact, fields []string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	columns := exportColumns
	if len(fields) > 0 {
		columns = nil
		for _, column := range exportColumns {
			if slices.Contains(fields, column.field) {
				columns = append(columns, column)
			}
		}
	}
	record := make([]string, len(columns))
	for i, column := range columns {
		record[i] = column.header
	}
	_ = w.Write(record) // a bytes.Buffer takes everything
	for _, c := range contacts {
		for i, column := range columns {
			record[i] = column.value(c)
		}
		_ = w.Write(record)
	}
	w.Flush()
	return b.Bytes()
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
