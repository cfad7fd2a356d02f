package bff

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/registry"
	"github.com/stile-id/stile/server/seal"
)

func handler(t testing.TB, issuer string) (*Handler, *mux.Router) {
	t.Helper()
	master, _, err := seal.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	clients, err := registry.New([]oauth.Client{{ID: "spa", Secrets: []string{client.Kept("x")}, Redirects: []string{issuer + "/bff/spa/callback"}, Scopes: []string{"openid"},
		GrantTypes: []string{oauth.GrantCode, oauth.GrantRefresh}, Flows: oauth.Flows{Default: "signin"}}})
	if err != nil {
		t.Fatal(err)
	}
	r := mux.NewRouter()
	h := New(Options{Issuer: oauth.Issuer(issuer), Apps: Settings{"spa": {Home: "https://shop.example.com/"}}, Clients: clients, Server: r, Master: master, Random: rand.Reader,
		Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	h.Mount(r)
	return h, r
}

// TestS076_Cookies: over https every cookie belongs to this host alone, goes over https alone and is out of reach of scripts; the one that stands
// for a session is never sent from another site.
func TestS076_Cookies(t *testing.T) {
	h, r := handler(t, "https://id.example.com")
	rec := httptest.NewRecorder()
	r.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "https://id.example.com/bff/spa/login", nil))
	set := rec.Result().Cookies()
	if rec.Code != http.StatusSeeOther || len(set) != 1 {
		t.Fatalf("%d %v", rec.Code, set)
	}
	u, err := url.Parse(rec.Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Path != "/authorize" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || len(q.Get("state")) < 22 || len(q.Get("nonce")) < 22 || q.Get("client_id") != "spa" {
		t.Errorf("leads to %s", u)
	}
	c, err := h.Clients.Client(t.Context(), "spa")
	if err != nil {
		t.Fatal(err)
	}
	rec = httptest.NewRecorder()
	if err := h.keep(rec, &app{id: "spa", client: c}, held{Access: "sta_x", Refresh: "str_x"}); err != nil {
		t.Fatal(err)
	}
	session := rec.Result().Cookies()[0]
	if session.SameSite != http.SameSiteStrictMode {
		t.Errorf("the session's cookie is sent from elsewhere: %v", session)
	}
	for _, k := range append(set, session) {
		if !strings.HasPrefix(k.Name, "__Host-") || !k.Secure || !k.HttpOnly || k.Path != "/" || k.Domain != "" || k.SameSite == http.SameSiteNoneMode || strings.Contains(k.Value, "sta_") {
			t.Errorf("%v", k)
		}
	}
	// The two kinds do not pass for each other, nor do cookies that came twice.
	for name, cookies := range map[string][]*http.Cookie{
		"another kind": {{Name: session.Name, Value: set[0].Value}}, "twice": {session, session}, "bent": {{Name: session.Name, Value: session.Value[:len(session.Value)-4] + "AAAA"}},
	} {
		q := httptest.NewRequest(http.MethodGet, "/", nil)
		for _, k := range cookies {
			q.AddCookie(k)
		}
		if _, ok := h.of(q, &app{id: "spa", client: c}); ok {
			t.Errorf("%s is taken", name)
		}
	}
	q2 := httptest.NewRequest(http.MethodGet, "/", nil)
	q2.AddCookie(session)
	if _, ok := h.of(q2, &app{id: "spa", client: c}); !ok {
		t.Error("the session's cookie is not taken")
	}
	if err := h.keep(httptest.NewRecorder(), &app{id: "spa", client: c}, held{Access: strings.Repeat("x", 4000)}); err == nil {
		t.Error("a cookie that no browser keeps is set")
	}
}

// TestS076_ClientsThatCannotBeKept: settings under which no login could succeed are told when they are read, not by a page that fails.
func TestS076_ClientsThatCannotBeKept(t *testing.T) {
	const issuer = "https://id.example.com"
	good := oauth.Client{ID: "spa", Redirects: []string{issuer + "/bff/spa/callback"}, Scopes: []string{"openid"}, GrantTypes: []string{oauth.GrantCode, oauth.GrantRefresh}, Flows: oauth.Flows{Default: "signin"}}
	check := func(change func(*oauth.Client)) []error {
		c := good
		change(&c)
		return Check(issuer, "spa", App{Home: "https://shop.example.com/"}, []oauth.Client{c})
	}
	if errs := check(func(*oauth.Client) {}); len(errs) > 0 {
		t.Fatal(errs)
	}
	if errs := check(func(c *oauth.Client) { c.Scopes, c.GrantTypes = nil, nil }); len(errs) > 0 {
		t.Errorf("defaults: %v", errs)
	}
	for name, change := range map[string]func(*oauth.Client){
		"openid":         func(c *oauth.Client) { c.Scopes = []string{"orders"} },
		"grant type":     func(c *oauth.Client) { c.GrantTypes = []string{oauth.GrantCredentials} },
		"dpop":           func(c *oauth.Client) { c.DPoP = oauth.Required },
		"tls_bound":      func(c *oauth.Client) { c.TLSBound = true },
		"par":            func(c *oauth.Client) { c.PAR = oauth.Required },
		"signed":         func(c *oauth.Client) { c.SignedRequests = oauth.Required },
		"profile":        func(c *oauth.Client) { c.Profile = oauth.ProfileFAPI2 },
		"response_modes": func(c *oauth.Client) { c.Modes = []string{"form_post", "query"} },
		"encrypted":      func(c *oauth.Client) { c.IDTokenEncAlg = "ECDH-ES" },
	} {
		if errs := check(change); len(errs) == 0 || !strings.Contains(errors.Join(errs...).Error(), name) {
			t.Errorf("%s: %v", name, errs)
		}
	}
}

func FuzzTarget(f *testing.F) {
	f.Add("a/b", "x=1")
	f.Add("../x", "")
	f.Add("%2e%2e/x", "%zz")
	f.Add("@evil.example/", "")
	f.Fuzz(func(t *testing.T, rest, query string) {
		to, err := target("https://api.example.com/v1", rest, query)
		if err != nil {
			return
		}
		r, err := http.NewRequest(http.MethodGet, to, nil)
		if err != nil {
			return
		}
		if r.URL.Host != "api.example.com" || r.URL.Scheme != "https" || !strings.HasPrefix(r.URL.Path, "/v1/") || r.URL.JoinPath().Path != r.URL.Path && !strings.Contains(rest, "//") && !strings.HasPrefix(rest, "/") {
			t.Errorf("%q leads to %s", rest, to)
		}
	})
}

func FuzzPath(f *testing.F) {
	f.Add("/a?b=c#d")
	f.Add("//evil.example")
	f.Add("/\\evil.example")
	f.Fuzz(func(t *testing.T, text string) {
		if back := path(text); back != "" {
			u, err := url.Parse("https://shop.example.com" + back)
			if err != nil || u.Host != "shop.example.com" || strings.ContainsAny(back, "\r\n\\") {
				t.Errorf("%q leads to %v", text, u)
			}
		}
	})
}
