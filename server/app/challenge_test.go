package app_test

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	webauthn "github.com/descope/virtualwebauthn"
	"github.com/go-jose/go-jose/v4"

	"github.com/stile-id/stile/server/oauth/challenge"
	"github.com/stile-id/stile/server/oauth/client"
)

const phoneClients = `  - id: phone
    name: Phone app
    auth: none
    first_party: true
    challenge: true
    redirect_uris: ["com.example.phone:/cb"]
    grant_types: [authorization_code, refresh_token]
    scopes: [openid, profile]
    offline: true
    flows: { default: signin, create: signup, others: [account] }
  - id: tablet
    auth: none
    first_party: true
    challenge: true
    redirect_uris: ["com.example.tablet:/cb"]
    flows: { default: signin }
  - id: kiosk
    secrets: [%s]
    first_party: true
    challenge: true
    consent: ask
    redirect_uris: ["https://kiosk.example/cb"]
    scopes: [openid, profile]
    flows: { default: signin }
  - id: browserly
    auth: none
    first_party: true
    redirect_uris: ["com.example.browserly:/cb"]
    flows: { default: signin }
  - id: stranger
    auth: none
    redirect_uris: ["com.example.stranger:/cb"]
    flows: { default: signin }
`

// native is an app that asks people by itself. It keeps no cookies.
type native struct {
	t       *testing.T
	v       *visitor
	id      string
	key     *ecdsa.PrivateKey // proves it by DPoP when set
	nonce   string
	session string
	prompt  map[string]any
}

func withPhones(t *testing.T, stores string) *product {
	return serveIn(t, t.TempDir(), stores, "", fmt.Sprintf(phoneClients, client.Kept("app-secret")))
}

func phone(t *testing.T, p *product) *native { return &native{t: t, v: visit(t, p.base), id: "phone"} }

func newKey(t *testing.T) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// proof proves a key to an endpoint (RFC 9449).
func proof(t *testing.T, k *ecdsa.PrivateKey, address, nonce string) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: k}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{"jti": rand.Text(), "htm": "POST", "htu": address, "iat": time.Now().Unix()}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	body, _ := json.Marshal(claims)
	j, err := s.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := j.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// send posts to an endpoint as the app; a DPoP nonce that is asked for is sent.
func (n *native) send(path string, f url.Values, change ...func(*http.Request)) (map[string]any, int) {
	n.t.Helper()
	a, err := n.v.send(http.MethodPost, path, f, append(change, func(r *http.Request) {
		if n.key != nil {
			r.Header.Set("DPoP", proof(n.t, n.key, n.v.base+path, n.nonce))
		}
	})...)
	if err != nil {
		n.t.Fatal(err)
	}
	if n.key != nil {
		n.nonce = cmp.Or(a.header.Get("DPoP-Nonce"), n.nonce)
		if strings.Contains(a.body, "use_dpop_nonce") { // the server is too young to know which proofs were used
			time.Sleep(50 * time.Millisecond)
			return n.send(path, f, change...)
		}
	}
	out := map[string]any{}
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		n.t.Fatalf("%d %v: %s", a.status, err, a.body)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" || len(a.header.Values("Set-Cookie")) > 0 {
		n.t.Errorf("headers %v", a.header)
	}
	return out, a.status
}

func (n *native) asks(pairs ...string) url.Values {
	f := url.Values{"client_id": {n.id}, "response_type": {"code"}, "scope": {"openid profile"}, "nonce": {"n"}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"},
		"code_challenge_method": {"S256"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		if f.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			f.Del(pairs[i])
		}
	}
	return f
}

// heard keeps what an answer brought.
func (n *native) heard(m map[string]any) map[string]any {
	if s, ok := m["auth_session"].(string); ok {
		n.session = s
		n.prompt, _ = m["prompt"].(map[string]any)
	}
	return m
}

func (n *native) begin(pairs ...string) map[string]any {
	n.t.Helper()
	m, status := n.send("/authorize-challenge", n.asks(pairs...))
	if status != http.StatusBadRequest || m["error"] != "insufficient_authorization" || len(m["auth_session"].(string)) < 43 || m["prompt"] == nil {
		n.t.Fatalf("begin: %d %v", status, m)
	}
	return n.heard(m)
}

