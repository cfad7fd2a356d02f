package conformance_test

import (
	"crypto/rand"
	"crypto/x509"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/client"
)

// The OpenID Foundation's plan fapi-ciba-id1-test-plan, for its variants poll and ping, private_key_jwt and mtls, plain_fapi. Each test is named after what a
// group of its modules checks and lists them; modules of national profiles and of TLS ciphers are left out.

// bank is a client on the profile, with the keys and the certificate it proves itself by.
type bank struct {
	*world
	k, other key
	cert     *x509.Certificate
	told     *told
	delivery string
	n        func() []error
}

func newBank(t *testing.T, delivery string, change ...func(*oauth.Client)) *bank {
	t.Helper()
	b := &bank{k: newKey(t, "ES256", "k"), other: newKey(t, "ES256", "k"), told: newTold(t), delivery: delivery}
	set := keySet(t, b.k)
	foreign := keySet(t, b.other)
	b.world = newWorld(t, func(list []oauth.Client) []oauth.Client {
		c := oauth.Client{ID: "bank", Profile: oauth.ProfileCIBA, Auth: oauth.AuthKey, JWKS: set, TLSBound: true, Offline: true, GrantTypes: []string{oauth.GrantBackchannel, oauth.GrantRefresh},
			Scopes: []string{"openid", "profile"}, Flows: oauth.Flows{Backchannel: "ciba-approve"}, Private: true}
		if delivery == oauth.DeliverPing {
			c.Backchannel = oauth.Backchannel{Delivery: delivery, Endpoint: b.told.URL + "/told"}
		}
		for _, x := range change {
			x(&c)
		}
		second := c
		second.ID, second.JWKS = "bank2", foreign
		return append(list, c, second)
	})
	b.cert, _ = issue(t, b.now(), nil, nil, nil)
	_, n := notifying(t, b.told, oauth.DeliverPing)
	n.Clients, n.Pending, n.Ledger, n.Push, n.Now = b.registry, b.token.Pending, b.store, b.token.Push, b.now
	b.n = func() []error { return b.notify(n) }
	return b
}

// request is what a well-behaved client signs; nil in change leaves a member out.
func (b *bank) request(change map[string]any) map[string]any {
	now := b.now().Unix()
	out := map[string]any{"iss": "bank", "aud": issuer, "iat": now, "nbf": now, "exp": now + 300, "jti": rand.Text(), "scope": "openid profile", "login_hint": "ann@example.com",
		"binding_message": "1234", "client_notification_token": notifyToken}
	maps.Copy(out, change)
	return out
}

// assertion is the client's, for the issuer.
func (b *bank) proves(k key, change map[string]any) []string {
	now := b.now().Unix()
	claims := map[string]any{"iss": "bank", "sub": "bank", "aud": issuer, "jti": rand.Text(), "iat": now, "exp": now + 60}
	maps.Copy(claims, change)
	return []string{"client_assertion_type", authentication.AssertionType, "client_assertion", k.sign(b.t, nil, claims)}
}

func (b *bank) post(path string, pairs ...string) (int, map[string]any) {
	b.t.Helper()
	rec := b.send(showing(post(path, form(pairs...)), b.cert))
	return rec.Code, object(b.t, rec)
}

// begin sends a signed request.
func (b *bank) begin(change map[string]any) (int, map[string]any) {
	b.t.Helper()
	return b.post("/bc-authorize", append(b.proves(b.k, nil), "request", b.k.sign(b.t, nil, b.request(change)))...)
}

func (b *bank) collect(id any, more ...string) (int, map[string]any) {
	b.t.Helper()
	text, _ := id.(string)
	return b.post("/token", append(append(b.proves(b.k, nil), "grant_type", oauth.GrantBackchannel, "auth_req_id", text), more...)...)
}

func (b *bank) begun(change map[string]any) map[string]any {
	b.t.Helper()
	status, m := b.begin(change)
	if status != 200 || len(m["auth_req_id"].(string)) < 22 || m["interval"] == nil || m["expires_in"].(float64) <= 0 {
		b.fatal("%d %v", status, m)
	}
	return m
}

