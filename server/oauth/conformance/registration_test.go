package conformance_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/kind"
	"github.com/stile-id/stile/server/oauth/registration"
	"github.com/stile-id/stile/server/oauth/registry"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/store/sql"
)

// lookups are the ledger's registrations with reads counted, and a fault to throw in.
type lookups struct {
	registration.Ledger
	n    atomic.Int64
	down atomic.Bool
}

func (l *lookups) Registration(ctx context.Context, id string) (*identity.Registration, error) {
	l.n.Add(1)
	if l.down.Load() {
		return nil, errors.New("down")
	}
	return l.Ledger.Registration(ctx, id)
}

const entry = "an-initial-access-token"

// registering opens registration in a world.
func (w *world) registering(change ...func(*registration.Handler)) (*registration.Handler, *lookups) {
	w.t.Helper()
	l := &lookups{Ledger: w.store}
	h := &registration.Handler{Issuer: issuer, Ledger: l, Limits: w.limits, Address: authentication.Address, Remote: w.remote, Calls: func(bool) *http.Client { return http.DefaultClient }, Open: transient.Limit{Burst: 50, Per: time.Hour},
		Random: rand.Reader, Now: w.now, Log: slog.New(slog.DiscardHandler), Settings: kind.Settings{Open: "app", Tokens: []kind.Token{{Name: "acme", Secret: client.Kept(entry), Kind: "partner"}},
			Kinds: map[string]kind.Kind{
				"app": {Flows: oauth.Flows{Default: "signin"}, Scopes: []string{"openid", "profile"}, GrantTypes: []string{oauth.GrantCode, oauth.GrantRefresh, oauth.GrantCredentials}},
				"partner": {Flows: oauth.Flows{Default: "signin"}, Scopes: []string{"openid", "profile", "api"}, Offline: true,
					GrantTypes: []string{oauth.GrantCode, oauth.GrantRefresh, oauth.GrantCredentials}},
				"bank":   {Flows: oauth.Flows{Default: "signin"}, Profile: oauth.ProfileFAPI2, Statement: true},
				"closed": {Flows: oauth.Flows{Default: "signin"}, Statement: true},
			}}}
	for _, c := range change {
		c(h)
	}
	for _, p := range kind.Check(&h.Settings) {
		w.t.Fatal(p)
	}
	var err error
	w.registry.Registered, err = registry.NewRegistered(l, func(r *identity.Registration) (*oauth.Client, error) { return h.Settings.Client(r, h.Offers) }, w.now, h.Log)
	w.must(err)
	w.registry.Registered.Pages = h.Settings.Pages()
	h.Changed = func(id string, removed bool) {
		w.registry.Registered.Drop(id)
		if removed {
			w.grants.DropAll()
		}
	}
	w.must(h.Mount(w.router))
	w.people.change = func(v *verdict.Verdict) { // people are asked, and say yes
		v.Evidence = append(v.Evidence, verdict.Evidence{Method: "consent", Facts: verdict.Set(verdict.Consented), Subject: v.Subject, At: w.now()})
	}
	return h, l
}

// tell sends JSON to an endpoint.
func (w *world) tell(method, url, token string, body any, change ...func(*http.Request)) (int, map[string]any, http.Header) {
	w.t.Helper()
	text, ok := body.(string)
	if !ok && body != nil {
		b, err := json.Marshal(body)
		w.must(err)
		text = string(b)
	}
	r := httptest.NewRequest(method, url, strings.NewReader(text))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, c := range change {
		c(r)
	}
	rec := httptest.NewRecorder()
	w.router.ServeHTTP(rec, r)
	var m map[string]any
	if rec.Body.Len() > 0 {
		if err := json.Unmarshal(rec.Body.Bytes(), &m); err != nil {
			w.t.Fatalf("%d %s", rec.Code, rec.Body.String())
		}
	}
	return rec.Code, m, rec.Header()
}

type said = map[string]any

func (w *world) registered(token string, body any) map[string]any {
	w.t.Helper()
	status, m, head := w.tell("POST", string(issuer)+"/register", token, body)
	if status != http.StatusCreated || head.Get("Cache-Control") != "no-store" {
		w.fatal("%d %v %v", status, head, m)
	}
	return m
}

func cb() []string { return []string{"https://rp.example/cb"} }