// answering is the form of an answer to the prompt that was shown.
func (n *native) answering(action string, pairs ...string) url.Values {
	fields := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		fields[pairs[i]] = pairs[i+1]
	}
	text, _ := json.Marshal(fields)
	step, _ := n.prompt["step"].(string)
	f := url.Values{"client_id": {n.id}, "auth_session": {n.session}, "step": {step}, "fields": {string(text)}}
	if action != "" {
		f.Set("action", action)
	}
	return f
}

func (n *native) answer(pairs ...string) map[string]any {
	n.t.Helper()
	m, _ := n.send("/authorize-challenge", n.answering("", pairs...))
	return n.heard(m)
}

func (n *native) at(step string) {
	n.t.Helper()
	if n.prompt["step"] != step {
		n.t.Fatalf("at %v, want %s", n.prompt, step)
	}
}

func (n *native) redeem(code any) (map[string]any, int) {
	n.t.Helper()
	text, _ := code.(string)
	return n.send("/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {n.id}, "code": {text}, "code_verifier": {verifier}})
}

// refused fails unless an answer is this error and gives nothing away.
func refused(t *testing.T, what string, m map[string]any, want string) {
	t.Helper()
	if m["error"] != want || m["auth_session"] != nil || m["prompt"] != nil || m["authorization_code"] != nil || m["access_token"] != nil {
		t.Errorf("%s: %v, want %s", what, m, want)
	}
}

// TestS074_SignInWithoutABrowserOnEveryStore: the shipped sign-in, by password, to tokens, in the person's language.
func TestS074_SignInWithoutABrowserOnEveryStore(t *testing.T) {
	eachStore(t, func(t *testing.T, stores string) {
		p := withPhones(t, stores)
		n := phone(t, p)
		n.begin("ui_locales", "de")
		n.at("who")
		if n.prompt["language"] != "de" || n.prompt["title"] != "Bei Phone app anmelden" || n.prompt["kind"] != "ask.identifier" {
			t.Errorf("prompt %v", n.prompt)
		}
		first := n.session
		n.answer("identifier", "ann@example.com")
		n.at("password")
		if n.session == first {
			t.Error("the auth_session stayed")
		}
		if m := n.answer("password", "wrong-horse-battery"); m["authorization_code"] != nil || len(n.prompt["problem"].([]any)) == 0 {
			t.Errorf("wrong password: %v", m)
		}
		n.at("password")
		m := n.answer("password", secret)
		if m["authorization_code"] == nil || m["auth_session"] != nil || m["error"] != nil {
			t.Fatal(m)
		}
		tokens, status := n.redeem(m["authorization_code"])
		if status != http.StatusOK || claimsOf(t, tokens["id_token"].(string))["acr"] != "urn:stile:basic" || claimsOf(t, tokens["id_token"].(string))["nonce"] != "n" {
			t.Fatal(status, tokens)
		}
		if got, status := n.send("/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {"phone"}, "refresh_token": {tokens["refresh_token"].(string)}}); status != http.StatusOK {
			t.Errorf("refresh: %d %v", status, got)
		}
		if got, status := n.redeem(m["authorization_code"]); status != http.StatusBadRequest {
			t.Errorf("the code twice: %d %v", status, got)
		}
		m, _ = n.send("/authorize-challenge", url.Values{"client_id": {"phone"}, "auth_session": {n.session}})
		refused(t, "the auth_session after the end", m, "invalid_session")
	})
}

// TestS074_PasskeyWithoutABrowser: a passkey is made and used by an app: the prompt brings the options, the answer the credential.
func TestS074_PasskeyWithoutABrowser(t *testing.T) {
	p := serveText(t, t.TempDir(), func(base, listen string) string { // passkeys want a name, not an address
		text := strings.Replace(productSettings(base, listen, ""), "providers:\n", fmt.Sprintf(phoneClients, client.Kept("app-secret"))+"providers:\n", 1)
		return strings.Replace(text, "issuer: http://127.0.0.1:", "issuer: http://localhost:", 1)
	})
	p.base = strings.Replace(p.base, "127.0.0.1", "localhost", 1)
	rp := webauthn.RelyingParty{Name: "Stile", ID: "localhost", Origin: p.base}
	device, key := webauthn.NewAuthenticator(), webauthn.NewCredential(webauthn.KeyTypeEC2)
	n := phone(t, p)
	n.begin()
	n.answer("identifier", "ann@example.com", "can_passkey", "yes")
	n.answer("password", secret)
	n.at("offer")
	ceremony := func() (action, options string) {
		t.Helper()
		c, ok := n.prompt["passkey"].(map[string]any)
		if !ok {
			t.Fatalf("no ceremony: %v", n.prompt)
		}
		raw, _ := json.Marshal(c["options"])
		action, _ = c["action"].(string)
		return action, string(raw)
	}
	action, options := ceremony()
	made, err := webauthn.ParseAttestationOptions(options)
	if err != nil {
		t.Fatal(err)
	}
	device.Options.UserHandle = []byte(made.UserID)
	m, _ := n.send("/authorize-challenge", n.answering(action, "passkey", webauthn.CreateAttestationResponse(rp, device, key, *made)))
	if m["authorization_code"] == nil {
		t.Fatal(m)
	}
	device.AddCredential(key)
	use := func(where webauthn.RelyingParty) map[string]any {
		t.Helper()
		n = phone(t, p)
		n.begin()
		action, options := ceremony()
		o, err := webauthn.ParseAssertionOptions(options)
		if err != nil {
			t.Fatal(err)
		}
		m, _ := n.send("/authorize-challenge", n.answering(action, "passkey", webauthn.CreateAssertionResponse(where, device, key, *o)))
		return m
	}
	m = use(rp)
	tokens, status := n.redeem(m["authorization_code"])
	if status != http.StatusOK || claimsOf(t, tokens["id_token"].(string))["acr"] != "urn:stile:strong" {
		t.Fatal(status, tokens, m)
	}
	for _, origin := range []string{"https://evil.example", "android:apk-key-hash:pNiP5iKyQ8JwgGOaKA1zGPUPJIS-0H1xKCQcfIoGLck"} { // no setting allows an app's own origin
		if m := use(webauthn.RelyingParty{ID: "localhost", Origin: origin}); m["authorization_code"] != nil || m["error"] != "insufficient_authorization" {
			t.Errorf("from %s: %v", origin, m)
		}
	}
}

// TestS070_OnlyFirstPartyAppsAskPeople: whoever is not of the house, or was not allowed to, is refused before any step.
func TestS070_OnlyFirstPartyAppsAskPeople(t *testing.T) {
	p := withPhones(t, "")
	for _, id := range []string{"stranger", "browserly"} {
		n := phone(t, p)
		n.id = id
		m, status := n.send("/authorize-challenge", n.asks())
		refused(t, id, m, "unauthorized_client")
		m, _ = n.send("/authorize-challenge", url.Values{"client_id": {id}, "auth_session": {"sts_x"}, "step": {"who"}})
		refused(t, id+" with an auth_session", m, "unauthorized_client")
		if status != http.StatusBadRequest {
			t.Error(status)
		}
	}
	if a := visit(t, p.base).must(http.MethodGet, "/.well-known/oauth-authorization-server", nil, http.StatusOK); !strings.Contains(a.body, `"authorization_challenge_endpoint":"`+p.base+`/authorize-challenge"`) {
		t.Error(a.body)
	}
}

// TestS071_TheFirstRequestIsAnAuthorizationRequest: authenticated as at the token endpoint, for a code, with PKCE, and under the same rules.
func TestS071_TheFirstRequestIsAnAuthorizationRequest(t *testing.T) {
	p := withPhones(t, "")
	n := phone(t, p)
	for what, c := range map[string]struct {
		change []string
		want   string
	}{
		"no challenge": {[]string{"code_challenge", "", "code_challenge_method", ""}, "invalid_request"}, "a plain challenge": {[]string{"code_challenge_method", "plain"}, "invalid_request"},
		"no method": {[]string{"code_challenge_method", ""}, "invalid_request"}, "no response_type": {[]string{"response_type", ""}, "invalid_request"},
		"a token": {[]string{"response_type", "token"}, "unsupported_response_type"}, "a foreign redirect": {[]string{"redirect_uri", "https://evil.example"}, "invalid_request"},
		"a reference": {[]string{"request_uri", "urn:ietf:params:oauth:request_uri:ABC"}, "invalid_request"}, "a foreign scope": {[]string{"scope", "admin"}, "invalid_scope"},
		"no client": {[]string{"client_id", ""}, "invalid_request"}, "another client": {[]string{"client_id", "nobody"}, "invalid_client"}, "silence": {[]string{"prompt", "none"}, "login_required"},
		"a secret it has not": {[]string{"client_secret", "x"}, "invalid_client"}, "an assurance that is out of reach": {[]string{"claims", `{"id_token":{"acr":{"essential":true,"value":"urn:x"}}}`}, "unmet_authentication_requirements"},
	} {
		m, _ := n.send("/authorize-challenge", n.asks(c.change...))
		refused(t, what, m, c.want)
	}
	kiosk := phone(t, p)
	kiosk.id = "kiosk"
	m, status := kiosk.send("/authorize-challenge", kiosk.asks())
	refused(t, "without the secret", m, "invalid_client")
	if status != http.StatusUnauthorized {
		t.Error(status)
	}
	f := kiosk.asks()
	f.Del("client_id")
	basic := func(r *http.Request) { r.SetBasicAuth("kiosk", "app-secret") }
	if m, _ = kiosk.send("/authorize-challenge", f, basic); m["error"] != "insufficient_authorization" {
		t.Fatal(m)
	}
	kiosk.heard(m)
	m, _ = kiosk.send("/authorize-challenge", kiosk.answering("", "identifier", "ann@example.com"))
	refused(t, "an answer without the secret", m, "invalid_client")
	m, _ = kiosk.send("/authorize-challenge", url.Values{"auth_session": {kiosk.session}})
	refused(t, "an auth_session in the place of the secret", m, "invalid_client")

	v := visit(t, p.base)
	for what, c := range map[string]struct {
		body   string
		change func(*http.Request)
		status int
	}{
		"nothing": {"", nil, 400}, "twice": {n.asks().Encode() + "&scope=openid", nil, 400}, "two sessions": {"client_id=phone&auth_session=a&auth_session=b", nil, 400},
		"JSON": {`{"client_id":"phone"}`, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 400}, "too much": {n.asks().Encode() + "&x=" + strings.Repeat("x", 70_000), nil, 413},
		"in the address": {n.asks().Encode(), func(r *http.Request) { r.URL.RawQuery = "login_hint=ann" }, 400}, "by GET": {"", func(r *http.Request) { r.Method = http.MethodGet }, 405},
	} {
		a, err := v.send(http.MethodPost, "/authorize-challenge", url.Values{}, func(r *http.Request) {
			r.Body, r.ContentLength = http.NoBody, 0
			if c.body != "" {
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(c.body)), int64(len(c.body))
			}
			if c.change != nil {
				c.change(r)
			}
		})
		if err != nil || a.status != c.status || !strings.Contains(a.body, `"error":"invalid_request"`) || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v %d %s", what, err, a.status, a.body)
		}
	}
}

