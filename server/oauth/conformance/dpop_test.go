package conformance_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/gateway"
)

// proof makes a DPoP proof for an endpoint.
func (w *world) proof(k key, method, path string, change ...map[string]any) string {
	w.t.Helper()
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": issuer + path, "iat": w.now().Unix()}
	head := map[string]any{"typ": "dpop+jwt", "jwk": k.jwk(w.t), "kid": nil}
	for _, c := range change {
		for n, v := range c {
			if h, isHead := strings.CutPrefix(n, "head:"); isHead {
				maps.Copy(head, map[string]any{h: v})
			} else {
				claims[n] = v
			}
		}
	}
	return k.sign(w.t, head, claims)
}

func ath(token any) map[string]any {
	sum := sha256.Sum256([]byte(token.(string)))
	return map[string]any{"ath": base64.RawURLEncoding.EncodeToString(sum[:])}
}

// proving sends a request with proofs.
func (w *world) proving(r *http.Request, proofs ...string) (int, map[string]any, http.Header) {
	w.t.Helper()
	for _, p := range proofs {
		r.Header.Add("DPoP", p)
	}
	rec := w.send(r)
	return rec.Code, object(w.t, rec), rec.Header()
}

func (w *world) redeeming(id, code string) *http.Request {
	v := form("grant_type", "authorization_code", "code", code, "redirect_uri", redirects[id], "code_verifier", verifier)
	if id == "spa" {
		v.Set("client_id", id)
		return post("/token", v)
	}
	return w.as(id, post("/token", v))
}

func refreshing(token any) *http.Request {
	return post("/token", form("grant_type", "refresh_token", "refresh_token", token.(string), "client_id", "spa"))
}

func (w *world) see(scheme string, token any, proofs ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, issuer+"/userinfo", nil)
	r.Header.Set("Authorization", scheme+" "+token.(string))
	for _, p := range proofs {
		r.Header.Add("DPoP", p)
	}
	return w.send(r)
}

func TestS043_TokensAreBoundToTheKey(t *testing.T) {
	w := newWorld(t)
	for _, alg := range []string{"ES256", "EdDSA", "PS256", "RS256"} {
		k, other := newKey(t, alg, ""), newKey(t, "ES256", "")
		for _, id := range []string{"web", "jwt", "spa"} {
			status, m, h := w.proving(w.redeeming(id, w.code(id, "scope", "openid email")), w.proof(k, "POST", "/token"))
			if status != 200 || m["token_type"] != "DPoP" || h.Get("DPoP-Nonce") == "" {
				t.Fatalf("%s %s: %d %v", alg, id, status, m)
			}
			got := w.introspect("gateway", m["access_token"])
			if cnf, _ := got["cnf"].(map[string]any); cnf["jkt"] != k.thumbprint(t) || got["token_type"] != "DPoP" {
				t.Errorf("%s %s: introspection %v", alg, id, got)
			}
			if rec := w.see("DPoP", m["access_token"], w.proof(k, "GET", "/userinfo", ath(m["access_token"]))); rec.Code != 200 {
				t.Errorf("%s %s: userinfo %d %s", alg, id, rec.Code, rec.Body)
			}
			for name, rec := range map[string]*httptest.ResponseRecorder{
				"as a bearer token":            w.see("Bearer", m["access_token"]),
				"as a bearer token with proof": w.see("Bearer", m["access_token"], w.proof(k, "GET", "/userinfo", ath(m["access_token"]))),
				"without proof":                w.see("DPoP", m["access_token"]),
				"another's proof":              w.see("DPoP", m["access_token"], w.proof(other, "GET", "/userinfo", ath(m["access_token"]))),
				"no ath":                       w.see("DPoP", m["access_token"], w.proof(k, "GET", "/userinfo")),
				"another token's ath":          w.see("DPoP", m["access_token"], w.proof(k, "GET", "/userinfo", ath("x"))),
				"proof for the token endpoint": w.see("DPoP", m["access_token"], w.proof(k, "POST", "/token", ath(m["access_token"]))),
			} {
				if rec.Code != 401 || !strings.Contains(rec.Header().Get("WWW-Authenticate"), "error=") {
					t.Errorf("%s %s, %s: %d %v", alg, id, name, rec.Code, rec.Header())
				}
			}
		}
	}
	plain := w.tokens200("web")["access_token"]
	k := newKey(t, "ES256", "")
	if rec := w.see("DPoP", plain, w.proof(k, "GET", "/userinfo", ath(plain))); rec.Code != 401 {
		t.Errorf("an unbound token with a proof: %d", rec.Code)
	}
	if h := w.send(httptest.NewRequest("GET", issuer+"/userinfo", nil)).Header().Values("WWW-Authenticate"); len(h) != 2 || !strings.HasPrefix(h[1], `DPoP algs="ES256`) {
		t.Errorf("challenges %q", h)
	}
}