// TestS110_RegisteredSignsIn: an app registers, signs a person in, and every door knows it.
func TestS110_RegisteredSignsIn(t *testing.T) {
	w := newWorld(t)
	_, l := w.registering()
	m := w.registered("", said{"redirect_uris": cb(), "client_name": "Shop", "client_name#de": "Laden", "grant_types": []string{"authorization_code", "refresh_token", "implicit"}, "response_types": []string{"code"},
		"scope": "openid profile admin", "made_up": said{"x": 1}, "contacts": []string{"it@rp.example"}})
	id, key := m["client_id"].(string), m["client_secret"].(string)
	if !identity.Registered(id) || len(key) < 26 || m["client_secret_expires_at"] != 0.0 || m["client_id_issued_at"] != float64(w.now().Unix()) ||
		m["registration_client_uri"] != string(issuer)+"/register/"+id || len(m["registration_access_token"].(string)) < 26 {
		t.Fatalf("%v", m)
	}
	if m["scope"] != "openid profile" || len(m["grant_types"].([]any)) != 2 || m["client_name#de"] != "Laden" || m["made_up"] != nil || m["id_token_signed_response_alg"] != "RS256" ||
		m["token_endpoint_auth_method"] != "client_secret_basic" || m["application_type"] != "web" || m["subject_type"] != "public" {
		t.Errorf("%v", m)
	}
	_, q := w.authorize(form("client_id", id, "response_type", "code", "redirect_uri", cb()[0], "scope", "openid profile", "code_challenge", pkceChallenge(), "code_challenge_method", "S256"))
	if q.Get("code") == "" {
		t.Fatalf("%v", q)
	}
	if w.people.request.Journey.Consent != "ask" {
		t.Errorf("nobody is asked what the app may have: %+v", w.people.request.Journey)
	}
	before := l.n.Load()
	r := post("/token", form("grant_type", "authorization_code", "code", q.Get("code"), "redirect_uri", cb()[0], "code_verifier", verifier))
	r.SetBasicAuth(id, key)
	rec := w.send(r)
	if rec.Code != 200 || !strings.Contains(rec.Body.String(), "id_token") {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if n := l.n.Load() - before; n != 0 {
		t.Errorf("a client known a moment ago costs %d trips", n)
	}
	// What the ledger keeps is no secret.
	reg, err := w.store.Registration(context.Background(), id)
	w.must(err)
	if kept, err := json.Marshal(reg); err != nil || strings.Contains(string(kept), key) || strings.Contains(string(kept), m["registration_access_token"].(string)) {
		t.Errorf("%s", kept)
	}
}

// TestS110_KeysArePublished: an app that reads the key set after it registered, and never again, can check the first token it gets.
func TestS110_KeysArePublished(t *testing.T) {
	w := newWorld(t)
	var down error
	w.registering(func(h *registration.Handler) {
		h.Sign = func(ctx context.Context, algs ...string) error { return errors.Join(down, w.ring.Start(ctx, algs...)) }
	})
	published := func() string { return w.send(get("/jwks", nil)).Body.String() }
	for _, alg := range []string{oauth.RS256, oauth.PS256, oauth.EdDSA} {
		if strings.Contains(published(), alg) {
			t.Errorf("a key of %s is there before anybody asks for it", alg)
		}
		m := w.registered("", said{"redirect_uris": cb(), "scope": "openid profile", "id_token_signed_response_alg": alg})
		before := published()
		if status, tokens := w.redeemed(m); status != 200 || tokens["id_token"] == nil {
			t.Fatalf("%s: %d %v", alg, status, tokens)
		}
		if !strings.Contains(before, `"alg":"`+alg+`"`) || published() != before {
			t.Errorf("%s: %s, then %s", alg, before, published())
		}
	}
	down = errors.New("down")
	if status, m, _ := w.tell("POST", string(issuer)+"/register", "", said{"redirect_uris": cb()}); status < 500 || m["client_id"] != nil {
		t.Errorf("a client whose tokens nobody could check: %d %v", status, m)
	}
}

// TestS116_S045_LegacyAudience: what an assertion of a registered app may name is its kind's to say.
func TestS116_S045_LegacyAudience(t *testing.T) {
	w := newWorld(t)
	h, _ := w.registering()
	k := newKey(t, "ES256", "k")
	id, _ := w.registered("", said{"redirect_uris": cb(), "token_endpoint_auth_method": "private_key_jwt", "jwks": keySet(t, k), "grant_types": []string{"authorization_code", "client_credentials"}})["client_id"].(string)
	token := map[string]any{"aud": string(issuer) + "/token"}
	status, m := w.machine(w.assert(id, k, token)...)
	wantError(t, "the token endpoint", status, m, 401, "invalid_client")
	app := h.Settings.Kinds["app"]
	app.LegacyAud = true
	h.Settings.Kinds["app"] = app
	w.pass(registry.Age)
	if status, m := w.machine(w.assert(id, k, token)...); status != 200 {
		t.Errorf("allowed: %d %v", status, m)
	}
	bank := h.Settings.Kinds["bank"]
	bank.LegacyAud = true
	if found := kind.Check(&kind.Settings{Kinds: map[string]kind.Kind{"bank": bank}}); len(found) != 1 || !strings.Contains(found[0].Cause, "auth_legacy_audience") {
		t.Errorf("under a profile that rules it out: %v", found)
	}
}

// redeemed is what a client that registered with a secret gets for the code of a sign-in.
func (w *world) redeemed(m said) (int, said) {
	w.t.Helper()
	id, _ := m["client_id"].(string)
	key, _ := m["client_secret"].(string)
	_, q := w.authorize(form("client_id", id, "response_type", "code", "redirect_uri", cb()[0], "scope", "openid profile", "code_challenge", pkceChallenge(), "code_challenge_method", "S256"))
	if q.Get("code") == "" {
		w.fatal("%v", q)
	}
	r := post("/token", form("grant_type", "authorization_code", "code", q.Get("code"), "redirect_uri", cb()[0], "code_verifier", verifier))
	r.SetBasicAuth(id, key)
	rec := w.send(r)
	return rec.Code, object(w.t, rec)
}

// TestS110_S064_S065_RegisteredDecrypts: an app registers keys and encryption, and is given nothing that others could read.
func TestS110_S064_S065_RegisteredDecrypts(t *testing.T) {
	w := newWorld(t)
	w.registering()
	k, sign := newKey(t, "ES256", "k"), newKey(t, "ES256", "sign")
	m := w.registered("", said{"redirect_uris": cb(), "jwks": published(t, public(sign, "sig", ""), public(k, "enc", "")), "id_token_signed_response_alg": "ES256", "introspection_signed_response_alg": "EdDSA",
		"id_token_encrypted_response_alg": "ECDH-ES", "userinfo_encrypted_response_alg": "ECDH-ES+A256KW", "userinfo_encrypted_response_enc": "A256GCM"})
	holds := said{"id_token_encrypted_response_alg": "ECDH-ES", "id_token_encrypted_response_enc": "A128CBC-HS256", "userinfo_encrypted_response_alg": "ECDH-ES+A256KW", "userinfo_encrypted_response_enc": "A256GCM",
		"userinfo_signed_response_alg": "ES256", "introspection_signed_response_alg": "EdDSA"}
	for name, v := range holds {
		if m[name] != v {
			t.Errorf("%s is %v", name, m[name])
		}
	}
	if c := w.client(m["client_id"].(string)); c.AnswerAlg != oauth.EdDSA {
		t.Errorf("introspection is signed with %s", c.AnswerAlg)
	}
	status, got := w.redeemed(m)
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, got)
	}
	if p := w.payload(opened(t, got["id_token"], k.private, "k", "ECDH-ES", "A128CBC-HS256"), tokens.TypeID); p["sub"] != ann || p["aud"] != m["client_id"] {
		t.Errorf("%v", p)
	}
	if p := w.payload(opened(t, w.userinfo(got["access_token"]).Body.String(), k.private, "k", "ECDH-ES+A256KW", "A256GCM"), tokens.TypeUserinfo); p["sub"] != ann || p["aud"] != m["client_id"] {
		t.Errorf("%v", p)
	}

	// What was registered is read back, and what a change leaves out is gone.
	at, token := m["registration_client_uri"].(string), m["registration_access_token"].(string)
	status, read, _ := w.tell("GET", at, token, nil)
	for name, v := range holds {
		if status != http.StatusOK || read[name] != v {
			t.Errorf("%d, %s is %v", status, name, read[name])
		}
	}
	status, changed, _ := w.tell("PUT", at, token, said{"client_id": m["client_id"], "redirect_uris": cb()})
	if status != http.StatusOK || changed["id_token_encrypted_response_alg"] != nil || changed["userinfo_encrypted_response_enc"] != nil || changed["userinfo_signed_response_alg"] != nil {
		t.Errorf("%d %v", status, changed)
	}
	if status, got = w.redeemed(m); status != http.StatusOK || w.payload(got["id_token"], tokens.TypeID)["sub"] != ann {
		t.Errorf("%d %v", status, got)
	}
}

// TestS110_S064_KeysElsewhere: keys that an app publishes are fetched when something is encrypted; without them there is nothing.
func TestS110_S064_KeysElsewhere(t *testing.T) {
	w := newWorld(t)
	w.registering()
	k := newKey(t, "RS256", "k")
	set := published(t, public(k, "sig", ""))
	w.fetch = func(string) ([]byte, error) { return set, nil }
	m := w.registered(entry, said{"redirect_uris": cb(), "jwks_uri": "https://rp.example/jwks", "id_token_encrypted_response_alg": "RSA-OAEP-256", "id_token_encrypted_response_enc": "A128GCM"})
	if n := w.fetched.Load(); n != 0 {
		t.Errorf("registering fetched %d times", n)
	}
	status, got := w.redeemed(m)
	wantError(t, "a key for signatures", status, got, http.StatusServiceUnavailable, "temporarily_unavailable")
	set = published(t, public(k, "enc", ""))
	w.pass(2 * time.Hour)
	if status, got = w.redeemed(m); status != http.StatusOK {
		t.Fatalf("%d %v", status, got)
	}
	if p := w.payload(opened(t, got["id_token"], k.private, "k", "RSA-OAEP-256", "A128GCM"), tokens.TypeID); p["sub"] != ann {
		t.Errorf("%v", p)
	}
}

