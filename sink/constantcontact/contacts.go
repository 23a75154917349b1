package constantcontact

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"
)

// ContactState says whether a contact can be mailed. The API has no such
// field: it is derived from the deletion time and the permission to send.
type ContactState string

// The states of a contact. A permission that is absent or not known here is
// StateNotSet, because nothing may be sent on the strength of it.
const (
	StateActive       ContactState = "active" // permission implicit or explicit
	StateDeleted      ContactState = "deleted"
	StateUnsubscribed ContactState = "unsubscribed"
	StateTempHold     ContactState = "temp_hold"
	StatePending      ContactState = "pending_confirmation"
	StateNotSet       ContactState = "not_set"
)

// Contact is a contact with its lists.
type Contact struct {
	ID       string
	Address  string // as shown; empty for a contact that has only a telephone
	State    ContactState
	OptOutAt time.Time // zero when not opted out, or not told
	// UpdatedAt is the later of the contact's and its address's time, because
	// an unsubscribe moves only that of the address.
	UpdatedAt time.Time
	DeletedAt time.Time // zero also where the vendor's form is not readable
	ListIDs   []string  // never nil for want of being told, see ErrIncomplete and ContactQuery.WithoutLists
}

// LogValue leaves the address out.
func (c Contact) LogValue() slog.Value {
	return slog.GroupValue(slog.String("contact", c.ID), slog.String("state", string(c.State)), slog.Int("lists", len(c.ListIDs)))
}

type contactBody struct {
	ID    string `json:"contact_id"`
	Email *struct {
		Address    string    `json:"address"`
		Permission string    `json:"permission_to_send"`
		OptOutAt   timestamp `json:"opt_out_date"`
		UpdatedAt  timestamp `json:"updated_at"`
	} `json:"email_address"`
	UpdatedAt timestamp `json:"updated_at"`
	DeletedAt timestamp `json:"deleted_at"`
	Lists     *[]string `json:"list_memberships"`
}

func (b contactBody) contact() (Contact, error) {
	if b.ID == "" {
		return Contact{}, fmt.Errorf("%w: a contact has no id", ErrIncomplete)
	}
	if b.Lists == nil && b.DeletedAt.Present {
		b.Lists = &[]string{} // a deletion drops all
	}
	if b.Lists == nil {
		return Contact{}, fmt.Errorf("%w: a contact has no list_memberships", ErrIncomplete)
	}
	c := Contact{ID: b.ID, State: StateNotSet, UpdatedAt: b.UpdatedAt.Time, DeletedAt: b.DeletedAt.Time, ListIDs: *b.Lists}
	if b.Email != nil {
		c.Address, c.OptOutAt = b.Email.Address, b.Email.OptOutAt.Time
		if b.Email.UpdatedAt.After(c.UpdatedAt) {
			c.UpdatedAt = b.Email.UpdatedAt.Time
		}
		switch permission := ContactState(b.Email.Permission); permission {
		case "implicit", "explicit":
			c.State = StateActive
		case StateUnsubscribed, StateTempHold, StatePending:
			c.State = permission
		}
	}
	if b.DeletedAt.Present {
		c.State = StateDeleted
	}
	return c, nil
}

// withoutLists is the contact, without lists where it came without them.
func (b contactBody) withoutLists() (Contact, error) {
	told := b.Lists != nil
	if !told {
		b.Lists = &[]string{}
	}
	c, err := b.contact()
	if !told {
		c.ListIDs = nil
	}
	return c, err
}

// ContactQuery selects contacts. The zero value selects all of them, in any
// state.
type ContactQuery struct {
	Status       []string // all, active, deleted, not_set, pending_confirmation, temp_hold, unsubscribed; default all
	Lists        []string // on any of these, at most MaxQueryLists
	OptOutAfter  time.Time
	UpdatedAfter time.Time // does not see unsubscribes: use OptOutAfter for them
	// WithoutLists takes contacts that come without their lists, with nil ListIDs. It
	// is for questions that are not about lists: later pages may lack them.
	WithoutLists bool
}

func (q ContactQuery) values() url.Values {
	v := url.Values{"limit": {pageSize}, "include": {includeLists}, "status": {"all"}}
	if len(q.Status) > 0 {
		v.Set("status", strings.Join(q.Status, ","))
	}
	if len(q.Lists) > 0 {
		v.Set("lists", strings.Join(q.Lists, ","))
	}
	if !q.OptOutAfter.IsZero() {
		v.Set("optout_after", q.OptOutAfter.UTC().Format(time.RFC3339))
	}
	if !q.UpdatedAfter.IsZero() {
		v.Set("updated_after", q.UpdatedAfter.UTC().Format(time.RFC3339))
	}
	return v
}

const includeLists = "list_memberships"

// Contacts hands the selected contacts to take, page by page. What a contact
// is follows from the contact, not from the query: it is not documented that
// later pages keep the query's filters. A contact that does not come is not
// proven to be absent. A row without its lists ends the reading with
// ErrIncomplete. take may return ErrStop.
//
// API docs: /v3/contacts GET
func (c *Client) Contacts(ctx context.Context, q ContactQuery, take func([]Contact) error) error {
	if err := within(opContacts.words(), -1, limit{"lists", len(q.Lists), 0, MaxQueryLists}); err != nil {
		return err
	}
	convert := contactBody.contact
	if q.WithoutLists {
		convert = contactBody.withoutLists
	}
	return eachPage(ctx, c, opContacts, q.values(), "contacts", convert, take)
}

// ContactByEmail reads the contact that has the address, in whatever state; nil
// when there is none. An answer that lacks the contact's lists, or has only
// other people, is ErrIncomplete.
//
// API docs: /v3/contacts GET
func (c *Client) ContactByEmail(ctx context.Context, address string) (*Contact, error) {
	shown := func(one Contact) string { return one.Address }
	return byEmail(ctx, c, opContactByEmail, address, includeLists, contactBody.contact, shown)
}

// ContactByID reads one contact with its lists; for all of it see
// FullContactByID. One that does not exist is an APIError of
// class Missing; a deleted one may be either that or a contact with
// StateDeleted.
//
// API docs: /v3/contacts/{contact_id} GET
func (c *Client) ContactByID(ctx context.Context, id string) (Contact, error) {
	if err := needID(opContactByID, id); err != nil {
		return Contact{}, err
	}
	r := request{op: opContactByID, target: c.at(opContactByID, id, url.Values{"include": {includeLists}})}
	return fetch(ctx, c, r, contactBody.contact)
}

// Counts are the numbers of contacts by permission.
type Counts struct {
	Total        int `json:"total"`
	Explicit     int `json:"explicit"`
	Implicit     int `json:"implicit"`
	Pending      int `json:"pending"`
	Unsubscribed int `json:"unsubscribed"`
}

// Counts counts the account's contacts in one call.
//
// API docs: /v3/contacts/counts GET
func (c *Client) Counts(ctx context.Context) (Counts, error) {
	return fetch(ctx, c, request{op: opCounts, target: c.at(opCounts, "", nil)}, func(counts *Counts) (Counts, error) {
		if counts == nil {
			return Counts{}, fmt.Errorf("%w: there are no counts", ErrIncomplete)
		}
		return *counts, nil
	})
}
