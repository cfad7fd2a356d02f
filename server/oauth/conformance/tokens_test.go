package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/claims"
	"github.com/stile-id/stile/server/oauth/tokens"
)

func TestS024_S054_Userinfo(t *testing.T) {
	w := newWorld(t)
	m := w.tokens200("web", "scope", "openid email")
	access := m["access_token"].(string)
	request := func(method, path, body string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, issuer+path, strings.NewReader(body))
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Add(headers[i], headers[i+1])
		}
		return w.send(r)
	}
	bearer := []string{"Authorization", "Bearer " + access}
	formType := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for name, c := range map[string]struct {
		rec       *httptest.ResponseRecorder
		status    int
		challenge string
	}{
		"get":              {request("GET", "/userinfo", "", bearer...), 200, ""},
		"post":             {request("POST", "/userinfo", "", bearer...), 200, ""},
		"lower case":       {request("GET", "/userinfo", "", "Authorization", "bearer "+access), 200, ""},
		"no token":         {request("GET", "/userinfo", ""), 401, `Bearer realm="stile"`},
		"basic":            {request("GET", "/userinfo", "", "Authorization", "Basic eDp5"), 401, `Bearer realm="stile"`},
		"in the query":     {request("GET", "/userinfo?access_token="+access, ""), 400, "invalid_request"},
		"query and header": {request("GET", "/userinfo?access_token="+access, "", bearer...), 400, "invalid_request"},
		"in the body":      {request("POST", "/userinfo", "access_token="+access, formType...), 400, "invalid_request"},
		"body and header":  {request("POST", "/userinfo", "access_token="+access, append(formType, bearer...)...), 400, "invalid_request"},
		"two headers":      {request("GET", "/userinfo", "", append(bearer, bearer...)...), 400, "invalid_request"},
		"nonsense":         {request("GET", "/userinfo", "", "Authorization", "Bearer nonsense"), 401, "invalid_token"},
		"empty":            {request("GET", "/userinfo", "", "Authorization", "Bearer "), 401, "invalid_token"},
		"refresh token":    {request("GET", "/userinfo", "", "Authorization", "Bearer "+m["refresh_token"].(string)), 401, "invalid_token"},
		"id token":         {request("GET", "/userinfo", "", "Authorization", "Bearer "+m["id_token"].(string)), 401, "invalid_token"},
		"put":              {request("PUT", "/userinfo", "", bearer...), 405, ""},
	} {
		if c.rec.Code != c.status || !strings.Contains(c.rec.Header().Get("WWW-Authenticate"), c.challenge) || c.rec.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v %s", name, c.rec.Code, c.rec.Header(), c.rec.Body)
		}
	}
	if u := object(t, w.userinfo(access)); u["sub"] != w.payload(m["id_token"], "JWT")["sub"] {
		t.Errorf("sub %v", u["sub"])
	}
	if rec := w.userinfo(w.tokens200("web", "scope", "email")["access_token"]); rec.Code == 200 {
		t.Error("a token without openid is answered")
	}
	w.pass(5*time.Minute + time.Second)
	if rec := w.userinfo(access); rec.Code != 401 {
		t.Errorf("expired: %d", rec.Code)
	}
	rec := w.userinfo(w.tokens200("jwt", "scope", "openid email")["access_token"])
	if rec.Header().Get("Content-Type") != "application/jwt" {
		t.Fatalf("signed userinfo: %v", rec.Header())
	}
	if u := w.payload(rec.Body.String(), tokens.TypeUserinfo); u["sub"] != ann || u["iss"] != issuer || u["aud"] != "jwt" || u["email"] != "ann@example.com" {
		t.Errorf("signed userinfo %v", u)
	}
}