// TestS043_TwelveChecks tries every one of the checks of RFC 9449 §4.3 at the token endpoint.
func TestS043_TwelveChecks(t *testing.T) {
	w := newWorld(t)
	k, other := newKey(t, "ES256", ""), newKey(t, "ES256", "")
	good := func(change ...map[string]any) string { return w.proof(k, "POST", "/token", change...) }
	private := k.jwk(t)
	private["d"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	parts := strings.Split(good(), ".")
	for name, proofs := range map[string][]string{
		"1: two headers":             {good(), good()},
		"2: not a JWT":               {"nonsense"},
		"2: two in one header":       {good() + "," + good()},
		"2: empty":                   {""},
		"2: huge":                    {good(map[string]any{"x": strings.Repeat("x", 5000)})},
		"3: no jti":                  {good(map[string]any{"jti": nil})},
		"3: huge jti":                {good(map[string]any{"jti": strings.Repeat("x", 501)})},
		"3: no htm":                  {good(map[string]any{"htm": nil})},
		"3: no htu":                  {good(map[string]any{"htu": nil})},
		"3: no iat":                  {good(map[string]any{"iat": nil})},
		"3: iat is a text":           {good(map[string]any{"iat": "now"})},
		"4: no typ":                  {good(map[string]any{"head:typ": nil})},
		"4: typ JWT":                 {good(map[string]any{"head:typ": "JWT"})},
		"5: none":                    {encode(t, map[string]any{"typ": "dpop+jwt", "alg": "none", "jwk": k.jwk(t)}) + "." + parts[1] + "."},
		"5: HS256":                   {hmacOver([]byte("x"), encode(t, map[string]any{"typ": "dpop+jwt", "alg": "HS256", "jwk": map[string]any{"kty": "oct", "k": "eA"}})+"."+parts[1])},
		"5: ES384":                   {good(map[string]any{"head:alg": "ES384"})},
		"6: another's signature":     {parts[0] + "." + parts[1] + "." + strings.Split(w.proof(other, "POST", "/token"), ".")[2]},
		"6: another's key":           {good(map[string]any{"head:jwk": other.jwk(t)})},
		"6: claims changed":          {parts[0] + "." + encode(t, map[string]any{"jti": "x", "htm": "POST", "htu": issuer + "/token", "iat": w.now().Unix()}) + "." + parts[2]},
		"7: private key":             {good(map[string]any{"head:jwk": private})},
		"7: no key":                  {good(map[string]any{"head:jwk": nil})},
		"7: key elsewhere":           {good(map[string]any{"head:jwk": nil, "head:jku": "https://evil.example"})},
		"8: another method":          {good(map[string]any{"htm": "GET"})},
		"8: method in small letters": {good(map[string]any{"htm": "post"})},
		"9: another endpoint":        {good(map[string]any{"htu": issuer + "/userinfo"})},
		"9: another host":            {good(map[string]any{"htu": "https://evil.example/token"})},
		"9: another scheme":          {good(map[string]any{"htu": "http://login.example/token"})},
		"9: another port":            {good(map[string]any{"htu": "https://login.example:444/token"})},
		"9: a longer path":           {good(map[string]any{"htu": issuer + "/token/"})},
		"9: a user name":             {good(map[string]any{"htu": "https://login.example@evil.example/token"})},
		"11: too old":                {good(map[string]any{"iat": w.now().Add(-61 * time.Second).Unix()})},
		"11: from the future":        {good(map[string]any{"iat": w.now().Add(12 * time.Second).Unix()})},
		"11: from the stone age":     {good(map[string]any{"iat": 1})},
		"crit":                       {good(map[string]any{"head:crit": []string{"b64"}, "head:b64": false})},
	} {
		code := w.code("web")
		status, m, _ := w.proving(w.redeeming("web", code), proofs...)
		wantError(t, name, status, m, 400, "invalid_dpop_proof")
		if status, m, _ = w.proving(w.redeeming("web", code), good()); status != 200 {
			t.Errorf("%s used the code up: %d %v", name, status, m)
		}
	}
	for name, htu := range map[string]string{"query and fragment": issuer + "/token?x=1#y", "default port": "https://login.example:443/token", "capitals": "HTTPS://Login.Example/token"} {
		if status, m, _ := w.proving(w.redeeming("web", w.code("web")), good(map[string]any{"htu": htu})); status != 200 {
			t.Errorf("%s: %d %v", name, status, m)
		}
	}
}

func TestS043_Nonces(t *testing.T) {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for i := range list {
			if list[i].ID == "service" {
				list[i].DPoP, list[i].DPoPNonce = oauth.Required, oauth.Required
			}
		}
		return list
	})
	k := newKey(t, "ES256", "")
	ask := func(change ...map[string]any) (int, map[string]any, http.Header) {
		return w.proving(w.as("service", post("/token", form("grant_type", "client_credentials"))), w.proof(k, "POST", "/token", change...))
	}
	status, m, _ := w.proving(w.as("service", post("/token", form("grant_type", "client_credentials"))))
	wantError(t, "no proof", status, m, 400, "invalid_dpop_proof")
	status, m, h := ask()
	wantError(t, "no nonce", status, m, 400, "use_dpop_nonce")
	first := h.Get("DPoP-Nonce")
	if first == "" || h.Get("Cache-Control") != "no-store" {
		t.Fatalf("no nonce: %v", h)
	}
	status, m, h = ask(map[string]any{"nonce": first})
	if status != 200 || m["token_type"] != "DPoP" || h.Get("DPoP-Nonce") == first {
		t.Fatalf("with the nonce: %d %v %v", status, m, h)
	}
	if status, m, _ = ask(map[string]any{"nonce": first, "iat": w.now().Add(-5 * time.Minute).Unix()}); status != 200 {
		t.Errorf("a slow clock with a nonce: %d %v", status, m)
	}
	status, m, _ = ask(map[string]any{"nonce": first, "iat": w.now().Add(-time.Hour).Unix()})
	wantError(t, "an hour-old proof with a nonce", status, m, 400, "invalid_dpop_proof")
	for name, nonce := range map[string]any{"made up": "nonsense", "empty": "", "a number": 7, "an access token": m["access_token"], "changed": first[:len(first)-1] + "~"} {
		if nonce == nil {
			continue
		}
		status, m, h = ask(map[string]any{"nonce": nonce})
		wantError(t, name, status, m, 400, "use_dpop_nonce")
		if h.Get("DPoP-Nonce") == "" {
			t.Errorf("%s: no new nonce", name)
		}
	}
	w.pass(5*time.Minute + time.Second)
	status, m, h = ask(map[string]any{"nonce": first})
	wantError(t, "an old nonce", status, m, 400, "use_dpop_nonce")
	if status, m, _ = ask(map[string]any{"nonce": h.Get("DPoP-Nonce")}); status != 200 {
		t.Errorf("its successor: %d %v", status, m)
	}
	access := m["access_token"]
	if rec := w.send(w.as("gateway", post("/introspect", form("token", access.(string))))); rec.Code != 200 {
		t.Errorf("introspection: %d", rec.Code)
	}
}

