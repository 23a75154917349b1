package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/sink"
	"rollcall/sql"
)

// Observer is told, for metrics, what was committed to the state. It must not
// block. What it is told holds no member data.
type Observer interface {
	// Told says that a call with operations was put on record, before it is sent.
	Told(kind sink.CallKind, ops map[string]int)
	// Ended says when and how a call and its operations ended. A call that was
	// not applied has the outcome rejected.
	Ended(at time.Time, kind sink.CallKind, outcome string, ops []EndedOps)
	// RunEnded says that a run ended.
	RunEnded(kind RunKind, state RunState)
}

// EndedOps are operations of a call that ended alike.
type EndedOps struct {
	Op      string // add, remove, fields or move
	Outcome string // one of the outcomes
	// CommittedAt is the oldest commit that asked for them; nil: none did.
	CommittedAt *time.Time
	Ops         int
}

// The outcomes of operations.
const (
	OutcomeConfirmed  = "confirmed"   // Constant Contact has it
	OutcomeNotApplied = "not_applied" // it has not: planned again
	OutcomeSentAgain  = "sent_again"  // a removal that overtook another call: sent once more
	OutcomeSuperseded = "superseded"  // told something else meanwhile
	OutcomeRefused    = "refused"     // Constant Contact refused the person
	OutcomeRejected   = "rejected"    // the request was not applied: planned again
)

// Observe returns the same state, whose changes the observer is told of.
func (s *Store) Observe(o Observer) *Store {
	observed := *s
	observed.observer = o
	return &observed
}

// told tells of a call that was put on record.
func (s *Store) told(c *sink.Call) {
	if s.observer == nil {
		return
	}
	ops := map[string]int{}
	for _, in := range c.Intents {
		ops[in.Op]++
	}
	s.observer.Told(c.Kind, ops)
}

// ended is what became of a call.
type ended struct {
	kind    sink.CallKind
	outcome string
	ops     []EndedOps
}

// readEnded reads, in the transaction that ended a call, what became of its
// operations. Nobody listening, it reads nothing.
func (s *Store) readEnded(ctx context.Context, tx pgx.Tx, id int64, worked bool) (e ended, err error) {
	if s.observer == nil {
		return e, nil
	}
	err = tx.QueryRow(ctx, "select kind, case when state = 'rejected' then 'rejected' else coalesce(outcome, '') end from rollcall_state.activity where id = $1", id).
		Scan(&e.kind, &e.outcome)
	if err != nil {
		return e, err
	}
	rows, err := tx.Query(ctx, sql.Query("ledger_ended"), id, worked)
	if err != nil {
		return e, err
	}
	e.ops, err = pgx.CollectRows(rows, pgx.RowToStructByPos[EndedOps])
	return e, err
}

// tellEnded tells of a call's end, once that is committed.
func (s *Store) tellEnded(e ended, err error) error {
	if err == nil && s.observer != nil && e.kind != "" {
		s.observer.Ended(s.now(), e.kind, e.outcome, e.ops)
	}
	return err
}
