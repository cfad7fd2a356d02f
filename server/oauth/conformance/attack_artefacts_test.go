package conformance_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// artefactDoor is a place where something secret or signed is taken.
type artefactDoor struct {
	takes   []string // artefacts that belong here
	request func(thing string) *http.Request
	good    func(rec *httptest.ResponseRecorder) bool // it was taken
}

// TestAttack_EveryArtefactAtEveryWrongDoor: nothing that the server or its clients make passes for anything else, and trying uses nothing up.
func TestAttack_EveryArtefactAtEveryWrongDoor(t *testing.T) {
	k := newKey(t, "ES256", "k")
	w, speaks := asserting(t)
	list := exchangers(devices(desks(append(slices.Clone(w.clients), oauth.Client{ID: "m", Auth: oauth.AuthKey, JWKS: keySet(t, k), GrantTypes: []string{oauth.GrantCredentials}}))))
	for i := range list {
		switch list[i].ID {
		case "web", "desk":
			list[i].JWKS = keySet(t, k)
		case "jwt":
			list[i].Modes = []string{"query", "jwt", "form_post"}
		}
	}
	w.must(w.registry.Replace(withPhones(list)))
	w.registering()
	w.people.change = nil

	things := map[string]string{}
	keep := func(name string, v any) {
		s, ok := v.(string)
		if !ok || s == "" {
			t.Fatalf("no %s: %v", name, v)
		}
		things[name] = s
	}
	m := w.tokens200("web", "scope", "openid api offline_access", "resource", "https://api.example")
	keep("access token", m["access_token"])
	keep("refresh token", m["refresh_token"])
	keep("ID token", m["id_token"])
	j := w.tokens200("jwt", "scope", "openid")
	keep("JWT access token", j["access_token"])
	keep("signed userinfo", w.userinfo(j["access_token"]).Body.String())
	r := w.as("gateway", post("/introspect", form("token", things["access token"])))
	r.Header.Set("Accept", "application/token-introspection+jwt")
	keep("signed introspection", w.send(r).Body.String())
	keep("code", w.code("web"))
	keep("request_uri", w.pushed("web"))
	_, q := w.authorize(ask("jwt", "response_mode", "jwt"))
	keep("signed answer", q.Get("response"))
	keep("posted answer", queryOf(t, w.send(get("/authorize", ask("jwt", "response_mode", "form_post")))).Get("a"))
	d := w.show("tv")
	keep("device code", d["device_code"])
	keep("user code", d["user_code"])
	keep("auth_req_id", w.called()["auth_req_id"])
	keep("link of an approval", strings.TrimPrefix(w.link(), "/approve/"))
	keep("auth_session", w.challenged("phone"))
	keep("proof", w.proof(k, "POST", "/token"))
	keep("nonce", w.sender.Nonce())
	keep("client assertion", k.sign(t, nil, w.assertion("m")))
	keep("request object", k.sign(t, map[string]any{"typ": "oauth-authz-req+jwt"}, w.object("web", ask("web"))))
	keep("statement about a person", speaks.say(nil))
	reg := w.registered("", said{"redirect_uris": cb()})
	keep("registration access token", reg["registration_access_token"])
	keep("initial access token", entry)
	keep("client secret", secret)
	keep("what is kept of a secret", client.Kept(secret))
	keep("secret of a registered client", reg["client_secret"])
	session := w.session(ann, "sid-ann", nil)
	w.browser = &session
	w.send(get("/logout", form("client_id", "web")))
	keep("note of a question", w.asked[0].Note)
	logoutToken, err := w.tokens.Signer.Sign(t.Context(), oauth.ES256, tokens.TypeLogout, []byte(`{"iss":"`+issuer+`","aud":"web","sub":"`+ann+`","sid":"sid-ann"}`))
	w.must(err)
	keep("logout token", logoutToken)
	keep("account id", ann)
	keep("session id", "sid-ann")

	ok := func(rec *httptest.ResponseRecorder) bool { return rec.Code == 200 || rec.Code == 201 }
	answered := func(rec *httptest.ResponseRecorder) bool {
		return strings.Contains(rec.Header().Get("Location"), "code=")
	}
	bearer := func(method, path, thing string) *http.Request {
		r := httptest.NewRequest(method, issuer+path, strings.NewReader(`{"redirect_uris":["https://rp.example/cb"]}`))
		if method == http.MethodGet {
			r = httptest.NewRequest(method, issuer+path, nil)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+thing)
		return r
	}
	grant := func(id, name string, more ...string) func(string) *http.Request {
		return func(thing string) *http.Request {
			v := form(append([]string{name, thing}, more...)...)
			if id == "tv" {
				return post("/token", merged(v, "client_id", id))
			}
			return w.as(id, post("/token", v))
		}
	}
	doors := map[string]artefactDoor{
		"code":                {[]string{"code"}, grant("web", "code", "grant_type", "authorization_code", "redirect_uri", redirects["web"], "code_verifier", verifier), ok},
		"refresh_token":       {[]string{"refresh token"}, grant("web", "refresh_token", "grant_type", "refresh_token"), ok},
		"device_code":         {[]string{"device code"}, grant("tv", "device_code", "grant_type", oauth.GrantDevice), pendingOr(ok)},
		"auth_req_id":         {[]string{"auth_req_id"}, grant("desk", "auth_req_id", "grant_type", oauth.GrantBackchannel), pendingOr(ok)},
		"subject_token":       {[]string{"access token"}, grant("orders", "subject_token", "grant_type", oauth.GrantExchange, "subject_token_type", asAccess, "scope", "api"), ok},
		"subject_token as ID": {nil, grant("orders", "subject_token", "grant_type", oauth.GrantExchange, "subject_token_type", asID, "scope", "api"), ok},
		"actor_token":         {nil, grant("orders", "actor_token", "grant_type", oauth.GrantExchange, "subject_token", things["access token"], "subject_token_type", asAccess, "actor_token_type", asAccess), ok},
		"assertion":           {[]string{"statement about a person"}, grant("batch", "assertion", "grant_type", oauth.GrantAssertion), ok},
		"client_assertion":    {[]string{"client assertion"}, grantless("client_assertion", "grant_type", "client_credentials", "client_assertion_type", authentication.AssertionType), ok},
		"client_secret":       {[]string{"client secret"}, grantless("client_secret", "client_id", "post", "grant_type", "refresh_token", "refresh_token", "x"), func(rec *httptest.ResponseRecorder) bool { return rec.Code == 400 }},
		"DPoP": {[]string{"proof"}, func(thing string) *http.Request {
			r := w.as("service", post("/token", form("grant_type", "client_credentials")))
			r.Header["Dpop"] = []string{thing}
			return r
		}, ok},
		"nonce": {[]string{"nonce"}, func(thing string) *http.Request {
			r := w.as("service", post("/token", form("grant_type", "client_credentials")))
			r.Header.Set("DPoP", w.proof(k, "POST", "/token", map[string]any{"nonce": thing}))
			return r
		}, ok},
		"userinfo":      {[]string{"access token", "JWT access token"}, func(thing string) *http.Request { return bearer(http.MethodGet, "/userinfo", thing) }, ok},
		"introspection": {[]string{"access token", "JWT access token"}, func(thing string) *http.Request { return w.as("gateway", post("/introspect", form("token", thing))) }, func(rec *httptest.ResponseRecorder) bool { return strings.Contains(rec.Body.String(), `"active":true`) }},
		"request": {[]string{"request object"}, func(thing string) *http.Request {
			return get("/authorize", form("client_id", "web", "redirect_uri", redirects["web"], "request", thing))
		}, answered},
		"request, pushed":      {[]string{"request object"}, func(thing string) *http.Request { return w.as("web", post("/par", form("request", thing))) }, ok},
		"request, backchannel": {nil, func(thing string) *http.Request { return w.as("desk", post("/bc-authorize", form("request", thing))) }, ok},
		"request_uri": {nil, func(thing string) *http.Request {
			return get("/authorize", form("client_id", "jwt", "request_uri", thing))
		}, answered},
		"id_token_hint": {[]string{"ID token"}, func(thing string) *http.Request { return get("/authorize", ask("web", "id_token_hint", thing)) }, answered},
		"id_token_hint, logout": {[]string{"ID token"}, func(thing string) *http.Request {
			return get("/logout", form("id_token_hint", thing, "post_logout_redirect_uri", "https://app.example/bye"))
		}, func(rec *httptest.ResponseRecorder) bool { return rec.Code != 400 }},
		"id_token_hint, CIBA": {nil, func(thing string) *http.Request {
			return w.as("otherdesk", post("/bc-authorize", form("scope", "openid", "id_token_hint", thing)))
		}, ok},
		"login_hint_token": {nil, func(thing string) *http.Request {
			return w.as("otherdesk", post("/bc-authorize", form("scope", "openid", "login_hint_token", thing)))
		}, ok},
		"auth_session":         {[]string{"auth_session"}, func(thing string) *http.Request { return post("/authorize-challenge", right(thing)) }, ok},
		"user_code":            {[]string{"user code"}, func(thing string) *http.Request { return post("/device", form("user_code", thing)) }, func(rec *httptest.ResponseRecorder) bool { return rec.Header().Get("Location") != "" }},
		"link of an approval":  {[]string{"link of an approval"}, func(thing string) *http.Request { return post("/approve/"+url.PathEscape(thing), nil) }, func(rec *httptest.ResponseRecorder) bool { return rec.Header().Get("Location") != "" }},
		"answer to post":       {[]string{"posted answer"}, func(thing string) *http.Request { return get("/authorize/answer", form("a", thing)) }, ok},
		"answer to a question": {[]string{"note of a question"}, func(thing string) *http.Request { return post("/logout/confirm", form("note", thing)) }, func(rec *httptest.ResponseRecorder) bool { return rec.Code != 400 }},
		"managing a registration": {[]string{"registration access token"}, func(thing string) *http.Request {
			return bearer(http.MethodGet, strings.TrimPrefix(reg["registration_client_uri"].(string), issuer), thing)
		}, ok},
		"registering": {[]string{"initial access token"}, func(thing string) *http.Request { return bearer(http.MethodPost, "/register", thing) }, ok},
		"Basic of a registered": {[]string{"secret of a registered client"}, func(thing string) *http.Request {
			r := post("/token", form("grant_type", "client_credentials"))
			r.SetBasicAuth(url.QueryEscape(reg["client_id"].(string)), url.QueryEscape(thing))
			return r
		}, func(rec *httptest.ResponseRecorder) bool { return rec.Code != 401 }},
	}
	n := 0
	try := func(door, name string) *httptest.ResponseRecorder {
		n++
		r := doors[door].request(things[name])
		r.RemoteAddr = fmt.Sprintf("203.0.%d.%d:1", 113+n/250, n%250) // the guard against guessing does not answer instead
		return w.send(r)
	}
	for door, d := range doors {
		for name := range things {
			if slices.Contains(d.takes, name) {
				continue
			}
			rec := try(door, name)
			if d.good(rec) || rec.Code >= 500 {
				t.Errorf("%s as %s: %d %s %.200s", name, door, rec.Code, rec.Header().Get("Location"), rec.Body)
			}
		}
	}
	if len(w.ended) != 0 || w.people.begun < 1 {
		t.Errorf("ended %v", w.ended)
	}
	// What was tried everywhere still opens its own door: the last to be tried are those that end something.
	for _, door := range []string{"userinfo", "introspection", "request, pushed", "request", "id_token_hint", "subject_token", "code", "device_code", "auth_req_id", "assertion", "client_assertion", "client_secret", "DPoP", "nonce",
		"auth_session", "answer to post", "managing a registration", "registering", "Basic of a registered", "user_code", "link of an approval", "refresh_token", "answer to a question", "id_token_hint, logout"} {
		for _, name := range doors[door].takes {
			if rec := try(door, name); !doors[door].good(rec) {
				t.Errorf("%s as %s does not pass any more: %d %s %.200s", name, door, rec.Code, rec.Header().Get("Location"), rec.Body)
			}
		}
	}
	if rec := w.send(get("/authorize", form("client_id", "web", "request_uri", things["request_uri"]))); !answered(rec) {
		t.Errorf("the pushed request: %d", rec.Code)
	}
}

// pendingOr is also good when what was brought is known and nobody has decided yet.
func pendingOr(ok func(*httptest.ResponseRecorder) bool) func(*httptest.ResponseRecorder) bool {
	return func(rec *httptest.ResponseRecorder) bool {
		var m map[string]any
		_ = json.Unmarshal(rec.Body.Bytes(), &m)
		return ok(rec) || m["error"] == "authorization_pending"
	}
}

// grantless is a token request of a client that brings its authentication in the body.
func grantless(name string, more ...string) func(string) *http.Request {
	return func(thing string) *http.Request {
		return post("/token", form(append([]string{name, thing}, more...)...))
	}
}
