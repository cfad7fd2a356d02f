package conformance_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
)

// machine sends a token request of a client for itself.
func (w *world) machine(pairs ...string) (int, map[string]any) {
	w.t.Helper()
	rec := w.send(post("/token", form(append([]string{"grant_type", "client_credentials"}, pairs...)...)))
	return rec.Code, object(w.t, rec)
}

func TestS011_S045_PrivateKeyJWT(t *testing.T) {
	keys := map[string]key{}
	for _, alg := range []string{"ES256", "RS256", "PS256", "EdDSA"} {
		keys["m-"+alg] = newKey(t, alg, "k-"+alg)
	}
	w := newWorld(t, keyed(t, keys))
	for id, k := range keys {
		if status, m := w.machine(w.assert(id, k)...); status != 200 || m["access_token"] == nil {
			t.Errorf("%s: %d %v", id, status, m)
		}
		if status, m := w.machine(append(w.assert(id, k), "client_id", id)...); status != 200 {
			t.Errorf("%s with its client_id: %d %v", id, status, m)
		}
		if rec := w.send(post("/introspect", form(append(w.assert(id, k), "token", "x")...))); rec.Code != 200 || rec.Body.String() != `{"active":false}` {
			t.Errorf("%s at introspection: %d %s", id, rec.Code, rec.Body)
		}
		if rec := w.send(post("/revoke", form(append(w.assert(id, k), "token", "x")...))); rec.Code != 200 {
			t.Errorf("%s at revocation: %d %s", id, rec.Code, rec.Body)
		}
	}
	ed := keys["m-EdDSA"]
	if status, m := w.machine("client_assertion_type", authentication.AssertionType, "client_assertion", ed.sign(t, map[string]any{"alg": "Ed25519"}, w.assertion("m-EdDSA"))); status != 200 {
		t.Errorf("EdDSA by its newer name: %d %v", status, m)
	}
	forged := newKey(t, "EdDSA", ed.kid).sign(t, map[string]any{"alg": "Ed25519"}, w.assertion("m-EdDSA"))
	if status, m := w.machine("client_assertion_type", authentication.AssertionType, "client_assertion", forged); status != 401 {
		t.Errorf("a forged one: %d %v", status, m)
	}
	k := keys["m-ES256"]
	for name, change := range map[string]func(now int64) map[string]any{
		"foreign issuer":             func(now int64) map[string]any { return map[string]any{"iss": "web"} },
		"no issuer":                  func(now int64) map[string]any { return map[string]any{"iss": nil} },
		"foreign audience":           func(now int64) map[string]any { return map[string]any{"aud": "https://other.example"} },
		"token endpoint":             func(now int64) map[string]any { return map[string]any{"aud": issuer + "/token"} },
		"list of the issuer":         func(now int64) map[string]any { return map[string]any{"aud": []string{issuer}} },
		"list with the issuer":       func(now int64) map[string]any { return map[string]any{"aud": []string{issuer, issuer + "/token"}} },
		"issuer with a slash":        func(now int64) map[string]any { return map[string]any{"aud": issuer + "/"} },
		"no audience":                func(now int64) map[string]any { return map[string]any{"aud": nil} },
		"no jti":                     func(now int64) map[string]any { return map[string]any{"jti": nil} },
		"jti is a number":            func(now int64) map[string]any { return map[string]any{"jti": 7} },
		"huge jti":                   func(now int64) map[string]any { return map[string]any{"jti": strings.Repeat("j", 501)} },
		"expired":                    func(now int64) map[string]any { return map[string]any{"exp": now} },
		"no expiry":                  func(now int64) map[string]any { return map[string]any{"exp": nil} },
		"expiry is a text":           func(now int64) map[string]any { return map[string]any{"exp": "tomorrow"} },
		"expiry far away":            func(now int64) map[string]any { return map[string]any{"exp": now + 3600} },
		"expiry beyond the calendar": func(now int64) map[string]any { return map[string]any{"exp": 1e300} },
		"made in the future":         func(now int64) map[string]any { return map[string]any{"iat": now + 60} },
		"iat is a text":              func(now int64) map[string]any { return map[string]any{"iat": "now"} },
		"not yet valid":              func(now int64) map[string]any { return map[string]any{"nbf": now + 60} },
	} {
		status, m := w.machine(w.assert("m-ES256", k, change(w.now().Unix()))...)
		wantError(t, name, status, m, 401, "invalid_client")
		w.pass(20 * time.Second)
	}
	for name, pairs := range map[string][]string{
		"with a secret":          append(w.assert("m-ES256", k), "client_secret", secret),
		"with another client_id": append(w.assert("m-ES256", k), "client_id", "web"),
	} {
		status, m := w.machine(pairs...)
		wantError(t, name, status, m, 400, "invalid_request")
	}
	w.pass(10 * time.Minute)
	rec := w.send(w.as("service", post("/token", form(append([]string{"grant_type", "client_credentials"}, w.assert("m-ES256", k)...)...))))
	wantError(t, "with Basic", rec.Code, object(t, rec), 400, "invalid_request")
	for name, pairs := range map[string][]string{
		"type missing":      {"client_assertion", k.sign(t, nil, w.assertion("m-ES256"))},
		"type unknown":      {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "client_assertion", k.sign(t, nil, w.assertion("m-ES256"))},
		"assertion missing": {"client_assertion_type", authentication.AssertionType, "client_id", "m-ES256"},
		"id alone":          {"client_id", "m-ES256"},
		"a secret":          {"client_id", "m-ES256", "client_secret", secret},
		"for a secret one":  w.assert("service", k),
		"for a public one":  w.assert("spa", k),
		"unknown client":    w.assert("nobody", k),
		"another's key":     w.assert("m-EdDSA", k),
	} {
		status, m := w.machine(pairs...)
		wantError(t, name, status, m, 401, "invalid_client")
	}
}

