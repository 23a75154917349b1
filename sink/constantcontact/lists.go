package constantcontact

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"
)

// List is a contact list.
type List struct {
	ID          string
	Name        string
	Description string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	// DeletedAt is zero for a list that exists. Where the API names no time of
	// deletion it is the best time known: never zero for a deleted list.
	DeletedAt time.Time
	// Members counts the active contacts on the list; -1 when not told.
	Members int
}

type listBody struct {
	ID          string    `json:"list_id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	CreatedAt   timestamp `json:"created_at"`
	UpdatedAt   timestamp `json:"updated_at"`
	DeletedAt   timestamp `json:"deleted_at"`
	Members     *int      `json:"membership_count"`
}

func (c *Client) list(b listBody, deleted bool) (List, error) {
	if b.ID == "" {
		return List{}, fmt.Errorf("%w: a list has no id", ErrIncomplete)
	}
	l := List{
		ID: b.ID, Name: b.Name, Description: b.Description,
		CreatedAt: b.CreatedAt.Time, UpdatedAt: b.UpdatedAt.Time, DeletedAt: b.DeletedAt.Time, Members: -1,
	}
	if b.Members != nil {
		l.Members = *b.Members
	}
	if deleted || b.DeletedAt.Present {
		for _, at := range []time.Time{l.UpdatedAt, c.now()} {
			if l.DeletedAt.IsZero() {
				l.DeletedAt = at
			}
		}
	}
	return l, nil
}

// Lists hands all lists of the account to take, page by page: first those that
// exist, then the deleted ones. They are asked for apart because a list's own
// data is not documented to say that it is deleted. A list deleted meanwhile
// may come twice: the later one is true. One that does not come at all is not
// proven to be gone. Later pages need not keep to the status, so one that shows a
// list among the deleted that exists is not believed. take may return ErrStop.
//
// API docs: /v3/contact_lists GET
func (c *Client) Lists(ctx context.Context, take func([]List) error) error {
	stopped := false
	exist := map[string]bool{}
	for _, status := range []string{"active", "deleted"} {
		q := url.Values{"limit": {pageSize}, "status": {status}, "include_membership_count": {"active"}}
		convert := func(b listBody) (List, error) { return c.list(b, status == "deleted") }
		later := false
		err := eachPage(ctx, c, opLists, q, "lists", convert, func(page []List) error {
			if status == "deleted" && later {
				page = slices.DeleteFunc(page, func(l List) bool { return exist[l.ID] })
			}
			later = true
			for _, l := range page {
				exist[l.ID] = l.DeletedAt.IsZero()
			}
			if len(page) == 0 {
				return nil
			}
			err := take(page)
			stopped = errors.Is(err, ErrStop)
			return err
		})
		if err != nil || stopped {
			return err
		}
	}
	return nil
}

// List reads one list, without its member count. A list that does not exist is
// an APIError of class Missing.
//
// API docs: /v3/contact_lists/{list_id} GET
func (c *Client) List(ctx context.Context, id string) (List, error) {
	if err := needID(opList, id); err != nil {
		return List{}, err
	}
	return c.sendList(ctx, request{op: opList, target: c.at(opList, id, nil)})
}

// CreateList creates a list and returns it. A name that another list has is an
// APIError of class Conflict.
//
// API docs: /v3/contact_lists POST
func (c *Client) CreateList(ctx context.Context, name, description string) (List, error) {
	err := within(opCreateList.words(), -1,
		limit{"name", length(name), 1, MaxListName},
		limit{"description", length(description), 0, MaxListDescription})
	if err != nil {
		return List{}, err
	}
	body := encode(map[string]string{"name": name, "description": description})
	return c.sendList(ctx, request{op: opCreateList, target: c.at(opCreateList, "", nil), body: body})
}

// RenameList gives a list another name. The PUT replaces the whole list, so it
// is read first, and its description and favourite mark are sent as they were.
//
// API docs: /v3/contact_lists/{list_id} PUT
func (c *Client) RenameList(ctx context.Context, id, name string) (List, error) {
	err := errors.Join(needID(opRenameList, id), within(opRenameList.words(), -1, limit{"name", length(name), 1, MaxListName}))
	if err != nil {
		return List{}, err
	}
	type listText struct {
		ID          string  `json:"list_id"`
		Description *string `json:"description"`
		Favorite    *bool   `json:"favorite"`
	}
	kept, err := fetch(ctx, c, request{op: opList, target: c.at(opList, id, nil)}, func(l listText) (listText, error) {
		if l.ID == "" {
			return l, fmt.Errorf("%w: a list has no id", ErrIncomplete)
		}
		return l, nil
	})
	if err != nil {
		return List{}, err
	}
	body := encode(struct {
		Name        string  `json:"name"`
		Description *string `json:"description,omitempty"`
		Favorite    *bool   `json:"favorite,omitempty"`
	}{name, kept.Description, kept.Favorite})
	return c.sendList(ctx, request{op: opRenameList, target: c.at(opRenameList, id, nil), body: body})
}

// sendList sends a request that is answered by a list.
func (c *Client) sendList(ctx context.Context, r request) (List, error) {
	return fetch(ctx, c, r, func(b listBody) (List, error) { return c.list(b, false) })
}

// needID refuses an empty id: its path would be that of the collection.
func needID(op Endpoint, id string) error {
	return within(op.words(), -1, limit{"id", length(id), 1, maxID})
}