// TestS111_Refused: what may not be registered, with the codes of RFC 7591 §3.2.2.
func TestS111_Refused(t *testing.T) {
	w := newWorld(t)
	w.registering()
	many := make([]string, 21)
	for i := range many {
		many[i] = "https://rp.example/" + string(rune('a'+i))
	}
	k := newKey(t, "ES256", "k")
	both := published(t, public(k, "enc", ""), public(newKey(t, "RS256", "r"), "enc", ""))
	for _, x := range []struct {
		name, code string
		body       any
	}{
		{"no redirect URI", "invalid_redirect_uri", said{}},
		{"a script", "invalid_redirect_uri", said{"redirect_uris": []string{"javascript:alert(1)"}, "application_type": "native"}},
		{"data", "invalid_redirect_uri", said{"redirect_uris": []string{"data:text/html,x"}, "application_type": "native"}},
		{"http elsewhere", "invalid_redirect_uri", said{"redirect_uris": []string{"http://rp.example/cb"}}},
		{"http here for a web app", "invalid_redirect_uri", said{"redirect_uris": []string{"http://127.0.0.1/cb"}}},
		{"a private scheme for a web app", "invalid_redirect_uri", said{"redirect_uris": []string{"com.example.app:/cb"}, "token_endpoint_auth_method": "none"}},
		{"a private scheme with a secret", "invalid_redirect_uri", said{"redirect_uris": []string{"com.example.app:/cb"}, "application_type": "native", "token_endpoint_auth_method": "client_secret_basic"}},
		{"a scheme that is no domain", "invalid_redirect_uri", said{"redirect_uris": []string{"app:/cb"}, "application_type": "native"}},
		{"a fragment", "invalid_redirect_uri", said{"redirect_uris": []string{"https://rp.example/cb#x"}}},
		{"a user name", "invalid_redirect_uri", said{"redirect_uris": []string{"https://rp.example@evil.example/cb"}}},
		{"too many", "invalid_client_metadata", said{"redirect_uris": many}},
		{"another form", "invalid_client_metadata", said{"redirect_uris": "https://rp.example/cb"}},
		{"no grant", "invalid_client_metadata", said{"redirect_uris": cb(), "grant_types": []string{"password"}}},
		{"a token in front", "invalid_client_metadata", said{"redirect_uris": cb(), "response_types": []string{"id_token token"}}},
		{"a response without its grant", "invalid_client_metadata", said{"response_types": []string{"code"}, "grant_types": []string{"client_credentials"}}},
		{"no such method", "invalid_client_metadata", said{"redirect_uris": cb(), "token_endpoint_auth_method": "client_secret_jwt"}},
		{"certificates nobody asks for", "invalid_client_metadata", said{"redirect_uris": cb(), "token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "a.example"}},
		{"bound to certificates", "invalid_client_metadata", said{"redirect_uris": cb(), "tls_client_certificate_bound_access_tokens": true}},
		{"a key without keys", "invalid_client_metadata", said{"redirect_uris": cb(), "token_endpoint_auth_method": "private_key_jwt"}},
		{"two sets of keys", "invalid_client_metadata", said{"redirect_uris": cb(), "jwks": said{"keys": []any{}}, "jwks_uri": "https://rp.example/jwks"}},
		{"no signature", "invalid_client_metadata", said{"redirect_uris": cb(), "id_token_signed_response_alg": "none"}},
		{"symmetric", "invalid_client_metadata", said{"redirect_uris": cb(), "request_object_signing_alg": "HS256"}},
		{"RSA-OAEP with SHA-1", "invalid_client_metadata", said{"redirect_uris": cb(), "jwks": both, "id_token_encrypted_response_alg": "RSA-OAEP"}},
		{"RSA1_5", "invalid_client_metadata", said{"redirect_uris": cb(), "jwks": both, "userinfo_encrypted_response_alg": "RSA1_5"}},
		{"symmetric encryption", "invalid_client_metadata", said{"redirect_uris": cb(), "jwks": both, "id_token_encrypted_response_alg": "dir"}},
		{"an unknown content encryption", "invalid_client_metadata", said{"redirect_uris": cb(), "jwks": both, "id_token_encrypted_response_alg": "ECDH-ES", "id_token_encrypted_response_enc": "A128CBC"}},
		{"content encryption alone", "invalid_client_metadata", said{"redirect_uris": cb(), "jwks": both, "userinfo_encrypted_response_enc": "A256GCM"}},
		{"encryption without keys", "invalid_client_metadata", said{"redirect_uris": cb(), "id_token_encrypted_response_alg": "ECDH-ES"}},
		{"encryption with a key to sign", "invalid_client_metadata", said{"redirect_uris": cb(), "jwks": published(t, public(k, "sig", "")), "id_token_encrypted_response_alg": "ECDH-ES"}},
		{"encryption with a key of another kind", "invalid_client_metadata", said{"redirect_uris": cb(), "jwks": published(t, public(k, "enc", "")), "userinfo_encrypted_response_alg": "RSA-OAEP-256"}},
		{"encryption with a key for another algorithm", "invalid_client_metadata", said{"redirect_uris": cb(), "jwks": published(t, public(k, "enc", "ECDH-ES")), "id_token_encrypted_response_alg": "ECDH-ES+A256KW"}},
		{"an algorithm that is a list", "invalid_client_metadata", said{"redirect_uris": cb(), "jwks": both, "id_token_encrypted_response_alg": []string{"ECDH-ES"}}},
		{"encrypted introspection", "invalid_client_metadata", said{"redirect_uris": cb(), "jwks": both, "introspection_encrypted_response_alg": "ECDH-ES"}},
		{"encrypted answers", "invalid_client_metadata", said{"redirect_uris": cb(), "jwks": both, "authorization_encrypted_response_alg": "ECDH-ES"}},
		{"introspection without a signature", "invalid_client_metadata", said{"redirect_uris": cb(), "introspection_signed_response_alg": "none"}},
		{"a logo by http", "invalid_client_metadata", said{"redirect_uris": cb(), "logo_uri": "http://rp.example/logo"}},
		{"a logo that is a script", "invalid_client_metadata", said{"redirect_uris": cb(), "logo_uri": "javascript:alert(1)"}},
		{"a translated logo by http", "invalid_client_metadata", said{"redirect_uris": cb(), "logo_uri": "https://rp.example/logo", "logo_uri#de": "http://rp.example/logo"}},
		{"initiate login by http", "invalid_client_metadata", said{"redirect_uris": cb(), "initiate_login_uri": "http://rp.example/go"}},
		{"keys by http", "invalid_client_metadata", said{"redirect_uris": cb(), "jwks_uri": "http://rp.example/jwks"}},
		{"logout by http", "invalid_client_metadata", said{"redirect_uris": cb(), "backchannel_logout_uri": "http://127.0.0.1/x"}},
		{"a frame of another origin", "invalid_client_metadata", said{"redirect_uris": cb(), "frontchannel_logout_uri": "https://evil.example/x"}},
		{"a name that turns around", "invalid_client_metadata", said{"redirect_uris": cb(), "client_name": "a\u202eb"}},
		{"a name of two lines", "invalid_client_metadata", said{"redirect_uris": cb(), "client_name": "a\nb"}},
		{"scopes beyond the kind", "invalid_client_metadata", said{"redirect_uris": cb(), "scope": "admin"}},
		{"two sectors without a list", "invalid_client_metadata", said{"redirect_uris": []string{"https://a.example/cb", "https://b.example/cb"}, "subject_type": "pairwise"}},
		{"another's sector", "invalid_client_metadata", said{"redirect_uris": cb(), "subject_type": "pairwise", "sector_identifier_uri": "https://127.0.0.1:1/list"}},
		{"details", "invalid_client_metadata", said{"redirect_uris": cb(), "authorization_details_types": []string{"payment"}}},
		{"a request URI with a fragment that is none", "invalid_client_metadata", said{"redirect_uris": cb(), "jwks_uri": "https://rp.example/k", "request_uris": []string{"https://rp.example/r#a b"}}},
		{"request URIs without keys", "invalid_client_metadata", said{"redirect_uris": cb(), "request_uris": []string{"https://rp.example/r"}}},
		{"twice", "invalid_client_metadata", `{"redirect_uris":["https://rp.example/cb"],"redirect_uris":["https://evil.example/cb"]}`},
		{"no object", "invalid_client_metadata", `[]`},
		{"nothing", "invalid_client_metadata", ``},
		{"two objects", "invalid_client_metadata", `{} {}`},
		{"nested", "invalid_client_metadata", `{"jwks":` + strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000) + `}`},
		{"a statement of nobody", "invalid_software_statement", said{"redirect_uris": cb(), "software_statement": "x.y.z"}},
		{"a statement that is a number", "invalid_software_statement", said{"redirect_uris": cb(), "software_statement": 7}},
	} {
		status, m, _ := w.tell("POST", string(issuer)+"/register", entry, x.body)
		if status != 400 || m["error"] != x.code || strings.ContainsAny(m["error_description"].(string), "<>\"") {
			t.Errorf("%s: %d %v", x.name, status, m)
		}
	}
	for name, x := range map[string]struct {
		method, token, kind string
		body                string
		status              int
	}{
		"large":        {"POST", entry, "application/json", `{"client_name":"` + strings.Repeat("x", 40<<10) + `"}`, 413},
		"a form":       {"POST", entry, "application/x-www-form-urlencoded", "redirect_uris=x", 400},
		"get":          {"GET", entry, "", "", 405},
		"wrong token":  {"POST", "guess", "application/json", "{}", 401},
		"two in one":   {"POST", entry + ",x", "application/json", "{}", 401},
		"hash as such": {"POST", client.Kept(entry), "application/json", "{}", 401},
	} {
		status, _, _ := w.tell(x.method, string(issuer)+"/register", x.token, nil, func(r *http.Request) {
			r.Body, r.ContentLength = http.NoBody, 0
			if x.body != "" {
				*r = *httptest.NewRequest(x.method, string(issuer)+"/register", strings.NewReader(x.body)).WithContext(r.Context())
				r.Header.Set("Authorization", "Bearer "+x.token)
			}
			r.Header.Set("Content-Type", x.kind)
		})
		if status != x.status {
			t.Errorf("%s: %d", name, status)
		}
	}
	list, err := w.store.Registrations(context.Background(), "", 10)
	if err != nil || len(list) != 0 {
		t.Errorf("%d clients are there: %v", len(list), err)
	}
}

// TestS111_ShutUnlessOpened: without a token nobody registers where only tokens are taken, and open registration has its limit.
func TestS111_ShutUnlessOpened(t *testing.T) {
	w := newWorld(t)
	w.registering(func(h *registration.Handler) { h.Settings.Open = "" })
	status, m, head := w.tell("POST", string(issuer)+"/register", "", said{"redirect_uris": cb()})
	if status != 401 || m["error"] != "invalid_token" || head.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("%d %v %v", status, m, head)
	}
	if m := w.registered(entry, said{"redirect_uris": cb(), "scope": "api offline_access"}); m["scope"] != "api offline_access" {
		t.Errorf("%v", m)
	}
	w = newWorld(t)
	w.registering(func(h *registration.Handler) { h.Open = transient.Limit{Burst: 3, Per: time.Hour} })
	for i := range 5 {
		if status, _, _ := w.tell("POST", string(issuer)+"/register", "", said{"redirect_uris": cb()}); (status == 201) != (i < 3) || i >= 3 && status != 429 {
			t.Errorf("%d: %d", i, status)
		}
	}
	for range 25 {
		status, _, _ = w.tell("POST", string(issuer)+"/register", "guess", said{})
	}
	if status != 429 {
		t.Errorf("guessing goes on: %d", status)
	}
}

