// Package page renders the pages of the development extras: one look, strict headers, and no script but that of the sample single-page app.
package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	files "github.com/stile-id/stile/ui/dev"
)

// Place is an entry of the menu.
type Place struct{ Path, Name string }

// Pages renders the extras' pages.
type Pages struct {
	by     map[string]*template.Template
	style  []byte
	path   string // of the stylesheet; it names the contents, so it may be kept for ever
	places []Place
}

// New reads the templates.
func New(places ...Place) (*Pages, error) {
	style, err := files.Files.ReadFile("style.css")
	if err != nil {
		return nil, fmt.Errorf("development pages: %w", err)
	}
	sum := sha256.Sum256(style)
	p := &Pages{by: map[string]*template.Template{}, style: style, path: "/dev/style." + hex.EncodeToString(sum[:6]) + ".css", places: places}
	names, err := fs.Glob(files.Files, "*.html")
	if err != nil {
		return nil, fmt.Errorf("development pages: %w", err)
	}
	for _, name := range names {
		if name == "layout.html" {
			continue
		}
		t, err := template.ParseFS(files.Files, "layout.html", name)
		if err != nil {
			return nil, fmt.Errorf("development pages: %w", err)
		}
		p.by[strings.TrimSuffix(name, ".html")] = t
	}
	return p, nil
}

// Page is one page to be shown. Name is its template.
type Page struct {
	Name, Title, Here string
	Status            int    // 200 when 0
	Narrow            bool   // a card like the product's own
	Frames            bool   // it shows a frame of ours
	Leaves            bool   // its form may lead to another origin in the end
	Script            string // address of a script of ours
	Data              any
}

// Show writes a page. form-action is left out where Leaves is set: Chromium applies it to every redirect after a post, and such a
// form ends at whichever app the person came from.
func (p *Pages) Show(w http.ResponseWriter, g Page) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	csp := "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
	if g.Frames {
		csp += "; frame-src 'self'"
	}
	if g.Script != "" {
		csp += "; script-src 'self'; connect-src 'self'"
	}
	if !g.Leaves {
		csp += "; form-action 'self'"
	}
	h.Set("Content-Security-Policy", csp)
	var out bytes.Buffer
	t := p.by[g.Name]
	if t == nil {
		http.Error(w, "there is no such page", http.StatusInternalServerError)
		return
	}
	err := t.ExecuteTemplate(&out, "layout.html", struct {
		Page
		Style  string
		Places []Place
	}{g, p.path, p.places})
	if err != nil {
		http.Error(w, "the page cannot be rendered", http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	if g.Status != 0 {
		w.WriteHeader(g.Status)
	}
	_, _ = w.Write(out.Bytes()) // the browser may be gone; there is nobody to tell
}

// Problem shows why something cannot be shown, and a link back.
func (p *Pages) Problem(w http.ResponseWriter, status int, title, text, back string) {
	p.Show(w, Page{Name: "problem", Title: title, Status: status, Narrow: true, Data: struct{ Title, Text, Back string }{title, text, back}})
}

// Mount adds the stylesheet.
func (p *Pages) Mount(r *mux.Router) {
	r.HandleFunc(p.path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.style))
	}).Methods(http.MethodGet, http.MethodHead)
}

// JSON answers with a value as JSON, not to be kept.
func JSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller may be gone; there is nobody to tell
}

// See sends the browser on to a GET, so that a reload repeats nothing.
func See(w http.ResponseWriter, location string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}
