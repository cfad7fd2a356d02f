package conformance_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// The OpenID Foundation's plans oidcc-basic-certification-test-plan, oidcc-formpost-basic-certification-test-plan and oidcc-test-plan (comprehensive), with clients
// of docs/reference/conformance.yaml's kind. A module is called as it is published, without the prefix oidcc-.

const (
	rpBack = "https://localhost.emobix.co.uk:8443/test/a/stile/callback"
	connie = "0194a1b2-0000-7000-8000-00000000c001"
)

// rp is the suite: a world with its clients, and the response mode of the plan.
type rp struct {
	*world
	mode string
	k    key
}

func newRP(t *testing.T, mode string, change ...func(*oauth.Client)) *rp {
	t.Helper()
	r := &rp{mode: mode, k: newKey(t, "PS256", "one")}
	r.world = newWorld(t, func(list []oauth.Client) []oauth.Client {
		base := oauth.Client{ID: "rp", Profile: oauth.ProfileOIDC, Secrets: []string{client.Kept(secret)}, Redirects: []string{rpBack, rpBack + "?dummy1=lorem&dummy2=ipsum"}, GrantTypes: []string{oauth.GrantCode, oauth.GrantRefresh},
			Scopes: []string{"openid", "profile", "email", "address", "phone"}, Offline: true, FirstParty: true, IDTokenAlg: oauth.RS256, Flows: oauth.Flows{Default: "signin"}}
		for _, c := range change {
			c(&base)
		}
		second, body, signs := base, base, base
		second.ID = "rp2"
		body.ID, body.Auth = "rp-post", oauth.AuthPost
		signs.ID, signs.Auth, signs.Secrets, signs.JWKS, signs.LegacyAud = "rp-key", oauth.AuthKey, nil, keySet(t, r.k), true
		return append(list, base, second, body, signs)
	})
	for _, id := range []string{"rp", "rp2", "rp-post", "rp-key"} {
		redirects[id] = rpBack
	}
	now, claims := r.now(), map[string]json.RawMessage{}
	for name, value := range profileClaims() {
		b, err := json.Marshal(value)
		r.must(err)
		claims[name] = b
	}
	r.must(r.store.Apply(context.Background(), []identity.Write{
		identity.CreateAccount{Account: identity.Account{ID: connie, Status: identity.Active, Created: now, Updated: now, Attributes: claims, Identifiers: []identity.Identifier{
			{Kind: identity.Email, Canonical: "connie@example.com", Typed: "connie@example.com", Verified: true}, {Kind: identity.Phone, Canonical: "+4915112345678", Typed: "+4915112345678", Verified: true}}}},
		identity.PutSession{Session: r.session(connie, "sid-connie", []byte("connie"))}}, nil))
	r.signedIn(0)
	return r
}

func profileClaims() map[string]any {
	return map[string]any{"name": "Connie Formance", "given_name": "Connie", "family_name": "Formance", "middle_name": "Test", "nickname": "Con", "preferred_username": "connie", "profile": "https://rp.example/connie",
		"picture": "https://rp.example/connie.png", "website": "https://rp.example", "gender": "female", "birthdate": "2000-02-29", "zoneinfo": "Europe/Berlin", "locale": "en-GB", "updated_at": 1767225600.0,
		"address": map[string]any{"country": "DE"}}
}

// signedIn says that Connie proved who she is so long ago.
func (r *rp) signedIn(ago time.Duration) {
	at := r.now().Add(-ago)
	r.people.deny = ""
	r.people.change = func(v *verdict.Verdict) {
		v.Subject, v.Session, v.AuthTime = connie, "sid-connie", at
		for i := range v.Evidence {
			v.Evidence[i].Subject, v.Evidence[i].At = connie, at
		}
	}
}

// ask is an authorization request of the suite's: no PKCE, and the plan's response mode.
func (r *rp) ask(id string, more ...string) url.Values {
	return ask(id, append([]string{"code_challenge", "", "code_challenge_method", "", "response_mode", r.mode}, more...)...)
}

// answered is the answer to an authorization request, by redirect or by a form that posts itself.
func (r *rp) answered(rec *httptest.ResponseRecorder) (string, url.Values) {
	r.t.Helper()
	to := rec.Header().Get("Location")
	if rec.Code != http.StatusSeeOther {
		r.fatal("%d, problems %v", rec.Code, r.problems)
	}
	if strings.HasPrefix(to, issuer+"/authorize/answer?") {
		action, fields := posts(r.t, r.send(httptest.NewRequest(http.MethodGet, to, nil)))
		q := url.Values{}
		for n, v := range fields {
			q.Set(n, v)
		}
		return action, q
	}
	u, err := url.Parse(to)
	r.must(err)
	base, _, _ := strings.Cut(to, "?")
	return base, u.Query()
}