// TestS112_Managed: a client reads, replaces and removes what it registered, and nobody else does.
func TestS112_Managed(t *testing.T) {
	w := newWorld(t)
	w.registering()
	m := w.registered(entry, said{"redirect_uris": cb(), "client_name": "Shop", "tos_uri": "https://rp.example/tos", "grant_types": []string{"client_credentials", "authorization_code"}})
	other := w.registered(entry, said{"redirect_uris": cb()})
	at, token, key, id := m["registration_client_uri"].(string), m["registration_access_token"].(string), m["client_secret"].(string), m["client_id"].(string)
	status, got, _ := w.tell("GET", at, token, nil)
	if status != 200 || got["client_name"] != "Shop" || got["client_secret"] != nil || got["registration_access_token"] != nil || got["client_id"] != id {
		t.Errorf("%d %v", status, got)
	}
	for name, wrong := range map[string]string{"another's": other["registration_access_token"].(string), "none": "", "the initial one": entry, "the secret": key, "a hash": client.Kept(token)} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if status, _, head := w.tell(method, at, wrong, said{"client_id": id, "redirect_uris": cb()}); status != 401 && status != 429 || status == 401 && !strings.HasPrefix(head.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s %s: %d", method, name, status)
			}
		}
	}
	w.pass(time.Hour) // the limit on guesses is over
	for name, body := range map[string]said{
		"another id":           {"client_id": other["client_id"], "redirect_uris": cb()},
		"no id":                {"redirect_uris": cb()},
		"a chosen secret":      {"client_id": id, "redirect_uris": cb(), "client_secret": "chosen"},
		"a chosen token":       {"client_id": id, "redirect_uris": cb(), "registration_access_token": "chosen"},
		"a secret for longer":  {"client_id": id, "redirect_uris": cb(), "client_secret_expires_at": 0},
		"a bad redirect":       {"client_id": id, "redirect_uris": []string{"javascript:x"}},
		"a statement unsigned": {"client_id": id, "redirect_uris": cb(), "software_statement": "a.b.c"},
	} {
		if status, m, _ := w.tell("PUT", at, token, body); status != 400 {
			t.Errorf("%s: %d %v", name, status, m)
		}
	}
	for range 3 { // whose answers are lost
		if status, m, _ := w.tell("PUT", at, token, said{"client_id": id, "redirect_uris": cb(), "grant_types": []string{"client_credentials", "authorization_code"}}); status != 200 {
			t.Fatalf("%d %v", status, m)
		}
	}
	status, got, _ = w.tell("PUT", at, token, said{"client_id": id, "client_secret": key, "redirect_uris": []string{"https://rp.example/new"}, "tos_uri": nil, "grant_types": []string{"client_credentials", "authorization_code"}})
	if status != 200 || got["client_name"] != nil || got["tos_uri"] != nil || got["client_secret"] != nil || got["client_id"] != id {
		t.Errorf("%d %v", status, got)
	}
	fresh := got["registration_access_token"].(string)
	if _, q := w.authorize(form("client_id", id, "response_type", "code", "redirect_uri", "https://rp.example/new", "scope", "openid", "code_challenge", pkceChallenge(), "code_challenge_method", "S256")); q.Get("code") == "" {
		t.Errorf("the change is not known here at once: %v", q)
	}
	// The old token is good until the new one was seen: an answer may be lost.
	for _, x := range []struct {
		token string
		want  int
	}{{token, 200}, {fresh, 200}, {token, 401}, {fresh, 200}} {
		if status, _, _ := w.tell("GET", at, x.token, nil); status != x.want {
			t.Errorf("%v: %d", x, status)
		}
	}
	machine := func() (int, string) {
		r := post("/token", form("grant_type", "client_credentials", "scope", "api"))
		r.SetBasicAuth(id, key)
		rec := w.send(r)
		var out map[string]any
		_ = json.Unmarshal(rec.Body.Bytes(), &out)
		text, _ := out["access_token"].(string)
		return rec.Code, text
	}
	status, access := machine()
	if status != 200 {
		t.Fatal(status)
	}
	if status, _, _ := w.tell("DELETE", at, fresh, nil); status != 204 {
		t.Fatal(status)
	}
	if status, _ := machine(); status != 401 {
		t.Errorf("a removed client authenticates: %d", status)
	}
	if m := w.introspect("gateway", access); m["active"] != false {
		t.Errorf("its token is good: %v", m)
	}
	if status, _, _ := w.tell("GET", at, fresh, nil); status != 401 {
		t.Errorf("its registration is there: %d", status)
	}
}

