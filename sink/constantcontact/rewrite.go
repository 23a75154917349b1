package constantcontact

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
)

// contactText is what a PUT has to repeat: core fields that it leaves out become
// null. Lists and other parts that it leaves out are kept, so they never take
// part.
type contactText struct {
	ID           string          `json:"contact_id,omitempty"`
	FirstName    json.RawMessage `json:"first_name,omitempty"`
	LastName     json.RawMessage `json:"last_name,omitempty"`
	JobTitle     json.RawMessage `json:"job_title,omitempty"`
	CompanyName  json.RawMessage `json:"company_name,omitempty"`
	BirthMonth   json.RawMessage `json:"birthday_month,omitempty"`
	BirthDay     json.RawMessage `json:"birthday_day,omitempty"`
	Anniversary  json.RawMessage `json:"anniversary,omitempty"`
	Email        *emailText      `json:"email_address,omitempty"`
	UpdateSource string          `json:"update_source,omitempty"`
}

type emailText struct {
	Address    string `json:"address"`
	Permission string `json:"permission_to_send,omitempty"`
}

// MoveContact gives a contact another address. It is read first, because a PUT
// blanks the core fields that it leaves out. Permission and lists stay. A
// contact that cannot be mailed is refused with ErrNotMailable: its permission
// would have to be sent along. An address that another contact has, be it
// deleted, is an APIError of class Reject (409).
//
// API docs: /v3/contacts/{contact_id} PUT
func (c *Client) MoveContact(ctx context.Context, id, address string) (Contact, error) {
	return c.rewrite(ctx, id, func(text *contactText) error {
		if text.Email == nil || text.Email.Permission != "implicit" && text.Email.Permission != "explicit" {
			return fmt.Errorf("%s: %w", opPutContact.words(), ErrNotMailable)
		}
		text.Email.Address = address
		return nil
	})
}

// ReviveContact brings a deleted contact back, without any permission: one that
// had unsubscribed is unsubscribed again.
//
// API docs: /v3/contacts/{contact_id} PUT
func (c *Client) ReviveContact(ctx context.Context, id string) (Contact, error) {
	return c.rewrite(ctx, id, func(text *contactText) error {
		text.Email = nil
		return nil
	})
}

// rewrite changes what a PUT has to repeat. The contact that it returns has no
// lists.
func (c *Client) rewrite(ctx context.Context, id string, change func(*contactText) error) (Contact, error) {
	if err := needID(opPutContact, id); err != nil {
		return Contact{}, err
	}
	text, err := fetch(ctx, c, request{op: opContactByID, target: c.at(opContactByID, id, url.Values{"include": {includeLists}})},
		func(text contactText) (contactText, error) {
			if text.ID == "" {
				return text, fmt.Errorf("%w: a contact has no id", ErrIncomplete)
			}
			return text, nil
		})
	if err != nil {
		return Contact{}, err
	}
	if err := change(&text); err != nil {
		return Contact{}, err
	}
	text.ID, text.UpdateSource = "", "Account"
	r := request{op: opPutContact, target: c.at(opPutContact, id, nil), body: encode(text)}
	return fetch(ctx, c, r, func(b contactBody) (Contact, error) {
		b.Lists = &[]string{} // the answer does not say
		contact, err := b.contact()
		contact.ListIDs = nil
		return contact, err
	})
}
