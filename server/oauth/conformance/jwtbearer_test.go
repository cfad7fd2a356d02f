package conformance_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/assertion"
	"github.com/stile-id/stile/server/oauth/client"
)

const employer = "https://login.acme.example"

// speaker is a trusted issuer: it signs what it is told to.
type speaker struct {
	t   *testing.T
	w   *world
	key *ecdsa.PrivateKey
	kid string
}

func newSpeaker(t *testing.T, w *world) *speaker {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &speaker{t, w, key, "k1"}
}

func (s *speaker) keys() []byte {
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.key.Public(), KeyID: s.kid, Algorithm: "ES256", Use: "sig"}}})
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// say signs a statement about subject 42; changes are laid over it, nil removes.
func (s *speaker) say(changes map[string]any, head ...any) string {
	now := s.w.now().Unix()
	c := map[string]any{"iss": employer, "sub": "42", "aud": issuer, "iat": now, "exp": now + 120, "jti": rand.Text()}
	for k, v := range changes {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	body, err := json.Marshal(c)
	if err != nil {
		s.t.Fatal(err)
	}
	o := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", s.kid)
	for i := 0; i+1 < len(head); i += 2 {
		o = o.WithHeader(jose.HeaderKey(head[i].(string)), head[i+1])
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: s.key}, o)
	if err != nil {
		s.t.Fatal(err)
	}
	jws, err := signer.Sign(body)
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// asserting is a world that trusts a speaker.
func asserting(t *testing.T, change ...func(*assertion.Issuer)) (*world, *speaker) {
	t.Helper()
	grants := []string{oauth.GrantAssertion}
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		kept := []string{client.Kept(secret)}
		return append(list, oauth.Client{ID: "batch", Secrets: kept, GrantTypes: grants, Scopes: []string{"openid", "api", "profile", "crm"}},
			oauth.Client{ID: "stranger", Secrets: kept, GrantTypes: grants, Scopes: []string{"api"}})
	})
	s := newSpeaker(t, w)
	i := assertion.Issuer{Issuer: employer, Keys: s.keys(), Clients: []string{"batch"}, Scopes: []string{"api", "profile", "openid"}, Links: true, Accounts: map[string]string{"b": bob, "gone": "nobody"}}
	for _, c := range change {
		c(&i)
	}
	var err error
	w.token.Assertions, err = assertion.New(issuer, w.store, w.remote, []assertion.Issuer{i})
	w.must(err)
	w.must(w.store.Apply(context.Background(), []identity.Write{identity.PutLink{Link: identity.Link{Account: ann, Provider: "acme", Issuer: employer, Subject: "42", Created: w.now()}}}, nil))
	return w, s
}

func (w *world) bear(id, text string, more ...string) (int, map[string]any) {
	w.t.Helper()
	status, m, _ := w.tokenFor(id, append([]string{"grant_type", oauth.GrantAssertion, "assertion", text}, more...)...)
	return status, m
}

func TestS045_AssertionGrant(t *testing.T) {
	w, s := asserting(t)
	status, m := w.bear("batch", s.say(nil))
	if status != 200 || m["scope"] != "api profile" || m["id_token"] != nil || m["refresh_token"] != nil {
		t.Fatalf("%d %v", status, m)
	}
	got := w.introspect("gateway", m["access_token"])
	if got["sub"] != ann || got["client_id"] != "batch" || got["acr"] != nil || got["auth_time"] != nil {
		t.Errorf("%v", got)
	}
	if status, m := w.bear("batch", s.say(map[string]any{"sub": "b"}), "scope", "api"); status != 200 || w.introspect("gateway", m["access_token"])["sub"] != bob {
		t.Errorf("a listed subject: %d %v", status, m)
	}
	if status, m := w.bear("batch", s.say(map[string]any{"aud": []string{issuer}}, "typ", "authorization-grant+jwt")); status != 200 {
		t.Errorf("list of one, type of its own: %d %v", status, m)
	}
	for _, scope := range []string{"openid", "crm", "api unknown", "offline_access"} {
		status, e := w.bear("batch", s.say(nil), "scope", scope)
		wantError(t, scope, status, e, 400, "invalid_scope")
	}
	w.must(w.store.Apply(context.Background(), []identity.Write{identity.SetStatus{Account: ann, Status: identity.Disabled, At: w.now()}}, nil))
	w.grants.DropAll()
	if w.active(m["access_token"]) {
		t.Error("the account is disabled and the token good")
	}
	status, e := w.bear("batch", s.say(nil))
	wantError(t, "disabled", status, e, 400, "invalid_grant")
}