// TestS112_FiftyUpdates: of fifty updates at once with one token each is whole, and the registration is one of them.
func TestS112_FiftyUpdates(t *testing.T) {
	w := newWorld(t)
	var failures strings.Builder
	w.registering(func(h *registration.Handler) {
		h.Log = slog.New(slog.NewTextHandler(&failures, &slog.HandlerOptions{Level: slog.LevelError}))
	})
	m := w.registered(entry, said{"redirect_uris": cb()})
	at, token := m["registration_client_uri"].(string), m["registration_access_token"].(string)
	n := race(50, func() int {
		status, _, _ := w.tell("PUT", at, token, said{"client_id": m["client_id"], "redirect_uris": cb(), "client_name": rand.Text()})
		if status != 200 {
			return 0
		}
		return 200
	})
	if n < 1 {
		t.Error("nobody could change it")
	}
	if failures.Len() > 0 {
		t.Errorf("a client that races with itself is a failure of ours: %.300s", failures.String())
	}
}

// TestS113_ElsewhereWithinFiveSeconds: another node's change counts after five seconds; the store being down is no answer about a client.
func TestS113_ElsewhereWithinFiveSeconds(t *testing.T) {
	w := newWorld(t)
	_, l := w.registering()
	m := w.registered(entry, said{"redirect_uris": cb(), "grant_types": []string{"client_credentials"}})
	id, key := m["client_id"].(string), m["client_secret"].(string)
	try := func(id string) int {
		r := post("/token", form("grant_type", "client_credentials"))
		r.SetBasicAuth(id, key)
		return w.send(r).Code
	}
	if s := try(id); s != 200 {
		t.Fatal(s)
	}
	w.must(w.store.Apply(t.Context(), []identity.Write{identity.RemoveClient{ID: id, At: w.now()}}, nil)) // by another node
	before := l.n.Load()
	if s := try(id); s != 200 || l.n.Load() != before {
		t.Errorf("%d, %d trips", s, l.n.Load()-before)
	}
	w.pass(registry.Age)
	if s := try(id); s != 401 {
		t.Errorf("after five seconds: %d", s)
	}
	unknown := identity.RegisteredPrefix + strings.Repeat("b", 26)
	before = l.n.Load()
	for range 5 {
		try(unknown)
		try("reg-short")
	}
	if n := l.n.Load() - before; n != 1 {
		t.Errorf("ids that nobody has cost %d trips", n)
	}
	l.down.Store(true)
	w.pass(time.Hour)
	if s := try(id); s != 503 {
		t.Errorf("the store is down: %d", s)
	}
}

// TestS114_Statements: what a trusted issuer signed counts over what the client says; nobody else's word does.
func TestS114_Statements(t *testing.T) {
	w := newWorld(t)
	k, stranger := newKey(t, "ES256", "one"), newKey(t, "ES256", "one")
	w.registering(func(h *registration.Handler) {
		h.Settings.Open = "closed"
		h.Settings.Issuers = map[string]kind.Issuer{"fed": {Issuer: "https://fed.example", JWKS: keySet(t, k)}}
	})
	claims := func(change ...any) map[string]any {
		m := said{"iss": "https://fed.example", "redirect_uris": cb(), "client_name": "Vouched", "software_id": "4711"}
		for i := 0; i+1 < len(change); i += 2 {
			m[change[i].(string)] = change[i+1]
		}
		return m
	}
	good := k.sign(t, nil, claims())
	m := w.registered("", said{"redirect_uris": []string{"https://evil.example/cb"}, "client_name": "Self", "software_statement": good})
	if m["client_name"] != "Vouched" || m["redirect_uris"].([]any)[0] != cb()[0] || m["software_statement"] != good || m["software_id"] != "4711" {
		t.Errorf("%v", m)
	}
	now := w.now().Unix()
	for name, x := range map[string]struct{ statement, code string }{
		"another issuer":      {k.sign(t, nil, claims("iss", "https://evil.example")), "unapproved_software_statement"},
		"another key":         {stranger.sign(t, nil, claims()), "invalid_software_statement"},
		"expired":             {k.sign(t, nil, claims("exp", now)), "invalid_software_statement"},
		"not yet":             {k.sign(t, nil, claims("nbf", now+3600)), "invalid_software_statement"},
		"for somebody else":   {k.sign(t, nil, claims("aud", "https://other.example")), "invalid_software_statement"},
		"another kind of JWT": {k.sign(t, map[string]any{"typ": "at+jwt"}, claims()), "invalid_software_statement"},
		"none":                {"", "invalid_client_metadata"},
		"claims that are bad": {k.sign(t, nil, claims("redirect_uris", []string{"javascript:x"})), "invalid_redirect_uri"},
		"cut":                 {good[:len(good)-4], "invalid_software_statement"},
	} {
		body := said{"redirect_uris": cb()}
		if x.statement != "" {
			body["software_statement"] = x.statement
		}
		status, m, _ := w.tell("POST", string(issuer)+"/register", "", body)
		if status != 400 || m["error"] != x.code {
			t.Errorf("%s: %d %v", name, status, m)
		}
	}
	if s, m, _ := w.tell("POST", string(issuer)+"/register", "", said{"software_statement": k.sign(t, nil, claims("aud", string(issuer), "exp", now+60))}); s != 201 {
		t.Errorf("%d %v", s, m)
	}
}

// TestS115_Hook: the operator's script sees everything, changes what it likes within the rules, and refuses by failing.
func TestS115_Hook(t *testing.T) {
	w := newWorld(t)
	var answer registration.Answer
	var failure error
	var asked registration.Asked
	w.registering(func(h *registration.Handler) {
		h.Judge = func(_ context.Context, a registration.Asked) (registration.Answer, error) {
			asked = a
			return answer, failure
		}
	})
	try := func() (int, map[string]any) {
		s, m, _ := w.tell("POST", string(issuer)+"/register", entry, said{"redirect_uris": cb(), "client_name": "Shop", "scope": "api"})
		return s, m
	}
	if s, m := try(); s != 400 || m["error"] != "invalid_client_metadata" {
		t.Errorf("refused: %d %v", s, m)
	}
	if asked.Token != "acme" || asked.Kind != "partner" || asked.Action != "register" || !strings.Contains(string(asked.Metadata), `"Shop"`) || asked.Address == "" {
		t.Errorf("%+v", asked)
	}
	failure = errors.New("the script threw")
	if s, m := try(); s != 503 {
		t.Errorf("failed: %d %v", s, m)
	}
	failure, answer = nil, registration.Answer{Allow: true, Kind: "app", Metadata: map[string]json.RawMessage{"client_name": json.RawMessage(`"Shop (partner)"`), "scope": json.RawMessage(`"openid"`)}}
	if s, m := try(); s != 201 || m["client_name"] != "Shop (partner)" || m["scope"] != "openid" {
		t.Errorf("changed: %d %v", s, m)
	}
	answer.Metadata["redirect_uris"] = json.RawMessage(`["http://evil.example"]`)
	if s, m := try(); s != 400 || m["error"] != "invalid_redirect_uri" {
		t.Errorf("the hook is above the rules: %d %v", s, m)
	}
	answer = registration.Answer{Allow: true, Kind: "nowhere"}
	if s, _ := try(); s != 400 {
		t.Errorf("an unknown kind: %d", s)
	}
	list, err := w.store.Registrations(t.Context(), "", 10)
	if err != nil || len(list) != 1 || list[0].Kind != "app" || list[0].Via != "acme" {
		t.Errorf("%v %v", list, err)
	}
}

