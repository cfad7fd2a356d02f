package pages_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/pages"
	"github.com/stile-id/stile/server/web"
)

func made(t *testing.T, change func(*pages.Options)) *pages.Pages {
	t.Helper()
	c, err := web.NewCookies("https://id.example", "")
	if err != nil {
		t.Fatal(err)
	}
	o := pages.Options{Cookies: c, Name: "Acme", Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }}
	if change != nil {
		change(&o)
	}
	p, ps, _, err := pages.New(o)
	if err != nil || ps.Failed() {
		t.Fatalf("%v\n%v", err, ps)
	}
	return p
}

func TestSmoke(t *testing.T) {
	p := made(t, nil)
	w := httptest.NewRecorder()
	submit := action.T("continue")
	p.Prompt(w, httptest.NewRequest("GET", "/journey/x", nil), web.Page{URL: "/journey/x", Revision: 3, Name: "Shop", Leaves: true, Prompt: &action.Prompt{Step: "who", Kind: "ask.identifier",
		Title: action.T("identifier.title", "client", "Shop"), Submit: &submit, Fields: []action.Field{{Name: "identifier", Type: action.FieldEmail, Label: action.T("identifier.label"), Passkey: true}}}})
	t.Log(w.Body.String(), w.Header())
	w = httptest.NewRecorder()
	p.Problem(w, httptest.NewRequest("GET", "/journey/x", nil), web.Problem{Status: 503, ID: "broken", Reference: "ABC"})
	t.Log(w.Body.String())
	m, err := p.Mail(action.Mail{Template: "mail.code", Args: map[string]string{"code": "123456", "minutes": "10", "when": "2026-03-04T05:06:07Z", "address": "192.0.2.1"}})
	t.Log(m.Text, err)
}
