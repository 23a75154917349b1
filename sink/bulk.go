package sink

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// bulkFrom is up to how many people are read one by one without a thought; of
// more it is asked whether going through the whole account takes fewer calls.
const bulkFrom = 25

// bulkNames is more people than can be asked for by name while the first answers
// are fresh.
const bulkNames = 200

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
	err := a.pages(ctx, nil, func(page Page) error {
		for address, s := range page.People {
			if _, wanted := r.Shown[address]; wanted {
				r.Shown[address] = s
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.readNotMailable(ctx, r)
}

// notMailable are the states in which nobody is added.
var notMailable = []string{"deleted", "not_set", "pending_confirmation", "temp_hold", "unsubscribed"}

// readNotMailable looks once more for whom no page showed: a page may have skipped
// them, and an import would bring back whoever was deleted. Few are asked for by
// name; of many, those who cannot be mailed have a listing of their own.
func (a *Applier) readNotMailable(ctx context.Context, r *Reading) error {
	absent := map[mapper.Address]bool{}
	for address, s := range r.Shown {
		if s.State == mapper.ContactAbsent {
			absent[address] = true
		}
	}
	if len(absent) <= bulkFrom {
		return a.readEach(ctx, slices.Sorted(maps.Keys(absent)), r.Shown)
	}
	at := a.Now()
	q := constantcontact.ContactQuery{Status: notMailable, WithoutLists: true}
	return a.API.Contacts(ctx, q, func(page []constantcontact.Contact) error {
		for _, c := range page {
			if address := addressOf(c); absent[address] && c.State != constantcontact.StateActive {
				s := shownOf(c, at)
				if s.Lists == nil {
					s.Lists = map[string]bool{}
				}
				r.Shown[address] = s
			}
		}
		at = a.Now()
		return nil
	})
}

// lookAgain reads once more whom the pages did not show, because of a call that was
// worked through absence means that the person was refused: by name, or where these
// are very many, by the pages.
func (a *Applier) lookAgain(ctx context.Context, shown map[mapper.Address]Shown) error {
	var absent []mapper.Address
	for address, s := range shown {
		if s.State == mapper.ContactAbsent {
			absent = append(absent, address)
		}
	}
	slices.Sort(absent)
	switch {
	case len(absent) <= bulkFrom:
		return nil // asked for by name already
	case len(absent) <= bulkNames:
		return a.readEach(ctx, absent, shown)
	}
	back, err := a.Read(ctx, absent, func(mapper.Address, Shown) bool { return false })
	maps.Copy(shown, back.Shown)
	return err
}
