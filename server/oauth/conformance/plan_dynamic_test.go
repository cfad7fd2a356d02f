package conformance_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/verdict"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/registration"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// dynamic is the suite with registration open to everybody.
type dynamic struct {
	*rp
	sectors string // where a list of rpBack alone lies
}

func newDynamic(t *testing.T) *dynamic {
	t.Helper()
	d := &dynamic{rp: newRP(t, "")}
	sectors := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`["` + rpBack + `"]`)) }))
	t.Cleanup(sectors.Close)
	d.sectors = sectors.URL + "/sector.json"
	d.registering(func(h *registration.Handler) {
		openKind(h)
		h.Calls = func(bool) *http.Client { return sectors.Client() }
	})
	said := d.people.change
	d.signedIn(0)
	signed := d.people.change
	d.people.change = func(v *verdict.Verdict) { signed(v); said(v) }
	return d
}

// registers registers a client as the suite does; more alters the request.
func (d *dynamic) registers(more said) map[string]any {
	d.t.Helper()
	body := said{"client_name": "OIDF conformance", "redirect_uris": []string{rpBack}, "grant_types": []string{"authorization_code"}, "response_types": []string{"code"}, "contacts": []string{"certification@oidf.org"},
		"token_endpoint_auth_method": "client_secret_basic", "scope": "openid profile email offline_access"}
	for n, v := range more {
		body[n] = v
	}
	m := d.registered("", body)
	redirects[m["client_id"].(string)] = rpBack
	return m
}

func (d *dynamic) refuses(code string, more said) {
	d.t.Helper()
	body := said{"redirect_uris": []string{rpBack}}
	for n, v := range more {
		body[n] = v
	}
	if status, m, _ := d.tell("POST", issuer+"/register", "", body); status != http.StatusBadRequest || m["error"] != code || m["client_id"] != nil {
		d.t.Errorf("%v: %d %v", more, status, m)
	}
}

// walk signs in with a registered client and returns what the token endpoint says.
func (d *dynamic) walk(m map[string]any, more ...string) map[string]any {
	d.t.Helper()
	id := m["client_id"].(string)
	_, q := d.answered(d.send(get("/authorize", d.ask(id, more...))))
	v := form("grant_type", "authorization_code", "code", q.Get("code"), "redirect_uri", rpBack)
	if len(more) > 1 && more[0] == "redirect_uri" {
		v.Set("redirect_uri", more[1])
	}
	return d.redeems(m, v, 200)
}

func (d *dynamic) redeems(m map[string]any, v url.Values, want int) map[string]any {
	d.t.Helper()
	r := post("/token", v)
	if m["token_endpoint_auth_method"] == "private_key_jwt" {
		r = post("/token", merged(v, "client_assertion_type", authentication.AssertionType, "client_assertion", d.k.sign(d.t, nil, d.assertion(m["client_id"].(string)))))
	} else {
		r.SetBasicAuth(url.QueryEscape(m["client_id"].(string)), url.QueryEscape(m["client_secret"].(string)))
	}
	rec := d.send(r)
	if rec.Code != want {
		d.fatal("%d %s", rec.Code, rec.Body)
	}
	return object(d.t, rec)
}

