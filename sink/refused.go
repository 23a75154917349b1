package sink

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// stateRefused is the state of a call that was refused because of people.
const stateRefused = "refused"

// refusesData reports whether an error says that the data of a call that makes contacts
// are invalid.
func refusesData(c *Call, err error) bool {
	answer, is := errors.AsType[*constantcontact.APIError](err)
	return is && (c.Kind == CallCreate || c.Kind == CallImport) &&
		(answer.Status == http.StatusBadRequest || answer.Status == http.StatusUnprocessableEntity)
}

// listsExist reports whether all lists of a call exist. One that is gone would be the
// reason of a refusal.
func (a *Applier) listsExist(ctx context.Context, c *Call) (bool, error) {
	account, err := a.AccountLists(ctx)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(c.ListIDs, func(id string) bool { l, listed := account[id]; return !listed || l.Deleted }), nil
}

// Bounds of a division. One that comes to them gives up: whoever was not sent waits
// like the people of any refused call.
const (
	mostParts  = 40 // calls of a division
	mostInVain = 4  // calls until one must have been accepted: maybe all imports are refused
)

// division sends an import in parts that is refused because of somebody on it, so
// that they keep nobody else off the lists. A batch has one: the calls of the
// others would take rows that are promised already.
type division struct {
	*freshness
	used     bool
	records  []int64
	accepted bool                    // a call of the batch that makes contacts was
	alone    []alone                 // people for whom a call about them alone was refused
	aside    map[mapper.Address]bool // who was refused
}

// alone is a refused call about one person; its record is open.
type alone struct {
	id   int64
	call *Call
	why  error
}

// send sends a step and returns the records of its calls.
func (d *division) send(ctx context.Context, step Step) (records []int64, err error) {
	c := &step.Call
	id, refused, err := d.Applier.send(ctx, c, step.Done)
	if err != nil {
		return nil, err
	}
	if refused == nil {
		d.accepted = d.accepted || c.Kind == CallImport || c.Kind == CallCreate
		return []int64{id}, nil
	}
	recorded := context.WithoutCancel(ctx)
	// The rows of later rounds were counted some time ago; these are planned anew.
	divides := !d.used && c.Spare > 0 && c.Round == 0
	if c.People() > 1 && !divides {
		return nil, d.failed(recorded, id, c, refused)
	}
	exist, err := d.listsExist(recorded, c)
	switch {
	case err != nil || !exist:
		return nil, errors.Join(d.failed(recorded, id, c, refused), err)
	case c.People() == 1:
		d.alone = append(d.alone, alone{id, c, refused})
		d.aside[c.Addresses[0]] = true
		return []int64{id}, nil
	}
	d.used = true
	err = d.divide(ctx, id, step, refused)
	return d.records, err
}

// divide sends the people of a refused import in parts, and those of parts that are
// refused in parts again, down to those because of whom it is. Everybody is queued
// besides, like after any refusal: whoever no part reached is planned again.
func (d *division) divide(ctx context.Context, id int64, whole Step, why error) error {
	if err := d.reject(ctx, id, &whole.Call, why); err != nil {
		return err
	}
	var errs []error
	var refused []alone
	queue := whole.pieces()
	for sent := 0; len(queue) > 0; {
		if sent == mostParts || sent == mostInVain && !d.accepted || ctx.Err() != nil {
			errs = append(errs, why, ctx.Err())
			break
		}
		part := queue[0]
		queue = queue[1:]
		if err := d.freshen(ctx, &part); err != nil {
			errs = append(errs, err)
			break
		}
		if part.Call.People() == 0 {
			continue
		}
		sent++
		id, answer, err := d.Applier.send(ctx, &part.Call, nil)
		switch {
		case err == nil && answer == nil:
			d.accepted = true
			d.records = append(d.records, id)
		case err == nil && part.Call.People() == 1:
			refused = append(refused, alone{id, &part.Call, answer})
		case err == nil:
			err = d.reject(ctx, id, &part.Call, answer)
			queue = append(queue, part.pieces()...)
		}
		if err != nil {
			errs = append(errs, err)
			break
		}
	}
	return errors.Join(append(errs, d.decide(context.WithoutCancel(ctx), refused))...)
}

// settleAlone puts those aside whom calls about them alone refused, unless these are
// several and nothing of the batch was accepted: then it may not be for the people.
func (d *division) settleAlone(ctx context.Context) error {
	var errs []error
	for _, x := range d.alone {
		if len(d.alone) >= mostInVain && !d.accepted {
			errs = append(errs, d.failed(ctx, x.id, x.call, x.why))
		} else {
			errs = append(errs, d.putAside(ctx, x))
		}
	}
	return errors.Join(errs...)
}

// decide puts those aside who were refused by themselves, if not everything is refused.
func (d *division) decide(ctx context.Context, refused []alone) error {
	var errs []error
	for _, x := range refused {
		if d.accepted {
			errs = append(errs, d.putAside(ctx, x))
		} else {
			errs = append(errs, d.failed(ctx, x.id, x.call, x.why))
		}
	}
	return errors.Join(errs...)
}

// reject records the refusal of an import that goes on in parts.
func (d *division) reject(ctx context.Context, id int64, c *Call, why error) error {
	d.Log.Warn("import was refused: sending its parts", "activity", id, "people", c.People(), "err", why)
	return d.Ledger.Reject(context.WithoutCancel(ctx), id, string(constantcontact.Classify(why)), d.Now().Add(pauseRefused))
}

// putAside records that the only person of a call was refused.
func (d *division) putAside(ctx context.Context, x alone) error {
	d.Log.Warn("person was refused", "activity", x.id, "kind", string(x.call.Kind), "err", x.why)
	d.aside[x.call.Addresses[0]] = true
	return d.settleSingle(ctx, x.id, x.call, Outcome{State: stateRefused, Completed: true})
}

// pieces are the parts of a refused import: halves, or more where halves of halves
// would take more rows of somebody than the day has for them. There are none where it
// has none.
func (s Step) pieces() []Step {
	n := s.Call.People()
	if s.Call.Spare <= 0 {
		return nil
	}
	pieces := 2
	for pieces < mostParts && power(pieces, s.Call.Spare) < n {
		pieces++
	}
	var parts []Step
	for from := 0; from < n; {
		to := from + ceilDiv(n-from, pieces-len(parts))
		part := s.part(from, to)
		part.Call.Spare--
		parts = append(parts, part)
		from = to
	}
	return parts
}

func power(base, exponent int) int {
	n := 1
	for range exponent {
		n *= base
	}
	return n
}

// withoutGone reads the people of a list change that was refused. Where contacts are
// gone that it named, that may be why: they are recorded as gone, and all others are
// planned again at once. Where nobody can be read, the refusal is recorded like any
// other.
func (a *Applier) withoutGone(ctx context.Context, id int64, c *Call) (settled bool, err error) {
	reader := *a
	if c.OptOut {
		reader.API = a.forOptOuts()
	}
	back, err := reader.Read(ctx, c.Addresses, func(mapper.Address, Shown) bool { return false })
	if err == nil && back.Bulk {
		err = reader.lookAgain(ctx, back.Shown)
	}
	if err != nil {
		a.Log.Warn("people of a refused call could not be read", "activity", id, "err", err)
		return false, nil
	}
	for i, address := range c.Addresses {
		if s := back.Shown[address]; s.ID != c.IDs[i] || s.State == mapper.ContactDeleted {
			return true, a.Ledger.Settle(ctx, id, Outcome{State: stateRefused, Shown: back.Shown})
		}
	}
	return false, nil
}