// TestS072_AuthSessions: opaque, one client's, one key's, good for one answer and for its repetition.
func TestS072_AuthSessions(t *testing.T) {
	eachStore(t, func(t *testing.T, stores string) {
		p := withPhones(t, stores)
		n, other := phone(t, p), phone(t, p)
		n.begin()
		other.id = "tablet"
		other.begin()
		if raw, _ := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(n.session, challenge.Prefix)); len(raw) < 64 || strings.Contains(string(raw), "phone") || strings.Contains(string(raw), `"j"`) {
			t.Errorf("it is to be read: %q", raw)
		}
		try := func(what, want string, f url.Values) {
			t.Helper()
			m, _ := n.send("/authorize-challenge", f)
			refused(t, what, m, want)
		}
		stolen := n.answering("", "identifier", "ann@example.com")
		stolen.Set("auth_session", other.session)
		try("another client's", "invalid_session", stolen)
		stolen.Set("client_id", "tablet")
		stolen.Set("auth_session", n.session)
		try("by another client", "invalid_session", stolen)
		stolen.Set("client_id", "phone")
		for i := 0; i < len(n.session); i += 7 {
			b := []byte(n.session)
			b[i] ^= 1
			stolen.Set("auth_session", string(b))
			try("a forged one", "invalid_session", stolen)
		}

		before, one := n.session, n.answering("", "identifier", "ann@example.com")
		n.answer("identifier", "ann@example.com")
		n.at("password")
		again, _ := n.send("/authorize-challenge", one) // its answer was lost on the way
		if again["error"] != "insufficient_authorization" || again["prompt"].(map[string]any)["step"] != "password" {
			t.Fatalf("repeated: %v", again)
		}
		n.heard(again)
		old := n.answering("", "password", secret)
		old.Set("auth_session", before)
		try("the old one with another answer", "invalid_session", old)
		try("the old one with nothing", "invalid_session", url.Values{"client_id": {"phone"}, "auth_session": {before}})
		m, _ := n.send("/authorize-challenge", url.Values{"auth_session": {n.session}}) // it names its client
		if n.heard(m); m["error"] != "insufficient_authorization" {
			t.Fatal(m)
		}
		n.at("password")
		try("the old answer, when the new one has been seen", "invalid_session", one)
		if m := n.answer("password", secret); m["authorization_code"] == nil {
			t.Fatal(m)
		}
	})
}