func bothWays(t *testing.T, run func(t *testing.T, b *bank)) {
	for _, how := range []string{oauth.DeliverPoll, oauth.DeliverPing} {
		t.Run(how, func(t *testing.T) { run(t, newBank(t, how)) })
	}
}

// TestS062_PlanWellBehaved: fapi-ciba-id1, -multiple-call-to-token-endpoint, -ensure-authorization-request-with-binding-message-succeeds, -ensure-other-scope-order-succeeds,
// -ensure-requested-expiry-as-string-succeeds, -refresh-token, -ensure-mtls-holder-of-key-required.
func TestS062_PlanWellBehaved(t *testing.T) {
	bothWays(t, func(t *testing.T, b *bank) {
		for name, change := range map[string]map[string]any{
			"plain":               {"scope": "openid profile offline_access"},
			"scope turned around": {"scope": "profile offline_access openid"},
			"expiry as a text":    {"requested_expiry": "30", "scope": "openid offline_access"},
			"expiry as a number":  {"requested_expiry": 300, "scope": "openid offline_access"},
			"acr":                 {"acr_values": strong + " " + basicACR, "scope": "openid offline_access"},
			"long token":          {"client_notification_token": strings.Repeat("A", 1024), "scope": "openid offline_access"},
		} {
			b.pass(10 * time.Minute)
			b.cert, _ = issue(t, b.now(), nil, nil, nil)
			m := b.begun(change)
			status, e := b.collect(m["auth_req_id"])
			wantError(t, name, status, e, 400, "authorization_pending")
			b.pass(10 * time.Second)
			b.send(post(b.link(), nil))
			bare := b.cert
			b.cert = nil
			if rec := b.send(post("/token", form(append(b.proves(b.k, nil), "grant_type", oauth.GrantBackchannel, "auth_req_id", m["auth_req_id"].(string))...))); rec.Code != 400 {
				t.Errorf("%s: without a certificate: %d %s", name, rec.Code, rec.Body)
			}
			b.cert = bare
			status, got := b.collect(m["auth_req_id"])
			if status != 200 || got["token_type"] != "Bearer" || got["refresh_token"] == nil {
				b.fatal("%s: %d %v", name, status, got)
			}
			id := b.payload(got["id_token"], "JWT")
			if id["iss"] != issuer || id["aud"] != "bank" || id["sub"] != ann || id["acr"] == nil || id["auth_time"] == nil || id[tokensClaim] != nil {
				t.Errorf("%s: %v", name, id)
			}
			cnf, _ := b.introspect("gateway", got["access_token"])["cnf"].(map[string]any)
			if cnf["x5t#S256"] == nil {
				t.Errorf("%s: the token is bound to nothing", name)
			}
			status, e = b.post("/token", append(b.proves(b.k, nil), "grant_type", oauth.GrantRefresh, "refresh_token", got["refresh_token"].(string))...)
			if status != 200 || e["access_token"] == nil {
				t.Errorf("%s: refresh: %d %v", name, status, e)
			}
			b.pass(10 * time.Second)
			status, e = b.collect(m["auth_req_id"])
			wantError(t, name+": used before", status, e, 400, "invalid_grant")
		}
	})
}

