package pages_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/stile-id/stile/server/pages"
	"github.com/stile-id/stile/server/web"
)

func zipped(t testing.TB, b []byte) int {
	t.Helper()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(b); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return z.Len()
}

// Section 7: HTML 5 kB, stylesheet 6 kB, script 3 kB compressed, and the first view at most 14 kB.
func TestBudgets(t *testing.T) {
	p := made(t, nil)
	most, files := 0, map[string]int{}
	for _, f := range all(t) {
		for _, lang := range []string{"en", "de"} {
			w := shown(p, f, lang)
			n := zipped(t, w.Body.Bytes())
			if n > 5000 {
				t.Errorf("%s in %s has %d bytes", f.Name, lang, n)
			}
			most = max(most, n)
			for _, e := range elements(parsed(t, w.Body.String())) {
				for _, key := range []string{"src", "href"} {
					if v := value(e, key); strings.HasPrefix(v, "/assets/") {
						files[v] = fetched(t, p, v)
					}
				}
			}
		}
	}
	if len(files) != 2 {
		t.Fatalf("the pages need %v", files)
	}
	for name, n := range files {
		if limit := map[bool]int{true: 3000, false: 6000}[strings.HasSuffix(name, ".js")]; n > limit {
			t.Errorf("%s has %d bytes, at most %d", name, n, limit)
		}
		most += n
	}
	if most > 14_000 {
		t.Errorf("the largest first view has %d bytes", most)
	}
}

// fetched is the compressed size of an asset, checked on the way.
func fetched(t *testing.T, p *pages.Pages, url string) int {
	t.Helper()
	get := func(url, accept string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, url, nil)
		r.Header.Set("Accept-Encoding", accept)
		w := httptest.NewRecorder()
		p.Assets().ServeHTTP(w, r)
		return w
	}
	z, plain := get(url, "br, gzip;q=0.8"), get(url, "gzip;q=0, br")
	if z.Header().Get("Content-Encoding") != "gzip" || plain.Header().Get("Content-Encoding") != "" || z.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
		t.Errorf("%s: %v %v", url, z.Header(), plain.Header())
	}
	size := z.Body.Len()
	r, err := gzip.NewReader(z.Body)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(r); err != nil || !bytes.Equal(raw, plain.Body.Bytes()) {
		t.Errorf("%s differs when it is compressed", url)
	}
	dot := strings.IndexByte(url, '.')
	if old := get(url[:dot]+".000000000000"+url[dot+13:], ""); old.Code != http.StatusOK || old.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("another version's name: %d %v", old.Code, old.Header())
	}
	if gone := get("/assets/other.0123.css", ""); gone.Code != http.StatusNotFound || gone.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("no such file: %d %v", gone.Code, gone.Header())
	}
	return size
}

func TestPolicy(t *testing.T) {
	p := made(t, nil)
	f := named(t, "ask.identifier/first")
	const base = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
	if got := shown(p, f, "en").Header().Get("Content-Security-Policy"); got != base {
		t.Errorf("leaving: %s", got)
	}
	f.Page.Leaves = false
	if got := shown(p, f, "en").Header().Get("Content-Security-Policy"); got != base+"; form-action 'self'" {
		t.Errorf("staying: %s", got)
	}
}

func TestProblems(t *testing.T) {
	p := made(t, nil)
	for _, c := range []struct {
		problem web.Problem
		method  string
		code    int
		kind    string
		says    string
		way     string // href of the first link in main
	}{
		{web.Problem{Status: 410, ID: "expired", Name: "Shop", Back: "https://shop.example/", Reference: "R1"}, "GET", 410, "error.expired", "This page has run out of time. Start again from Shop.", "https://shop.example/"},
		{web.Problem{Status: 410, ID: "expired", Reference: "R1"}, "GET", 410, "error.expired", "Start again from the app you came from.", ""},
		{web.Problem{Status: 503, ID: "broken", Reference: "R2"}, "POST", 503, "error.broken", "If it goes on, tell us R2.", "?"},
		{web.Problem{Status: 503, ID: "broken", Reference: "R2"}, "GET", 503, "error.broken", "R2", "?a=b"},
		{web.Problem{Status: 502, ID: "no-such-id"}, "GET", 502, "error.no-such-id", "Something went wrong on our side.", "?a=b"},
		{web.Problem{Status: 418, ID: "teapot"}, "GET", 418, "error.teapot", "What your browser sent cannot be read.", ""},
		{web.Problem{Status: 418, ID: "scope"}, "GET", 418, "error.scope", "What your browser sent cannot be read.", ""},
		{web.Problem{ID: "broken"}, "GET", 500, "error.broken", "on our side", "?a=b"},
		{web.Problem{Status: 400, ID: "expired", Back: "javascript:alert(1)"}, "GET", 400, "error.expired", "out of time", ""},
	} {
		w := httptest.NewRecorder()
		p.Problem(w, httptest.NewRequest(c.method, "//evil.example/x?a=b", nil), c.problem)
		main := find(parsed(t, w.Body.String()), func(e *html.Node) bool { return e.Data == "main" })
		link := find(main, func(e *html.Node) bool { return e.Data == "a" })
		href := ""
		if link != nil {
			href = value(link, "href")
		}
		if w.Code != c.code || value(main, "data-prompt") != c.kind || !strings.Contains(inside(main), c.says) || href != c.way {
			t.Errorf("%+v: %d %s %q, way on %q", c.problem, w.Code, value(main, "data-prompt"), inside(main), href)
		}
		if c.problem.Reference != "" && !strings.Contains(inside(main), c.problem.Reference) {
			t.Errorf("%+v: no reference in %q", c.problem, inside(main))
		}
		if strings.Contains(w.Body.String(), "evil.example") {
			t.Errorf("a link of the page leads where the address said")
		}
	}
}