// TestS074_NoStepIsSkipped: answers that do not fit change nothing, and a code comes at the end alone.
func TestS074_NoStepIsSkipped(t *testing.T) {
	p := withPhones(t, "")
	n := phone(t, p)
	n.begin()
	for what, change := range map[string][]string{
		"another step": {"step", "password", "fields", `{"password":"` + secret + `"}`}, "the last step": {"step", "done", "fields", ""}, "no such button": {"action", "skip"}, "a callback": {"action", "callback"},
		"no such field": {"fields", `{"subject":"x"}`}, "no step": {"step", ""}, "no object": {"fields", "[]"}, "twice": {"fields", `{"identifier":"a@example.com","identifier":"b@example.com"}`},
		"no text": {"fields", `{"identifier":1}`}, "NUL": {"fields", `{"identifier":"a\u0000"}`}, "half": {"fields", `{"identifier":"a"`},
	} {
		f := n.answering("", "identifier", "ann@example.com")
		for i := 0; i < len(change); i += 2 {
			f.Set(change[i], change[i+1])
		}
		m, status := n.send("/authorize-challenge", f)
		if refused(t, what, m, "invalid_request"); status != http.StatusBadRequest {
			t.Error(what, status)
		}
	}
	if m := n.answer(); m["error"] != "insufficient_authorization" || n.prompt["step"] != "who" { // an empty answer leaves no step
		t.Fatal(m)
	}
	n.answer("identifier", "ann@example.com")
	if m := n.answer(); m["error"] != "insufficient_authorization" || n.prompt["step"] != "password" {
		t.Fatal(m)
	}
	m, _ := n.send("/authorize-challenge", n.answering("back"))
	n.heard(m)
	n.at("who")
}