// TestS043_NoncesWhereTokensAreUsed: a client whose proofs must carry a nonce has to put one into those that go with its tokens, too: at userinfo, and
// through a gateway.
func TestS043_NoncesWhereTokensAreUsed(t *testing.T) {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for i := range list {
			if list[i].ID == "web" {
				list[i].DPoPNonce = oauth.Required
			}
		}
		return list
	})
	forward, err := gateway.New(oauth.Issuer(issuer), gateway.Settings{"orders": {Client: "gateway", Audience: "https://api.example", Proofs: &gateway.Proofs{Origin: "https://api.example", From: "path"}}},
		w.authn, w.intro, w.sender, w.now, slog.New(slog.DiscardHandler))
	w.must(err)
	forward.Mount(w.router)
	k := newKey(t, "ES256", "")
	nonce := map[string]any{"nonce": w.sender.Nonce()}
	_, m, _ := w.proving(w.redeeming("web", w.code("web", "scope", "openid", "resource", "https://api.example")), w.proof(k, "POST", "/token", nonce))
	token, _ := m["access_token"].(string)
	for name, through := range map[string]func(proof string) *httptest.ResponseRecorder{
		"userinfo": func(proof string) *httptest.ResponseRecorder { return w.see("DPoP", token, proof) },
		"gateway": func(proof string) *httptest.ResponseRecorder {
			r := get(gateway.Path+"orders/userinfo", nil)
			r.Header.Set("Authorization", "DPoP "+token)
			r.Header.Set("DPoP", proof)
			r.Header.Set(gateway.Header, "Basic "+base64.StdEncoding.EncodeToString([]byte("gateway:"+secret)))
			return w.send(r)
		},
	} {
		about := ath(token)
		if name == "gateway" {
			about["htu"] = "https://api.example/userinfo"
		}
		rec := through(w.proof(k, "GET", "/userinfo", about))
		if rec.Code != 401 || rec.Header().Get("DPoP-Nonce") == "" || !strings.Contains(rec.Header().Get("WWW-Authenticate"), "use_dpop_nonce") {
			t.Errorf("%s without a nonce: %d %v", name, rec.Code, rec.Header())
		}
		about["nonce"] = rec.Header().Get("DPoP-Nonce")
		if rec = through(w.proof(k, "GET", "/userinfo", about)); rec.Code != 200 {
			t.Errorf("%s with the one it was given: %d %v", name, rec.Code, rec.Header())
		}
	}
}

