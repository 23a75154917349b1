package console

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"rollcall/internal/report"
	"rollcall/mapper"
)

// peopleOffice knows people one by one.
type peopleOffice interface {
	// Find looks for people by address, rep id or the beginning of a name. slow
	// says that names could not be looked through in time.
	Find(ctx context.Context, association, text string) (found []PersonLine, slow bool, err error)
	// ExplainAddress and ExplainRep say everything about one person.
	ExplainAddress(ctx context.Context, association string, address mapper.Address) (*report.Explanation, error)
	ExplainRep(ctx context.Context, association string, rep mapper.RepID) ([]*report.Explanation, error)
	// Look asks to read an address again in Constant Contact, and to plan it again.
	Look(ctx context.Context, association string, address mapper.Address, by string) (request int64, err error)
	// Retry tries an address again that Constant Contact refused.
	Retry(ctx context.Context, association string, address mapper.Address, by string) (request int64, err error)
	// AllowBack lets somebody back, on one list or, where that is empty, on all.
	AllowBack(ctx context.Context, association string, address mapper.Address, list mapper.ListKey, by string) (request int64, err error)
	// MayAllowBack reports whether a reason is one that an operator may set aside.
	MayAllowBack(r mapper.Reason) bool
}

// peoplePage is the search.
type peoplePage struct {
	Asked bool
	Text  string
	Rows  []personRow
	Slow  bool
	Path  string
}

func (c *Console) people(q *request) error {
	return c.render(q, "people", "People", peoplePage{Path: q.to("people")})
}

// search is a POST: what is looked for names somebody, and stays out of the
// address.
func (c *Console) search(q *request) error {
	text := strings.TrimSpace(q.PostFormValue("who"))
	if text == "" {
		return q.redirect(q.to("people"), "nobody")
	}
	found, slow, err := c.Office.Find(q.Context(), q.association.ID, text)
	if err != nil {
		return err
	}
	if len(found) == 1 && !slow {
		return q.redirect(c.personPath(q, found[0].Address, found[0].Rep), "")
	}
	return c.render(q, "people", "People", peoplePage{Asked: true, Text: text, Rows: c.rows(q, found), Slow: slow, Path: q.to("people")})
}

// personPage is everything about one person.
type personPage struct {
	All []explained
}

// explained is an explanation as it is shown.
type explained struct {
	*report.Explanation
	ReadAt    moment
	Lists     []explainedList
	Others    []explainedList // that have nothing to do with the person
	History   []explainedEvent
	Questions []explainedQuestion
	Before    []personRow
	Do        string // where the buttons lead
	MayBack   bool
}

type explainedList struct {
	report.ListShown
	ShownAt moment
	MayBack bool
	Path    string
}

type explainedEvent struct {
	report.EventShown
	At       moment
	ListName string
}

type explainedQuestion struct {
	report.QuestionShown
	AskedAt, ExpiresAt, DecidedAt moment
	ListName, Path                string
}

func (c *Console) explained(q *request, x *report.Explanation) explained {
	e := explained{Explanation: x, ReadAt: q.momentOf(x.Contact.ReadAt)}
	names := map[mapper.ListKey]string{}
	connected, _ := x.Connected()
	for _, l := range x.Lists {
		names[l.List] = l.Name
		row := explainedList{ListShown: l, ShownAt: q.momentOf(l.ShownAt), MayBack: c.Office.MayAllowBack(l.Reason), Path: q.to("groups", string(l.List))}
		e.MayBack = e.MayBack || row.MayBack
		near := false
		for _, one := range connected {
			near = near || one.List == l.List
		}
		if near {
			e.Lists = append(e.Lists, row)
		} else {
			e.Others = append(e.Others, row)
		}
	}
	name := func(key mapper.ListKey) string {
		if names[key] != "" {
			return names[key]
		}
		return listName(key)
	}
	for _, h := range x.History {
		e.History = append(e.History, explainedEvent{h, q.moment(h.At), name(h.List)})
	}
	for _, a := range x.Questions {
		e.Questions = append(e.Questions, explainedQuestion{
			a, q.moment(a.AskedAt), q.momentOf(a.ExpiresAt), q.momentOf(a.DecidedAt), name(a.List), q.to("approvals", strconv.FormatInt(a.Approval, 10)),
		})
	}
	for _, b := range x.Before {
		e.Before = append(e.Before, personRow{PersonLine: PersonLine{Address: b}, Path: c.personPath(q, b, "")})
	}
	if x.Address != "" {
		e.Do = c.personPath(q, x.Address, "")
	}
	return e
}

// Name is that of whoever has the address.
func (e explained) Name() string {
	for _, h := range e.Holders {
		if name := fullName(h.FirstName, h.LastName); name != "" {
			return name
		}
	}
	if e.Address != "" {
		return string(e.Address)
	}
	return "Somebody without an address"
}

func (c *Console) personByRep(q *request) error {
	all, err := c.Office.ExplainRep(q.Context(), q.association.ID, mapper.RepID(q.PathValue("rep")))
	if err != nil {
		return err
	}
	var p personPage
	for _, x := range all {
		p.All = append(p.All, c.explained(q, x))
	}
	return c.render(q, "person", "Person", p)
}

// addressOf opens the address in the path.
func (c *Console) addressOf(q *request) (mapper.Address, error) {
	text, err := c.sealer.open(q.association.ID, q.PathValue("token"))
	return mapper.Address(text), err
}

func (c *Console) personByAddress(q *request) error {
	address, err := c.addressOf(q)
	if err != nil {
		return err
	}
	x, err := c.Office.ExplainAddress(q.Context(), q.association.ID, address)
	if err != nil {
		return err
	}
	return c.render(q, "person", "Person", personPage{All: []explained{c.explained(q, x)}})
}

// personDo is what the buttons of a person do.
func (c *Console) personDo(q *request) error {
	address, err := c.addressOf(q)
	if err != nil {
		return err
	}
	var id int64
	switch q.PostFormValue("do") {
	case "look":
		id, err = c.Office.Look(q.Context(), q.association.ID, address, q.user.Name)
	case "retry":
		id, err = c.Office.Retry(q.Context(), q.association.ID, address, q.user.Name)
	case "allow_back":
		id, err = c.Office.AllowBack(q.Context(), q.association.ID, address, mapper.ListKey(q.PostFormValue("list")), q.user.Name)
	default:
		err = &Problem{Status: http.StatusBadRequest, What: "There is no such button.", Try: "Load the page again."}
	}
	if err != nil {
		return err
	}
	return q.redirect(q.to("requests", strconv.FormatInt(id, 10)), "")
}