// flow walks a whole code flow and returns the answers of the authorization and token endpoints and the ID token's claims.
func (r *rp) flow(id string, more ...string) (q url.Values, m, claims map[string]any) {
	r.t.Helper()
	_, q = r.answered(r.send(get("/authorize", r.ask(id, more...))))
	if q.Get("code") == "" || q.Get("state") != "st&te=1" || q.Get("iss") != issuer || q.Get("error") != "" {
		r.fatal("%v: %v", more, q)
	}
	status, m := r.redeem(id, q.Get("code"), "code_verifier", "")
	if status != http.StatusOK || m["token_type"] != "Bearer" || m["access_token"] == nil {
		r.fatal("%v: %d %v", more, status, m)
	}
	return q, m, r.payload(m["id_token"], tokens.TypeID)
}

func (r *rp) fails(code string, more ...string) {
	r.t.Helper()
	if _, q := r.answered(r.send(get("/authorize", r.ask("rp", more...)))); q.Get("error") != code || q.Get("code") != "" || q.Get("state") != "st&te=1" {
		r.t.Errorf("%v: %v, want %s", more, q, code)
	}
}

// errorPage is what the suite wants a picture of.
func (r *rp) errorPage(more ...string) {
	r.t.Helper()
	r.page(strings.Join(more, " "), "redirect", r.ask("rp", more...))
}

func (r *rp) look(method, scheme string, token any) map[string]any {
	r.t.Helper()
	q := httptest.NewRequest(method, issuer+"/userinfo", nil)
	q.Header.Set("Authorization", scheme+" "+token.(string))
	rec := r.send(q)
	if rec.Code != http.StatusOK {
		r.fatal("userinfo: %d %s", rec.Code, rec.Body)
	}
	return object(r.t, rec)
}

type module struct {
	name string
	run  func(t *testing.T, r *rp)
}