// TestS116_KindIsReadAnew: what the settings take from a kind is taken from its clients, and a kind that is gone takes them along.
func TestS116_KindIsReadAnew(t *testing.T) {
	w := newWorld(t)
	h, _ := w.registering()
	m := w.registered(entry, said{"redirect_uris": cb(), "scope": "openid api", "application_type": "native", "grant_types": []string{"authorization_code"}})
	id := m["client_id"].(string)
	if m["token_endpoint_auth_method"] != "none" || m["client_secret"] != nil {
		t.Errorf("a native app has a secret: %v", m)
	}
	c, err := w.registry.Client(t.Context(), id)
	if err != nil || !slices.Contains(c.Scopes, "api") {
		t.Fatalf("%v %v", c, err)
	}
	k := h.Settings.Kinds["partner"]
	k.Scopes = []string{"openid"}
	h.Settings.Kinds["partner"] = k
	w.pass(registry.Age)
	if c, err := w.registry.Client(t.Context(), id); err != nil || slices.Contains(c.Scopes, "api") {
		t.Errorf("%v %v", c, err)
	}
	delete(h.Settings.Kinds, "partner")
	w.pass(registry.Age)
	if _, err := w.registry.Client(t.Context(), id); !errors.Is(err, oauth.ErrNoClient) {
		t.Errorf("%v", err)
	}
}

// TestS116_S057_PrivateAddresses: whether what a client names may lie at private addresses is its kind's to say, anew each time, and never its own; what was read there is
// nothing for a client that may not read it.
func TestS116_S057_PrivateAddresses(t *testing.T) {
	w := newWorld(t)
	private := func(h *registration.Handler, yes bool) {
		k := h.Settings.Kinds["partner"]
		k.Private = yes
		h.Settings.Kinds["partner"] = k
	}
	var sectors []bool
	lists := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`["` + cb()[0] + `"]`)) }))
	t.Cleanup(lists.Close)
	h, _ := w.registering(func(h *registration.Handler) {
		private(h, true)
		h.Calls = func(private bool) *http.Client {
			sectors = append(sectors, private)
			return lists.Client()
		}
	})
	k := newKey(t, "ES256", "one")
	w.fetch = func(string) ([]byte, error) { return keySet(t, k), nil }
	var reached []bool
	w.reach = func(_ string, private bool) { reached = append(reached, private) }
	body := said{"redirect_uris": cb(), "jwks_uri": "https://rp.example/jwks", "sector_identifier_uri": lists.URL, "token_endpoint_auth_method": "private_key_jwt", "grant_types": []string{"client_credentials"}, "allow_private": true}
	own, stranger := w.registered(entry, body), w.registered("", body)
	if own["allow_private"] != nil || stranger["allow_private"] != nil {
		t.Errorf("what a client says of it is registered: %v", stranger)
	}
	if !slices.Equal(sectors, []bool{true, false}) {
		t.Errorf("sectors: %v", sectors)
	}
	signsIn := func(m said, want ...bool) {
		t.Helper()
		id := m["client_id"].(string)
		reached = nil
		if status, m := w.machine(w.assert(id, k)...); status != http.StatusOK || !slices.Equal(reached, want) {
			t.Errorf("%d %v: fetched %v, want %v", status, m, reached, want)
		}
		if c, err := w.registry.Client(t.Context(), id); err != nil || want != nil && c.Private != want[0] {
			t.Errorf("%+v %v", c, err)
		}
	}
	signsIn(own, true)
	signsIn(own)
	signsIn(stranger, false)
	private(h, false)
	w.pass(registry.Age)
	signsIn(own) // what strangers may read too is there already
	w.pass(11 * time.Minute)
	signsIn(own, false)
	private(h, true)
	w.pass(registry.Age)
	signsIn(own, true)
	for _, member := range []string{"jwks_uri", "sector_identifier_uri", "backchannel_logout_uri"} { // http is for apps of the settings
		bad := said{"redirect_uris": cb()}
		bad[member] = "http://127.0.0.1/x"
		if status, m, _ := w.tell("POST", string(issuer)+"/register", entry, bad); status != http.StatusBadRequest || m["error"] != "invalid_client_metadata" {
			t.Errorf("%s: %d %v", member, status, m)
		}
	}
}

// marking counts what is written of uses, and fails when it is told to.
type marking struct {
	*sql.Store
	n    int
	down bool
}

func (m *marking) MarkUsed(ctx context.Context, ids []string, at, since time.Time) error {
	m.n++
	if m.down {
		return errors.New("down")
	}
	return m.Store.MarkUsed(ctx, ids, at, since)
}

// TestS120_UsesAreNoted: a token makes a client a used one, whatever it came for; a failure does not. However many tokens there are, a client is written down once a day, with all others,
// and never by a request; what could not be written is written later.
func TestS120_UsesAreNoted(t *testing.T) {
	w := newWorld(t)
	w.registering()
	marks, err := registry.NewMarks(w.now)
	w.must(err)
	w.token.Issued = marks.Used
	l := &marking{Store: w.store}
	write := func(want error, times int) {
		t.Helper()
		before := l.n
		if err := marks.Write(t.Context(), l); (err == nil) != (want == nil) || l.n-before != times {
			t.Errorf("%v, written %d times", err, l.n-before)
		}
	}
	machine := w.registered("", said{"redirect_uris": cb(), "grant_types": []string{"client_credentials"}})
	app := w.registered("", said{"redirect_uris": cb()})
	idle := w.registered("", said{"redirect_uris": cb()})
	used := func(m said) time.Time {
		t.Helper()
		r, err := w.store.Registration(t.Context(), m["client_id"].(string))
		w.must(err)
		return r.Used
	}
	calls := func(m said, secret string) int {
		r := post("/token", form("grant_type", "client_credentials"))
		r.SetBasicAuth(m["client_id"].(string), secret)
		return w.send(r).Code
	}
	if calls(machine, "wrong") == 200 || calls(idle, idle["client_secret"].(string)) == 200 {
		t.Fatal("a token for nothing")
	}
	write(nil, 0)
	for range 20 {
		if s := calls(machine, machine["client_secret"].(string)); s != 200 {
			t.Fatal(s)
		}
	}
	if s, m := w.redeemed(app); s != 200 {
		t.Fatalf("%d %v", s, m)
	}
	w.tokens200("web") // one of the settings
	if !used(machine).IsZero() {
		t.Error("a request wrote it")
	}
	l.down = true
	write(errors.New("down"), 1)
	l.down = false
	write(nil, 1)
	write(nil, 0)
	first := used(machine)
	if first.IsZero() || !used(app).Equal(first) || !used(idle).IsZero() {
		t.Errorf("used %v and %v, idle %v", first, used(app), used(idle))
	}
	w.pass(registry.MarkEvery - time.Second)
	calls(machine, machine["client_secret"].(string))
	write(nil, 0)
	w.pass(time.Second)
	calls(machine, machine["client_secret"].(string))
	write(nil, 1)
	if !used(machine).Equal(first.Add(registry.MarkEvery)) || !used(app).Equal(first) {
		t.Errorf("a day later: %v and %v", used(machine), used(app))
	}
	if got := kind.Check(&kind.Settings{Kinds: map[string]kind.Kind{"app": {Flows: oauth.Flows{Default: "signin"}, Unused: action.Duration(time.Hour)}}}); len(got) != 1 || got[0].Path[2] != "unused_for" {
		t.Errorf("an hour: %v", got)
	}
}

