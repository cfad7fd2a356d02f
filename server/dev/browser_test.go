package dev_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// browser walks pages as a person without script does: it follows links and redirects, keeps cookies, fills forms that are there.
type browser struct {
	t       *testing.T
	client  *http.Client
	at      *url.URL
	status  int
	header  http.Header
	text    string
	doc     *html.Node
	hops    []string // paths of the redirects of the last step
	outside string   // a redirect that led away from this machine's server, not followed
}

func open(t *testing.T, address string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t}
	b.client = &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != via[0].URL.Host {
			b.outside = r.URL.String()
			return http.ErrUseLastResponse
		}
		if len(via) > 20 {
			t.Errorf("redirects without end: %s", r.URL)
			return http.ErrUseLastResponse
		}
		b.hops = append(b.hops, r.URL.Path)
		return nil
	}}
	b.get(address)
	return b
}

func (b *browser) get(address string) {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.resolve(address), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	b.send(r)
}

func (b *browser) resolve(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	if b.at != nil {
		u = b.at.ResolveReference(u)
	}
	return u.String()
}

func (b *browser) send(r *http.Request) {
	b.t.Helper()
	b.hops, b.outside = nil, ""
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	r.Header.Set("User-Agent", "Test browser")
	res, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		b.t.Fatal(err)
	}
	b.at, b.status, b.header, b.text = res.Request.URL, res.StatusCode, res.Header, string(raw)
	if b.doc, err = html.Parse(strings.NewReader(b.text)); err != nil {
		b.t.Fatal(err)
	}
}

// prompt is what the page asks: data-prompt of a sign-in page, data-page of an extra's.
func (b *browser) prompt() string {
	for n := range b.doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "main" {
			if v := attr(n, "data-prompt"); v != "" {
				return v
			}
			return attr(n, "data-page")
		}
	}
	return ""
}

// expect stops the test unless the page asks this.
func (b *browser) expect(prompt string) {
	b.t.Helper()
	if got := b.prompt(); got != prompt {
		b.t.Fatalf("the page asks %q, not %q (status %d, %s):\n%s", got, prompt, b.status, b.at, words(b.doc))
	}
}

// press presses the button that carries the words, or the button whose name and value are `action` and the word; fields are typed into its form.
func (b *browser) press(button string, fields ...string) {
	b.t.Helper()
	var found *html.Node
	for n := range b.doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "button" && attr(n, "type") != "button" &&
			(words(n) == button || attr(n, "name") == "action" && attr(n, "value") == button) {
			found = n
			break
		}
	}
	if found == nil {
		b.t.Fatalf("there is no button %q on %s:\n%s", button, b.at, b.text)
	}
	b.submit(found, fields...)
}

// answer presses the primary button, the first one without a name whose form has the first field.
func (b *browser) answer(fields ...string) {
	b.t.Helper()
	for n := range b.doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "button" || attr(n, "type") == "button" || has(n, "name") {
			continue
		}
		form := b.formOf(n)
		if form == nil {
			continue
		}
		for c := range form.Descendants() {
			if len(fields) == 0 || c.Type == html.ElementNode && (c.Data == "input" || c.Data == "textarea") && attr(c, "name") == fields[0] {
				b.submit(n, fields...)
				return
			}
		}
	}
	b.t.Fatalf("there is no form for %q on %s:\n%s", fields, b.at, b.text)
}

// formOf is the form a button belongs to: the one it names, else the one around it.
func (b *browser) formOf(button *html.Node) *html.Node {
	if id := attr(button, "form"); id != "" {
		for n := range b.doc.Descendants() {
			if n.Type == html.ElementNode && n.Data == "form" && attr(n, "id") == id {
				return n
			}
		}
		return nil
	}
	form := button
	for form != nil && (form.Type != html.ElementNode || form.Data != "form") {
		form = form.Parent
	}
	return form
}

func (b *browser) submit(button *html.Node, fields ...string) {
	b.t.Helper()
	form := b.formOf(button)
	if form == nil || attr(form, "method") != "post" {
		b.t.Fatalf("the button stands in no form that posts: %s", b.text)
	}
	b.submitForm(form, button, fields...)
}

// submitForm posts a form with what is in it, as a button of it or, without one, as script does.
func (b *browser) submitForm(form, button *html.Node, fields ...string) {
	b.t.Helper()
	v := url.Values{}
	for n := range form.Descendants() {
		if n.Type != html.ElementNode || n.Data != "input" && n.Data != "textarea" || attr(n, "name") == "" {
			continue
		}
		if t := attr(n, "type"); (t == "radio" || t == "checkbox") && !has(n, "checked") {
			continue
		}
		v.Set(attr(n, "name"), attr(n, "value"))
	}
	for i := 0; i+1 < len(fields); i += 2 {
		if !v.Has(fields[i]) {
			b.t.Fatalf("the form has no field %q: %v", fields[i], v)
		}
		v.Set(fields[i], fields[i+1])
	}
	if button != nil && attr(button, "name") != "" {
		v.Set(attr(button, "name"), attr(button, "value"))
	}
	r, err := http.NewRequest(http.MethodPost, b.resolve(attr(form, "action")), strings.NewReader(v.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.at.Scheme+"://"+b.at.Host)
	b.send(r)
}

// follow follows the first link that leaves for a path.
func (b *browser) follow(path string) {
	b.t.Helper()
	for n := range b.doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "a" {
			if u, err := url.Parse(b.resolve(attr(n, "href"))); err == nil && u.Path == path {
				b.get(u.String())
				return
			}
		}
	}
	b.t.Fatalf("there is no link to %s on %s:\n%s", path, b.at, b.text)
}

// id is the text of the element with the id, "" when there is none.
func (b *browser) id(id string) string {
	for n := range b.doc.Descendants() {
		if n.Type == html.ElementNode && attr(n, "id") == id {
			return words(n)
		}
	}
	return ""
}

// shows reports whether the page has the words.
func (b *browser) shows(text string) bool { return strings.Contains(words(b.doc), text) }

// object reads the JSON that an element of the page shows.
func (b *browser) object(id string) map[string]any {
	b.t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(b.id(id)), &out); err != nil {
		b.t.Fatalf("%s shows no JSON: %v\n%s", id, err, words(b.doc))
	}
	return out
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// words is the text inside a node, spaces folded.
func words(n *html.Node) string {
	var out strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode && c.Parent.Data != "style" && c.Parent.Data != "script" && c.Parent.Data != "title" {
			out.WriteString(c.Data)
			out.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(out.String()), " ")
}
