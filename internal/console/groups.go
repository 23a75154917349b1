package console

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"rollcall/internal/report"
	"rollcall/internal/tally"
	"rollcall/mapper"
)

// groupsOffice knows the lists and what may be done with them.
type groupsOffice interface {
	// Lists are all lists of the association, and what it chose.
	Lists(ctx context.Context, association string) (Lists, error)
	// ListPeople are, in order, at most limit people behind after who count for a
	// number of a list.
	ListPeople(ctx context.Context, association string, list mapper.ListKey, what string, reason mapper.Reason, after string, limit int) ([]PersonLine, error)
	// PreviewTicks says what ticking groups would do.
	PreviewTicks(ctx context.Context, association string, groups []mapper.GroupID) ([]TickPreview, error)
	// SetTicks ticks and unticks groups in the member database.
	SetTicks(ctx context.Context, association string, tick, untick []mapper.GroupID, by string) error
	// PreviewSync says what syncing a group now would do, with names.
	PreviewSync(ctx context.Context, association string, group mapper.GroupID) (*report.Preview, error)
	// ApproveSync asks for that, with the removals of the preview as the ceiling.
	ApproveSync(ctx context.Context, association string, p *report.Preview, by string) (request int64, err error)
	// Export writes a list's people, or those left out, as CSV.
	Export(ctx context.Context, association string, list mapper.ListKey, by string, people, leftOut io.Writer) error
}

// Lists are an association's lists.
type Lists struct {
	Options   mapper.Options
	CanTick   bool       // the member database lets the console tick groups
	CountedAt *time.Time // nil: not counted yet
	Groups    []ListLine // by name
	Others    []ListLine // all-active and types
}

// ListLine is one list.
type ListLine struct {
	Key       mapper.ListKey
	Kind      mapper.ListKind
	Group     mapper.GroupID // of a group's list
	Name      string         // in the database
	ListName  string         // in Constant Contact; empty: it has none yet
	Ticked    bool           // the group's tick, or the option
	Enabled   bool           // ticked, and the option is on: it is kept in step
	State     ListState
	Why       string // a sentence that explains the state; may be empty
	Counts    Counts
	ChangedAt *time.Time // the last time that somebody was put on or taken off
	Notices   []string
}

// ListState is how a list is.
type ListState string

// The states of a list.
const (
	ListOff       ListState = "off"
	ListInSync    ListState = "in sync"
	ListSyncing   ListState = "syncing"
	ListHeld      ListState = "held for review"
	ListAttention ListState = "needs attention"
	ListMissing   ListState = "missing"
	ListRetired   ListState = "retired"
	ListNew       ListState = "new"
)

// Look is how the state is coloured.
func (s ListState) Look() string {
	switch s {
	case ListInSync:
		return "good"
	case ListHeld, ListSyncing, ListNew:
		return "warn"
	case ListAttention, ListMissing:
		return "bad"
	}
	return ""
}

// Counts are the numbers of one list; see package tally.
type Counts struct {
	InDatabase, Expected, ExpectedOn, HeldBack, OnList, Foreign, LeftBehind, Pending int

	Held []ReasonCount // by reason, in order of precedence
}

// ReasonCount is how many people a reason keeps off.
type ReasonCount struct {
	Reason mapper.Reason
	N      int
}

// TickPreview is what ticking a group would do.
type TickPreview struct {
	Group  mapper.GroupID
	Name   string
	Adds   []PersonLine // the first of those who would be added
	AddsN  int
	Held   []ReasonCount
	Exists bool // it has a list already
}

// groupsPage is the page of all groups.
type groupsPage struct {
	Lists
	Show, Name      string
	SetN, UnsetN    int
	CountedAt       moment
	Lines           []listRow
	OtherRows       []listRow
	GroupsOff       bool
	NoGroupsAtAll   bool
	TickPath, Clear string
}

// listRow is a ListLine as it is shown.
type listRow struct {
	ListLine
	Path      string
	ChangedAt moment
	SyncPath  string
}

func (q *request) listRow(l ListLine) listRow {
	r := listRow{ListLine: l, Path: q.to("groups", string(l.Key)), ChangedAt: q.momentOf(l.ChangedAt)}
	if l.Enabled && l.Kind == mapper.ListGroup {
		r.SyncPath = q.to("groups", string(l.Key), "sync")
	}
	return r
}

