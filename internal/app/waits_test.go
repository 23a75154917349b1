package app

import (
	"testing"

	"rollcall/internal/store"
	"rollcall/mapper"
)

func TestWhatAnOperationWaitsFor(t *testing.T) {
	add := mapper.Op{Kind: mapper.AddToList}
	for name, c := range map[string]struct {
		op    mapper.Op
		queue store.Queued
		spent bool
		want  mapper.Reason
	}{
		"nothing":                        {add, store.Queued{Imports: 4, Absent: true}, false, ""},
		"a call on its way":              {add, store.Queued{Busy: true, Later: true}, true, "waiting_activity"},
		"the next day's calls":           {add, store.Queued{Later: true}, true, "waiting_daily_budget"},
		"the sixth import row":           {add, store.Queued{Imports: 5, Absent: true, Later: true}, false, "waiting_address_limit"},
		"fields need a row":              {mapper.Op{Kind: mapper.UpdateFields}, store.Queued{Imports: 5}, false, "waiting_address_limit"},
		"a contact is added by its id":   {add, store.Queued{Imports: 5}, false, ""},
		"removals need no row":           {mapper.Op{Kind: mapper.InactivateFromList}, store.Queued{Imports: 5, Absent: true}, false, ""},
		"gathered because calls are few": {add, store.Queued{Later: true}, false, "waiting_rate"},
	} {
		if got := waitsFor(c.op, c.queue, c.spent); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
