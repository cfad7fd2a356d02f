package conformance_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/pushed"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// push sends an authorization request ahead, as a client with a secret.
func (w *world) push(id string, v url.Values, proofs ...string) (int, map[string]any, http.Header) {
	w.t.Helper()
	v.Del("client_id")
	return w.proving(w.as(id, post("/par", v)), proofs...)
}

func (w *world) pushed(id string, more ...string) string {
	w.t.Helper()
	status, m, _ := w.push(id, ask(id, more...))
	if status != http.StatusCreated {
		w.fatal("push answered %d %v", status, m)
	}
	return m["request_uri"].(string)
}

func TestS040_PushedRequest(t *testing.T) {
	w := newWorld(t)
	status, m, h := w.push("web", ask("web", "scope", "openid email", "resource", "https://api.example"))
	uri, _ := m["request_uri"].(string)
	if status != 201 || !strings.HasPrefix(uri, pushed.Prefix) || len(uri) < len(pushed.Prefix)+26 || m["expires_in"] != 90.0 || h.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %v", status, m, h)
	}
	// What the browser brings beside the reference does not count.
	_, q := w.authorize(form("client_id", "web", "request_uri", uri, "redirect_uri", "https://app.example/cb?keep=a%20b", "scope", "openid api", "state", "other", "code_challenge", "", "prompt", "none"))
	if q.Get("code") == "" || q.Get("state") != "st&te=1" || q.Get("keep") != "" || w.people.request.Journey.Silent {
		t.Fatalf("%v", q)
	}
	status, tokens := w.redeem("web", q.Get("code"))
	if status != 200 || tokens["scope"] != "openid email" {
		t.Errorf("%d %v", status, tokens)
	}
	for name, v := range map[string]url.Values{"used": form("client_id", "web", "request_uri", uri), "made up": form("client_id", "web", "request_uri", pushed.Prefix+strings.Repeat("A", 26)),
		"short": form("client_id", "web", "request_uri", pushed.Prefix+"A"), "strange": form("client_id", "web", "request_uri", pushed.Prefix+"../../oauth/x"),
		"another client's": form("client_id", "jwt", "request_uri", w.pushed("web"))} {
		if rec := w.send(get("/authorize", v)); rec.Code != 400 || rec.Header().Get("Location") != "" {
			t.Errorf("%s: %d %q", name, rec.Code, rec.Header().Get("Location"))
		}
	}
	late := w.pushed("web")
	w.pass(91 * time.Second)
	if rec := w.send(get("/authorize", form("client_id", "web", "request_uri", late))); rec.Code != 400 {
		t.Errorf("late: %d", rec.Code)
	}
}

func TestS040_PushIsRefused(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		v      url.Values
		status int
		code   string
	}{
		"a reference":        {ask("web", "request_uri", "https://app.example/r"), 400, "invalid_request"},
		"a pushed reference": {ask("web", "request_uri", pushed.Prefix+strings.Repeat("A", 26)), 400, "invalid_request"},
		"another redirect":   {ask("web", "redirect_uri", "https://evil.example/cb"), 400, "invalid_request"},
		"no challenge":       {ask("web", "code_challenge", ""), 400, "invalid_request"},
		"response type":      {ask("web", "response_type", "token"), 400, "unsupported_response_type"},
		"scope":              {ask("web", "scope", "root"), 400, "invalid_scope"},
		"resource":           {ask("web", "resource", "https://evil.example"), 400, "invalid_target"},
		"response mode":      {ask("web", "response_mode", "web_message"), 400, "invalid_request"},
	} {
		status, m, _ := w.push("web", c.v)
		wantError(t, name, status, m, c.status, c.code)
	}
	for _, method := range []string{"GET", "PUT", "HEAD"} {
		r := get("/par", ask("web"))
		r.Method = method
		if rec := w.send(w.as("web", r)); rec.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, rec.Code)
		}
	}
	v := ask("web")
	rec := w.send(post("/par", v))
	wantError(t, "no secret", rec.Code, object(t, rec), 401, "invalid_client")
	if status, m, _ := w.push("spa", ask("spa")); status != 401 {
		t.Errorf("a secret for a public client: %d %v", status, m)
	}
	if rec := w.send(post("/par", ask("spa"))); rec.Code != 201 {
		t.Errorf("a public client: %d %s", rec.Code, rec.Body)
	}
	rec = w.send(w.as("web", post("/par", ask("web", "state", strings.Repeat("x", 70<<10)))))
	if rec.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("70 KB: %d", rec.Code)
	}
	twice := ask("web")
	twice.Add("state", "2")
	if status, m, _ := w.push("web", twice); status != 400 || m["error"] != "invalid_request" {
		t.Errorf("repeated: %d %v", status, m)
	}
	limited := 0
	for range 400 {
		rec := w.send(post("/par", ask("spa", "scope", "root")))
		if rec.Code == http.StatusTooManyRequests && rec.Header().Get("Retry-After") != "" {
			limited++
		}
	}
	if limited == 0 || limited > 110 {
		t.Errorf("%d of 400 pushes of a client that does not authenticate were too many", limited)
	}
}