func TestS032_Introspection(t *testing.T) {
	w := newWorld(t)
	m := w.tokens200("web", "scope", "openid api", "resource", "https://api.example")
	got := w.introspect("api", m["access_token"])
	for name, want := range map[string]any{"active": true, "iss": issuer, "sub": ann, "client_id": "web", "scope": "openid api", "token_type": "Bearer",
		"acr": basicACR, "exp": float64(w.now().Unix() + 300), "tier": "gold"} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if got := w.introspect("gateway", m["access_token"]); got["active"] != true {
		t.Error("introspect: any may not ask")
	}
	expired := w.tokens200("web")["access_token"]
	w.pass(5*time.Minute + time.Second)
	revoked := w.tokens200("web", "resource", "https://api.example")["access_token"].(string)
	w.send(w.as("web", post("/revoke", form("token", revoked))))
	fresh := w.tokens200("web", "resource", "https://api.example")
	ask := func(caller string, token any) string {
		text, _ := token.(string)
		rec := w.send(w.as(caller, post("/introspect", form("token", text, "token_type_hint", "access_token"))))
		if rec.Code != 200 || rec.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", caller, rec.Code, rec.Header())
		}
		return rec.Body.String()
	}
	for name, body := range map[string]string{"unknown": ask("api", "nonsense"), "expired": ask("api", expired), "revoked": ask("api", revoked), "foreign": ask("other-api", fresh["access_token"]),
		"not allowed": ask("curious", fresh["access_token"]), "refresh": ask("gateway", fresh["refresh_token"]), "id token": ask("gateway", fresh["id_token"]), "code": ask("gateway", w.code("web"))} {
		if body != `{"active":false}` {
			t.Errorf("%s: %s", name, body)
		}
	}
	for name, r := range map[string]*http.Request{"nobody": post("/introspect", form("token", revoked)), "public client": post("/introspect", form("token", revoked, "client_id", "spa"))} {
		if rec := w.send(r); rec.Code != 401 && rec.Code != 400 {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
	if rec := w.send(w.as("api", post("/introspect", nil))); rec.Code != 400 {
		t.Errorf("no token: %d", rec.Code)
	}
	w.must(w.registry.Replace(clientsWithout("web")))
	if body := ask("api", fresh["access_token"]); body != `{"active":false}` {
		t.Errorf("client removed: %s", body)
	}
}

func TestS047_IntrospectionAsJWT(t *testing.T) {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for i := range list {
			if list[i].ID == "api" {
				list[i].AnswerAlg = oauth.EdDSA
			}
		}
		return list
	})
	token := w.tokens200("web", "scope", "openid api", "resource", "https://api.example")["access_token"].(string)
	ask := func(token, accept string) *httptest.ResponseRecorder {
		r := w.as("api", post("/introspect", form("token", token)))
		r.Header.Set("Accept", accept)
		return w.send(r)
	}
	rec := ask(token, "application/token-introspection+jwt")
	p := w.payload(rec.Body.String(), tokens.TypeIntrospection)
	inner, _ := p["token_introspection"].(map[string]any)
	if rec.Header().Get("Content-Type") != "application/token-introspection+jwt" || p["iss"] != issuer || p["aud"] != "api" || inner["active"] != true || inner["sub"] != ann || p["sub"] != nil || p["exp"] != nil || p["iat"] != float64(w.now().Unix()) ||
		!strings.HasPrefix(rec.Body.String(), "eyJhbGciOiJFZERTQSI") {
		t.Errorf("%v %v", rec.Header(), p)
	}
	p = w.payload(ask("nonsense", "application/token-introspection+jwt").Body.String(), tokens.TypeIntrospection)
	if inner, _ := p["token_introspection"].(map[string]any); len(inner) != 1 || inner["active"] != false {
		t.Errorf("inactive: %v", p)
	}
	rec = ask(token, "application/jwt, application/json;q=0.1")
	p = w.payload(rec.Body.String(), tokens.TypeAccess)
	if rec.Header().Get("Content-Type") != "application/jwt" || p["sub"] != ann || p["client_id"] != "web" || p["tier"] != "gold" || p["scope"] != "openid api" {
		t.Errorf("phantom: %v %v", rec.Header(), p)
	}
	if got := w.introspect("api", rec.Body.String()); got["active"] != true {
		t.Errorf("the phantom token can be asked about: %v", got)
	}
	if rec := ask("nonsense", "application/jwt"); rec.Code != http.StatusNoContent || rec.Body.Len() != 0 {
		t.Errorf("phantom of nothing: %d %q", rec.Code, rec.Body)
	}
}

