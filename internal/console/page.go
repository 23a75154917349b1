package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed templates
var templates embed.FS

// pages are the parsed templates: each page with the layout and the parts that
// all pages share.
type pages struct{ byName map[string]*template.Template }

// shared are the files that are part of every page. A file part_*.html is one
// too.
const layout = "layout.html"

// parsed are the pages, which are part of the program, parsed once.
var parsed = sync.OnceValues(parsePages)

func parsePages() (*pages, error) {
	root, err := fs.Sub(templates, "templates")
	if err != nil {
		return nil, err
	}
	common, err := template.New(layout).Funcs(functions).ParseFS(root, layout, "part_*.html")
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(root, "*.html")
	if err != nil {
		return nil, err
	}
	p := &pages{byName: map[string]*template.Template{}}
	for _, file := range files {
		if file == layout || strings.HasPrefix(file, "part_") {
			continue
		}
		page, err := common.Clone()
		if err != nil {
			return nil, err
		}
		if page, err = page.ParseFS(root, file); err != nil {
			return nil, err
		}
		p.byName[strings.TrimSuffix(path.Base(file), ".html")] = page
	}
	return p, nil
}

// view is what a template gets. Data is the page's own.
type view struct {
	Title        string
	Said         string // what was done just now
	User         User
	Association  Association
	Associations []Association
	Nav          []navItem
	Data         any

	q *request
}

// Link is the path of a page of the association.
func (v view) Link(parts ...string) string { return v.q.to(parts...) }

// ZoneName is the zone of the page's times.
func (v view) ZoneName() string {
	if v.Association.ID == "" {
		return ""
	}
	return v.q.zone.String()
}

// Operator says whether the user may do more than look.
func (v view) Operator() bool { return v.User.Role >= Operator }

// Admin says whether the user may do everything.
func (v view) Admin() bool { return v.User.Role >= Admin }

// navItem is one link of the navigation.
type navItem struct {
	Title, Path string
	Here        bool
}

// sections are the pages of the navigation, in its order. The first part of a
// path below the association says in which of them it is.
var sections = []struct{ title, path string }{
	{"Groups", "groups"},
	{"People", "people"},
	{"Activity", "activity"},
	{"Approvals", "approvals"},
	{"Problems", "problems"},
	{"Options", "options"},
	{"Connect", "connect"},
	{"Audit log", "audit"},
	{"Health", "health"},
}

// partOf are pages that belong to one of the navigation.
var partOf = map[string]string{"adoption": "approvals", "requests": "activity"}

func (c *Console) view(q *request, title string, data any) view {
	v := view{
		Title: title, Said: sayings[q.URL.Query().Get("said")], User: q.user,
		Association: q.association, Associations: q.associations, Data: data, q: q,
	}
	if q.association.ID == "" {
		return v
	}
	rest := strings.TrimPrefix(q.URL.EscapedPath(), q.to())
	here, _, _ := strings.Cut(rest, "/")
	if of, ok := partOf[here]; ok {
		here = of
	}
	for _, s := range sections {
		v.Nav = append(v.Nav, navItem{Title: s.title, Path: q.to(s.path), Here: here == s.path})
	}
	return v
}

// render writes a whole page.
func (c *Console) render(q *request, name, title string, data any) error {
	return c.write(q, http.StatusOK, name, layout, c.view(q, title, data))
}

// renderPart writes one named template of a page: what htmx puts into a page
// that is there.
func (c *Console) renderPart(q *request, name, part string, data any) error {
	return c.write(q, http.StatusOK, name, part, c.view(q, "", data))
}

func (c *Console) renderProblem(q *request, p *Problem) error {
	part := layout
	if q.partial() {
		// htmx shows answers of errors only where it is told to.
		q.w.Header().Set("HX-Reswap", "innerHTML")
		part = "problem"
	}
	return c.write(q, p.Status, "problem", part, c.view(q, "Problem", p))
}

// write renders before it sends, so that nobody gets half a page.
func (c *Console) write(q *request, status int, name, part string, v view) error {
	page, ok := c.pages.byName[name]
	if !ok {
		return fmt.Errorf("render page %s: there is no such template", name)
	}
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, part, v); err != nil {
		return fmt.Errorf("render page %s: %w", name, err)
	}
	q.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	q.w.WriteHeader(status)
	_, _ = b.WriteTo(q.w) // nobody is there to be told
	return nil
}