// TestS074_RedirectToWeb: what needs a browser is not done in the app; the browser begins anew, with the request that the app made, and knows nobody.
func TestS074_RedirectToWeb(t *testing.T) {
	var issuer string
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": issuer, "authorization_endpoint": issuer + "/auth", "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/jwks",
			"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"ES256", "RS256"}})
	}))
	t.Cleanup(there.Close)
	issuer = there.URL
	p := serveText(t, t.TempDir(), func(base, listen string) string {
		text := strings.Replace(productSettings(base, listen, ""), "providers:\n", fmt.Sprintf(phoneClients, client.Kept("app-secret"))+"providers:\n", 1)
		return strings.Replace(text, "http://127.0.0.1:9/acme", issuer, 1)
	})
	n := phone(t, p)
	n.begin("state", "st&<\"4", "redirect_uri", "com.example.phone:/cb")
	m, status := n.send("/authorize-challenge", n.answering("", "identifier", "bea@acme.example"))
	if status != http.StatusBadRequest || m["error"] != "redirect_to_web" || m["auth_session"] != nil || m["prompt"] != nil || m["expires_in"] != 90.0 {
		t.Fatal(status, m)
	}
	f := n.answering("callback", "code", "x", "state", "y")
	f.Set("step", "workforce")
	m2, _ := n.send("/authorize-challenge", f)
	refused(t, "a provider's answer by the app", m2, "invalid_session")
	v := visit(t, p.base)
	v.path = v.must(http.MethodGet, "/authorize?"+url.Values{"client_id": {"phone"}, "request_uri": {m["request_uri"].(string)}}.Encode(), nil, http.StatusSeeOther).location
	v.show()
	v.at("who")
	if strings.Contains(v.page, "bea@") {
		t.Error("what was typed in the app is shown to whoever opens the address")
	}
	v.post("identifier", "ann@example.com")
	u, err := url.Parse(v.post("password", secret))
	if err != nil || u.Scheme != "com.example.phone" || u.Query().Get("state") != "st&<\"4" {
		t.Fatal(u, err)
	}
	if tokens, status := n.redeem(u.Query().Get("code")); status != http.StatusOK {
		t.Error(status, tokens)
	}

	kiosk := phone(t, p) // asks for consent, which the app cannot give
	kiosk.id = "kiosk"
	basic := func(r *http.Request) { r.SetBasicAuth("kiosk", "app-secret") }
	m, _ = kiosk.send("/authorize-challenge", kiosk.asks(), basic)
	kiosk.heard(m)
	m, _ = kiosk.send("/authorize-challenge", kiosk.answering("", "identifier", "ann@example.com"), basic)
	kiosk.heard(m)
	last := kiosk.session
	m, _ = kiosk.send("/authorize-challenge", kiosk.answering("", "password", secret), basic)
	if m["error"] != "redirect_to_web" || m["authorization_code"] != nil {
		t.Fatal(m)
	}
	f = kiosk.answering("")
	f.Set("step", "(consent)")
	f.Set("auth_session", last)
	m, _ = kiosk.send("/authorize-challenge", f, basic)
	refused(t, "consent given by the app", m, "invalid_session")
}