// basicModules are those of the basic plan, in its order.
func basicModules() []module {
	scope := func(names string, claims ...string) func(*testing.T, *rp) {
		return func(t *testing.T, r *rp) {
			_, m, id := r.flow("rp", "scope", "openid "+names)
			u := r.look("GET", "Bearer", m["access_token"])
			for _, c := range claims {
				if u[c] == nil || id[c] != nil {
					t.Errorf("%s is %v, in the ID token %v", c, u[c], id[c])
				}
			}
			if len(u) != len(claims)+1 || u["sub"] != connie {
				t.Errorf("%v", u)
			}
		}
	}
	profile := []string{"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"}
	mail, phone := []string{"email", "email_verified"}, []string{"phone_number", "phone_number_verified"}
	succeeds := func(more ...string) func(*testing.T, *rp) { return func(_ *testing.T, r *rp) { r.flow("rp", more...) } }
	twice := func(first []string, between time.Duration, second []string, again bool) func(*testing.T, *rp) {
		return func(t *testing.T, r *rp) {
			_, m, one := r.flow("rp", first...)
			r.pass(between)
			if again {
				r.signedIn(0)
			}
			if second[0] == "id_token_hint" {
				second = append([]string{"id_token_hint", m["id_token"].(string)}, second[2:]...)
			}
			_, _, two := r.flow("rp", second...)
			if one["sub"] != two["sub"] || again != (two["auth_time"].(float64) > one["auth_time"].(float64)) {
				t.Errorf("%v, then %v", one, two)
			}
			if j := r.people.request.Journey; again && !j.Login && (j.MaxAge == nil || *j.MaxAge != 1) || slices.Contains(second, "none") != j.Silent {
				t.Errorf("the journey is told %+v", j)
			}
		}
	}
	reuse := func(after time.Duration) func(*testing.T, *rp) {
		return func(t *testing.T, r *rp) {
			q, m, _ := r.flow("rp")
			r.pass(after)
			status, e := r.redeem("rp", q.Get("code"), "code_verifier", "")
			wantError(t, "again", status, e, 400, "invalid_grant")
			if r.userinfo(m["access_token"]).Code != 401 {
				t.Error("the tokens of a code used twice are still good")
			}
		}
	}
	return []module{
		{"server", func(t *testing.T, r *rp) {
			for _, id := range []string{"rp", "rp2"} {
				_, m, claims := r.flow(id)
				if claims["iss"] != issuer || claims["aud"] != id || claims["sub"] != connie || claims["nonce"] != "n-0S6" || claims["at_hash"] != tokens.HalfHash("RS256", m["access_token"].(string)) {
					t.Errorf("%v", claims)
				}
				if u := r.look("GET", "Bearer", m["access_token"]); u["sub"] != claims["sub"] {
					t.Errorf("%v", u)
				}
			}
		}},
		{"response-type-missing", func(_ *testing.T, r *rp) { r.fails("invalid_request", "response_type", "") }},
		{"idtoken-signature", func(t *testing.T, r *rp) {
			_, m, _ := r.flow("rp")
			if alg := foreignAlg(t, m["id_token"].(string)); alg != "RS256" {
				t.Error(alg)
			}
		}},
		{"idtoken-unsigned", func(t *testing.T, _ *rp) {
			c := oauth.Client{ID: "x", Profile: oauth.ProfileOIDC, Secrets: []string{client.Kept(secret)}, Redirects: []string{rpBack}, Flows: oauth.Flows{Default: "signin"}, IDTokenAlg: "none"}
			if _, problems := client.Check(c); len(problems) == 0 {
				t.Error("alg none")
			}
		}},
		{"userinfo-get", func(_ *testing.T, r *rp) { _, m, _ := r.flow("rp"); r.look("GET", "Bearer", m["access_token"]) }},
		{"userinfo-post-header", func(_ *testing.T, r *rp) { _, m, _ := r.flow("rp"); r.look("POST", "bearer", m["access_token"]) }},
		{"userinfo-post-body", func(t *testing.T, r *rp) { // not offered, as the module allows
			_, m, _ := r.flow("rp")
			if rec := r.send(post("/userinfo", form("access_token", m["access_token"].(string)))); rec.Code != 400 || object(t, rec)["sub"] != nil {
				t.Errorf("%d %s", rec.Code, rec.Body)
			}
		}},
		{"ensure-request-without-nonce-succeeds-for-code-flow", func(t *testing.T, r *rp) {
			if _, _, id := r.flow("rp", "nonce", ""); id["nonce"] != nil {
				t.Errorf("%v", id)
			}
		}},
		{"scope-profile", scope("profile", profile...)},
		{"scope-email", scope("email", mail...)},
		{"scope-address", scope("address", "address")},
		{"scope-phone", scope("phone", phone...)},
		{"scope-all", scope("profile email address phone", slices.Concat(profile, mail, phone, []string{"address"})...)},
		{"alternate-happy-flow", func(t *testing.T, r *rp) {
			v := r.ask("rp", "scope", "email profile openid")
			pairs := strings.Split(v.Encode(), "&")
			slices.Reverse(pairs)
			if _, q := r.answered(r.send(httptest.NewRequest(http.MethodGet, issuer+"/authorize?"+strings.Join(pairs, "&"), nil))); q.Get("code") == "" {
				t.Errorf("%v", q)
			}
		}},
		{"display-page", succeeds("display", "page")},
		{"display-popup", succeeds("display", "popup")},
		{"prompt-login", twice([]string{"scope", "openid"}, time.Minute, []string{"prompt", "login"}, true)},
		{"prompt-none-not-logged-in", func(_ *testing.T, r *rp) {
			r.people.deny = "login_required"
			r.fails("login_required", "prompt", "none")
		}},
		{"prompt-none-logged-in", twice([]string{"scope", "openid"}, time.Minute, []string{"prompt", "none"}, false)},
		{"max-age-1", func(t *testing.T, r *rp) {
			twice([]string{"scope", "openid"}, 2*time.Second, []string{"max_age", "1"}, true)(t, r)
			r.signedIn(30 * time.Second)
			r.fails("login_required", "max_age", "1") // an old proof would not have done
		}},
		{"max-age-10000", twice([]string{"max_age", "15000"}, time.Minute, []string{"max_age", "10000"}, false)},
		{"ensure-request-with-unknown-parameter-succeeds", succeeds("extra", "foobar")},
		{"id-token-hint", twice([]string{"scope", "openid"}, time.Minute, []string{"id_token_hint", "", "prompt", "none"}, false)},
		{"login-hint", succeeds("login_hint", "buffy@login.example")},
		{"ui-locales", succeeds("ui_locales", "se")},
		{"claims-locales", succeeds("claims_locales", "se")},
		{"ensure-request-with-acr-values-succeeds", func(t *testing.T, r *rp) {
			if _, _, id := r.flow("rp", "acr_values", strong+" "+basicACR); id["acr"] != basicACR {
				t.Errorf("%v", id)
			}
			r.flow("rp", "acr_values", "1 2")
		}},
		{"codereuse", reuse(0)},
		{"codereuse-30seconds", reuse(30 * time.Second)},
		{"ensure-registered-redirect-uri", func(_ *testing.T, r *rp) { r.errorPage("redirect_uri", rpBack+"/not-registered") }},
		{"ensure-post-request-succeeds", func(t *testing.T, r *rp) {
			if _, q := r.answered(r.send(post("/authorize", r.ask("rp")))); q.Get("code") == "" {
				t.Errorf("%v", q)
			}
		}},
		{"server-client-secret-post", func(_ *testing.T, r *rp) { r.flow("rp-post") }},
		{"request-uri-unsigned-supported-correctly-or-rejected-as-unsupported", func(t *testing.T, r *rp) {
			r.fails("request_uri_not_supported", "request_uri", "https://localhost.emobix.co.uk:8443/test/a/stile/requesturi")
			r.noUnsigned(t)
		}},
		{"unsigned-request-object-supported-correctly-or-rejected-as-unsupported", func(t *testing.T, r *rp) {
			r.fails("request_not_supported", "request", encode(t, map[string]any{"alg": "none"})+"."+encode(t, r.object("rp", r.ask("rp")))+".")
			r.noUnsigned(t)
		}},
		{"claims-essential", func(t *testing.T, r *rp) {
			_, m, _ := r.flow("rp", "claims", `{"userinfo":{"name":{"essential":true}}}`)
			if u := r.look("GET", "Bearer", m["access_token"]); u["name"] != "Connie Formance" {
				t.Errorf("%v", u)
			}
		}},
		{"ensure-request-object-with-redirect-uri", func(t *testing.T, r *rp) {
			r.page("an object that is not read cannot mend it", "request", r.ask("rp", "redirect_uri", rpBack+"/not-registered", "request", encode(t, map[string]any{"alg": "none"})+"."+encode(t, r.object("rp", r.ask("rp")))+"."))
		}},
		{"refresh-token", func(t *testing.T, r *rp) {
			_, m, one := r.flow("rp", "scope", "openid offline_access")
			status, other := r.refresh("rp2", m["refresh_token"])
			wantError(t, "another client", status, other, 400, "invalid_grant")
			status, again := r.refresh("rp", m["refresh_token"])
			if status != 200 || again["access_token"] == m["access_token"] {
				t.Fatalf("%d %v", status, again)
			}
			two := r.payload(again["id_token"], tokens.TypeID)
			for _, c := range []string{"iss", "sub", "aud", "auth_time", "azp"} {
				if one[c] != two[c] {
					t.Errorf("%s: %v, then %v", c, one[c], two[c])
				}
			}
			r.look("GET", "Bearer", again["access_token"])
		}},
		{"ensure-request-with-valid-pkce-succeeds", func(t *testing.T, r *rp) {
			_, q := r.answered(r.send(get("/authorize", ask("rp", "response_mode", r.mode))))
			if status, m := r.redeem("rp", q.Get("code")); status != 200 {
				t.Errorf("%d %v", status, m)
			}
		}},
	}
}

