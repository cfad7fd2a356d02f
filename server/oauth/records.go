package oauth

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/stile-id/stile/engine/verdict"
)

// Asked is what a grant keeps of its authorization request (identity.Grant.Request).
type Asked struct {
	Nonce          string          `json:"nonce,omitempty"`
	Resources      []string        `json:"resources,omitempty"`
	IDTokenClaims  []string        `json:"id_token,omitempty"` // names of the claims parameter
	UserinfoClaims []string        `json:"userinfo,omitempty"`
	Details        json.RawMessage `json:"details,omitempty"`    // authorization_details, as granted
	GrantType      string          `json:"grant_type,omitempty"` // that the grant was come by; "" is authorization_code
}

// By is the grant type that a grant was come by.
func (a Asked) By() string {
	if a.GrantType == "" {
		return GrantCode
	}
	return a.GrantType
}

// Proved is what a grant keeps of its verdict (identity.Grant.Verdict).
type Proved struct {
	ACR      string                     `json:"acr,omitempty"`
	AMR      []string                   `json:"amr,omitempty"`
	AuthTime int64                      `json:"auth_time,omitempty"` // seconds since 1970
	Version  string                     `json:"version,omitempty"`   // content hash of the flow
	Claims   map[string]json.RawMessage `json:"claims,omitempty"`
}

// Say writes how and when the person was authenticated, as computed from evidence: acr, amr, auth_time.
func (p Proved) Say(own map[string]any) {
	if p.ACR != "" {
		own["acr"] = p.ACR
	}
	if len(p.AMR) > 0 {
		own["amr"] = p.AMR
	}
	if p.AuthTime > 0 {
		own["auth_time"] = p.AuthTime
	}
}

// Confirm says which keys a token is bound to (RFC 7800 cnf): a DPoP key's thumbprint, a certificate's. Empty: whoever bears it.
type Confirm struct {
	JKT string `json:"jkt,omitempty"`
	X5T string `json:"x5t#S256,omitempty"`
}

// Has reports whether these keys are all that something was bound to.
func (c Confirm) Has(bound Confirm) bool {
	return (bound.JKT == "" || bound.JKT == c.JKT) && (bound.X5T == "" || bound.X5T == c.X5T)
}

// Type is the token_type of a token so bound.
func (c Confirm) Type() string {
	if c.JKT != "" {
		return "DPoP"
	}
	return "Bearer"
}

// ProvedBy is what a grant keeps of a verdict.
func ProvedBy(v *verdict.Verdict) Proved {
	p := Proved{ACR: v.ACR, AMR: v.AMR, Version: v.Version, Claims: v.Claims}
	if !v.AuthTime.IsZero() {
		p.AuthTime = v.AuthTime.Unix()
	}
	return p
}

// ReadRecords reads the two notes of a grant back.
func ReadRecords(request, proved json.RawMessage) (a Asked, p Proved, err error) {
	if len(request) > 0 {
		if err := json.Unmarshal(request, &a); err != nil {
			return a, p, fmt.Errorf("read a grant's request: %w", err)
		}
	}
	if len(proved) > 0 {
		if err := json.Unmarshal(proved, &p); err != nil {
			return a, p, fmt.Errorf("read a grant's verdict: %w", err)
		}
	}
	return a, p, nil
}

// Issuer is the issuer's URL without a trailing slash; every endpoint lies below it.
type Issuer string

// URL is an endpoint's address; path starts with a slash.
func (i Issuer) URL(path string) string { return string(i) + path }

// Path is the issuer's own path ("" for most) with path appended: where a router finds the endpoint.
func (i Issuer) Path(path string) string {
	u, err := url.Parse(string(i))
	if err != nil {
		return path
	}
	return strings.TrimSuffix(u.Path, "/") + path
}

// Endpoints below the issuer.
const (
	AuthorizePath  = "/authorize"
	PushPath       = "/par"
	PostPath       = "/authorize/answer"
	TokenPath      = "/token"
	IntrospectPath = "/introspect"
	RevokePath     = "/revoke"
	UserinfoPath   = "/userinfo"
	LogoutPath     = "/logout"
	KeysPath       = "/jwks"
	ManagePath     = "/admin/clients" // registered clients, for the operator's programs
	RegisterPath   = "/register"      // RFC 7591; below it each client's own place (RFC 7592)

	DeviceAuthorizationPath = "/device_authorization"
	DevicePath              = "/device" // where people type codes in
	BackchannelPath         = "/bc-authorize"
	ApprovePath             = "/approve" // where links of backchannel requests lead
	ChallengePath           = "/authorize-challenge"
)
