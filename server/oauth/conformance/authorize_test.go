package conformance_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
)

// page expects a problem page and no redirect.
func (w *world) page(what, id string, v url.Values) {
	w.t.Helper()
	before := len(w.problems)
	rec := w.send(get("/authorize", v))
	if rec.Code != http.StatusBadRequest || rec.Header().Get("Location") != "" || len(w.problems) != before+1 || w.problems[before] != id {
		w.t.Errorf("%s: %d to %q, problems %v", what, rec.Code, rec.Header().Get("Location"), w.problems[before:])
	}
}

func TestS001_RedirectURIExact(t *testing.T) {
	w := newWorld(t)
	good := redirects["web"]
	for i := range good {
		for _, c := range []byte{good[i] ^ 0x20, 'x', '%', '/'} {
			if bad := good[:i] + string(rune(c)) + good[i+1:]; bad != good {
				w.page(bad, "redirect", ask("web", "redirect_uri", bad))
			}
		}
	}
	for _, bad := range []string{good + "/", good + "?", good + "#", good + "#x", good + "?x=1", "https://app.example:443/cb", "https://app.example/cb/../cb", "https://app.example/%63b",
		"https://user@app.example/cb", "https://app.example@evil.example/cb", "https://app.example.evil.example/cb", "http://app.example/cb", "//app.example/cb",
		"https://app.example/cb\t", " " + good, good + "%0d%0aSet-Cookie:a", "javascript:alert(1)", "https:app.example/cb", `https://app.example\cb`, strings.Repeat("a", 3000), "https://evil.example"} {
		w.page(bad, "redirect", ask("web", "redirect_uri", bad))
	}
	w.page("absent among two", "redirect", ask("web", "redirect_uri", ""))
	if base, q := w.authorize(ask("post", "redirect_uri", "")); base != redirects["post"] || q.Get("code") == "" {
		t.Errorf("the only one is the default: %s", base)
	}
}

func TestS033_LoopbackPortIsFree(t *testing.T) {
	w := newWorld(t)
	for _, good := range []string{"http://127.0.0.1/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb", "http://[::1]/cb?a=1", "http://[::1]:9/cb?a=1", "com.example.app:/cb", "http://localhost:3000/cb"} {
		if _, q := w.authorize(ask("spa", "redirect_uri", good)); q.Get("code") == "" {
			t.Errorf("%s refused", good)
		}
	}
	for _, bad := range []string{"http://127.0.0.1:65536/cb", "http://127.0.0.1:0/cb", "http://127.0.0.1:08/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:5x/cb", "https://127.0.0.1:5/cb", "http://127.0.0.2:5/cb",
		"http://127.0.0.1:5/cb/", "http://127.0.0.1:5/cb?x", "http://127.0.0.1:5@evil.example/cb", "http://127.0.0.1.evil.example/cb", "http://127.0.0.1@evil.example/cb", "http://localhost:3001/cb", "http://localhost/cb",
		"http://[::1]:9/cb", "http://[::1]:9/cb?a=2", "com.example.app:/cb2", "com.example.App:/cb", "HTTP://127.0.0.1:5/cb", "http://127.1:5/cb", "http://0x7f.0.0.1/cb"} {
		w.page(bad, "redirect", ask("spa", "redirect_uri", bad))
	}
}

func TestS002_RegistrationAndQueryKept(t *testing.T) {
	for _, bad := range []string{"", "/cb", "app.example/cb", "https://app.example/cb#f", "https://app.example/cb#", "https://a@app.example/cb", "http://app.example/cb", "https://*.example/cb",
		"javascript:alert(1)", "data:text/html,x", "myapp:/cb", "https://app.example/a b", "https:///cb", "https://app.example/\x00"} {
		if client.CheckRedirect(bad, false) == nil {
			t.Errorf("%q may be registered", bad)
		}
	}
	if client.CheckRedirect("com.example.app:/cb", true) == nil {
		t.Error("a client with a secret may register a private scheme")
	}
	w := newWorld(t)
	rec := w.send(get("/authorize", ask("web", "redirect_uri", "https://app.example/cb?keep=a%20b")))
	if l := rec.Header().Get("Location"); !strings.HasPrefix(l, "https://app.example/cb?keep=a%20b&code=") {
		t.Errorf("location %q", l)
	}
}

