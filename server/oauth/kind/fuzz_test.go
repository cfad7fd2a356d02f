package kind

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
)

// FuzzMetadata: whatever a stranger sends, what is taken leads nowhere it must not, keeps its form when it is read back, and is a client that the settings' own
// rules take or refuse without falling over.
func FuzzMetadata(f *testing.F) {
	for _, s := range []string{`{}`, `{"redirect_uris":["https://rp.example/cb"],"client_name#de":"x"}`, `{"redirect_uris":["com.example.app:/cb"],"application_type":"native"}`, `{"redirect_uris":["javascript:x"]}`,
		`{"redirect_uris":["https://RP.example:443/cb","https://[fe80::1%25a]/cb","https://r%41:8443/"],"token_endpoint_auth_method":"none"}`,
		`{"grant_types":["client_credentials"],"scope":"openid  x"}`, `{"redirect_uris":["https://rp.example/cb"],"jwks":{"keys":[]},"default_max_age":-1}`, `{"redirect_uris":null,"a":[[[[[[[[[[]]]]]]]]]]}`,
		`{"redirect_uris":["http://127.0.0.1/cb"],"application_type":"native","subject_type":"pairwise","logo_uri":"https://a"}`,
		`{"redirect_uris":["https://rp.example/cb"],"jwks_uri":"https://rp.example/k","userinfo_encrypted_response_alg":"ECDH-ES","id_token_encrypted_response_alg":"RSA-OAEP-256","id_token_encrypted_response_enc":"A256GCM"}`} {
		f.Add([]byte(s))
	}
	k := Kind{Flows: oauth.Flows{Default: "signin"}, Scopes: []string{"openid", "x"}, GrantTypes: []string{oauth.GrantCode, oauth.GrantCredentials}}
	settings := &Settings{Kinds: map[string]Kind{"k": k}}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := ReadObject(b)
		if err != nil {
			return
		}
		m, err := Read(o)
		if err != nil {
			return
		}
		if m.Shape(k, Offers{}) != nil {
			return
		}
		for _, u := range append(m.RedirectURIs, m.LogoutURIs...) {
			if scheme, _, _ := strings.Cut(strings.ToLower(u), ":"); scheme != "https" && (m.ApplicationType != "native" || scheme != "http" && !strings.Contains(scheme, ".")) {
				t.Fatalf("%q was taken", u)
			}
		}
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		reg := &identity.Registration{ID: "reg-aaaaaaaaaaaaaaaaaaaaaaaaaa", Kind: "k", Metadata: text}
		if m.Auth == oauth.AuthBasic || m.Auth == oauth.AuthPost {
			reg.Secret = client.Kept("x")
		}
		again, err := Stored(reg)
		if err != nil || again.Shape(k, Offers{}) != nil {
			t.Fatalf("%s cannot be read back: %v", text, err)
		}
		if second, err := json.Marshal(again); err != nil || string(second) != string(text) {
			t.Fatalf("%s became %s", text, second)
		}
		if m.UserinfoEncAlg != "" && m.UserinfoAlg == "" || (m.IDTokenEncAlg+m.UserinfoEncAlg != "") && len(m.JWKS) == 0 && m.JWKSURI == "" {
			t.Fatalf("%s encrypts what is not signed, or to nobody", text)
		}
		if c, err := settings.Client(reg, Offers{}); err == nil && (len(c.Origins) > 0 && (c.Auth != oauth.AuthNone || strings.Contains(strings.Join(c.Origins, ""), "http:")) || c.FirstParty || c.Private || c.Consent != oauth.ConsentAsk || c.Introspect == oauth.IntrospectAny) {
			t.Fatalf("%s gave %+v", text, c)
		}
	})
}