// TestS040_OneCodeUnderFifty: however many browsers come with one reference, one gets a code.
func TestS040_OneCodeUnderFifty(t *testing.T) {
	w := newWorld(t)
	uri := w.pushed("web")
	n := race(50, func() int {
		rec := w.send(get("/authorize", form("client_id", "web", "request_uri", uri)))
		if strings.Contains(rec.Header().Get("Location"), "code=") {
			return 200
		}
		return 0
	})
	if n != 1 {
		t.Errorf("%d of 50 got a code", n)
	}
}

// TestS040_ReloadHarmsNobody: a reference may be opened again until a journey that began with it has ended well.
func TestS040_ReloadHarmsNobody(t *testing.T) {
	w := newWorld(t)
	uri := w.pushed("web")
	w.people.url = "https://login.example/j/1"
	for range 3 {
		if rec := w.send(get("/authorize", form("client_id", "web", "request_uri", uri))); rec.Header().Get("Location") != w.people.url {
			t.Fatalf("%d %v", rec.Code, rec.Header())
		}
	}
	w.people.url, w.people.deny = "", "access_denied"
	if _, q := w.authorize(form("client_id", "web", "request_uri", uri)); q.Get("error") != "access_denied" {
		t.Errorf("denied: %v", q)
	}
	w.people.deny = ""
	if _, q := w.authorize(form("client_id", "web", "request_uri", uri)); q.Get("code") == "" {
		t.Errorf("after a denial: %v", q)
	}
}

func TestS040_PushingIsRequired(t *testing.T) {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for i := range list {
			if list[i].ID == "web" {
				list[i].PAR = oauth.Required
			}
		}
		return list
	})
	if _, q := w.authorize(ask("web")); q.Get("error") != "invalid_request" || q.Get("code") != "" {
		t.Errorf("%v", q)
	}
	if _, q := w.authorize(form("client_id", "web", "request_uri", w.pushed("web"))); q.Get("code") == "" {
		t.Errorf("%v", q)
	}
}

func TestS040_S043_PushWithProof(t *testing.T) {
	w := newWorld(t)
	k, thief := newKey(t, "ES256", ""), newKey(t, "ES256", "")
	status, m, h := w.push("web", ask("web"), w.proof(k, "POST", "/par"))
	if status != 201 || h.Get("DPoP-Nonce") == "" {
		t.Fatalf("%d %v", status, m)
	}
	_, q := w.authorize(form("client_id", "web", "request_uri", m["request_uri"].(string)))
	status, e, _ := w.proving(w.redeeming("web", q.Get("code")), w.proof(thief, "POST", "/token"))
	wantError(t, "another key", status, e, 400, "invalid_grant")
	if status, e, _ = w.proving(w.redeeming("web", q.Get("code")), w.proof(k, "POST", "/token")); status != 200 {
		t.Errorf("the key: %d %v", status, e)
	}
	status, m, _ = w.push("web", ask("web", "dpop_jkt", thief.thumbprint(t)), w.proof(k, "POST", "/par"))
	wantError(t, "dpop_jkt of another key", status, m, 400, "invalid_request")
	status, m, _ = w.push("web", ask("web"), w.proof(k, "POST", "/token"))
	wantError(t, "a proof for another endpoint", status, m, 400, "invalid_dpop_proof")
}