// TestS062_PlanInteractionID: resources of FAPI name each call, by the UUID of the client or by one of ours; anything else is not repeated.
func TestS062_PlanInteractionID(t *testing.T) {
	b := newBank(t, oauth.DeliverPoll)
	m := b.begun(map[string]any{"scope": "openid profile"})
	b.send(post(b.link(), nil))
	b.pass(10 * time.Second)
	status, m := b.collect(m["auth_req_id"])
	if status != 200 {
		t.Fatalf("%d %v", status, m)
	}
	const named = "c770aef3-6784-41f7-8e0e-ff5f97bddb3a"
	call := func(token string, ids ...string) (int, string) {
		r := showing(get("/userinfo", nil), b.cert)
		r.Header.Set("Authorization", "Bearer "+token)
		for _, id := range ids {
			r.Header.Add("x-fapi-interaction-id", id)
		}
		rec := b.send(r)
		if n := len(rec.Header().Values("x-fapi-interaction-id")); n > 1 {
			t.Errorf("%d times", n)
		}
		return rec.Code, rec.Header().Get("x-fapi-interaction-id")
	}
	token, _ := m["access_token"].(string)
	if status, id := call(token, named); status != 200 || id != named {
		t.Errorf("%d %q", status, id)
	}
	if status, id := call("wrong", named); status != 401 || id != named {
		t.Errorf("refused: %d %q", status, id)
	}
	for _, given := range [][]string{nil, {"<script>"}, {named, named}, {"{" + named + "}"}, {strings.Repeat("a", 5000)}, {""}} {
		if status, id := call(token, given...); status != 200 || uuid.Validate(id) != nil || len(id) != 36 || id == named {
			t.Errorf("%.40q: %d %.60q", given, status, id)
		}
	}
	if _, id := call("wrong"); id != "" {
		t.Errorf("a stranger's call is named: %q", id)
	}
}

// TestS062_PlanOtherEnds: fapi-ciba-id1-user-rejects-authentication, -auth-req-id-expired, -ensure-wrong-authentication-request-id-in-token-endpoint-request,
// -ensure-wrong-client-id-in-token-endpoint-request.
func TestS062_PlanOtherEnds(t *testing.T) {
	bothWays(t, func(t *testing.T, b *bank) {
		m := b.begun(map[string]any{"requested_expiry": 30})
		b.pass(31 * time.Second)
		status, e := b.collect(m["auth_req_id"])
		wantError(t, "expired", status, e, 400, "expired_token")
		b.people.decline = true
		m = b.begun(nil)
		b.send(post(b.link(), nil))
		status, e = b.collect(m["auth_req_id"])
		wantError(t, "refused", status, e, 400, "access_denied")
		for name, id := range map[string]string{"made up": strings.Repeat("a", 43), "of another length": "wrong"} {
			status, e = b.collect(id)
			if status != 400 || e["error"] != "invalid_grant" && e["error"] != "expired_token" {
				t.Errorf("%s: %d %v", name, status, e)
			}
		}
		b.people.decline = false
		m = b.begun(nil)
		b.send(post(b.link(), nil))
		claims := map[string]any{"iss": "bank2", "sub": "bank2"}
		status, e = b.post("/token", append(b.proves(b.other, claims), "grant_type", oauth.GrantBackchannel, "auth_req_id", m["auth_req_id"].(string))...)
		wantError(t, "another client's", status, e, 400, "invalid_grant")
	})
}

