package mapper

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFieldsTell(t *testing.T) {
	told := Fields{Rep: "1", FirstName: "Ann", Company: "Acme"}
	for name, test := range map[string]struct {
		fields Fields
		want   bool
	}{
		"same":           {told, false},
		"changed":        {Fields{Rep: "1", FirstName: "Anna", Company: "Acme"}, true},
		"emptied":        {Fields{Rep: "1", FirstName: "Ann"}, false},
		"all emptied":    {Fields{Rep: "1"}, false},
		"emptied, added": {Fields{Rep: "1", FirstName: "Ann", JobTitle: "Chair"}, true},
		"moved":          {Fields{Rep: "1", FirstName: "Acme", Company: "Ann"}, true},
	} {
		if got := test.fields.Tells(told.Fingerprint()); got != test.want {
			t.Errorf("%s: Tells = %v, want %v", name, got, test.want)
		}
	}
	if !told.Tells("") || !told.Tells("cut short") {
		t.Error("fields tell nothing over no fingerprint")
	}
}

func TestFingerprintHoldsNoValue(t *testing.T) {
	print := Fields{Rep: "1", FirstName: "Ann"}.Fingerprint()
	if _, err := hex.DecodeString(print); err != nil || strings.Contains(print, "Ann") {
		t.Errorf("fingerprint = %q, error %v", print, err)
	}
}

func TestFieldsAreCut(t *testing.T) {
	fields := fieldsOf(Rep{ID: "1", FirstName: " Ann ", Company: strings.Repeat("ä", 51)}, Policy{})
	if fields.FirstName != "Ann" || utf8.RuneCountInString(fields.Company) != maxField || !slices.Equal(fields.Cut, []string{"company"}) {
		t.Errorf("fields = %+v", fields)
	}
}

func TestFieldsThatAreSwitchedOn(t *testing.T) {
	rep := Rep{ID: "1", FirstName: "Ann", Phone: "(312) 555-0100", Zip: "60601"}
	before := fieldsOf(rep, Policy{})
	if len(before.Fingerprint()) != coreFields*digestChars || before.Phone != "" || before.Zip != "" {
		t.Errorf("fields without phone and address: %+v", before)
	}
	for name, policy := range map[string]Policy{"phone": {SendPhone: true}, "address": {SendAddress: true}} {
		after := fieldsOf(rep, policy)
		if !after.Tells(before.Fingerprint()) || after.Tells(after.Fingerprint()) || before.Tells(after.Fingerprint()) {
			t.Errorf("%s: not told once", name)
		}
		if (after.Phone != "") != policy.SendPhone || (after.Zip != "") != policy.SendAddress {
			t.Errorf("%s: %+v", name, after)
		}
	}
	if empty := fieldsOf(Rep{ID: "1", FirstName: "Ann"}, Policy{SendPhone: true, SendAddress: true}); empty.Tells(before.Fingerprint()) {
		t.Error("empty values tell something")
	}
}

// Each field is cut at its own limit, and says so.
func TestFieldLimits(t *testing.T) {
	for _, limit := range []struct {
		characters int
		set        func(*Rep, string)
		get        func(Fields) string
	}{
		{50, func(r *Rep, v string) { r.FirstName = v }, func(f Fields) string { return f.FirstName }},
		{50, func(r *Rep, v string) { r.LastName = v }, func(f Fields) string { return f.LastName }},
		{50, func(r *Rep, v string) { r.Company = v }, func(f Fields) string { return f.Company }},
		{50, func(r *Rep, v string) { r.JobTitle = v }, func(f Fields) string { return f.JobTitle }},
		{25, func(r *Rep, v string) { r.Phone = v }, func(f Fields) string { return f.Phone }},
		{255, func(r *Rep, v string) { r.Street = v }, func(f Fields) string { return f.Street }},
		{50, func(r *Rep, v string) { r.City = v }, func(f Fields) string { return f.City }},
		{50, func(r *Rep, v string) { r.State = v }, func(f Fields) string { return f.State }},
		{50, func(r *Rep, v string) { r.Zip = v }, func(f Fields) string { return f.Zip }},
		{50, func(r *Rep, v string) { r.Country = v }, func(f Fields) string { return f.Country }},
	} {
		for n, cut := range map[int]bool{limit.characters: false, limit.characters + 1: true} {
			rep := Rep{ID: "1"}
			limit.set(&rep, " "+strings.Repeat("ä", n)+" ")
			f := fieldsOf(rep, Policy{SendPhone: true, SendAddress: true})
			if got := utf8.RuneCountInString(limit.get(f)); got != limit.characters || len(f.Cut) > 0 != cut {
				t.Errorf("%d characters: %d told, cut is %v", n, got, f.Cut)
			}
		}
	}
}

// Custom fields are told once, each for itself, and what was told before they
// were there does not hold for them.
func TestCustomFields(t *testing.T) {
	policy := Policy{SendPhone: true, CustomFields: []CustomField{{"tier", "Tier"}, {"renewal", "Renewal month"}}}
	rep := Rep{ID: "1", FirstName: "Ann", Custom: map[string]string{"tier": " Gold ", "renewal": strings.Repeat("ä", 256), "other": "x"}}
	before := fieldsOf(rep, Policy{})
	with := fieldsOf(rep, policy)
	if len(with.Custom) != 2 || with.Custom[0] != (CustomValue{"Tier", "Gold"}) || utf8.RuneCountInString(with.Custom[1].Value) != maxCustom || !slices.Equal(with.Cut, []string{"Renewal month"}) {
		t.Errorf("fields = %+v", with)
	}
	if !with.Tells(before.Fingerprint()) || with.Tells(with.Fingerprint()) || before.Tells(with.Fingerprint()) {
		t.Error("custom fields are not told once")
	}
	if got := WithoutCustom(with.Fingerprint()); got != before.Fingerprint() {
		t.Errorf("without custom fields it is %q, want %q", got, before.Fingerprint())
	}
	rep.Custom = map[string]string{"tier": "", "renewal": "May"}
	if changed := fieldsOf(rep, policy); !changed.Tells(with.Fingerprint()) {
		t.Error("a changed value is not told")
	}
	rep.Custom = nil
	if emptied := fieldsOf(rep, policy); emptied.Tells(with.Fingerprint()) {
		t.Error("empty values are told")
	}
	rep.Custom = map[string]string{"tier": "Gold"}
	if other := fieldsOf(rep, Policy{CustomFields: []CustomField{{"tier", "Level"}}}); !other.Tells(with.Fingerprint()) {
		t.Error("the same value of a field of another label is not told")
	}
}
