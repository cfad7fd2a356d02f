// Package client says what the settings of an OAuth client must be.
package client

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/foreign"
	"github.com/stile-id/stile/server/oauth/reply"
)

// Check fills defaults in and returns every problem of a client's settings.
func Check(c oauth.Client) (oauth.Client, []error) {
	k := checker{c: &c}
	k.identity()
	k.shown()
	k.named()
	k.authentication()
	k.grants()
	k.addresses()
	k.logout()
	k.sector()
	k.tokens()
	for _, err := range c.Lifetimes.Fill() {
		k.hint("lifetimes", "", "%w", err)
	}
	k.contradictions()
	return c, k.problems
}

// Problem is one thing wrong with a client's settings. Field is the setting it lies in, and Hint a way to mend it, where they are known.
type Problem struct {
	Client, Field, Hint string
	Cause               error
}

func (p *Problem) Error() string { return fmt.Sprintf("client %q: %v", p.Client, p.Cause) }
func (p *Problem) Unwrap() error { return p.Cause }

type checker struct {
	c        *oauth.Client
	profile  oauth.Profile
	problems []error
}

func (k *checker) problem(format string, args ...any) { k.hint("", "", format, args...) }

func (k *checker) hint(field, hint, format string, args ...any) {
	k.problems = append(k.problems, &Problem{Client: k.c.ID, Field: field, Hint: hint, Cause: fmt.Errorf(format, args...)})
}

func (k *checker) oneOf(field string, value *string, standard string, allowed ...string) {
	if *value == "" {
		*value = standard
	}
	if !slices.Contains(allowed, *value) {
		k.problem("%s is %q; write one of %s", field, *value, strings.Join(slices.DeleteFunc(slices.Clone(allowed), func(s string) bool { return s == "" }), ", "))
	}
}

func (k *checker) identity() {
	c := k.c
	if c.ID == "" || len(c.ID) > 100 || strings.Trim(c.ID, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~-") != "" {
		k.problem("an id has 1 to 100 letters, digits or . _ ~ -")
	}
	// A client's own tokens carry its id as sub: it must never look like a person's (RFC 9700 §4.15).
	if uuid.Validate(c.ID) == nil {
		k.problem("an id must not have the form of an account's id")
	}
}

func (k *checker) authentication() {
	c := k.c
	standard := oauth.AuthNone
	if len(c.Secrets) > 0 {
		standard = oauth.AuthBasic
	}
	k.oneOf("auth", &c.Auth, standard, oauth.AuthNone, oauth.AuthBasic, oauth.AuthPost, oauth.AuthKey, oauth.AuthTLS, oauth.AuthSelfSigned)
	switch {
	case !c.Secret() && len(c.Secrets) > 0:
		k.problem("auth is %s, so it has no secrets", c.Auth)
	case c.Secret() && len(c.Secrets) == 0:
		k.problem("auth is %s, so it needs a secret; `stile client secret` makes one", c.Auth)
	case len(c.Secrets) > 5:
		k.problem("more than 5 secrets")
	}
	for i, s := range c.Secrets {
		if b, err := hex.DecodeString(s); err != nil || len(b) != 32 {
			k.problem("secret %d is not a SHA-256 in hex; settings never hold the secret itself", i+1)
		}
	}
	k.keys()
	k.certificate()
	k.sender()
	k.requests()
}

// requests checks how authorization requests and their answers travel.
func (k *checker) requests() {
	c, p := k.c, k.profile
	par, signed, modes := oauth.Offered, oauth.Offered, reply.Modes()[:3]
	if p.PAR {
		par = oauth.Required
	}
	if p.Signed {
		signed = oauth.Required
	}
	if p.SignedAnswer {
		modes = reply.Modes()[3:]
	}
	k.oneOf("par", &c.PAR, par, oauth.Offered, oauth.Required)
	k.oneOf("signed_requests", &c.SignedRequests, signed, oauth.Offered, oauth.Required)
	k.oneOf("request_object_alg", &c.RequestAlg, "", "", foreign.ES256, foreign.PS256, foreign.EdDSA, foreign.RS256)
	k.oneOf("response_alg", &c.ResponseAlg, oauth.ES256, oauth.ES256, oauth.RS256, oauth.PS256, oauth.EdDSA)
	if len(c.Modes) == 0 {
		c.Modes = modes
	}
	for _, m := range c.Modes {
		if !slices.Contains(reply.Modes(), m) {
			k.hint("response_modes", "write some of "+strings.Join(reply.Modes(), ", "), "response mode %q is not known", m)
		}
	}
	for _, u := range c.RequestURIs {
		if at, _, _ := strings.Cut(u, "#"); !fetchable(at, c.Private) { // a fragment is the hash of what lies there (OpenID Connect Core §6.2)
			k.hint("request_uris", "write https://app.example/request.jwt; http is for this machine, with allow_private", "request URI %q is no https address", u)
		}
	}
	if len(c.RequestURIs) > 20 {
		k.hint("request_uris", "keep at most 20", "request_uris has %d addresses", len(c.RequestURIs))
	}
	if keys := len(c.Keys) > 0 || c.JWKSURI != ""; !keys && (c.SignedRequests == oauth.Required || len(c.RequestURIs) > 0) && slices.Contains(c.GrantTypes, oauth.GrantCode) {
		k.hint("signed_requests", "add jwks or jwks_uri", "signed_requests need keys of the client's")
	}
}