// TestS073_TheKeyOfTheFirstRequest: with it alone an auth_session and the code are of any use.
func TestS073_TheKeyOfTheFirstRequest(t *testing.T) {
	p := withPhones(t, "")
	n := phone(t, p)
	mine, other := newKey(t), newKey(t)
	n.key = mine
	n.begin()
	with := func(k *ecdsa.PrivateKey, want string) {
		t.Helper()
		n.key = k
		m, _ := n.send("/authorize-challenge", n.answering("", "identifier", "ann@example.com"))
		refused(t, "another key", m, want)
		n.key = mine
	}
	with(other, "invalid_session")
	with(nil, "invalid_dpop_proof")
	f := n.answering("", "identifier", "ann@example.com")
	used := proof(t, mine, p.base+"/authorize-challenge", n.nonce)
	n.key = nil
	for i, want := range []string{"insufficient_authorization", "invalid_dpop_proof"} { // a proof is good once, also for repeating an answer
		m, _ := n.send("/authorize-challenge", f, func(r *http.Request) { r.Header.Set("DPoP", used) })
		if m["error"] != want {
			t.Fatal(i, m)
		}
		n.heard(m)
	}
	m, _ := n.send("/authorize-challenge", f, func(r *http.Request) { r.Header.Set("DPoP", proof(t, mine, p.base+"/token", n.nonce)) })
	refused(t, "a proof for another endpoint", m, "invalid_dpop_proof")
	n.key = mine
	m = n.answer("password", secret)
	code := m["authorization_code"]
	for _, k := range []*ecdsa.PrivateKey{other, nil} {
		n.key = k
		m, _ := n.redeem(code)
		refused(t, "the code with another key", m, "invalid_grant")
	}
	n.key = mine
	if tokens, status := n.redeem(code); status != http.StatusOK || tokens["token_type"] != "DPoP" {
		t.Error(status, tokens)
	}
}

