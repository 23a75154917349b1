package ccsim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Limits of custom fields.
const (
	maxFields        = 100 // of an account
	maxContactFields = 25
	maxFieldLabel    = 50
	maxFieldValue    = 255
)

var fieldTypes = []string{"string", "date", "datetime", "currency", "text_area", "number", "boolean", "single_select", "multi_select"}

// customField is a field that an account added. Imports name it by its name,
// contacts by its id.
type customField struct {
	identity
	label, name, kind    string
	createdAt, updatedAt time.Time
}

// fieldNamed is the custom field with a name, nil when there is none.
func (a *accountState) fieldNamed(name string) *customField {
	for _, f := range a.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

func (a *accountState) fieldWith(id string) *customField {
	for _, f := range a.fields {
		if f.id == id {
			return f
		}
	}
	return nil
}

// fieldName is the name that the server derives from a label.
func fieldName(label string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(label)), " ", "_")
}

func (s *Sim) addField(a *accountState, label, kind string) *customField {
	now := s.time()
	f := &customField{identity: s.identity(), label: label, name: fieldName(label), kind: kind, createdAt: now, updatedAt: now}
	a.fields = append(a.fields, f)
	return f
}

func (s *Sim) fieldBody(f *customField) map[string]any {
	return map[string]any{
		"custom_field_id": f.id, "label": f.label, "name": f.name, "type": f.kind, "version": 1,
		"created_at": s.stamp(f.createdAt), "updated_at": s.stamp(f.updatedAt),
	}
}

func (s *Sim) getFields(c *call) answer {
	q, err := c.query()
	if err != nil {
		return invalid("the query does not have a valid value")
	}
	p := pager[*customField]{
		path: "/v3/contact_custom_fields", items: "custom_fields", most: 100,
		match: func(*customField) bool { return true }, body: s.fieldBody,
	}
	return p.page(c, q, c.account.fields)
}

type fieldInputs struct {
	Label string `json:"label"`
	Kind  string `json:"type"`
}

// readField reads the body of a custom field, whose label no field but one may
// have.
func readField(c *call, but *customField) (in fieldInputs, bad answer) {
	other := func(f *customField) bool { return f != but && f.name == fieldName(in.Label) }
	switch {
	case !c.decode(&in) || strings.TrimSpace(in.Label) == "" || tooLong(in.Label, maxFieldLabel):
		bad = invalid("label does not have a valid value")
	case !slices.Contains(fieldTypes, in.Kind):
		bad = invalid("type does not have a valid value")
	case slices.ContainsFunc(c.account.fields, other):
		bad = problem(http.StatusConflict, "contacts.api.conflict", "Validation failed: Label is not unique")
	}
	return in, bad
}

func (s *Sim) postField(c *call) answer {
	in, bad := readField(c, nil)
	switch {
	case bad.status != 0:
		return bad
	case len(c.account.fields) >= maxFields:
		return invalid("the account has %d custom fields", maxFields)
	}
	return answer{status: http.StatusCreated, body: s.fieldBody(s.addField(c.account, in.Label, in.Kind))}
}

func (s *Sim) getField(c *call) answer {
	if f := c.account.fieldWith(c.PathValue("id")); f != nil {
		return ok(s.fieldBody(f))
	}
	return notFound("custom_field_id")
}

func (s *Sim) putField(c *call) answer {
	f := c.account.fieldWith(c.PathValue("id"))
	if f == nil {
		return notFound("custom_field_id")
	}
	in, bad := readField(c, f)
	if bad.status != 0 {
		return bad
	}
	s.relabel(f, in.Label)
	return ok(s.fieldBody(f))
}

func (s *Sim) relabel(f *customField, label string) {
	f.label, f.updatedAt = label, s.time()
	if s.switches.FieldLabelMovesName {
		f.name = fieldName(label)
	}
}

func (s *Sim) deleteField(c *call) answer {
	i := slices.IndexFunc(c.account.fields, func(f *customField) bool { return f.id == c.PathValue("id") })
	if i < 0 {
		return notFound("custom_field_id")
	}
	c.account.fields = slices.Delete(c.account.fields, i, i+1)
	return answer{status: http.StatusNoContent}
}

// FieldNames are the names of an account's custom fields by id.
func (s *Sim) FieldNames(account string) map[string]string {
	names := map[string]string{}
	_ = s.with(account, func(a *accountState) error {
		for _, f := range a.fields {
			names[f.id] = f.name
		}
		return nil
	})
	return names
}

// CreateField is the office adding a custom field of type string.
func (s *Sim) CreateField(account, label string) error {
	return s.with(account, func(a *accountState) error {
		if a.fieldNamed(fieldName(label)) != nil {
			return fmt.Errorf("create custom field %q: the label is taken", label)
		}
		s.addField(a, label, "string")
		return nil
	})
}

// RelabelField is the office renaming a custom field.
func (s *Sim) RelabelField(account, old, label string) error {
	return s.with(account, func(a *accountState) error {
		for _, f := range a.fields {
			if f.label == old {
				s.relabel(f, label)
				return nil
			}
		}
		return fmt.Errorf("rename custom field %q: there is none", old)
	})
}

// fieldValue is the value of a custom field of a contact.
type fieldValue struct {
	ID    string `json:"custom_field_id"`
	Value string `json:"value"`
}

// brokenFields says that a contact cannot have these values.
func (a *accountState) brokenFields(values []fieldValue) bool {
	return len(values) > maxContactFields || slices.ContainsFunc(values, func(v fieldValue) bool {
		return a.fieldWith(v.ID) == nil || tooLong(v.Value, maxFieldValue)
	})
}

// brokenColumns says that an import row has more than a contact may have. What
// the account has no field for does not count.
func (a *accountState) brokenColumns(r row) bool {
	given := 0
	for _, f := range a.fields {
		text := r.text(customPrefix + f.name)
		if text != "" {
			given++
		}
		if given > maxContactFields || tooLong(text, maxFieldValue) {
			return true
		}
	}
	return false
}

// fieldsOf are the values of fields that the account still has.
func (a *accountState) fieldsOf(c *contact) []fieldValue {
	found := []fieldValue{}
	for _, v := range c.profile.Custom {
		if a.fieldWith(v.ID) != nil {
			found = append(found, v)
		}
	}
	return found
}

const customPrefix = "cf:"

// takeFields takes over the custom fields of an import row and says whether
// anything changed. A name that the account does not have is ignored without a
// word, as is what would be more than a contact may have.
func (a *accountState) takeFields(c *contact, r row, ignoreEmpty bool) (changed bool) {
	for _, f := range a.fields {
		text, given := r[customPrefix+f.name].(string)
		if !given || text == "" && ignoreEmpty {
			continue
		}
		changed = c.setField(fieldValue{f.id, text}) || changed
	}
	return changed
}

// setField gives a contact the value of a custom field and says whether that
// changed it. An empty value takes it away.
func (c *contact) setField(v fieldValue) (changed bool) {
	all := &c.profile.Custom
	i := slices.IndexFunc(*all, func(old fieldValue) bool { return old.ID == v.ID })
	switch {
	case i < 0 && (v.Value == "" || len(*all) >= maxContactFields), i >= 0 && (*all)[i] == v:
		return false
	case i < 0:
		*all = append(*all, v)
	case v.Value == "":
		*all = slices.Delete(*all, i, i+1)
	default:
		(*all)[i] = v
	}
	return true
}
