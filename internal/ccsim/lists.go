package ccsim

import (
	"net/http"
	"slices"
)

const maxLists = 1000 // of an account

// listBody is a list as the API shows it, with its number of members when count
// is all or active.
func (s *Sim) listBody(l *list, count string) map[string]any {
	body := map[string]any{
		"list_id": l.id, "name": l.name, "description": l.description, "favorite": l.favorite,
		"created_at": s.stamp(l.createdAt), "updated_at": s.stamp(l.updatedAt),
	}
	if l.deleted() {
		body["deleted_at"] = s.stamp(l.deletedAt)
	}
	switch count {
	case "all":
		body["membership_count"] = len(l.members)
	case "active":
		n := 0
		for c := range l.members {
			if c.active() {
				n++
			}
		}
		body["membership_count"] = n
	}
	return body
}

func (s *Sim) getLists(c *call) answer {
	q, err := c.query()
	if err != nil {
		return invalid("the query does not have a valid value")
	}
	count := q.Get("include_membership_count")
	if !allIn([]string{count}, []string{"", "all", "active"}) {
		return invalid("include_membership_count does not have a valid value")
	}
	wanted := split(q.Get("status"))
	if !allIn(wanted, []string{"all", "active", "deleted"}) {
		return invalid("status does not have a valid value")
	}
	if len(wanted) == 0 {
		wanted = []string{"active"}
	}
	name := q.Get("name")
	p := pager[*list]{
		path: "/v3/contact_lists", items: "lists", count: "lists_count", most: 1000,
		match: func(l *list) bool {
			status := "active"
			if l.deleted() {
				status = "deleted"
			}
			return (slices.Contains(wanted, "all") || slices.Contains(wanted, status)) && (name == "" || name == l.name)
		},
		body: func(l *list) map[string]any { return s.listBody(l, count) },
	}
	return p.page(c, q, c.account.lists)
}

type listInput struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Favorite    bool   `json:"favorite"`
}

// readList reads the body of a list, whose name no list but one may have.
func (s *Sim) readList(c *call, but *list) (in listInput, bad answer) {
	switch {
	case !c.decode(&in) || in.Name == "" || tooLong(in.Name, 255) || tooLong(in.Description, 255):
		bad = invalid("name does not have a valid value")
	case s.nameTaken(c.account, in.Name, but):
		bad = problem(http.StatusConflict, "contacts.api.conflict", "Validation failed: Name is not unique")
	}
	return in, bad
}

func (s *Sim) postList(c *call) answer {
	in, bad := s.readList(c, nil)
	if bad.status != 0 {
		return bad
	}
	living := 0
	for _, l := range c.account.lists {
		if !l.deleted() {
			living++
		}
	}
	if living >= maxLists {
		return invalid("the account has %d lists", maxLists)
	}
	return answer{status: http.StatusCreated, body: s.listBody(s.addList(c.account, in), "")}
}

// theList is the list in the path; nil when unknown or deleted.
func (s *Sim) theList(c *call) *list {
	if lists, known := c.account.living([]string{c.PathValue("id")}); known {
		return lists[0]
	}
	return nil
}

func (s *Sim) getList(c *call) answer {
	if l := s.theList(c); l != nil {
		return ok(s.listBody(l, c.URL.Query().Get("include_membership_count")))
	}
	return notFound("list_id")
}

func (s *Sim) putList(c *call) answer {
	l := s.theList(c)
	if l == nil {
		return notFound("list_id")
	}
	in, bad := s.readList(c, l)
	if bad.status != 0 {
		return bad
	}
	l.name, l.description, l.favorite, l.updatedAt = in.Name, in.Description, in.Favorite, s.time()
	return ok(s.listBody(l, ""))
}

// deleteList deletes a list by an activity.
func (s *Sim) deleteList(c *call) answer {
	l := s.theList(c)
	if l == nil {
		return notFound("list_id")
	}
	act := s.queue(c, func(act *activity) {
		s.dropList(l)
		act.counters["list_count"] = 1
	})
	return answer{status: http.StatusAccepted, body: s.activityBody(act)}
}