// TestS075_AttemptsAreShared: what was guessed in browsers counts in apps, and the other way round; and so do wrong answers of one address.
func TestS075_AttemptsAreShared(t *testing.T) {
	p := withPhones(t, "")
	v, n := visit(t, p.base), phone(t, p)
	v.begin()
	v.post("identifier", "ann@example.com")
	n.begin()
	n.answer("identifier", "ann@example.com")
	waits := func() bool {
		for _, x := range n.prompt["problem"].([]any) {
			if x.(map[string]any)["id"] == "wait" {
				return true
			}
		}
		return false
	}
	tries := 0
	for ; tries < 20 && !strings.Contains(v.page, "wait"); tries++ {
		v.post("password", "wrong-horse-battery")
		n.answer("password", "wrong-horse-battery")
		if waits() {
			break
		}
	}
	if !waits() || tries > 10 {
		t.Fatalf("%d tries: %v", tries, n.prompt)
	}
	if m := n.answer("password", secret); m["authorization_code"] != nil { // the right one, while everybody waits
		t.Error(m)
	}
	if v.post("password", secret) != "" {
		t.Error("the browser need not wait")
	}

	d := deploy(t, t.TempDir(), nil, func(s string) string {
		return strings.Replace(limited(s), "providers:\n", fmt.Sprintf(phoneClients, client.Kept("app-secret"))+"providers:\n", 1)
	})
	guess := from(t, d.base, "203.0.113.7")
	guess.begin()
	guess.post("identifier", "nobody@example.com")
	for range 3 {
		guess.post("password", "a wrong guess")
	}
	if a, err := guess.send(http.MethodPost, guess.path, guess.form("password", "a wrong guess")); err != nil || a.status == http.StatusSeeOther {
		guess.show()
		guess.must(http.MethodPost, guess.path, guess.form("password", "a wrong guess"), http.StatusTooManyRequests)
	}
	app := &native{t: t, v: from(t, d.base, "203.0.113.7"), id: "phone"}
	app.begin()
	m, status := app.send("/authorize-challenge", app.answering("", "identifier", "ann@example.com"))
	if refused(t, "from an address that guessed", m, "too_many_requests"); status != http.StatusTooManyRequests {
		t.Error(status)
	}
}

