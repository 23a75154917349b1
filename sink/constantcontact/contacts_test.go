package constantcontact

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func contactJSON(more string) string {
	return `{"contacts":[{"contact_id":"` + contactID + `",` + more + `}]}`
}

func TestContactStates(t *testing.T) {
	for name, tc := range map[string]struct {
		row   string
		state ContactState
	}{
		"implicit":           {`"email_address":{"address":"a@example.org","permission_to_send":"implicit"}`, StateActive},
		"explicit":           {`"email_address":{"address":"a@example.org","permission_to_send":"explicit"}`, StateActive},
		"unsubscribed":       {`"email_address":{"address":"a@example.org","permission_to_send":"unsubscribed"}`, StateUnsubscribed},
		"on hold":            {`"email_address":{"address":"a@example.org","permission_to_send":"temp_hold"}`, StateTempHold},
		"pending":            {`"email_address":{"address":"a@example.org","permission_to_send":"pending_confirmation"}`, StatePending},
		"not set":            {`"email_address":{"address":"a@example.org","permission_to_send":"not_set"}`, StateNotSet},
		"no permission":      {`"email_address":{"address":"a@example.org"}`, StateNotSet},
		"unknown permission": {`"email_address":{"address":"a@example.org","permission_to_send":"novel"}`, StateNotSet},
		"calls itself so":    {`"email_address":{"address":"a@example.org","permission_to_send":"active"}`, StateNotSet},
		"deleted":            {`"deleted_at":"2026-01-01","email_address":{"address":"a@example.org","permission_to_send":"implicit"}`, StateDeleted},
		"deleted some day":   {`"deleted_at":"some day","email_address":{"permission_to_send":"implicit"}`, StateDeleted},
		"not deleted":        {`"deleted_at":null,"email_address":{"permission_to_send":"implicit"}`, StateActive},
		"telephone only":     {`"sms_channel":{}`, StateNotSet},
	} {
		t.Run(name, func(t *testing.T) {
			var got []Contact
			err := answering(t, 200, contactJSON(tc.row+`,"list_memberships":[]`)).Contacts(t.Context(), ContactQuery{}, func(page []Contact) error {
				got = append(got, page...)
				return nil
			})
			if err != nil || len(got) != 1 || got[0].State != tc.state {
				t.Errorf("got %+v: %v", got, err)
			}
			if wantAddress := strings.Contains(tc.row, `"address"`); (got[0].Address != "") != wantAddress {
				t.Errorf("address given is %v", !wantAddress)
			}
		})
	}
}

func TestContactTimesAndLists(t *testing.T) {
	c := answering(t, 200, `{"contact_id":"c1","updated_at":"2026-01-01T00:00:00Z","list_memberships":["l1","l2"],
		"email_address":{"address":"A@Example.org","permission_to_send":"unsubscribed","updated_at":"2026-02-01T00:00:00Z","opt_out_date":"2026-02-01T00:00:00Z"}}`)
	got, err := c.ContactByID(t.Context(), "c1")
	if err != nil {
		t.Fatal(err)
	}
	feb := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	if !got.UpdatedAt.Equal(feb) || !got.OptOutAt.Equal(feb) || !slices.Equal(got.ListIDs, []string{"l1", "l2"}) {
		t.Errorf("got %+v", got)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("read", "contact", got, "row", ImportRow{Email: canary, LastName: "Canary"})
	if text := strings.ToLower(log.String()); strings.Contains(text, "example.org") || strings.Contains(text, "canary") {
		t.Errorf("logged %s", text)
	}
}

// TestMissingListsAreNeverNoLists: whichever way it is read, a contact whose
// lists were left out is an error.
func TestMissingListsAreNeverNoLists(t *testing.T) {
	for _, row := range []string{
		`"email_address":{"address":"a@example.org","permission_to_send":"implicit"}`,
		`"email_address":{"address":"a@example.org","permission_to_send":"implicit"},"list_memberships":null`,
		`"list_memberships":[],"contact_id":""`,
	} {
		c := answering(t, 200, contactJSON(row))
		if _, err := c.ContactByEmail(t.Context(), "a@example.org"); !errors.Is(err, ErrIncomplete) {
			t.Errorf("by e-mail: %v", err)
		}
		err := c.Contacts(t.Context(), ContactQuery{}, func([]Contact) error { t.Error("page was handed on"); return nil })
		if !errors.Is(err, ErrIncomplete) || Classify(err) != Fatal {
			t.Errorf("pages: %v", err)
		}
	}
	if _, err := answering(t, 200, `{"contact_id":"c1"}`).ContactByID(t.Context(), "c1"); !errors.Is(err, ErrIncomplete) {
		t.Errorf("by id: %v", err)
	}
}

// A contact that is not shown whole is not written: what was left out might be
// lost.
func TestPutContactNeedsTheWholeContact(t *testing.T) {
	whole := map[string]string{
		"list_memberships": "[]", "phone_numbers": "[]", "street_addresses": "[]", "custom_fields": "[]", "taggings": "[]", "notes": "[]",
	}
	for missing := range whole {
		for name, with := range map[string]string{"absent": "", "null": `,"` + missing + `":null`} {
			body := `{"contact_id":"c1","email_address":{"address":"a@example.org","permission_to_send":"implicit"}` + with
			for other, value := range whole {
				if other != missing {
					body += `,"` + other + `":` + value
				}
			}
			c := newClient(t, config(inMemory(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet {
					t.Errorf("%s %s: written", missing, name)
				}
				reply(w, 200, body+"}")
			})))
			if _, err := c.PutContact(t.Context(), "c1", ContactChange{}); !errors.Is(err, ErrIncomplete) || MayHaveApplied(err) {
				t.Errorf("%s %s: %v", missing, name, err)
			}
		}
	}
}

