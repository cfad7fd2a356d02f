package conformance_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/kind"
	"github.com/stile-id/stile/server/oauth/registration"
)

// published is the discovery document, checked as every plan checks it: JSON, of this issuer, all endpoints https, lists without repetition.
func (w *world) published() map[string]any {
	w.t.Helper()
	rec := w.send(get("/.well-known/openid-configuration", nil))
	m := object(w.t, rec)
	if rec.Code != 200 || !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") || m["issuer"] != issuer {
		w.t.Errorf("%d %v %v", rec.Code, rec.Header(), m["issuer"])
	}
	for name, v := range m {
		if strings.HasSuffix(name, "_endpoint") || strings.HasSuffix(name, "_uri") {
			u, err := url.Parse(v.(string))
			if err != nil || u.Scheme != "https" || u.Host == "" || u.Fragment != "" {
				w.t.Errorf("%s is %v", name, v)
			}
		}
		list, ok := v.([]any)
		if strings.HasSuffix(name, "_supported") && !ok {
			if _, truth := v.(bool); !truth {
				w.t.Errorf("%s is %v", name, v)
			}
		}
		for i, x := range list {
			if s, ok := x.(string); !ok || s == "" || slices.Contains(list[:i], x) {
				w.t.Errorf("%s has %v", name, x)
			}
		}
	}
	return m
}

func lists(t *testing.T, m map[string]any, name string, values ...string) {
	t.Helper()
	list, _ := m[name].([]any)
	for _, v := range values {
		if !slices.Contains(list, any(v)) {
			t.Errorf("%s lacks %s: %v", name, v, list)
		}
	}
}

// TestPlanConfig: oidcc-config-certification-test-plan, whose one module is oidcc-discovery-endpoint-verification.
func TestPlanConfig(t *testing.T) {
	w := newRP(t, "")
	m := w.published()
	lists(t, m, "response_types_supported", "code")
	lists(t, m, "response_modes_supported", "query", "fragment", "form_post")
	lists(t, m, "subject_types_supported", "public")
	lists(t, m, "id_token_signing_alg_values_supported", "RS256")
	lists(t, m, "userinfo_signing_alg_values_supported", "RS256")
	lists(t, m, "request_object_signing_alg_values_supported", "RS256")
	lists(t, m, "grant_types_supported", "authorization_code", "refresh_token")
	lists(t, m, "scopes_supported", "openid")
	lists(t, m, "claims_supported", "sub")
	lists(t, m, "code_challenge_methods_supported", "S256")
	lists(t, m, "token_endpoint_auth_methods_supported", "client_secret_basic", "client_secret_post", "private_key_jwt")
	for _, name := range []string{"claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported"} {
		if m[name] != true {
			t.Errorf("%s is %v", name, m[name])
		}
	}
	w.flow("rp") // here no settings name RS256, so its key is made when it is first needed
	seen := map[string]bool{}
	for _, k := range object(t, w.send(get("/jwks", nil)))["keys"].([]any) { // no private half, no kid twice
		j := k.(map[string]any)
		kid, _ := j["kid"].(string)
		if kid == "" || seen[kid] || j["use"] != "sig" || j["alg"] == nil {
			t.Errorf("%v", j)
		}
		seen[kid] = true
		for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if j[name] != nil {
				t.Errorf("key %s tells its %s", kid, name)
			}
		}
	}
	if len(seen) < 2 {
		t.Errorf("%v", seen)
	}
}

// openKind is the kind of docs/reference/conformance.yaml.
func openKind(h *registration.Handler) {
	h.Settings = kind.Settings{Open: "rp", Kinds: map[string]kind.Kind{"rp": {Profile: oauth.ProfileOIDC, Flows: oauth.Flows{Default: "signin"}, Scopes: []string{"openid", "profile", "email", "address", "phone"}, Offline: true}}}
	h.Open.Burst, h.Open.Per = 500, time.Hour
}
