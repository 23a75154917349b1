package constantcontact

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// PageSize is the most rows that a page may have, and what is asked for; the
// default of 50 would cost ten times the calls.
const PageSize = 500

var pageSize = strconv.Itoa(PageSize)

// eachPage reads all pages of an operation, converts the rows found under key
// and hands every page that has any to take. A link to the next page is
// followed as it came: the cursor in it is opaque.
func eachPage[Row, Out any](ctx context.Context, c *Client, op Endpoint, q url.Values, key string, convert func(Row) (Out, error), take func([]Out) error) error {
	target := c.at(op, "", q)
	seen := map[string]bool{}
	for {
		if seen[target] {
			return fmt.Errorf("%s: %w: a page comes again", op.words(), ErrForeignLink)
		}
		seen[target] = true
		var rows []Out
		var next string
		err := c.call(ctx, request{op: op, target: target, decode: func(body []byte) (err error) {
			rows, next, err = decodePage(body, key, convert)
			return err
		}})
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			if err := take(rows); errors.Is(err, ErrStop) {
				return nil
			} else if err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		if target, err = c.follow(next); err != nil {
			return fmt.Errorf("%s: %w", op.words(), err)
		}
	}
}

func decodePage[Row, Out any](body []byte, key string, convert func(Row) (Out, error)) ([]Out, string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, "", err
	}
	var rows *[]Row
	if err := json.Unmarshal(orNull(members[key]), &rows); err != nil {
		return nil, "", err
	}
	if rows == nil {
		return nil, "", fmt.Errorf("%w: it has no %s", ErrIncomplete, key)
	}
	var links struct {
		Next struct {
			Href string `json:"href"`
		} `json:"next"`
	}
	if err := json.Unmarshal(orNull(members["_links"]), &links); err != nil {
		return nil, "", err
	}
	out := make([]Out, len(*rows))
	for i, row := range *rows {
		var err error
		if out[i], err = convert(row); err != nil {
			return nil, "", err
		}
	}
	return out, links.Next.Href, nil
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

// follow returns the URL of a link. The token goes to the configured host only.
func (c *Client) follow(href string) (string, error) {
	target := href
	if strings.HasPrefix(href, "/") && !strings.HasPrefix(href, "//") {
		target = c.origin + href
	}
	u, err := url.Parse(target)
	if err != nil || u.User != nil || u.Scheme+"://"+u.Host != c.origin {
		return "", fmt.Errorf("%w: it is not on the configured host", ErrForeignLink)
	}
	return target, nil
}

// timestamp reads the vendor's several forms of a time. Present stays true for
// a form that is not known: that a contact was deleted matters more than when.
type timestamp struct {
	time.Time
	Present bool
}

var timeForms = []string{
	time.RFC3339Nano, // reads RFC 3339 without a fraction too
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05",
	time.DateOnly,
}

// UnmarshalJSON never fails.
func (t *timestamp) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		t.Present = true
		return nil
	}
	t.Present = text != ""
	for _, form := range timeForms {
		if parsed, err := time.Parse(form, text); err == nil {
			t.Time = parsed.UTC()
			return nil
		}
	}
	return nil
}
