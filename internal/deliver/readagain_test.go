package deliver_test

import (
	"context"
	"testing"

	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

// slowByName is a Constant Contact that takes its time when it is asked for
// somebody by name.
type slowByName struct {
	sink.API
	meanwhile func()
}

// ContactByEmail answers late.
func (s *slowByName) ContactByEmail(ctx context.Context, address string) (*constantcontact.Contact, error) {
	s.meanwhile()
	return s.API.ContactByEmail(ctx, address)
}

// When those who are asked for by name take longer than a reading stays fresh, the
// account is read once more before somebody is reached with a list that they were
// only read on.
func TestAnAccountIsReadAgainWhenAskingByNameTookLong(t *testing.T) {
	b := newBench(t, mapper.Policy{Thresholds: mapper.Thresholds{Off: true}})
	b.arrive(t)
	b.sim.Hold(false)
	b.turns(t, 20)
	b.wantOn(t, golf, "new15@example.org", true)

	must(t, b.sim.Leave(account, "p3@example.org", board))
	must(t, execute(t, b, `update chamber.rep set first_name = first_name || 'x'`))
	must(t, b.Store.Touch(t.Context(), "association", "1"))
	asked := 0
	b.Applier.API = &slowByName{API: b.Applier.API, meanwhile: func() {
		if asked++; asked > 1 {
			return
		}
		b.clock.advance(2 * sink.FreshFor)
		must(t, b.sim.Leave(account, "p5@example.org", everybody))
		must(t, b.sim.DeleteContact(account, "p6@example.org"))
		b.clock.advance(2 * sink.FreshFor)
	}}
	before := b.calls(imports)
	b.turns(t, 20)
	if asked == 0 || b.calls(imports) == before {
		t.Fatalf("%d people asked for by name, %d imports", asked, b.calls(imports)-before)
	}
	for _, list := range []string{everybody, board, golf} {
		b.wantOn(t, list, "p3@example.org", list != board)
		b.wantOn(t, list, "p5@example.org", list != everybody)
		b.wantOn(t, list, "p6@example.org", false)
		b.wantOn(t, list, "p7@example.org", true)
	}
	b.referee(t)
}
