package conformance_test

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/assertion"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/kind"
	"github.com/stile-id/stile/server/oauth/registration"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// jwtDoor is one place where a stranger's JWT is read.
type jwtDoor struct {
	name    string
	typ     string
	claims  func() map[string]any
	ours    bool // it takes JWTs that this server signed
	proof   bool // it takes the key from the JWT
	request func(jwt string) *http.Request
	want    []string // errors it may answer with; "401", "page" and "inactive" are answers without one
}

// said is what a door answered: the error's code, or how it said no.
func (d *jwtDoor) said(t *testing.T, rec *httptest.ResponseRecorder) string {
	t.Helper()
	if to := rec.Header().Get("Location"); to != "" {
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		return u.Query().Get("error") + map[bool]string{true: " and a code"}[u.Query().Get("code") != ""]
	}
	var m map[string]any
	if json.Unmarshal(rec.Body.Bytes(), &m) == nil {
		if code, ok := m["error"].(string); ok {
			return code
		}
		if len(m) == 1 && m["active"] == false {
			return "inactive"
		}
	}
	switch {
	case rec.Code == 401 && strings.Contains(rec.Header().Get("WWW-Authenticate"), "invalid_token"):
		return "401"
	case rec.Code == 400 && m == nil:
		return "page"
	case rec.Code == 413:
		return "413"
	}
	return rec.Body.String()
}

