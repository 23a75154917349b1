package constantcontact

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
)

// FullContact is a contact with everything that a change of it has to send back.
type FullContact struct {
	Contact
	Permission    string // permission_to_send as read, which State is made of
	FirstName     string
	LastName      string
	JobTitle      string
	CompanyName   string
	BirthdayMonth int
	BirthdayDay   int
	Anniversary   string
	Phones        []Phone
	Streets       []Street
	Custom        []CustomValue
}

// LogValue leaves the member data out.
func (f FullContact) LogValue() slog.Value { return f.Contact.LogValue() }

// KindWork is the kind of the telephone number and the street address that
// Rollcall keeps.
const KindWork = "work"

// Phone is a telephone number of a contact.
type Phone struct {
	Number string `json:"phone_number"`
	Kind   string `json:"kind"` // home, work, mobile or other
}

// Street is a street address of a contact.
type Street struct {
	Kind       string `json:"kind"` // home, work or other
	Street     string `json:"street,omitempty"`
	City       string `json:"city,omitempty"`
	State      string `json:"state,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	Country    string `json:"country,omitempty"`
}

// empty says that nothing but the kind is given.
func (s Street) empty() bool { return s == Street{Kind: s.Kind} }

// CustomValue is the value of a custom field of a contact.
type CustomValue struct {
	FieldID string
	Value   string // empty where it is no text
	// kept is what was read, which may be a number or choices. It is only sent back.
	kept string
}

type valueBody struct {
	FieldID string          `json:"custom_field_id"`
	Value   json.RawMessage `json:"value,omitempty"`
	Choices json.RawMessage `json:"choice_ids,omitempty"`
}

// UnmarshalJSON keeps a value of whatever type it is.
func (v *CustomValue) UnmarshalJSON(raw []byte) error {
	var body valueBody
	if err := json.Unmarshal(raw, &body); err != nil {
		return err
	}
	*v = CustomValue{FieldID: body.FieldID, kept: string(encode(body))}
	if json.Unmarshal(body.Value, &v.Value) != nil {
		v.Value = ""
	}
	return nil
}

// MarshalJSON sends back what was read, or a value of ours.
func (v CustomValue) MarshalJSON() ([]byte, error) {
	if v.kept != "" {
		return []byte(v.kept), nil
	}
	return encode(valueBody{FieldID: v.FieldID, Value: encode(v.Value)}), nil
}

type fullBody struct {
	contactBody
	FirstName     string           `json:"first_name"`
	LastName      string           `json:"last_name"`
	JobTitle      string           `json:"job_title"`
	CompanyName   string           `json:"company_name"`
	BirthdayMonth int              `json:"birthday_month"`
	BirthdayDay   int              `json:"birthday_day"`
	Anniversary   string           `json:"anniversary"`
	Phones        *[]Phone         `json:"phone_numbers"`
	Streets       *[]Street        `json:"street_addresses"`
	Custom        *[]CustomValue   `json:"custom_fields"`
	Taggings      *json.RawMessage `json:"taggings"`
	Notes         *json.RawMessage `json:"notes"`
}

func (b fullBody) full() (FullContact, error) {
	one, err := b.contact()
	if err != nil {
		return FullContact{}, err
	}
	for name, missing := range map[string]bool{
		"phone_numbers": b.Phones == nil, "street_addresses": b.Streets == nil, "custom_fields": b.Custom == nil,
		"taggings": b.Taggings == nil, "notes": b.Notes == nil,
	} {
		if missing {
			return FullContact{}, fmt.Errorf("%w: a contact has no %s", ErrIncomplete, name)
		}
	}
	f := FullContact{
		Contact: one, FirstName: b.FirstName, LastName: b.LastName, JobTitle: b.JobTitle, CompanyName: b.CompanyName,
		BirthdayMonth: b.BirthdayMonth, BirthdayDay: b.BirthdayDay, Anniversary: b.Anniversary,
		Phones: *b.Phones, Streets: *b.Streets, Custom: *b.Custom,
	}
	if b.Email != nil {
		f.Permission = b.Email.Permission
	}
	return f, nil
}

// includeAll asks for every sub-resource: whoever changes a contact has to know
// all of it.
var includeAll = strings.Join([]string{"custom_fields", includeLists, "phone_numbers", "street_addresses", "taggings", "notes"}, ",")

// FullContactByID reads one contact with every sub-resource. One that does not
// exist is an APIError of class Missing; a deleted one may be either that or a
// contact with StateDeleted.
//
// API docs: /v3/contacts/{contact_id} GET
func (c *Client) FullContactByID(ctx context.Context, id string) (FullContact, error) {
	if err := needID(opFullContact, id); err != nil {
		return FullContact{}, err
	}
	r := request{op: opFullContact, target: c.at(opFullContact, id, url.Values{"include": {includeAll}})}
	return fetch(ctx, c, r, fullBody.full)
}

// FullContactByEmail reads the contact that has the address with every
// sub-resource, in whatever state, deleted included; nil when there is none. An
// answer that has only other people is ErrIncomplete.
//
// API docs: /v3/contacts GET
func (c *Client) FullContactByEmail(ctx context.Context, address string) (*FullContact, error) {
	shown := func(f FullContact) string { return f.Address }
	return byEmail(ctx, c, opFullByEmail, address, includeAll, fullBody.full, shown)
}

// byEmail reads the contact that has an address.
func byEmail[Body, Out any](
	ctx context.Context, c *Client, op Endpoint, address, include string, convert func(Body) (Out, error), shown func(Out) string,
) (*Out, error) {
	address = normal(address)
	if err := within(op.words(), -1, limit{"email", length(address), 1, MaxAddress}); err != nil {
		return nil, err
	}
	var found *Out
	others := false
	q := url.Values{"email": {address}, "status": {"all"}, "include": {include}}
	err := eachPage(ctx, c, op, q, "contacts", convert, func(page []Out) error {
		for _, one := range page {
			if normal(shown(one)) == address {
				found = &one
				return ErrStop
			}
		}
		others = true
		return nil
	})
	if err == nil && found == nil && others {
		err = fmt.Errorf("%s: %w: it has only other contacts", op.words(), ErrIncomplete)
	}
	return found, err
}

// normal is an address as the API stores it.
func normal(address string) string { return strings.ToLower(strings.TrimSpace(address)) }