// TestS072_FiftyParallelAnswersGiveOneResult: the same answer at once, from a phone that tries again and again: one transition, one sign-in.
func TestS072_FiftyParallelAnswersGiveOneResult(t *testing.T) {
	eachStore(t, func(t *testing.T, stores string) {
		p := withPhones(t, stores)
		n := phone(t, p)
		n.begin()
		n.answer("identifier", "ann@example.com")
		form := n.answering("", "password", secret)
		answers := make([]map[string]any, 50)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() {
				a, err := n.v.send(http.MethodPost, "/authorize-challenge", form)
				if err = errors.Join(err, json.Unmarshal([]byte(a.body), &answers[i])); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var codes []any
		for _, m := range answers {
			switch {
			case m["authorization_code"] != nil:
				codes = append(codes, m["authorization_code"])
			case m["error"] == "invalid_session", m["error"] == "temporarily_unavailable", m["error"] == "insufficient_authorization": // the last: asked to wait, for so many tries at once
			default:
				t.Errorf("%v", m)
			}
		}
		good := 0
		for _, c := range codes {
			if _, status := n.redeem(c); status == http.StatusOK {
				good++
			}
		}
		if len(codes) == 0 || good != 1 {
			t.Errorf("%d codes, %d redeemed", len(codes), good)
		}
	})
}

// TestRule05_AnAppsJourneyIsNoBrowsers: neither handle opens the other's door.
func TestRule05_AnAppsJourneyIsNoBrowsers(t *testing.T) {
	p := withPhones(t, "")
	n, v := phone(t, p), visit(t, p.base)
	n.begin()
	v.begin()
	id := strings.TrimPrefix(v.path, "/journey/")
	u, err := url.Parse(p.base)
	if err != nil {
		t.Fatal(err)
	}
	binding := v.http.Jar.Cookies(u)[0].Value
	for _, handle := range []string{id, binding, id + "." + binding, challenge.Prefix + id + binding, challenge.Prefix + base64.RawURLEncoding.EncodeToString([]byte(id+binding))} {
		f := n.answering("", "identifier", "ann@example.com")
		f.Set("auth_session", handle)
		m, _ := n.send("/authorize-challenge", f)
		refused(t, "a browser's handle", m, "invalid_session")
	}
	for _, handle := range []string{n.session, n.session[:22], n.session[4:26]} {
		w := visit(t, p.base)
		w.http.Jar.SetCookies(u, []*http.Cookie{{Name: "stile-j-" + handle[:10], Value: n.session}})
		w.must(http.MethodGet, "/journey/"+handle, nil, http.StatusGone)
		w.must(http.MethodPost, "/journey/"+handle, url.Values{"revision": {"1"}, "step": {"who"}, "identifier": {"ann@example.com"}}, http.StatusGone)
	}
	m := n.answer("identifier", "ann@example.com") // both are unharmed
	n.at("password")
	v.post("identifier", "ann@example.com")
	v.at("password")

	code := n.answer("password", secret)["authorization_code"].(string)
	for name, thing := range map[string]string{"a code": code, "an auth_session": m["auth_session"].(string)} { // nothing passes for anything else
		f := n.answering("", "password", secret)
		if name == "a code" {
			f.Set("auth_session", thing)
			m, _ := n.send("/authorize-challenge", f)
			refused(t, "a code as auth_session", m, "invalid_session")
			continue
		}
		got, _ := n.redeem(thing)
		refused(t, name+" as a code", got, "invalid_grant")
		got, _ = n.send("/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {"phone"}, "refresh_token": {thing}})
		refused(t, name+" as a refresh token", got, "invalid_grant")
		v.must(http.MethodGet, "/authorize?"+url.Values{"client_id": {"phone"}, "request_uri": {thing}, "redirect_uri": {"com.example.phone:/cb"}}.Encode(), nil, http.StatusSeeOther)
	}
}

// TestGuide_AppsThatAskPeopleByThemselves: the conversation of docs/guides/apps.md is what happens: its settings are served, its commands are typed, and they print what it shows.
func TestGuide_AppsThatAskPeopleByThemselves(t *testing.T) {
	const path = "../../docs/guides/apps.md"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("curl is not here: make tools installs it")
	}
	guide := string(raw)
	_, section, _ := strings.Cut(guide, "## Apps that ask people by themselves\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var base string
	variables := map[string]string{}
	commands := 0
	for _, b := range blocks(section) {
		if b.language == "yaml" {
			p := serveText(t, t.TempDir(), func(base, listen string) string {
				text := strings.Replace(productSettings(base, listen, ""), "clients:\n", b.text, 1)
				return strings.Replace(text, "issuer: http://127.0.0.1:", "issuer: http://localhost:", 1)
			})
			base = strings.Replace(p.base, "127.0.0.1", "localhost", 1)
			continue
		}
		end := strings.Index(regexp.MustCompile(`\\\n`).ReplaceAllString(b.text, "\\ "), "\n")
		line, want := b.text[:end], b.text[end+1:]
		c := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(strings.TrimPrefix(line, "$ "), "https://id.example.com", base))
		for name, value := range variables {
			c.Env = append(c.Env, name+"="+value)
		}
		c.Env = append(c.Env, "PATH="+os.Getenv("PATH"))
		out, err := c.Output()
		if err != nil {
			t.Fatal(line, err)
		}
		var m map[string]any
		var shown bytes.Buffer
		if err := errors.Join(json.Unmarshal(out, &m), json.Indent(&shown, out, "", "  ")); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		variables["SESSION"], _ = m["auth_session"].(string)
		variables["CODE"], _ = m["authorization_code"].(string)
		got := regexp.MustCompile(`"(auth_session|authorization_code|access_token|refresh_token|id_token|challenge)": "[^"]+"`).ReplaceAllString(shown.String(), `"$1": "…"`) + "\n"
		got = regexp.MustCompile(`("auth_session_expires_in": )\d+`).ReplaceAllString(got, "${1}1800")
		got = strings.ReplaceAll(strings.ReplaceAll(got, base, "https://id.example.com"), `"localhost"`, `"id.example.com"`)
		commands++
		if *update {
			guide = strings.Replace(guide, "```console\n"+b.text+"```", "```console\n"+line+"\n"+got+"```", 1)
		} else if got != want {
			t.Errorf("`%s` prints\n%s\nthe guide shows\n%s", line, got, want)
		}
	}
	if commands != 5 || variables["CODE"] != "" {
		t.Errorf("%d commands, %v", commands, variables)
	}
	if *update {
		if err := os.WriteFile(path, []byte(guide), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