func TestS043_ProofOnce(t *testing.T) {
	w := newWorld(t)
	k := newKey(t, "ES256", "")
	once := w.proof(k, "POST", "/token")
	status, m, _ := w.proving(w.redeeming("web", w.code("web")), once)
	if status != 200 {
		t.Fatalf("first: %d %v", status, m)
	}
	status, e, _ := w.proving(w.redeeming("web", w.code("web")), once)
	wantError(t, "second", status, e, 400, "invalid_dpop_proof")
	raced := w.proof(k, "GET", "/userinfo", ath(m["access_token"]))
	if n := race(50, func() int { return w.see("DPoP", m["access_token"], raced).Code }); n != 1 {
		t.Errorf("%d of 50 uses of one proof succeeded", n)
	}
	nonced := w.proof(k, "GET", "/userinfo", ath(m["access_token"]), map[string]any{"nonce": w.sender.Nonce()})
	if n := race(50, func() int { return w.see("DPoP", m["access_token"], nonced).Code }); n != 1 {
		t.Errorf("%d of 50 uses of one proof with a nonce succeeded", n)
	}
	w.pass(4 * time.Minute)
	if w.see("DPoP", m["access_token"], nonced).Code != 401 {
		t.Error("a proof is good again while its nonce is")
	}
}

