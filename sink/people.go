package sink

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// bulkFrom is up to how many people are read one by one without a thought; of
// more it is asked whether going through the whole account takes fewer calls.
const bulkFrom = 25

// bulkNames is more people than can be asked for by name while the first answers
// are fresh.
const bulkNames = 200

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

// bulk reports whether going through the whole account page by page takes fewer
// calls than asking for n people, or these are so many that the first answers would
// be old by the end. An export would take fewer even for fewer people, but they would
// wait for it. size is how many contacts the account has.
func (a *Applier) bulk(ctx context.Context, n int) (size int, bulk bool, err error) {
	if n <= bulkFrom {
		return 0, false, nil
	}
	if size, err = a.AccountSize(ctx); err != nil {
		return 0, false, fmt.Errorf("count contacts: %w", err)
	}
	return size, n > size/constantcontact.PageSize+1 || n > bulkNames && a.exportPays(size), nil
}

// readBulk reads the whole account, and then who unsubscribed meanwhile. Of an
// export nothing follows about whom it does not have; if these are more than the
// account has pages, the pages are read too.
func (a *Applier) readBulk(ctx context.Context, r *Reading, addresses []mapper.Address, size int, doubtful func(mapper.Address, Shown) bool) error {
	r.Bulk = true
	err := errNoExport
	if a.exportPays(size) {
		err = a.export(ctx, r.takeOf(addresses, doubtful))
		left := len(addresses) - len(r.Shown)
		if err == nil && left > bulkFrom && left > ceilDiv(size, constantcontact.PageSize) {
			err = errNoExport
		} else if errors.Is(err, errNoExport) {
			a.noExport = true
		}
	}
	if errors.Is(err, errNoExport) {
		err = a.readPages(ctx, r, addresses)
		if errors.Is(err, constantcontact.ErrIncomplete) && !a.noExport {
			clear(r.Shown)
			if err = a.export(ctx, r.takeOf(addresses, doubtful)); errors.Is(err, errNoExport) {
				a.noExport, err = true, nil
			}
		}
		if errors.Is(err, constantcontact.ErrIncomplete) {
			clear(r.Shown) // pages without the people's lists say nothing: each is asked for
			r.Bulk, err = len(addresses) > bulkNames, nil
		}
	}
	if err != nil {
		return err
	}
	gone := map[mapper.Address]bool{}
	sweptAt := a.Now()
	if err := a.sweep(ctx, r.At, gone); err != nil {
		return err
	}
	for address := range gone {
		if s, wanted := r.Shown[address]; wanted {
			s.State = mapper.ContactUnsubscribed
			r.Shown[address] = s
		}
	}
	r.At = sweptAt
	return nil
}

// takeOf takes those of the addresses from an export of whom it leaves no doubt.
func (r *Reading) takeOf(addresses []mapper.Address, doubtful func(mapper.Address, Shown) bool) func(Page) error {
	wanted := make(map[mapper.Address]bool, len(addresses))
	for _, address := range addresses {
		wanted[address] = true
	}
	return func(page Page) error {
		for address, s := range page.People {
			if wanted[address] && !doubtful(address, s) {
				r.Shown[address] = s
			}
		}
		return nil
	}
}

// readPages reads the account page by page. Whoever is on none is absent, as far
// as pages tell.
func (a *Applier) readPages(ctx context.Context, r *Reading, addresses []mapper.Address) error {
	at := a.Now()
	for _, address := range addresses {
		r.Shown[address] = Shown{State: mapper.ContactAbsent, ReadAt: at}
	}
	return a.pages(ctx, nil, func(page Page) error {
		for address, s := range page.People {
			if _, wanted := r.Shown[address]; wanted {
				r.Shown[address] = s
			}
		}
		return nil
	})
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
	lists := make(map[string]bool, len(c.ListIDs))
	for _, id := range c.ListIDs {
		lists[id] = true
	}
	return Shown{State: mapper.ContactState(c.State), ID: c.ID, Lists: lists, ReadAt: at}
}

// addressOf is a contact's address as the database would have it. Constant
// Contact may show a form that no database row has; it is then nobody's.
func addressOf(c constantcontact.Contact) mapper.Address {
	if address, problem := mapper.Normalize(c.Address); problem == "" {
		return address
	}
	return mapper.Address(strings.ToLower(strings.TrimSpace(c.Address)))
}
