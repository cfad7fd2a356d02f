// Package client knows the OAuth clients: what their settings must be, which are registered, and who authenticates as one.
package client

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/oauth"
)

// Check fills defaults in and returns every problem of a client's settings.
func Check(c oauth.Client) (oauth.Client, []error) {
	k := checker{c: &c}
	k.identity()
	k.authentication()
	k.grants()
	k.addresses()
	k.tokens()
	k.lifetimes()
	return c, k.problems
}

type checker struct {
	c        *oauth.Client
	problems []error
}

func (k *checker) problem(format string, args ...any) {
	k.problems = append(k.problems, fmt.Errorf("client %q: "+format, append([]any{k.c.ID}, args...)...))
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
	if c.Name == "" {
		c.Name = c.ID
	}
	if len(c.Name) > 200 {
		k.problem("the name is longer than 200 characters")
	}
}

func (k *checker) authentication() {
	c := k.c
	standard := oauth.AuthNone
	if len(c.Secrets) > 0 {
		standard = oauth.AuthBasic
	}
	k.oneOf("auth", &c.Auth, standard, oauth.AuthNone, oauth.AuthBasic, oauth.AuthPost)
	k.oneOf("profile", &c.Profile, "", "", oauth.ProfileOpenID)
	switch {
	case c.Auth == oauth.AuthNone && len(c.Secrets) > 0:
		k.problem("auth is none, so it has no secrets")
	case c.Auth != oauth.AuthNone && len(c.Secrets) == 0:
		k.problem("auth is %s, so it needs a secret; `stile client secret` makes one", c.Auth)
	case len(c.Secrets) > 5:
		k.problem("more than 5 secrets")
	}
	for i, s := range c.Secrets {
		if b, err := hex.DecodeString(s); err != nil || len(b) != 32 {
			k.problem("secret %d is not a SHA-256 in hex; settings never hold the secret itself", i+1)
		}
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
		c.Responses = []string{"code"}
	}
	for _, r := range c.Responses {
		if r != "code" {
			k.problem("response type %q is not offered; no token travels through the browser", r)
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
	if backchannel != (c.Flows.Backchannel != "") {
		k.problem("flows.backchannel and the grant type %s come together", oauth.GrantBackchannel)
	}
	if backchannel && !c.Confidential() {
		k.problem("backchannel requests need a client that authenticates")
	}
	if len(c.Scopes) == 0 && person {
		c.Scopes = []string{"openid"}
	}
	for _, s := range c.Scopes {
		if !Scope(s) {
			k.problem("%q is no scope", s)
		}
	}
	if code && c.Flows.Default == "" {
		k.problem("flows.default names the flow that signs people in")
	}
	standard := oauth.ConsentAsk
	if c.FirstParty {
		standard = oauth.ConsentSkip
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
	k.oneOf("token_alg", &c.TokenAlg, oauth.ES256, oauth.ES256, oauth.RS256)
	k.oneOf("id_token_alg", &c.IDTokenAlg, oauth.ES256, oauth.ES256, oauth.RS256)
	k.oneOf("userinfo_alg", &c.UserinfoAlg, "", "", oauth.ES256, oauth.RS256)
	k.oneOf("introspection_alg", &c.AnswerAlg, oauth.ES256, oauth.ES256, oauth.RS256)
	k.oneOf("introspect", &c.Introspect, oauth.IntrospectSelf, oauth.IntrospectNone, oauth.IntrospectSelf, oauth.IntrospectAny)
	k.oneOf("introspection_answer", &c.Answer, "json", "json", "token-introspection+jwt", "jwt")
	if c.Introspect == oauth.IntrospectAny && !c.Confidential() {
		k.problem("introspect: any needs a client that authenticates")
	}
}

func (k *checker) lifetimes() {
	l := &k.c.Lifetimes
	for _, f := range []struct {
		name     string
		value    *action.Duration
		standard time.Duration
		most     time.Duration
	}{
		{"code", &l.Code, time.Minute, 10 * time.Minute},
		{"access_token", &l.Access, 5 * time.Minute, 24 * time.Hour},
		{"id_token", &l.ID, 5 * time.Minute, 24 * time.Hour},
		{"refresh_idle", &l.Idle, 14 * 24 * time.Hour, 365 * 24 * time.Hour},
		{"refresh_absolute", &l.Absolute, 90 * 24 * time.Hour, 365 * 24 * time.Hour},
	} {
		if *f.value == 0 {
			*f.value = action.Duration(f.standard)
		}
		if d := time.Duration(*f.value); d < time.Second || d > f.most {
			k.problem("lifetimes.%s must lie between 1s and %s", f.name, f.most)
		}
	}
}

// ErrRedirect: the text cannot be a redirect URI.
var ErrRedirect = errors.New("not usable as a redirect URI")