// bomb is ten megabytes of nothing in ten kilobytes.
func bomb(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 10<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// game makes one JWT that no honest party sends out of claims that would do. k is the key that would do or, where that is ours, a thief's under its kid.
type game struct {
	t         *testing.T
	k, thief  key
	published jose.JSONWebKey // what anybody can read of the key that would do
	typ       string
	proof     bool
	claims    map[string]any
	body      string
	good      string
}

func newGame(t *testing.T, d *jwtDoor, k key, published jose.JSONWebKey) *game {
	g := &game{t: t, k: k, thief: newKey(t, "ES256", k.kid), published: published, typ: d.typ, proof: d.proof, claims: d.claims()}
	g.body = encode(t, g.claims)
	g.good = g.signed(nil)
	return g
}

// head is a header that would do, changed; nil leaves a member out.
func (g *game) head(n string, v any) map[string]any {
	h := map[string]any{"typ": g.typ, "alg": g.k.alg, "kid": g.k.kid}
	if g.proof {
		h["jwk"] = g.k.jwk(g.t)
		delete(h, "kid")
	}
	if n != "" {
		h[n] = v
	}
	if v == nil {
		delete(h, n)
	}
	return h
}

func (g *game) signed(h map[string]any) string {
	if h == nil {
		h = g.head("", 0)
	}
	return g.k.over(g.t, encode(g.t, h)+"."+g.body)
}

func (g *game) with(body string) string { return g.k.over(g.t, encode(g.t, g.head("", 0))+"."+body) }

func (g *game) forged(n string, v any) string {
	return g.thief.over(g.t, encode(g.t, g.head(n, v))+"."+g.body)
}

func (g *game) symmetric(secret []byte) string {
	return hmacOver(secret, encode(g.t, g.head("alg", "HS256"))+"."+g.body)
}

func (g *game) cut(signature string) string {
	return g.good[:strings.LastIndexByte(g.good, '.')+1] + signature
}

func raw64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func games() map[string]func(g *game) string {
	der := func(g *game) []byte {
		b, err := x509.MarshalPKIXPublicKey(g.published.Key)
		if err != nil {
			g.t.Fatal(err)
		}
		return b
	}
	big := strings.Repeat("x", 10<<20)
	return map[string]func(g *game) string{
		"none": func(g *game) string { return encode(g.t, g.head("alg", "none")) + "." + g.body + "." },
		"none with a signature": func(g *game) string {
			return encode(g.t, g.head("alg", "none")) + "." + g.body + g.good[strings.LastIndexByte(g.good, '.'):]
		},
		"NonE":                     func(g *game) string { return encode(g.t, g.head("alg", "NonE")) + "." + g.body + "." },
		"no alg":                   func(g *game) string { return g.signed(g.head("alg", nil)) },
		"alg is a list":            func(g *game) string { return g.signed(g.head("alg", []string{g.k.alg})) },
		"another algorithm's name": func(g *game) string { return g.signed(g.head("alg", "RS256")) },
		"one out of fashion":       func(g *game) string { return g.signed(g.head("alg", "RS1")) },
		"HS256 with the public key": func(g *game) string {
			return g.symmetric(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der(g)}))
		},
		"HS256 with its DER": func(g *game) string { return g.symmetric(der(g)) },
		"HS256 with its JWK": func(g *game) string { return g.symmetric([]byte(mustJSON(g.t, g.published))) },
		"HS256 with nothing": func(g *game) string { return g.symmetric(nil) },
		"a thief's key":      func(g *game) string { return g.forged("", 0) },
		"another's key in jwk": func(g *game) string {
			if g.proof { // there jwk is where the key is: a private one is no key
				private := g.k.jwk(g.t)
				private["d"] = strings.Repeat("A", 43)
				return g.signed(g.head("jwk", private))
			}
			return g.forged("jwk", g.thief.jwk(g.t))
		},
		"jku":                func(g *game) string { return g.forged("jku", "https://evil.example/jwks") },
		"x5u":                func(g *game) string { return g.forged("x5u", "https://evil.example/x5u") },
		"x5c":                func(g *game) string { return g.forged("x5c", []string{"MA=="}) },
		"jku on a good one":  func(g *game) string { return g.signed(g.head("jku", "https://evil.example/jwks")) },
		"x5u on a good one":  func(g *game) string { return g.signed(g.head("x5u", "https://evil.example/x5u")) },
		"x5c on a good one":  func(g *game) string { return g.signed(g.head("x5c", []string{"MA=="})) },
		"crit":               func(g *game) string { return g.signed(g.head("crit", []string{"exp"})) },
		"crit that is empty": func(g *game) string { return g.signed(g.head("crit", []string{})) },
		"b64":                func(g *game) string { h := g.head("b64", false); h["crit"] = []string{"b64"}; return g.signed(h) },
		"b64 without crit":   func(g *game) string { return g.signed(g.head("b64", false)) },
		"nested":             func(g *game) string { return g.with(raw64([]byte(g.good))) },
		"nested deep":        func(g *game) string { return g.with(raw64([]byte(strings.Repeat("[", 9000)))) },
		"zip bomb":           func(g *game) string { return g.k.over(g.t, encode(g.t, g.head("zip", "DEF"))+"."+raw64(bomb(g.t))) },
		"zip of good claims": func(g *game) string { return g.signed(g.head("zip", "DEF")) },
		"encrypted zip bomb": func(g *game) string {
			return encode(g.t, map[string]any{"alg": "dir", "enc": "A256GCM", "zip": "DEF"}) + ".." + raw64(make([]byte, 12)) + "." + raw64(bomb(g.t)) + "." + raw64(make([]byte, 16))
		},
		"iterations without end": func(g *game) string {
			return encode(g.t, map[string]any{"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2147483647, "p2s": "AAAAAAAAAAA"}) + "." + raw64(make([]byte, 24)) + "." + raw64(make([]byte, 12)) + ".AAAA." + raw64(make([]byte, 16))
		},
		"a thousand parts": func(*game) string { return strings.Repeat("e30.", 1000) },
		"claims twice": func(g *game) string {
			return g.with(raw64([]byte(`{"iss":"x","aud":"x","jti":"x",` + mustJSON(g.t, g.claims)[1:])))
		},
		"header twice": func(g *game) string {
			return g.k.over(g.t, raw64([]byte(`{"alg":"none",`+mustJSON(g.t, g.head("", 0))[1:]))+"."+g.body)
		},
		"a signature of nothing":   func(g *game) string { return g.cut("") },
		"a signature of zeros":     func(g *game) string { return g.cut(raw64(make([]byte, 64))) },
		"a signature of two zeros": func(g *game) string { return g.cut("MAYCAQACAQA") },
		"padded":                   func(g *game) string { return strings.ReplaceAll(g.good, ".", "=.") },
		"a line break":             func(g *game) string { return g.good[:20] + "\n" + g.good[20:] },
		"no claims":                func(g *game) string { return g.with("") },
		"claims are a list":        func(g *game) string { return g.with(raw64([]byte(`["iss"]`))) },
		"claims are no UTF-8":      func(g *game) string { return g.with(raw64([]byte("{\"iss\":\"\xff\xfe\"}"))) },
		"numbers beyond all bounds": func(g *game) string {
			return g.with(raw64([]byte(`{"exp":1e400,"iat":-1e400,"nbf":1e999999999,` + mustJSON(g.t, g.claims)[1:])))
		},
		"a typ of somewhere else": func(g *game) string { return g.signed(g.head("typ", "logout+jwt")) },
		"10 MB of claims": func(g *game) string {
			return g.with(raw64([]byte(`{"x":"` + big + `",` + mustJSON(g.t, g.claims)[1:])))
		},
		"10 MB of header":    func(g *game) string { return g.signed(g.head("kid", big)) },
		"10 MB of signature": func(g *game) string { return g.good + big },
		"10 MB of dots":      func(*game) string { return strings.Repeat(".", 10<<20) },
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestAttack_JWTsAtEveryDoor: every game at every door that reads JWTs is answered with that door's error, for little memory, whatever the size.
func TestAttack_JWTsAtEveryDoor(t *testing.T) {
	k := newKey(t, "ES256", "k1")
	w, _ := asserting(t)
	var err error
	w.token.Assertions, err = assertion.New(issuer, w.store, w.remote, []assertion.Issuer{{Issuer: employer, Keys: keySet(t, k), Clients: []string{"batch"}, Scopes: []string{"api"}, Links: true}})
	w.must(err)
	list := exchangers(desks(append(slices.Clone(w.clients), oauth.Client{ID: "m", Auth: oauth.AuthKey, JWKS: keySet(t, k), GrantTypes: []string{oauth.GrantCredentials}})))
	for i := range list {
		switch list[i].ID {
		case "web", "desk":
			list[i].JWKS = keySet(t, k)
		}
	}
	w.must(w.registry.Replace(list))
	w.registering(func(h *registration.Handler) {
		h.Settings.Kinds["vouched"] = kind.Kind{Flows: oauth.Flows{Default: "signin"}}
		h.Settings.Issuers = map[string]kind.Issuer{"federation": {Issuer: "https://federation.example", JWKS: keySet(t, k)}}
	})
	w.people.change = nil
	access := w.tokens200("jwt", "scope", "openid")
	id, api := access["id_token"].(string), access["access_token"].(string)
	ours := func(jwt, typ string) func() map[string]any {
		return func() map[string]any { return w.payload(jwt, typ) }
	}
	stranger := newKey(t, "ES256", keyID(t, api))
	service := func() *http.Request { return w.as("service", post("/token", form("grant_type", "client_credentials"))) }
	proofOf := func() map[string]any {
		return map[string]any{"jti": rand.Text(), "htm": "POST", "htu": issuer + "/token", "iat": w.now().Unix()}
	}
	doors := []jwtDoor{
		{"client assertion", "JWT", func() map[string]any { return w.assertion("m") }, false, false, func(jwt string) *http.Request {
			return post("/token", form("grant_type", "client_credentials", "client_assertion_type", authentication.AssertionType, "client_assertion", jwt))
		}, []string{"invalid_client"}},
		{"request object", "oauth-authz-req+jwt", func() map[string]any { return w.object("web", ask("web")) }, false, false, func(jwt string) *http.Request {
			return post("/authorize", form("client_id", "web", "redirect_uri", redirects["web"], "request", jwt))
		}, []string{"invalid_request_object"}},
		{"pushed request object", "oauth-authz-req+jwt", func() map[string]any { return w.object("web", ask("web")) }, false, false, func(jwt string) *http.Request {
			return w.as("web", post("/par", form("request", jwt)))
		}, []string{"invalid_request_object"}},
		{"backchannel request", "JWT", func() map[string]any {
			now := w.now().Unix()
			return map[string]any{"iss": "desk", "aud": issuer, "iat": now, "nbf": now, "exp": now + 300, "jti": rand.Text(), "scope": "openid", "login_hint": "ann@example.com"}
		}, false, false, func(jwt string) *http.Request { return w.as("desk", post("/bc-authorize", form("request", jwt))) }, []string{"invalid_request"}},
		{"DPoP proof", "dpop+jwt", proofOf, false, true, func(jwt string) *http.Request {
			r := service()
			r.Header["Dpop"] = []string{jwt}
			return r
		}, []string{"invalid_dpop_proof"}},
		{"statement about a person", "JWT", func() map[string]any {
			now := w.now().Unix()
			return map[string]any{"iss": employer, "sub": "42", "aud": issuer, "iat": now, "exp": now + 120, "jti": rand.Text()}
		}, false, false, func(jwt string) *http.Request {
			return w.as("batch", post("/token", form("grant_type", oauth.GrantAssertion, "assertion", jwt)))
		}, []string{"invalid_grant"}},
		{"software statement", "JWT", func() map[string]any {
			return map[string]any{"iss": "https://federation.example", "client_name": "Vouched", "redirect_uris": cb(), "exp": w.now().Unix() + 300}
		}, false, false, func(jwt string) *http.Request {
			r := httptest.NewRequest(http.MethodPost, issuer+"/register", strings.NewReader(mustJSON(t, said{"redirect_uris": cb(), "software_statement": jwt})))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+entry)
			return r
		}, []string{"invalid_software_statement", "unapproved_software_statement"}},
		{"ID token hint", "JWT", ours(id, tokens.TypeID), true, false, func(jwt string) *http.Request { return post("/authorize", ask("jwt", "id_token_hint", jwt)) }, []string{"invalid_request"}},
		{"hint for signing out", "JWT", ours(id, tokens.TypeID), true, false, func(jwt string) *http.Request { return get("/logout", form("id_token_hint", jwt)) }, []string{"page"}},
		{"hint of a backchannel request", "JWT", ours(id, tokens.TypeID), true, false, func(jwt string) *http.Request {
			return w.as("otherdesk", post("/bc-authorize", form("scope", "openid", "id_token_hint", jwt)))
		}, []string{"invalid_request"}},
		{"token to exchange", "at+jwt", ours(api, tokens.TypeAccess), true, false, func(jwt string) *http.Request {
			return w.as("orders", post("/token", form("grant_type", oauth.GrantExchange, "subject_token", jwt, "subject_token_type", asAccess)))
		}, []string{"invalid_request"}},
		{"access token", "at+jwt", ours(api, tokens.TypeAccess), true, false, func(jwt string) *http.Request {
			r := get("/userinfo", nil)
			r.Header.Set("Authorization", "Bearer "+jwt)
			return r
		}, []string{"invalid_token", "401"}},
		{"introspected token", "at+jwt", ours(api, tokens.TypeAccess), true, false, func(jwt string) *http.Request { return w.as("gateway", post("/introspect", form("token", jwt))) }, []string{"inactive"}},
	}
	for i := range doors {
		d, by, published := &doors[i], k, k.public()
		if d.ours {
			by, published = stranger, w.publicKey(stranger.kid)
		}
		if rec := w.send(d.request(newGame(t, d, k, published).good)); !d.ours && (rec.Code >= 400 || strings.Contains(rec.Header().Get("Location"), "error=")) {
			t.Fatalf("%s: what would do does not: %d %s %s", d.name, rec.Code, rec.Body, rec.Header().Get("Location"))
		}
		for name, play := range games() {
			w.pass(30 * time.Second) // so that the guard against guessing does not answer instead
			jwt := play(newGame(t, d, by, published))
			r := d.request(jwt)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			rec := w.send(r)
			runtime.ReadMemStats(&after)
			if got := d.said(t, rec); !slices.Contains(d.want, got) && !(len(jwt) > 1<<20 && (rec.Code == 413 || got == "invalid_request" || got == "page")) {
				t.Errorf("%s, %s: %d %.200s, want %v", d.name, name, rec.Code, got, d.want)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
				t.Errorf("%s, %s: %d bytes were taken", d.name, name, n)
			}
		}
	}
	if n := w.fetched.Load(); n != 0 {
		t.Errorf("%d addresses were asked because a stranger named them", n)
	}
}

// keyID is the kid of a JWT's header.
func keyID(t *testing.T, jwt string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(jwt[:strings.IndexByte(jwt, '.')])
	if err != nil {
		t.Fatal(err)
	}
	var h struct{ Kid string }
	if err := json.Unmarshal(b, &h); err != nil || h.Kid == "" {
		t.Fatalf("%s: %v", b, err)
	}
	return h.Kid
}

// publicKey is what the server publishes under a kid.
func (w *world) publicKey(kid string) jose.JSONWebKey {
	w.t.Helper()
	var set jose.JSONWebKeySet
	w.must(json.Unmarshal(w.send(get("/jwks", nil)).Body.Bytes(), &set))
	for _, k := range set.Key(kid) {
		return k
	}
	w.fatal("no key %s", kid)
	return jose.JSONWebKey{}
}
