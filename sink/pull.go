package sink

import (
	"context"
	"errors"
	"slices"
	"time"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// ErrIncomplete says that pages lack what was asked for; see Pull.
var ErrIncomplete = constantcontact.ErrIncomplete

// Page is a part of what Constant Contact shows. It proves what is on it, and
// nothing about who is not.
type Page struct {
	People map[mapper.Address]Shown
	// Nameless are contacts without an address: they have only a telephone.
	Nameless []Shown
	// Export says that the page comes from an export, where a contact that was
	// deleted or is on hold may look active.
	Export bool
	// Again says that the reading begins anew with this page, which is empty.
	Again bool
}

// Pull reads the contacts of the account, in whatever state, page by page; with
// list ids only those on one of the lists. Memory is bounded by a page. After an
// error the reading is not complete: somebody who did not come may be there all
// the same. A page whose contacts lack their lists is such an error.
//
// A whole account is read by an export where that takes fewer calls, or where its
// pages lack the lists. size is about how many contacts it has.
func (a *Applier) Pull(ctx context.Context, listIDs []string, size int, take func(Page) error) error {
	if len(listIDs) > 0 {
		for lists := range slices.Chunk(listIDs, constantcontact.MaxQueryLists) {
			if err := a.pages(ctx, lists, take); err != nil {
				return err
			}
		}
		return nil
	}
	if a.exportPays(size) {
		err := a.export(ctx, take)
		if !errors.Is(err, errNoExport) {
			return err
		}
		a.Log.Warn("the account is read by pages", "err", err)
		a.noExport = true
		if err := take(Page{Again: true}); err != nil {
			return err
		}
	}
	err := a.pages(ctx, nil, take)
	if !errors.Is(err, constantcontact.ErrIncomplete) || a.noExport {
		return err
	}
	a.Log.Warn("pages lack what was asked for: the account is read by an export", "err", err)
	if err := take(Page{Again: true}); err != nil {
		return err
	}
	if without := a.export(ctx, take); without != nil {
		return errors.Join(err, without)
	}
	return nil
}

// pages reads contacts page by page.
func (a *Applier) pages(ctx context.Context, lists []string, take func(Page) error) error {
	at := a.Now()
	q := constantcontact.ContactQuery{Status: []string{"all"}, Lists: lists}
	return a.API.Contacts(ctx, q, func(contacts []constantcontact.Contact) error {
		page := Page{People: make(map[mapper.Address]Shown, len(contacts))}
		for _, c := range contacts {
			if c.Address == "" {
				page.Nameless = append(page.Nameless, shownOf(c, at))
			} else {
				page.People[addressOf(c)] = shownOf(c, at)
			}
		}
		err := take(page)
		at = a.Now() // the next page is asked for now
		return err
	})
}

// ReadAddress asks Constant Contact for one address. It is the proof that a
// page is not.
func (a *Applier) ReadAddress(ctx context.Context, address mapper.Address) (Shown, error) {
	return a.readOne(ctx, address)
}

// OptedOut reads who unsubscribed since the time, or ever when it is zero, page
// by page. Constant Contact's clock may be some minutes from ours, so it reaches
// back further than asked. Later pages may lack the lists of their people, which are
// nil then: that somebody unsubscribed is true all the same.
func (a *Applier) OptedOut(ctx context.Context, since time.Time, take func(map[mapper.Address]Shown) error) error {
	q := constantcontact.ContactQuery{Status: []string{"unsubscribed"}, WithoutLists: true}
	if !since.IsZero() {
		q.OptOutAfter = since.Add(-skew)
	}
	at := a.Now()
	return a.forOptOuts().Contacts(ctx, q, func(contacts []constantcontact.Contact) error {
		people := make(map[mapper.Address]Shown, len(contacts))
		for _, c := range contacts {
			// Later pages may come without the query's filter.
			if c.State == constantcontact.StateUnsubscribed && c.Address != "" {
				people[addressOf(c)] = shownOf(c, at)
			}
		}
		err := take(people)
		at = a.Now()
		return err
	})
}

// AccountSize counts the account's contacts, the deleted ones not included, in
// one call.
func (a *Applier) AccountSize(ctx context.Context) (int, error) {
	counts, err := a.API.Counts(ctx)
	return counts.Total, err
}

// Revive brings a deleted contact back, without any permission and onto no
// list, and reads what it is then: one that had unsubscribed still is.
func (a *Applier) Revive(ctx context.Context, address mapper.Address) (Shown, error) {
	// Like every call that is on its way it is not cut off by a planned stop.
	if _, err := a.API.ReviveContact(context.WithoutCancel(ctx), string(address)); err != nil {
		return Shown{}, err
	}
	return a.readOne(ctx, address)
}
