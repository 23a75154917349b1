package deliver_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/ccsim"
	"rollcall/mapper"
)

// slow is a day of which few calls are left.
type slow struct{ flushed int }

func (s *slow) Linger(context.Context, time.Duration) (time.Duration, error) {
	return 20 * time.Minute, nil
}
func (s *slow) Flushed() { s.flushed++ }

// turns has everything looked at and delivers what may go now.
func (b *bench) someTurns(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	for range 8 {
		if _, _, err := b.widen.Pass(ctx); err != nil {
			t.Fatal(err)
		}
		b.clock.advance(3 * time.Second)
		if _, _, err := b.Applier.Poll(ctx); err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.Batch(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// When the day's calls are short, changes are gathered for longer, and opt-outs
// do not wait with them.
func TestOptOutsDoNotWaitForThePace(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	pace := &slow{}
	b.Pace = pace
	if _, err := b.member.Exec(t.Context(), `update chamber.group_membership set disabled = true where group_id = 1 and rep_id = 2;
		update chamber.rep set opted_out = true where rep_id = 1`); err != nil {
		t.Fatal(err)
	}
	after, err := b.Source.NewTransactionID(t.Context())
	must(t, err)
	must(t, b.store.TouchAll(t.Context(), after))
	b.someTurns(t)
	b.wantOn(t, board, "p1@example.org", false)
	b.wantOn(t, board, "p2@example.org", true)
	if pace.flushed != 1 {
		t.Errorf("flushed %d times, want once for the opt-out", pace.flushed)
	}
	b.clock.advance(20 * time.Minute)
	b.someTurns(t)
	b.wantOn(t, board, "p2@example.org", false)
	b.referee(t)
}

// An import is not documented to take more than 50 characters: a longer address
// is made by a request of its own.
func TestALongAddressIsMadeByItself(t *testing.T) {
	b := newBench(t, guarded)
	long := "a." + strings.Repeat("b", 40) + "@a-rather-long-name.example.org"
	b.exec(t, `insert into chamber.rep (association_id, member_id, email, first_name) values (1, 1, '`+long+`', 'Ann')`)
	b.wantOn(t, everybody, long, true)
	requests := b.sim.Requests()
	if !slices.ContainsFunc(requests, func(r ccsim.Request) bool { return r.Method == "POST" && r.Path == "/v3/contacts" }) {
		t.Error("nobody made the contact by itself")
	}
	b.exec(t, `update chamber.rep set first_name = 'Anna' where email = '`+long+`'`)
	view, err := b.sim.Contact(account, long)
	must(t, err)
	if view["first_name"] != "Anna" {
		t.Errorf("first name %v, want the new one", view["first_name"])
	}
	b.referee(t)
}

// Few changes of fields are told one by one: an import would also be an
// addition.
func TestFewChangesOfFieldsAreToldOneByOne(t *testing.T) {
	b := newBench(t, mapper.Policy{Thresholds: mapper.DefaultThresholds, SendPhone: true})
	b.settle(t)
	b.sim.Reset()
	b.exec(t, `update chamber.rep set first_name = 'Anna', phone = '+1 555 0100' where rep_id = 1`)
	for _, r := range b.sim.Requests() {
		if strings.HasSuffix(r.Path, "contacts_json_import") {
			t.Error("an import told the fields")
		}
	}
	view, err := b.sim.Contact(account, "p1@example.org")
	must(t, err)
	if view["first_name"] != "Anna" {
		t.Errorf("first name %v, want the new one", view["first_name"])
	}
	b.referee(t)
}
