package mapper

import (
	"encoding/hex"
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
	if fields.FirstName != "Ann" || utf8.RuneCountInString(fields.Company) != maxField {
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
			if got := utf8.RuneCountInString(limit.get(f)); got != limit.characters || f.Cut != cut {
				t.Errorf("%d characters: %d told, cut is %v", n, got, f.Cut)
			}
		}
	}
}