func TestProblemsAsJSON(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/journey/x", nil)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Accept-Language", "de-AT")
	w := httptest.NewRecorder()
	made(t, nil).Problem(w, r, web.Problem{Status: 410, ID: "expired", Name: "Shop", Reference: "R1"})
	var got map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if w.Code != 410 || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" || len(got) != 3 || got["error"] != "expired" ||
		got["message"] != "Die Zeit dieser Seite ist abgelaufen. Beginnen Sie neu bei Shop." || got["reference"] != "R1" {
		t.Errorf("%d %v %v", w.Code, w.Header(), got)
	}
}

func TestLanguageOrder(t *testing.T) {
	p := made(t, nil)
	show := func(query, cookie, accept string, asked []string, method, at string) (lang, set string, menu *html.Node) {
		r := httptest.NewRequest(method, "/journey/x"+query, nil)
		r.Header.Set("Accept-Language", accept)
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: "__Host-stile-lang", Value: cookie})
		}
		f := named(t, "ask.identifier/first")
		f.Page.URL, f.Page.Locale = at, asked
		w := httptest.NewRecorder()
		p.Prompt(w, r, *f.Page)
		for _, c := range w.Result().Cookies() {
			set = c.Value
			if c.Name != "__Host-stile-lang" || !c.HttpOnly || !c.Secure || c.MaxAge <= 0 {
				t.Errorf("cookie %v", c)
			}
		}
		doc := parsed(t, w.Body.String())
		return w.Header().Get("Content-Language"), set, find(doc, func(e *html.Node) bool { return value(e, "class") == "menu" })
	}
	_, chosen, _ := show("?lang=de", "", "en", nil, "GET", "/journey/x")
	for _, c := range []struct {
		name, query, cookie, accept string
		asked                       []string
		method, at, want            string
	}{
		{"chosen on this page", "?lang=de", "en.x", "en", []string{"en"}, "GET", "/journey/x", "de"},
		{"chosen earlier in this journey", "", chosen, "en", []string{"en"}, "GET", "/journey/x", "de"},
		{"asked for by the client", "", chosen, "de", []string{"en-GB"}, "GET", "/journey/other", "en"},
		{"asked for, nearest", "", "", "en", []string{"fr", "de-CH"}, "GET", "/journey/x", "de"},
		{"asked for what nobody speaks", "", "de.x", "en", []string{"ja"}, "GET", "/journey/x", "de"},
		{"remembered", "", "de.x", "en", nil, "GET", "/journey/x", "de"},
		{"preferred by the browser", "", "", "fr;q=0.9, de-AT;q=0.8, en;q=0.1", nil, "GET", "/journey/x", "de"},
		{"refused by the browser", "", "", "de;q=0", nil, "GET", "/journey/x", "en"},
		{"nothing said", "", "", "", nil, "GET", "/journey/x", "en"},
		{"nonsense", "?lang=../../x", "<script>", strings.Repeat("de,", 5000), []string{"\x00", strings.Repeat("a-", 500)}, "GET", "/journey/x", "en"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, _, _ := show(c.query, c.cookie, c.accept, c.asked, c.method, c.at); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	if _, set, menu := show("?lang=de", "", "en", nil, "POST", "/journey/x"); set != "" || menu != nil {
		t.Error("a post chooses a language")
	}
	_, _, menu := show("?lang=de&keep=1", "", "en", nil, "GET", "/journey/x")
	current := find(menu, func(e *html.Node) bool { return value(e, "aria-current") == "true" })
	if value(current, "href") != "?keep=1&lang=de" || value(current, "hreflang") != "de" || value(current, "lang") != "de" || inside(current) != "Deutsch" {
		t.Errorf("the menu's current entry: %v", current.Attr)
	}
}
