package conformance_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/pushed"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// The OpenID Foundation's plans fapi2-security-profile-final-test-plan and fapi2-message-signing-final-test-plan, plain_fapi with OpenID Connect, in the three ways of
// docs/reference/conformance.yaml. A module is called as it is published, without the prefix fapi2-security-profile-final-. Modules of national profiles are left out;
// TLS versions and ciphers are TestHTTPSDirectly's matter.

// fapi is the suite: a world with two clients, and the ways they prove themselves.
type fapi struct {
	*world
	how     string // dpop: private_key_jwt and DPoP; bound: private_key_jwt and certificates; mtls: certificates alone
	signing bool   // requests and answers are signed
	keys    map[string]key
	certs   map[string]*x509.Certificate
	d       key // of proofs
}

func newFAPI(t *testing.T, how string, signing bool) *fapi {
	t.Helper()
	f := &fapi{how: how, signing: signing, keys: map[string]key{"one": newKey(t, "PS256", "one"), "two": newKey(t, "ES256", "two")}, certs: map[string]*x509.Certificate{}, d: newKey(t, "ES256", "")}
	f.world = newWorld(t, func(list []oauth.Client) []oauth.Client {
		for id, k := range f.keys {
			c := oauth.Client{ID: id, Profile: oauth.ProfileFAPI2, Auth: oauth.AuthKey, JWKS: keySet(t, k), TLSBound: how != "dpop", Redirects: []string{rpBack, rpBack + "?dummy1=lorem&dummy2=ipsum"},
				GrantTypes: []string{oauth.GrantCode, oauth.GrantRefresh}, Scopes: []string{"openid", "profile", "email"}, Offline: true, Consent: "ask", Flows: oauth.Flows{Default: "signin"}}
			if signing {
				c.Profile = oauth.ProfileSigning
			}
			if how != "dpop" {
				cert, private := issue(t, time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC), nil, nil, nil)
				f.certs[id] = cert
				if how == "mtls" {
					j := key{private: private, alg: "ES256", kid: "c"}.jwk(t)
					j["x5c"] = []string{base64.StdEncoding.EncodeToString(cert.Raw)}
					set, err := json.Marshal(map[string]any{"keys": []any{j, k.jwk(t)}})
					if err != nil {
						t.Fatal(err)
					}
					c.Auth, c.JWKS = oauth.AuthSelfSigned, set
				}
			}
			list = append(list, c)
		}
		return list
	})
	redirects["one"], redirects["two"] = rpBack, rpBack
	f.people.change = func(v *verdict.Verdict) { // people are asked, and say yes
		v.Scope = f.people.request.Journey.Scopes
		v.Evidence = append(v.Evidence, verdict.Evidence{Method: "consent", Facts: verdict.Set(verdict.Consented), Subject: v.Subject, At: f.now()})
	}
	return f
}

// proves is how a client authenticates; change alters its assertion.
func (f *fapi) proves(id string, change map[string]any) []string {
	if f.how == "mtls" {
		return []string{"client_id", id}
	}
	return []string{"client_assertion_type", authentication.AssertionType, "client_assertion", f.keys[id].sign(f.t, nil, f.assertion(id, change))}
}

// direct sends a request that is complete, with the client's certificate and these proofs.
func (f *fapi) direct(id string, r *http.Request, proofs ...string) (int, map[string]any, http.Header) {
	f.t.Helper()
	if c := f.certs[id]; c != nil {
		r = showing(r, c)
	}
	return f.proving(r, proofs...)
}

// call is a well-behaved request to the token endpoint or for a push.
func (f *fapi) call(id, path string, v url.Values, change map[string]any) (int, map[string]any) {
	f.t.Helper()
	var proofs []string
	if f.how == "dpop" && path == "/token" {
		proofs = []string{f.proof(f.d, "POST", path)}
	}
	status, m, _ := f.direct(id, post(path, merged(v, f.proves(id, change)...)), proofs...)
	return status, m
}