// TestPlanDynamic: oidcc-dynamic-certification-test-plan for code. Its modules registration-logo-uri, -policy-uri and -tos-uri want pictures of pages that show what was
// registered; here it is registered and given back, and shown nowhere.
func TestPlanDynamic(t *testing.T) {
	for name, run := range map[string]func(t *testing.T, d *dynamic){
		"discovery-endpoint-verification": func(t *testing.T, d *dynamic) {
			w := d.published()
			lists(t, w, "response_types_supported", "code")
			lists(t, w, "grant_types_supported", "authorization_code")
		},
		"server": func(t *testing.T, d *dynamic) {
			id := d.payload(d.walk(d.registers(nil))["id_token"], tokens.TypeID)
			if id["sub"] != connie || id["iss"] != issuer {
				t.Errorf("%v", id)
			}
		},
		"idtoken-rs256": func(t *testing.T, d *dynamic) {
			for _, more := range []said{nil, {"id_token_signed_response_alg": "RS256"}} {
				if alg := foreignAlg(t, d.walk(d.registers(more))["id_token"].(string)); alg != "RS256" {
					t.Errorf("%v: %s", more, alg)
				}
			}
		},
		"idtoken-unsigned": func(_ *testing.T, d *dynamic) {
			d.refuses("invalid_client_metadata", said{"id_token_signed_response_alg": "none"})
		},
		"userinfo-rs256": func(t *testing.T, d *dynamic) {
			m := d.registers(said{"userinfo_signed_response_alg": "RS256"})
			rec := d.userinfo(d.walk(m)["access_token"])
			if u := d.payload(rec.Body.String(), tokens.TypeUserinfo); u["sub"] != connie || u["aud"] != m["client_id"] || foreignAlg(t, rec.Body.String()) != "RS256" {
				t.Errorf("%v", u)
			}
		},
		"ensure-redirect-uri-in-authorization-request": func(_ *testing.T, d *dynamic) {
			m := d.registers(said{"redirect_uris": []string{rpBack, rpBack + "/2"}})
			d.page("two", "redirect", d.ask(m["client_id"].(string), "redirect_uri", ""))
		},
		"redirect-uri-query-OK": func(_ *testing.T, d *dynamic) {
			with := rpBack + "?foo=bar"
			d.walk(d.registers(said{"redirect_uris": []string{with}}), "redirect_uri", with)
		},
		"redirect-uri-query-mismatch": func(_ *testing.T, d *dynamic) {
			m := d.registers(said{"redirect_uris": []string{rpBack + "?foo=bar"}})
			d.page("another query", "redirect", d.ask(m["client_id"].(string), "redirect_uri", rpBack+"?bar=foo"))
		},
		"redirect-uri-query-added": func(_ *testing.T, d *dynamic) {
			m := d.registers(nil)
			d.page("a query", "redirect", d.ask(m["client_id"].(string), "redirect_uri", rpBack+"?foo=bar"))
		},
		"redirect-uri-regfrag": func(_ *testing.T, d *dynamic) {
			d.refuses("invalid_redirect_uri", said{"redirect_uris": []string{rpBack + "#foobar"}})
		},
		"registration-logo-uri, -policy-uri, -tos-uri": func(t *testing.T, d *dynamic) {
			for _, name := range []string{"logo_uri", "policy_uri", "tos_uri"} {
				m := d.registers(said{name: "https://openid.net/wordpress-content/x.png"})
				if m[name] != "https://openid.net/wordpress-content/x.png" {
					t.Errorf("%s is %v", name, m[name])
				}
				d.walk(m)
			}
		},
		"registration-jwks-uri": func(_ *testing.T, d *dynamic) {
			d.fetch = func(string) ([]byte, error) { return keySet(d.t, d.k), nil }
			d.walk(d.registers(said{"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://rp.example/jwks"}))
		},
		"registration-sector-uri, -sector-bad": func(t *testing.T, d *dynamic) {
			m := d.registers(said{"sector_identifier_uri": d.sectors, "subject_type": "pairwise"})
			if id := d.payload(d.walk(m)["id_token"], tokens.TypeID); m["sector_identifier_uri"] != d.sectors || m["subject_type"] != "pairwise" || id["sub"] == connie || id["sub"] == nil {
				t.Errorf("%v %v", m, id)
			}
			d.refuses("invalid_client_metadata", said{"redirect_uris": []string{rpBack, rpBack + "/other"}, "sector_identifier_uri": d.sectors, "subject_type": "pairwise"})
		},
		"refresh-token-rp-key-rotation": func(t *testing.T, d *dynamic) {
			published := d.k
			d.fetch = func(string) ([]byte, error) { return keySet(d.t, published), nil }
			m := d.registers(said{"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://rp.example/jwks", "grant_types": []string{"authorization_code", "refresh_token"}})
			got := d.walk(m, "scope", "openid offline_access", "prompt", "consent")
			published = newKey(t, "ES256", "rotated")
			d.k = published
			d.pass(61e9)
			if again := d.redeems(m, form("grant_type", "refresh_token", "refresh_token", got["refresh_token"].(string)), 200); again["access_token"] == nil {
				t.Errorf("%v", again)
			}
		},
		"request-uri-signed-rs256, ensure-request-object-with-redirect-uri": func(t *testing.T, d *dynamic) {
			k := newKey(t, "RS256", "k")
			var set any
			d.must(json.Unmarshal(keySet(t, k), &set))
			m := d.registers(said{"jwks": set, "request_uris": []string{"https://rp.example/object#l__qKVppPDM8BaXBmg5wxyXmCfEffLuCJA81xJRl_Oo"}, "request_object_signing_alg": "RS256"})
			id := m["client_id"].(string)
			object := k.sign(t, nil, d.object(id, d.ask(id)))
			d.fetch = func(string) ([]byte, error) { return []byte(object), nil }
			for _, v := range []url.Values{form("request_uri", "https://rp.example/object#l__qKVppPDM8BaXBmg5wxyXmCfEffLuCJA81xJRl_Oo"), form("request", object, "redirect_uri", rpBack+"/other")} {
				if _, q := d.answered(d.send(get("/authorize", merged(v, "client_id", id, "response_type", "code", "scope", "openid")))); q.Get("code") == "" {
					t.Errorf("%v: %v", v, q)
				}
			}
		},
		"request-uri-unsigned": func(t *testing.T, d *dynamic) { d.noUnsigned(t) },
		"refresh-token": func(t *testing.T, d *dynamic) {
			m, other := d.registers(said{"grant_types": []string{"authorization_code", "refresh_token"}}), d.registers(said{"grant_types": []string{"authorization_code", "refresh_token"}})
			got := d.walk(m, "scope", "openid offline_access", "prompt", "consent")
			v := form("grant_type", "refresh_token", "refresh_token", got["refresh_token"].(string))
			if e := d.redeems(other, v, 400); e["error"] != "invalid_grant" {
				t.Errorf("another client's: %v", e)
			}
			d.redeems(m, v, 200)
		},
		"ensure-client-assertion-with-iss-aud-succeeds": func(t *testing.T, d *dynamic) {
			var set any
			d.must(json.Unmarshal(keySet(t, d.k), &set))
			d.walk(d.registers(said{"token_endpoint_auth_method": "private_key_jwt", "jwks": set}))
		},
	} {
		t.Run(name, func(t *testing.T) { run(t, newDynamic(t)) })
	}
}

// TestPlanThirdPartyInitiatedLogin: oidcc-3rdparty-init-login-certification-test-plan.
func TestPlanThirdPartyInitiatedLogin(t *testing.T) {
	t.Run("3rd_party-init-login", func(t *testing.T) {
		d := newDynamic(t)
		m := d.registers(said{"initiate_login_uri": "https://rp.example/initiate"})
		if m["initiate_login_uri"] != "https://rp.example/initiate" {
			t.Errorf("%v", m)
		}
		status, read, _ := d.tell("GET", m["registration_client_uri"].(string), m["registration_access_token"].(string), nil)
		if status != 200 || read["initiate_login_uri"] != "https://rp.example/initiate" || !strings.HasPrefix(m["registration_client_uri"].(string), issuer+"/") {
			t.Errorf("%d %v", status, read)
		}
	})
	t.Run("3rd_party-init-login-nohttps", func(t *testing.T) {
		newDynamic(t).refuses("invalid_client_metadata", said{"initiate_login_uri": "http://rp.example/initiate"})
	})
}
