package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/config"
)

const spaSettings = `clients:
  - id: spa
    name: Shop
    first_party: true
    redirect_uris: ["%[1]s/bff/spa/callback"]
    post_logout_redirect_uris: ["http://localhost:3000/shop"]
    grant_types: [authorization_code, refresh_token]
    scopes: [openid, profile, orders]
    resources: [https://api.example.com]
    flows: { default: signin }
    lifetimes: { access_token: 11s }
token-handlers:
  spa:
    app: http://localhost:3000/shop
    apis:
      orders: { base: "%[2]s/v1", allow-private: true }
      guarded: { base: "%[2]s/v1" }
`

// TestS076_TokenHandler: the whole way of a single-page app, and what its browser gets to see: no token, ever.
func TestS076_TokenHandler(t *testing.T) {
	type seen struct {
		method, uri, body string
		header            http.Header
	}
	calls := make(chan seen, 100)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		calls <- seen{r.Method, r.RequestURI, string(b), r.Header.Clone()}
		switch r.URL.Path {
		case "/v1/away":
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
			return
		case "/v1/none":
			w.WriteHeader(http.StatusNotFound)
		case "/v1/announced", "/v1/endless":
			if strings.HasSuffix(r.URL.Path, "announced") {
				w.Header().Set("Content-Length", strconv.Itoa(33<<20))
			}
			for range 33 {
				_, _ = w.Write(make([]byte, 1<<20))
			}
			return
		case "/v1/breaks":
			_, _ = io.WriteString(w, `{"orders":`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Set-Cookie", "api=1")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"orders":1}`)
	}))
	t.Cleanup(api.Close)
	p := serveText(t, t.TempDir(), func(base, listen string) string {
		return fmt.Sprintf("issuer: %s\nlisten: %s\ndata: data\nflows: flows\npassword: { memory: 64, iterations: 1 }\nhooks: { deadline: 5s }\n%s%s", base, listen, around, fmt.Sprintf(spaSettings, base, api.URL))
	})
	v := visit(t, p.base)
	call := func(v *visitor, method, path, body string, change ...func(*http.Request)) answer {
		t.Helper()
		a, err := v.send(method, path, nil, append([]func(*http.Request){func(r *http.Request) {
			r.Header.Set("Stile-BFF", "1")
			if body != "" {
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
				r.Header.Set("Content-Type", "application/json")
			}
		}}, change...)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"sta_", "str_", "stc_", "eyJ"} {
			if strings.Contains(a.body, secret) {
				t.Errorf("%s %s shows a token to the script: %s", method, path, a.body)
			}
		}
		return a
	}
	if a := call(v, http.MethodGet, "/bff/spa/session", ""); a.body != `{"signed_in":false}` {
		t.Errorf("before signing in: %s", a.body)
	}
	signIn := func(v *visitor, back string) string {
		t.Helper()
		a := v.must(http.MethodGet, "/bff/spa/login?return_to="+url.QueryEscape(back), nil, http.StatusSeeOther)
		begun := a.header.Get("Set-Cookie")
		if !strings.HasPrefix(begun, "stile-bff-spa-login=stg_") || !strings.Contains(begun, "HttpOnly") {
			t.Errorf("the login's cookie: %s", begun)
		}
		v.path = v.must(http.MethodGet, a.location, nil, http.StatusSeeOther).location
		v.show()
		v.post("identifier", "ann@example.com")
		u, err := url.Parse(v.post("password", secret))
		if err != nil {
			t.Fatal(err)
		}
		return u.RequestURI()
	}
	back := signIn(v, "/shop/orders?page=2")
	// Whoever gets another browser to open it signs nobody in.
	if a := visit(t, p.base).must(http.MethodGet, back, nil, http.StatusSeeOther); a.location != "http://localhost:3000/shop?login_error=invalid_state" || a.header.Get("Set-Cookie") != "" {
		t.Errorf("another browser: %s %v", a.location, a.header)
	}
	a := v.must(http.MethodGet, back, nil, http.StatusSeeOther)
	if a.location != "http://localhost:3000/shop/orders?page=2" {
		t.Fatalf("comes back to %s", a.location)
	}
	kept := ""
	for _, c := range a.header.Values("Set-Cookie") {
		if strings.HasPrefix(c, "stile-bff-spa=stb_") {
			kept = c
		}
	}
	if !strings.Contains(kept, "HttpOnly") || !strings.Contains(kept, "SameSite=Strict") || !strings.Contains(kept, "Path=/") || strings.Contains(kept, "Domain") || strings.Contains(kept, "sta_") {
		t.Errorf("the session's cookie: %s", kept)
	}
	a = call(v, http.MethodGet, "/bff/spa/session", "")
	var said struct {
		SignedIn bool           `json:"signed_in"`
		Claims   map[string]any `json:"claims"`
		Expires  int            `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(a.body), &said); err != nil || !said.SignedIn || said.Claims["sub"] == "" || said.Claims["nonce"] != nil || said.Expires < 1 {
		t.Errorf("the session: %s", a.body)
	}

	a = call(v, http.MethodPost, "/bff/spa/api/orders/things/a%20b?x=1&y=%2F", `{"new":1}`, func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer spoofed")
		r.Header.Set("X-User", "admin")
		r.Header.Set("X-Forwarded-Host", "evil.example")
	})
	got := <-calls
	token := strings.TrimPrefix(got.header.Get("Authorization"), "Bearer ")
	if a.status != 200 || a.body != `{"orders":1}` || got.method != "POST" || got.uri != "/v1/things/a%20b?x=1&y=%2F" || got.body != `{"new":1}` || !strings.HasPrefix(token, "sta_") {
		t.Errorf("the API: %d %s after %+v", a.status, a.body, got)
	}
	for _, name := range []string{"Cookie", "X-User", "X-Forwarded-Host", "Stile-Bff"} {
		if got.header.Get(name) != "" {
			t.Errorf("the API sees %s: %s", name, got.header.Get(name))
		}
	}
	if a.header.Get("Set-Cookie") != "" || a.header.Get("Access-Control-Allow-Origin") != "" || !strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("the app sees %v", a.header)
	}

	// A path is handed on as it is, by the method it came with; one whose answer would show the token is none.
	if a = call(v, http.MethodPost, "/bff/spa/api/orders/a//b/", `{}`); a.status != 200 || len(calls) != 1 {
		t.Errorf("two slashes: %d", a.status)
	} else if got = <-calls; got.method != "POST" || got.uri != "/v1/a//b/" {
		t.Errorf("two slashes: %s %s", got.method, got.uri)
	}
	for _, method := range []string{http.MethodTrace, "TRACK", "PROPFIND"} {
		if a = call(v, method, "/bff/spa/api/orders/x", ""); a.status != http.StatusMethodNotAllowed || len(calls) > 0 {
			t.Errorf("%s: %d", method, a.status)
		}
	}

	// An answer that is too long, or breaks off, is none: half of it must not pass for the whole.
	for _, path := range []string{"announced", "endless", "breaks"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.base+"/bff/spa/api/orders/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Stile-BFF", "1")
		res, err := v.http.Do(r)
		<-calls
		if err != nil {
			continue // it broke before the first byte was on its way
		}
		n, err := io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if err == nil && res.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: %d with %d bytes, as if that were all", path, res.StatusCode, n)
		}
	}

	// Only listed hosts, only below their base, and guarded like every outside call.
	for path, status := range map[string]int{"/bff/spa/api/other/x": 404, "/bff/spa/api/orders/../admin": 404, "/bff/spa/api/orders/%2e%2e/admin": 404, "/bff/spa/api/orders/a%2f..%2fb": 404,
		"/bff/spa/api/orders/a%5cb": 404, "/bff/spa/api/guarded/x": 502, "/bff/spa/api/orders/away": 502, "/bff/spa/api/orders/none": 404} {
		before := len(calls)
		a := call(v, http.MethodGet, path, "")
		reached := len(calls) > before
		if a.status != status || reached != (strings.HasSuffix(path, "away") || strings.HasSuffix(path, "none")) {
			t.Errorf("%s: %d, reached %v", path, a.status, reached)
		}
	}
	// A page of another origin cannot send the header; whatever it sends without is refused, and so is its origin.
	for name, change := range map[string]func(*http.Request){
		"no header":      func(r *http.Request) { r.Header.Del("Stile-BFF") },
		"another origin": func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		"null origin":    func(r *http.Request) { r.Header.Set("Origin", "null") },
		"another port":   func(r *http.Request) { r.Header.Set("Origin", "http://localhost:3001") },
	} {
		for path, method := range map[string]string{"/bff/spa/session": "GET", "/bff/spa/refresh": "POST", "/bff/spa/logout": "POST", "/bff/spa/api/orders/x": "DELETE"} {
			if a := call(v, method, path, "", change); a.status != http.StatusForbidden || a.header.Get("Access-Control-Allow-Origin") != "" || len(a.header.Values("Set-Cookie")) > 0 {
				t.Errorf("%s, %s %s: %d %v", name, method, path, a.status, a.header)
			}
		}
	}
	home := func(r *http.Request) { r.Header.Set("Origin", "http://localhost:3000") }
	if a := call(v, http.MethodOptions, "/bff/spa/api/orders/x", "", home, func(r *http.Request) { r.Header.Del("Stile-BFF") }); a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != "http://localhost:3000" ||
		a.header.Get("Access-Control-Allow-Credentials") != "true" || !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Stile-BFF") {
		t.Errorf("preflight: %d %v", a.status, a.header)
	}

	// An access token that ends is exchanged on the way, and an app may ask for it.
	for len(calls) > 0 {
		<-calls
	}
	if a := call(v, http.MethodPost, "/bff/spa/refresh", "", home); a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "http://localhost:3000" {
		t.Errorf("refresh: %d %s", a.status, a.body)
	}
	call(v, http.MethodGet, "/bff/spa/api/orders/x", "")
	second := strings.TrimPrefix((<-calls).header.Get("Authorization"), "Bearer ")
	time.Sleep(2 * time.Second) // the token has less than ten of its eleven seconds left
	call(v, http.MethodGet, "/bff/spa/api/orders/x", "")
	third := strings.TrimPrefix((<-calls).header.Get("Authorization"), "Bearer ")
	if token == second || second == third {
		t.Error("the access token is not exchanged")
	}

	// Where a login leads back to is a path of the app.
	for _, bad := range []string{"//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "evil", "/a\nb"} {
		other := visit(t, p.base)
		if a := other.must(http.MethodGet, signIn(other, bad), nil, http.StatusSeeOther); a.location != "http://localhost:3000/shop" {
			t.Errorf("%q leads to %s", bad, a.location)
		}
	}

	a = call(v, http.MethodPost, "/bff/spa/logout", "")
	if a.status != 200 || a.body != `{"logout_url":"`+p.base+`/bff/spa/logout"}` {
		t.Fatalf("logout: %d %s", a.status, a.body)
	}
	if a := call(v, http.MethodGet, "/bff/spa/session", ""); a.body != `{"signed_in":false}` {
		t.Errorf("after signing out: %s", a.body)
	}
	if a := call(v, http.MethodGet, "/bff/spa/api/orders/x", ""); a.status != http.StatusUnauthorized {
		t.Errorf("after signing out: %d", a.status)
	}
	a = v.must(http.MethodGet, "/bff/spa/logout", nil, http.StatusSeeOther)
	if a = v.must(http.MethodGet, a.location, nil, http.StatusSeeOther); a.location != "http://localhost:3000/shop" {
		t.Errorf("signing out leads to %s", a.location)
	}

	// A session that ends elsewhere ends here with the next exchange.
	v = visit(t, p.base)
	v.must(http.MethodGet, signIn(v, "/"), nil, http.StatusSeeOther)
	found, err := p.server.Store.AccountBy(t.Context(), identity.Email, "ann@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.server.Store.Apply(t.Context(), []identity.Write{identity.EndSessions{Account: found.ID, Reason: "test", At: time.Now()}}, nil); err != nil {
		t.Fatal(err)
	}
	if a := call(v, http.MethodPost, "/bff/spa/refresh", ""); a.status != http.StatusUnauthorized {
		t.Errorf("ended elsewhere: %d %s", a.status, a.body)
	}
}

// TestGuide_SinglePageApps: the guide's settings are taken, and it names every route there is.
func TestGuide_SinglePageApps(t *testing.T) {
	const guide = "../../docs/guides/single-page-apps.md"
	text := "issuer: https://id.example.com\n" + onlyBlock(t, guide, "yaml")
	f, problems := config.Read("stile.yaml", []byte(text))
	if f == nil || problems.Failed() {
		t.Fatal(problems)
	}
	said, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range []string{"/bff/shop/login?return_to=", "GET /bff/shop/session", "POST /bff/shop/refresh", "POST /bff/shop/logout", "/bff/shop/api/orders/", "`Stile-BFF: 1`"} {
		if !strings.Contains(string(said), route) {
			t.Errorf("the guide does not name %s", route)
		}
	}
	for old, change := range map[string]string{"/bff/shop/callback": "/bff/shop/cb", "app: https": "app: ftp", "base: https": "base: \"\"\n#", "- id: shop": "- id: store"} {
		if f, _ := config.Read("stile.yaml", []byte(strings.Replace(text, old, change, 1))); f != nil {
			t.Errorf("%s is taken", change)
		}
	}
}