func TestS031_Revocation(t *testing.T) {
	w := newWorld(t)
	revoke := func(caller string, token any) int {
		text, _ := token.(string)
		return w.send(w.as(caller, post("/revoke", form("token", text, "token_type_hint", "nonsense")))).Code
	}
	m := w.tokens200("web", "scope", "openid offline_access")
	for _, kind := range []string{"access_token", "refresh_token"} {
		if revoke("jwt", m[kind]) != 200 || !w.active(m["access_token"]) {
			t.Errorf("another client revoked the %s", kind)
		}
	}
	for _, unknown := range []string{"nonsense", "str_nonsense", "a.b.c", m["id_token"].(string)} {
		if code := revoke("web", unknown); code != 200 {
			t.Errorf("%q: %d", unknown, code)
		}
	}
	if revoke("web", "") != 400 || revoke("", m["access_token"]) != 400 {
		t.Error("no token, no client")
	}
	if revoke("web", m["access_token"]) != 200 || w.active(m["access_token"]) || w.userinfo(m["access_token"]).Code != 401 {
		t.Error("a revoked access token is good")
	}
	status, next := w.refresh("web", m["refresh_token"])
	if status != 200 || !w.active(next["access_token"]) {
		t.Fatalf("the grant went with one access token: %d", status)
	}
	if revoke("web", m["refresh_token"]) != 200 || w.active(next["access_token"]) {
		t.Error("a revoked refresh token leaves its access tokens")
	}
	status, e := w.refresh("web", next["refresh_token"])
	wantError(t, "revoked family", status, e, 400, "invalid_grant")
	_, own, _ := w.tokenFor("service", "grant_type", "client_credentials")
	_, ownJWT, _ := w.tokenFor("service-jwt", "grant_type", "client_credentials", "scope", "api.read")
	w.connect = func(string, string) (json.RawMessage, error) { return json.RawMessage(`{}`), nil }
	if !w.active(own["access_token"]) || !w.active(ownJWT["access_token"]) {
		t.Fatalf("%v %v", own, ownJWT)
	}
	if revoke("service", own["access_token"]) != 200 || revoke("service-jwt", ownJWT["access_token"]) != 200 || w.active(own["access_token"]) || w.active(ownJWT["access_token"]) {
		t.Error("clients cannot give their own tokens back")
	}
	spa := w.tokens200("spa")
	if rec := w.send(post("/revoke", form("token", spa["refresh_token"].(string), "client_id", "spa"))); rec.Code != 200 || w.active(spa["access_token"]) {
		t.Errorf("a public client revokes its own: %d", rec.Code)
	}
}

func TestIntrospection_RemembersFiveSecondsAtMost(t *testing.T) {
	w := newWorld(t)
	m := w.tokens200("web", "scope", "openid offline_access")
	if !w.active(m["access_token"]) {
		t.Fatal("not active")
	}
	id, err := w.tokens.OpenRefresh(m["refresh_token"].(string), w.now())
	w.must(err)
	w.must(w.store.RevokeGrant(context.Background(), id.Grant, "elsewhere", w.now())) // as another node does
	w.pass(5 * time.Second)
	if w.active(m["access_token"]) {
		t.Error("revoked elsewhere, good after five seconds")
	}
	m = w.tokens200("web")
	w.active(m["access_token"])
	w.must(w.store.Apply(context.Background(), []identity.Write{identity.SetStatus{Account: ann, Status: identity.Disabled, At: w.now()}}, nil))
	w.grants.DropAll() // as the door does that disabled it
	if w.active(m["access_token"]) {
		t.Error("disabled here, still good")
	}
}

func TestS038_KindsAreNotSwapped(t *testing.T) {
	w := newWorld(t)
	m := w.tokens200("jwt", "scope", "openid api")
	a := w.payload(m["access_token"], tokens.TypeAccess)
	for name, want := range map[string]any{"iss": issuer, "sub": ann, "client_id": "jwt", "scope": "openid api", "acr": basicACR, "tier": "gold"} {
		if a[name] != want {
			t.Errorf("access token %s is %v, want %v", name, a[name], want)
		}
	}
	for _, name := range []string{"aud", "exp", "iat", "jti", "auth_time", "amr"} {
		if a[name] == nil {
			t.Errorf("access token without %s", name)
		}
	}
	if w.userinfo(m["access_token"]).Code != 200 || !w.active(m["access_token"]) {
		t.Error("a JWT access token is not taken")
	}
	if w.userinfo(m["id_token"]).Code != 401 || w.active(m["id_token"]) {
		t.Error("an ID token passes for an access token")
	}
	if _, err := w.tokens.ParseHint(context.Background(), m["access_token"].(string)); !errors.Is(err, tokens.ErrToken) {
		t.Errorf("an access token passes for a hint: %v", err)
	}
}

