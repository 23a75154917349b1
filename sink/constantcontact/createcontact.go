package constantcontact

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"slices"
)

// NewContact is a contact that is to be made by itself. Imports make contacts
// with far fewer calls; this is for an address of 51 to 80 characters, which an
// import is not documented to take.
type NewContact struct {
	Address     string
	FirstName   string
	LastName    string
	JobTitle    string
	CompanyName string
	Phone       string // of KindWork
	Street      Street // of KindWork
	Custom      []CustomValue
	ListIDs     []string // at most MaxContactLists
}

// LogValue prints no member data.
func (n NewContact) LogValue() slog.Value { return slog.StringValue("[new contact]") }

// Check returns a LimitError when the contact cannot be made.
func (n NewContact) Check() error {
	limits := append([]limit{
		{"email", length(normal(n.Address)), 1, MaxAddress},
		{"first_name", length(n.FirstName), 0, MaxField},
		{"last_name", length(n.LastName), 0, MaxField},
		{"job_title", length(n.JobTitle), 0, MaxField},
		{"company_name", length(n.CompanyName), 0, MaxField},
		{"phone_number", length(n.Phone), 0, MaxPhone},
		{"lists", len(n.ListIDs), 0, MaxContactLists},
	}, n.Street.limits()...)
	return within(opCreateContact.words(), -1, append(limits, customLimits(n.Custom)...)...)
}

func (n NewContact) body() any {
	b := struct {
		Email emailBody `json:"email_address"`
		coreBody
		CreateSource string        `json:"create_source"`
		ListIDs      []string      `json:"list_memberships,omitempty"`
		Phones       []Phone       `json:"phone_numbers,omitempty"`
		Streets      []Street      `json:"street_addresses,omitempty"`
		Custom       []CustomValue `json:"custom_fields,omitempty"`
	}{
		Email: emailBody{normal(n.Address), "implicit"}, CreateSource: accountSource, ListIDs: n.ListIDs,
		coreBody: coreBody{FirstName: n.FirstName, LastName: n.LastName, JobTitle: n.JobTitle, CompanyName: n.CompanyName},
	}
	if n.Phone != "" {
		b.Phones = []Phone{{Number: n.Phone, Kind: KindWork}}
	}
	if !n.Street.empty() {
		street := n.Street
		street.Kind = KindWork
		b.Streets = []Street{street}
	}
	b.Custom = slices.DeleteFunc(slices.Clone(n.Custom), func(v CustomValue) bool { return v.Value == "" })
	return b
}

// CreateContact makes a contact with implicit permission and puts it on lists.
//
// When a contact has the address already, in whatever state, it is left as it is:
// the answer has its id, Existed, and no State, so the caller reads it before
// doing anything. That is also the outcome of a repetition after a reply that was
// lost. A contact that comes back as awaiting confirmation has been made and is
// not to be tried again.
//
// API docs: /v3/contacts POST
func (c *Client) CreateContact(ctx context.Context, n NewContact) (WrittenContact, error) {
	if err := n.Check(); err != nil {
		return WrittenContact{}, err
	}
	r := request{op: opCreateContact, target: c.at(opCreateContact, "", nil), body: encode(n.body())}
	made, err := fetch(ctx, c, r, contactBody.written)
	refused, is := errors.AsType[*APIError](err)
	if !is || Classify(err) != Conflict {
		return made, err
	}
	if id := idIn(refused.Message); id != "" {
		return WrittenContact{ID: id, Address: normal(n.Address), Existed: true}, nil
	}
	found, lookup := c.ContactByEmail(ctx, n.Address)
	switch {
	case lookup != nil:
		return WrittenContact{}, lookup
	case found == nil:
		return WrittenContact{}, err // the conflict is about something else
	}
	return WrittenContact{ID: found.ID, Address: found.Address, State: found.State, Existed: true}, nil
}

var anyID = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)

// idIn is the one id in a text of the vendor's; empty when there is none, or
// several.
func idIn(text string) string {
	ids := anyID.FindAllString(text, -1)
	if len(ids) != 1 {
		return ""
	}
	return ids[0]
}