// TestS043_YoungMemory: what may have been used before the memory of used proofs began is refused, and a nonce leads on.
func TestS043_YoungMemory(t *testing.T) {
	w := newWorld(t)
	k := newKey(t, "ES256", "")
	birth, err := w.limits.Birth(t.Context())
	w.must(err)
	w.clock.Store(birth.Add(3 * time.Second).UnixNano())
	code := w.code("web")
	status, m, h := w.proving(w.redeeming("web", code), w.proof(k, "POST", "/token"))
	wantError(t, "three seconds after the loss", status, m, 400, "use_dpop_nonce")
	if status, m, _ = w.proving(w.redeeming("web", code), w.proof(k, "POST", "/token", map[string]any{"nonce": h.Get("DPoP-Nonce")})); status != 200 {
		t.Errorf("with a nonce made after it: %d %v", status, m)
	}
	w.clock.Store(birth.Add(-time.Minute).UnixNano())
	before := w.sender.Nonce()
	w.clock.Store(birth.Add(20 * time.Second).UnixNano())
	status, m, _ = w.proving(w.redeeming("web", w.code("web")), w.proof(k, "POST", "/token", map[string]any{"nonce": before}))
	wantError(t, "with a nonce made before it", status, m, 400, "use_dpop_nonce")
}

func TestS008_S043_CodeIsBoundToTheKey(t *testing.T) {
	w := newWorld(t)
	k, thief := newKey(t, "ES256", ""), newKey(t, "ES256", "")
	for _, id := range []string{"web", "spa"} {
		code := w.code(id, "dpop_jkt", k.thumbprint(t))
		status, m, _ := w.proving(w.redeeming(id, code))
		wantError(t, "without proof", status, m, 400, "invalid_grant")
		status, m, _ = w.proving(w.redeeming(id, code), w.proof(thief, "POST", "/token"))
		wantError(t, "with another key", status, m, 400, "invalid_grant")
		status, m, _ = w.proving(w.redeeming(id, code), w.proof(k, "POST", "/token"))
		if status != 200 {
			t.Fatalf("%s with the key: %d %v", id, status, m)
		}
		status, e, _ := w.proving(w.redeeming(id, code), w.proof(thief, "POST", "/token"))
		wantError(t, "again with another key", status, e, 400, "invalid_grant")
		if !w.active(m["access_token"]) {
			t.Error("a try with another key took the good tokens away")
		}
	}
	for _, bad := range []string{"short", strings.Repeat("a", 44), strings.Repeat("+", 43)} {
		if _, q := w.authorize(ask("web", "dpop_jkt", bad)); q.Get("error") != "invalid_request" {
			t.Errorf("dpop_jkt %s: %v", bad, q)
		}
	}
}

func TestS013_S043_RefreshOfPublicClientsIsBound(t *testing.T) {
	w := newWorld(t)
	k, thief := newKey(t, "ES256", ""), newKey(t, "ES256", "")
	_, m, _ := w.proving(w.redeeming("spa", w.code("spa")), w.proof(k, "POST", "/token"))
	status, e, _ := w.proving(refreshing(m["refresh_token"]))
	wantError(t, "without proof", status, e, 400, "invalid_grant")
	status, e, _ = w.proving(refreshing(m["refresh_token"]), w.proof(thief, "POST", "/token"))
	wantError(t, "with another key", status, e, 400, "invalid_grant")
	status, again, _ := w.proving(refreshing(m["refresh_token"]), w.proof(k, "POST", "/token"))
	if status != 200 || again["token_type"] != "DPoP" {
		t.Fatalf("with the key: %d %v", status, again)
	}
	status, e, _ = w.proving(refreshing(again["refresh_token"]), w.proof(thief, "POST", "/token"))
	wantError(t, "the next one with another key", status, e, 400, "invalid_grant")
	// A client that authenticates may change its key: its refresh token is bound to the client (RFC 9449 §5).
	_, m, _ = w.proving(w.redeeming("web", w.code("web")), w.proof(k, "POST", "/token"))
	if status, e, _ := w.proving(w.as("web", post("/token", form("grant_type", "refresh_token", "refresh_token", m["refresh_token"].(string)))), w.proof(thief, "POST", "/token")); status != 200 || e["token_type"] != "DPoP" {
		t.Errorf("confidential client with a new key: %d %v", status, e)
	}
}