// TestS018_PagesThatRegistered: a page that registered redeems, renews and revokes by script, from the origin where its codes arrive and from no other; it lends
// no origin to other clients, and apps with a secret and native ones have none.
func TestS018_PagesThatRegistered(t *testing.T) {
	w := newWorld(t)
	w.registering()
	page := said{"redirect_uris": []string{"https://Page.example:443/cb", "https://page.example/other", "https://page.example:8443/cb"}, "token_endpoint_auth_method": "none", "grant_types": []string{"authorization_code", "refresh_token"}}
	const home = "https://page.example"
	id := w.registered("", page)["client_id"].(string)
	from := func(r *http.Request, origin string) (int, string) {
		r.Header.Set("Origin", origin)
		rec := w.send(r)
		if rec.Header().Get("Access-Control-Allow-Credentials") != "" || rec.Header().Get("Vary") != "Origin" {
			t.Errorf("%s from %s: %v", r.URL, origin, rec.Header())
		}
		return rec.Code, rec.Header().Get("Access-Control-Allow-Origin")
	}
	for _, path := range []string{"/token", "/revoke", "/userinfo", "/jwks", "/.well-known/openid-configuration"} {
		for origin, want := range map[string]string{home: home, "https://anywhere.example:8443": "https://anywhere.example:8443", "http://page.example": "", "null": "", "https://page.example/": "", "https://a@page.example": "", "https://": ""} {
			r := get(path, nil)
			r.Method = http.MethodOptions
			if _, got := from(r, origin); got != want {
				t.Errorf("preflight %s from %s: %q", path, origin, got)
			}
		}
	}
	code := func(id, redirect string) string {
		_, q := w.authorize(form("client_id", id, "response_type", "code", "redirect_uri", redirect, "scope", "openid", "code_challenge", pkceChallenge(), "code_challenge_method", "S256"))
		return q.Get("code")
	}
	redeem := func(id, redirect string) url.Values {
		return form("client_id", id, "grant_type", "authorization_code", "code", code(id, redirect), "redirect_uri", redirect, "code_verifier", verifier)
	}
	for origin, want := range map[string]string{home: home, "https://page.example:8443": "https://page.example:8443", "https://evil.example": "", "https://spa.example": "", "http://page.example": ""} {
		if status, got := from(post("/token", redeem(id, "https://page.example/other")), origin); status != http.StatusOK || got != want {
			t.Errorf("token from %s: %d %q", origin, status, got)
		}
		if status, got := from(post("/revoke", form("client_id", id, "token", "x")), origin); status != http.StatusOK || got != want {
			t.Errorf("revoke from %s: %d %q", origin, status, got)
		}
	}
	rec := w.send(post("/token", redeem(id, "https://page.example/other")))
	var tokens struct {
		Access string `json:"access_token"`
	}
	w.must(json.Unmarshal(rec.Body.Bytes(), &tokens))
	for origin, want := range map[string]string{home: home, "https://evil.example": ""} {
		r := get("/userinfo", nil)
		r.Header.Set("Authorization", "Bearer "+tokens.Access)
		if status, got := from(r, origin); status != http.StatusOK || got != want {
			t.Errorf("userinfo from %s: %d %q", origin, status, got)
		}
	}
	if status, got := from(w.as("web", post("/revoke", form("token", "x"))), home); status != http.StatusOK || got != "" {
		t.Errorf("another client by this page: %d %q", status, got)
	}
	for what, m := range map[string]said{"with a secret": {"redirect_uris": []string{home + "/cb"}}, "native": {"redirect_uris": []string{home + "/cb"}, "application_type": "native"}} {
		other := w.registered("", m)
		v := form("client_id", other["client_id"].(string), "token", "x")
		if key, ok := other["client_secret"].(string); ok {
			v.Del("client_id")
			r := post("/revoke", v)
			r.SetBasicAuth(other["client_id"].(string), key)
			if status, got := from(r, home); status != http.StatusOK || got != "" {
				t.Errorf("%s: %d %q", what, status, got)
			}
			continue
		}
		if status, got := from(post("/revoke", v), home); status != http.StatusOK || got != "" {
			t.Errorf("%s: %d %q", what, status, got)
		}
	}

	w = newWorld(t)
	w.registering(func(h *registration.Handler) {
		delete(h.Settings.Kinds, "bank")
		for name, k := range h.Settings.Kinds {
			k.Auth = []string{oauth.AuthBasic}
			h.Settings.Kinds[name] = k
		}
	})
	r := get("/token", nil)
	r.Method = http.MethodOptions
	if _, got := from(r, home); got != "" {
		t.Errorf("no page can register, and one may ask: %q", got)
	}
}

// TestS117_IdsNeverMeet: the settings cannot name a client as registration does.
func TestS117_IdsNeverMeet(t *testing.T) {
	_, err := registry.New([]oauth.Client{{ID: identity.RegisteredPrefix + strings.Repeat("a", 26), Redirects: cb(), Flows: oauth.Flows{Default: "signin"}}})
	if err == nil {
		t.Error("taken over")
	}
	if _, err := registry.New([]oauth.Client{{ID: "reg-ister", Redirects: cb(), Flows: oauth.Flows{Default: "signin"}}}); err != nil {
		t.Error(err)
	}
}

// managing opens the management API in a world, with a client that may use it (office), one whose tokens are bound to a key (keyed), and one without the scope.
func managing(t *testing.T) *world {
	kept := []string{client.Kept(secret)}
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		return append(list, oauth.Client{ID: "office", Secrets: kept, GrantTypes: []string{oauth.GrantCredentials, oauth.GrantCode}, Redirects: []string{"https://office.example/cb"}, Flows: oauth.Flows{Default: "signin"}, FirstParty: true,
			Scopes: []string{"openid", oauth.ScopeClients}},
			oauth.Client{ID: "plain", Secrets: kept, GrantTypes: []string{oauth.GrantCredentials}, Scopes: []string{"api"}},
			oauth.Client{ID: "bound", Secrets: kept, GrantTypes: []string{oauth.GrantCredentials}, Scopes: []string{oauth.ScopeClients}, DPoP: oauth.Required},
			oauth.Client{ID: "elsewhere", Secrets: kept, GrantTypes: []string{oauth.GrantCredentials}, Scopes: []string{oauth.ScopeClients}, Resources: []string{"https://api.example"}})
	})
	h, _ := w.registering()
	(&registration.Operators{Handler: h, List: w.store.Registrations, Clients: w.registry, Grants: w.grants, Tokens: w.tokens, Sender: w.sender}).Mount(w.router)
	return w
}

const manage = string(issuer) + "/admin/clients"

func (w *world) office(id string) string {
	w.t.Helper()
	status, m, _ := w.tokenFor(id, "grant_type", "client_credentials")
	if status != http.StatusOK {
		w.fatal("%d %v", status, m)
	}
	return m["access_token"].(string)
}