// TestS061_PlanRequestObjects: the modules fapi-ciba-id1-ensure-request-object-* and -ensure-backchannel-authorization-request-without-request-fails.
func TestS061_PlanRequestObjects(t *testing.T) {
	bothWays(t, func(t *testing.T, b *bank) {
		now := b.now().Unix()
		for name, change := range map[string]map[string]any{
			"missing-aud": {"aud": nil}, "bad-aud": {"aud": "https://other.example"}, "missing-iss": {"iss": nil}, "bad-iss": {"iss": "bank2"}, "missing-exp": {"exp": nil},
			"expired-exp": {"exp": now - 300}, "exp-is-70-minutes-in-future": {"exp": now + 4200}, "missing-iat": {"iat": nil}, "missing-nbf": {"nbf": nil},
			"nbf-is-10-minutes-in-future": {"nbf": now + 600, "exp": now + 900}, "nbf-is-70-minutes-in-past": {"nbf": now - 4200}, "missing-jti": {"jti": nil}, "long-jti": {"jti": strings.Repeat("x", 501)},
			"iat-in-future": {"iat": now + 600}, "old-iat": {"iat": now - 4200}, "passes-for-an-assertion": {"sub": "bank"}, "nested": {"request": "a.b.c"}, "reference": {"request_uri": "https://x.example"},
			"of-another-client": {"client_id": "bank2"}, "iat-is-a-text": {"iat": "now"}, "details": {"authorization_details": []any{}},
		} {
			status, e := b.begin(change)
			if want := map[bool]string{true: "invalid_authorization_details", false: "invalid_request"}[name == "details"]; status != 400 || e["error"] != want {
				t.Errorf("%s: %d %v", name, status, e)
			}
		}
		rsa := newKey(t, "RS256", "k")
		good := b.k.sign(t, nil, b.request(nil))
		for name, jwt := range map[string]string{
			"signature-algorithm-is-none":  encode(t, map[string]any{"alg": "none"}) + "." + encode(t, b.request(nil)) + ".",
			"signature-algorithm-is-RS256": rsa.sign(t, nil, b.request(nil)),
			"signature-algorithm-is-bad":   good[:len(good)-8] + "AAAAAAAA",
			"signed-by-other-client":       b.other.sign(t, nil, b.request(nil)),
			"symmetric":                    hmacOver([]byte(secret), encode(t, map[string]any{"alg": "HS256"})+"."+encode(t, b.request(nil))),
			"with its own key":             b.other.sign(t, map[string]any{"jwk": b.other.jwk(t)}, b.request(nil)),
			"no JWT":                       "a.b",
		} {
			status, e := b.post("/bc-authorize", append(b.proves(b.k, nil), "request", jwt)...)
			wantError(t, name, status, e, 400, "invalid_request")
		}
		outside := []string{"scope", "openid", "login_hint", "ann@example.com", "binding_message", "1234", "client_notification_token", notifyToken}
		status, e := b.post("/bc-authorize", append(b.proves(b.k, nil), outside...)...)
		wantError(t, "without-request", status, e, 400, "invalid_request")
		status, e = b.post("/bc-authorize", append(append(b.proves(b.k, nil), "request", good), outside...)...)
		wantError(t, "parameters beside it", status, e, 400, "invalid_request")
		if len(b.notices) != 0 {
			t.Errorf("%d people were told", len(b.notices))
		}
		if n := race(50, func() int {
			status, _ := b.post("/bc-authorize", append(b.proves(b.k, nil), "request", good)...)
			return status
		}); n != 1 {
			t.Errorf("one signed request, and %d of 50 were taken", n)
		}
	})
}

// TestS061_PlanRequestsChecked: fapi-ciba-id1-ensure-authorization-request-with-multiple-hints-fails, -with-potentially-bad-binding-message.
func TestS061_PlanRequestsChecked(t *testing.T) {
	bothWays(t, func(t *testing.T, b *bank) {
		for name, c := range map[string]struct {
			change map[string]any
			code   string
		}{
			"two hints":       {map[string]any{"id_token_hint": "a.b.c"}, "invalid_request"},
			"no hint":         {map[string]any{"login_hint": nil}, "invalid_request"},
			"bad message":     {map[string]any{"binding_message": "1234 £$^&*()\u0012 ÷×±ªµ" + strings.Repeat("very long ", 40)}, "invalid_binding_message"},
			"no message":      {map[string]any{"binding_message": nil}, "invalid_binding_message"},
			"no openid":       {map[string]any{"scope": "profile"}, "invalid_scope"},
			"negative expiry": {map[string]any{"requested_expiry": -10}, "invalid_request"},
			"expiry zero":     {map[string]any{"requested_expiry": 0}, "invalid_request"},
		} {
			status, e := b.begin(c.change)
			wantError(t, name, status, e, 400, c.code)
		}
		if m := b.begun(map[string]any{"requested_expiry": 999999}); m["expires_in"].(float64) != 600 {
			t.Errorf("%v", m)
		}
	})
}