func TestS045_AssertionRefused(t *testing.T) {
	w, s := asserting(t)
	other := newSpeaker(t, w)
	now := w.now().Unix()
	good := s.say(nil)
	parts := strings.Split(good, ".")
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for name, text := range map[string]string{
		"nothing":                "",
		"no JWT":                 "a.b",
		"another key":            other.say(nil),
		"signature cut":          good[:len(good)-4],
		"alg none":               encode(`{"alg":"none"}`) + "." + parts[1] + ".",
		"HS with the public key": encode(`{"alg":"HS256","kid":"k1"}`) + "." + parts[1] + "." + parts[2],
		"jwk of its own":         s.say(map[string]any{"iss": "https://evil.example"}, "jwk", map[string]any{"kty": "EC"}),
		"jku":                    other.say(nil, "jku", "http://127.0.0.1:1/keys"),
		"crit":                   s.say(nil, "crit", []string{"exp"}),
		"an access token":        s.say(nil, "typ", "at+jwt"),
		"a logout token":         s.say(nil, "typ", "logout+jwt"),
		"issuer nobody trusts":   s.say(map[string]any{"iss": "https://evil.example"}),
		"issuer with a slash":    s.say(map[string]any{"iss": employer + "/"}),
		"issuer missing":         s.say(map[string]any{"iss": nil}),
		"for the endpoint":       s.say(map[string]any{"aud": issuer + "/token"}),
		"for others too":         s.say(map[string]any{"aud": []string{issuer, "https://other.example"}}),
		"for nobody":             s.say(map[string]any{"aud": nil}),
		"no subject":             s.say(map[string]any{"sub": nil}),
		"an address as subject":  s.say(map[string]any{"sub": "ann@example.com"}),
		"an account's own id":    s.say(map[string]any{"sub": ann}),
		"subject nobody is":      s.say(map[string]any{"sub": "gone"}),
		"no jti":                 s.say(map[string]any{"jti": nil}),
		"no iat":                 s.say(map[string]any{"iat": nil}),
		"no exp":                 s.say(map[string]any{"exp": nil}),
		"expired":                s.say(map[string]any{"exp": now}),
		"good too long":          s.say(map[string]any{"exp": now + 301}),
		"good for ever":          s.say(map[string]any{"exp": 1e300, "iat": 0}),
		"from the future":        s.say(map[string]any{"iat": now + 60}),
		"not yet":                s.say(map[string]any{"nbf": now + 60}),
		"times as text":          s.say(map[string]any{"exp": "soon"}),
		"negative":               s.say(map[string]any{"iat": -1e9, "exp": now + 10}),
		"ten thousand dots":      strings.Repeat(".", 10000),
		"large":                  strings.Repeat("a", 20<<10) + "." + parts[1] + "." + parts[2],
	} {
		status, e := w.bear("batch", text)
		wantError(t, name, status, e, 400, "invalid_grant")
	}
	status, e := w.bear("stranger", s.say(nil))
	wantError(t, "a client the issuer does not name", status, e, 400, "invalid_grant")
	status, e = w.bear("web", s.say(nil))
	wantError(t, "a client without the grant type", status, e, 400, "unauthorized_client")
	if status, m := w.bear("batch", good); status != 200 {
		t.Errorf("what was right all along: %d %v", status, m)
	}
}

func TestS045_BearerAssertionOnce(t *testing.T) {
	w, s := asserting(t)
	text := s.say(map[string]any{"jti": "same"})
	if n := race(50, func() int { status, _ := w.bear("batch", text); return status }); n != 1 {
		t.Errorf("%d of 50 were let through", n)
	}
	status, e := w.bear("batch", s.say(map[string]any{"jti": "same", "sub": "b"}))
	wantError(t, "the jti again in another statement", status, e, 400, "invalid_grant")
}

func TestS045_AssertionKeysFetched(t *testing.T) {
	var served atomic.Pointer[[]byte]
	var asked atomic.Int32
	w, s := asserting(t, func(i *assertion.Issuer) { i.Keys, i.URI = nil, employer+"/jwks" })
	w.fetch = func(address string) ([]byte, error) {
		asked.Add(1)
		if b := served.Load(); b != nil && address == employer+"/jwks" {
			return *b, nil
		}
		return nil, errors.New("down")
	}
	status, e := w.bear("batch", s.say(nil))
	wantError(t, "keys not to be had", status, e, 503, "temporarily_unavailable")
	w.pass(time.Minute)
	first := s.keys()
	served.Store(&first)
	if status, m := w.bear("batch", s.say(nil)); status != 200 {
		t.Fatalf("%d %v", status, m)
	}
	before := asked.Load()
	w.pass(time.Minute)
	next := newSpeaker(t, w)
	next.kid = "k2"
	for range 5 {
		status, e = w.bear("batch", next.say(nil))
		wantError(t, "a kid nobody published", status, e, 400, "invalid_grant")
	}
	if n := asked.Load() - before; n != 1 {
		t.Errorf("a stranger's kid made %d fetches", n)
	}
	w.pass(time.Minute)
	rotated := next.keys()
	served.Store(&rotated)
	if status, m := w.bear("batch", next.say(nil)); status != 200 {
		t.Errorf("after a rotation: %d %v", status, m)
	}
	huge := append([]byte(`{"keys":[],"x":"`), make([]byte, 1<<20)...)
	served.Store(&huge)
	w.pass(30 * time.Minute)
	if status, m := w.bear("batch", next.say(nil)); status != 200 {
		t.Errorf("the set known goes on for an hour: %d %v", status, m)
	}
	w.pass(25 * time.Hour)
	status, e = w.bear("batch", next.say(nil))
	wantError(t, "a set too old", status, e, 503, "temporarily_unavailable")
}
