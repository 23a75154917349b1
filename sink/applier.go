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
	// Compare records which lists the account has, and lets people who wait be
	// planned again at once where one is gone. It is called when a call was refused
	// or failed, which that explains. Nil: nobody looks.
	Compare func(ctx context.Context, people []mapper.Address) error
	// ReadAge is told how old the read was on which each call that adds relies;
	// nil: nobody is.
	ReadAge func(time.Duration)
	Now     func() time.Time
	// Pause waits for a time; nil: by the computer's clock.
	Pause func(ctx context.Context, d time.Duration) error
	Log   *slog.Logger

	doubted map[int64]time.Time // when the replies of calls that are still open were given up

	noExport bool // an export was of no use: the account is read by pages

	fields map[string]constantcontact.CustomField // those of the account, by label as labelKey has it; nil: not read yet
}

// Pauses before people of a refused call are planned again.
const (
	pauseThrottled = 5 * time.Second
	pauseQueued    = time.Minute // the account's queue is full
	pauseRefused   = 10 * time.Minute
)

// Step is one call with the addresses whose difference it completes.
type Step struct {
	Call Call
	Done []Done
}

// Sent is what became of the calls of a batch.
type Sent struct {
	Calls int
	// Records are the calls' records, and Rest those that are to be sent when
	// these have ended.
	Records []int64
	Rest    []Step
}

// Apply sends the calls of the first round in order. Each is on record before its
// request. It stops at the first error: what was not sent is still in the queue.
// read is what was read of the people; once that is older than FreshFor, whoever
// is not any more as they were read is taken out of the calls, and stays queued.
func (a *Applier) Apply(ctx context.Context, steps []Step, read Reading) (sent Sent, err error) {
	f := freshness{Applier: a, read: read, gone: map[mapper.Address]bool{}}
	d := division{freshness: &f, aside: map[mapper.Address]bool{}}
	defer func() { err = errors.Join(err, d.settleAlone(context.WithoutCancel(ctx))) }()
	a.fields = nil
	for i, step := range steps {
		if step.Call.Round > steps[0].Call.Round {
			sent.Rest = steps[i:]
			break
		}
		if err := ctx.Err(); err != nil {
			return sent, err
		}
		step.Without(d.aside)
		if step.Call.Kind == CallRemove {
			f.leavers(ctx, &step)
		} else if err := f.freshen(ctx, &step); err != nil {
			return sent, err
		}
		if step.Call.People() == 0 {
			continue
		}
		if err := a.nameFields(ctx, &step.Call); err != nil {
			return sent, err
		}
		if step.Call.Kind != CallRemove && a.ReadAge != nil {
			a.ReadAge(a.Now().Sub(f.read.Oldest(step.Call.Addresses)))
		}
		for _, part := range step.fitting() {
			records, err := d.send(ctx, part)
			sent.Calls += len(records)
			sent.Records = append(sent.Records, records...)
			if err != nil {
				return sent, err
			}
		}
	}
	return sent, nil
}

// fitting is an import in parts that Constant Contact takes. The plan measured the
// rows with the labels of custom fields, and the names that the account has for
// them may be longer: it would drop what is beyond its limit without a word.
func (s Step) fitting() []Step {
	c := s.Call
	size, first := importBytes(c.ListIDs), 0
	var parts []Step
	for i, row := range c.Rows {
		bytes := rowBytes(row)
		if c.Kind == CallImport && size+bytes > constantcontact.MaxImportBytes {
			parts = append(parts, s.part(first, i))
			size, first = importBytes(c.ListIDs), i
		}
		size += bytes
	}
	if first == 0 {
		return []Step{s}
	}
	return append(parts, s.part(first, len(c.Rows)))
}

// part is the part of an import with some of its rows.
func (s Step) part(from, to int) Step {
	mine := map[mapper.Address]bool{}
	for _, address := range s.Call.Addresses[from:to] {
		mine[address] = true
	}
	p := s
	p.Call.Addresses, p.Call.Rows = s.Call.Addresses[from:to], s.Call.Rows[from:to]
	p.Call.Intents = slices.DeleteFunc(slices.Clone(s.Call.Intents), func(in Intent) bool { return !mine[in.Address] })
	p.Done = slices.DeleteFunc(slices.Clone(s.Done), func(d Done) bool { return !mine[d.Address] })
	return p
}

// Without takes people out of a call.
func (s *Step) Without(gone map[mapper.Address]bool) {
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

// send puts a call on record and sends it. refused is how Constant Contact refused
// it for its data; the record is open then.
func (a *Applier) send(ctx context.Context, c *Call, done []Done) (id int64, refused, err error) {
	if id, err = a.Ledger.Begin(ctx, c, done); err != nil {
		return id, nil, err
	}
	// A request that is on record is not cut off by a planned stop: its reply
	// would have to be found again. The client's own timeouts bound it.
	ctx = context.WithoutCancel(ctx)
	if c.Kind.single() {
		refused, err = a.sendSingle(ctx, id, c)
		return id, refused, err
	}
	activity, err := a.request(ctx, c)
	if err != nil {
		if refusesData(c, err) {
			return id, err, nil
		}
		return id, nil, a.failed(ctx, id, c, err)
	}
	a.Log.Info("sent call", "activity", id, "kind", string(c.Kind), "people", c.People(), "lists", len(c.ListIDs))
	return id, nil, a.Ledger.Sent(ctx, id, activity.ID)
}

// Ended reports whether none of the records is of an open call.
func (a *Applier) Ended(ctx context.Context, records []int64) (bool, error) {
	open, err := a.Ledger.Open(ctx)
	return !slices.ContainsFunc(open, func(c OpenActivity) bool { return slices.Contains(records, c.ID) }), err
}

// failed records that a call failed: in doubt, or surely without effect.
func (a *Applier) failed(ctx context.Context, id int64, c *Call, err error) error {
	if constantcontact.MayHaveApplied(err) {
		a.Log.Warn("reply to call was lost", "activity", id, "kind", string(c.Kind), "err", err)
		if a.doubted == nil {
			a.doubted = map[int64]time.Time{}
		}
		a.doubted[id] = a.Now()
		return errors.Join(err, a.Ledger.Doubt(ctx, id))
	}
	pause, class := pauseThrottled, constantcontact.Classify(err)
	refused := class == constantcontact.Reject || class == constantcontact.Missing
	if limited, is := errors.AsType[*constantcontact.RateLimitError](err); is && limited.Queue {
		pause = pauseQueued
	}
	if refused {
		pause = pauseRefused
	}
	a.Log.Warn("call was not applied", "activity", id, "kind", string(c.Kind), "err", err)
	if refused && len(c.IDs) > 1 {
		if settled, without := a.withoutGone(ctx, id, c); settled || without != nil {
			return errors.Join(err, without)
		}
	}
	err = errors.Join(err, a.Ledger.Reject(ctx, id, string(class), a.Now().Add(pause)))
	if refused && a.Compare != nil {
		err = errors.Join(err, a.Compare(ctx, c.Addresses))
	}
	return err
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
