package console

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"rollcall/internal/report"
	"rollcall/mapper"
)

// approvalsOffice knows the questions to people.
type approvalsOffice interface {
	// Questions are those that wait, the oldest first, or the last ones of all
	// kinds, the newest first.
	Questions(ctx context.Context, association string, waiting bool) ([]*report.Approval, error)
	Question(ctx context.Context, association string, id int64) (*report.Approval, error)
	// QuestionPeople are at most limit operations behind a place.
	QuestionPeople(ctx context.Context, association string, id int64, after string, limit int) ([]AskedPerson, error)
	// Answer approves or rejects a question; most bounds how many are approved, 0
	// for all.
	Answer(ctx context.Context, association string, id int64, approve bool, most int, by string) error
}

// AskedPerson is one operation of a question.
type AskedPerson struct {
	PersonLine
	Place    string // in the order of the question
	ListName string
	Ended    string // done, withdrawn, or empty
}

// questionRow is a question as it is shown.
type questionRow struct {
	*report.Approval
	AskedAt, ExpiresAt, DecidedAt moment
	Path                          string
}

// ListName is what the question is about.
func (r questionRow) ListName() string {
	if r.Name != "" {
		return r.Name
	}
	return listName(r.List)
}

// Splits reports whether a part of the question may be approved: not where the
// answer is about the database as a whole.
func (r questionRow) Splits() bool {
	return r.Kind != mapper.HoldSource && r.Kind != mapper.HoldWentBack && r.Remaining > 1
}

// Yes and No are what the answers mean.
func (r questionRow) Yes() string { yes, _ := r.means(); return yes }

// No is what rejecting means.
func (r questionRow) No() string { _, no := r.means(); return no }

func (r questionRow) means() (yes, no string) {
	yes, no, _ = strings.Cut(strings.TrimPrefix(r.Means, "Approve: "), " Reject: ")
	return yes, no
}

func (q *request) question(a *report.Approval) questionRow {
	return questionRow{a, q.moment(a.AskedAt), q.momentOf(a.ExpiresAt), q.momentOf(a.DecidedAt), q.to("approvals", strconv.FormatInt(a.ID, 10))}
}

// approvalsPage lists the questions.
type approvalsPage struct {
	Rows     []questionRow
	Adoption int // questions of the adoption page
	All      bool
}

func (c *Console) approvals(q *request) error {
	p := approvalsPage{All: q.FormValue("show") == "all"}
	all, err := c.Office.Questions(q.Context(), q.association.ID, !p.All)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Kind.Adoption() && a.State == "waiting" {
			p.Adoption++
			continue
		}
		p.Rows = append(p.Rows, q.question(a))
	}
	return c.render(q, "approvals", "Approvals", p)
}

// approvalPage shows one question with its people.
type approvalPage struct {
	questionRow
	Asked []askedRow
	Next  string
	Back  bool
}

type askedRow struct {
	AskedPerson
	Name, Path string
}

func (c *Console) approval(q *request) error {
	id, err := numberIn(q, "id")
	if err != nil {
		return err
	}
	a, err := c.Office.Question(q.Context(), q.association.ID, id)
	if err != nil {
		return err
	}
	after, err := c.sealer.open(q.association.ID, q.FormValue("after"))
	if err != nil {
		return err
	}
	people, err := c.Office.QuestionPeople(q.Context(), q.association.ID, id, after, pageSize+1)
	if err != nil {
		return err
	}
	p := approvalPage{questionRow: q.question(a), Back: after != ""}
	if len(people) > pageSize {
		people = people[:pageSize]
		p.Next = p.Path + "?after=" + c.sealer.seal(q.association.ID, people[pageSize-1].Place)
	}
	for _, one := range people {
		p.Asked = append(p.Asked, askedRow{one, fullName(one.FirstName, one.LastName), c.personPath(q, one.Address, one.Rep)})
	}
	return c.render(q, "approval", "Question "+strconv.FormatInt(id, 10), p)
}

// numberIn is a number of the path; what is none has no page.
func numberIn(q *request, name string) (int64, error) {
	id, err := strconv.ParseInt(q.PathValue(name), 10, 64)
	if err != nil {
		return 0, errNoPage
	}
	return id, nil
}

func (c *Console) answer(q *request) error {
	id, err := numberIn(q, "id")
	if err != nil {
		return err
	}
	approve, said, most := true, "approved", 0
	switch q.PostFormValue("answer") {
	case "approve":
	case "up_to":
		if most, err = strconv.Atoi(strings.TrimSpace(q.PostFormValue("most"))); err != nil || most < 1 {
			return &Problem{Status: http.StatusBadRequest, What: "Up to how many?", Detail: "The number has to be 1 or more.", Try: "Enter a number, or approve all."}
		}
	case "reject":
		approve, said = false, "rejected"
	default:
		return &Problem{Status: http.StatusBadRequest, What: "There is no such answer.", Try: "Load the page again."}
	}
	if err := c.Office.Answer(q.Context(), q.association.ID, id, approve, most, q.user.Name); err != nil {
		return err
	}
	return q.redirect(q.to("approvals"), said)
}

// adoptionPage asks about everything that the first looks at lists that existed
// before found.
type adoptionPage struct {
	Lists []adoptedList
	Save  string
}

type adoptedList struct {
	Name      string
	Questions []questionRow
}

func (c *Console) adoption(q *request) error {
	all, err := c.Office.Questions(q.Context(), q.association.ID, true)
	if err != nil {
		return err
	}
	p := adoptionPage{Save: q.to("adoption")}
	for _, a := range all {
		if !a.Kind.Adoption() {
			continue
		}
		row := q.question(a)
		i := slices.IndexFunc(p.Lists, func(l adoptedList) bool { return l.Questions[0].List == a.List })
		if i < 0 {
			i = len(p.Lists)
			p.Lists = append(p.Lists, adoptedList{Name: row.ListName()})
		}
		p.Lists[i].Questions = append(p.Lists[i].Questions, row)
	}
	slices.SortFunc(p.Lists, func(a, b adoptedList) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return c.render(q, "adoption", "Lists that existed before", p)
}

// adopt takes the answers of the page; what was left for later stays.
func (c *Console) adopt(q *request) error {
	if err := q.ParseForm(); err != nil {
		return err
	}
	answered := 0
	for name, values := range q.PostForm {
		id, err := strconv.ParseInt(strings.TrimPrefix(name, "question-"), 10, 64)
		if err != nil || len(values) != 1 || values[0] != "approve" && values[0] != "reject" {
			continue
		}
		a, err := c.Office.Question(q.Context(), q.association.ID, id)
		if err != nil {
			return err
		}
		if !a.Kind.Adoption() {
			continue
		}
		if err := c.Office.Answer(q.Context(), q.association.ID, id, values[0] == "approve", 0, q.user.Name); err != nil {
			return err
		}
		answered++
	}
	if answered == 0 {
		return q.redirect(q.to("adoption"), "nothing")
	}
	return q.redirect(q.to("adoption"), "answered")
}