// noUnsigned: modules about unsigned objects are skipped where the metadata says that there are none.
func (r *rp) noUnsigned(t *testing.T) {
	if m := object(t, r.send(get("/.well-known/openid-configuration", nil))); slices.Contains(m["request_object_signing_alg_values_supported"].([]any), any("none")) {
		t.Error("unsigned objects are offered")
	}
}

func TestPlanBasic(t *testing.T) {
	for _, m := range basicModules() {
		t.Run(m.name, func(t *testing.T) { m.run(t, newRP(t, "")) })
	}
}

// TestPlanComprehensive: what oidcc-test-plan has beyond the basic plan, for clients of the settings. TestPlanDynamic has its modules about registration.
func TestPlanComprehensive(t *testing.T) {
	for _, m := range []module{
		{"idtoken-rs256", basicModules()[2].run},
		{"userinfo-rs256", func(t *testing.T, _ *rp) {
			r := newRP(t, "", func(c *oauth.Client) { c.UserinfoAlg = oauth.RS256 })
			_, m, _ := r.flow("rp", "scope", "openid email")
			rec := r.userinfo(m["access_token"])
			if u := r.payload(rec.Body.String(), tokens.TypeUserinfo); foreignAlg(t, rec.Body.String()) != "RS256" || u["iss"] != issuer || u["aud"] != "rp" || u["sub"] != connie || rec.Header().Get("Content-Type") != "application/jwt" {
				t.Errorf("%v", u)
			}
		}},
		{"redirect-uri-query-OK", func(t *testing.T, r *rp) {
			_, q := r.answered(r.send(get("/authorize", r.ask("rp", "redirect_uri", rpBack+"?dummy1=lorem&dummy2=ipsum"))))
			if q.Get("code") == "" || q.Get("dummy1") != "lorem" || q.Get("dummy2") != "ipsum" {
				t.Errorf("%v", q)
			}
			if status, m := r.redeem("rp", q.Get("code"), "code_verifier", "", "redirect_uri", rpBack+"?dummy1=lorem&dummy2=ipsum"); status != 200 {
				t.Errorf("%d %v", status, m)
			}
		}},
		{"redirect-uri-query-added", func(_ *testing.T, r *rp) { r.errorPage("redirect_uri", rpBack+"?foo=bar") }},
		{"redirect-uri-query-mismatch", func(_ *testing.T, r *rp) { r.errorPage("redirect_uri", rpBack+"?dummy1=lorem&dummy2=bar") }},
		{"redirect-uri-regfrag", func(t *testing.T, _ *rp) {
			if client.CheckRedirect(rpBack+"#frag", true) == nil {
				t.Error("a fragment")
			}
		}},
		{"ensure-redirect-uri-in-authorization-request", func(_ *testing.T, r *rp) { r.errorPage("redirect_uri", "") }},
		{"ensure-client-assertion-with-iss-aud-succeeds", func(t *testing.T, r *rp) {
			for _, aud := range []any{issuer, issuer + "/token", []string{issuer}} {
				_, q := r.answered(r.send(get("/authorize", r.ask("rp-key"))))
				proof := []string{"client_assertion_type", authentication.AssertionType, "client_assertion", r.k.sign(t, nil, r.assertion("rp-key", map[string]any{"aud": aud}))}
				rec := r.send(post("/token", form(append(proof, "grant_type", "authorization_code", "code", q.Get("code"), "redirect_uri", rpBack)...)))
				if rec.Code != 200 {
					t.Errorf("%v: %d %s", aud, rec.Code, rec.Body)
				}
			}
		}},
		{"server-rotate-keys", func(t *testing.T, r *rp) {
			_, m, _ := r.flow("rp")
			kids := func() (out []string) {
				for _, k := range object(t, r.send(get("/jwks", nil)))["keys"].([]any) {
					out = append(out, k.(map[string]any)["kid"].(string))
				}
				return out
			}
			before := kids()
			for range 100 { // a key is published, a day later it signs, and the one before stays as long as what it signed
				r.pass(24 * time.Hour)
				r.must(r.ring.Keep(context.Background()))
				if after := kids(); slices.ContainsFunc(after, func(k string) bool { return !slices.Contains(before, k) }) && slices.ContainsFunc(before, func(k string) bool { return slices.Contains(after, k) }) {
					return
				}
			}
			t.Errorf("%v are still the only keys: %v", before, m)
		}},
		{"request-uri-signed-rs256", func(t *testing.T, _ *rp) {
			k := newKey(t, "RS256", "k")
			r := newRP(t, "", func(c *oauth.Client) { c.JWKS, c.RequestURIs = keySet(t, k), []string{"https://rp.example/object"} })
			r.fetch = func(string) ([]byte, error) { return []byte(k.sign(t, nil, r.object("rp", r.ask("rp"))) + "\n"), nil }
			if _, q := r.answered(r.send(get("/authorize", form("client_id", "rp", "response_type", "code", "scope", "openid", "request_uri", "https://rp.example/object")))); q.Get("code") == "" || q.Get("state") != "st&te=1" {
				t.Errorf("%v", q)
			}
		}},
	} {
		t.Run(m.name, func(t *testing.T) { m.run(t, newRP(t, "")) })
	}
}

func TestPlanFormPostBasic(t *testing.T) {
	for _, m := range basicModules() {
		t.Run(m.name, func(t *testing.T) { m.run(t, newRP(t, "form_post")) })
	}
}
