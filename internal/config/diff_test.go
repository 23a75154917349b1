package config

import (
	"slices"
	"testing"
	"time"
)

func TestChangedNamesFields(t *testing.T) {
	a, b := defaults(), defaults()
	if got := Changed(a, b); len(got) != 0 {
		t.Errorf("the same differs in %q", got)
	}
	b.Pace.Linger = time.Minute
	b.Log.Level = "debug"
	b.Source.Password = Secret{Env: "ANOTHER"}
	a.ConstantContact.Connections = []Connection{{Association: "1"}, {Association: "2"}}
	b.ConstantContact.Connections = []Connection{{Association: "1"}, {Association: "3"}}
	b.Rules.CustomFields = []CustomField{{Column: "tier", Label: "Tier"}}
	want := []string{"source.password", "constant_contact.connections[1].association", "rules.custom_fields", "pace.linger", "log.level"}
	if got := Changed(a, b); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
