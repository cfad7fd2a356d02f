package pages_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/pages"
	"github.com/stile-id/stile/server/web"
)

// What holds on every page, in every language, in every state.
func TestEveryPage(t *testing.T) {
	p := made(t, func(o *pages.Options) { o.Pseudo = true })
	for _, f := range all(t) {
		for _, lang := range []string{"en", "de", "en-XA", "ar-XB"} {
			t.Run(f.Name+"/"+lang, func(t *testing.T) {
				w := shown(p, f, lang)
				body := w.Body.String()
				doc := parsed(t, body)
				root := find(doc, func(e *html.Node) bool { return e.Data == "html" })
				if got := value(root, "lang"); got != lang {
					t.Errorf("lang is %q", got)
				}
				if dir := value(root, "dir"); (dir == "rtl") != (lang == "ar-XB") {
					t.Errorf("dir is %q", dir)
				}
				checkStructure(t, doc)
				checkNames(t, doc)
				for _, bad := range []string{"ZgotmplZ", "%!", "<nil>", "{n}", "{client}", "{identifier}", "{label}", "{ref}"} {
					if strings.Contains(body, bad) {
						t.Errorf("the page says %s", bad)
					}
				}
				for _, h := range []struct{ key, want string }{{"Cache-Control", "no-store"}, {"X-Frame-Options", "DENY"}, {"Referrer-Policy", "same-origin"}, {"X-Robots-Tag", "noindex"}} {
					if got := w.Header().Get(h.key); got != h.want {
						t.Errorf("%s is %q", h.key, got)
					}
				}
			})
		}
	}
}

// checkStructure: one h1, unique ids, labels and descriptions that lead somewhere, nothing inline, nothing from elsewhere.
func checkStructure(t *testing.T, doc *html.Node) {
	t.Helper()
	ids := map[string]int{}
	heads, focused := 0, 0
	for _, e := range elements(doc) {
		if id, ok := attr(e, "id"); ok {
			ids[id]++
		}
		if e.Data == "h1" {
			heads++
		}
		if _, ok := attr(e, "autofocus"); ok {
			focused++
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				t.Errorf("<%s> has an inline %s", e.Data, a.Key)
			}
			if (a.Key == "src" || a.Key == "srcset" || e.Data == "link" && a.Key == "href") && !strings.HasPrefix(a.Val, "/assets/") {
				t.Errorf("<%s %s=%q> is not one of our files", e.Data, a.Key, a.Val)
			}
		}
		if e.Data == "style" || e.Data == "script" && inside(e) != "" || e.Data == "base" || e.Data == "iframe" {
			t.Errorf("there is a <%s>", e.Data)
		}
	}
	if heads != 1 || focused > 1 {
		t.Errorf("%d h1, %d autofocus", heads, focused)
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("id %s is there %d times", id, n)
		}
	}
	for _, e := range elements(doc) {
		for _, key := range []string{"for", "aria-labelledby", "aria-describedby", "aria-controls", "form"} {
			for id := range strings.FieldsSeq(value(e, key)) {
				if ids[id] == 0 {
					t.Errorf("<%s %s=%q> leads nowhere", e.Data, key, id)
				}
			}
		}
		if href := value(e, "href"); e.Data == "a" && strings.HasPrefix(href, "#") && ids[href[1:]] == 0 {
			t.Errorf("link %s leads nowhere", href)
		}
	}
}

// checkNames: every control can be told apart without being seen, and posts where it should.
func checkNames(t *testing.T, doc *html.Node) {
	t.Helper()
	for _, e := range elements(doc) {
		switch e.Data {
		case "form":
			if value(e, "method") != "post" || !strings.HasPrefix(value(e, "action"), "/") {
				t.Errorf("a form %s %s", value(e, "method"), value(e, "action"))
			}
		case "button", "a", "summary":
			if inside(e) == "" && value(e, "aria-label") == "" {
				t.Errorf("a <%s> has no name", e.Data)
			}
		case "input", "textarea":
			if value(e, "type") == "hidden" || value(e, "aria-hidden") == "true" {
				continue
			}
			label := find(doc, func(l *html.Node) bool { return l.Data == "label" && value(l, "for") == value(e, "id") })
			if label == nil || inside(label) == "" {
				t.Errorf("field %s has no label", value(e, "name"))
			}
			if _, ok := attr(e, "placeholder"); ok {
				t.Errorf("field %s has a placeholder", value(e, "name"))
			}
			if value(e, "type") != "radio" && value(e, "id") != value(e, "name") {
				t.Errorf("field %s has id %s", value(e, "name"), value(e, "id"))
			}
		}
	}
}

