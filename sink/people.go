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

// Read asks Constant Contact for the state and the lists of people. doubtful
// says of an address whether its absence from a list that a page showed would
// mean something (that it left, was deleted or refused): a page proves only
// what is on it, so such a person is asked for by name. The time returned is
// when the oldest answer was true.
func (a *Applier) Read(ctx context.Context, addresses []mapper.Address, doubtful func(mapper.Address, Shown) bool) (map[mapper.Address]Shown, time.Time, error) {
	readAt := a.Now()
	shown := make(map[mapper.Address]Shown, len(addresses))
	bulk, err := a.bulk(ctx, len(addresses))
	if err != nil {
		return nil, readAt, err
	}
	if bulk {
		err := a.pull(ctx, addresses, shown)
		if errors.Is(err, constantcontact.ErrIncomplete) {
			// Pages without the people's lists say nothing: ask for each.
			clear(shown)
			err = nil
		}
		if err != nil {
			return nil, readAt, err
		}
		gone := map[mapper.Address]bool{}
		sweptAt := a.Now()
		if err := a.sweep(ctx, readAt, gone); err != nil {
			return nil, readAt, err
		}
		for address := range gone {
			if s, wanted := shown[address]; wanted {
				s.State = mapper.ContactUnsubscribed
				shown[address] = s
			}
		}
		readAt = sweptAt
	}
	for _, address := range addresses {
		if s, read := shown[address]; read && !doubtful(address, s) {
			continue
		}
		s, err := a.readOne(ctx, address)
		if err != nil {
			return nil, readAt, err
		}
		shown[address] = s
	}
	return shown, readAt, nil
}

// bulk reports whether going through the whole account takes fewer calls than
// asking for n people.
func (a *Applier) bulk(ctx context.Context, n int) (bool, error) {
	if n <= bulkFrom {
		return false, nil
	}
	counts, err := a.API.Counts(ctx)
	if err != nil {
		return false, fmt.Errorf("count contacts: %w", err)
	}
	return n > counts.Total/constantcontact.PageSize+1, nil
}

func (a *Applier) pull(ctx context.Context, addresses []mapper.Address, shown map[mapper.Address]Shown) error {
	at := a.Now()
	for _, address := range addresses {
		shown[address] = Shown{State: mapper.ContactAbsent, ReadAt: at}
	}
	q := constantcontact.ContactQuery{Status: []string{"all"}}
	return a.API.Contacts(ctx, q, func(page []constantcontact.Contact) error {
		at := a.Now()
		for _, c := range page {
			if _, wanted := shown[addressOf(c)]; wanted {
				shown[addressOf(c)] = shownOf(c, at)
			}
		}
		return nil
	})
}

func (a *Applier) readOne(ctx context.Context, address mapper.Address) (Shown, error) {
	at := a.Now()
	c, err := a.API.ContactByEmail(ctx, string(address))
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
