// Package inbox takes the mail of a development server instead of sending it, and shows it.
package inbox

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/server/connect/mail"
	"github.com/stile-id/stile/server/dev/page"
)

// Kept is how many letters are kept.
const Kept = 200

// Letter is one message that was sent.
type Letter struct {
	ID      string    `json:"id"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	At      time.Time `json:"at"`
}

// Inbox keeps the newest letters in memory.
type Inbox struct {
	now     func() time.Time
	pages   *page.Pages
	mu      sync.Mutex
	letters []Letter // newest first
}

// New makes an empty inbox.
func New(pages *page.Pages, now func() time.Time) *Inbox { return &Inbox{now: now, pages: pages} }

// Send implements mail.Sender. A letter that is sent again, under the same id, takes the place of the one before.
func (b *Inbox) Send(_ context.Context, l mail.Letter) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(b.letters), func(o Letter) bool { return o.ID == l.ID })
	if len(rest) >= Kept {
		rest = rest[:Kept-1]
	}
	b.letters = append([]Letter{{ID: l.ID, To: l.To, Subject: l.Subject, Text: l.Text, HTML: l.HTML, At: b.now()}}, rest...)
	return nil
}

// Letters lists the letters to an address, all when to is "", newest first.
func (b *Inbox) Letters(to string) []Letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []Letter{}
	for _, l := range b.letters {
		if to == "" || strings.EqualFold(l.To, to) {
			out = append(out, l)
		}
	}
	return out
}

func (b *Inbox) letter(id string) *Letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.letters {
		if l.ID == id {
			return &l
		}
	}
	return nil
}

// Mount adds the routes.
func (b *Inbox) Mount(r *mux.Router) {
	r.HandleFunc("/dev/inbox.json", func(w http.ResponseWriter, r *http.Request) {
		page.JSON(w, http.StatusOK, b.Letters(r.URL.Query().Get("to")))
	}).Methods(http.MethodGet)
	r.HandleFunc("/dev/inbox", b.list).Methods(http.MethodGet)
	r.HandleFunc("/dev/inbox/{id}", b.show).Methods(http.MethodGet)
	r.HandleFunc("/dev/inbox/{id}/html", b.part).Methods(http.MethodGet)
}

type view struct {
	Letter  *Letter
	Letters []Letter
	Kept    int
}

func (b *Inbox) list(w http.ResponseWriter, _ *http.Request) {
	b.pages.Show(w, page.Page{Name: "inbox", Title: "Inbox", Here: "/dev/inbox", Data: view{Letters: b.Letters(""), Kept: Kept}})
}

func (b *Inbox) show(w http.ResponseWriter, r *http.Request) {
	l := b.letter(mux.Vars(r)["id"])
	if l == nil {
		b.missing(w)
		return
	}
	b.pages.Show(w, page.Page{Name: "inbox", Title: l.Subject, Here: "/dev/inbox", Frames: true, Data: view{Letter: l}})
}

// part is the HTML part as a mail program would show it, alone in a sandbox: what a stranger typed may be in it.
func (b *Inbox) part(w http.ResponseWriter, r *http.Request) {
	l := b.letter(mux.Vars(r)["id"])
	if l == nil {
		b.missing(w)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(l.HTML))
}

func (b *Inbox) missing(w http.ResponseWriter) {
	b.pages.Problem(w, http.StatusNotFound, "There is no such letter", "Only the newest are kept, and none over a restart.", "/dev/inbox")
}
