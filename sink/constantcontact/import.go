package constantcontact

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
)

// ImportRow is one person of an import. An empty field is not sent: what the
// API does with an empty value is not documented. Telephone and address are those
// of KindWork.
type ImportRow struct {
	Email       string `json:"email"`
	FirstName   string `json:"first_name,omitempty"`
	LastName    string `json:"last_name,omitempty"`
	CompanyName string `json:"company_name,omitempty"`
	JobTitle    string `json:"job_title,omitempty"`
	Phone       string `json:"work_phone,omitempty"`
	Street      string `json:"work_street,omitempty"`
	City        string `json:"work_city,omitempty"`
	State       string `json:"work_state,omitempty"`
	Zip         string `json:"work_zip,omitempty"`
	Country     string `json:"work_country,omitempty"`
	// Custom are values by the names of custom fields as the API told them. A
	// name that the account does not have is ignored by the API without a word.
	Custom map[string]string `json:"-"`
}

// MarshalJSON writes the values of custom fields behind the others.
func (r ImportRow) MarshalJSON() ([]byte, error) {
	type plain ImportRow // without this method
	row := encode(plain(r))
	custom := map[string]string{}
	for name, value := range r.Custom {
		if value != "" {
			custom["cf:"+name] = value
		}
	}
	if len(custom) == 0 {
		return row, nil
	}
	row[len(row)-1] = ','
	return append(row, encode(custom)[1:]...), nil
}

// LogValue prints no member data.
func (r ImportRow) LogValue() slog.Value { return slog.StringValue("[import row]") }

// Check returns a LimitError when the row cannot be imported. ImportContacts
// refuses the whole call for one such row, so a caller leaves it out before.
func (r ImportRow) Check() error { return r.check(-1) }

func (r ImportRow) check(index int) error {
	limits := []limit{
		{"email", length(r.Email), 1, MaxImportAddress},
		{"first_name", length(r.FirstName), 0, MaxField},
		{"last_name", length(r.LastName), 0, MaxField},
		{"company_name", length(r.CompanyName), 0, MaxField},
		{"job_title", length(r.JobTitle), 0, MaxField},
		{"work_phone", length(r.Phone), 0, MaxImportPhone},
		{"work_street", length(r.Street), 0, MaxStreet},
		{"work_city", length(r.City), 0, MaxField},
		{"work_state", length(r.State), 0, MaxField},
		{"work_zip", length(r.Zip), 0, MaxField},
		{"work_country", length(r.Country), 0, MaxField},
		{"custom fields", len(r.Custom), 0, MaxContactFields},
	}
	for name, value := range r.Custom {
		limits = append(limits, limit{"name of a custom field", length(name), 1, MaxFieldLabel}, limit{"custom field", length(value), 0, MaxFieldValue})
	}
	return within(opImport.words(), index, limits...)
}

// EncodedRowSize returns the bytes that a row takes in an import's body,
// without the comma behind it.
func EncodedRowSize(r ImportRow) int { return len(encode(r)) }

// ImportContacts creates or changes people and puts every one of them on every
// list. It also puts back whoever had left one of the lists, so leavers must
// have been taken out; it does not mail people who unsubscribed. The activity
// says later how many rows were taken, never which.
//
// API docs: /v3/activities/contacts_json_import POST
func (c *Client) ImportContacts(ctx context.Context, rows []ImportRow, listIDs []string) (Activity, error) {
	err := within(opImport.words(), -1,
		limit{"rows", len(rows), 1, MaxImportRows},
		limit{"lists", len(listIDs), 1, MaxImportLists})
	if err != nil {
		return Activity{}, err
	}
	for i, row := range rows {
		if err := row.check(i); err != nil {
			return Activity{}, err
		}
	}
	body := encode(struct {
		Rows    []ImportRow `json:"import_data"`
		ListIDs []string    `json:"list_ids"`
	}{rows, listIDs})
	if err := within(opImport.words(), -1, limit{"bytes", len(body), 0, MaxImportBytes}); err != nil {
		return Activity{}, err
	}
	return c.sendActivity(ctx, request{op: opImport, target: c.at(opImport, "", nil), body: body})
}

// encode writes JSON without the escapes that HTML needs: they would make six
// bytes of an ampersand.
func encode(content any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(content); err != nil {
		panic(err) // only texts are encoded here, and they cannot fail
	}
	return bytes.TrimRight(buf.Bytes(), "\n")
}
