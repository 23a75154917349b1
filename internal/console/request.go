package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// request is one request with who asks and what about.
type request struct {
	*http.Request
	w            http.ResponseWriter
	user         User
	associations []Association // that the user may see
	association  Association   // that the request is about; empty for none
	zone         *time.Location
	now          time.Time
}

// maxFormBytes bounds what a form may send: many ticks, and short texts.
const maxFormBytes = 1 << 20

func (c *Console) request(w http.ResponseWriter, r *http.Request) *request {
	q := &request{Request: r, w: w, user: c.Guard.User(r.Context()), zone: time.UTC, now: c.Now()}
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	return q
}

// link is the path of a page about an association.
func link(association string, parts ...string) string {
	path := "/a/" + url.PathEscape(association) + "/"
	for i, p := range parts {
		if i > 0 {
			path += "/"
		}
		path += url.PathEscape(p)
	}
	return path
}

// to is the path of a page about the association of the request.
func (q *request) to(parts ...string) string { return link(q.association.ID, parts...) }

// redirect sends the browser on, so that loading the page again does nothing
// twice. said names a sentence of what was done, empty for none.
func (q *request) redirect(path, said string) error {
	if said != "" {
		path += "?said=" + url.QueryEscape(said)
	}
	http.Redirect(q.w, q.Request, path, http.StatusSeeOther)
	return nil
}

// sayings are what the page says after something was done.
var sayings = map[string]string{
	"recreated":    "The list is made again: found by its name, or created.",
	"switched_off": "The list is left alone until it is made again or bound to another.",
	"foreign":      "Saved. It counts from the next nightly run on.",
	"removed":      "They are taken off now.",
	"options":      "Saved. The change arrives through the stream like any other, within seconds.",
	"connected":    "The account is connected.",
	"disconnected": "The account is disconnected: nothing is sent any more, and everything stays queued.",
	"nothing":      "Nothing was changed.",
	"nobody":       "Enter an address, a rep id, or the beginning of a last name.",
	"approved":     "Approved. What was held is done now.",
	"rejected":     "Rejected. Nothing of it is done, and nobody is asked again until others come in addition.",
	"answered":     "Answered. What was approved is done now.",
	"ticked":       "Saved. The change arrives through the stream like any other, within seconds.",
}

// partial reports whether htmx asks for a part of the page.
func (q *request) partial() bool { return q.Header.Get("HX-Request") == "true" }

// Problem is what the console tells a person instead of a page. It holds no
// member data that the person did not send.
type Problem struct {
	Status int    // of HTTP
	What   string // a sentence
	Detail string // a sentence, or empty
	Try    string // a sentence, or empty
}

func (p *Problem) Error() string { return strings.TrimSuffix(p.What+" "+p.Detail, " ") }

// notFound answers for pages that there are not.
func (c *Console) notFound(w http.ResponseWriter, r *http.Request) {
	c.fail(c.request(w, r), errNoPage)
}

var errNoPage = &Problem{Status: http.StatusNotFound, What: "There is no such page.", Try: "Use the links at the top."}

// fail shows what went wrong. What nobody expected is logged, without the
// query and the form: they may name people.
func (c *Console) fail(q *request, err error) {
	p, expected := errors.AsType[*Problem](err)
	var tooLarge *http.MaxBytesError
	switch {
	case expected:
	case errors.As(err, &tooLarge):
		p = &Problem{Status: http.StatusRequestEntityTooLarge, What: "The form is too large.", Try: "Tick fewer at once."}
	case errors.Is(err, context.Canceled) && q.Context().Err() != nil:
		return // nobody waits for the answer
	default:
		c.Log.Error("a page failed", "method", q.Method, "pattern", q.Pattern, "err", err)
		p = &Problem{
			Status: http.StatusInternalServerError, What: "This did not work.",
			Detail: "A database may be out of reach. Nothing was changed by this page.", Try: "Load the page again; the log of rollcall has the cause.",
		}
	}
	if renderErr := c.renderProblem(q, p); renderErr != nil {
		c.Log.Error("a page failed", "method", q.Method, "pattern", q.Pattern, "err", renderErr)
		http.Error(q.w, p.Error(), p.Status)
	}
}
