package conformance_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/encrypt"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// published is a client's key set with one key, as a client writes it.
func published(t testing.TB, keys ...jose.JSONWebKey) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func public(k key, use, alg string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.kid, Use: use, Algorithm: alg}
}

// opened decrypts a nested JWT as its client does, and returns the JWS in it.
func opened(t testing.TB, token any, private crypto.Signer, kid, alg, enc string) string {
	t.Helper()
	text, _ := token.(string)
	if strings.Count(text, ".") != 4 {
		t.Fatalf("not encrypted: %q", text)
	}
	jwe, err := jose.ParseEncryptedCompact(text, []jose.KeyAlgorithm{jose.KeyAlgorithm(alg)}, []jose.ContentEncryption{jose.ContentEncryption(enc)})
	if err != nil {
		t.Fatal(err)
	}
	h := jwe.Header
	if h.KeyID != kid || h.ExtraHeaders["cty"] != "JWT" || h.ExtraHeaders["typ"] != "JWT" || h.ExtraHeaders["iss"] != issuer {
		t.Errorf("header %+v", h)
	}
	plain, err := jwe.Decrypt(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

func TestS064_EncryptedIDToken(t *testing.T) {
	ec, rsaKey := newKey(t, "ES256", "ec"), newKey(t, "RS256", "rsa")
	decoy := newKey(t, "ES256", "decoy")
	for _, alg := range encrypt.Algorithms() {
		for _, enc := range encrypt.Encodings() {
			k := ec
			if strings.HasPrefix(alg, "RSA") {
				k = rsaKey
			}
			w := newWorld(t, signing(t, ec, func(c *oauth.Client) {
				// A key for signatures comes first, one that is meant for another algorithm second, one without a purpose third.
				c.JWKS = published(t, public(decoy, "sig", ""), public(decoy, "enc", "ECDH-ES+A128KW"), public(decoy, "", ""), public(k, "enc", ""))
				c.IDTokenEncAlg, c.IDTokenEnc = alg, enc
			}))
			m := w.tokens200("web", "scope", "openid offline_access")
			inner := opened(t, m["id_token"], k.private, k.kid, alg, enc)
			id := w.payload(inner, tokens.TypeID)
			if id["sub"] != ann || id["aud"] != "web" || id["nonce"] != "n-0S6" || id["at_hash"] != tokens.HalfHash("ES256", m["access_token"].(string)) {
				t.Errorf("%s %s: %v", alg, enc, id)
			}
			status, again := w.refresh("web", m["refresh_token"])
			if status != http.StatusOK || w.payload(opened(t, again["id_token"], k.private, k.kid, alg, enc), tokens.TypeID)["sub"] != ann {
				t.Errorf("%s %s: refreshed %d %v", alg, enc, status, again)
			}
		}
	}
}

func TestS064_HintOfAClientWhoseTokensAreEncrypted(t *testing.T) {
	k := newKey(t, "ES256", "k")
	w := newWorld(t, signing(t, k, func(c *oauth.Client) {
		c.JWKS, c.IDTokenEncAlg = published(t, public(k, "enc", "")), oauth.ECDHES
	}))
	nested := w.tokens200("web")["id_token"].(string)
	inner := opened(t, nested, k.private, "k", "ECDH-ES", "A128CBC-HS256")
	if _, q := w.authorize(ask("web", "id_token_hint", inner)); q.Get("code") == "" || w.people.request.Journey.Subject != ann {
		t.Errorf("decrypted: %v", q)
	}
	// What is encrypted to the client is not ours to read.
	if _, q := w.authorize(ask("web", "id_token_hint", nested)); q.Get("error") != "invalid_request" || q.Get("code") != "" {
		t.Errorf("nested: %v", q)
	}
	session := w.session(ann, "sid-ann", nil)
	w.browser = &session
	if rec := w.send(get("/logout", form("id_token_hint", nested, "post_logout_redirect_uri", "https://app.example/bye"))); rec.Code != http.StatusBadRequest || len(w.ended) != 0 {
		t.Errorf("nested at logout: %d, ended %v", rec.Code, w.ended)
	}
	if rec := w.send(get("/logout", form("id_token_hint", inner))); len(w.ended) != 1 {
		t.Errorf("decrypted at logout: %d, ended %v", rec.Code, w.ended)
	}
	if got := w.introspect("gateway", nested); got["active"] != false {
		t.Errorf("introspected: %v", got)
	}
}

func TestS064_NothingIsGivenOutUnencrypted(t *testing.T) {
	k := newKey(t, "ES256", "k")
	w := newWorld(t, signing(t, k, func(c *oauth.Client) {
		c.JWKS, c.JWKSURI, c.IDTokenEncAlg = nil, "https://app.example/jwks", oauth.ECDHESA256KW
	}))
	var served json.RawMessage
	w.fetch = func(string) ([]byte, error) {
		if served == nil {
			return nil, errors.New("down")
		}
		return served, nil
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	w.must(err)
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	w.must(err)
	for name, set := range map[string]json.RawMessage{
		"unreachable": nil, "no key for that": published(t, public(k, "sig", "")), "of another kind": published(t, public(newKey(t, "RS256", "r"), "enc", "")),
		"for another algorithm": published(t, public(k, "enc", "ECDH-ES")), "of another curve": published(t, jose.JSONWebKey{Key: &large.PublicKey, Use: "enc"}),
		"small": published(t, jose.JSONWebKey{Key: &small.PublicKey, Use: "enc"}), "no set": json.RawMessage(`{"keys":[]}`), "nonsense": json.RawMessage(`{`),
	} {
		w.pass(2 * time.Hour)
		served = set
		status, m := w.redeem("web", w.code("web", "scope", "openid"))
		wantError(t, name, status, m, http.StatusServiceUnavailable, "temporarily_unavailable")
		if m["id_token"] != nil {
			t.Errorf("%s: %v", name, m)
		}
	}
	// The code was not used up: once the key is there, it is good for as long as it lives.
	w.pass(2 * time.Hour)
	served = nil
	code := w.code("web", "scope", "openid offline_access")
	status, m := w.redeem("web", code)
	wantError(t, "unreachable", status, m, http.StatusServiceUnavailable, "temporarily_unavailable")
	w.pass(31 * time.Second)
	served = published(t, public(k, "enc", ""))
	status, m = w.redeem("web", code)
	if status != http.StatusOK || w.payload(opened(t, m["id_token"], k.private, "k", "ECDH-ES+A256KW", "A128CBC-HS256"), tokens.TypeID)["sub"] != ann {
		t.Fatalf("%d %v", status, m)
	}
	// A key that took the place of another is found without waiting for the remembered set to age.
	fresh := newKey(t, "ES256", "fresh")
	served = published(t, public(fresh, "enc", ""))
	w.pass(time.Minute)
	n := w.fetched.Load()
	if status, m = w.refresh("web", m["refresh_token"]); status != http.StatusOK || w.fetched.Load() != n {
		t.Errorf("a fresh set with a key is used: %d, %d fetches", status, w.fetched.Load()-n)
	}
	w.pass(11 * time.Minute)
	if status, m = w.refresh("web", m["refresh_token"]); status != http.StatusOK {
		t.Fatalf("%d %v", status, m)
	}
	opened(t, m["id_token"], fresh.private, "fresh", "ECDH-ES+A256KW", "A128CBC-HS256")
	// Without a room that encrypts there is nothing, rather than something that everybody can read.
	w.tokens.Recipients = nil
	if text, err := w.tokens.SignFor(context.Background(), w.client("web"), tokens.TypeID, []byte(`{}`)); err == nil || text != "" {
		t.Errorf("%q", text)
	}
}

func TestS059_S064_EncryptedLogoutToken(t *testing.T) {
	k := newKey(t, "ES256", "k")
	s := newSink(t)
	w, teller := hearing(t, s, func(c *oauth.Client) {
		c.JWKS, c.IDTokenEncAlg, c.IDTokenEnc = published(t, public(k, "enc", "")), oauth.ECDHES, oauth.A256GCM
	})
	m := w.tokens200("web")
	session := w.session(ann, "sid-ann", nil)
	w.browser = &session
	w.send(get("/logout", form("id_token_hint", opened(t, m["id_token"], k.private, "k", "ECDH-ES", "A256GCM"))))
	for id, err := range w.told(teller) {
		if err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if got := s.tokens(); len(got) != 1 || w.payload(opened(t, got[0], k.private, "k", "ECDH-ES", "A256GCM"), tokens.TypeLogout)["sub"] != ann {
		t.Errorf("%v", got)
	}
}

func TestS065_EncryptedUserinfo(t *testing.T) {
	k := newKey(t, "RS256", "k")
	w := newWorld(t, signing(t, k, func(c *oauth.Client) {
		c.JWKS = published(t, public(k, "enc", "RSA-OAEP-256"))
		c.UserinfoAlg, c.UserinfoEncAlg, c.UserinfoEnc = oauth.ES256, oauth.RSAOAEP256, oauth.A128GCM
	}))
	m := w.tokens200("web", "scope", "openid email")
	if strings.Count(m["id_token"].(string), ".") != 2 {
		t.Error("the ID token is encrypted too")
	}
	rec := w.userinfo(m["access_token"])
	inner := opened(t, rec.Body.String(), k.private, "k", "RSA-OAEP-256", "A128GCM")
	if p := w.payload(inner, tokens.TypeUserinfo); rec.Header().Get("Content-Type") != "application/jwt" || p["sub"] != ann || p["aud"] != "web" || p["email"] != "ann@example.com" {
		t.Errorf("%v %v", rec.Header(), p)
	}
}

func TestS064_S065_Settings(t *testing.T) {
	k, r := newKey(t, "ES256", "k"), newKey(t, "RS256", "r")
	for name, change := range map[string]func(*oauth.Client){
		"RSA1_5":              func(c *oauth.Client) { c.IDTokenEncAlg = "RSA1_5" },
		"RSA-OAEP with SHA-1": func(c *oauth.Client) { c.IDTokenEncAlg = "RSA-OAEP" },
		"dir":                 func(c *oauth.Client) { c.IDTokenEncAlg = "dir" },
		"unknown content":     func(c *oauth.Client) { c.IDTokenEncAlg, c.IDTokenEnc = oauth.ECDHES, "A128CBC" },
		"content alone":       func(c *oauth.Client) { c.IDTokenEnc = oauth.A256GCM },
		"no key":              func(c *oauth.Client) { c.IDTokenEncAlg, c.JWKS = oauth.ECDHES, nil },
		"a key to sign":       func(c *oauth.Client) { c.IDTokenEncAlg, c.JWKS = oauth.ECDHES, published(t, public(k, "sig", "")) },
		"a key of RSA":        func(c *oauth.Client) { c.IDTokenEncAlg, c.JWKS = oauth.ECDHES, published(t, public(r, "enc", "")) },
		"unsigned userinfo":   func(c *oauth.Client) { c.UserinfoEncAlg = oauth.ECDHES },
	} {
		c := clients()[0]
		c.JWKS = published(t, public(k, "enc", ""))
		change(&c)
		if _, problems := client.Check(c); len(problems) != 1 {
			t.Errorf("%s: %v", name, problems)
		}
	}
	m := object(t, newWorld(t).send(get("/.well-known/openid-configuration", nil)))
	for _, what := range []string{"id_token", "userinfo"} {
		algs, _ := m[what+"_encryption_alg_values_supported"].([]any)
		encs, _ := m[what+"_encryption_enc_values_supported"].([]any)
		if len(algs) != 3 || len(encs) != 3 || slices.Contains(algs, any("RSA1_5")) {
			t.Errorf("%s: %v %v", what, algs, encs)
		}
	}
}