// A page with a stranger's values has the elements of the same page with tame ones, and their texts say nothing more than allowed.
func TestHostileValuesStayText(t *testing.T) {
	p := made(t, nil)
	page := func(v string) *web.Page {
		submit := action.T("continue")
		return &web.Page{URL: "/journey/x", Revision: 1, Name: v, Locale: []string{v}, Client: v, Prompt: &action.Prompt{Step: v, Kind: v, Account: v, Switch: true, Back: true,
			Title: action.T("identifier.title", "client", v), Submit: &submit, Body: []action.Text{action.T("recover.sent", "identifier", v, "n", 3), {Words: map[string]string{"": v + "{client}"}, Args: map[string]any{"client": v}}},
			Fields: []action.Field{{Name: "identifier", Type: action.FieldIdentifier, Label: action.T("identifier.label"), Value: v}, {Name: "note", Type: action.FieldHidden, Value: v},
				{Name: "story", Type: action.FieldLong, Label: action.Text{Words: map[string]string{"": v}}, Value: v}},
			Others:  []action.Button{{Name: "other", Value: v, Label: action.Text{Words: map[string]string{"": v}}}},
			Rows:    []action.Row{{Title: v, Lines: []action.Text{action.T("scope.x", "scope", v)}, Buttons: []action.Button{{Name: "end", Value: v, Label: action.T("remove")}}}},
			Problem: []action.Problem{{Field: "identifier", ID: "x", Text: action.T("password.mismatch", "label", action.Text{Words: map[string]string{"": v}})}},
			Notice:  &action.Notice{Kind: v, Text: action.T("federate.title", "provider", map[string]any{"words": map[string]any{"": v}})},
			Passkey: &action.Ceremony{Mode: "get", Options: []byte(`"` + v + `"`), Action: "passkey"}}}
	}
	tags := func(v string) []string {
		w := httptest.NewRecorder()
		p.Prompt(w, httptest.NewRequest(http.MethodGet, "/journey/x", nil), *page(v))
		var out []string
		for _, e := range elements(parsed(t, w.Body.String())) {
			names := []string{e.Data}
			for _, a := range e.Attr {
				names = append(names, a.Key)
			}
			out = append(out, strings.Join(names, " "))
		}
		title := find(parsed(t, w.Body.String()), func(e *html.Node) bool { return e.Data == "title" })
		if strings.ContainsAny(inside(title), "\u202e\u2066\u2067\u061c") {
			t.Errorf("the title has direction characters: %q", inside(title))
		}
		return out
	}
	tame := tags("ann")
	for _, v := range []string{`"><script>alert(1)</script>`, `</title></textarea><img src=x onerror=alert(1)>`, `{{.}}`, `javascript:alert(1)`, "\u202egnp.exe\u2066", "a\x00b\r\nSet-Cookie: x=y",
		strings.Repeat("W", 10_000), "\xff\xfe", `' onfocus='alert(1)' autofocus='`} {
		if got := tags(v); !slices.Equal(got, tame) {
			t.Errorf("%.40q changes the page:\n%s\nwas\n%s", v, strings.Join(got, "\n"), strings.Join(tame, "\n"))
		}
	}
}

func TestLeavingOnlyToWebAddresses(t *testing.T) {
	p := made(t, nil)
	for url, fine := range map[string]bool{"https://login.example/authorize?x=1&y=2": true, "javascript:alert(1)": false, "data:text/html,x": false} {
		w := httptest.NewRecorder()
		p.Prompt(w, httptest.NewRequest(http.MethodGet, "/journey/x", nil), web.Page{URL: "/journey/x", Revision: 1, Prompt: &action.Prompt{Kind: "federate.oidc", Title: action.T("federate.title", "provider", "X"), Leave: &action.Leave{URL: url, Name: "X"}}})
		link := find(parsed(t, w.Body.String()), func(e *html.Node) bool { return strings.Contains(value(e, "class"), "primary") })
		if (value(link, "href") == url) != fine {
			t.Errorf("%s became %s", url, value(link, "href"))
		}
	}
}