func TestS003_NoOpenRedirector(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"", "nobody", "web ", "WEB", "../web"} {
		w.page("client "+id, "client", ask("web", "client_id", id))
	}
	w.page("foreign redirect", "redirect", ask("web", "redirect_uri", redirects["third"]))
	w.page("no grant", "redirect", ask("service", "redirect_uri", "https://evil.example"))
	w.page("foreign redirect and error", "redirect", ask("web", "redirect_uri", "https://evil.example", "response_type", "nonsense"))
}

func TestS016_SeeOther(t *testing.T) {
	w := newWorld(t)
	for _, r := range []*http.Request{get("/authorize", ask("web")), post("/authorize", ask("web")), get("/authorize", ask("web", "response_type", "x"))} {
		r.Header.Set("Origin", "https://elsewhere.example")
		if rec := w.send(r); rec.Code != http.StatusSeeOther || rec.Header().Get("Location") == "" {
			t.Errorf("%s: %d", r.Method, rec.Code)
		}
	}
	w.people.url, w.people.cookies = "https://login.example/journey/x", []string{"__Host-j=1; Path=/; Secure; HttpOnly"}
	rec := w.send(get("/authorize", ask("web")))
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != w.people.url || rec.Header().Get("Set-Cookie") != w.people.cookies[0] {
		t.Errorf("a waiting journey: %d %v", rec.Code, rec.Header())
	}
}

func TestS018_CORS(t *testing.T) {
	w := newWorld(t)
	origin := func(r *http.Request, o string) *http.Request { r.Header.Set("Origin", o); return r }
	for _, path := range []string{"/token", "/revoke", "/userinfo", "/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		for o, want := range map[string]string{"https://spa.example": "https://spa.example", "https://evil.example": "", "null": ""} {
			r := origin(get(path, nil), o)
			r.Method = http.MethodOptions
			if rec := w.send(r); rec.Code != http.StatusNoContent || rec.Header().Get("Access-Control-Allow-Origin") != want || rec.Header().Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("preflight %s from %s: %d %v", path, o, rec.Code, rec.Header())
			}
		}
	}
	for _, r := range []*http.Request{get("/authorize", ask("web")), get("/logout", nil)} {
		if rec := w.send(origin(r, "https://spa.example")); rec.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s answers CORS", r.URL.Path)
		}
	}
	for _, path := range []string{"/introspect", "/revoke"} { // gateway named no origin
		if rec := w.send(origin(w.as("gateway", post(path, form("token", "x"))), "https://spa.example")); rec.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s answers CORS", path)
		}
	}
	v := form("grant_type", "authorization_code", "code", w.code("web"), "redirect_uri", redirects["web"], "code_verifier", verifier)
	if rec := w.send(origin(w.as("web", post("/token", v)), "https://spa.example")); rec.Code != 200 || rec.Header().Get("Access-Control-Allow-Origin") != "https://spa.example" {
		t.Errorf("token: %d %v", rec.Code, rec.Header())
	}
	for o, want := range map[string]string{"https://spa.example": "https://spa.example", "https://evil.example": ""} {
		for _, token := range []string{"x", ""} { // what is wrong with a request may be read as well
			if rec := w.send(origin(w.as("web", post("/revoke", form("token", token))), o)); rec.Header().Get("Access-Control-Allow-Origin") != want || rec.Header().Get("Vary") != "Origin" {
				t.Errorf("revoke: %d %v", rec.Code, rec.Header())
			}
		}
	}
	if rec := w.send(origin(w.as("service", post("/token", form("grant_type", "client_credentials"))), "https://spa.example")); rec.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error("another client's origin may read the answer")
	}
}

func TestS041_IssuerInEveryResponse(t *testing.T) {
	w := newWorld(t)
	if base, q := w.authorize(ask("web")); base != redirects["web"] || q.Get("iss") != issuer || q.Get("state") != "st&te=1" || q.Get("code") == "" {
		t.Errorf("success: %v", q)
	}
	if _, q := w.authorize(ask("web", "response_type", "x")); q.Get("iss") != issuer || q.Get("state") != "st&te=1" || q.Get("error") == "" {
		t.Errorf("error: %v", q)
	}
	w.people.deny = "access_denied"
	if _, q := w.authorize(ask("web", "response_mode", "fragment")); q.Get("iss") != issuer || q.Get("error") != "access_denied" {
		t.Errorf("denied: %v", q)
	}
	if m := object(t, w.send(get("/.well-known/openid-configuration", nil))); m["issuer"] != issuer || m["authorization_response_iss_parameter_supported"] != true {
		t.Errorf("metadata: %v", m)
	}
}