// TestS118_OperatorsProgramsManageClients: make, list, read, change, renew the secret and remove, and each counts at once.
func TestS118_OperatorsProgramsManageClients(t *testing.T) {
	w := managing(t)
	token := w.office("office")
	status, made, head := w.tell("POST", manage, token, said{"kind": "partner", "client_name": "Shop", "redirect_uris": cb(), "grant_types": []string{"authorization_code", "client_credentials"}, "scope": "openid api"})
	if status != http.StatusCreated || made["kind"] != "partner" || made["via"] != "office" || made["client_secret"] == nil || head.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", status, made)
	}
	id, own := made["client_id"].(string), made["client_secret"].(string)
	works := func(secret string) int {
		r := post("/token", form("grant_type", "client_credentials", "scope", "api"))
		r.SetBasicAuth(id, secret)
		return w.send(r).Code
	}
	if works(own) != http.StatusOK {
		t.Error("the client cannot authenticate")
	}
	if status, m, _ := w.tell("GET", string(issuer)+"/register/"+id, made["registration_access_token"].(string), nil); status != http.StatusOK || m["kind"] != nil {
		t.Errorf("its own place: %d %v", status, m)
	}
	status, list, _ := w.tell("GET", manage+"?limit=1", token, nil)
	if all := list["clients"].([]any); status != http.StatusOK || len(all) != 1 || all[0].(map[string]any)["client_id"] != id || list["next"] != id || all[0].(map[string]any)["client_secret"] != nil {
		t.Errorf("%d %v", status, list)
	}
	if status, list, _ = w.tell("GET", manage+"?after="+id, token, nil); status != http.StatusOK || len(list["clients"].([]any)) != 0 {
		t.Errorf("behind the last: %d %v", status, list)
	}
	status, m, _ := w.tell("POST", manage+"/"+id+"/secret", token, nil)
	fresh, _ := m["client_secret"].(string)
	if status != http.StatusOK || fresh == own || works(own) != http.StatusUnauthorized || works(fresh) != http.StatusOK {
		t.Errorf("a new secret: %d %v", status, m)
	}
	status, m, _ = w.tell("PUT", manage+"/"+id, token, said{"kind": "app", "redirect_uris": cb(), "grant_types": []string{"authorization_code"}})
	if status != http.StatusOK || m["kind"] != "app" || m["client_name"] != nil || m["client_secret"] != nil || works(fresh) != http.StatusBadRequest {
		t.Errorf("changed: %d %v; credentials %d", status, m, works(fresh))
	}
	if status, m, _ := w.tell("GET", string(issuer)+"/register/"+id, made["registration_access_token"].(string), nil); status != http.StatusOK {
		t.Errorf("its own token still holds: %d %v", status, m)
	}
	if status, m, _ := w.tell("DELETE", manage+"/"+id, token, nil); status != http.StatusNoContent || works(fresh) != http.StatusUnauthorized {
		t.Errorf("removed: %d %v", status, m)
	}
	if status, m, _ := w.tell("GET", manage+"/"+id, token, nil); status != http.StatusNotFound || m["error"] != "not_found" {
		t.Errorf("what is gone: %d %v", status, m)
	}
}

// TestS119_NobodyElseManagesClients: whose token is no good for it learns and changes nothing.
func TestS119_NobodyElseManagesClients(t *testing.T) {
	k := newKey(t, "ES256", "")
	w := managing(t)
	made := w.registered(entry, said{"redirect_uris": cb(), "client_name": "Shop"})
	place := manage + "/" + made["client_id"].(string)
	redirects["office"] = "https://office.example/cb"
	t.Cleanup(func() { delete(redirects, "office") })
	revoked := w.office("office")
	w.send(w.as("office", post("/revoke", form("token", revoked))))
	expired := w.office("office")
	w.pass(6 * time.Minute)
	persons := w.tokens200("office", "scope", "openid "+oauth.ScopeClients)
	_, bound, _ := w.proving(w.as("bound", post("/token", form("grant_type", "client_credentials"))), w.proof(k, "POST", "/token"))
	for name, c := range map[string]struct {
		token  string
		status int
		code   string
	}{
		"no token":                {"", 401, ""},
		"nonsense":                {"nonsense", 401, "invalid_token"},
		"an initial access token": {entry, 401, "invalid_token"},
		"the client's own token":  {made["registration_access_token"].(string), 401, "invalid_token"},
		"a person's token":        {persons["access_token"].(string), 401, "invalid_token"},
		"an ID token":             {persons["id_token"].(string), 401, "invalid_token"},
		"without the scope":       {w.office("plain"), 403, "insufficient_scope"},
		"for somebody else":       {w.office("elsewhere"), 401, "invalid_token"},
		"bound, without its key":  {bound["access_token"].(string), 401, "invalid_token"},
		"revoked":                 {revoked, 401, "invalid_token"},
		"expired":                 {expired, 401, "invalid_token"},
	} {
		for _, at := range [][2]string{{"GET", manage}, {"POST", manage}, {"GET", place}, {"PUT", place}, {"DELETE", place}, {"POST", place + "/secret"}} {
			status, m, head := w.tell(at[0], at[1], c.token, said{"kind": "partner", "redirect_uris": cb()})
			if code, _ := m["error"].(string); status != c.status || c.code != "" && code != c.code || status == 401 && head.Get("WWW-Authenticate") == "" {
				t.Errorf("%s, %s %s: %d %v", name, at[0], at[1], status, m)
			}
		}
	}
	token, _ := bound["access_token"].(string)
	r := get("/admin/clients", nil)
	r.Header.Set("Authorization", "DPoP "+token)
	if status, m, _ := w.proving(r, w.proof(k, "GET", "/admin/clients", ath(token))); status != http.StatusOK {
		t.Errorf("bound, with its key: %d %v", status, m)
	}
	r = get("/admin/clients", nil)
	r.Header.Set("Authorization", "DPoP "+token)
	if status, _, _ := w.proving(r, w.proof(newKey(t, "ES256", ""), "GET", "/admin/clients", ath(token))); status != http.StatusUnauthorized {
		t.Errorf("bound, with another key: %d", status)
	}
	fresh := w.office("office")
	for name, c := range map[string]struct {
		method, url string
		body        any
		status      int
		code        string
	}{
		"a client of the settings": {"GET", manage + "/web", nil, 404, "not_found"},
		"another's removal":        {"DELETE", manage + "/office", nil, 404, "not_found"},
		"a method":                 {"PATCH", place, nil, 405, ""},
		"no kind":                  {"POST", manage, said{"redirect_uris": cb()}, 400, "invalid_client_metadata"},
		"a kind that is none":      {"POST", manage, said{"kind": "office", "redirect_uris": cb()}, 400, "invalid_client_metadata"},
		"more than its kind":       {"PUT", place, said{"redirect_uris": []string{"javascript:alert(1)"}}, 400, "invalid_redirect_uri"},
		"an empty body":            {"PUT", place, "", 400, "invalid_client_metadata"},
		"a huge body":              {"PUT", place, `{"client_name":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "invalid_request"},
		"a page too large":         {"GET", manage + "?limit=5000", nil, 400, "invalid_request"},
		"a page of nowhere":        {"GET", manage + "?after=%00", nil, 400, "invalid_request"},
		"a parameter twice":        {"GET", manage + "?limit=1&limit=2", nil, 400, "invalid_request"},
	} {
		status, m, _ := w.tell(c.method, c.url, fresh, c.body)
		if code, _ := m["error"].(string); status != c.status || code != c.code && c.code != "" {
			t.Errorf("%s: %d %v", name, status, m)
		}
	}
	if status, m, _ := w.tell("GET", place, fresh, nil); status != http.StatusOK || m["client_name"] != "Shop" {
		t.Errorf("after all that: %d %v", status, m)
	}
	// The settings take the scope from the client: its token is worth nothing any more.
	list := clientsWithout("")
	w.must(w.registry.Replace(append(list, oauth.Client{ID: "office", Secrets: []string{client.Kept(secret)}, GrantTypes: []string{oauth.GrantCredentials}, Scopes: []string{"api"}})))
	if status, _, _ := w.tell("GET", place, fresh, nil); status != http.StatusForbidden {
		t.Errorf("a client whose scope is gone: %d", status)
	}
}
