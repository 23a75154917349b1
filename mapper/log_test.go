package mapper

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestMemberDataStaysOutOfLogs(t *testing.T) {
	const canary = "zz-canary"
	rep := Rep{
		ID: "5", MemberID: "m", Email: canary + "@example.org", FirstName: canary, LastName: canary,
		Company: canary, JobTitle: canary,
		Phone: canary, Street: canary, City: canary, State: canary, Zip: canary, Country: canary,
	}
	fields := fieldsOf(rep, Policy{SendPhone: true, SendAddress: true})
	fields.Rep = "5"
	address := Address(canary + "@example.org")
	person := Person{Address: address, Holders: []Rep{rep}, Former: []Former{{Rep: &rep}}}
	values := map[string]any{
		"address": address, "rep": rep, "rep_pointer": &rep, "former": Former{Rep: &rep}, "former_gone": Former{},
		"person": person, "person_pointer": &person, "fields": fields,
		"op":   Op{Kind: AddToList, Address: address, From: address, List: AllActiveKey, Rep: "5"},
		"held": Held{Op: Op{Address: address, From: address}}, "pair_op": PairOp{Address: address},
		"question": Question{PairOp: PairOp{Address: address}, Rep: "5"},
		"decision": Decision{Address: address, List: AllActiveKey}, "memory": OptOutMemory{Address: address},
		"input": Input{People: []Person{person}},
		"output": Output{
			Ops: []Op{{Address: address}}, Fields: map[Address]Fields{address: fields}, Winners: map[Address]Fields{address: fields},
		},
	}
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		for key, value := range values {
			var log bytes.Buffer
			slog.New(handler(&log)).Info("test", key, value)
			if strings.Contains(log.String(), canary) || strings.Contains(log.String(), "panicked") {
				t.Errorf("%s log of %s: %s", name, key, log.String())
			}
			if key == "person" && !strings.Contains(log.String(), "5") {
				t.Errorf("%s log of a person does not name the rep: %s", name, log.String())
			}
		}
	}
}