// TestS061_PlanClientAuthentication: the modules fapi-ciba-id1-ensure-*client-assertion*, -ensure-wrong-client-id-in-backchannel-authorization-request and
// -ensure-different-client-id-and-issuer-in-backchannel-authorization-request.
func TestS061_PlanClientAuthentication(t *testing.T) {
	b := newBank(t, oauth.DeliverPing, func(c *oauth.Client) { c.LegacyAud = true })
	rsa := newKey(t, "RS256", "k")
	m := b.begun(nil)
	b.send(post(b.link(), nil))
	for path, rest := range map[string]func() []string{
		"/bc-authorize": func() []string { return []string{"request", b.k.sign(t, nil, b.request(nil))} },
		"/token": func() []string {
			return []string{"grant_type", oauth.GrantBackchannel, "auth_req_id", m["auth_req_id"].(string)}
		},
	} {
		for name, proof := range map[string][]string{
			"without an assertion": {"client_id", "bank"},
			"RS256":                b.proves(rsa, nil),
			"another's key":        b.proves(b.other, nil),
			"expired":              b.proves(b.k, map[string]any{"exp": b.now().Unix() - 1}),
			"another audience":     b.proves(b.k, map[string]any{"aud": "https://other.example"}),
			"wrong client_id":      append(b.proves(b.k, nil), "client_id", "bank2"),
		} {
			if status, e := b.post(path, append(proof, rest()...)...); status != 401 && status != 400 || e["access_token"] != nil || e["auth_req_id"] != nil {
				t.Errorf("%s at %s: %d %v", name, path, status, e)
			}
		}
		for _, aud := range []string{issuer, issuer + "/token", issuer + "/bc-authorize"} { // CIBA Core §7.1
			b.pass(10 * time.Second)
			status, e := b.post(path, append(b.proves(b.k, map[string]any{"aud": aud}), rest()...)...)
			if used := path == "/token" && aud != issuer; !used && status != 200 || used && e["error"] != "invalid_grant" {
				t.Errorf("for %s at %s: %d %v", aud, path, status, e)
			}
		}
	}
	mtls := newBank(t, oauth.DeliverPoll, func(c *oauth.Client) { c.Auth = oauth.AuthSelfSigned })
	if status, e := mtls.post("/bc-authorize", "client_id", "bank", "request", mtls.k.sign(t, nil, mtls.request(nil))); status != 401 {
		t.Errorf("a certificate that is not the client's: %d %v", status, e)
	}
}

// TestS062_PlanPingedComesAtOnce: whoever waits for a ping may have looked a moment before it, and comes at once when it is there; who is to poll waits as long as was said.
func TestS062_PlanPingedComesAtOnce(t *testing.T) {
	bothWays(t, func(t *testing.T, b *bank) {
		for _, decline := range []bool{false, true} {
			m := b.begun(nil)
			status, e := b.collect(m["auth_req_id"])
			wantError(t, "nobody decided", status, e, 400, "authorization_pending")
			status, e = b.collect(m["auth_req_id"])
			wantError(t, "not pinged yet", status, e, 400, "slow_down")
			b.people.decline = decline
			b.send(post(b.link(), nil))
			status, e = b.collect(m["auth_req_id"])
			switch {
			case b.delivery != oauth.DeliverPing:
				wantError(t, "polls", status, e, 400, "slow_down")
			case decline:
				wantError(t, "pinged of a no", status, e, 400, "access_denied")
			case status != 200:
				t.Errorf("pinged: %d %v", status, e)
			}
		}
	})
}