// request is what a client pushes: plain or, where requests are signed, an object; more alters it, "" removes.
func (f *fapi) request(id string, more ...string) url.Values {
	v := ask(id, append([]string{"scope", "openid email"}, more...)...)
	if !f.signing {
		return v
	}
	return f.sealed(id, v, nil)
}

// sealed is a request object; nil in change leaves a member out.
func (f *fapi) sealed(id string, v url.Values, change map[string]any) url.Values {
	o := f.object(id, v)
	maps.Copy(o, change)
	for n, x := range o {
		if x == nil {
			delete(o, n)
		}
	}
	return form("client_id", id, "request", f.keys[id].sign(f.t, map[string]any{"typ": "oauth-authz-req+jwt"}, o))
}

func (f *fapi) pushes(id string, v url.Values) string {
	f.t.Helper()
	status, m := f.call(id, "/par", v, nil)
	if status != 201 || m["expires_in"].(float64) < 5 || !strings.HasPrefix(m["request_uri"].(string), "urn:ietf:params:oauth:request_uri:") {
		f.fatal("%d %v", status, m)
	}
	return m["request_uri"].(string)
}

// refused expects that a request fails when it is pushed, with one of these codes.
func (f *fapi) refused(what string, v url.Values, codes ...string) {
	f.t.Helper()
	status, m := f.call("one", "/par", v, nil)
	if status != 400 || m["request_uri"] != nil || !strings.Contains(" "+strings.Join(codes, " ")+" ", " "+m["error"].(string)+" ") {
		f.t.Errorf("%s: %d %v, want %v", what, status, m, codes)
	}
}

// opened is the answer to the browser that opens a reference, taken out of its JWT where answers are signed.
func (f *fapi) opened(id, uri string, beside ...string) map[string]any {
	f.t.Helper()
	_, q := f.authorize(merged(form("client_id", id, "request_uri", uri), beside...))
	if f.signing {
		return f.payload(q.Get("response"), tokens.TypeAnswer)
	}
	out := map[string]any{}
	for n := range q {
		out[n] = q.Get(n)
	}
	return out
}

// notOpened expects a page that says what is wrong.
func (f *fapi) notOpened(what string, v url.Values) {
	f.t.Helper()
	if rec := f.send(get("/authorize", v)); rec.Code != 400 || rec.Header().Get("Location") != "" {
		f.t.Errorf("%s: %d %q", what, rec.Code, rec.Header().Get("Location"))
	}
}

func (f *fapi) gets(id string, v url.Values) string {
	f.t.Helper()
	a := f.opened(id, f.pushes(id, v))
	if code, ok := a["code"].(string); ok && a["iss"] == issuer && len(code) >= 22 {
		return code
	}
	f.fatal("%v", a)
	return ""
}

func (f *fapi) grant(code string, more ...string) url.Values {
	return form(append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", rpBack, "code_verifier", verifier}, more...)...)
}

// flow walks the whole way of client one.
func (f *fapi) flow(v url.Values) (m, claims map[string]any) {
	f.t.Helper()
	status, m := f.call("one", "/token", f.grant(f.gets("one", v)), nil)
	if status != 200 || m["token_type"] != map[bool]string{true: "DPoP", false: "Bearer"}[f.how == "dpop"] {
		f.fatal("%d %v", status, m)
	}
	return m, f.payload(m["id_token"], tokens.TypeID)
}

// resource asks the userinfo endpoint as the client does.
func (f *fapi) resource(scheme string, token any, proofs ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, issuer+"/userinfo", nil)
	r.Header.Set("Authorization", scheme+" "+token.(string))
	for _, p := range proofs {
		r.Header.Add("DPoP", p)
	}
	if c := f.certs["one"]; c != nil {
		r = showing(r, c)
	}
	return f.send(r)
}

func (f *fapi) sees(scheme string, token any) {
	f.t.Helper()
	var proofs []string
	if f.how == "dpop" {
		proofs = []string{f.proof(f.d, "GET", "/userinfo", ath(token))}
	}
	if rec := f.resource(scheme, token, proofs...); rec.Code != 200 {
		f.t.Errorf("%s: %d %s", scheme, rec.Code, rec.Body)
	}
}

