package conformance_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
)

// key is a key pair of a client's.
type key struct {
	private crypto.Signer
	alg     string
	kid     string
}

// made keeps one RSA key for all tests: making one takes longer than they do.
var made = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k })

func newKey(t testing.TB, alg, kid string) key {
	t.Helper()
	var (
		private crypto.Signer
		err     error
	)
	switch alg {
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		private = made()
	}
	if err != nil {
		t.Fatal(err)
	}
	return key{private, alg, kid}
}

func (k key) public() jose.JSONWebKey { return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.kid} }

func (k key) jwk(t testing.TB) map[string]any {
	t.Helper()
	b, err := k.public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]any{}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func keySet(t testing.TB, keys ...key) json.RawMessage {
	t.Helper()
	var list []any
	for _, k := range keys {
		list = append(list, k.jwk(t))
	}
	b, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// thumbprint is RFC 7638's.
func (k key) thumbprint(t testing.TB) string {
	t.Helper()
	jwk := k.public()
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// sign makes a compact JWS by hand, so that headers may be whatever a test wants. Claims that are nil are left out.
func (k key) sign(t testing.TB, head, claims map[string]any) string {
	t.Helper()
	h := map[string]any{"alg": k.alg}
	if k.kid != "" {
		h["kid"] = k.kid
	}
	maps.Copy(h, head)
	body := map[string]any{}
	for n, v := range claims {
		if v != nil {
			body[n] = v
		}
	}
	for n, v := range h {
		if v == nil {
			delete(h, n)
		}
	}
	return k.over(t, encode(t, h)+"."+encode(t, body))
}

func encode(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// over signs a text and appends the signature.
func (k key) over(t testing.TB, text string) string {
	t.Helper()
	var (
		sig []byte
		err error
	)
	sum := crypto.SHA256.New()
	sum.Write([]byte(text))
	switch private := k.private.(type) {
	case *ecdsa.PrivateKey:
		r, s, failed := ecdsa.Sign(rand.Reader, private, sum.Sum(nil))
		sig, err = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), failed
	case ed25519.PrivateKey:
		sig = ed25519.Sign(private, []byte(text))
	case *rsa.PrivateKey:
		if k.alg == "PS256" {
			sig, err = rsa.SignPSS(rand.Reader, private, crypto.SHA256, sum.Sum(nil), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			sig, err = rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, sum.Sum(nil))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// assert is what a client sends to prove itself by a key.
func (w *world) assert(id string, k key, change ...map[string]any) []string {
	w.t.Helper()
	return []string{"client_assertion_type", authentication.AssertionType, "client_assertion", k.sign(w.t, nil, w.assertion(id, change...))}
}

func (w *world) assertion(id string, change ...map[string]any) map[string]any {
	now := w.now().Unix()
	claims := map[string]any{"iss": id, "sub": id, "aud": issuer, "jti": rand.Text(), "iat": now, "exp": now + 60}
	for _, c := range change {
		maps.Copy(claims, c)
	}
	return claims
}

// keyed adds machines that prove themselves by keys.
func keyed(t testing.TB, keys map[string]key) func([]oauth.Client) []oauth.Client {
	return func(list []oauth.Client) []oauth.Client {
		for id, k := range keys {
			list = append(list, oauth.Client{ID: id, Auth: oauth.AuthKey, JWKS: keySet(t, k), GrantTypes: []string{oauth.GrantCredentials}, Scopes: []string{"api.read"}})
		}
		return list
	}
}

func hmacOver(secret []byte, text string) string {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}