// TestS062_PlanPing: the modules fapi-ciba-id1-ping-notification-endpoint-*: whatever it answers, the client may ask.
func TestS062_PlanPing(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		calls  int
	}{
		"returns-a-body":                  {func(w http.ResponseWriter) { _, _ = w.Write([]byte("a body")) }, 1},
		"returns-401-and-is-not-retried":  {answering(401), 1},
		"returns-403":                     {answering(403), 1},
		"returns-redirect":                {func(w http.ResponseWriter) { w.Header().Set("Location", "/elsewhere"); w.WriteHeader(301) }, 1},
		"retries-after-a-transient-error": {answering(503), 2},
	} {
		b := newBank(t, oauth.DeliverPing)
		b.told.answers = []func(http.ResponseWriter){c.answer}
		m := b.begun(nil)
		b.send(post(b.link(), nil))
		for range 3 {
			b.n()
			b.pass(10 * time.Second)
		}
		calls := b.told.calls()
		if len(calls) != c.calls || calls[0]["auth_req_id"] != m["auth_req_id"] || len(calls[0]) != 1 {
			t.Errorf("%s: %v", name, calls)
		}
		if status, got := b.collect(m["auth_req_id"]); status != 200 {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}
}

// TestS061_PlanDiscovery: fapi-ciba-id1-discovery-end-point-verification.
func TestS061_PlanDiscovery(t *testing.T) {
	w := newWorld(t)
	m := object(t, w.send(get("/.well-known/openid-configuration", nil)))
	has := func(name string, values ...string) {
		list, _ := m[name].([]any)
		for _, v := range values {
			if !slices.Contains(list, any(v)) {
				t.Errorf("%s lacks %s: %v", name, v, list)
			}
		}
	}
	has("backchannel_token_delivery_modes_supported", "poll", "ping", "push")
	has("backchannel_authentication_request_signing_alg_values_supported", "ES256", "PS256")
	has("grant_types_supported", oauth.GrantBackchannel)
	has("token_endpoint_auth_methods_supported", "private_key_jwt")
	if m["backchannel_authentication_endpoint"] != issuer+"/bc-authorize" || m["backchannel_user_code_parameter_supported"] != false {
		t.Errorf("%v %v", m["backchannel_authentication_endpoint"], m["backchannel_user_code_parameter_supported"])
	}
}

// TestS061_ProfileRulesOut: what FAPI-CIBA §5.2.2 forbids is told before anything starts.
func TestS061_ProfileRulesOut(t *testing.T) {
	k := newKey(t, "ES256", "k")
	base := oauth.Client{ID: "bank", Profile: oauth.ProfileCIBA, Auth: oauth.AuthKey, JWKS: keySet(t, k), GrantTypes: []string{oauth.GrantBackchannel}, Flows: oauth.Flows{Backchannel: "ciba-approve"}}
	for name, c := range map[string]struct {
		change func(*oauth.Client)
		ok     bool
	}{
		"by the letter":      {func(*oauth.Client) {}, true},
		"context in a scope": {func(c *oauth.Client) { c.Backchannel.Message = oauth.Offered }, true},
		"push": {func(c *oauth.Client) {
			c.Backchannel = oauth.Backchannel{Delivery: "push", Endpoint: "https://bank.example/told"}
		}, false},
		"a secret":       {func(c *oauth.Client) { c.Auth, c.Secrets = oauth.AuthBasic, []string{client.Kept(secret)} }, false},
		"public":         {func(c *oauth.Client) { c.Auth = oauth.AuthNone }, false},
		"unsigned":       {func(c *oauth.Client) { c.SignedRequests = oauth.Offered }, false},
		"RS256":          {func(c *oauth.Client) { c.Backchannel.RequestAlg = oauth.RS256 }, false},
		"EdDSA":          {func(c *oauth.Client) { c.Backchannel.RequestAlg = oauth.EdDSA }, false},
		"unbound tokens": {func(c *oauth.Client) { c.DPoP = oauth.Offered }, false},
	} {
		x := base
		c.change(&x)
		checked, problems := client.Check(x)
		if (len(problems) == 0) != c.ok {
			t.Errorf("%s: %v", name, problems)
		}
		if name == "by the letter" && (checked.Backchannel.Message != oauth.Required || checked.SignedRequests != oauth.Required || checked.DPoP != oauth.Required) {
			t.Errorf("%+v", checked)
		}
	}
}