func TestS014_RefreshTokensThatStay(t *testing.T) {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for i := range list {
			if list[i].ID == "web" {
				list[i].Rotation = oauth.Never
			}
		}
		return list
	})
	m := w.tokens200("web", "scope", "openid offline_access")
	for range 5 {
		status, again := w.refresh("web", m["refresh_token"])
		if status != 200 || again["refresh_token"] != nil || !w.active(again["access_token"]) {
			t.Fatalf("%d %v", status, again)
		}
		w.pass(time.Minute)
	}
	if status, _ := w.refresh("jwt", m["refresh_token"]); status != 400 {
		t.Errorf("another client: %d", status)
	}
}

func TestS037_CertificateBoundTokens(t *testing.T) {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for i := range list {
			if id := list[i].ID; id == "web" || id == "spa" || id == "jwt" {
				list[i].TLSBound = true
			}
		}
		return list
	})
	mine, _ := issue(t, w.now(), nil, nil, nil)
	other, _ := issue(t, w.now(), nil, nil, nil)
	for _, id := range []string{"web", "jwt", "spa"} {
		code := w.code(id)
		status, m, _ := w.proving(w.redeeming(id, code))
		wantError(t, "without a certificate", status, m, 400, "invalid_request")
		status, m, _ = w.proving(showing(w.redeeming(id, code), mine))
		if status != 200 || m["token_type"] != "Bearer" {
			t.Fatalf("%s: %d %v", id, status, m)
		}
		sum := sha256.Sum256(mine.Raw)
		if cnf, _ := w.introspect("gateway", m["access_token"])["cnf"].(map[string]any); cnf["x5t#S256"] != base64.RawURLEncoding.EncodeToString(sum[:]) {
			t.Errorf("%s: cnf %v", id, cnf)
		}
		r := func() *http.Request {
			q := httptest.NewRequest("GET", issuer+"/userinfo", nil)
			q.Header.Set("Authorization", "Bearer "+m["access_token"].(string))
			return q
		}
		for name, c := range map[string]struct {
			r    *http.Request
			want int
		}{"with it": {showing(r(), mine), 200}, "with another": {showing(r(), other), 401}, "without": {r(), 401}} {
			if rec := w.send(c.r); rec.Code != c.want {
				t.Errorf("%s %s: %d", id, name, rec.Code)
			}
		}
		if id == "spa" {
			status, e, _ := w.proving(showing(refreshing(m["refresh_token"]), other))
			wantError(t, "refresh with another", status, e, 400, "invalid_grant")
			if status, e, _ = w.proving(showing(refreshing(m["refresh_token"]), mine)); status != 200 {
				t.Errorf("refresh: %d %v", status, e)
			}
		}
	}
}