func (f *fapi) notGranted(what, code string, status int, m map[string]any) {
	f.t.Helper()
	want := 400
	if code == "invalid_client" {
		want = 401
	}
	wantError(f.t, what, status, m, want, code)
}

// fapiModule is a module for some ways: with proofs alone, with assertions alone, or all.
type fapiModule struct {
	name string
	only string // dpop, assertion, signed, unsigned, or ""
	run  func(t *testing.T, f *fapi)
}

func (m fapiModule) fits(how string, signing bool) bool {
	return m.only == "" || m.only == "dpop" && how == "dpop" || m.only == "assertion" && how != "mtls" || m.only == "signed" && signing || m.only == "unsigned" && !signing
}

func everyFAPI(t *testing.T, signing bool, modules []fapiModule) {
	for _, how := range []string{"dpop", "bound", "mtls"} {
		for _, m := range modules {
			if m.fits(how, signing) {
				t.Run(how+"/"+m.name, func(t *testing.T) { m.run(t, newFAPI(t, how, signing)) })
			}
		}
	}
}

func TestPlanFAPI2SecurityProfile(t *testing.T) { everyFAPI(t, false, fapiModules()) }

// fapiModules are those of both plans.
func fapiModules() []fapiModule {
	succeeds := func(check func(t *testing.T, claims map[string]any), more ...string) func(*testing.T, *fapi) {
		return func(t *testing.T, f *fapi) {
			if _, claims := f.flow(f.request("one", more...)); check != nil {
				check(t, claims)
			}
		}
	}
	nonce := func(want any) func(*testing.T, map[string]any) {
		return func(t *testing.T, claims map[string]any) {
			if claims["nonce"] != want {
				t.Errorf("%v", claims)
			}
		}
	}
	refused := func(codes []string, more ...string) func(*testing.T, *fapi) {
		return func(_ *testing.T, f *fapi) { f.refused(strings.Join(more, " "), f.request("one", more...), codes...) }
	}
	bad := []string{"invalid_request"}
	assertion := func(path string, change func(now int64) map[string]any) func(*testing.T, *fapi) {
		return func(t *testing.T, f *fapi) {
			v, now := f.request("one"), f.now().Unix()
			if path == "/token" {
				v = f.grant(f.gets("one", v))
			}
			status, m := f.call("one", path, v, change(now))
			f.notGranted("", "invalid_client", status, m)
		}
	}
	set := func(n string, v any) func(int64) map[string]any {
		return func(int64) map[string]any { return map[string]any{n: v} }
	}
	long := strings.Repeat("n", 384)
	return []fapiModule{
		{"discovery-end-point-verification", "", func(t *testing.T, f *fapi) {
			m := f.published()
			for name, values := range map[string][]string{"response_types_supported": {"code"}, "dpop_signing_alg_values_supported": {"ES256", "PS256", "EdDSA"}, "id_token_signing_alg_values_supported": {"ES256", "PS256"},
				"token_endpoint_auth_methods_supported": {"private_key_jwt"}, "token_endpoint_auth_signing_alg_values_supported": {"ES256", "PS256"}, "code_challenge_methods_supported": {"S256"}, "scopes_supported": {"openid"},
				"subject_types_supported": {"public"}, "response_modes_supported": {"jwt"}, "authorization_signing_alg_values_supported": {"ES256"}, "request_object_signing_alg_values_supported": {"ES256", "PS256"}} {
				lists(t, m, name, values...)
			}
			if m["authorization_response_iss_parameter_supported"] != true || m["pushed_authorization_request_endpoint"] != issuer+"/par" {
				t.Errorf("%v", m)
			}
		}},
		{"happy-flow", "", func(t *testing.T, f *fapi) {
			m, claims := f.flow(f.request("one"))
			if claims["iss"] != issuer || claims["aud"] != "one" || claims["sub"] != ann || claims["nonce"] != "n-0S6" {
				t.Errorf("%v", claims)
			}
			f.sees(m["token_type"].(string), m["access_token"])
			second, more := rpBack+"?dummy1=lorem&dummy2=ipsum", []string{"redirect_uri", rpBack + "?dummy1=lorem&dummy2=ipsum"}
			if f.how == "dpop" { // the key by its thumbprint alone
				more = append(more, "dpop_jkt", f.d.thumbprint(t))
			}
			uri := f.pushes("two", f.request("two", more...))
			a := f.opened("two", uri)
			if status, m := f.call("two", "/token", f.grant(a["code"].(string), "redirect_uri", second), nil); status != 200 {
				t.Errorf("%d %v", status, m)
			}
		}},
		{"user-rejects-authentication", "", func(t *testing.T, f *fapi) {
			f.people.deny = "access_denied"
			if a := f.opened("one", f.pushes("one", f.request("one"))); a["error"] != "access_denied" || a["state"] != "st&te=1" || a["iss"] != issuer || a["code"] != nil {
				t.Errorf("%v", a)
			}
		}},
		{"ensure-authorization-request-without-state-success", "", func(t *testing.T, f *fapi) {
			if a := f.opened("one", f.pushes("one", f.request("one", "state", ""))); a["code"] == nil || a["state"] != nil {
				t.Errorf("%v", a)
			}
		}},
		{"ensure-authorization-request-without-nonce-success", "", succeeds(nonce(nil), "nonce", "")},
		{"ensure-authorization-request-with-64-char-nonce-success", "", succeeds(nonce(long[:64]), "nonce", long[:64])},
		{"ensure-authorization-request-with-long-nonce", "", succeeds(nonce(long), "nonce", long)},
		{"ensure-authorization-request-with-long-state", "", func(t *testing.T, f *fapi) {
			if a := f.opened("one", f.pushes("one", f.request("one", "state", long))); a["state"] != long {
				t.Errorf("%v", a)
			}
		}},
		{"ensure-other-scope-order-succeeds", "", succeeds(nil, "scope", "email openid")},
		{"test-claims-parameter-identity-claims", "", func(t *testing.T, f *fapi) {
			_, claims := f.flow(f.request("one", "claims", `{"id_token":{"email":{"essential":true},"email_verified":null,"name":{"value":"somebody else"}}}`))
			if claims["email"] != "ann@example.com" || claims["email_verified"] != true {
				t.Errorf("%v", claims)
			}
		}},
		{"access-token-type-header-case-sensitivity", "", func(_ *testing.T, f *fapi) {
			m, _ := f.flow(f.request("one"))
			for _, scheme := range map[bool][]string{true: {"DPoP", "dpop", "DPOP", "dPOp"}, false: {"Bearer", "bearer", "BEARER", "bEARER"}}[f.how == "dpop"] {
				f.sees(scheme, m["access_token"])
			}
		}},
		{"check-dpop-proof-nbf-exp", "dpop", func(t *testing.T, f *fapi) {
			now := f.now().Unix()
			code := f.gets("one", f.request("one"))
			status, m, _ := f.direct("one", post("/token", merged(f.grant(code), f.proves("one", nil)...)), f.proof(f.d, "POST", "/token", map[string]any{"nbf": now - 5, "exp": now + 300}))
			if status != 200 {
				t.Errorf("%d %v", status, m)
			}
		}},
		{"ensure-dpopproof-with-iat-10seconds-before-succeeds, -after-succeeds", "dpop", func(t *testing.T, f *fapi) {
			for _, skew := range []int64{-10, 10} {
				at := map[string]any{"iat": f.now().Unix() + skew}
				status, m, _ := f.direct("one", post("/par", merged(f.request("one"), f.proves("one", nil)...)), f.proof(f.d, "POST", "/par", at))
				if status != 201 {
					t.Fatalf("%d: %d %v", skew, status, m)
				}
				code := f.opened("one", m["request_uri"].(string))["code"].(string)
				if status, m, _ = f.direct("one", post("/token", merged(f.grant(code), f.proves("one", nil)...)), f.proof(f.d, "POST", "/token", at)); status != 200 {
					t.Fatalf("%d: %d %v", skew, status, m)
				}
				if rec := f.resource("DPoP", m["access_token"], f.proof(f.d, "GET", "/userinfo", ath(m["access_token"]), at)); rec.Code != 200 {
					t.Errorf("%d: %d %s", skew, rec.Code, rec.Body)
				}
			}
		}},
		{"ensure-mismatched-dpop-jkt-fails", "dpop", func(t *testing.T, f *fapi) {
			other := newKey(t, "ES256", "")
			status, m, _ := f.direct("one", post("/par", merged(f.request("one", "dpop_jkt", other.thumbprint(t)), f.proves("one", nil)...)), f.proof(f.d, "POST", "/par"))
			if status != 400 || m["error"] != "invalid_request" && m["error"] != "invalid_dpop_proof" {
				t.Errorf("%d %v", status, m)
			}
		}},
		{"ensure-token-endpoint-fails-with-mismatched-dpop-jkt", "dpop", func(t *testing.T, f *fapi) {
			status, m := f.call("one", "/token", f.grant(f.gets("one", f.request("one", "dpop_jkt", newKey(t, "ES256", "").thumbprint(t)))), nil)
			f.notGranted("", "invalid_grant", status, m)
		}},
		{"ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt, ensure-dpopproof-at-par-endpoint-binding-success, ensure-dpop-auth-code-binding-success", "dpop", func(t *testing.T, f *fapi) {
			for _, more := range [][]string{nil, {"dpop_jkt", f.d.thumbprint(t)}} {
				status, m, _ := f.direct("one", post("/par", merged(f.request("one", more...), f.proves("one", nil)...)), f.proof(f.d, "POST", "/par"))
				if status != 201 {
					t.Fatalf("%d %v", status, m)
				}
				code := f.opened("one", m["request_uri"].(string))["code"].(string)
				status, m, _ = f.direct("one", post("/token", merged(f.grant(code), f.proves("one", nil)...)), f.proof(newKey(t, "ES256", ""), "POST", "/token"))
				f.notGranted("another key", "invalid_grant", status, m)
				if status, m = f.call("one", "/token", f.grant(code), nil); status != 200 {
					t.Errorf("%d %v", status, m)
				}
			}
		}},
		{"ensure-registered-redirect-uri, tolerate-unregistered-redirect-uri", "", refused([]string{"invalid_request", "invalid_redirect_uri"}, "redirect_uri", rpBack+"/not-registered")},
		{"ensure-unsigned-authorization-request-without-using-par-fails", "", func(t *testing.T, f *fapi) {
			_, q := f.authorize(ask("one"))
			if f.signing {
				q.Set("error", f.payload(q.Get("response"), tokens.TypeAnswer)["error"].(string))
			}
			if q.Get("error") != "invalid_request" || q.Get("code") != "" {
				t.Errorf("%v", q)
			}
		}},
		{"ensure-redirect-uri-in-authorization-request, ensure-request-object-without-redirect-uri-fails", "", refused(bad, "redirect_uri", "")},
		{"ensure-response-type-code-idtoken-fails", "", refused([]string{"unsupported_response_type", "invalid_request"}, "response_type", "code id_token")},
		{"ensure-response-type-token-fails", "", refused([]string{"unsupported_response_type", "invalid_request"}, "response_type", "token")},
		{"ensure-client-id-in-token-endpoint", "", func(t *testing.T, f *fapi) {
			v := f.grant(f.gets("one", f.request("one")))
			if f.how == "mtls" {
				v.Set("client_id", "two")
			} else { // an assertion for two by the key of one
				v = merged(v, "client_id", "two", "client_assertion_type", authentication.AssertionType, "client_assertion", f.keys["one"].sign(t, nil, f.assertion("two")))
			}
			status, m, _ := f.direct("one", post("/token", v), f.proof(f.d, "POST", "/token"))
			f.notGranted("", "invalid_client", status, m)
		}},
		{"ensure-holder-of-key-required", "", func(t *testing.T, f *fapi) {
			code := f.gets("one", f.request("one"))
			status, m, _ := f.proving(post("/token", merged(f.grant(code), f.proves("one", nil)...)))
			want := map[string]string{"dpop": "invalid_dpop_proof", "bound": "invalid_request", "mtls": "invalid_client"}[f.how]
			f.notGranted("", want, status, m)
			if status, m = f.call("one", "/token", f.grant(code), nil); status != 200 {
				t.Errorf("that used it up: %d %v", status, m)
			}
		}},
		{"ensure-authorization-code-is-bound-to-client", "", func(_ *testing.T, f *fapi) {
			status, m := f.call("two", "/token", f.grant(f.gets("one", f.request("one"))), nil)
			f.notGranted("", "invalid_grant", status, m)
		}},
		{"attempt-reuse-authorization-code-after-one-second", "", func(t *testing.T, f *fapi) {
			code := f.gets("one", f.request("one"))
			_, first := f.call("one", "/token", f.grant(code), nil)
			f.pass(time.Second)
			status, m := f.call("one", "/token", f.grant(code), nil)
			f.notGranted("", "invalid_grant", status, m)
			if f.active(first["access_token"]) {
				t.Error("the access token is still good")
			}
		}},
		{"ensure-token-endpoint-fails-with-expired-auth-code", "", func(_ *testing.T, f *fapi) {
			code := f.gets("one", f.request("one"))
			f.pass(61 * time.Second)
			status, m := f.call("one", "/token", f.grant(code), nil)
			f.notGranted("", "invalid_grant", status, m)
		}},
		{"ensure-signed-client-assertion-with-RS256-fails", "assertion", func(t *testing.T, f *fapi) {
			rs := key{private: f.keys["one"].private, alg: "RS256", kid: "one"}
			v := merged(f.grant(f.gets("one", f.request("one"))), "client_assertion_type", authentication.AssertionType, "client_assertion", rs.sign(t, nil, f.assertion("one")))
			status, m, _ := f.direct("one", post("/token", v), f.proof(f.d, "POST", "/token"))
			f.notGranted("", "invalid_client", status, m)
		}},
		{"ensure-client-assertion-in-token-endpoint", "assertion", func(_ *testing.T, f *fapi) {
			status, m, _ := f.direct("one", post("/token", merged(f.grant(f.gets("one", f.request("one"))), "client_id", "one")), f.proof(f.d, "POST", "/token"))
			f.notGranted("", "invalid_client", status, m)
		}},
		{"ensure-client-assertion-with-exp-is-5-minutes-in-past-fails", "assertion", assertion("/token", func(now int64) map[string]any { return map[string]any{"exp": now - 300} })},
		{"ensure-client-assertion-with-wrong-aud-fails", "assertion", assertion("/token", set("aud", "https://other.example"))},
		{"ensure-client-assertion-with-no-sub-fails", "assertion", assertion("/token", set("sub", nil))},
		{"par-test-array-as-audience-fails", "assertion", assertion("/par", set("aud", []string{issuer, "https://other.example"}))},
		{"par-test-par-endpoint-url-as-audience-fails", "assertion", assertion("/par", set("aud", issuer+"/par"))},
		{"par-test-token-endpoint-url-as-audience-fails", "assertion", assertion("/par", set("aud", issuer+"/token"))},
		{"par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails", "assertion", assertion("/par", func(now int64) map[string]any {
			return map[string]any{"iat": now + 70, "nbf": now + 70, "exp": now + 130}
		})},
		{"par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted", "assertion", func(t *testing.T, f *fapi) {
			now := f.now().Unix()
			if status, m := f.call("one", "/par", f.request("one"), map[string]any{"iat": now + 8, "nbf": now + 8}); status != 201 {
				t.Errorf("%d %v", status, m)
			}
		}},
		{"dpop-negative-tests", "dpop", func(t *testing.T, f *fapi) { f.negativeProofs(t) }},
		{"refresh-token", "", func(t *testing.T, f *fapi) { f.refreshes(t) }},
		{"par-ensure-reused-request-uri-prior-to-auth-completion-succeeds", "", func(t *testing.T, f *fapi) {
			uri := f.pushes("one", f.request("one"))
			f.people.url = issuer + "/journey/x"
			if rec := f.send(get("/authorize", form("client_id", "one", "request_uri", uri))); rec.Header().Get("Location") != f.people.url {
				t.Errorf("%d %v", rec.Code, rec.Header())
			}
			f.people.url = ""
			if a := f.opened("one", uri); a["code"] == nil {
				t.Errorf("%v", a)
			}
		}},
		{"par-attempt-reuse-request_uri", "", func(_ *testing.T, f *fapi) {
			uri := f.pushes("one", f.request("one"))
			f.opened("one", uri)
			f.notOpened("again", form("client_id", "one", "request_uri", uri))
		}},
		{"par-attempt-to-use-expired-request_uri", "", func(_ *testing.T, f *fapi) {
			uri := f.pushes("one", f.request("one"))
			f.pass(91 * time.Second)
			f.notOpened("late", form("client_id", "one", "request_uri", uri))
		}},
		{"par-attempt-to-use-request_uri-for-different-client", "", func(_ *testing.T, f *fapi) {
			f.notOpened("another's", form("client_id", "two", "request_uri", f.pushes("one", f.request("one"))))
		}},
		{"par-authorization-request-containing-request_uri-form-param", "", func(_ *testing.T, f *fapi) {
			f.refused("", merged(f.request("one"), "request_uri", pushed.Prefix+strings.Repeat("A", 26)), "invalid_request")
		}},
		{"par-attempt-invalid-http-method", "", func(t *testing.T, f *fapi) {
			r := post("/par", merged(f.request("one"), f.proves("one", nil)...))
			r.Method = http.MethodPut
			if rec := f.send(r); rec.Code < 400 || rec.Code >= 500 {
				t.Errorf("%d", rec.Code)
			}
		}},
		{"par-ensure-pkce-required", "", refused(bad, "code_challenge", "", "code_challenge_method", "")},
		{"par-plain-pkce-rejected", "", refused(bad, "code_challenge", verifier, "code_challenge_method", "plain")},
		{"ensure-pkce-code-verifier-required", "", func(_ *testing.T, f *fapi) {
			status, m := f.call("one", "/token", f.grant(f.gets("one", f.request("one")), "code_verifier", ""), nil)
			f.notGranted("", "invalid_grant", status, m)
		}},
		{"incorrect-pkce-code-verifier-rejected", "", func(_ *testing.T, f *fapi) {
			status, m := f.call("one", "/token", f.grant(f.gets("one", f.request("one")), "code_verifier", strings.Repeat("a", 43)), nil)
			f.notGranted("", "invalid_grant", status, m)
		}},
		{"par-without-duplicate-parameters", "", succeeds(nil)},
	}
}