// groups shows the groups. It opens with those that are set to sync.
func (c *Console) groups(q *request) error {
	lists, err := c.Office.Lists(q.Context(), q.association.ID)
	if err != nil {
		return err
	}
	p := groupsPage{
		Lists: lists, Show: cmp.Or(q.FormValue("show"), "set"), Name: strings.TrimSpace(q.FormValue("name")), CountedAt: q.momentOf(lists.CountedAt),
		GroupsOff: !lists.Options.SyncGroups, NoGroupsAtAll: len(lists.Groups) == 0, TickPath: q.to("groups", "ticks"), Clear: q.to("groups"),
	}
	for _, l := range lists.Groups {
		if l.Ticked {
			p.SetN++
		} else {
			p.UnsetN++
		}
		shown := p.Show == "all" || l.Ticked == (p.Show == "set")
		if shown && strings.Contains(strings.ToLower(l.Name), strings.ToLower(p.Name)) {
			p.Lines = append(p.Lines, q.listRow(l))
		}
	}
	for _, l := range lists.Others {
		p.OtherRows = append(p.OtherRows, q.listRow(l))
	}
	return c.render(q, "groups", "Groups", p)
}

// ticks takes the ticks of the page: what was shown, what was ticked then, and
// what is ticked now. New ticks are shown with names before they are saved.
func (c *Console) ticks(q *request) error {
	if err := q.ParseForm(); err != nil {
		return err
	}
	was, now := ids(q.PostForm["was"]), ids(q.PostForm["tick"])
	var tick, untick []mapper.GroupID
	for _, id := range ids(q.PostForm["shown"]) {
		switch before, after := slices.Contains(was, id), slices.Contains(now, id); {
		case after && !before:
			tick = append(tick, id)
		case before && !after:
			untick = append(untick, id)
		}
	}
	if len(tick)+len(untick) == 0 {
		return q.redirect(q.to("groups"), "nothing")
	}
	if len(tick) == 0 || q.PostForm.Get("seen") == "yes" {
		if err := c.Office.SetTicks(q.Context(), q.association.ID, tick, untick, q.user.Name); err != nil {
			return err
		}
		return q.redirect(q.to("groups"), "ticked")
	}
	previews, err := c.Office.PreviewTicks(q.Context(), q.association.ID, tick)
	if err != nil {
		return err
	}
	p := ticksPage{Untick: untick, Save: q.to("groups", "ticks"), Back: q.to("groups")}
	for _, t := range previews {
		p.Tick = append(p.Tick, tickRow{t, c.rows(q, t.Adds), t.AddsN - len(t.Adds)})
	}
	return c.render(q, "ticks", "Groups to be ticked", p)
}

// ticksPage shows who would be added before groups are ticked.
type ticksPage struct {
	Tick       []tickRow
	Untick     []mapper.GroupID
	Save, Back string
}

type tickRow struct {
	TickPreview
	Rows []personRow
	More int
}

func ids(texts []string) []mapper.GroupID {
	all := make([]mapper.GroupID, len(texts))
	for i, t := range texts {
		all[i] = mapper.GroupID(t)
	}
	return all
}

// listPage is the page of one list.
type listPage struct {
	listRow
	CountedAt moment
	CanTick   bool
	Numbers   []numberRow
	Reasons   []numberRow
	Export    string
	LeftOut   string
	TickPath  string
	Answers   ListAnswers
	Leftover  string
}

// numberRow is a number that opens its people.
type numberRow struct {
	What, Means string
	N           int
	Path        string
}

// numbers are the numbers of a list in the order of the page.
var numbers = []struct{ what, title, means string }{
	{tally.InDatabase, "In the database", "connected with the list by a row"},
	{tally.Expected, "Expected", "belong on the list"},
	{tally.OnList, "On the list", "in Constant Contact, as far as is known"},
	{tally.Pending, "Pending", "still to be added or taken off"},
	{tally.Foreign, "Not ours", "on the list, and never put there by the database"},
	{tally.LeftBehind, "Left behind", "on the list, and gone from the database"},
}

func (c Counts) of(what string) int {
	switch what {
	case tally.InDatabase:
		return c.InDatabase
	case tally.Expected:
		return c.Expected
	case tally.OnList:
		return c.OnList
	case tally.Pending:
		return c.Pending
	case tally.Foreign:
		return c.Foreign
	case tally.LeftBehind:
		return c.LeftBehind
	}
	return c.HeldBack
}

