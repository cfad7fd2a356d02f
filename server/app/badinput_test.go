package app_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// door is one endpoint and the method it is used with.
type door struct{ method, path string }

func doors(journey string) []door {
	return []door{
		{"GET", "/authorize"}, {"POST", "/authorize"}, {"POST", "/token"}, {"POST", "/introspect"}, {"GET", "/userinfo"}, {"POST", "/userinfo"},
		{"POST", "/revoke"}, {"GET", "/logout"}, {"POST", "/logout"}, {"POST", journey}, {"GET", journey}, {"GET", "/federate/callback"},
		{"GET", "/journey/AAAAAAAAAAAAAAAAAAAAAA"}, {"POST", "/journey/AAAAAAAAAAAAAAAAAAAAAA"}, {"GET", "/journey/%00"}, {"POST", "/journey/..%2f.."},
		{"GET", "/assets/../stile.yaml"}, {"GET", "/nowhere"}, {"DELETE", "/token"}, {"PUT", journey}, {"GET", "/.well-known/openid-configuration"},
	}
}

// nonsense are requests that no honest client makes.
func nonsense() map[string]func(*http.Request) {
	body := func(kind, text string) func(*http.Request) {
		return func(r *http.Request) {
			if r.Method == http.MethodGet {
				r.URL.RawQuery = strings.ReplaceAll(text[:min(len(text), 60_000)], " ", "+")
				return
			}
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
			r.Header.Set("Content-Type", kind)
		}
	}
	const form = "application/x-www-form-urlencoded"
	many := strings.Builder{}
	for i := range 10_000 {
		fmt.Fprintf(&many, "p%d=v&", i)
	}
	repeated := url.Values{"grant_type": {"authorization_code", "refresh_token"}, "code": {"a", "b"}, "revision": {"1", "1"}, "step": {"who", "who"}, "client_id": {"app", "app"},
		"state": {"x", "y"}, "token": {"a", "b"}, "post_logout_redirect_uri": {"a", "b"}}.Encode()
	return map[string]func(*http.Request){
		"an empty body":         body(form, ""),
		"no content type":       body("", "grant_type=client_credentials"),
		"another content type":  body("text/xml", "<grant_type>code</grant_type>"),
		"JSON":                  body("application/json", `{"grant_type":"authorization_code","revision":1e400}`),
		"deep JSON":             body("application/json", strings.Repeat("[", 30_000)),
		"10 MB":                 body(form, "a="+strings.Repeat("x", 10<<20)),
		"10,000 parameters":     body(form, many.String()),
		"repeated parameters":   body(form, repeated),
		"invalid UTF-8":         body(form, "step=%ff%fe&revision=1&identifier=%c3%28&client_id=%ff&state=%ff"),
		"NUL bytes":             body(form, "step=who%00&revision=1&identifier=a%00b&client_id=app%00&token=%00"),
		"line breaks":           body(form, "step=who%0d%0alevel%3dERROR&revision=1&client_id=app%0a%7b%22msg%22%3a1%7d&token=%0d%0a&state=%0a"),
		"bad escapes":           body(form, "step=%zz&revision=%"),
		"markup":                body(form, "client_id=%3Cscript%3Ealert(1)%3C/script%3E&redirect_uri=javascript:alert(1)&grant_type=%3Cb%3E&token=%3Cb%3E&scope=%22%3E"),
		"huge numbers":          body(form, "revision=99999999999999999999&max_age=-1&step=who"),
		"an unknown step":       body(form, "step=nowhere&revision=1&identifier=ann%40example.com"),
		"a negative revision":   body(form, "step=who&revision=-1&identifier=ann%40example.com"),
		"a revision to come":    body(form, "step=who&revision=7&identifier=ann%40example.com"),
		"another step's fields": body(form, "step=who&revision=1&password=x&new_password=y&code=123456"),
		"an unknown button":     body(form, "step=who&revision=1&action=done"),
		"an engine's word":      body(form, "step=who&revision=1&action=callback&code=x&state=y"),
		"a long header":         func(r *http.Request) { r.Header.Set("Accept-Language", strings.Repeat("de,", 5000)) },
		"a broken token":        func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+strings.Repeat("A", 5000)) },
		"broken credentials":    func(r *http.Request) { r.Header.Set("Authorization", "Basic !!!") },
		"a foreign host":        func(r *http.Request) { r.Host = "evil.example"; r.Header.Set("X-Forwarded-Host", "evil.example") },
	}
}