func TestAuthorize_RequestRules(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		more []string
		want string
	}{
		"request object":         {[]string{"request", "x.y.z"}, "request_not_supported"},
		"request uri":            {[]string{"request_uri", "https://evil.example"}, "request_uri_not_supported"},
		"registration":           {[]string{"registration", "{}"}, "registration_not_supported"},
		"response mode":          {[]string{"response_mode", "web_message"}, "invalid_request"},
		"scope malformed":        {[]string{"scope", "a\"b"}, "invalid_scope"},
		"scope of others":        {[]string{"scope", "admin root"}, "invalid_scope"},
		"none with login":        {[]string{"prompt", "none login"}, "invalid_request"},
		"prompt unknown":         {[]string{"prompt", "dance"}, "invalid_request"},
		"max age negative":       {[]string{"max_age", "-1"}, "invalid_request"},
		"max age huge":           {[]string{"max_age", "99999999999"}, "invalid_request"},
		"max age text":           {[]string{"max_age", "1h"}, "invalid_request"},
		"claims not JSON":        {[]string{"claims", "{"}, "invalid_request"},
		"claims deep":            {[]string{"claims", strings.Repeat(`{"id_token":`, 3000)}, "invalid_request"},
		"nonce long":             {[]string{"nonce", strings.Repeat("n", 501)}, "invalid_request"},
		"state long":             {[]string{"state", strings.Repeat("s", 2001)}, "invalid_request"},
		"hint nonsense":          {[]string{"id_token_hint", "nonsense"}, "invalid_request"},
		"essential out of reach": {[]string{"claims", `{"id_token":{"acr":{"essential":true,"values":["urn:x"]}}}`}, "unmet_authentication_requirements"},
	} {
		_, q := w.authorize(ask("web", c.more...))
		if q.Get("error") != c.want || q.Get("code") != "" {
			t.Errorf("%s: %v, want %s", name, q, c.want)
		}
	}
	for name, more := range map[string][]string{"unknown ignored": {"foo", "bar", "display", "wap"}, "scopes of others left out": {"scope", "openid admin"},
		"long hint left out": {"login_hint", strings.Repeat("h", 300)}, "bad locales left out": {"ui_locales", "de <x> fr-CA"}} {
		if _, q := w.authorize(ask("web", more...)); q.Get("code") == "" {
			t.Errorf("%s: %v", name, q)
		}
	}
	if j := w.people.request.Journey; len(j.LoginHint) > 254 {
		t.Errorf("request %+v", j)
	}
}

func TestAuthorize_WhatTheJourneyLearns(t *testing.T) {
	w := newWorld(t)
	r := get("/authorize", ask("third", "scope", "openid email", "login_hint", "ann@example.com", "ui_locales", "de-CH en", "acr_values", "urn:a urn:b", "max_age", "60", "prompt", "select_account"))
	r.Header.Set("User-Agent", strings.Repeat("u", 500))
	r.RemoteAddr = "203.0.113.7:999"
	w.send(r)
	q := w.people.request
	j := q.Journey
	if q.Flow != "signin" || j.Client != "third" || !slices.Equal(j.Scopes, []string{"openid", "email"}) || j.LoginHint != "ann@example.com" || !slices.Equal(j.Locale, []string{"de-CH", "en"}) ||
		!slices.Equal(j.ACR, []string{"urn:a", "urn:b"}) || j.MaxAge == nil || *j.MaxAge != 60 || !j.Select || j.Silent || j.Consent != "ask" || j.IP != "203.0.113.7" || len(j.UserAgent) != 200 {
		t.Errorf("%+v", q)
	}
	w.authorize(ask("web", "prompt", "login consent"))
	if j := w.people.request.Journey; !j.Login || j.Consent != "always" {
		t.Errorf("%+v", j)
	}
	w.authorize(ask("web", "prompt", "create"))
	if w.people.request.Flow != "signup" {
		t.Errorf("prompt=create went to %s", w.people.request.Flow)
	}
	w.people.change = func(v *verdict.Verdict) { v.ACR = strong }
	w.authorize(ask("web", "claims", `{"id_token":{"acr":{"essential":true,"values":["`+strong+`"]},"email":null},"userinfo":{"name":{"essential":true}}}`))
	if q := w.people.request; q.Flow != "strong" || !slices.Equal(q.Journey.EssentialACR, []string{strong}) {
		t.Errorf("%+v", q)
	}
	w.authorize(ask("demanding"))
	if q := w.people.request; q.Flow != "strong" || !slices.Equal(q.Journey.EssentialACR, []string{strong}) {
		t.Errorf("a demanding client: %+v", q)
	}
}