// sender checks what tokens are bound to.
func (k *checker) sender() {
	c, p := k.c, k.profile
	dpop, rotation := oauth.Offered, oauth.Always
	if p.Bound && !c.TLSBound {
		dpop = oauth.Required
	}
	if p.KeepRefresh {
		rotation = oauth.Never
	}
	k.oneOf("dpop", &c.DPoP, dpop, oauth.Offered, oauth.Required)
	k.oneOf("dpop_nonce", &c.DPoPNonce, oauth.Offered, oauth.Offered, oauth.Required)
	k.oneOf("refresh_rotation", &c.Rotation, rotation, oauth.Always, oauth.Never)
	if c.Rotation == oauth.Never && !c.Confidential() && c.DPoP != oauth.Required && !c.TLSBound {
		k.hint("refresh_rotation", "write `dpop: required`, or leave it out", "refresh_rotation never is for clients that authenticate or prove a key")
	}
}

func (k *checker) grants() {
	c := k.c
	if len(c.GrantTypes) == 0 {
		c.GrantTypes = []string{oauth.GrantCode}
	}
	for _, g := range c.GrantTypes {
		if !slices.Contains([]string{oauth.GrantCode, oauth.GrantRefresh, oauth.GrantCredentials, oauth.GrantExchange, oauth.GrantAssertion, oauth.GrantDevice, oauth.GrantBackchannel}, g) {
			k.problem("grant type %q is not offered", g)
		}
	}
	code := slices.Contains(c.GrantTypes, oauth.GrantCode)
	if len(c.Responses) == 0 && code {
		c.Responses = []string{oauth.ResponseCode}
	}
	for _, r := range c.Responses {
		if r != oauth.ResponseCode && r != oauth.ResponseHybrid {
			k.problem("response type %q is not offered; no access token travels through the browser", r)
		}
	}
	if slices.Contains(c.GrantTypes, oauth.GrantCredentials) && !c.Confidential() {
		k.problem("client_credentials needs a client that authenticates")
	}
	k.exchange()
	if slices.Contains(c.GrantTypes, oauth.GrantAssertion) && !c.Confidential() {
		k.problem("assertions need a client that authenticates")
	}
	device, backchannel := slices.Contains(c.GrantTypes, oauth.GrantDevice), slices.Contains(c.GrantTypes, oauth.GrantBackchannel)
	person := code || device || backchannel
	if slices.Contains(c.GrantTypes, oauth.GrantRefresh) && !person {
		k.problem("refresh_token needs authorization_code beside it")
	}
	if device != (c.Flows.Device != "") {
		k.problem("flows.device and the grant type %s come together", oauth.GrantDevice)
	}
	k.backchannel()
	if len(c.Scopes) == 0 && person {
		c.Scopes = []string{"openid"}
	}
	for _, s := range c.Scopes {
		switch {
		case !Scope(s) || oauth.Starred(s) && oauth.Pattern(s[:len(s)-1]+"x") != s:
			k.problem("%q is no scope", s)
		case strings.HasPrefix(s, oauth.ScopeOurs) && s != oauth.ScopeClients:
			k.hint("scopes", "write "+oauth.ScopeClients+", or call it otherwise", "scopes that begin with %s are Stile's own, and %q is none of them", oauth.ScopeOurs, s)
		case s == oauth.ScopeClients && !slices.Contains(c.GrantTypes, oauth.GrantCredentials):
			k.hint("scopes", "add the grant type client_credentials", "%s is for a client's own tokens", s)
		}
	}
	if code && c.Flows.Default == "" {
		k.problem("flows.default names the flow that signs people in")
	}
	standard := oauth.ConsentAsk
	if c.FirstParty {
		standard = oauth.ConsentSkip
	}
	if c.Challenge && (!c.FirstParty || !code) {
		k.hint("challenge", "write `first_party: true` if the app is of the same house, or remove it", "challenge is for first-party clients with the grant type %s", oauth.GrantCode)
	}
	k.oneOf("consent", &c.Consent, standard, oauth.ConsentAsk, oauth.ConsentSkip)
	if c.MaxAge != nil && *c.MaxAge < 0 {
		k.problem("default_max_age is negative")
	}
}

