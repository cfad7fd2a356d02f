package app_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stile-id/stile/server/oauth/client"
)

// TestS050_HybridThroughPages: a person who types a password ends with a code and an ID token in the fragment, which says what the one of the
// token endpoint says.
func TestS050_HybridThroughPages(t *testing.T) {
	p := serveIn(t, t.TempDir(), "claims:\n  tier: { from: journey, scope: profile, to: [id_token] }\n", "", fmt.Sprintf(`  - id: both
    profile: oidc
    first_party: true
    secrets: [%s]
    redirect_uris: ["http://127.0.0.1:9/both"]
    response_types: [code, "code id_token"]
    scopes: [openid, profile]
    flows: { default: signin }
`, client.Kept("app-secret")))
	v := visit(t, p.base)
	if told := v.must(http.MethodGet, "/.well-known/openid-configuration", nil, http.StatusOK).body; !strings.Contains(told, `"response_types_supported":["code","code id_token"]`) {
		t.Errorf("metadata: %s", told)
	}
	v.begin("client_id", "both", "redirect_uri", "http://127.0.0.1:9/both", "response_type", "code id_token", "scope", "openid profile")
	v.post("identifier", "ann@example.com")
	base, fragment, _ := strings.Cut(v.post("password", secret), "#")
	q, err := url.ParseQuery(fragment)
	if err != nil || base != "http://127.0.0.1:9/both" || q.Get("code") == "" || q.Get("state") != "st&<\"4" || q.Get("iss") != p.base {
		t.Fatalf("%v %s %v", err, base, q)
	}
	front := claimsOf(t, q.Get("id_token"))
	sum := sha256.Sum256([]byte(q.Get("code")))
	if front["c_hash"] != base64.RawURLEncoding.EncodeToString(sum[:16]) || front["nonce"] != "n" || front["aud"] != "both" || front["tier"] != "basic" {
		t.Errorf("in front: %v", front)
	}
	a, err := v.send(http.MethodPost, "/token", url.Values{"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {"http://127.0.0.1:9/both"}, "code_verifier": {verifier}},
		func(r *http.Request) { r.SetBasicAuth("both", "app-secret") })
	if err != nil || a.status != http.StatusOK {
		t.Fatal(err, a.body)
	}
	back := claimsOf(t, strings.Split(strings.SplitN(a.body, `"id_token":"`, 2)[1], `"`)[0])
	for _, name := range []string{"iss", "sub", "sid", "acr", "auth_time", "nonce", "tier"} {
		if front[name] == nil || front[name] != back[name] {
			t.Errorf("%s is %v in front and %v behind", name, front[name], back[name])
		}
	}
}
