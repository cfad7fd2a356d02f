// Package metadata tells clients where everything is and what is offered (OpenID Connect Discovery, RFC 8414), and publishes
// the keys that check our signatures.
package metadata

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/encrypt"
	"github.com/stile-id/stile/server/oauth/foreign"
	"github.com/stile-id/stile/server/oauth/keys"
	"github.com/stile-id/stile/server/oauth/reply"
	"github.com/stile-id/stile/server/oauth/token"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Handler serves the two metadata documents and the key set.
type Handler struct {
	Issuer   oauth.Issuer
	Clients  oauth.Clients // for CORS
	Keys     *keys.Ring
	ACRs     []string     // assurances the flows can end with
	Scopes   []string     // scopes worth telling; openid first
	Claims   []string     // claims worth telling
	Locales  []string     // languages of the pages
	Create   bool         // some client has a flow for prompt=create
	Hybrid   bool         // some client may have an ID token beside its code
	MTLS     oauth.Issuer // where clients with certificates call, "" for nowhere
	Details  []string     // types of authorization details
	Register bool         // clients may register themselves
	Log      *slog.Logger
}

const (
	openid = "/.well-known/openid-configuration"
	server = "/.well-known/oauth-authorization-server"
	// maxAge of the documents in seconds: keys are published a day before they are used, so an hour is safe.
	maxAge = "public, max-age=3600"
)

// Mount adds the endpoints to the host's router: discovery below the issuer, RFC 8414 with its path inserted (§3).
func (h *Handler) Mount(r *mux.Router) {
	r.Path(h.Issuer.Path(oauth.KeysPath)).HandlerFunc(h.keys)
	r.Path(h.Issuer.Path(openid)).HandlerFunc(h.document)
	r.Path(server + h.Issuer.Path("")).HandlerFunc(h.document)
	if h.Issuer.Path("") != "" {
		r.Path(h.Issuer.Path(server)).HandlerFunc(h.document) // where older clients look
	}
}

