package access

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
)

//go:embed pages/*.html
var pageFiles embed.FS

var pages = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// loginForm is what the login page shows.
type loginForm struct {
	Name, Next string
	Problem    string // empty: none
	Nobody     bool   // there is no user yet
}

func showLogin(w http.ResponseWriter, status int, f loginForm) { write(w, status, "login.html", f) }

// refuse answers with a page of a title and a sentence.
func refuse(w http.ResponseWriter, status int, title, sentence string) {
	write(w, status, "refused.html", struct{ Title, Sentence string }{title, sentence})
}

// policy lets our pages load styles of the console, which draw their icons with
// data: images, and nothing else.
const policy = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

func write(w http.ResponseWriter, status int, page string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, page, data); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // an error says that the browser has gone
}
