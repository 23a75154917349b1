package constantcontact

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

var (
	// ErrNoContact says that no contact, in whatever state, has the address.
	ErrNoContact = errors.New("no contact has the address")
	// ErrAddressLost says that a contact has another address, or none, after a
	// change that was to keep it. An import of the address would make a new
	// contact, with a permission of its own: a person has to look at it.
	ErrAddressLost = errors.New("the contact does not have its address any more")
)

// StateError says that a contact is in a state in which it is not changed. It was
// read and not written.
type StateError struct {
	Operation string
	State     ContactState
}

// Error names the operation and the state.
func (e *StateError) Error() string {
	return fmt.Sprintf("%s: the contact is %s", e.Operation, e.State)
}

// ContactChange says what becomes different in a contact. What is nil stays as it
// is; a pointer to an empty text clears.
type ContactChange struct {
	Address     *string
	FirstName   *string
	LastName    *string
	JobTitle    *string
	CompanyName *string
	Phone       *string       // of KindWork
	Street      *Street       // of KindWork, whatever its Kind says
	Custom      []CustomValue // the values of these fields; an empty one takes the value away
}

// LogValue prints no member data.
func (ch ContactChange) LogValue() slog.Value { return slog.StringValue("[contact change]") }

func (ch ContactChange) check(op Endpoint) error {
	limits := []limit{}
	for _, text := range []struct {
		what       string
		value      *string
		least, max int
	}{
		{"email", ch.Address, 1, MaxAddress},
		{"first_name", ch.FirstName, 0, MaxField},
		{"last_name", ch.LastName, 0, MaxField},
		{"job_title", ch.JobTitle, 0, MaxField},
		{"company_name", ch.CompanyName, 0, MaxField},
		{"phone_number", ch.Phone, 0, MaxPhone},
	} {
		if text.value != nil {
			limits = append(limits, limit{text.what, length(*text.value), text.least, text.max})
		}
	}
	if ch.Street != nil {
		limits = append(limits, ch.Street.limits()...)
	}
	return within(op.words(), -1, append(limits, customLimits(ch.Custom)...)...)
}

func (s Street) limits() []limit {
	return []limit{
		{"street", length(s.Street), 0, MaxStreet},
		{"city", length(s.City), 0, MaxField},
		{"state", length(s.State), 0, MaxField},
		{"postal_code", length(s.PostalCode), 0, MaxField},
		{"country", length(s.Country), 0, MaxField},
	}
}

func customLimits(values []CustomValue) []limit {
	limits := []limit{{"custom fields", len(values), 0, MaxContactFields}}
	for _, v := range values {
		limits = append(limits, limit{"custom_field_id", length(v.FieldID), 1, maxID}, limit{"custom field", length(v.Value), 0, MaxFieldValue})
	}
	return limits
}

// WrittenContact is what the answer to a change of a contact says of it.
type WrittenContact struct {
	ID      string
	Address string
	State   ContactState // empty when an existing contact was adopted by its id alone
	Existed bool         // of CreateContact: it was there before and was not changed
}

// LogValue leaves the address out.
func (w WrittenContact) LogValue() slog.Value {
	return slog.GroupValue(slog.String("contact", w.ID), slog.String("state", string(w.State)))
}

// writtenBody does not need the lists, which the answer need not have.
func (b contactBody) written() (WrittenContact, error) {
	if b.Lists == nil {
		b.Lists = &[]string{}
	}
	one, err := b.contact()
	return WrittenContact{ID: one.ID, Address: one.Address, State: one.State}, err
}

// coreBody are the properties that a PUT empties when they are left out.
type coreBody struct {
	FirstName     string `json:"first_name,omitempty"`
	LastName      string `json:"last_name,omitempty"`
	JobTitle      string `json:"job_title,omitempty"`
	CompanyName   string `json:"company_name,omitempty"`
	BirthdayMonth int    `json:"birthday_month,omitempty"`
	BirthdayDay   int    `json:"birthday_day,omitempty"`
	Anniversary   string `json:"anniversary,omitempty"`
}

type emailBody struct {
	Address    string `json:"address"`
	Permission string `json:"permission_to_send"`
}

// putBody has no lists: sending them would take the contact off all others. A
// sub-resource that is nil is kept.
type putBody struct {
	Email *emailBody `json:"email_address,omitempty"`
	coreBody
	UpdateSource string         `json:"update_source"`
	Phones       *[]Phone       `json:"phone_numbers,omitempty"`
	Streets      *[]Street      `json:"street_addresses,omitempty"`
	Custom       *[]CustomValue `json:"custom_fields,omitempty"`
}

// accountSource says who is behind a change. A sync is never the person.
const accountSource = "Account"

func (f FullContact) core() coreBody {
	return coreBody{f.FirstName, f.LastName, f.JobTitle, f.CompanyName, f.BirthdayMonth, f.BirthdayDay, f.Anniversary}
}

// echoed says whether a permission may be sent back as it was read. One that
// forbids mail is not sent: whether a PUT can lift it is not documented.
func echoed(permission string) bool {
	return permission == "implicit" || permission == "explicit" || permission == "not_set"
}

