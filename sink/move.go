package sink

import (
	"context"
	"errors"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// Move gives the contact of one address another.
type Move struct {
	From, To  mapper.Address
	ContactID string
	Rep       mapper.RepID
	Run       int64
	Done      Done
}

// Move gives contacts new addresses, one request each. Like every other change
// each is on record before its request. A move whose reply was lost is settled
// by the next Poll.
func (a *Applier) Move(ctx context.Context, moves []Move) error {
	for _, m := range moves {
		if err := ctx.Err(); err != nil {
			return err
		}
		c := &Call{
			Kind: CallMove, Addresses: []mapper.Address{m.To}, IDs: []string{m.ContactID}, ListIDs: []string{m.ContactID},
			Intents: []Intent{{Address: m.To, From: m.From, Op: OpMove, Rep: m.Rep, Run: m.Run}},
		}
		id, err := a.Ledger.Begin(ctx, c, []Done{m.Done})
		if err != nil {
			return err
		}
		if err := a.move(context.WithoutCancel(ctx), id, m); err != nil {
			return err
		}
	}
	return nil
}

func (a *Applier) move(ctx context.Context, id int64, m Move) error {
	to := string(m.To)
	_, err := a.API.PutContact(ctx, m.ContactID, constantcontact.ContactChange{Address: &to})
	switch {
	case err == nil:
		a.Log.Info("moved contact", "activity", id, "rep", string(m.Rep))
		return a.Ledger.Moved(ctx, id, true)
	case constantcontact.MayHaveApplied(err):
		return errors.Join(err, a.Ledger.Doubt(ctx, id))
	}
	a.Log.Warn("contact was not moved", "activity", id, "rep", string(m.Rep), "err", err)
	class := constantcontact.Classify(err)
	_, notMailable := errors.AsType[*constantcontact.StateError](err)
	if notMailable || class == constantcontact.Reject || class == constantcontact.Conflict || class == constantcontact.Missing {
		return a.Ledger.Moved(ctx, id, false)
	}
	return errors.Join(err, a.Ledger.Reject(ctx, id, string(class), a.Now().Add(pauseThrottled)))
}

// settleMove finds out what became of a move whose reply was lost: the contact
// has the new address or it has not.
func (a *Applier) settleMove(ctx context.Context, call OpenActivity) error {
	people, err := a.Ledger.People(ctx, call.ID)
	if err != nil {
		return err
	}
	c, err := a.API.ContactByID(ctx, call.ContactID)
	if err != nil && constantcontact.Classify(err) != constantcontact.Missing {
		return err
	}
	return a.Ledger.Moved(ctx, call.ID, len(people) == 1 && addressOf(c) == people[0])
}
