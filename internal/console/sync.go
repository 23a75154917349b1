package console

import (
	"context"
	"crypto/rand"
	"net/http"
	"strconv"
	"sync"
	"time"

	"rollcall/internal/report"
	"rollcall/internal/store"
	"rollcall/mapper"
)

// progressOffice knows how far something is that was asked for.
type progressOffice interface {
	Progress(ctx context.Context, association string, request int64) (Progress, error)
}

// Progress is how far something is that was asked for.
type Progress struct {
	State  string // pending, running, done or refused
	Answer store.Answer
	Run    *report.Run // that works on it; nil before
	Calls  []CallLine  // of the run
	Left   int         // people of the run who are not done; at most store.BacklogCeiling
}

// CallLine is one call to Constant Contact.
type CallLine struct {
	ID       int64
	Kind     string // import, add, remove or move
	Lists    []string
	People   int
	State    string // intended, sent, unknown, ended or rejected
	Activity string // Constant Contact's id
	Outcome  string
	At       time.Time
	EndedAt  *time.Time
	Counters map[string]int
}

// previews keeps what people were shown until they press the button: the set
// shown is the ceiling of what is approved.
type previews struct {
	mu  sync.Mutex
	all map[string]shownPreview
}

type shownPreview struct {
	association string
	user        string
	list        mapper.ListKey
	preview     *report.Preview  // of Sync now
	leftover    *report.Leftover // or of removing who is left behind
	until       time.Time
}

const (
	// previewLife is how long a preview may be looked at.
	previewLife = 15 * time.Minute
	// maxPreviews bounds the memory that looking takes.
	maxPreviews = 200
)

func (p *previews) keep(s shownPreview, now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	oldest := ""
	for token, other := range p.all {
		if !other.until.After(now) {
			delete(p.all, token)
		} else if oldest == "" || other.until.Before(p.all[oldest].until) {
			oldest = token
		}
	}
	if len(p.all) >= maxPreviews {
		delete(p.all, oldest)
	}
	token := rand.Text()
	s.until = now.Add(previewLife)
	p.all[token] = s
	return token
}

// take returns a preview once.
func (p *previews) take(token, association, user string, now time.Time) (shownPreview, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.all[token]
	if !ok || s.association != association || s.user != user || !s.until.After(now) {
		return shownPreview{}, false
	}
	delete(p.all, token)
	return s, true
}

// syncPage shows what syncing a group now would do.
type syncPage struct {
	List    listRow
	Preview *report.Preview
	Rows    []personRow
	Token   string
	Save    string
}

// previewSync shows the names before a group is synced.
func (c *Console) previewSync(q *request) error {
	_, l, err := c.findList(q)
	if err != nil {
		return err
	}
	if l.Kind != mapper.ListGroup {
		return &Problem{Status: http.StatusNotFound, What: "Only groups can be synced now.", Detail: "This list is made exact every night.", Try: "Wait for the night, or ask an operator for a full reconciliation."}
	}
	preview, err := c.Office.PreviewSync(q.Context(), q.association.ID, l.Group)
	if err != nil {
		return err
	}
	p := syncPage{List: q.listRow(l), Preview: preview, Save: q.to("groups", string(l.Key), "sync")}
	for _, r := range preview.Removals {
		p.Rows = append(p.Rows, personRow{
			PersonLine: PersonLine{Address: r.Address, Rep: r.Rep, FirstName: r.FirstName, LastName: r.LastName, Reason: r.Reason},
			Name:       fullName(r.FirstName, r.LastName), Path: c.personPath(q, r.Address, r.Rep),
		})
	}
	p.Token = c.previews.keep(shownPreview{association: q.association.ID, user: q.user.Name, list: l.Key, preview: preview}, q.now)
	return c.render(q, "sync", "Sync now: "+l.Name, p)
}

var errOldPreview = &Problem{
	Status: http.StatusConflict, What: "What you were shown is too old, or was used already.", Detail: "Nothing was done.",
	Try: "Go to the list again, and look at the names.",
}

// syncNow asks for what was shown.
func (c *Console) syncNow(q *request) error {
	shown, ok := c.previews.take(q.PostFormValue("preview"), q.association.ID, q.user.Name, q.now)
	if !ok || shown.preview == nil || string(shown.list) != q.PathValue("list") {
		return errOldPreview
	}
	id, err := c.Office.ApproveSync(q.Context(), q.association.ID, shown.preview, q.user.Name)
	if err != nil {
		return err
	}
	return q.redirect(q.to("requests", strconv.FormatInt(id, 10)), "")
}

// progressPage is how far a request is.
type progressPage struct {
	Progress
	ID      int64
	Path    string // of the part that is loaded again
	Ended   bool
	Started moment
	Calls   []callRow
	RunPath string
	Working bool // Constant Contact is working on a call
}

// callRow is a CallLine as it is shown.
type callRow struct {
	CallLine
	At, EndedAt moment
}

func (q *request) calls(calls []CallLine) []callRow {
	rows := make([]callRow, len(calls))
	for i, call := range calls {
		rows[i] = callRow{call, q.moment(call.At), q.momentOf(call.EndedAt)}
	}
	return rows
}

// Open reports whether the call has not ended.
func (c CallLine) Open() bool {
	return c.State == "intended" || c.State == "sent" || c.State == "unknown"
}

// progress shows how far something is that was asked for; htmx loads the part
// again until it has ended.
func (c *Console) progress(q *request) error {
	id, err := strconv.ParseInt(q.PathValue("id"), 10, 64)
	if err != nil {
		return errNoPage
	}
	found, err := c.Office.Progress(q.Context(), q.association.ID, id)
	if err != nil {
		return err
	}
	p := progressPage{
		Progress: found, ID: id, Path: q.to("requests", q.PathValue("id")), Calls: q.calls(found.Calls), Ended: found.State == "done" || found.State == "refused",
	}
	for _, call := range found.Calls {
		p.Working = p.Working || call.Open()
	}
	if found.Run != nil {
		p.Started = q.moment(found.Run.StartedAt)
		p.RunPath = q.to("activity", strconv.FormatInt(found.Run.ID, 10))
	}
	if q.partial() {
		return c.renderPart(q, "progress", "progress", p)
	}
	return c.render(q, "progress", "Progress", p)
}