func (k *checker) exchange() {
	c := k.c
	may := slices.Contains(c.GrantTypes, oauth.GrantExchange)
	if may && !c.Confidential() {
		k.problem("token exchange needs a client that authenticates")
	}
	if e := c.Exchange; !may && (len(e.From) > 0 || len(e.Audience) > 0 || e.Impersonate) {
		k.problem("exchange needs the grant type %s", oauth.GrantExchange)
	}
	for _, a := range c.Exchange.Audience {
		if !slices.Contains(c.Resources, a) {
			k.problem("%q is none of its resources, which tokens of this client are for", a)
		}
	}
}

// Scope reports whether a text is a scope token (RFC 6749 §3.3) of at most 200 characters.
func Scope(s string) bool {
	if s == "" || len(s) > 200 {
		return false
	}
	for _, c := range []byte(s) {
		if c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func (k *checker) addresses() {
	c := k.c
	if slices.Contains(c.GrantTypes, oauth.GrantCode) && len(c.Redirects) == 0 {
		k.problem("redirect_uris is empty")
	}
	for _, u := range c.Redirects {
		if err := CheckRedirect(u, c.Confidential()); err != nil {
			k.problem("redirect URI %q: %w", u, err)
		}
	}
	for _, u := range c.LogoutURIs {
		if err := CheckRedirect(u, c.Confidential()); err != nil {
			k.problem("post-logout redirect URI %q: %w", u, err)
		}
	}
	for _, o := range c.Origins {
		u, err := url.Parse(o)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || o != u.Scheme+"://"+strings.ToLower(u.Host) {
			k.problem("web origin %q: write scheme, host and port only, as https://app.example", o)
		}
	}
	for _, a := range slices.Concat(c.Audience, c.Resources) {
		if u, err := url.Parse(a); a == "" || len(a) > 500 || err != nil || u.Fragment != "" || strings.ContainsAny(a, " \"\\\x00") {
			k.problem("%q is no name of a resource", a)
		}
	}
	if len(c.Resources) > 20 || len(c.Scopes) > 90 {
		k.problem("more than 20 resources or 90 scopes")
	}
}

func (k *checker) tokens() {
	c := k.c
	k.oneOf("token_format", &c.Format, oauth.FormatOpaque, oauth.FormatOpaque, oauth.FormatJWT)
	k.oneOf("token_alg", &c.TokenAlg, oauth.ES256, oauth.ES256, oauth.RS256, oauth.PS256, oauth.EdDSA)
	k.oneOf("id_token_alg", &c.IDTokenAlg, oauth.ES256, oauth.ES256, oauth.RS256, oauth.PS256, oauth.EdDSA)
	k.oneOf("userinfo_alg", &c.UserinfoAlg, "", "", oauth.ES256, oauth.RS256, oauth.PS256, oauth.EdDSA)
	k.encryption("id_token", &c.IDTokenEncAlg, &c.IDTokenEnc)
	k.encryption("userinfo", &c.UserinfoEncAlg, &c.UserinfoEnc)
	if c.UserinfoEncAlg != "" && c.UserinfoAlg == "" {
		k.hint("userinfo_encryption_alg", "add `userinfo_alg: ES256`", "userinfo that is encrypted is signed first")
	}
	k.oneOf("introspection_alg", &c.AnswerAlg, oauth.ES256, oauth.ES256, oauth.RS256, oauth.PS256, oauth.EdDSA)
	k.oneOf("introspect", &c.Introspect, oauth.IntrospectSelf, oauth.IntrospectNone, oauth.IntrospectSelf, oauth.IntrospectAny)
	k.oneOf("introspection_answer", &c.Answer, "json", "json", "token-introspection+jwt", "jwt")
	if c.Introspect == oauth.IntrospectAny && !c.Confidential() {
		k.problem("introspect: any needs a client that authenticates")
	}
}

// ErrRedirect: the text cannot be a redirect URI.
var ErrRedirect = errors.New("not usable as a redirect URI")

// Kept is the form in which a secret is kept: its SHA-256 in hex. Secrets are generated, so nothing slower is needed.
func Kept(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
