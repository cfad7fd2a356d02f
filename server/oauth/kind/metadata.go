package kind

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/foreign"
)

// Metadata is what a client says of itself (RFC 7591 §2, OpenID Connect Dynamic Client Registration §2, and the members that other specifications
// add). Names that are not here are ignored.
type Metadata struct {
	RedirectURIs    []string          `json:"redirect_uris,omitempty"`
	ResponseTypes   []string          `json:"response_types,omitempty"`
	GrantTypes      []string          `json:"grant_types,omitempty"`
	ApplicationType string            `json:"application_type,omitempty"`
	Contacts        []string          `json:"contacts,omitempty"`
	Name            string            `json:"client_name,omitempty"`
	LogoURI         string            `json:"logo_uri,omitempty"`
	ClientURI       string            `json:"client_uri,omitempty"`
	PolicyURI       string            `json:"policy_uri,omitempty"`
	TosURI          string            `json:"tos_uri,omitempty"`
	Localized       map[string]string `json:"-"` // name#language
	JWKSURI         string            `json:"jwks_uri,omitempty"`
	JWKS            json.RawMessage   `json:"jwks,omitempty"`
	SectorURI       string            `json:"sector_identifier_uri,omitempty"`
	SubjectType     string            `json:"subject_type,omitempty"`
	IDTokenAlg      string            `json:"id_token_signed_response_alg,omitempty"`
	UserinfoAlg     string            `json:"userinfo_signed_response_alg,omitempty"`
	IDTokenEncAlg   string            `json:"id_token_encrypted_response_alg,omitempty"`
	IDTokenEnc      string            `json:"id_token_encrypted_response_enc,omitempty"`
	UserinfoEncAlg  string            `json:"userinfo_encrypted_response_alg,omitempty"`
	UserinfoEnc     string            `json:"userinfo_encrypted_response_enc,omitempty"`
	AnswerAlg       string            `json:"introspection_signed_response_alg,omitempty"`
	ResponseAlg     string            `json:"authorization_signed_response_alg,omitempty"`
	RequestAlg      string            `json:"request_object_signing_alg,omitempty"`
	Auth            string            `json:"token_endpoint_auth_method,omitempty"`
	AuthAlg         string            `json:"token_endpoint_auth_signing_alg,omitempty"`
	MaxAge          *int              `json:"default_max_age,omitempty"`
	RequireAuthTime bool              `json:"require_auth_time,omitempty"` // auth_time is always there
	ACR             []string          `json:"default_acr_values,omitempty"`
	InitiateLogin   string            `json:"initiate_login_uri,omitempty"` // kept for whoever lists apps (OpenID Connect Core §4)
	RequestURIs     []string          `json:"request_uris,omitempty"`
	LogoutURIs      []string          `json:"post_logout_redirect_uris,omitempty"`
	BackLogout      string            `json:"backchannel_logout_uri,omitempty"`
	BackSession     bool              `json:"backchannel_logout_session_required,omitempty"`
	FrontLogout     string            `json:"frontchannel_logout_uri,omitempty"`
	FrontSession    bool              `json:"frontchannel_logout_session_required,omitempty"`
	RequirePAR      bool              `json:"require_pushed_authorization_requests,omitempty"`
	RequireSigned   bool              `json:"require_signed_request_object,omitempty"`
	DPoP            bool              `json:"dpop_bound_access_tokens,omitempty"`
	TLSBound        bool              `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	TLSSubject      string            `json:"tls_client_auth_subject_dn,omitempty"`
	TLSDNS          string            `json:"tls_client_auth_san_dns,omitempty"`
	TLSURI          string            `json:"tls_client_auth_san_uri,omitempty"`
	TLSIP           string            `json:"tls_client_auth_san_ip,omitempty"`
	TLSEmail        string            `json:"tls_client_auth_san_email,omitempty"`
	Details         []string          `json:"authorization_details_types,omitempty"`
	Delivery        string            `json:"backchannel_token_delivery_mode,omitempty"`
	UserCode        bool              `json:"backchannel_user_code_parameter,omitempty"`
	Scope           string            `json:"scope,omitempty"`
	SoftwareID      string            `json:"software_id,omitempty"`
	SoftwareVersion string            `json:"software_version,omitempty"`
	Statement       string            `json:"software_statement,omitempty"`
}

// Bounds of what is read.
const (
	MaxBody      = 32 << 10 // bytes of a request
	MaxKept      = 48 << 10 // bytes that are kept, what a statement and the hook added among them
	maxDepth     = 8
	maxList      = 20
	maxText      = 1000 // characters, but for jwks and statements
	maxLocalized = 20
)

// names lists the members that are known.
func names() []string {
	t := reflect.TypeFor[Metadata]()
	var out []string
	for i := range t.NumField() {
		if n, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); n != "-" {
			out = append(out, n)
		}
	}
	return out
}

// Translated are the members that may come in several languages, as name#language (RFC 7591 §2.2).
func Translated() []string {
	return []string{"client_name", "logo_uri", "client_uri", "policy_uri", "tos_uri"}
}

// refused are members that ask for what is not offered and would be missed: who registers an encryption relies on it.
func refused() []string {
	return []string{"introspection_encrypted_response_alg", "authorization_encrypted_response_alg"}
}

// ErrBody: what came is not one JSON object.
var ErrBody = oauth.Fail(oauth.InvalidMetadata, "The body is not one JSON object with each name once.")

// Bad is a mistake in a member. Both texts are our own words.
func Bad(member, sentence string) *oauth.Error {
	return oauth.Fail(oauth.InvalidMetadata, member+": "+sentence)
}

// ReadObject reads a body of bounded size and depth.
func ReadObject(body []byte) (foreign.Object, error) {
	depth, text, escaped := 0, false, false
	for _, c := range body {
		switch {
		case escaped:
			escaped = false
		case text:
			escaped, text = c == '\\', c != '"'
		case c == '"':
			text = true
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return nil, oauth.Fail(oauth.InvalidMetadata, "The body is nested too deep.")
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	if len(body) > MaxBody {
		return nil, ErrBody
	}
	o, err := foreign.ReadObject(body)
	if err != nil {
		return nil, ErrBody.With(err)
	}
	return o, nil
}

// Read takes what is known out of an object. A null is no value (RFC 7592 §2.2).
func Read(o foreign.Object) (*Metadata, error) {
	m := &Metadata{Localized: map[string]string{}}
	for _, name := range refused() {
		if t := o.Text(name); t != "" {
			return nil, Bad(name, "encryption is not offered.")
		}
	}
	for _, name := range names() {
		raw, ok := o[name]
		if !ok || string(raw) == "null" {
			continue
		}
		one, err := json.Marshal(map[string]json.RawMessage{name: raw})
		if err == nil {
			err = json.Unmarshal(one, m)
		}
		if err != nil {
			return nil, Bad(name, "the value has another form than it must have.").With(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		base, language, found := strings.Cut(name, "#")
		if !found || !slices.Contains(Translated(), base) || string(o[name]) == "null" {
			continue
		}
		text := o.Text(name)
		if text == "" || language == "" || len(language) > 35 || strings.Trim(language, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" || len(m.Localized) == maxLocalized {
			return nil, Bad(base, "a translation is empty or too many, or its language is no language tag.")
		}
		m.Localized[name] = text
	}
	return m, nil
}

// MarshalJSON writes the metadata with their translations.
func (m *Metadata) MarshalJSON() ([]byte, error) {
	type plain Metadata
	b, err := json.Marshal((*plain)(m))
	if err != nil || len(m.Localized) == 0 {
		return b, err
	}
	var o map[string]json.RawMessage
	if err := json.Unmarshal(b, &o); err != nil {
		return nil, err
	}
	for name, text := range m.Localized {
		if o[name], err = json.Marshal(text); err != nil {
			return nil, err
		}
	}
	return json.Marshal(o)
}
