package sink

import (
	"context"
	"strings"
	"time"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// Reading is what Constant Contact showed of people.
type Reading struct {
	Shown map[mapper.Address]Shown
	At    time.Time // when the oldest answer was true; of a whole account, when it had been read
	// Bulk: they are too many to be read once more before each call, or the whole
	// account was read.
	Bulk bool
}

// Read asks Constant Contact for the state and the lists of people. doubtful
// says of an address whether its absence from a list that a page showed would
// mean something (that it left, was deleted or refused): a page proves only
// what is on it, so such a person is asked for by name. When so many are that the
// pages are old by then, these are read once more.
func (a *Applier) Read(ctx context.Context, addresses []mapper.Address, doubtful func(mapper.Address, Shown) bool) (Reading, error) {
	r := Reading{Shown: make(map[mapper.Address]Shown, len(addresses)), At: a.Now(), Bulk: len(addresses) > bulkNames}
	size, bulk, err := a.bulk(ctx, len(addresses))
	if err != nil {
		return r, err
	}
	if bulk {
		if err := a.readBulk(ctx, &r, addresses, size, doubtful); err != nil {
			return r, err
		}
	}
	named, err := a.readNamed(ctx, &r, addresses, doubtful, nil)
	if err != nil || !bulk || len(named) == len(addresses) || a.Now().Sub(r.At) <= FreshFor {
		return r, err
	}
	r = Reading{Shown: make(map[mapper.Address]Shown, len(addresses)), At: a.Now()}
	if err := a.readBulk(ctx, &r, addresses, size, doubtful); err != nil {
		return r, err
	}
	_, err = a.readNamed(ctx, &r, addresses, doubtful, named)
	return r, err
}

// readNamed asks by name for whoever was not read or is doubtful, and returns them.
// Who was absent by name before, and is not shown by now, is not asked for again:
// there is nothing that they could have left.
func (a *Applier) readNamed(ctx context.Context, r *Reading, addresses []mapper.Address, doubtful func(mapper.Address, Shown) bool, before map[mapper.Address]Shown) (map[mapper.Address]Shown, error) {
	named := map[mapper.Address]Shown{}
	for _, address := range addresses {
		s, read := r.Shown[address]
		if read && !doubtful(address, s) {
			continue
		}
		if was, asked := before[address]; asked && was.State == mapper.ContactAbsent && (!read || s.State == mapper.ContactAbsent) {
			r.Shown[address] = was
			continue
		}
		s, err := a.readOne(ctx, address)
		if err != nil {
			return named, err
		}
		r.Shown[address], named[address] = s, s
	}
	return named, nil
}

// readEach asks for people by name.
func (a *Applier) readEach(ctx context.Context, people []mapper.Address, shown map[mapper.Address]Shown) error {
	for _, address := range people {
		s, err := a.readOne(ctx, address)
		if err != nil {
			return err
		}
		shown[address] = s
	}
	return nil
}

func (a *Applier) readOne(ctx context.Context, address mapper.Address) (Shown, error) {
	return a.readBy(ctx, a.API, address)
}

// ReadOptOut is ReadAddress of somebody who opted out, with the calls that are kept
// for that.
func (a *Applier) ReadOptOut(ctx context.Context, address mapper.Address) (Shown, error) {
	return a.readBy(ctx, a.forOptOuts(), address)
}

func (a *Applier) readBy(ctx context.Context, api API, address mapper.Address) (Shown, error) {
	at := a.Now()
	c, err := api.ContactByEmail(ctx, string(address))
	if err != nil {
		return Shown{}, err
	}
	if c == nil {
		return Shown{State: mapper.ContactAbsent, ReadAt: at}, nil
	}
	return shownOf(*c, at), nil
}

// ReadList reads everybody whom Constant Contact shows on a list, by address.
// Contacts without an address are left out.
func (a *Applier) ReadList(ctx context.Context, listID string) (map[mapper.Address]Shown, error) {
	at := a.Now()
	people := map[mapper.Address]Shown{}
	q := constantcontact.ContactQuery{Status: []string{"all"}, Lists: []string{listID}}
	err := a.API.Contacts(ctx, q, func(page []constantcontact.Contact) error {
		for _, c := range page {
			if c.Address != "" {
				people[addressOf(c)] = shownOf(c, at)
			}
		}
		return nil
	})
	return people, err
}

func shownOf(c constantcontact.Contact, at time.Time) Shown {
	s := Shown{State: mapper.ContactState(c.State), ID: c.ID, ReadAt: at}
	if c.ListIDs == nil { // not told
		return s
	}
	s.Lists = make(map[string]bool, len(c.ListIDs))
	for _, id := range c.ListIDs {
		s.Lists[id] = true
	}
	return s
}

// addressOf is a contact's address as the database would have it. Constant
// Contact may show a form that no database row has; it is then nobody's.
func addressOf(c constantcontact.Contact) mapper.Address {
	if address, problem := mapper.Normalize(c.Address); problem == "" {
		return address
	}
	return mapper.Address(strings.ToLower(strings.TrimSpace(c.Address)))
}
