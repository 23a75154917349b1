package console

import (
	"net/http"
	"strings"
)

// route is one kind of request that the console answers.
type route struct {
	pattern string // of http.ServeMux
	role    Role   // at least
	serve   func(*Console, *request) error
}

// base begins the patterns of what is about one association.
const base = "/a/{association}"

// routes are all there are. Whoever asks needs the role, and has to see the
// association of the path: handle checks both for every route, and nothing else
// does.
func routes() []route {
	return []route{
		{"GET /{$}", Viewer, (*Console).home},
		{"GET " + base + "/{$}", Viewer, (*Console).start},
		{"GET " + base + "/health", Viewer, (*Console).health},
	}
}

// aboutOne reports whether requests of the route are about one association.
func (rt route) aboutOne() bool { return strings.Contains(rt.pattern, base) }

// handle checks who asks before it serves.
func (c *Console) handle(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := c.request(w, r)
		err := c.admit(rt, q)
		if err == nil {
			err = rt.serve(c, q)
		}
		if err != nil {
			c.fail(q, err)
		}
	})
}

// admit says whether the user may ask for what the route serves. An association
// that the user may not see and one that does not exist get the same answer.
func (c *Console) admit(rt route, q *request) error {
	if q.user.Role < rt.role {
		return &Problem{
			Status: http.StatusForbidden, What: "You may not do this.",
			Detail: "It needs the role " + rt.role.String() + "; yours is " + q.user.Role.String() + ".", Try: "Ask an admin for the role.",
		}
	}
	all, err := c.Office.Associations(q.Context())
	if err != nil {
		return err
	}
	for _, a := range all {
		if q.user.Sees(a.ID) {
			q.associations = append(q.associations, a)
		}
	}
	if !rt.aboutOne() {
		return nil
	}
	id := q.PathValue("association")
	for _, a := range q.associations {
		if a.ID == id {
			q.association = a
			q.zone, err = c.Office.Zone(q.Context(), id)
			return err
		}
	}
	return &Problem{
		Status: http.StatusForbidden, What: "This is not one of your associations.", Try: "Choose one at the top of the page.",
	}
}

// home leads to the first association.
func (c *Console) home(q *request) error {
	if len(q.associations) == 0 {
		return &Problem{
			Status: http.StatusNotFound, What: "There is no association here.",
			Detail: "The configuration connects none that you may see.",
			Try:    "Add one under constant_contact.connections, or ask an admin to bind you to it.",
		}
	}
	return q.redirect(link(q.associations[0].ID), "")
}

// start is the page that an association opens with.
func (c *Console) start(q *request) error { return q.redirect(link(q.association.ID, "health"), "") }
