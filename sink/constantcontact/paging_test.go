package constantcontact

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// pagesOf answers with the bodies by request URI.
func pagesOf(t *testing.T, asked *[]string, bodies map[string]string) *Client {
	t.Helper()
	return newClient(t, config(inMemory(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host != "api.cc.email" {
			t.Errorf("request to %s", r.URL.Host)
		}
		*asked = append(*asked, r.URL.RequestURI())
		body, known := bodies[r.URL.RequestURI()]
		if !known {
			t.Errorf("request for %s", r.URL.RequestURI())
		}
		reply(w, 200, body)
	})))
}

const activitiesPage = "/v3/activities?limit=500"

func readAll(t *testing.T, c *Client) ([]string, error) {
	var ids []string
	err := c.Activities(t.Context(), func(page []Activity) error {
		for _, a := range page {
			ids = append(ids, a.ID)
		}
		return nil
	})
	return ids, err
}

func TestPagesAreFollowedVerbatim(t *testing.T) {
	// The cursor is what the vendor shows, with characters that a rebuilt
	// query would change.
	next := "/v3/activities?cursor=bGltaXQ9MSZuZXh0PTJjZDgwMjdh==&x=a%2Bb+c"
	for name, last := range map[string]string{
		"no links": ``, "null links": `,"_links":null`, "no next": `,"_links":{}`, "null next": `,"_links":{"next":null}`,
		"empty link": `,"_links":{"next":{"href":""}}`,
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			c := pagesOf(t, &asked, map[string]string{
				activitiesPage:       `{"activities":[{"activity_id":"a1"}],"_links":{"next":{"href":"` + next + `"}}}`,
				next:                 `{"activities":[],"_links":{"next":{"href":"https://api.cc.email/v3/activities?p=3"}}}`,
				"/v3/activities?p=3": `{"activities":[{"activity_id":"a2"}]` + last + `}`,
			})
			ids, err := readAll(t, c)
			if err != nil || !slices.Equal(ids, []string{"a1", "a2"}) {
				t.Errorf("read %v: %v", ids, err)
			}
			if len(asked) != 3 {
				t.Errorf("asked %v", asked)
			}
		})
	}
}

func TestForeignLinksAreNotFollowed(t *testing.T) {
	for _, href := range []string{
		"https://evil.example.org/v3/activities", "//evil.example.org/v3/activities", "http://api.cc.email/v3/activities",
		"https://api.cc.email@evil.example.org/", "https://api.cc.email.evil.example.org/", "https://u@api.cc.email/", "activities?p=2", "://",
		activitiesPage, // the first page again
	} {
		var asked []string
		c := pagesOf(t, &asked, map[string]string{
			activitiesPage: fmt.Sprintf(`{"activities":[{"activity_id":"a1"}],"_links":{"next":{"href":%q}}}`, href),
		})
		if _, err := readAll(t, c); !errors.Is(err, ErrForeignLink) || len(asked) != 1 {
			t.Errorf("link %s: asked %v: %v", href, asked, err)
		}
	}
}

func TestPageWithoutRowsIsNotAnEmptyPage(t *testing.T) {
	for _, body := range []string{`{}`, `{"message":"ok"}`, `{"activities":null}`} {
		if _, err := readAll(t, answering(t, 200, body)); !errors.Is(err, ErrIncomplete) || Classify(err) != Fatal {
			t.Errorf("body %s: %v", body, err)
		}
	}
	if ids, err := readAll(t, answering(t, 200, `{"activities":[]}`)); err != nil || ids != nil {
		t.Errorf("empty page: %v %v", ids, err)
	}
}

func TestTakerEndsReading(t *testing.T) {
	errOwn := errors.New("own")
	for want, returned := range map[error]error{nil: ErrStop, errOwn: errOwn} {
		var asked []string
		c := pagesOf(t, &asked, map[string]string{activitiesPage: `{"activities":[{"activity_id":"a1"}],"_links":{"next":{"href":"/v3/activities?p=2"}}}`})
		err := c.Activities(t.Context(), func([]Activity) error { return returned })
		if !errors.Is(err, want) || len(asked) != 1 {
			t.Errorf("asked %v: %v", asked, err)
		}
	}
}

func TestTimestamps(t *testing.T) {
	for raw, want := range map[string]string{
		`"2016-01-23T13:48:44.108Z"`:     "2016-01-23T13:48:44.108Z",
		`"2016-03-03T10:56:29-05:00"`:    "2016-03-03T15:56:29Z",
		`"2026-04-28T21:46:22Z"`:         "2026-04-28T21:46:22Z",
		`"2026-04-28T21:46:22.000+0000"`: "2026-04-28T21:46:22Z",
		`"2026-04-28T21:46:22"`:          "2026-04-28T21:46:22Z",
		`"2026-04-28 21:46:22"`:          "2026-04-28T21:46:22Z",
		`"2026-04-28"`:                   "2026-04-28T00:00:00Z",
		`"some day"`:                     "unreadable",
		`1461880000`:                     "unreadable",
		`null`:                           "absent",
		`""`:                             "absent",
	} {
		var got timestamp
		if err := got.UnmarshalJSON([]byte(raw)); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		text := got.Format(time.RFC3339Nano)
		if got.IsZero() {
			text = map[bool]string{true: "unreadable", false: "absent"}[got.Present]
		}
		if text != want {
			t.Errorf("%s is %s, want %s", raw, text, want)
		}
	}
}

func TestErrorOfLinkHidesCursor(t *testing.T) {
	c := answering(t, 200, `{"activities":[],"_links":{"next":{"href":"//evil.example.org/?email=`+canary+`"}}}`)
	if _, err := readAll(t, c); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("error is %v", err)
	}
}