func TestClaims_Sources(t *testing.T) {
	w := newWorld(t)
	calls := 0
	w.connect = func(name, path string) (json.RawMessage, error) {
		calls++
		if name != "crm" || path != "/customers/"+ann && path != "/must" {
			t.Errorf("connector %s %s", name, path)
		}
		return json.RawMessage(`{"data":{"plan":"pro"},"must":7}`), nil
	}
	w.hook = func(function string, argument any) (map[string]json.RawMessage, error) {
		a, ok := argument.(claims.Argument)
		if function != "hooked" || !ok || a.Subject != ann || a.Client != "web" || a.GrantType != "authorization_code" {
			t.Errorf("hook %s %+v", function, argument)
		}
		return map[string]json.RawMessage{"hooked": json.RawMessage(`["x"]`), "sub": json.RawMessage(`"evil"`), "acr": json.RawMessage(`"evil"`), "extra": json.RawMessage(`1`)}, nil
	}
	id := w.payload(w.tokens200("web", "scope", "openid crm must hook")["id_token"], "JWT")
	if id["plan"] != "pro" || id["must"] != 7.0 || id["hooked"] == nil || id["sub"] != ann || id["acr"] != basicACR || id["extra"] != nil || calls != 2 {
		t.Errorf("%v, %d calls", id, calls)
	}
	if id = w.payload(w.tokens200("web")["id_token"], "JWT"); id["plan"] != nil || calls != 2 {
		t.Errorf("without the scope: %v, %d calls", id, calls)
	}
	w.connect, w.hook = nil, nil
	if id = w.payload(w.tokens200("web", "scope", "openid crm hook")["id_token"], "JWT"); id["plan"] != nil || id["hooked"] != nil {
		t.Errorf("down: %v", id)
	}
	status, e := w.redeem("web", w.code("web", "scope", "openid must"))
	wantError(t, "a required claim is down", status, e, 503, "temporarily_unavailable")
	status, e, _ = w.tokenFor("service-jwt", "grant_type", "client_credentials")
	wantError(t, "a client's required claim is down", status, e, 503, "temporarily_unavailable")
}

func TestMetadataAndKeys(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		rec := w.send(get(path, nil))
		m := object(t, rec)
		if rec.Header().Get("Content-Type") != "application/json" || !strings.Contains(rec.Header().Get("Cache-Control"), "max-age") || m["token_endpoint"] != issuer+"/token" || m["jwks_uri"] != issuer+"/jwks" {
			t.Errorf("%s: %v %v", path, rec.Header(), m)
		}
		for name := range map[string]bool{"authorization_endpoint": true, "token_endpoint": true, "userinfo_endpoint": true, "end_session_endpoint": true, "introspection_endpoint": true, "revocation_endpoint": true} {
			u, _ := m[name].(string)
			if rec := w.send(httptest.NewRequest(http.MethodOptions, u, nil)); rec.Code == http.StatusNotFound {
				t.Errorf("%s leads nowhere: %s", name, u)
			}
		}
	}
	rec := w.send(get("/jwks", nil))
	if body := rec.Body.String(); !strings.Contains(body, `"ES256"`) || strings.Contains(body, `"d"`) || strings.Contains(body, "RS256") || !strings.Contains(rec.Header().Get("Cache-Control"), "max-age") {
		t.Errorf("jwks: %s", body)
	}
	w.tokens200("jwt") // needs RS256 for its ID token
	if body := w.send(get("/jwks", nil)).Body.String(); !strings.Contains(body, "RS256") || strings.Contains(body, `"p"`) {
		t.Errorf("jwks: %s", body)
	}
}

func TestRegistry_Refusals(t *testing.T) {
	for name, change := range map[string]func(*oauth.Client){
		"id like an account's": func(c *oauth.Client) { c.ID = ann }, "no id": func(c *oauth.Client) { c.ID = "" }, "secret in clear": func(c *oauth.Client) { c.Secrets = []string{"hunter2"} },
		"basic without secret": func(c *oauth.Client) { c.Secrets, c.Auth = nil, oauth.AuthBasic }, "implicit": func(c *oauth.Client) { c.GrantTypes = []string{"implicit"} },
		"token response": func(c *oauth.Client) { c.Responses = []string{"token"} }, "no flow": func(c *oauth.Client) { c.Flows = oauth.Flows{} }, "fragment": func(c *oauth.Client) { c.Redirects = []string{"https://a.example/#x"} },
		"origin with path": func(c *oauth.Client) { c.Origins = []string{"https://a.example/x"} }, "any origin": func(c *oauth.Client) { c.Origins = []string{"*"} }, "alg none": func(c *oauth.Client) { c.IDTokenAlg = "none" },
		"long code": func(c *oauth.Client) { c.Lifetimes.Code = 1 << 62 }, "public with credentials": func(c *oauth.Client) { c.Secrets, c.GrantTypes = nil, []string{oauth.GrantCredentials} },
	} {
		w := newWorld(t)
		all := clients()
		change(&all[0])
		if err := w.registry.Replace(all); err == nil {
			t.Errorf("%s is accepted", name)
		}
		if _, err := w.registry.Client(context.Background(), "web"); err != nil {
			t.Errorf("%s: the clients before are gone", name)
		}
	}
	w := newWorld(t)
	if err := w.registry.Replace(append(clients(), clients()[0])); err == nil {
		t.Error("a repeated id is accepted")
	}
}
