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
		{"GET " + base + "/groups", Viewer, (*Console).groups},
		{"POST " + base + "/groups/ticks", Operator, (*Console).ticks},
		{"GET " + base + "/groups/{list}", Viewer, (*Console).list},
		{"GET " + base + "/groups/{list}/people/{what}", Viewer, (*Console).listPeople},
		{"GET " + base + "/groups/{list}/export.csv", Operator, (*Console).export},
		{"GET " + base + "/groups/{list}/left-out.csv", Operator, (*Console).leftOut},
		{"GET " + base + "/groups/{list}/sync", Operator, (*Console).previewSync},
		{"POST " + base + "/groups/{list}/sync", Operator, (*Console).syncNow},
		{"POST " + base + "/groups/{list}", Operator, (*Console).answerList},
		{"GET " + base + "/groups/{list}/leftover", Operator, (*Console).leftover},
		{"POST " + base + "/groups/{list}/leftover", Operator, (*Console).removeLeftover},
		{"GET " + base + "/audit", Viewer, (*Console).audit},
		{"GET " + base + "/people", Viewer, (*Console).people},
		{"POST " + base + "/people", Viewer, (*Console).search},
		{"GET " + base + "/people/rep/{rep}", Viewer, (*Console).personByRep},
		{"GET " + base + "/people/at/{token}", Viewer, (*Console).personByAddress},
		{"POST " + base + "/people/at/{token}", Operator, (*Console).personDo},
		{"GET " + base + "/approvals", Viewer, (*Console).approvals},
		{"GET " + base + "/approvals/{id}", Viewer, (*Console).approval},
		{"POST " + base + "/approvals/{id}", Operator, (*Console).answer},
		{"GET " + base + "/adoption", Viewer, (*Console).adoption},
		{"POST " + base + "/adoption", Operator, (*Console).adopt},
		{"GET " + base + "/activity", Viewer, (*Console).activity},
		{"GET " + base + "/activity/{id}", Viewer, (*Console).showRun},
		{"GET " + base + "/activity/{id}/people.csv", Operator, (*Console).runCSV},
		{"POST " + base + "/reconcile", Operator, (*Console).reconcile},
		{"GET " + base + "/options", Viewer, (*Console).options},
		{"POST " + base + "/options", Admin, (*Console).choose},
		{"GET " + base + "/problems", Viewer, (*Console).problems},
		{"GET " + base + "/problems/{reason}", Viewer, (*Console).problem},
		{"GET " + base + "/connect", Viewer, (*Console).connect},
		{"POST " + base + "/connect", Admin, (*Console).beginConnect},
		{"POST " + base + "/connect/paste", Admin, (*Console).paste},
		{"POST " + base + "/disconnect", Admin, (*Console).disconnect},
		{"GET " + callbackPath, Admin, (*Console).callback},
		{"GET " + base + "/requests/{id}", Viewer, (*Console).progress},
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
// While the account is not connected, that is the guide.
func (c *Console) start(q *request) error {
	a, err := c.Office.Account(q.Context(), q.association.ID)
	if err != nil {
		return err
	}
	if !a.Connected() {
		return q.redirect(q.to("connect"), "")
	}
	return q.redirect(q.to("groups"), "")
}
