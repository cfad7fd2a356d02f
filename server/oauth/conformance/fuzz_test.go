package conformance_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzAuthorize sends any query string: never a 500, never a redirect elsewhere than to the client, never a response split.
func FuzzAuthorize(f *testing.F) {
	w := newWorld(f)
	f.Add(ask("web").Encode())
	f.Add(ask("spa", "prompt", "none", "max_age", "0").Encode())
	f.Add(ask("third", "claims", `{"id_token":{"acr":{"essential":true,"values":["x"]}}}`, "ui_locales", "de en").Encode())
	f.Add(ask("web", "response_mode", "fragment", "id_token_hint", "a.b.c").Encode())
	f.Add("client_id=web&redirect_uri=https://app.example/cb%0d%0aX:1")
	c, err := w.registry.Client(context.Background(), "web")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, issuer+"/authorize", nil)
		r.URL.RawQuery = query
		rec := httptest.NewRecorder()
		w.auth.ServeHTTP(rec, r)
		location := rec.Header().Get("Location")
		switch rec.Code {
		case http.StatusBadRequest:
			if location != "" {
				t.Fatalf("a page that redirects to %q", location)
			}
			return
		case http.StatusSeeOther:
		default:
			t.Fatalf("status %d", rec.Code)
		}
		u, err := url.Parse(location)
		if err != nil || strings.ContainsAny(location, "\r\n\x00 <>\"") {
			t.Fatalf("location %q", location)
		}
		if p := r.URL.Query(); p.Get("client_id") == "web" && !slices.ContainsFunc(c.Redirects, func(s string) bool { return strings.HasPrefix(location, s) }) {
			t.Fatalf("went to %q", u)
		}
	})
}

// FuzzToken sends any body: never a 500, and tokens only for the client that authenticated.
func FuzzToken(f *testing.F) {
	w := newWorld(f)
	f.Add("grant_type=client_credentials")
	f.Add("grant_type=authorization_code&code=stc_x&redirect_uri=https://app.example/cb&code_verifier=" + verifier)
	f.Add("grant_type=refresh_token&refresh_token=str_AAAA&scope=a+b")
	f.Add("grant_type=client_credentials&scope=%00")
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("service", secret)
		rec := httptest.NewRecorder()
		w.token.ServeHTTP(rec, r)
		if rec.Code != 200 && (rec.Code < 400 || rec.Code >= 500) {
			t.Fatalf("status %d %s", rec.Code, rec.Body)
		}
		object(t, rec)
	})
}
