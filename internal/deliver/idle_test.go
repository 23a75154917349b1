package deliver_test

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Whoever has nothing to do is finished piece by piece, and that changes neither
// what is sent for the others, nor in how many calls, nor what is remembered.
func TestTheIdleAreFinishedInPieces(t *testing.T) {
	type end struct {
		calls map[string]int
		lists map[string][]string
		state []string
	}
	history := func(piece int) (e end) {
		b := newBench(t, guarded)
		b.LookForIdle(piece)
		b.exec(t, `insert into chamber.membership_type (association_id, name) values (1, 'Gold'), (1, 'Silver');
			insert into chamber.member_type (association_id, member_id, membership_type_id) values (1, 1, 1), (1, 1, 2);
			update chamber.sync_options set sync_membership_types = true;`)
		b.sim.Reset()
		b.exec(t, `update chamber.membership_type set name = 'Silver and more' where membership_type_id = 2`) // its list is retired
		b.exec(t, `insert into chamber.member (association_id, name, status) values (1, 'Mill', 'active');
			insert into chamber.rep (association_id, member_id, email) values (1, 2, 'mill@example.org');
			insert into chamber.membership_type (association_id, name) values (1, 'Silver');
			insert into chamber.member_type (association_id, member_id, membership_type_id) values (1, 2, 3);`) // and wanted again
		b.exec(t, `update chamber.rep set opted_out = true where rep_id in (3, 17);
			update chamber.rep set first_name = 'Paula' where rep_id = 4;
			update chamber.rep set email = 'b@example.org' where rep_id = 1;
			update chamber.group_membership set disabled = true where rep_id in (5, 18) and group_id = 2;
			insert into chamber.rep (association_id, member_id, email) values (1, 1, 'p2@example.org'), (1, 1, 'new@example.org');`)
		b.exec(t, `update chamber.rep set opted_out = false where rep_id = 3;
			delete from chamber.group_membership where rep_id = 6;
			delete from chamber.rep where rep_id = 6;`)
		b.settle(t)
		b.referee(t)
		e.calls, e.lists = b.sim.Counts(), map[string][]string{}
		for _, list := range b.sim.ListNames(account) {
			e.lists[list] = b.sim.ListAddresses(account, list)
		}
		rows, err := b.member.Query(t.Context(), `
			select format('ledger %s %s %s %s %s', list, address, told, confirmed, shown) from rollcall_state.ledger
			union all select format('seen %s %s %s', rep, address, opted_out) from rollcall_state.rep_seen
			union all select format('now %s %s', rep, address) from rollcall_state.rep_now
			union all select format('opt-out %s', address) from rollcall_state.opt_out
			union all select format('opt-in %s', address) from rollcall_state.opt_in
			union all select format('fields %s %s', address, fields_rep) from rollcall_state.contact
			union all select format('list %s %s', key, state) from rollcall_state.list
			union all select format('asked %s %s', list, address) from rollcall_state.approval_pair
			union all select format('queue %s', address) from rollcall_state.dirty
			order by 1`)
		must(t, err)
		e.state, err = pgx.CollectRows(rows, pgx.RowTo[string])
		must(t, err)
		return e
	}
	whole, pieces := history(0), history(3)
	if len(whole.state) < 100 || whole.calls["POST /v3/activities/"+removals] == 0 {
		t.Fatalf("the history made %d rows of state and the calls %v: too little to compare", len(whole.state), whole.calls)
	}
	for call, n := range whole.calls {
		if pieces.calls[call] != n {
			t.Errorf("%s: %d in pieces, %d as a whole", call, pieces.calls[call], n)
		}
	}
	for list, on := range whole.lists {
		if !slices.Equal(pieces.lists[list], on) {
			t.Errorf("on %s in pieces:\n%v\nas a whole:\n%v", list, pieces.lists[list], on)
		}
	}
	if !slices.Equal(pieces.state, whole.state) {
		t.Errorf("the state in pieces:\n%v\nas a whole:\n%v", pieces.state, whole.state)
	}
}