// TestFAPI2 walks the whole way of a client on the FAPI 2.0 profiles: pushed, proved by a key, bound to a key, answers signed.
func TestFAPI2_Profiles(t *testing.T) {
	k, d := newKey(t, "ES256", "k"), newKey(t, "ES256", "")
	base := oauth.Client{Auth: oauth.AuthKey, JWKS: keySet(t, k), Redirects: []string{"https://fapi.example/cb"}, GrantTypes: []string{oauth.GrantCode, oauth.GrantRefresh},
		Scopes: []string{"openid", "email"}, Flows: oauth.Flows{Default: "signin"}, FirstParty: true, Offline: true}
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for _, name := range []string{oauth.ProfileFAPI2, oauth.ProfileSigning} {
			c := base
			c.ID, c.Profile = name, name
			list = append(list, c)
		}
		return list
	})
	for _, id := range []string{oauth.ProfileFAPI2, oauth.ProfileSigning} {
		redirects[id] = base.Redirects[0]
		v := ask(id, "scope", "openid email offline_access")
		if id == oauth.ProfileSigning {
			status, m, _ := w.proving(post("/par", merged(v, w.assert(id, k)...)))
			wantError(t, "unsigned", status, m, 400, "invalid_request")
			v = form("request", k.sign(t, map[string]any{"typ": "oauth-authz-req+jwt"}, w.object(id, v)))
		}
		if _, q := w.authorize(ask(id)); q.Get("code") != "" || q.Get("error") == "" && q.Get("response") == "" {
			t.Errorf("%s, not pushed: %v", id, q)
		}
		status, m, _ := w.proving(post("/par", merged(v, w.assert(id, k)...)))
		if status != 201 {
			t.Fatalf("%s: push %d %v", id, status, m)
		}
		_, q := w.authorize(form("client_id", id, "request_uri", m["request_uri"].(string)))
		code := q.Get("code")
		if id == oauth.ProfileSigning {
			answer := w.payload(q.Get("response"), tokens.TypeAnswer)
			if len(q) != 1 || answer["iss"] != issuer || answer["aud"] != id || answer["state"] != "st&te=1" {
				t.Fatalf("%v %v", q, answer)
			}
			code, _ = answer["code"].(string)
		}
		redeem := func(proofs ...string) (int, map[string]any, http.Header) {
			return w.proving(post("/token", merged(form("grant_type", "authorization_code", "code", code, "redirect_uri", redirects[id], "code_verifier", verifier), w.assert(id, k)...)), proofs...)
		}
		status, m, _ = redeem()
		wantError(t, id+" without proof", status, m, 400, "invalid_dpop_proof")
		status, m, _ = redeem(w.proof(d, "POST", "/token"))
		if status != 200 || m["token_type"] != "DPoP" || m["refresh_token"] == nil {
			t.Fatalf("%s: %d %v", id, status, m)
		}
		status, m, _ = w.proving(post("/token", merged(form("grant_type", "refresh_token", "refresh_token", m["refresh_token"].(string)), w.assert(id, k)...)), w.proof(d, "POST", "/token"))
		if status != 200 || m["refresh_token"] != nil {
			t.Errorf("%s: refresh %d %v", id, status, m)
		}
	}
	for name, c := range map[string]func(*oauth.Client){
		"a secret":        func(c *oauth.Client) { c.Auth, c.JWKS, c.Secrets = oauth.AuthBasic, nil, []string{client.Kept("x")} },
		"nobody":          func(c *oauth.Client) { c.Auth, c.JWKS = oauth.AuthNone, nil },
		"RS256":           func(c *oauth.Client) { c.AuthAlg = "RS256" },
		"our RS256":       func(c *oauth.Client) { c.IDTokenAlg = oauth.RS256 },
		"not pushed":      func(c *oauth.Client) { c.PAR = oauth.Offered },
		"unbound":         func(c *oauth.Client) { c.DPoP = oauth.Offered },
		"rotation":        func(c *oauth.Client) { c.Rotation = oauth.Always },
		"http":            func(c *oauth.Client) { c.Redirects = []string{"http://127.0.0.1/cb"} },
		"legacy audience": func(c *oauth.Client) { c.LegacyAud = true },
		"old codes":       func(c *oauth.Client) { c.Lifetimes.Code = 1e9 * 120 },
		"unsigned":        func(c *oauth.Client) { c.Profile, c.SignedRequests = oauth.ProfileSigning, oauth.Offered },
		"plain answers":   func(c *oauth.Client) { c.Profile, c.Modes = oauth.ProfileSigning, []string{"query"} },
		"unknown profile": func(c *oauth.Client) { c.Profile = "fapi1" },
	} {
		x := base
		x.ID, x.Profile = "x", oauth.ProfileFAPI2
		c(&x)
		if _, problems := client.Check(x); len(problems) == 0 {
			t.Errorf("%s goes with the profile", name)
		}
	}
}

// merged adds pairs to values.
func merged(v url.Values, pairs ...string) url.Values {
	out := url.Values{}
	for n, list := range v {
		out[n] = append([]string(nil), list...)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		out.Set(pairs[i], pairs[i+1])
	}
	return out
}

// object is an authorization request as the claims of a request object.
func (w *world) object(id string, v url.Values) map[string]any {
	now := w.now().Unix()
	claims := map[string]any{"iss": id, "aud": issuer, "exp": now + 300, "nbf": now, "client_id": id}
	for n := range v {
		claims[n] = v.Get(n)
	}
	return claims
}
