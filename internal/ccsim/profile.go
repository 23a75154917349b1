package ccsim

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// profile is what an account keeps about a person beside address and consent.
type profile struct {
	FirstName     string `json:"first_name"`
	LastName      string `json:"last_name"`
	JobTitle      string `json:"job_title"`
	Company       string `json:"company_name"`
	Anniversary   string `json:"anniversary"`
	BirthdayMonth int    `json:"birthday_month"`
	BirthdayDay   int    `json:"birthday_day"`
	subResources
}

// ofKind is the place of the resource of a kind, -1 when there is none.
func ofKind(all []resource, kind string) int {
	return slices.IndexFunc(all, func(r resource) bool { return r["kind"] == kind })
}

// The core properties by their names in the API.
var (
	coreTexts = []struct {
		name string
		most int // characters
		of   func(*profile) *string
	}{
		{"first_name", 50, func(p *profile) *string { return &p.FirstName }},
		{"last_name", 50, func(p *profile) *string { return &p.LastName }},
		{"job_title", 50, func(p *profile) *string { return &p.JobTitle }},
		{"company_name", 50, func(p *profile) *string { return &p.Company }},
		{"anniversary", 10, func(p *profile) *string { return &p.Anniversary }},
	}
	coreNumbers = []struct {
		name string
		most int
		of   func(*profile) *int
	}{
		{"birthday_month", 12, func(p *profile) *int { return &p.BirthdayMonth }},
		{"birthday_day", 31, func(p *profile) *int { return &p.BirthdayDay }},
	}
)

// show puts the core properties into a body; one that is not set is absent, or
// null.
func (p *profile) show(body map[string]any, unsetIsNull bool) {
	set := func(name string, value any, given bool) {
		if given {
			body[name] = value
		} else if unsetIsNull {
			body[name] = nil
		}
	}
	for _, text := range coreTexts {
		set(text.name, *text.of(p), *text.of(p) != "")
	}
	for _, number := range coreNumbers {
		set(number.name, *number.of(p), *number.of(p) != 0)
	}
}

// broken names the first property that breaks a limit; empty when none does.
func (p *profile) broken() string {
	for _, text := range coreTexts {
		if tooLong(*text.of(p), text.most) {
			return text.name
		}
	}
	for _, number := range coreNumbers {
		if n := *number.of(p); n < 0 || n > number.most {
			return number.name
		}
	}
	if (p.BirthdayMonth == 0) != (p.BirthdayDay == 0) {
		return "birthday_month"
	}
	if !knownDate(p.Anniversary) {
		return "anniversary"
	}
	return p.subResources.broken()
}

// dates are the documented forms of an anniversary.
var dates = []string{"1/2/2006", "2006/1/2", "2006-1-2", "1-2-2006"}

func knownDate(text string) bool {
	return text == "" || slices.ContainsFunc(dates, func(form string) bool {
		_, err := time.Parse(form, text)
		return err == nil
	})
}

// row is one person of an import.
type row map[string]any

func (r row) text(key string) string {
	text, _ := r[key].(string)
	return text
}

// core is the row's core properties alone.
func (r row) core() *profile {
	p := &profile{}
	for _, text := range coreTexts {
		*text.of(p) = r.text(text.name)
	}
	for _, number := range coreNumbers {
		value, _ := r[number.name].(float64)
		*number.of(p) = int(value)
	}
	return p
}

// broken names the first column that breaks a limit of imports; empty when none
// does.
func (r row) broken() string {
	if broken := r.core().broken(); broken != "" {
		return broken
	}
	for _, phone := range phoneColumns {
		if tooLong(r.text(phone.column), 50) {
			return phone.column
		}
	}
	for _, limit := range streetLimits {
		if tooLong(r.text(limit.column), limit.most) {
			return limit.column
		}
	}
	return ""
}

// The columns of sub-resources in an import.
var (
	phoneColumns = []struct{ column, kind string }{
		{"phone", "other"}, {"other_phone", "other"}, {"home_phone", "home"}, {"work_phone", "work"}, {"mobile_phone", "mobile"},
	}
	streetColumns = []struct{ column, kind string }{{"", "home"}, {"home_", "home"}, {"work_", "work"}, {"other_", "other"}}
	streetParts   = []struct{ column, name string }{
		{"street", "street"}, {"city", "city"}, {"state", "state"}, {"zip", "postal_code"}, {"country", "country"},
	}
	streetLimits = limitsOfStreets()
)

// columnLimit is the most characters of a column of an import.
type columnLimit struct {
	column string
	most   int
}

func limitsOfStreets() (limits []columnLimit) {
	for _, street := range streetColumns {
		limits = append(limits, columnLimit{street.column + "street", 255}, columnLimit{street.column + "street2", 255})
		for _, part := range []string{"city", "state", "zip", "country"} {
			limits = append(limits, columnLimit{street.column + part, 50})
		}
	}
	return limits
}

// take takes over the keys of an import row and says whether anything changed.
// An empty text clears, unless it is ignored. Columns not known, such as those
// of a custom field that does not exist, are ignored without a word.
func (p *profile) take(r row, ignoreEmpty bool) (changed bool) {
	given := func(key string) (string, bool) {
		text, present := r[key].(string)
		return text, present && (text != "" || !ignoreEmpty)
	}
	for _, text := range coreTexts {
		if value, present := given(text.name); present && value != *text.of(p) {
			*text.of(p), changed = value, true
		}
	}
	for _, number := range coreNumbers {
		if value, present := r[number.name].(float64); present && int(value) != *number.of(p) {
			*number.of(p), changed = int(value), true
		}
	}
	for _, phone := range phoneColumns {
		if value, present := given(phone.column); present {
			changed = merge(&p.Phones, phone.kind, resource{"phone_number": value}) || changed
		}
	}
	for _, street := range streetColumns {
		found := resource{}
		for _, part := range streetParts {
			if value, present := given(street.column + part.column); present {
				found[part.name] = value
			}
		}
		if second := r.text(street.column + "street2"); second != "" {
			first, _ := found["street"].(string)
			found["street"] = strings.TrimSpace(first + " " + second)
		}
		if len(found) > 0 {
			changed = merge(&p.Streets, street.kind, found) || changed
		}
	}
	return changed
}

var resourceParts = []string{"phone_number", "street", "city", "state", "postal_code", "country"}

// maxOfKinds is how many telephone numbers, and how many street addresses, a
// contact may have.
const maxOfKinds = 3

// merge puts properties into the resource of a kind and says whether that
// changed it. A resource whose properties are all empty goes.
func merge(all *[]resource, kind string, properties resource) (changed bool) {
	i := ofKind(*all, kind)
	if i < 0 && len(*all) >= maxOfKinds {
		return false
	}
	if i < 0 {
		*all = append(slices.Clone(*all), resource{"kind": kind})
		i = len(*all) - 1
	}
	one, filled := maps.Clone((*all)[i]), false
	(*all)[i] = one
	for name, value := range properties {
		changed = changed || one.text(name) != value
		one[name] = value
		if value == "" {
			delete(one, name)
		}
	}
	for _, part := range resourceParts {
		filled = filled || one.text(part) != ""
	}
	if !filled {
		*all = slices.Delete(*all, i, i+1)
	}
	return changed
}

func tooLong(text string, most int) bool { return utf8.RuneCountInString(text) > most }
