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

// spentAPI is one for which no calls are left.
func spentAPI(t *testing.T, b *bench) sink.API {
	t.Helper()
	client, err := constantcontact.New(constantcontact.Config{
		UserAgent: "rollcall test", Now: b.clock.now, Token: func(context.Context) (string, error) { return "token", nil },
		Wait: func(context.Context) error { return errors.New("no ordinary calls are left") },
	})
	must(t, err)
	return client
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
		b.Applier.API = spentAPI(t, b)
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

// Whoever opted out and has to be read first does not use up the calls that are kept
// for opt-outs: some are read and taken off, then the next ones.
func TestOptOutsAreReadAndTakenOffByAndBy(t *testing.T) {
	b := newBench(t, mapper.Policy{Thresholds: mapper.DefaultThresholds})
	b.exec(t, `insert into chamber.rep (association_id, member_id, email) select 1, 1, 'q' || n || '@example.org' from generate_series(1, 10) n`)
	b.exec(t, `update chamber.rep set first_name = 'New'`)
	_, err := b.member.Exec(t.Context(), "update rollcall_state.contact set contact_id = ''")
	must(t, err)
	b.Applier.OptOuts, b.Applier.API = b.Applier.API, spentAPI(t, b)
	must(t, execute(t, b, `update chamber.rep set opted_out = true`))
	must(t, b.store.TouchAll(t.Context(), 0))
	_, _, err = b.widen.Pass(t.Context())
	must(t, err)
	b.sim.Reset()
	b.clock.advance(3 * time.Second)
	if _, _, err := b.Batch(t.Context()); err == nil {
		t.Error("people could be read")
	}
	if read, sent := b.sim.Counts()["GET /v3/contacts"], b.calls("remove_list_memberships"); read != 25 || sent == 0 {
		t.Errorf("%d people were read before %d removals, want 25", read, sent)
	}
	for range 20 {
		b.clock.advance(time.Minute)
		_, _, _ = b.Batch(t.Context()) // the others cannot be read but by these calls
	}
	if left := b.sim.ListAddresses(account, everybody); len(left) > 0 {
		t.Errorf("%d of 30 are on the list", len(left))
	}
}
