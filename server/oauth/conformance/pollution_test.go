package conformance_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stile-id/stile/server/oauth"
)

// TestS009_Pollution: whatever comes twice is refused at every endpoint, and what lies in the address of a direct request too.
func TestS009_Pollution(t *testing.T) {
	k := newKey(t, "ES256", "")
	w := newWorld(t, keyed(t, map[string]key{"m": k}))
	raw := func(path, body string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, issuer+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Add(header[i], header[i+1])
		}
		return w.send(r)
	}
	for _, path := range []string{"/token", "/par", "/introspect", "/revoke", "/authorize-challenge", "/bc-authorize", "/device_authorization"} {
		for _, name := range []string{"client_assertion", "client_assertion_type", "client_id", "request", "request_uri", "dpop_jkt", "authorization_details", "response_mode", "token", "code"} {
			v := merged(ask("m", "grant_type", "client_credentials", "token", "x", name, "x"), w.assert("m", k)...)
			for _, second := range []string{"y", ""} {
				rec := raw(path, v.Encode()+"&"+name+"="+second)
				wantError(t, path+" "+name+" twice", rec.Code, object(t, rec), 400, "invalid_request")
			}
			if rec := raw(path, v.Encode()+"&%"+hexOf(name[0])+url.QueryEscape(name[1:])+"=z"); rec.Code != 400 {
				t.Errorf("%s, %s again under an escaped name: %d", path, name, rec.Code)
			}
		}
		rec := raw(path+"?"+form(w.assert("m", k)...).Encode(), "grant_type=client_credentials&token=x")
		wantError(t, path+", an assertion in the address", rec.Code, object(t, rec), 400, "invalid_request")
		rec = raw(path, merged(form("grant_type", "client_credentials", "token", "x"), w.assert("m", k)...).Encode(), "Authorization", "Basic bTp4", "Authorization", "Basic bTp5")
		wantError(t, path+", two headers", rec.Code, object(t, rec), 400, "invalid_request")
	}
	for _, name := range []string{"request", "request_uri", "dpop_jkt", "authorization_details", "response_mode"} {
		v := ask("web", name, "x")
		v.Add(name, "y")
		if rec := w.send(get("/authorize", v)); rec.Code != 400 || rec.Header().Get("Location") != "" {
			t.Errorf("authorize, %s twice: %d", name, rec.Code)
		}
	}
}

// TestS009_EmptyIsAbsent: a parameter that may repeat is absent when it is empty, as every other, and the same value twice is one.
func TestS009_EmptyIsAbsent(t *testing.T) {
	w := newWorld(t, devices, desks, exchangers)
	twice := []string{"", "resource=", "resource=&resource=", "resource=https%3A%2F%2Fapi.example&resource=https%3A%2F%2Fapi.example", "resource=https%3A%2F%2Fapi.example&resource="}
	named := func(path, id, more string, v url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, issuer+path, strings.NewReader(v.Encode()+"&"+more))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return w.send(w.as(id, r))
	}
	for _, more := range twice {
		rec := w.send(httptest.NewRequest(http.MethodGet, issuer+"/authorize?"+ask("web").Encode()+"&"+more, nil))
		u, err := url.Parse(rec.Header().Get("Location"))
		w.must(err)
		code := u.Query().Get("code")
		if code == "" {
			t.Errorf("authorize, %s: %s", more, u)
			continue
		}
		if rec = named("/token", "web", more, form("grant_type", "authorization_code", "code", code, "redirect_uri", redirects["web"], "code_verifier", verifier)); rec.Code != 200 {
			t.Errorf("code, %s: %s", more, rec.Body)
			continue
		}
		m := object(t, rec)
		if rec = named("/token", "web", more, form("grant_type", "refresh_token", "refresh_token", m["refresh_token"].(string))); rec.Code != 200 {
			t.Errorf("refresh, %s: %s", more, rec.Body)
		}
		if rec = named("/par", "web", more, ask("web")); rec.Code != 201 {
			t.Errorf("pushed, %s: %s", more, rec.Body)
		}
		if rec = named("/token", "orders", more+"&audience=", form("grant_type", oauth.GrantExchange, "subject_token", m["access_token"].(string), "subject_token_type", asAccess)); rec.Code != 200 {
			t.Errorf("exchange, %s: %s", more, rec.Body)
		}
	}
}

