package constantcontact

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestListsSayWhichAreDeleted(t *testing.T) {
	cfg := config(inMemory(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("limit") != "500" || q.Get("include_membership_count") != "active" {
			t.Errorf("query is %s", r.URL.RawQuery)
		}
		switch q.Get("status") {
		case "active":
			reply(w, 200, `{"lists":[{"list_id":"l1","name":"Members","membership_count":327},{"list_id":"l2","name":"Gone?","deleted_at":"2026-01-02"}]}`)
		case "deleted":
			reply(w, 200, `{"lists":[{"list_id":"l3","name":"Old","updated_at":"2025-05-05T00:00:00Z"},{"list_id":"l4","name":"Older"}]}`)
		default:
			t.Errorf("status is %q", q.Get("status"))
		}
	}))
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	cfg.Now = func() time.Time { return now }
	got := map[string]List{}
	err := newClient(t, cfg).Lists(t.Context(), func(page []List) error {
		for _, l := range page {
			got[l.ID] = l
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, deleted := range map[string]string{"l1": "", "l2": "2026-01-02", "l3": "2025-05-05", "l4": "2026-05-01"} {
		text := ""
		if !got[id].DeletedAt.IsZero() {
			text = got[id].DeletedAt.Format(time.DateOnly)
		}
		if text != deleted {
			t.Errorf("%s is deleted at %q, want %q", id, text, deleted)
		}
	}
	if got["l1"].Members != 327 || got["l3"].Members != -1 {
		t.Errorf("members are %d and %d", got["l1"].Members, got["l3"].Members)
	}
}

func TestListsStopAtOnce(t *testing.T) {
	calls := 0
	c := newClient(t, config(inMemory(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		reply(w, 200, `{"lists":[{"list_id":"l1"}]}`)
	})))
	if err := c.Lists(t.Context(), func([]List) error { return ErrStop }); err != nil || calls != 1 {
		t.Errorf("%d calls: %v", calls, err)
	}
}

func TestRenameKeepsTheRest(t *testing.T) {
	for name, tc := range map[string]struct{ read, want string }{
		"all given":     {`{"list_id":"l1","name":"Old","description":"by hand","favorite":true}`, `{"name":"New & better","description":"by hand","favorite":true}`},
		"nothing given": {`{"list_id":"l1","name":"Old"}`, `{"name":"New & better"}`},
	} {
		t.Run(name, func(t *testing.T) {
			var put string
			c := newClient(t, config(inMemory(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/v3/contact_lists/l1" {
					t.Errorf("path is %s", r.URL.Path)
				}
				if r.Method == "PUT" {
					raw, _ := io.ReadAll(r.Body)
					put = string(raw)
				}
				reply(w, 200, tc.read)
			})))
			if _, err := c.RenameList(t.Context(), "l1", "New & better"); err != nil {
				t.Fatal(err)
			}
			if put != tc.want {
				t.Errorf("sent %s, want %s", put, tc.want)
			}
		})
	}
	if _, err := answering(t, 200, `{}`).RenameList(t.Context(), "l1", "New"); Classify(err) != Fatal || MayHaveApplied(err) {
		t.Errorf("a list that could not be read was renamed: %v", err)
	}
}

func TestCreateList(t *testing.T) {
	l, err := answering(t, 201, `{"list_id":"l1","name":"Members","created_at":"2026-05-01T00:00:00Z"}`).CreateList(t.Context(), "Members", "by us")
	if err != nil || l.ID != "l1" || !l.DeletedAt.IsZero() || l.Members != -1 {
		t.Errorf("%+v: %v", l, err)
	}
	_, err = answering(t, 409, `[{"error_key":"contacts.api.conflict"}]`).CreateList(t.Context(), "Members", "")
	if Classify(err) != Conflict {
		t.Errorf("error is %v", err)
	}
}

func TestListLimits(t *testing.T) {
	c := newClient(t, config(inMemory(func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })))
	long := strings.Repeat("é", MaxListName+1)
	for name, do := range map[string]func() error{
		"long name":      func() error { _, err := c.CreateList(t.Context(), long, ""); return err },
		"no name":        func() error { _, err := c.CreateList(t.Context(), "", ""); return err },
		"long text":      func() error { _, err := c.CreateList(t.Context(), "a", long); return err },
		"rename to none": func() error { _, err := c.RenameList(t.Context(), "l1", ""); return err },
		"rename none":    func() error { _, err := c.RenameList(t.Context(), "", "a"); return err },
		"read none":      func() error { _, err := c.List(t.Context(), ""); return err },
	} {
		if err := do(); Classify(err) != Reject {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a cursor carries is not documented; the vendor's own example has limit and next
// alone. A list that exists is not deleted because a later page of the deleted ones
// shows it.
func TestListsWhoseCursorLosesTheStatus(t *testing.T) {
	pages := map[string]string{
		"active":  `{"lists":[{"list_id":"l1","name":"Board"}],"_links":{}}`,
		"deleted": `{"lists":[{"list_id":"l0","name":"Old"}],"_links":{"next":{"href":"/v3/contact_lists?cursor=c2"}}}`,
		"":        `{"lists":[{"list_id":"l1","name":"Board"}]}`,
	}
	c := newClient(t, config(inMemory(func(w http.ResponseWriter, r *http.Request) { reply(w, 200, pages[r.URL.Query().Get("status")]) })))
	deleted := map[string]bool{}
	err := c.Lists(t.Context(), func(page []List) error {
		for _, l := range page {
			deleted[l.ID] = !l.DeletedAt.IsZero()
		}
		return nil
	})
	if err != nil || deleted["l1"] || !deleted["l0"] {
		t.Errorf("deleted: %v, %v", deleted, err)
	}
}