// findList finds the list of the request.
func (c *Console) findList(q *request) (Lists, ListLine, error) {
	lists, err := c.Office.Lists(q.Context(), q.association.ID)
	if err != nil {
		return lists, ListLine{}, err
	}
	for _, l := range slices.Concat(lists.Groups, lists.Others) {
		if string(l.Key) == q.PathValue("list") {
			return lists, l, nil
		}
	}
	return lists, ListLine{}, &Problem{Status: http.StatusNotFound, What: "There is no such list.", Try: "Choose one on the page Groups."}
}

func (c *Console) list(q *request) error {
	lists, l, err := c.findList(q)
	if err != nil {
		return err
	}
	answers, err := c.Office.ListAnswers(q.Context(), q.association.ID, l.Key)
	if err != nil {
		return err
	}
	p := listPage{
		Answers: answers, Leftover: q.to("groups", string(l.Key), "leftover"), listRow: q.listRow(l), CountedAt: q.momentOf(lists.CountedAt), CanTick: lists.CanTick,
		Export: q.to("groups", string(l.Key), "export.csv"), LeftOut: q.to("groups", string(l.Key), "left-out.csv"), TickPath: q.to("groups", "ticks"),
	}
	for _, n := range numbers {
		p.Numbers = append(p.Numbers, numberRow{n.title, n.means, l.Counts.of(n.what), q.to("groups", string(l.Key), "people", n.what)})
	}
	for _, r := range l.Counts.Held {
		p.Reasons = append(p.Reasons, numberRow{
			string(r.Reason), reasonText(r.Reason), r.N, q.to("groups", string(l.Key), "people", tally.Held) + "?reason=" + string(r.Reason),
		})
	}
	return c.render(q, "list", l.Name, p)
}

// numberPage shows the people behind a number.
type numberPage struct {
	List         listRow
	Title, Means string
	Reason       mapper.Reason
	Change       string // what would change it
	CountedAt    moment
	People       peopleTable
}

func (c *Console) listPeople(q *request) error {
	lists, l, err := c.findList(q)
	if err != nil {
		return err
	}
	what, reason := q.PathValue("what"), mapper.Reason(q.FormValue("reason"))
	p := numberPage{List: q.listRow(l), Reason: reason, CountedAt: q.momentOf(lists.CountedAt), Change: reason.Change()}
	for _, n := range numbers {
		if n.what == what {
			p.Title, p.Means = n.title, n.means
		}
	}
	if what == "to_add" {
		p.Title, p.Means = "To be added", "belong on the list, and are not on it"
	}
	if what == tally.Held {
		p.Title, p.Means = "Held back", reasonText(reason)
	}
	if p.Title == "" {
		return errNoPage
	}
	after, err := c.sealer.open(q.association.ID, q.FormValue("after"))
	if err != nil {
		return err
	}
	people, err := c.Office.ListPeople(q.Context(), q.association.ID, l.Key, what, reason, after, pageSize+1)
	if err != nil {
		return err
	}
	path := q.to("groups", string(l.Key), "people", what) + "?reason=" + string(reason)
	p.People = c.table(q, people, path, after != "")
	return c.render(q, "number", p.Title+", "+l.Name, p)
}

// table is one page of people, of whom one more than that was read.
func (c *Console) table(q *request, people []PersonLine, path string, back bool) peopleTable {
	t := peopleTable{Back: back}
	if len(people) > pageSize {
		people = people[:pageSize]
		t.Next = path + "&after=" + c.sealer.seal(q.association.ID, people[pageSize-1].Who)
	}
	t.Rows = c.rows(q, people)
	return t
}

// export hands over the list as a file.
func (c *Console) export(q *request) error { return c.exportFile(q, false) }

// leftOut hands over who is left out of the list, and why.
func (c *Console) leftOut(q *request) error { return c.exportFile(q, true) }

func (c *Console) exportFile(q *request, leftOut bool) error {
	_, l, err := c.findList(q)
	if err != nil {
		return err
	}
	q.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	q.w.Header().Set("Content-Disposition", `attachment; filename="list.csv"`)
	people, others := io.Writer(q.w), io.Writer(nil)
	if leftOut {
		q.w.Header().Set("Content-Disposition", `attachment; filename="list.left-out.csv"`)
		people, others = io.Discard, q.w
	}
	if err := c.Office.Export(q.Context(), q.association.ID, l.Key, q.user.Name, people, others); err != nil {
		// The file may be half there: only cutting the connection says so.
		c.Log.Error("an export failed", "association", q.association.ID, "list", string(l.Key), "err", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}
