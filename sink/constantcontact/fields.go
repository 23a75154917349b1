package constantcontact

import (
	"context"
	"fmt"
	"net/url"
)

// CustomField is a field that the account added to its contacts.
type CustomField struct {
	ID string // by which contacts name it
	// Name is what imports call it, behind "cf:". The server makes it of the
	// label, by rules of its own: it is read, never computed, and read again
	// before each use, because an import ignores a name that is gone.
	Name  string
	Label string // as the office sees it
	Type  string // such as string
}

type fieldBody struct {
	ID    string `json:"custom_field_id"`
	Name  string `json:"name"`
	Label string `json:"label"`
	Type  string `json:"type"`
}

func (b fieldBody) field() (CustomField, error) {
	if b.ID == "" || b.Name == "" {
		return CustomField{}, fmt.Errorf("%w: a custom field has no id or no name", ErrIncomplete)
	}
	return CustomField(b), nil
}

// fieldPage is the most custom fields that a page may have.
const fieldPage = "100"

// CustomFields reads all custom fields of the account, at most MaxCustomFields.
//
// API docs: /v3/contact_custom_fields GET
func (c *Client) CustomFields(ctx context.Context) ([]CustomField, error) {
	all := []CustomField{}
	q := url.Values{"limit": {fieldPage}}
	err := eachPage(ctx, c, opCustomFields, q, "custom_fields", fieldBody.field, func(page []CustomField) error {
		all = append(all, page...)
		return nil
	})
	return all, err
}

// CreateCustomField makes a custom field for texts and returns it with the name
// that the server gave it. A label that another field has is an APIError of class
// Conflict.
//
// API docs: /v3/contact_custom_fields POST
func (c *Client) CreateCustomField(ctx context.Context, label string) (CustomField, error) {
	if err := within(opCreateField.words(), -1, limit{"label", length(label), 1, MaxFieldLabel}); err != nil {
		return CustomField{}, err
	}
	body := encode(map[string]string{"label": label, "type": "string"})
	return fetch(ctx, c, request{op: opCreateField, target: c.at(opCreateField, "", nil), body: body}, fieldBody.field)
}