func TestIDInAConflict(t *testing.T) {
	const other = "86b90820-cc52-11ea-9dad-fa163e3d9194"
	for text, want := range map[string]string{
		"Validation failed: Email already exists for contact " + contactID:              contactID,
		"Email already exists for contact " + contactID + ".":                           contactID,
		"Validation failed: EmailAddress is not unique":                                 "",
		"contact " + contactID + " conflicts with contact " + other:                     "",
		"Email already exists for contact x" + contactID:                                "",
		"Email already exists for contact " + strings.ToUpper(contactID) + " (deleted)": strings.ToUpper(contactID),
	} {
		if got := idIn(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestSecondPageWithoutLists(t *testing.T) {
	c := newClient(t, config(inMemory(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") == "" {
			reply(w, 200, `{"contacts":[{"contact_id":"c1","list_memberships":[]}],"_links":{"next":{"href":"/v3/contacts?cursor=x"}}}`)
			return
		}
		reply(w, 200, `{"contacts":[{"contact_id":"c2"}]}`)
	})))
	pages := 0
	err := c.Contacts(t.Context(), ContactQuery{}, func([]Contact) error { pages++; return nil })
	if !errors.Is(err, ErrIncomplete) || pages != 1 {
		t.Errorf("%d pages: %v", pages, err)
	}
}

func TestContactByEmail(t *testing.T) {
	row := func(address string) string {
		return fmt.Sprintf(`"email_address":{"address":%q,"permission_to_send":"implicit"},"list_memberships":["l1"]`, address)
	}
	var asked string
	c := newClient(t, config(inMemory(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RawQuery
		reply(w, 200, contactJSON(row("A+b@Example.org")))
	})))
	got, err := c.ContactByEmail(t.Context(), " a+B@example.org ")
	if err != nil || got == nil || got.ID != contactID {
		t.Fatalf("got %v: %v", got, err)
	}
	if asked != "email=a%2Bb%40example.org&include=list_memberships&status=all" {
		t.Errorf("asked %s", asked)
	}
	if got, err := answering(t, 200, `{"contacts":[]}`).ContactByEmail(t.Context(), canary); got != nil || err != nil {
		t.Errorf("no such contact: %v, %v", got, err)
	}
	if got, err := answering(t, 200, contactJSON(row("other@example.org"))).ContactByEmail(t.Context(), canary); got != nil || !errors.Is(err, ErrIncomplete) {
		t.Errorf("another contact: %v, %v", got, err)
	}
	if _, err := c.ContactByEmail(t.Context(), strings.Repeat("a", 70)+"@example.org"); Classify(err) != Reject {
		t.Errorf("long address: %v", err)
	}
}

func TestContactQuery(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 999, time.FixedZone("", -5*3600))
	for want, q := range map[string]ContactQuery{
		"include=list_memberships&limit=500&status=all":                                                      {},
		"include=list_memberships&limit=500&optout_after=2026-05-01T17%3A00%3A00Z&status=unsubscribed":       {Status: []string{"unsubscribed"}, OptOutAfter: at},
		"include=list_memberships&limit=500&lists=l1%2Cl2&status=all&updated_after=2026-05-01T17%3A00%3A00Z": {Lists: []string{"l1", "l2"}, UpdatedAfter: at},
	} {
		if got := q.values().Encode(); got != want {
			t.Errorf("query is %s, want %s", got, want)
		}
	}
	err := answering(t, 200, "").Contacts(t.Context(), ContactQuery{Lists: make([]string, MaxQueryLists+1)}, nil)
	if Classify(err) != Reject {
		t.Errorf("too many lists: %v", err)
	}
}

func TestCountsAndAccount(t *testing.T) {
	counts, err := answering(t, 200, `{"total":72,"explicit":10,"implicit":20,"pending":30,"unsubscribed":12}`).Counts(t.Context())
	if err != nil || counts != (Counts{72, 10, 20, 30, 12}) {
		t.Errorf("counts are %+v: %v", counts, err)
	}
	account, err := answering(t, 200, `{"encoded_account_id":"acc1","organization_name":"Chamber"}`).AccountSummary(t.Context())
	if err != nil || account != (Account{"acc1", "Chamber"}) {
		t.Errorf("account is %+v: %v", account, err)
	}
	if _, err := answering(t, 200, `{}`).AccountSummary(t.Context()); !errors.Is(err, ErrIncomplete) {
		t.Errorf("account without id: %v", err)
	}
}

// Deletion drops all memberships, so a deleted contact that comes without any is
// complete.
func TestADeletedContactNeedsNoLists(t *testing.T) {
	for name, lists := range map[string]string{"absent": ``, "null": `,"list_memberships":null`} {
		body := `{"contacts":[{"contact_id":"` + contactID + `","email_address":{"address":"a@example.org","permission_to_send":"implicit"},"deleted_at":"2026-05-04"` + lists + `}]}`
		c, err := answering(t, 200, body).ContactByEmail(t.Context(), "a@example.org")
		if err != nil || c == nil || c.State != StateDeleted {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}
