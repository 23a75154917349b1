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
