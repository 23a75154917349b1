package console

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rollcall/internal/report"
	"rollcall/mapper"
)

// answersOffice does what an operator decides about one list.
type answersOffice interface {
	// ListAnswers says which decisions there are to make about a list.
	ListAnswers(ctx context.Context, association string, list mapper.ListKey) (ListAnswers, error)
	// RecreateList has it made again, and SwitchOffList leaves it alone.
	RecreateList(ctx context.Context, association string, list mapper.ListKey, by string) error
	SwitchOffList(ctx context.Context, association string, list mapper.ListKey, by string) error
	// BindList binds it to a list of the account, by id or name.
	BindList(ctx context.Context, association string, list mapper.ListKey, to, by string) (request int64, err error)
	// SetForeign chooses whether people whom no row ever put there stay on it.
	SetForeign(ctx context.Context, association string, list mapper.ListKey, keep bool, by string) error
	// Leftover are those who may be taken off a list by one act, with names.
	Leftover(ctx context.Context, association string, list mapper.ListKey) (*report.Leftover, error)
	// RemoveLeftover takes exactly these off.
	RemoveLeftover(ctx context.Context, association string, list mapper.ListKey, l *report.Leftover, by string) error
}

// ListAnswers are the decisions there are to make about a list.
type ListAnswers struct {
	Recreate, SwitchOff, Bind bool
	Foreign                   bool // whether foreign people stay is to be chosen
	KeepForeign               bool
	Existed                   bool // it was there before us
	Leftover                  bool // people may be left behind on it
}

// answerList takes a decision about a list.
func (c *Console) answerList(q *request) error {
	_, l, err := c.findList(q)
	if err != nil {
		return err
	}
	ctx, id, by := q.Context(), q.association.ID, q.user.Name
	said := ""
	switch q.PostFormValue("do") {
	case "recreate":
		said, err = "recreated", c.Office.RecreateList(ctx, id, l.Key, by)
	case "switch_off":
		said, err = "switched_off", c.Office.SwitchOffList(ctx, id, l.Key, by)
	case "foreign_keep", "foreign_remove":
		said, err = "foreign", c.Office.SetForeign(ctx, id, l.Key, q.PostFormValue("do") == "foreign_keep", by)
	case "bind":
		request, err := c.Office.BindList(ctx, id, l.Key, strings.TrimSpace(q.PostFormValue("to")), by)
		if err != nil {
			return err
		}
		return q.redirect(q.to("requests", strconv.FormatInt(request, 10)), "")
	default:
		err = &Problem{Status: http.StatusBadRequest, What: "There is no such button.", Try: "Load the page again."}
	}
	if err != nil {
		return err
	}
	return q.redirect(q.to("groups", string(l.Key)), said)
}

// leftoverPage shows who is left behind on a list.
type leftoverPage struct {
	List     listRow
	Rows     []personRow
	Adoption int
	Token    string
	Save     string
}

func (c *Console) leftover(q *request) error {
	_, l, err := c.findList(q)
	if err != nil {
		return err
	}
	found, err := c.Office.Leftover(q.Context(), q.association.ID, l.Key)
	if err != nil {
		return err
	}
	p := leftoverPage{List: q.listRow(l), Adoption: found.Adoption, Save: q.to("groups", string(l.Key), "leftover")}
	for _, r := range found.People {
		p.Rows = append(p.Rows, personRow{
			PersonLine: PersonLine{Address: r.Address, Rep: r.Rep, FirstName: r.FirstName, LastName: r.LastName, Reason: r.Reason},
			Name:       fullName(r.FirstName, r.LastName), Path: c.personPath(q, r.Address, r.Rep),
		})
	}
	p.Token = c.previews.keep(shownPreview{association: q.association.ID, user: q.user.Name, list: l.Key, leftover: found}, q.now)
	return c.render(q, "leftover", "Left behind on "+l.Name, p)
}

// removeLeftover takes off exactly those who were shown.
func (c *Console) removeLeftover(q *request) error {
	shown, ok := c.previews.take(q.PostFormValue("preview"), q.association.ID, q.user.Name, q.now)
	list := mapper.ListKey(q.PathValue("list"))
	if !ok || shown.leftover == nil || shown.list != list {
		return errOldPreview
	}
	if err := c.Office.RemoveLeftover(q.Context(), q.association.ID, list, shown.leftover, q.user.Name); err != nil {
		return err
	}
	return q.redirect(q.to("groups", string(list)), "removed")
}

// auditOffice knows who did what.
type auditOffice interface {
	// Audit are at most limit acts before a number, the newest first; 0 is behind
	// the last.
	Audit(ctx context.Context, association string, before int64, limit int) ([]Act, error)
}

// Act is one thing that an operator did.
type Act struct {
	ID       int64
	At       time.Time
	Who      string
	What     string // a word
	Subjects []string
	Detail   string
}

// actsOnPage is how many acts a page shows.
const actsOnPage = 50

type auditPage struct {
	Rows []actRow
	Next string
	Back bool
	Path string
}

type actRow struct {
	Act
	At moment
}

// Title is the word for people.
func (a actRow) Title() string {
	if title, ok := acts[a.What]; ok {
		return title
	}
	return strings.ReplaceAll(a.What, "_", " ")
}

// acts are the words of the audit log for people, where they say too little.
var acts = map[string]string{
	"sync_now": "Sync now", "allow_back": "allowed back", "look": "checked somebody", "retry": "tried an address again", "tick_groups": "ticked groups",
	"set_options": "changed options", "list_remove_left": "removed who was left behind", "list_foreign": "chose about foreign people",
	"list_recreate": "had a list made again", "list_switch_off": "switched a list off", "list_bind": "bound a list", "connect": "connected the account",
	"disconnect": "disconnected the account", "adopt_account": "adopted another account", "approve": "approved", "reject": "rejected",
	"reconcile": "asked for a full reconciliation", "export": "exported people",
}

func (c *Console) audit(q *request) error {
	before, _ := strconv.ParseInt(q.FormValue("before"), 10, 64) // none: from the last
	found, err := c.Office.Audit(q.Context(), q.association.ID, before, actsOnPage+1)
	if err != nil {
		return err
	}
	p := auditPage{Path: q.to("audit"), Back: before > 0}
	if len(found) > actsOnPage {
		found = found[:actsOnPage]
		p.Next = p.Path + "?before=" + strconv.FormatInt(found[actsOnPage-1].ID, 10)
	}
	for _, a := range found {
		p.Rows = append(p.Rows, actRow{a, q.moment(a.At)})
	}
	return c.render(q, "audit", "Audit log", p)
}
