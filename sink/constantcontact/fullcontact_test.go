package constantcontact

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// Since September 2025 custom fields may be numbers, and more: one that is none of
// ours must not keep the names of a person from being told.
func TestPutContactWithACustomFieldThatIsNoText(t *testing.T) {
	for name, field := range map[string]string{
		"number":  `{"custom_field_id":"f1","value":12.5}`,
		"boolean": `{"custom_field_id":"f1","value":true}`,
		"null":    `{"custom_field_id":"f1","value":null,"choice_ids":[1,2]}`,
		"choices": `{"custom_field_id":"f1","choice_ids":[1,2]}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // a repetition takes no time
				var sent string
				requests := 0
				contact := `{"contact_id":"` + contactID + `","email_address":{"address":"a@example.org","permission_to_send":"implicit"},
				"custom_fields":[` + field + `],"phone_numbers":[],"street_addresses":[],"taggings":[],"notes":[],"list_memberships":[]}`
				c := newClient(t, config(inMemory(func(w http.ResponseWriter, r *http.Request) {
					requests++
					if r.Method == http.MethodPut {
						body, _ := io.ReadAll(r.Body)
						sent = string(body)
					}
					reply(w, 200, contact)
				})))
				_, err := c.PutContact(t.Context(), contactID, ContactChange{Custom: []CustomValue{{FieldID: "ours", Value: "Gold"}}})
				if err != nil {
					t.Fatalf("after %d requests: %v", requests, err)
				}
				if strings.Contains(sent, `"value":""`) {
					t.Errorf("a value that was not there is sent as an empty one: %s", sent)
				}
				if kept := `[` + field + `,`; !strings.Contains(sent, kept) {
					t.Errorf("another value is sent back than was read: %s", sent)
				}
			})
		})
	}
}
