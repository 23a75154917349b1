package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"rollcall/internal/ccsim"
	"rollcall/internal/deliver"
	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

// blindAPI cannot list activities.
type blindAPI struct{ sink.API }

func (blindAPI) Activities(context.Context, func([]constantcontact.Activity) error) error {
	return &constantcontact.BodyError{Err: errors.New("not JSON")}
}

// While nobody can see how calls end, whoever opts out is taken off all the same: also
// where only calls for opt-outs are left.
func TestOptOutsGoOnWhileCallsCannotBeFollowed(t *testing.T) {
	for _, spent := range []bool{false, true} {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprint("spent ", spent, ", id known ", known), func(t *testing.T) { optOutsGoOn(t, spent, known) })
		}
	}
}

func optOutsGoOn(t *testing.T, spent, known bool) {
	b := newBench(t, mapper.Policy{Thresholds: mapper.DefaultThresholds})
	b.settle(t)
	if known {
		shown, err := b.sim.Contact(account, "p3@example.org")
		must(t, err)
		_, err = b.member.Exec(t.Context(), "update rollcall_state.contact set contact_id = $1 where address = 'p3@example.org'", shown["contact_id"])
		must(t, err)
	}
	must(t, b.sim.AddContact(account, "new@example.org"))
	must(t, b.sim.Fault(ccsim.Fault{PathPrefix: "/v3/activities/" + adds, Kind: ccsim.FaultActivityStuck}))
	b.touchRep(t, `insert into chamber.rep (association_id, member_id, email) values (1, 1, 'new@example.org')`, "21")
	b.turns(t, 3)
	if b.Applier.OptOuts = b.Applier.API; spent {
		client, err := constantcontact.New(constantcontact.Config{
			UserAgent: "rollcall test", Now: b.clock.now, Token: func(context.Context) (string, error) { return "token", nil },
			Wait: func(context.Context) error { return errors.New("no ordinary calls are left") },
		})
		must(t, err)
		b.Applier.API = client
	} else {
		b.Applier.API = blindAPI{b.Applier.API}
	}
	b.touchRep(t, `update chamber.rep set opted_out = true where rep_id = 3`, "3")
	_, _, err := b.widen.Pass(t.Context())
	must(t, err)
	b.clock.advance(3 * time.Second)
	worker := &deliver.Worker{
		Associations: []*deliver.Deliverer{b.Deliverer}, Visible: func(context.Context, uint64) (bool, error) { return true, nil },
		Store: b.store, Now: b.clock.now, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if _, err := worker.Turn(t.Context()); err == nil {
		t.Error("calls could be followed")
	}
	b.clock.advance(time.Minute)
	b.wantOn(t, board, "p3@example.org", false)
	b.wantOn(t, everybody, "p3@example.org", false)
}