// TestArtefactsAtWrongEndpoints: nothing passes for anything else.
func TestArtefactsAtWrongEndpoints(t *testing.T) {
	k := newKey(t, "ES256", "")
	w := newWorld(t, keyed(t, map[string]key{"m": k}), func(list []oauth.Client) []oauth.Client {
		for i := range list {
			switch list[i].ID {
			case "jwt":
				list[i].Modes = []string{"query", "jwt"}
			case "third":
				list[i].JWKS = keySet(t, k)
			}
		}
		return withPhones(list)
	})
	m := w.tokens200("web", "scope", "openid offline_access")
	things := map[string]string{"access token": m["access_token"].(string), "refresh token": m["refresh_token"].(string), "id token": m["id_token"].(string), "code": w.code("web"),
		"proof": w.proof(k, "POST", "/token"), "assertion": k.sign(t, nil, w.assertion("m")), "nonce": w.sender.Nonce(),
		"request object": k.sign(t, map[string]any{"typ": "oauth-authz-req+jwt"}, w.object("m", ask("web"))), "reference": w.pushed("web")}
	things["auth_session"] = w.challenged("phone")
	_, posted := w.authorize(ask("jwt", "response_mode", "jwt"))
	things["answer"] = posted.Get("response")
	for name, thing := range things {
		if name != "code" {
			status, e := w.redeem("web", thing)
			wantError(t, name+" as a code", status, e, 400, "invalid_grant")
		}
		if name != "refresh token" {
			status, e := w.refresh("web", thing)
			wantError(t, name+" as a refresh token", status, e, 400, "invalid_grant")
		}
		if name != "access token" {
			if rec := w.userinfo(thing); rec.Code != 401 {
				t.Errorf("%s as an access token: %d", name, rec.Code)
			}
			if w.active(thing) {
				t.Errorf("%s is active", name)
			}
		}
		if name != "assertion" {
			status, e := w.machine("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", thing)
			wantError(t, name+" as an assertion", status, e, 401, "invalid_client")
		}
		if _, q := w.authorize(ask("third", "request", thing)); q.Get("error") != "invalid_request_object" {
			t.Errorf("%s as a request object of another client: %v", name, q)
		}
		if _, q := w.authorize(ask("jwt", "id_token_hint", thing)); q.Get("error") != "invalid_request" { // an ID token too: it is another client's
			t.Errorf("%s as a hint: %v", name, q)
		}
		if name != "auth_session" {
			rec := w.send(post("/authorize-challenge", form("client_id", "phone", "auth_session", thing, "step", "password", "fields", `{"password":"right"}`)))
			wantError(t, name+" as an auth_session", rec.Code, object(t, rec), 400, "invalid_session")
		}
		if rec := w.send(get("/authorize", form("client_id", "jwt", "request_uri", thing))); rec.Code != 400 {
			t.Errorf("%s as a reference: %d", name, rec.Code)
		}
		w.pass(5 * time.Second)
		if name != "proof" {
			status, e, _ := w.proving(w.as("service", post("/token", form("grant_type", "client_credentials"))), thing)
			wantError(t, name+" as a proof", status, e, 400, "invalid_dpop_proof")
		}
		status, e, _ := w.proving(w.as("service", post("/token", form("grant_type", "client_credentials"))), w.proof(k, "POST", "/token", map[string]any{"nonce": thing}))
		if name != "nonce" {
			wantError(t, name+" as a nonce", status, e, 400, "use_dpop_nonce")
		}
	}
}

func FuzzProof(f *testing.F) {
	w := newWorld(f)
	k := newKey(f, "ES256", "")
	f.Add(w.proof(k, "POST", "/token"))
	f.Add("a.b.c")
	f.Add(encode(f, map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": map[string]any{"kty": "EC", "crv": "P-256", "x": "", "y": ""}}) + ".e30.AA")
	f.Fuzz(func(t *testing.T, proof string) {
		r := w.as("service", post("/token", form("grant_type", "client_credentials")))
		r.Header["Dpop"] = []string{proof}
		rec := httptest.NewRecorder()
		w.token.ServeHTTP(rec, r)
		if rec.Code != 200 && rec.Code != 400 {
			t.Fatalf("status %d %s", rec.Code, rec.Body)
		}
	})
}
