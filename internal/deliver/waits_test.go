package deliver_test

import (
	"testing"
	"time"

	"rollcall/mapper"
	"rollcall/sink"
)

// Somebody's fields cannot be told before tomorrow. Their removal from a list does not
// wait with that, also where the program could not record the call at first.
func TestARemovalDoesNotWaitUntilFieldsMayBeTold(t *testing.T) {
	b := newBench(t, mapper.Policy{Thresholds: mapper.DefaultThresholds, SendPhone: true})
	b.settle(t)
	for _, statement := range []string{
		`update rollcall_state.contact set imported_at = array_fill(read_at, array[5]) where address = 'p1@example.org'`,
		`create function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'no call is recorded'; end $$`,
		`create trigger refuse before insert on rollcall_state.activity for each row execute function public.refuse()`,
		`update chamber.rep set phone = '+1 555 0100' where rep_id = 1`,
		`update chamber.group_membership set disabled = true where group_id = 1 and rep_id = 1`,
	} {
		_, err := b.member.Exec(t.Context(), statement)
		must(t, err)
	}
	must(t, b.store.TouchAll(t.Context(), 0))
	for {
		took, _, err := b.widen.Pass(t.Context())
		must(t, err)
		if took == 0 {
			break
		}
	}
	b.clock.advance(3 * time.Second)
	if _, _, err := b.Batch(t.Context()); err == nil {
		t.Fatal("a call was recorded")
	}
	_, err := b.member.Exec(t.Context(), "drop trigger refuse on rollcall_state.activity")
	must(t, err)
	b.clock.advance(2 * time.Minute)
	_, _, err = b.Batch(t.Context())
	must(t, err)
	for range 2 {
		b.clock.advance(3 * time.Second)
		_, _, err = b.Applier.Poll(t.Context())
		must(t, err)
	}
	b.wantOn(t, board, "p1@example.org", false)
	b.referee(t)
}

// Whoever was touched after a batch was read is due, however long the batch lets them
// wait.
func TestWhoeverWasTouchedSinceDoesNotWait(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	people := []mapper.Address{"p1@example.org", "p2@example.org"}
	must(t, b.Store.Enqueue(t.Context(), people))
	read, err := b.Store.Due(t.Context(), 10)
	must(t, err)
	must(t, b.Store.Enqueue(t.Context(), people[:1]))
	var rows []sink.Done
	for _, row := range read {
		rows = append(rows, sink.Done{Address: row.Address, Version: row.Version})
	}
	must(t, b.Store.Wait(t.Context(), rows, b.clock.now().Add(24*time.Hour)))
	due, err := b.Store.Due(t.Context(), 10)
	must(t, err)
	if len(read) != 2 || len(due) != 1 || due[0].Address != people[0] {
		t.Errorf("of %d, %+v are due; want the one who was touched since", len(read), due)
	}
}

// Whoever was touched while a call was on its way, maybe by an opt-out, does not wait
// with the others of the call when that is refused.
func TestWhoeverWasTouchedDuringACallDoesNotWaitWithIt(t *testing.T) {
	b := newBench(t, guarded)
	b.settle(t)
	var id int64
	must(t, b.member.QueryRow(t.Context(), `with call as (
			insert into rollcall_state.activity (source, association, kind, list_ids, people, state, created_at)
			select source, association, 'add', '{}', 2, 'intended', $1 from rollcall_state.contact limit 1 returning id
		)
		insert into rollcall_state.intent (activity, list, address, op)
		select id, 'group:1', who, 'add' from call, unnest(array['p1@example.org', 'p2@example.org']) who returning activity`, b.clock.now()).Scan(&id))
	b.clock.advance(time.Second)
	must(t, b.Store.Enqueue(t.Context(), []mapper.Address{"p1@example.org"}))
	must(t, b.Store.Reject(t.Context(), id, "refused", b.clock.now().Add(15*time.Minute)))
	due, err := b.Store.Due(t.Context(), 10)
	must(t, err)
	if len(due) != 1 || due[0].Address != "p1@example.org" {
		t.Errorf("%+v are due; want the one who was touched since", due)
	}
}
