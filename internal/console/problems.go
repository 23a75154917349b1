package console

import (
	"context"
	"time"

	"rollcall/mapper"
)

// problemsOffice knows what keeps people off the lists.
type problemsOffice interface {
	// Reasons are how many people each reason keeps off any list, and when that was
	// counted.
	Reasons(ctx context.Context, association string) ([]ReasonCount, *time.Time, error)
	// HeldFor are, in order, at most limit people behind after whom a reason keeps
	// off.
	HeldFor(ctx context.Context, association string, reason mapper.Reason, after string, limit int) ([]PersonLine, error)
}

// reasonGroup is reasons of one kind.
type reasonGroup struct {
	Title, Means string
	Rows         []reasonRow
}

type reasonRow struct {
	ReasonCount
	Path string
}

// groupsOfReasons are the kinds of reasons in the order of the page. What is of
// no other kind is of the last.
var groupsOfReasons = []struct {
	title, means string
	reasons      []mapper.Reason
}{
	{"To be mended in the database", "Somebody corrects the row, and the person is added by itself.", []mapper.Reason{
		mapper.ReasonNoEmail, mapper.ReasonInvalidEmail, mapper.ReasonEmailTooLong, mapper.ReasonSourceUnreadable,
	}},
	{"Said by Constant Contact", "Rollcall puts nobody back who left. An operator may allow some of them back, one by one.", []mapper.Reason{
		mapper.ReasonUnsubscribed, mapper.ReasonDeleted, mapper.ReasonOnHold, mapper.ReasonAwaitingConfirmation, mapper.ReasonNoPermission,
		mapper.ReasonAddressChanged, mapper.ReasonLeftList, mapper.ReasonRefused, mapper.ReasonPreviousUnsubscribed, mapper.ReasonPreviousDeleted,
		mapper.ReasonPreviousOnHold, mapper.ReasonPreviousLeftList, mapper.ReasonTooManyLists,
	}},
	{"As the rules want it", "Nothing is to be done about these.", nil},
}

type problemsPage struct {
	Groups    []reasonGroup
	CountedAt moment
	Mend      int // people of all groups but the last
}

func (c *Console) problems(q *request) error {
	reasons, at, err := c.Office.Reasons(q.Context(), q.association.ID)
	if err != nil {
		return err
	}
	p := problemsPage{CountedAt: q.momentOf(at)}
	last := len(groupsOfReasons) - 1
	for _, g := range groupsOfReasons {
		p.Groups = append(p.Groups, reasonGroup{Title: g.title, Means: g.means})
	}
	for _, r := range reasons {
		at := last
		for i, g := range groupsOfReasons {
			for _, of := range g.reasons {
				if of == r.Reason {
					at = i
				}
			}
		}
		p.Groups[at].Rows = append(p.Groups[at].Rows, reasonRow{r, q.to("problems", string(r.Reason))})
		if at != last {
			p.Mend += r.N
		}
	}
	return c.render(q, "problems", "Problems", p)
}

type reasonPage struct {
	Reason    mapper.Reason
	Change    string
	CountedAt moment
	People    peopleTable
}

func (c *Console) problem(q *request) error {
	reason := mapper.Reason(q.PathValue("reason"))
	if reason.Text() == "" {
		return errNoPage
	}
	after, err := c.sealer.open(q.association.ID, q.FormValue("after"))
	if err != nil {
		return err
	}
	people, err := c.Office.HeldFor(q.Context(), q.association.ID, reason, after, pageSize+1)
	if err != nil {
		return err
	}
	_, at, err := c.Office.Reasons(q.Context(), q.association.ID)
	if err != nil {
		return err
	}
	return c.render(q, "reason", "Problem", reasonPage{
		Reason: reason, Change: reason.Change(), CountedAt: q.momentOf(at), People: c.table(q, people, q.to("problems", string(reason))+"?", after != ""),
	})
}
