package console

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"strconv"

	"rollcall/internal/report"
	"rollcall/mapper"
)

// activityOffice knows what was done.
type activityOffice interface {
	// Runs are at most limit runs before a number, the newest first; 0 is behind
	// the last. They have totals, and no reasons.
	Runs(ctx context.Context, association string, before int64, limit int) ([]*report.Run, error)
	// Run is one run with its reasons and its calls.
	Run(ctx context.Context, association string, id int64) (*report.Run, []CallLine, error)
	// ListNames are what lists are called in Constant Contact.
	ListNames(ctx context.Context, association string) (map[mapper.ListKey]string, error)
	// Calls are the last calls to Constant Contact.
	Calls(ctx context.Context, association string, limit int) ([]CallLine, error)
	// RunPeople hands over what the calls of a run did to each person.
	RunPeople(ctx context.Context, association string, run int64, by string, each func(RunPerson) error) error
	// Reconcile asks for a full reconciliation.
	Reconcile(ctx context.Context, association, by string) (request int64, err error)
}

// RunPerson is what a call of a run did to a person.
type RunPerson struct {
	Call    int64
	Address mapper.Address
	List    mapper.ListKey
	Op      string
	Reason  mapper.Reason
	Rep     mapper.RepID
	State   string
	Outcome string
}

// runRow is a run as it is shown.
type runRow struct {
	*report.Run
	StartedAt, EndedAt moment
	Path               string
	Took               string
	Scope              string // what the run was about
}

func (q *request) run(r *report.Run, names map[mapper.ListKey]string) runRow {
	scope := many(len(r.Lists), "list", "lists")
	switch len(r.Lists) {
	case 0:
		scope = "all lists"
	case 1:
		scope = cmp.Or(names[r.Lists[0]], listName(r.Lists[0]))
	}
	return runRow{r, q.moment(r.StartedAt), q.momentOf(r.EndedAt), q.to("activity", strconv.FormatInt(r.ID, 10)), seconds(r.Seconds), scope}
}

// Title is the words for a run's kind.
func (r runRow) Title() string {
	switch r.Kind {
	case "nightly":
		return "Nightly run"
	case "sync_now":
		return "Sync now"
	case "reconcile":
		return "Full reconciliation"
	case "first_look":
		return "First look at a list that existed"
	}
	return string(r.Kind)
}

const (
	// runsOnPage is how many runs a page shows.
	runsOnPage = 25
	// latestCalls is how many calls the page shows.
	latestCalls = 15
)

type activityPage struct {
	Runs      []runRow
	Next      string
	Back      bool
	Calls     []callRow
	Path      string // of the part that is loaded again
	Reconcile string
	Working   bool
}

// activity shows runs and the last calls; htmx loads the calls again.
func (c *Console) activity(q *request) error {
	p := activityPage{Path: q.to("activity"), Reconcile: q.to("reconcile")}
	calls, err := c.Office.Calls(q.Context(), q.association.ID, latestCalls)
	if err != nil {
		return err
	}
	p.Calls = q.calls(calls)
	for _, call := range calls {
		p.Working = p.Working || call.Open()
	}
	if q.partial() {
		return c.renderPart(q, "activity", "latest", p)
	}
	before, _ := strconv.ParseInt(q.FormValue("before"), 10, 64) // none: from the last
	runs, err := c.Office.Runs(q.Context(), q.association.ID, before, runsOnPage+1)
	if err != nil {
		return err
	}
	if len(runs) > runsOnPage {
		runs = runs[:runsOnPage]
		p.Next = p.Path + "?before=" + strconv.FormatInt(runs[runsOnPage-1].ID, 10)
	}
	p.Back = before > 0
	names, err := c.Office.ListNames(q.Context(), q.association.ID)
	if err != nil {
		return err
	}
	for _, r := range runs {
		p.Runs = append(p.Runs, q.run(r, names))
	}
	return c.render(q, "activity", "Activity", p)
}

type runPage struct {
	runRow
	Calls []callRow
	CSV   string
}

func (c *Console) showRun(q *request) error {
	id, err := numberIn(q, "id")
	if err != nil {
		return err
	}
	r, calls, err := c.Office.Run(q.Context(), q.association.ID, id)
	if err != nil {
		return err
	}
	names, err := c.Office.ListNames(q.Context(), q.association.ID)
	if err != nil {
		return err
	}
	return c.render(q, "run", "Run "+strconv.FormatInt(id, 10), runPage{q.run(r, names), q.calls(calls), q.to("activity", strconv.FormatInt(id, 10), "people.csv")})
}

// runCSV hands over what a run did to whom.
func (c *Console) runCSV(q *request) error {
	id, err := numberIn(q, "id")
	if err != nil {
		return err
	}
	if _, _, err := c.Office.Run(q.Context(), q.association.ID, id); err != nil {
		return err
	}
	q.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	q.w.Header().Set("Content-Disposition", `attachment; filename="run-`+strconv.FormatInt(id, 10)+`.csv"`)
	err = writeRunCSV(q.w, func(each func(RunPerson) error) error {
		return c.Office.RunPeople(q.Context(), q.association.ID, id, q.user.Name, each)
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		c.Log.Error("an export failed", "association", q.association.ID, "run", id, "err", err)
		panic(http.ErrAbortHandler) // only that says that the file is not whole
	}
	return nil
}

func writeRunCSV(to io.Writer, people func(func(RunPerson) error) error) error {
	w := csv.NewWriter(to)
	if err := w.Write([]string{"call", "email", "rep", "list", "operation", "outcome", "reason", "explanation"}); err != nil {
		return err
	}
	err := people(func(p RunPerson) error {
		outcome := p.Outcome
		if outcome == "" {
			outcome = p.State
		}
		return w.Write(report.Neutral([]string{
			strconv.FormatInt(p.Call, 10), string(p.Address), string(p.Rep), string(p.List), p.Op, outcome, string(p.Reason), p.Reason.Text(),
		}))
	})
	w.Flush()
	return errors.Join(err, w.Error())
}

// reconcile asks for a full reconciliation.
func (c *Console) reconcile(q *request) error {
	id, err := c.Office.Reconcile(q.Context(), q.association.ID, q.user.Name)
	if err != nil {
		return err
	}
	return q.redirect(q.to("requests", strconv.FormatInt(id, 10)), "")
}