func TestS051_PromptNone(t *testing.T) {
	w := newWorld(t)
	for _, code := range []string{"login_required", "interaction_required", "consent_required", "account_selection_required"} {
		w.people.deny = code
		if _, q := w.authorize(ask("web", "prompt", "none")); q.Get("error") != code {
			t.Errorf("%s: %v", code, q)
		}
		if !w.people.request.Journey.Silent {
			t.Error("not silent")
		}
	}
	w.people.deny = "<script>"
	if _, q := w.authorize(ask("web", "prompt", "none")); q.Get("error") != "access_denied" {
		t.Errorf("an unknown denial: %v", q)
	}
	// An old proof never passes for a new one, even if the other wing believed it.
	w.people.deny = ""
	w.people.change = func(v *verdict.Verdict) { v.AuthTime = w.now().Add(-time.Hour) }
	for _, more := range [][]string{{"prompt", "login"}, {"max_age", "0"}, {"max_age", "600"}} {
		if _, q := w.authorize(ask("web", more...)); q.Get("error") != "login_required" || q.Get("code") != "" {
			t.Errorf("%v: %v", more, q)
		}
	}
	if _, q := w.authorize(ask("web", "max_age", "3601")); q.Get("code") == "" {
		t.Errorf("fresh enough: %v", q)
	}
}

func TestS052_AuthTime(t *testing.T) {
	w := newWorld(t)
	w.people.change = func(v *verdict.Verdict) { v.AuthTime = w.now().Add(-30 * time.Second) }
	m := w.tokens200("web", "max_age", "60")
	if id := w.payload(m["id_token"], "JWT"); id["auth_time"] != float64(w.now().Unix()-30) {
		t.Errorf("auth_time %v", id["auth_time"])
	}
	w.authorize(ask("web", "max_age", "0"))
	if !w.people.request.Journey.Login {
		t.Error("max_age=0 is not prompt=login")
	}
}

func TestS053_IDTokenHint(t *testing.T) {
	w := newWorld(t)
	hint := w.tokens200("web")["id_token"].(string)
	w.pass(24 * time.Hour) // expired is fine for a hint
	if _, q := w.authorize(ask("web", "id_token_hint", hint)); q.Get("code") == "" || w.people.request.Journey.Subject != ann {
		t.Errorf("own hint: %v", q)
	}
	w.people.change = func(v *verdict.Verdict) { v.Subject, v.Session = bob, "sid-bob" }
	if _, q := w.authorize(ask("web", "id_token_hint", hint)); q.Get("error") != "login_required" || q.Get("code") != "" {
		t.Errorf("another person: %v", q)
	}
	w.people.change = nil
	for name, bad := range map[string]string{"other client's": w.tokens200("jwt")["id_token"].(string), "access token": w.tokens200("jwt")["access_token"].(string),
		"cut": hint[:len(hint)-4], "unsigned": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.", "changed": strings.Replace(hint, ".", ".A", 1), "foreign world": newWorld(t).tokens200("web")["id_token"].(string)} {
		if _, q := w.authorize(ask("web", "id_token_hint", bad)); q.Get("error") != "invalid_request" || q.Get("code") != "" {
			t.Errorf("%s: %v", name, q)
		}
	}
	if _, q := w.authorize(ask("web", "claims", `{"id_token":{"sub":{"value":"`+bob+`"}}}`)); q.Get("error") != "login_required" {
		t.Errorf("sub by the claims parameter: %v", q)
	}
}