// Document is the metadata as JSON. Both documents are the same: what one kind of client does not know, it ignores.
func (h *Handler) Document() ([]byte, error) {
	auth := []string{oauth.AuthBasic, oauth.AuthPost, oauth.AuthKey}
	if h.MTLS != "" {
		auth = append(auth, oauth.AuthTLS, oauth.AuthSelfSigned)
	}
	signs := foreign.Names()
	prompts := []string{"none", "login", "consent", "select_account"}
	if h.Create {
		prompts = append(prompts, "create")
	}
	algs := []string{oauth.ES256, oauth.RS256, oauth.PS256, oauth.EdDSA}
	responses := []string{oauth.ResponseCode}
	if h.Hybrid {
		responses = append(responses, oauth.ResponseHybrid)
	}
	m := map[string]any{
		"issuer":                                                   string(h.Issuer),
		"authorization_endpoint":                                   h.Issuer.URL(oauth.AuthorizePath),
		"token_endpoint":                                           h.Issuer.URL(oauth.TokenPath),
		"userinfo_endpoint":                                        h.Issuer.URL(oauth.UserinfoPath),
		"authorization_challenge_endpoint":                         h.Issuer.URL(oauth.ChallengePath),
		"device_authorization_endpoint":                            h.Issuer.URL(oauth.DeviceAuthorizationPath),
		"introspection_endpoint":                                   h.Issuer.URL(oauth.IntrospectPath),
		"revocation_endpoint":                                      h.Issuer.URL(oauth.RevokePath),
		"end_session_endpoint":                                     h.Issuer.URL(oauth.LogoutPath),
		"jwks_uri":                                                 h.Issuer.URL(oauth.KeysPath),
		"response_types_supported":                                 responses,
		"response_modes_supported":                                 reply.Modes(),
		"pushed_authorization_request_endpoint":                    h.Issuer.URL(oauth.PushPath),
		"authorization_signing_alg_values_supported":               algs,
		"request_object_signing_alg_values_supported":              signs,
		"require_request_uri_registration":                         true,
		"grant_types_supported":                                    token.GrantTypes(),
		"subject_types_supported":                                  []string{oauth.SubjectPublic, oauth.SubjectPairwise},
		"id_token_signing_alg_values_supported":                    algs,
		"userinfo_signing_alg_values_supported":                    algs,
		"introspection_signing_alg_values_supported":               algs,
		"token_endpoint_auth_methods_supported":                    append(slices.Clone(auth), oauth.AuthNone),
		"revocation_endpoint_auth_methods_supported":               append(slices.Clone(auth), oauth.AuthNone),
		"introspection_endpoint_auth_methods_supported":            auth,
		"token_endpoint_auth_signing_alg_values_supported":         signs,
		"revocation_endpoint_auth_signing_alg_values_supported":    signs,
		"introspection_endpoint_auth_signing_alg_values_supported": signs,
		"dpop_signing_alg_values_supported":                        signs,
		"code_challenge_methods_supported":                         []string{"S256"},
		"prompt_values_supported":                                  prompts,
		"scopes_supported":                                         or(h.Scopes, []string{"openid"}),
		"claims_supported":                                         or(h.Claims, []string{"sub"}),
		"claims_parameter_supported":                               true,
		"request_parameter_supported":                              true,
		"request_uri_parameter_supported":                          true,
		"authorization_response_iss_parameter_supported":           true,
	}
	if h.MTLS != "" {
		m["tls_client_certificate_bound_access_tokens"] = true
		aliases := map[string]string{}
		for name, path := range map[string]string{"token": oauth.TokenPath, "introspection": oauth.IntrospectPath, "revocation": oauth.RevokePath, "userinfo": oauth.UserinfoPath, "pushed_authorization_request": oauth.PushPath,
			"device_authorization": oauth.DeviceAuthorizationPath, "backchannel_authentication": oauth.BackchannelPath,
			"authorization_challenge": oauth.ChallengePath} {
			aliases[name+"_endpoint"] = h.MTLS.URL(path)
		}
		if h.MTLS != h.Issuer {
			m["mtls_endpoint_aliases"] = aliases
		}
	}
	if h.Register {
		m["registration_endpoint"] = h.Issuer.URL(oauth.RegisterPath)
	}
	for _, what := range []string{"id_token", "userinfo"} {
		m[what+"_encryption_alg_values_supported"], m[what+"_encryption_enc_values_supported"] = encrypt.Algorithms(), encrypt.Encodings()
	}
	for _, channel := range []string{"backchannel", "frontchannel"} {
		m[channel+"_logout_supported"], m[channel+"_logout_session_supported"] = true, true
	}
	if len(h.Details) > 0 {
		m["authorization_details_types_supported"] = h.Details
	}
	m["backchannel_authentication_endpoint"] = h.Issuer.URL(oauth.BackchannelPath)
	m["backchannel_token_delivery_modes_supported"] = []string{oauth.DeliverPoll, oauth.DeliverPing, oauth.DeliverPush}
	m["backchannel_authentication_request_signing_alg_values_supported"] = signs
	m["backchannel_user_code_parameter_supported"] = false
	if len(h.ACRs) > 0 {
		m["acr_values_supported"] = h.ACRs
	}
	if len(h.Locales) > 0 {
		m["ui_locales_supported"] = h.Locales
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write the metadata: %w", err)
	}
	return b, nil
}

func or(a, b []string) []string {
	if len(a) > 0 {
		return slices.Clone(a)
	}
	return b
}

func (h *Handler) document(w http.ResponseWriter, r *http.Request) { h.serve(w, r, h.Document) }

func (h *Handler) keys(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, func() ([]byte, error) { return h.Keys.Public(r.Context()) })
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, body func() ([]byte, error)) {
	if wire.Preflight(w, r, h.Clients, "GET") {
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		wire.Method(w, "GET, HEAD, OPTIONS")
		return
	}
	wire.Origin(w, r, h.Clients, nil)
	b, err := body()
	if err != nil {
		wire.Failure(w, r, h.Log, err)
		return
	}
	w.Header().Set("Cache-Control", maxAge)
	wire.JSON(w, http.StatusOK, b)
}