// body is the PUT that makes the change of the contact as it was read.
func (ch ContactChange) body(f FullContact) (putBody, error) {
	b := putBody{coreBody: f.core(), UpdateSource: accountSource}
	for _, text := range []struct{ from, to *string }{
		{ch.FirstName, &b.FirstName}, {ch.LastName, &b.LastName}, {ch.JobTitle, &b.JobTitle}, {ch.CompanyName, &b.CompanyName},
	} {
		if text.from != nil {
			*text.to = *text.from
		}
	}
	if echoed(f.Permission) {
		b.Email = &emailBody{f.Address, f.Permission}
	}
	if ch.Address != nil {
		if f.State != StateActive {
			return b, &StateError{opPutContact.words(), f.State}
		}
		b.Email.Address = normal(*ch.Address)
	}
	if ch.Phone != nil {
		phone := Phone{Number: *ch.Phone, Kind: KindWork}
		b.Phones = replaced(f.Phones, phone, *ch.Phone == "", func(p Phone) bool { return p.Kind == KindWork })
	}
	if ch.Street != nil {
		street := *ch.Street
		street.Kind = KindWork
		b.Streets = replaced(f.Streets, street, street.empty(), func(s Street) bool { return s.Kind == KindWork })
	}
	for _, v := range ch.Custom {
		old := f.Custom
		if b.Custom != nil {
			old = *b.Custom
		}
		b.Custom = replaced(old, v, v.Value == "", func(o CustomValue) bool { return o.FieldID == v.FieldID })
	}
	return b, within(opPutContact.words(), -1,
		limit{"phone numbers", size(b.Phones), 0, MaxPhones},
		limit{"street addresses", size(b.Streets), 0, MaxStreets},
		limit{"custom fields", size(b.Custom), 0, MaxContactFields})
}

func size[T any](all *[]T) int {
	if all == nil {
		return 0
	}
	return len(*all)
}

// replaced is all with one in the place of those that match, or without them.
func replaced[T any](all []T, one T, gone bool, matches func(T) bool) *[]T {
	kept := slices.DeleteFunc(slices.Clone(all), matches)
	if !gone {
		kept = append(kept, one)
	}
	return &kept
}

// PutContact changes one contact: it reads it with everything, and sends it back
// with the change. All that is not changed stays, lists and permission above all.
//
// A deleted contact is a StateError: a PUT would revive it, see ReviveContact.
// Another address is given to active contacts only, others are a StateError; an
// address that another contact has, even a deleted one, is an APIError of class
// Conflict. Whoever unsubscribes between the reading and the sending is sent back
// as before, which the API has no means to prevent: keep this for single contacts.
//
// API docs: /v3/contacts/{contact_id} PUT
func (c *Client) PutContact(ctx context.Context, id string, change ContactChange) (WrittenContact, error) {
	if err := errors.Join(needID(opPutContact, id), change.check(opPutContact)); err != nil {
		return WrittenContact{}, err
	}
	read, err := c.FullContactByID(ctx, id)
	if err != nil {
		return WrittenContact{}, err
	}
	if read.State == StateDeleted {
		return WrittenContact{}, &StateError{opPutContact.words(), StateDeleted}
	}
	body, err := change.body(read)
	if err != nil {
		return WrittenContact{}, err
	}
	want := read.Address
	if change.Address != nil {
		want = *change.Address
	}
	return c.put(ctx, opPutContact, read.ID, body, want)
}

// ReviveContact brings a deleted contact back, for somebody whom a person
// allowed. It sends the core properties and no permission: whoever had
// unsubscribed before is unsubscribed again, and is then not to be added to
// anything. A contact that is not deleted is not written. Its lists do not come
// back. Without a contact of that address the error is ErrNoContact.
//
// API docs: /v3/contacts/{contact_id} PUT
func (c *Client) ReviveContact(ctx context.Context, address string) (WrittenContact, error) {
	read, err := c.FullContactByEmail(ctx, address)
	switch {
	case err != nil:
		return WrittenContact{}, err
	case read == nil:
		return WrittenContact{}, fmt.Errorf("%s: %w", opReviveContact.words(), ErrNoContact)
	case read.State != StateDeleted:
		return WrittenContact{ID: read.ID, Address: read.Address, State: read.State, Existed: true}, nil
	}
	return c.put(ctx, opReviveContact, read.ID, putBody{coreBody: read.core(), UpdateSource: accountSource}, read.Address)
}

// put sends a PUT and holds the answer against the address that the contact was
// to have. That a PUT without an address keeps it is not verified.
func (c *Client) put(ctx context.Context, op Endpoint, id string, body putBody, want string) (WrittenContact, error) {
	r := request{op: op, target: c.at(op, id, nil), body: encode(body)}
	got, err := fetch(ctx, c, r, contactBody.written)
	if err == nil && normal(got.Address) != normal(want) {
		err = fmt.Errorf("%s: contact %s: %w", op.words(), got.ID, ErrAddressLost)
	}
	return got, err
}