// TestS055_SubjectAsked: whoever names a person by the claims parameter gets that person or nobody, however odd the name is (OpenID Connect Core §5.5.1, §3.1.2.1).
func TestS055_SubjectAsked(t *testing.T) {
	w := newWorld(t)
	for _, sub := range []string{`{"value":"` + bob + `"}`, `{"value":5}`, `{"value":{"a":1}}`, `{"value":""}`, `{"value":"` + strings.Repeat("x", 255) + `"}`,
		`{"values":["` + bob + `","nobody"]}`, `{"values":[]}`, `{"values":[7]}`, `{"value":"` + bob + `","values":["` + ann + `"]}`} {
		if _, q := w.authorize(ask("web", "claims", `{"id_token":{"sub":`+sub+`}}`)); q.Get("error") == "" {
			t.Errorf("%s: %v", sub, q)
		}
	}
	for _, sub := range []string{`null`, `{}`, `{"essential":true}`, `{"value":null}`, `{"value":"` + ann + `"}`, `{"values":["` + ann + `"]}`, `{"value":"` + ann + `","values":["` + ann + `"]}`} {
		if _, q := w.authorize(ask("web", "claims", `{"id_token":{"sub":`+sub+`}}`)); q.Get("code") == "" {
			t.Errorf("%s: %v", sub, q)
		}
	}
}

func TestS055_ClaimsParameter(t *testing.T) {
	w := newWorld(t)
	m := w.tokens200("web", "claims", `{"id_token":{"email":{"essential":true},"unheard_of":{"essential":true},"acr":null},"userinfo":{"name":null}}`)
	id := w.payload(m["id_token"], "JWT")
	if id["email"] != "ann@example.com" || id["name"] != nil || id["unheard_of"] != nil {
		t.Errorf("id_token %v", id)
	}
	if u := object(t, w.userinfo(m["access_token"])); u["name"] != "Ann Example" || u["email"] != nil {
		t.Errorf("userinfo %v", u)
	}
	w.people.change = func(v *verdict.Verdict) { v.Scope = []string{"openid"} }
	m = w.tokens200("third", "claims", `{"id_token":{"email":null}}`)
	if id := w.payload(m["id_token"], "JWT"); id["email"] != nil {
		t.Errorf("a third party got what nobody allowed: %v", id)
	}
	w.people.change = nil
	for _, essential := range []string{`"value":"` + strong + `"`, `"values":["` + strong + `"]`} {
		if _, q := w.authorize(ask("web", "claims", `{"id_token":{"acr":{"essential":true,`+essential+`}}}`)); q.Get("error") != "unmet_authentication_requirements" {
			t.Errorf("an essential acr that was not reached: %v", q)
		}
	}
}

func TestConsent_NeverAssumed(t *testing.T) {
	w := newWorld(t)
	if _, q := w.authorize(ask("third")); q.Get("error") != "consent_required" || q.Get("code") != "" {
		t.Errorf("a flow that does not ask: %v", q)
	}
	for _, id := range []string{"third", "web"} {
		if _, q := w.authorize(ask(id, "scope", "", "prompt", "consent")); q.Get("error") != "invalid_scope" {
			t.Errorf("%s: consent to nothing in particular: %v", id, q)
		}
	}
	w.people.change = func(v *verdict.Verdict) { v.Scope = []string{"openid", "api"} }
	m := w.tokens200("third", "scope", "openid profile email")
	if m["scope"] != "openid" {
		t.Errorf("scope %v", m["scope"])
	}
	w.people.change = func(v *verdict.Verdict) {
		v.Evidence = append(v.Evidence, verdict.Evidence{Method: "consent", Facts: verdict.Set(verdict.Consented), Subject: v.Subject, At: w.now()})
	}
	if m = w.tokens200("third", "scope", "openid email"); m["scope"] != "openid email" {
		t.Errorf("remembered consent: %v", m["scope"])
	}
}

func TestFinish_BelievesNothing(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*verdict.Verdict){
		"flow of another client": func(v *verdict.Verdict) { v.Flow = "admin" },
		"no subject in verdict":  func(v *verdict.Verdict) { v.AuthTime = time.Time{}; v.Flow = "" },
	} {
		w.people.change = change
		if _, q := w.authorize(ask("web")); q.Get("code") != "" || q.Get("error") == "" {
			t.Errorf("%s: %v", name, q)
		}
	}
	w.people.change = func(v *verdict.Verdict) { v.Client = "spa" } // Grant refuses: nothing is written
	if _, q := w.authorize(ask("web")); q.Get("error") != oauth.Unavailable {
		t.Errorf("verdict for another client: %v", q)
	}
}
