package sink

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// Applier applies plans to one Constant Contact account. It is used by one
// goroutine at a time: Constant Contact's limits are per key, so there is
// nothing to gain from more.
type Applier struct {
	// OptOuts is the API for who opted out, with calls that are kept for that;
	// nil: API.
	OptOuts API
	API     API
	Ledger  Ledger
	// TypeIDs reads the database's ids of the membership types that exist, by
	// their list's key; empty where it gives none. Nil: it gives none.
	TypeIDs func(ctx context.Context) (map[mapper.ListKey]string, error)
	// ReadAge is told how old the read was on which each call that adds relies;
	// nil: nobody is.
	ReadAge func(time.Duration)
	Now     func() time.Time
	Log     *slog.Logger

	fields map[string]constantcontact.CustomField // those of the account, by label as labelKey has it; nil: not read yet
}

// FreshFor is how old the read of a person may be when an addition is sent.
const FreshFor = 60 * time.Second

// Pauses before people of a refused call are planned again.
const (
	pauseThrottled = 5 * time.Second
	pauseRefused   = 10 * time.Minute
)

// Step is one call with the addresses whose difference it completes.
type Step struct {
	Call Call
	Done []Done
}

// Apply sends the calls in order. Each is on record before its request. It
// stops at the first error: what was not sent is still in the queue. readAt is
// when the people were read; once that is older than FreshFor, whoever
// unsubscribed since is taken out of the calls that add, and stays queued.
func (a *Applier) Apply(ctx context.Context, steps []Step, readAt time.Time) (sent int, err error) {
	gone := map[mapper.Address]bool{}
	a.fields = nil
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return sent, err
		}
		if step.Call.Kind != CallRemove {
			if a.Now().Sub(readAt) > FreshFor {
				sweptAt := a.Now()
				if err := a.sweep(ctx, readAt, gone); err != nil {
					return sent, err
				}
				readAt = sweptAt
			}
			if step.without(gone); step.Call.People() == 0 {
				continue
			}
		}
		if err := a.nameFields(ctx, &step.Call); err != nil {
			return sent, err
		}
		if step.Call.Kind != CallRemove && a.ReadAge != nil {
			a.ReadAge(a.Now().Sub(readAt))
		}
		if err := a.send(ctx, &step.Call, step.Done); err != nil {
			return sent, err
		}
		sent++
	}
	return sent, nil
}

// skew is how far Constant Contact's clock may be from ours.
const skew = 5 * time.Minute

// sweep adds whoever unsubscribed since to gone.
func (a *Applier) sweep(ctx context.Context, since time.Time, gone map[mapper.Address]bool) error {
	q := constantcontact.ContactQuery{Status: []string{"unsubscribed"}, OptOutAfter: since.Add(-skew)}
	return a.forOptOuts().Contacts(ctx, q, func(page []constantcontact.Contact) error {
		for _, c := range page {
			if c.State == constantcontact.StateUnsubscribed {
				gone[addressOf(c)] = true
			}
		}
		return nil
	})
}

func (s *Step) without(gone map[mapper.Address]bool) {
	if !slices.ContainsFunc(s.Call.Addresses, func(a mapper.Address) bool { return gone[a] }) {
		return
	}
	c := s.Call
	s.Call.Addresses, s.Call.Rows, s.Call.IDs = nil, nil, nil
	for i, address := range c.Addresses {
		if gone[address] {
			continue
		}
		if len(c.Rows) > 0 {
			s.Call.Rows = append(s.Call.Rows, c.Rows[i])
		}
		if len(c.IDs) > 0 {
			s.Call.IDs = append(s.Call.IDs, c.IDs[i])
		}
		s.Call.Addresses = append(s.Call.Addresses, address)
	}
	s.Call.Intents = slices.DeleteFunc(slices.Clone(c.Intents), func(in Intent) bool { return gone[in.Address] })
	s.Done = slices.DeleteFunc(slices.Clone(s.Done), func(d Done) bool { return gone[d.Address] })
}

func (a *Applier) send(ctx context.Context, c *Call, done []Done) error {
	id, err := a.Ledger.Begin(ctx, c, done)
	if err != nil {
		return err
	}
	// A request that is on record is not cut off by a planned stop: its reply
	// would have to be found again. The client's own timeouts bound it.
	ctx = context.WithoutCancel(ctx)
	if c.Kind.single() {
		return a.sendSingle(ctx, id, c)
	}
	activity, err := a.request(ctx, c)
	if err != nil {
		return a.failed(ctx, id, c, err)
	}
	a.Log.Info("sent call", "activity", id, "kind", string(c.Kind), "people", c.People(), "lists", len(c.ListIDs))
	return a.Ledger.Sent(ctx, id, activity.ID)
}

// failed records that a call failed: in doubt, or surely without effect.
func (a *Applier) failed(ctx context.Context, id int64, c *Call, err error) error {
	if constantcontact.MayHaveApplied(err) {
		a.Log.Warn("reply to call was lost", "activity", id, "kind", string(c.Kind), "err", err)
		return errors.Join(err, a.Ledger.Doubt(ctx, id))
	}
	pause := pauseThrottled
	if constantcontact.Classify(err) == constantcontact.Reject || constantcontact.Classify(err) == constantcontact.Missing {
		pause = pauseRefused
	}
	a.Log.Warn("call was not applied", "activity", id, "kind", string(c.Kind), "err", err)
	return errors.Join(err, a.Ledger.Reject(ctx, id, string(constantcontact.Classify(err)), a.Now().Add(pause)))
}

func (a *Applier) request(ctx context.Context, c *Call) (constantcontact.Activity, error) {
	switch c.Kind {
	case CallImport:
		return a.API.ImportContacts(ctx, c.Rows, c.ListIDs)
	case CallAdd:
		return a.API.AddListMemberships(ctx, c.IDs, c.ListIDs)
	case CallRemove:
		if c.OptOut {
			return a.forOptOuts().RemoveListMemberships(ctx, c.IDs, c.ListIDs)
		}
	}
	return a.API.RemoveListMemberships(ctx, c.IDs, c.ListIDs)
}

func (a *Applier) forOptOuts() API {
	if a.OptOuts != nil {
		return a.OptOuts
	}
	return a.API
}

// Steps attaches to each call the addresses whose last operation it carries,
// so that an address leaves the queue with the intent of its last call. ops says
// how many operations each address has; one with more than its calls carry
// stays queued and comes back in left.
func Steps(calls []Call, versions map[mapper.Address]int64, ops map[mapper.Address]int) (steps []Step, left []mapper.Address) {
	open := maps.Clone(ops)
	steps = make([]Step, len(calls))
	for i, c := range calls {
		steps[i].Call = c
		for _, in := range c.Intents {
			open[in.Address]--
			if open[in.Address] == 0 {
				steps[i].Done = append(steps[i].Done, Done{in.Address, versions[in.Address]})
			}
		}
	}
	for address, n := range open {
		if n > 0 {
			left = append(left, address)
		}
	}
	slices.Sort(left)
	return steps, left
}
