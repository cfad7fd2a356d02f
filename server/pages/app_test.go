package pages_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/pages"
	"github.com/stile-id/stile/server/pages/fixtures"
	"github.com/stile-id/stile/server/web"
)

// TestS023_AppsAreShownInThePagesLanguage: name, picture, policy and terms, where the page is about an app that has them; the picture from our own origin, the rest as links.
func TestS023_AppsAreShownInThePagesLanguage(t *testing.T) {
	p := made(t, nil)
	for _, x := range []struct{ lang, title, logo, policy string }{{"en", "Sign in to Shop", "/clients/pictured/logo", "https://shop.example/privacy?lang=en&for=apps"},
		{"de", "Bei Laden anmelden", "/clients/pictured/logo?lang=de", "https://shop.example/datenschutz"}} {
		for _, name := range []string{"ask.identifier/app", "ask.consent/app", "ask.approve/app"} {
			doc := parsed(t, shown(p, named(t, name), x.lang).Body.String())
			if img := find(doc, func(e *html.Node) bool { return e.Data == "img" }); value(img, "src") != x.logo || value(img, "alt") != "" || img.Parent.Parent.Data != "header" {
				t.Errorf("%s in %s: %v", name, x.lang, img)
			}
			var links []string
			for _, e := range elements(doc) {
				if e.Data == "a" && strings.HasPrefix(value(e, "href"), "https://") {
					links = append(links, value(e, "href"))
					if value(e, "target") != "_blank" || value(e, "rel") != "noopener noreferrer" {
						t.Errorf("%s in %s: %v", name, x.lang, e.Attr)
					}
				}
			}
			if strings.Join(links, " ") != x.policy+" https://shop.example/terms" {
				t.Errorf("%s in %s leads to %v", name, x.lang, links)
			}
			foot := find(doc, func(e *html.Node) bool { return e.Data == "footer" })
			if in := strings.Contains(inside(foot), "Shop") || strings.Contains(inside(foot), "Laden"); in != (name == "ask.identifier/app") {
				t.Errorf("%s in %s: %s", name, x.lang, inside(foot))
			}
		}
		if h1 := find(parsed(t, shown(p, named(t, "ask.identifier/app"), x.lang).Body.String()), func(e *html.Node) bool { return e.Data == "h1" }); inside(h1) != x.title {
			t.Errorf("%s: %q", x.lang, inside(h1))
		}
	}
	for _, e := range elements(parsed(t, shown(p, named(t, "ask.identifier/first"), "en").Body.String())) {
		if e.Data == "img" || value(e, "target") == "_blank" {
			t.Errorf("an app that shows nothing of itself: %v", e.Attr)
		}
	}
}

// TestS023_WhatAnAppSaysOfItselfBreaksNothing: its words are a stranger's, whatever language they are in. Nothing but https is a link, and pages of one app are not those of another.
func TestS023_WhatAnAppSaysOfItselfBreaksNothing(t *testing.T) {
	says := web.App{Name: `<b>{client}</b>` + "\u202e", Logo: `/clients/x/logo?lang="onerror=alert(1)`, Policy: "javascript:alert(1)", Terms: `https://x.example/"><script>alert(1)</script>`}
	p := made(t, func(o *pages.Options) {
		o.App = func(_ context.Context, client, _ string) web.App {
			if client == "gone" {
				return web.App{}
			}
			return says
		}
	})
	submit := action.T("continue")
	show := func(client string) string {
		w := httptest.NewRecorder()
		p.Prompt(w, httptest.NewRequest(http.MethodGet, "/journey/x", nil), web.Page{URL: "/journey/x", Revision: 1, Client: client, Name: "Shop",
			Prompt: &action.Prompt{Step: "s", Kind: "ask.message", Title: action.T("identifier.title", "client", "Shop"), Body: []action.Text{action.T("leave.go", "place", "Shop")}, Submit: &submit}})
		return w.Body.String()
	}
	body := show("x")
	for _, e := range elements(parsed(t, body)) {
		if e.Data == "b" || e.Data == "script" && value(e, "src") == "" || value(e, "onerror") != "" || strings.HasPrefix(value(e, "href"), "javascript") {
			t.Errorf("%s", body)
		}
	}
	if !strings.Contains(body, "<bdi>&lt;b&gt;{client}&lt;/b&gt;</bdi>") || strings.Contains(body, "\u202e") || strings.Contains(body, "Privacy policy") {
		t.Errorf("%s", body)
	}
	if !strings.Contains(body, "Shop") {
		t.Error("a place that is not the app has the app's name")
	}
	if gone := show("gone"); strings.Contains(gone, "<img") || !strings.Contains(gone, "<bdi>Shop</bdi>") {
		t.Errorf("a client that is gone: %s", gone)
	}
	says.Name = "Other"
	if again := show("x"); !strings.Contains(again, "<bdi>Other</bdi>") {
		t.Error("a page of before is shown")
	}
}

// TestS110_MailAndListsNameAppsInTheirReadersLanguage: the one who reads decides, not the one who asks.
func TestS110_MailAndListsNameAppsInTheirReadersLanguage(t *testing.T) {
	p := made(t, nil)
	for lang, want := range map[string]string{"en": "Shop", "de": "Laden"} {
		m, err := p.Mail(action.Mail{Template: "mail.approve", App: fixtures.Pictured, Locale: []string{lang}, Args: map[string]string{"client": "Shop", "link": "https://id.example/approve/x", "message": "–"}})
		if err != nil || !strings.Contains(m.Subject, want) || !strings.Contains(m.Text, want) || !strings.Contains(m.HTML, want) {
			t.Errorf("%s: %v %+v", lang, err, m)
		}
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/journey/x", nil)
		r.Header.Set("Accept-Language", lang)
		p.Prompt(w, r, web.Page{URL: "/journey/x", Revision: 1, Client: "account", Name: "Shop", Prompt: &action.Prompt{Step: "s", Kind: "consent.manage", Title: action.T("consents.title"),
			Rows: []action.Row{{Title: "Shop", App: fixtures.Pictured}, {Title: "Shop", App: "another"}}}})
		var titles []string
		for _, e := range elements(parsed(t, w.Body.String())) {
			if e.Data == "h2" {
				titles = append(titles, inside(e))
			}
		}
		if strings.Join(titles, " ") != want+" Shop" {
			t.Errorf("%s: %v", lang, titles)
		}
	}
}
