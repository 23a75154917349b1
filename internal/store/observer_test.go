package store_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// heard writes down what an observer is told.
type heard struct{ lines []string }

func (h *heard) Told(kind sink.CallKind, ops map[string]int) {
	for _, op := range slices.Sorted(maps.Keys(ops)) {
		h.lines = append(h.lines, fmt.Sprintf("told %s %s %d", kind, op, ops[op]))
	}
}

func (h *heard) Ended(at time.Time, kind sink.CallKind, outcome string, ops []store.EndedOps) {
	line := fmt.Sprintf("ended %s %s", kind, outcome)
	for _, o := range ops {
		line += fmt.Sprintf(", %s %s %d", o.Op, o.Outcome, o.Ops)
		if o.CommittedAt != nil {
			line += fmt.Sprintf(" after %s", at.Sub(*o.CommittedAt))
		}
	}
	h.lines = append(h.lines, line)
}

func (h *heard) RunEnded(kind store.RunKind, state store.RunState) {
	h.lines = append(h.lines, fmt.Sprintf("run %s %s", kind, state))
}

func (h *heard) want(t *testing.T, lines ...string) {
	t.Helper()
	if !slices.Equal(h.lines, lines) {
		t.Errorf("heard %q, want %q", h.lines, lines)
	}
	h.lines = nil
}

func newObserved(t *testing.T) (*store.Association, *heard, *pgx.Conn) {
	t.Helper()
	a, conn := newAssociation(t)
	h := &heard{}
	return a.Observe(h).Association("1"), h, conn
}

// Whoever listens is told how each operation ended.
func TestObserverIsToldHowOperationsEnd(t *testing.T) {
	a, h, _ := newObserved(t)
	ctx := t.Context()
	ok(t, a.SaveList(ctx, sink.BoundList{Key: "group:1", Kind: mapper.ListGroup, Ref: "1", Name: "Board", ListID: "l", State: mapper.ListBound}))
	clean := sink.Outcome{State: "completed", Completed: true, Clean: true}
	begin := func(c *sink.Call) int64 { return must[int64](t)(a.Begin(ctx, c, nil)) }

	ok(t, a.Settle(ctx, begin(add("group:1", ann)), clean))
	h.want(t, "told import add 1", "ended import completed, add confirmed 1")

	ok(t, a.Reject(ctx, begin(remove("group:1", ann)), "throttle", noon))
	h.want(t, "told remove remove 1", "ended remove rejected, remove rejected 1")

	readBack := func(s sink.Shown) sink.Outcome {
		s.ReadAt = noon
		return sink.Outcome{State: "completed", Completed: true, Shown: map[mapper.Address]sink.Shown{ann: s}}
	}
	ok(t, a.Settle(ctx, begin(add("group:1", ann)), readBack(sink.Shown{State: mapper.ContactActive, ID: "c"})))
	h.want(t, "told import add 1", "ended import completed, add not_applied 1")

	again := remove("group:1", ann)
	again.Intents[0].Again = true
	first, second := begin(add("group:1", ann)), begin(again)
	ok(t, a.Settle(ctx, second, clean))
	ok(t, a.Settle(ctx, first, clean))
	h.want(t, "told import add 1", "told remove remove 1", "ended remove completed, remove sent_again 1", "ended import completed, add superseded 1")

	ok(t, a.Settle(ctx, begin(add("group:1", ann)), readBack(sink.Shown{State: mapper.ContactAbsent})))
	h.want(t, "told import add 1", "ended import completed, add refused 1")

	run := must[int64](t)(a.StartRun(ctx, store.Run{Kind: store.RunNightly, AskedBy: "schedule"}))
	ok(t, a.EndRun(ctx, run, store.RunDone, ""))
	ok(t, a.EndRun(ctx, run, store.RunDone, "")) // it had ended
	h.want(t, "run nightly done")
}

func TestObserverIsToldOfMoves(t *testing.T) {
	a, h, _ := newObserved(t)
	move := &sink.Call{Kind: sink.CallMove, ListIDs: []string{"c"}, Addresses: []mapper.Address{"b@example.org"}, Intents: []sink.Intent{{Address: "b@example.org", From: ann, Op: sink.OpMove}}}
	ok(t, a.Moved(t.Context(), must[int64](t)(a.Begin(t.Context(), move, nil)), true))
	ok(t, a.Moved(t.Context(), must[int64](t)(a.Begin(t.Context(), move, nil)), false))
	h.want(t, "told move move 1", "ended move done, move confirmed 1", "told move move 1", "ended move not done, move not_applied 1")
}

// From the commit to the confirmation, also when it took a second try: what the
// stream said goes from the touched key to the queue, to the call, and back.
func TestOriginFollowsAChange(t *testing.T) {
	a, h, conn := newObserved(t)
	ctx := t.Context()
	ok(t, a.SaveList(ctx, sink.BoundList{Key: "group:1", Kind: mapper.ListGroup, Ref: "1", Name: "Board", ListID: "l", State: mapper.ListBound}))
	widen := func(ends ...cdc.LSN) {
		var done []store.TouchedRow
		for i, end := range ends {
			done = append(done, store.TouchedRow{Touched: cdc.Touched{Kind: cdc.KindRep, Key: []string{"7"}, End: end, CommitTime: noon.Add(-time.Duration(i+1) * time.Minute)}})
		}
		ok(t, a.Widen(ctx, done, false, false, func(m *store.Marks) error { return m.Address("1", ann) }))
	}
	wantOrigin := func(table, want string) {
		t.Helper()
		var got string
		err := conn.QueryRow(ctx, `select concat_ws(' ', to_char(committed_at at time zone 'UTC', 'HH24:MI'), first_lsn, last_lsn) from rollcall_state.`+table).Scan(&got)
		if err != nil || got != want {
			t.Errorf("%s has %q, %v; want %q", table, got, err, want)
		}
	}
	widen(0) // touched by ourselves
	wantOrigin("dirty", "")
	widen(0x200, 0x100)
	wantOrigin("dirty", "11:58 0/100 0/200")
	widen(0x300)
	wantOrigin("dirty", "11:58 0/100 0/300")

	due := must[[]store.Dirty](t)(a.Due(ctx, 10))
	done := []sink.Done{{Address: ann, Version: due[0].Version}}
	id := must[int64](t)(a.Begin(ctx, add("group:1", ann), done))
	wantOrigin("intent", "11:58 0/100 0/300")
	ok(t, a.Reject(ctx, id, "throttle", noon))
	wantOrigin("dirty", "11:58 0/100 0/300")

	due = must[[]store.Dirty](t)(a.Due(ctx, 10))
	id = must[int64](t)(a.Begin(ctx, add("group:1", ann), []sink.Done{{Address: ann, Version: due[0].Version}}))
	ok(t, a.Settle(ctx, id, sink.Outcome{State: "completed", Completed: true, Clean: true}))
	h.want(t, "told import add 1", "ended import rejected, add rejected 1 after 2m0s", "told import add 1", "ended import completed, add confirmed 1 after 2m0s")
}