// negativeProofs is dpop-negative-tests: at the resource, with a good token.
func (f *fapi) negativeProofs(t *testing.T) {
	m, _ := f.flow(f.request("one"))
	token, now := m["access_token"], f.now().Unix()
	good := func(change ...map[string]any) string {
		return f.proof(f.d, "GET", "/userinfo", append([]map[string]any{ath(token)}, change...)...)
	}
	head := func(n string, v any) string { return good(map[string]any{"head:" + n: v}) }
	claim := func(n string, v any) string { return good(map[string]any{n: v}) }
	private := f.d.jwk(t)
	private["d"] = strings.Repeat("A", 43)
	parts := strings.Split(good(), ".")
	for name, proofs := range map[string][]string{
		"more than one": {good(), good()}, "not well-formed": {good() + ".x"}, "no typ": {head("typ", nil)}, "no alg": {encode(t, map[string]any{"typ": "dpop+jwt", "jwk": f.d.jwk(t)}) + "." + parts[1] + "." + parts[2]},
		"no jwk": {head("jwk", nil)}, "no jti": {claim("jti", nil)}, "no htm": {claim("htm", nil)}, "no htu": {claim("htu", nil)}, "no iat": {claim("iat", nil)}, "no ath": {claim("ath", nil)}, "another ath": {claim("ath", "AAAA")},
		"another typ": {head("typ", "invalid")}, "alg none": {encode(t, map[string]any{"typ": "dpop+jwt", "alg": "none", "jwk": f.d.jwk(t)}) + "." + parts[1] + "."}, "signature": {parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2]))},
		"private key": {head("jwk", private)}, "another htm": {claim("htm", "PUT")}, "another htu": {claim("htu", "https://other.example/userinfo")}, "an hour ahead": {claim("iat", now+3600)}, "an hour old": {claim("iat", now-3600)}, "none": {},
	} {
		if rec := f.resource("DPoP", token, proofs...); rec.Code != 400 && rec.Code != 401 {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	for _, htu := range []string{issuer + "/userinfo", issuer + "/userinfo?foo=bar#x"} {
		if rec := f.resource("DPoP", token, claim("htu", htu)); rec.Code != 200 {
			t.Errorf("%s: %d %s", htu, rec.Code, rec.Body)
		}
	}
	once := good()
	if rec := f.resource("DPoP", token, once); rec.Code != 200 {
		t.Errorf("first use: %d", rec.Code)
	}
	if rec := f.resource("DPoP", token, once); rec.Code != 401 {
		t.Errorf("second use: %d", rec.Code)
	}
	for _, scheme := range []string{"Bearer", "DPoP"} {
		if rec := f.resource(scheme, token); rec.Code != 401 {
			t.Errorf("%s without a proof: %d", scheme, rec.Code)
		}
	}
	// With a key that could sign so: RS256 is not of the profile, PS256 with the same key is.
	f.d = newKey(t, "PS256", "")
	m, _ = f.flow(f.request("one"))
	rs := key{private: f.d.private, alg: "RS256"}
	if rec := f.resource("DPoP", m["access_token"], f.proof(rs, "GET", "/userinfo", ath(m["access_token"]))); rec.Code != 401 {
		t.Errorf("RS256: %d", rec.Code)
	}
	f.sees("DPoP", m["access_token"])
	status, e, _ := f.direct("one", post("/token", merged(f.grant(f.gets("one", f.request("one"))), f.proves("one", nil)...)), f.proof(rs, "POST", "/token"))
	wantError(t, "RS256 at the token endpoint", status, e, 400, "invalid_dpop_proof")
	status, e, _ = f.direct("one", post("/par", merged(f.request("one"), f.proves("one", nil)...)), f.proof(rs, "POST", "/par"))
	wantError(t, "RS256 with a push", status, e, 400, "invalid_dpop_proof")
}

// refreshes is refresh-token.
func (f *fapi) refreshes(t *testing.T) {
	m, one := f.flow(f.request("one", "scope", "openid email offline_access", "prompt", "consent"))
	token, ok := m["refresh_token"].(string)
	if !ok || len(token) < 22 {
		t.Fatalf("%v", m)
	}
	v := form("grant_type", "refresh_token", "refresh_token", token)
	status, again := f.call("one", "/token", v, nil)
	if status != 200 || again["refresh_token"] != nil { // not rotated
		t.Fatalf("%d %v", status, again)
	}
	f.sees(again["token_type"].(string), again["access_token"])
	if id, ok := again["id_token"].(string); ok {
		two := f.payload(id, tokens.TypeID)
		for _, c := range []string{"iss", "sub", "aud", "auth_time"} {
			if one[c] != two[c] {
				t.Errorf("%s: %v, then %v", c, one[c], two[c])
			}
		}
	}
	status, e := f.call("two", "/token", v, nil)
	f.notGranted("another client", "invalid_grant", status, e)
	if f.how != "mtls" {
		status, e, _ = f.direct("one", post("/token", merged(v, "client_id", "one")), f.proof(f.d, "POST", "/token"))
		f.notGranted("without client authentication", "invalid_client", status, e)
	}
	status, e, _ = f.proving(post("/token", merged(v, f.proves("one", map[string]any{"jti": rand.Text()})...)))
	if status != 400 && status != 401 || e["access_token"] != nil {
		t.Errorf("without a proof of possession: %d %v", status, e)
	}
	if status, again = f.call("one", "/token", v, nil); status != 200 {
		t.Errorf("still good: %d %v", status, again)
	}
}