// TestBadInputIsAnsweredInWords: every door, every kind of nonsense: a 4xx (or a redirect that was due anyway), never a 500, the journey where it was, and
// every log line still one JSON object.
func TestBadInputIsAnsweredInWords(t *testing.T) {
	p := serve(t, "")
	v := visit(t, p.base)
	v.begin()
	before := v.page
	for _, d := range doors(v.path) {
		for name, spoil := range nonsense() {
			a, err := v.send(d.method, d.path, nil, spoil)
			if err != nil {
				if strings.Contains(err.Error(), "reset by peer") || strings.Contains(err.Error(), "broken pipe") || strings.Contains(err.Error(), "invalid URL") {
					continue // the server hung up on what was too big
				}
				t.Errorf("%s %s with %s: %v", d.method, d.path, name, err)
				continue
			}
			if a.status >= 500 {
				t.Errorf("%s %s with %s: %d %.300s", d.method, d.path, name, a.status, a.body)
			}
			if strings.Contains(a.body, "<script>alert") || strings.HasPrefix(a.location, "javascript:") || strings.Contains(a.location, "evil.example") {
				t.Errorf("%s %s with %s: what was sent came back", d.method, d.path, name)
			}
			if d.path == v.path && d.method == http.MethodPost && a.status < 400 {
				t.Errorf("%s %s with %s: %d %s", d.method, d.path, name, a.status, a.location)
			}
		}
	}
	v.show()
	if v.step() != "who" || v.revision() != attribute(before, `name="revision" value="(\d+)"`) {
		t.Errorf("the journey moved to %s, revision %s", v.step(), v.revision())
	}
	v.post("identifier", "ann@example.com")
	v.at("password")
	lines := bufio.NewScanner(strings.NewReader(p.log.String()))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line map[string]any
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line["msg"] == nil {
			t.Fatalf("a log line was split: %q", lines.Text())
		}
		if line["level"] == "ERROR" {
			t.Errorf("a stranger's mistake is logged as ours: %s", lines.Text())
		}
	}
}

// TestRule05_AHandleIsUselessWithoutItsBinding: without the cookie, with another journey's, or with a stale one, a handle shows and does nothing.
func TestRule05_AHandleIsUselessWithoutItsBinding(t *testing.T) {
	p := serve(t, "")
	v, w := visit(t, p.base), visit(t, p.base)
	v.begin()
	w.begin()
	for name, try := range map[string]func() answer{
		"GET without the cookie": func() answer { return visit(t, p.base).must(http.MethodGet, v.path, nil, http.StatusGone) },
		"POST without the cookie": func() answer {
			return visit(t, p.base).must(http.MethodPost, v.path, v.form("identifier", "ann@example.com"), http.StatusGone)
		},
		"GET with another journey's cookie": func() answer { return w.must(http.MethodGet, v.path, nil, http.StatusGone) },
		"POST with another journey's cookie": func() answer {
			return w.must(http.MethodPost, v.path, v.form("identifier", "ann@example.com"), http.StatusGone)
		},
	} {
		if a := try(); !strings.Contains(a.body, `data-prompt="error.expired"`) {
			t.Errorf("%s: %.300s", name, a.body)
		}
	}
	v.post("identifier", "ann@example.com")
	v.at("password")
}

// TestRule04_RestartReReadsTheRequest: what the client asked for is intact after back, restart and whatever the browser adds to the URL.
func TestRule04_RestartReReadsTheRequest(t *testing.T) {
	p := serve(t, "")
	v := visit(t, p.base)
	v.begin()
	v.post("identifier", "bob@example.com")
	v.page = v.must(http.MethodGet, v.path+"?client_id=evil&redirect_uri=http://evil.example&scope=api&state=other", nil, http.StatusOK).body
	v.post("action", "back")
	v.at("who")
	v.post("identifier", "bob@example.com")
	v.post("action", "restart")
	v.at("who")
	v.post("identifier", "ann@example.com")
	tokens, status := v.redeem(v.post("password", secret))
	if status != http.StatusOK || strings.Contains(fmt.Sprint(tokens["scope"]), "api") {
		t.Errorf("%d %v", status, tokens)
	}
}

// TestS026_ForwardingHeadersOfStrangersAreRemoved: nothing behind may believe them.
func TestS026_ForwardingHeadersOfStrangersAreRemoved(t *testing.T) {
	p := serve(t, "")
	v := visit(t, p.base)
	_, err := v.send(http.MethodGet, "/nowhere", nil, func(r *http.Request) {
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		r.Header.Set("Forwarded", "for=203.0.113.9")
	})
	if err != nil {
		t.Fatal(err)
	}
	if log := p.log.String(); strings.Contains(log, "203.0.113.9") {
		t.Errorf("the log believes the header: %s", log)
	}
}

// TestS017_S023_PagesCannotBeFramedAndLeakNothing: headers of every page a person sees.
func TestS017_S023_PagesCannotBeFramedAndLeakNothing(t *testing.T) {
	p := serve(t, "")
	v := visit(t, p.base)
	v.begin()
	for _, path := range []string{v.path, "/journey/AAAAAAAAAAAAAAAAAAAAAA", "/authorize?client_id=nobody", "/nowhere"} {
		a, err := v.send(http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		policy := a.header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") ||
			a.header.Get("X-Frame-Options") != "DENY" || !strings.Contains("no-referrer same-origin", a.header.Get("Referrer-Policy")) || a.header.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.Contains(a.header.Get("Cache-Control"), "no-store") {
			t.Errorf("%s: %v", path, a.header)
		}
	}
}
