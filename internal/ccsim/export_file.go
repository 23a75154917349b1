package ccsim

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// column is one column of an export: the name of its field in the request, empty
// when it cannot be asked for, the header in the file, and the value.
type column struct {
	field, header string
	value         func(s *Sim, c *contact) string
}

// exportColumns are the columns of an export in their order. Custom fields follow
// when no fields were asked for.
var exportColumns = slices.Concat(
	[]column{
		{"email_address", "Email address", func(_ *Sim, c *contact) string { return c.address }},
		{"contact_id", "Contact ID", func(_ *Sim, c *contact) string { return c.id }},
		{"first_name", "First name", func(_ *Sim, c *contact) string { return c.profile.FirstName }},
		{"last_name", "Last name", func(_ *Sim, c *contact) string { return c.profile.LastName }},
		{"company_name", "Company", func(_ *Sim, c *contact) string { return c.profile.Company }},
		{"job_title", "Job title", func(_ *Sim, c *contact) string { return c.profile.JobTitle }},
		{"", "Email status", func(_ *Sim, c *contact) string { return emailStatus(c) }},
		{"email_permission", "Email permission status", func(_ *Sim, c *contact) string { return c.permission }},
		{"email_update_source", "Email update source", func(_ *Sim, c *contact) string { return c.updateSource }},
		{"email_optin", "Opt-In", func(_ *Sim, c *contact) string { return fmt.Sprint(c.active()) }},
		{"email_optin_source", "Opt-In Source", func(_ *Sim, c *contact) string { return c.optInSource }},
		{"email_optin_date", "Opt-In Date", func(s *Sim, c *contact) string { return s.written(c.optInAt) }},
		{"email_optout_date", "Confirmed Opt-Out Date", func(s *Sim, c *contact) string { return s.written(c.optOutAt) }},
		{"email_optout_source", "Confirmed Opt-Out Source", func(_ *Sim, c *contact) string { return c.optOutSource }},
		{"email_optout_reason", "Confirmed Opt-Out Reason", func(_ *Sim, c *contact) string { return c.optOutReason }},
		empty("", "Salutation"),
	},
	phoneColumnsOf("home", "mobile", "other", "work", "fax"),
	streetColumnsOf("Home"), streetColumnsOf("Work"), streetColumnsOf("Other"),
	[]column{
		empty("website", "Website"),
		empty("social_profiles", "Social profiles"),
		{"birthday", "Birthday", func(_ *Sim, c *contact) string { return birthday(c.profile.BirthdayMonth, c.profile.BirthdayDay) }},
		{"birthday_month", "Birthday month", func(_ *Sim, c *contact) string { return birthday(c.profile.BirthdayMonth) }},
		{"birthday_day", "Birthday day", func(_ *Sim, c *contact) string { return birthday(c.profile.BirthdayDay) }},
		{"anniversary", "Anniversary", func(_ *Sim, c *contact) string { return c.profile.Anniversary }},
		empty("sms_number", "SMS number"),
		empty("sms_status", "SMS status"),
		empty("sms_consent_date", "SMS consent date"),
		{"notes", "Notes", func(_ *Sim, c *contact) string { return notes(c) }},
		empty("tag", "Tags"),
		{"email_lists", "Email Lists", func(_ *Sim, c *contact) string { return strings.Join(c.listNames(), ",") }},
		{"source_name", "Source Name", func(_ *Sim, c *contact) string { return c.createSource }},
		{"created_at", "Created At", func(s *Sim, c *contact) string { return s.stamp(c.createdAt) }},
		{"updated_at", "Updated At", func(s *Sim, c *contact) string { return s.stamp(c.updatedAt) }},
	},
)

// exportFields are what a request may name. Those without a column of their own
// choose columns of an address.
var exportFields = []string{
	"first_name", "last_name", "contact_id", "email_address", "email_lists", "phone_number", "company_name", "job_title", "social_profiles",
	"website", "tag", "notes", "street", "street_1", "street_2", "city", "state", "intl_state", "zip", "country", "anniversary", "birthday",
	"birthday_day", "birthday_month", "source_name", "created_at", "updated_at", "email_optin", "email_permission", "email_update_source",
	"email_optin_source", "email_optin_date", "email_optout_date", "email_optout_source", "email_optout_reason", "sms_number",
	"sms_consent_date", "sms_status",
}

