package pages_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/pages"
	"github.com/stile-id/stile/server/pages/fixtures"
	"github.com/stile-id/stile/server/web"
)

func made(t testing.TB, change func(*pages.Options)) *pages.Pages {
	t.Helper()
	c, err := web.NewCookies("https://id.example", "")
	if err != nil {
		t.Fatal(err)
	}
	o := pages.Options{Cookies: c, Name: "Acme", App: fixtures.App, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }}
	if change != nil {
		change(&o)
	}
	p, ps, _, err := pages.New(o)
	if err != nil || ps.Failed() {
		t.Fatalf("%v\n%v", err, ps)
	}
	return p
}

// shown renders a fixture as a browser that asked for a language gets it.
func shown(p web.Pages, f fixtures.Fixture, lang string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/journey/fixture", nil)
	r.Header.Set("Accept-Language", lang)
	f.Show(p, w, r)
	return w
}

func all(t testing.TB) []fixtures.Fixture {
	t.Helper()
	fs, err := fixtures.All()
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

func named(t testing.TB, name string) fixtures.Fixture {
	t.Helper()
	for _, f := range all(t) {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no fixture %s", name)
	return fixtures.Fixture{}
}

// parsed reads a page as a browser does.
func parsed(t testing.TB, page string) *html.Node {
	t.Helper()
	n, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func elements(n *html.Node) []*html.Node {
	var out []*html.Node
	for c := range n.Descendants() {
		if c.Type == html.ElementNode {
			out = append(out, c)
		}
	}
	return out
}

func attr(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val, true
		}
	}
	return "", false
}

func value(n *html.Node, key string) string { v, _ := attr(n, key); return v }

func find(n *html.Node, want func(*html.Node) bool) *html.Node {
	for _, e := range elements(n) {
		if want(e) {
			return e
		}
	}
	return nil
}

func byID(n *html.Node, id string) *html.Node {
	return find(n, func(e *html.Node) bool { return value(e, "id") == id })
}

func inside(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func TestLanguagesAreTheShippedOnes(t *testing.T) {
	got := made(t, func(o *pages.Options) { o.Pseudo = true }).Languages()
	if !slices.Equal(got, []string{"en", "de"}) {
		t.Fatal(got)
	}
}

// Links of a client's lead to https alone, whatever a prompt holds, and a page that has none speaks of none.
func TestS023_LinksAreHTTPS(t *testing.T) {
	p := made(t, nil)
	for address, want := range map[string]bool{"https://shop.example/privacy": true, "http://shop.example/privacy": false, "javascript:alert(1)": false, "//shop.example/": false, "https:": false, "": false} {
		prompt := &action.Prompt{Kind: "ask.consent", Title: action.T("consent.title", "client", "Shop"), Links: []action.Link{{URL: address, Label: action.T("consent.policy")}}}
		w := httptest.NewRecorder()
		p.Prompt(w, httptest.NewRequest(http.MethodGet, "/journey/x", nil), web.Page{Prompt: prompt, URL: "/journey/x", Revision: 1})
		a := find(parsed(t, w.Body.String()), func(e *html.Node) bool { return e.Data == "a" && value(e, "target") == "_blank" })
		switch {
		case (a != nil) != want:
			t.Errorf("%q: %s", address, w.Body)
		case a != nil && (value(a, "href") != address || value(a, "rel") != "noopener noreferrer" || inside(a) != "Privacy policy (opens in a new tab)"):
			t.Errorf("%q: %v", address, a.Attr)
		}
	}
}

// A theme of the folder dresses its client's pages and messages; everybody else's stay as they are.
func TestThemes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("shop/theme.yaml", "theme: shop\nlogo: { light: logo.svg, alt: The Shop }\ntokens: { accent: \"#7A1FA2\", font: f.woff2 }\nlinks: { privacy: https://shop.example/privacy }\n")
	write("shop/logo.svg", `<svg xmlns="http://www.w3.org/2000/svg"/>`)
	write("shop/f.woff2", "wOF2 font")
	write("shop/words/de.yaml", "password.title: Sesam öffne dich\n")
	p := made(t, func(o *pages.Options) { o.Themes = dir })
	f := named(t, "password.verify/first")
	f.Page.Theme = "shop"
	doc := parsed(t, shown(p, f, "de").Body.String())
	sheet := find(doc, func(e *html.Node) bool { return e.Data == "link" && strings.Contains(value(e, "href"), "theme-shop") })
	picture := find(doc, func(e *html.Node) bool { return e.Data == "img" })
	if sheet == nil || value(picture, "alt") != "The Shop" || inside(byID(doc, "title")) != "Sesam öffne dich" || !strings.Contains(inside(doc), "Datenschutz") {
		t.Fatalf("%v %v %s", sheet, picture, inside(doc))
	}
	for _, url := range []string{value(sheet, "href"), value(picture, "src")} {
		w := httptest.NewRecorder()
		p.Assets().ServeHTTP(w, httptest.NewRequest(http.MethodGet, url, nil))
		if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Content-Security-Policy"), "sandbox") || strings.Contains(w.Body.String(), "file(") {
			t.Errorf("%s: %d %s", url, w.Code, w.Body)
		}
	}
	f.Page.Theme = "no-such"
	if body := shown(p, f, "de").Body.String(); strings.Contains(body, "theme-") || !strings.Contains(body, "Passwort eingeben") {
		t.Error("an unknown theme is not the default one")
	}
	if m, err := p.Mail(action.Mail{Template: "mail.known", Theme: "shop"}); err != nil || !strings.Contains(m.Subject, "The Shop") {
		t.Errorf("%v %v", m, err)
	}

	write("bad/theme.yaml", "theme: bad\ntokens:\n  accent: \"#FFE680\"\n")
	c, err := web.NewCookies("https://id.example", "")
	if err != nil {
		t.Fatal(err)
	}
	got, ps, sources, err := pages.New(pages.Options{Cookies: c, Themes: dir, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil || got != nil || !ps.Failed() || ps[0].At.String() != "bad/theme.yaml:3:11" || sources["bad/theme.yaml"] == nil {
		t.Errorf("%v %v %v", got, ps, err)
	}
}
