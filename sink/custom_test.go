package sink

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// fieldsOnly is an account with custom fields, which may have no room for more.
type fieldsOnly struct {
	API
	all         []constantcontact.CustomField
	full        bool
	read, wrote int
}

func (f *fieldsOnly) CustomFields(context.Context) ([]constantcontact.CustomField, error) {
	f.read++
	return f.all, nil
}

func (f *fieldsOnly) CreateCustomField(_ context.Context, label string) (constantcontact.CustomField, error) {
	f.wrote++
	if f.full {
		return constantcontact.CustomField{}, &constantcontact.APIError{Status: http.StatusBadRequest}
	}
	return constantcontact.CustomField{ID: "id of " + label, Name: "name of " + label, Label: label}, nil
}

func told(person mapper.Fields) Call {
	w := &Work{Address: "ann@example.org", Fields: person}
	return Call{
		Kind: CallImport, Addresses: []mapper.Address{w.Address}, Rows: []constantcontact.ImportRow{rowOf(w)},
		Intents: []Intent{{Address: w.Address, Op: OpFields, Fields: person.Fingerprint()}},
	}
}

// Fields are found by their label and made when they are missing, once a batch.
// What cannot be told is not recorded as told.
func TestCustomFieldsAreNamed(t *testing.T) {
	ann := mapper.Fields{Rep: "1", FirstName: "Ann", Custom: []mapper.CustomValue{{Label: "Tier", Value: "Gold"}, {Label: "Renewal", Value: "May"}, {Label: "Empty"}}}
	plain := mapper.Fields{Rep: "1", FirstName: "Ann"}
	tier := constantcontact.CustomField{ID: "7", Name: "member_tier", Label: " TIER "}
	for name, test := range map[string]struct {
		full        bool
		want        map[string]string
		fingerprint string
	}{
		"made":    {false, map[string]string{"member_tier": "Gold", "name of Renewal": "May"}, ann.Fingerprint()},
		"refused": {true, map[string]string{"member_tier": "Gold"}, plain.Fingerprint()},
	} {
		t.Run(name, func(t *testing.T) {
			api := &fieldsOnly{all: []constantcontact.CustomField{tier}, full: test.full}
			a := &Applier{API: api, Log: slog.New(slog.DiscardHandler)}
			for range 2 {
				c := told(ann)
				if err := a.nameFields(t.Context(), &c); err != nil {
					t.Fatal(err)
				}
				if got := c.Rows[0].Custom; !maps.Equal(got, test.want) {
					t.Errorf("custom fields %q, want %q", got, test.want)
				}
				if c.Intents[0].Fields != test.fingerprint {
					t.Error("another fingerprint is recorded than what is told")
				}
				if byID := a.customByID(c.Rows[0]); len(byID) != len(test.want) || byID[0].FieldID != "7" || byID[0].Value != "Gold" {
					t.Errorf("by id: %q", byID)
				}
			}
			if api.read != 1 || api.wrote != 1 {
				t.Errorf("read %d times, made %d", api.read, api.wrote)
			}
			c := told(plain)
			if err := a.nameFields(t.Context(), &c); err != nil || api.read != 1 {
				t.Errorf("somebody without custom fields: %v", err)
			}
		})
	}
}

// The names of custom fields may be longer than their labels, so that an import is
// more than Constant Contact takes: it is sent in parts, each with what is recorded
// of its people.
func TestImportsAreCutByTheNamesOfFields(t *testing.T) {
	const people, value = 15_000, 200
	s := Step{Call: Call{Kind: CallImport, ListIDs: []string{"1"}}}
	label := map[string]string{"T": strings.Repeat("x", value)}
	for i := range people {
		address := mapper.Address(fmt.Sprintf("p%05d@example.org", i))
		s.Call.Addresses = append(s.Call.Addresses, address)
		s.Call.Rows = append(s.Call.Rows, constantcontact.ImportRow{Email: string(address), Custom: label})
		s.Call.Intents = append(s.Call.Intents, Intent{Address: address, Op: OpFields})
		s.Done = append(s.Done, Done{Address: address})
	}
	if parts := s.fitting(); len(parts) != 1 {
		t.Fatalf("%d parts by the label, want one", len(parts))
	}
	a := &Applier{API: &fieldsOnly{all: []constantcontact.CustomField{{ID: "7", Name: strings.Repeat("n", 50), Label: "T"}}}, Log: slog.New(slog.DiscardHandler)}
	if err := a.nameFields(t.Context(), &s.Call); err != nil {
		t.Fatal(err)
	}
	parts := s.fitting()
	rows := 0
	for _, p := range parts {
		size := importBytes(p.Call.ListIDs)
		for i, row := range p.Call.Rows {
			size += rowBytes(row)
			if who := mapper.Address(row.Email); p.Call.Addresses[i] != who || p.Call.Intents[i].Address != who || p.Done[i].Address != who {
				t.Fatalf("row %d of a part is recorded of somebody else", i)
			}
		}
		if size > constantcontact.MaxImportBytes {
			t.Errorf("a part has %d bytes", size)
		}
		rows += len(p.Call.Rows)
	}
	if len(parts) != 2 || rows != people {
		t.Errorf("%d parts with %d rows, want two with all %d", len(parts), rows, people)
	}
}