// needsAddress says that a field can be asked for only together with the address.
func needsAddress(field string) bool {
	return strings.HasPrefix(field, "email_opt")
}

// empty is a column of what is not simulated.
func empty(field, header string) column {
	return column{field, header, func(*Sim, *contact) string { return "" }}
}

func phoneColumnsOf(kinds ...string) (columns []column) {
	for _, kind := range kinds {
		columns = append(columns, column{"phone_number", "Phone - " + kind, func(_ *Sim, c *contact) string {
			return part(c.profile.Phones, kind, "phone_number")
		}})
	}
	return columns
}

func streetColumnsOf(kind string) (columns []column) {
	for _, of := range []struct{ field, header, name string }{
		{"street", "Street address line 1", "street"},
		{"city", "City", "city"},
		{"state", "State/Province", "state"},
		{"zip", "Zip/Postal Code", "postal_code"},
		{"country", "Country", "country"},
	} {
		columns = append(columns, column{of.field, of.header + " - " + kind, func(_ *Sim, c *contact) string {
			return part(c.profile.Streets, strings.ToLower(kind), of.name)
		}})
	}
	return columns
}

// part is a text of the resource of a kind.
func part(all []resource, kind, name string) string {
	if i := ofKind(all, kind); i >= 0 {
		return all[i].text(name)
	}
	return ""
}

// birthday is parts of a birthday joined by strokes, empty when none is set.
func birthday(parts ...int) string {
	texts := []string{}
	for _, n := range parts {
		if n != 0 {
			texts = append(texts, strconv.Itoa(n))
		}
	}
	return strings.Join(texts, "/")
}

func notes(c *contact) string {
	texts := []string{}
	for _, note := range c.profile.Notes {
		texts = append(texts, note.text("content"))
	}
	return strings.Join(texts, "\n")
}

func emailStatus(c *contact) string {
	if c.active() {
		return "Active"
	}
	return c.status()
}

// written is a time, empty when there is none.
func (s *Sim) written(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return s.stamp(t)
}

// chosen says whether a request for fields gets the column.
func (of column) chosen(fields []string) bool {
	if len(fields) == 0 || slices.Contains(fields, of.field) {
		return true
	}
	// street_1 and intl_state are further words for the same.
	other := map[string]string{"street": "street_1", "state": "intl_state"}[of.field]
	return other != "" && slices.Contains(fields, other)
}

// columnsFor are the columns of a file.
func (s *Sim) columnsFor(a *accountState, fields []string) []column {
	columns := slices.DeleteFunc(slices.Clone(exportColumns), func(of column) bool { return !of.chosen(fields) })
	if len(fields) == 0 {
		for _, f := range a.fields {
			columns = append(columns, column{customPrefix + f.name, f.label, func(_ *Sim, c *contact) string {
				for _, v := range c.profile.Custom {
					if v.ID == f.id {
						return v.Value
					}
				}
				return ""
			}})
		}
	}
	if s.switches.ExportHeadersAreFields {
		columns = slices.DeleteFunc(columns, func(of column) bool { return of.field == "" })
		columns = slices.CompactFunc(columns, func(x, y column) bool { return x.field == y.field })
		for i := range columns {
			columns[i].header = columns[i].field
		}
	}
	return columns
}

// export is the file.
func (s *Sim) export(a *accountState, contacts []*contact, fields []string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	columns := s.columnsFor(a, fields)
	record := make([]string, len(columns))
	for i, of := range columns {
		record[i] = of.header
	}
	_ = w.Write(record) // a bytes.Buffer takes everything
	for _, c := range contacts {
		for i, of := range columns {
			record[i] = of.value(s, c)
		}
		_ = w.Write(record)
	}
	w.Flush()
	return b.Bytes()
}
