package conformance_test

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/foreign"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// TestS038_S050_OurAlgorithms: each algorithm a client may choose signs all that is signed for it, under a key of the published set.
func TestS038_S050_OurAlgorithms(t *testing.T) {
	w := newWorld(t, func(list []oauth.Client) []oauth.Client {
		for _, alg := range []string{"ES256", "RS256", "PS256", "EdDSA"} {
			for _, c := range list {
				if c.ID == "jwt" {
					c.ID, c.TokenAlg, c.IDTokenAlg, c.UserinfoAlg, c.ResponseAlg, c.Modes = "in-"+alg, alg, alg, alg, alg, []string{"query", "jwt"}
					list = append(list, c)
				}
			}
		}
		return list
	})
	for _, alg := range []string{"ES256", "RS256", "PS256", "EdDSA"} {
		id := "in-" + alg
		redirects[id] = redirects["jwt"]
		m := w.tokens200(id, "scope", "openid email")
		access, idToken := m["access_token"].(string), m["id_token"].(string)
		set := httptest.NewRecorder()
		w.router.ServeHTTP(set, httptest.NewRequest(http.MethodGet, issuer+"/jwks", nil))
		published, err := foreign.ReadKeys(set.Body.Bytes(), true)
		w.must(err)
		_, q := w.authorize(ask(id, "response_mode", "jwt"))
		for name, jwt := range map[string]string{"access token": access, "id token": idToken, "userinfo": w.userinfo(access).Body.String(), "answer": q.Get("response")} {
			j, err := foreign.Parse(jwt, []string{alg}, false)
			if err != nil {
				t.Errorf("%s, %s: %v", alg, name, err)
				continue
			}
			if err := j.Verify(published); err != nil {
				t.Errorf("%s, %s: %v", alg, name, err)
			}
		}
		if !w.active(access) {
			t.Errorf("%s: not active", alg)
		}
		hash := w.payload(idToken, tokens.TypeID)["at_hash"]
		if alg == "EdDSA" {
			sum := sha512.Sum512([]byte(access))
			if hash != base64.RawURLEncoding.EncodeToString(sum[:32]) {
				t.Errorf("at_hash %v", hash)
			}
		} else if hash != tokens.HalfHash(alg, access) {
			t.Errorf("%s: at_hash %v", alg, hash)
		}
		head, rest, _ := strings.Cut(access, ".")
		raw, err := base64.RawURLEncoding.DecodeString(head)
		w.must(err)
		for _, other := range []string{"ES256", "RS256", "PS256", "EdDSA", "none", "HS256"} { // the key decides, never the header
			var h map[string]any
			w.must(json.Unmarshal(raw, &h))
			if h["alg"] == other {
				continue
			}
			h["alg"] = other
			if w.active(encode(t, h) + "." + rest) {
				t.Errorf("a token of %s passes as %s", alg, other)
			}
		}
	}
}

// TestS034_MetadataIsTrue: every endpoint that is told is there, and each list names what is taken.
func TestS034_MetadataIsTrue(t *testing.T) {
	w := newWorld(t)
	rec := w.send(httptest.NewRequest(http.MethodGet, issuer+"/.well-known/openid-configuration", nil))
	m := object(t, rec)
	endpoints := 0
	for name, v := range m {
		address, ok := v.(string)
		if !ok || !strings.HasSuffix(name, "_endpoint") && name != "jwks_uri" {
			continue
		}
		endpoints++
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if rec := w.send(httptest.NewRequest(method, address, nil)); rec.Code == http.StatusNotFound {
				t.Errorf("%s: %s %s is not there", name, method, address)
			}
		}
	}
	if endpoints != 11 {
		t.Errorf("%d endpoints are told", endpoints)
	}
	for name, want := range map[string]string{
		"token_endpoint_auth_methods_supported":            "client_secret_basic client_secret_post private_key_jwt none",
		"introspection_endpoint_auth_methods_supported":    "client_secret_basic client_secret_post private_key_jwt",
		"token_endpoint_auth_signing_alg_values_supported": "ES256 PS256 EdDSA RS256 Ed25519",
		"dpop_signing_alg_values_supported":                "ES256 PS256 EdDSA RS256 Ed25519",
		"request_object_signing_alg_values_supported":      "ES256 PS256 EdDSA RS256 Ed25519",
		"id_token_signing_alg_values_supported":            "ES256 RS256 PS256 EdDSA",
		"response_modes_supported":                         "query fragment form_post jwt query.jwt fragment.jwt form_post.jwt",
		"code_challenge_methods_supported":                 "S256",
		"response_types_supported":                         "code",
	} {
		var got []string
		list, _ := m[name].([]any)
		for _, v := range list {
			got = append(got, v.(string))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if m["tls_client_certificate_bound_access_tokens"] != nil || m["mtls_endpoint_aliases"] != nil || m["authorization_details_types_supported"] != nil ||
		m["authorization_response_iss_parameter_supported"] != true || m["require_request_uri_registration"] != true {
		t.Errorf("%v", m)
	}
}