func TestS045_HeaderGames(t *testing.T) {
	k, rsa := newKey(t, "ES256", "k1"), newKey(t, "RS256", "k2")
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		return append(list, oauth.Client{ID: "m", Auth: oauth.AuthKey, JWKS: keySet(t, k, rsa), GrantTypes: []string{oauth.GrantCredentials}, AuthAlg: ""},
			oauth.Client{ID: "pinned", Auth: oauth.AuthKey, JWKS: keySet(t, k, rsa), GrantTypes: []string{oauth.GrantCredentials}, AuthAlg: "ES256"})
	})
	der, err := x509.MarshalPKIXPublicKey(rsa.private.Public())
	w.must(err)
	asSecret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	thief := newKey(t, "ES256", "k1")
	body := encode(t, w.assertion("m"))
	unsigned := encode(t, map[string]any{"alg": "none"}) + "." + body + "."
	good := k.sign(t, nil, w.assertion("m"))
	twice := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"m","sub":"m","sub":"m","aud":"` + issuer + `","jti":"x","exp":9999999999}`))
	for name, jwt := range map[string]string{
		"none":                  unsigned,
		"None":                  encode(t, map[string]any{"alg": "None"}) + "." + body + "." + strings.Split(good, ".")[2],
		"HS256 with public key": hmacOver(asSecret, encode(t, map[string]any{"alg": "HS256", "kid": "k2"})+"."+body),
		"thief's key":           thief.sign(t, nil, w.assertion("m")),
		"jwk":                   thief.sign(t, map[string]any{"jwk": thief.jwk(t), "kid": nil}, w.assertion("m")),
		"jku":                   k.sign(t, map[string]any{"jku": "https://evil.example/jwks"}, w.assertion("m")),
		"x5u":                   k.sign(t, map[string]any{"x5u": "https://evil.example/x"}, w.assertion("m")),
		"x5c":                   k.sign(t, map[string]any{"x5c": []string{"MA=="}}, w.assertion("m")),
		"crit":                  k.sign(t, map[string]any{"crit": []string{"exp"}, "exp": 1}, w.assertion("m")),
		"b64":                   k.sign(t, map[string]any{"b64": false, "crit": []string{"b64"}}, w.assertion("m")),
		"zip":                   k.sign(t, map[string]any{"zip": "DEF"}, w.assertion("m")),
		"unknown kid":           k.sign(t, map[string]any{"kid": "k9"}, w.assertion("m")),
		"huge kid":              k.sign(t, map[string]any{"kid": strings.Repeat("k", 300)}, w.assertion("m")),
		"kid of another kind":   k.sign(t, map[string]any{"kid": "k2"}, w.assertion("m")),
		"alg of another kind":   k.sign(t, map[string]any{"alg": "RS256"}, w.assertion("m")),
		"typ of access tokens":  k.sign(t, map[string]any{"typ": "at+jwt"}, w.assertion("m")),
		"typ of proofs":         k.sign(t, map[string]any{"typ": "dpop+jwt"}, w.assertion("m")),
		"claims twice":          k.over(t, encode(t, map[string]any{"alg": "ES256", "kid": "k1"})+"."+twice),
		"nested":                k.over(t, encode(t, map[string]any{"alg": "ES256", "kid": "k1", "cty": "JWT"})+"."+base64.RawURLEncoding.EncodeToString([]byte(good))),
		"five parts":            good + ".a.b",
		"two parts":             good[:strings.LastIndex(good, ".")],
		"padded":                strings.Replace(good, ".", "=.", 1),
		"empty":                 "..",
		"large":                 k.sign(t, nil, w.assertion("m", map[string]any{"x": strings.Repeat("x", 20<<10)})),
		"deep":                  k.over(t, encode(t, map[string]any{"alg": "ES256"})+"."+base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("[", 9000)))),
	} {
		status, m := w.machine("client_assertion_type", authentication.AssertionType, "client_assertion", jwt)
		wantError(t, name, status, m, 401, "invalid_client")
		w.pass(30 * time.Second) // so that the guard against guessing does not answer instead
	}
	big := form("grant_type", "client_credentials", "client_assertion_type", authentication.AssertionType, "client_assertion", strings.Repeat("e", 10<<20))
	if rec := w.send(post("/token", big)); rec.Code != 400 {
		t.Errorf("10 MB: %d", rec.Code)
	}
	if status, m := w.machine(w.assert("m", k)...); status != 200 {
		t.Errorf("the real one: %d %v", status, m)
	}
	for _, typ := range []string{"JWT", "client-authentication+jwt", "application/client-authentication+jwt"} {
		if status, m := w.machine("client_assertion_type", authentication.AssertionType, "client_assertion", k.sign(t, map[string]any{"typ": typ}, w.assertion("m"))); status != 200 {
			t.Errorf("typ %s: %d %v", typ, status, m)
		}
	}
	if status, _ := w.machine(w.assert("m", rsa)...); status != 200 {
		t.Error("RS256 is refused where nothing is pinned")
	}
	status, m := w.machine(w.assert("pinned", rsa)...)
	wantError(t, "another algorithm than the pinned one", status, m, 401, "invalid_client")
}

func TestS045_AssertionOnce(t *testing.T) {
	k := newKey(t, "ES256", "")
	w := newWorld(t, keyed(t, map[string]key{"m": k, "n": k}))
	once := w.assert("m", k, map[string]any{"jti": "j"})
	if status, m := w.machine(once...); status != 200 {
		t.Fatalf("first: %d %v", status, m)
	}
	status, m := w.machine(once...)
	wantError(t, "second", status, m, 401, "invalid_client")
	rec := w.send(post("/introspect", form(append(once, "token", "x")...)))
	wantError(t, "at another endpoint", rec.Code, object(t, rec), 401, "invalid_client")
	if status, m := w.machine(w.assert("n", k, map[string]any{"jti": "j"})...); status != 200 {
		t.Errorf("the same jti of another client: %d %v", status, m)
	}
	raced := w.assert("m", k)
	if n := race(50, func() int { status, _ := w.machine(raced...); return status }); n != 1 {
		t.Errorf("%d of 50 uses of one assertion succeeded", n)
	}
	w.pass(10 * time.Minute)
	wrong := w.assert("m", newKey(t, "ES256", ""), map[string]any{"jti": "victim"})
	w.machine(wrong...)
	if status, m := w.machine(w.assert("m", k, map[string]any{"jti": "victim"})...); status != 200 {
		t.Errorf("a forged assertion used the jti of a good one up: %d %v", status, m)
	}
}

// TestS045_YoungMemory: a store that lost what was used before takes nothing that may have been.
func TestS045_YoungMemory(t *testing.T) {
	k := newKey(t, "ES256", "")
	w := newWorld(t, keyed(t, map[string]key{"m": k}))
	birth, err := w.limits.Birth(t.Context())
	w.must(err)
	w.clock.Store(birth.Add(5 * time.Second).UnixNano())
	status, m := w.machine(w.assert("m", k)...)
	wantError(t, "five seconds after the loss", status, m, 503, "temporarily_unavailable")
	before := w.assert("m", k)
	w.pass(10 * time.Second)
	status, m = w.machine(before...)
	wantError(t, "made before the loss, for all we know", status, m, 503, "temporarily_unavailable")
	status, m = w.machine(w.assert("m", k, map[string]any{"iat": nil})...)
	wantError(t, "made nobody knows when", status, m, 503, "temporarily_unavailable")
	if status, m = w.machine(w.assert("m", k)...); status != 200 {
		t.Errorf("a new one: %d %v", status, m)
	}
}

func TestS045_LegacyAudience(t *testing.T) {
	k := newKey(t, "ES256", "")
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		return append(list, oauth.Client{ID: "old", Auth: oauth.AuthKey, LegacyAud: true, JWKS: keySet(t, k), GrantTypes: []string{oauth.GrantCredentials}})
	})
	for _, aud := range []any{issuer, issuer + "/token", []string{issuer + "/token"}, []string{"https://x.example", issuer}, "https://mtls.example/token", "https://mtls.example/bc-authorize"} {
		if status, m := w.machine(w.assert("old", k, map[string]any{"aud": aud})...); status != 200 {
			t.Errorf("%v: %d %v", aud, status, m)
		}
	}
	for _, aud := range []any{issuer + "/introspect", "https://mtls.example", "https://mtls.example/introspect", []string{"https://x.example"}, []string{}, map[string]any{}} {
		status, m := w.machine(w.assert("old", k, map[string]any{"aud": aud})...)
		wantError(t, "audience", status, m, 401, "invalid_client")
	}
}

func TestS057_JWKSURI(t *testing.T) {
	first, second := newKey(t, "ES256", "one"), newKey(t, "ES256", "two")
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		return append(list, oauth.Client{ID: "m", Auth: oauth.AuthKey, JWKSURI: "https://m.example/jwks", GrantTypes: []string{oauth.GrantCredentials}})
	})
	status, m := w.machine(w.assert("m", first)...)
	wantError(t, "unreachable", status, m, 503, "temporarily_unavailable")
	w.pass(time.Minute)
	served := keySet(t, first)
	w.fetch = func(address string) ([]byte, error) {
		if address != "https://m.example/jwks" {
			return nil, errors.New("no such address")
		}
		return served, nil
	}
	w.fetched.Store(0)
	for range 20 {
		if status, m := w.machine(w.assert("m", first)...); status != 200 {
			t.Fatalf("%d %v", status, m)
		}
	}
	if n := w.fetched.Load(); n != 1 {
		t.Errorf("20 requests fetched %d times", n)
	}
	w.pass(time.Minute)
	served = keySet(t, first, second) // a new key is found at once, by one fetch
	if n := race(20, func() int { status, _ := w.machine(w.assert("m", second)...); return status }); n != 20 || w.fetched.Load() != 2 {
		t.Errorf("a new key: %d of 20 succeeded, %d fetches", n, w.fetched.Load())
	}
	for range 15 { // made-up names lead to no fetches while the last one is fresh
		w.machine("client_assertion_type", authentication.AssertionType, "client_assertion", second.sign(t, map[string]any{"kid": "made-up"}, w.assertion("m")))
	}
	if n := w.fetched.Load(); n != 2 {
		t.Errorf("made-up kids led to %d fetches", n-2)
	}
	w.pass(11 * time.Minute)
	w.fetch = func(string) ([]byte, error) { return nil, errors.New("down") }
	if status, m := w.machine(w.assert("m", first)...); status != 200 {
		t.Errorf("the address is down for a while: %d %v", status, m)
	}
	w.pass(time.Hour)
	status, m = w.machine(w.assert("m", first)...)
	wantError(t, "down for an hour", status, m, 503, "temporarily_unavailable")
	for _, bad := range []string{"", "[]", `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"AAAA"}]}`, strings.Repeat(" ", 70<<10), "<html>"} {
		w.pass(time.Minute)
		w.fetch = func(string) ([]byte, error) { return []byte(bad), nil }
		if status, _ := w.machine(w.assert("m", first)...); status != 503 {
			t.Errorf("%.20q: %d", bad, status)
		}
	}
	w.pass(time.Minute)
	w.fetch = func(string) ([]byte, error) {
		var set map[string][]json.RawMessage
		w.must(json.Unmarshal(keySet(t, first), &set))
		set["keys"] = append(set["keys"], json.RawMessage(`{"kty":"ANY","kid":"x"}`))
		return json.Marshal(set)
	}
	if status, m := w.machine(w.assert("m", first)...); status != 200 {
		t.Errorf("a set with a key of an unknown kind: %d %v", status, m)
	}
}

func TestS011_AssertionsAreGuarded(t *testing.T) {
	k := newKey(t, "ES256", "")
	w := newWorld(t, keyed(t, map[string]key{"m": k}))
	blocked := 0
	for range 60 {
		if status, _ := w.machine(w.assert("m", newKey(t, "ES256", ""))...); status == http.StatusTooManyRequests {
			blocked++
		}
	}
	if blocked < 30 {
		t.Errorf("only %d of 60 forged assertions were blocked", blocked)
	}
}