// TestS009_TooMuchCostsNothing: a target beyond the grant is refused before the code is used up, whatever stands before it.
func TestS009_TooMuchCostsNothing(t *testing.T) {
	w := newWorld(t)
	code := w.code("web", "resource", "https://api.example")
	r := httptest.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader(form("grant_type", "authorization_code", "code", code, "redirect_uri", redirects["web"], "code_verifier", verifier).Encode()+
		"&resource=&resource=https%3A%2F%2Fpay.example"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := w.send(w.as("web", r))
	wantError(t, "another target", rec.Code, object(t, rec), 400, "invalid_target")
	if status, m := w.redeem("web", code); status != 200 {
		t.Errorf("the code is gone: %d %v", status, m)
	}
}

func hexOf(c byte) string {
	return strings.ToUpper(string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]))
}

// TestFAPI2_MutualTLS: the profile by certificate: the client is known by it, and its tokens are bound to it.
func TestFAPI2_MutualTLS(t *testing.T) {
	w := newWorld(t)
	mine, k := issue(t, w.now(), nil, nil, nil)
	other, _ := issue(t, w.now(), nil, nil, nil)
	jwk := key{private: k, alg: "ES256", kid: "c"}.jwk(t)
	jwk["x5c"] = []string{base64.StdEncoding.EncodeToString(mine.Raw)}
	set, err := json.Marshal(map[string]any{"keys": []any{jwk}})
	w.must(err)
	w.must(w.registry.Replace(append(clients(), oauth.Client{ID: "bank", Profile: oauth.ProfileFAPI2, Auth: oauth.AuthSelfSigned, JWKS: set, TLSBound: true, Redirects: []string{"https://bank.example/cb"},
		GrantTypes: []string{oauth.GrantCode, oauth.GrantRefresh}, Scopes: []string{"openid"}, Flows: oauth.Flows{Default: "signin"}, FirstParty: true, Offline: true})))
	redirects["bank"] = "https://bank.example/cb"
	status, m, _ := w.proving(post("/par", ask("bank")))
	wantError(t, "push without a certificate", status, m, 401, "invalid_client")
	status, m, _ = w.proving(showing(post("/par", ask("bank", "scope", "openid offline_access")), mine))
	if status != 201 {
		t.Fatalf("push: %d %v", status, m)
	}
	_, q := w.authorize(form("client_id", "bank", "request_uri", m["request_uri"].(string)))
	redeem := func(show ...*x509.Certificate) (int, map[string]any, http.Header) {
		return w.proving(showing(post("/token", form("client_id", "bank", "grant_type", "authorization_code", "code", q.Get("code"), "redirect_uri", redirects["bank"], "code_verifier", verifier)), show...))
	}
	status, m, _ = redeem(other)
	wantError(t, "another certificate", status, m, 401, "invalid_client")
	status, m, _ = redeem(mine)
	if status != 200 || m["token_type"] != "Bearer" {
		t.Fatalf("code: %d %v", status, m)
	}
	sum := sha256.Sum256(mine.Raw)
	if cnf, _ := w.introspect("gateway", m["access_token"])["cnf"].(map[string]any); cnf["x5t#S256"] != base64.RawURLEncoding.EncodeToString(sum[:]) || cnf["jkt"] != nil {
		t.Errorf("cnf %v", cnf)
	}
	if rec := w.userinfo(m["access_token"]); rec.Code != 401 {
		t.Errorf("userinfo without the certificate: %d", rec.Code)
	}
}
