// Package kind makes clients of what strangers say of themselves (RFC 7591 §2): the settings' kinds decide what such a client may be and do. It knows the
// metadata and their rules; who may register, and how, is the affair of the room registration.
package kind

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/foreign"
)

// Settings say who may register, and what they get.
type Settings struct {
	Open    string            `json:"open,omitempty" jsonschema_description:"Kind of client that anybody may register. Default: nobody registers without an initial access token."`
	Tokens  []Token           `json:"tokens,omitempty" jsonschema_description:"Initial access tokens. Make one with stile client token."`
	Kinds   map[string]Kind   `json:"kinds" jsonschema:"required" jsonschema_description:"What clients may be and do, by the name of their kind. It is read anew whenever a client is used: what is taken away here is taken from all of them."`
	Issuers map[string]Issuer `json:"statement-issuers,omitempty" jsonschema_description:"Who may sign software statements, by name."`
}

// Token is an initial access token. The settings keep its SHA-256.
type Token struct {
	Name   string `json:"name" jsonschema:"required" jsonschema_description:"What it is called in the audit trail and for the hook."`
	Secret string `json:"secret" jsonschema:"required" jsonschema_description:"env:NAME and file:PATH stand for the token itself; anything else is its SHA-256 in hex."`
	Kind   string `json:"kind" jsonschema:"required" jsonschema_description:"Kind of client that is registered by it."`
}

// Kind is what clients of one kind may be and do.
type Kind struct {
	Flows      oauth.Flows     `json:"flows" jsonschema:"required" jsonschema_description:"Flows they may start."`
	Scopes     []string        `json:"scopes,omitempty" jsonschema_description:"Scopes they may have. Default: openid."`
	GrantTypes []string        `json:"grant_types,omitempty" jsonschema_description:"Grant types they may have. Default: authorization_code and refresh_token."`
	Auth       []string        `json:"auth,omitempty" jsonschema_description:"Ways they may authenticate, the preferred one first. Default: all that the profile and this server know."`
	LegacyAud  bool            `json:"auth_legacy_audience,omitempty" jsonschema_description:"private_key_jwt: the addresses of the token and backchannel endpoints, and lists, are taken as audience too, as OpenID Connect Core has it. Default: the issuer alone."`
	Profile    string          `json:"profile,omitempty" jsonschema:"enum=oauth21,enum=oidc,enum=openid,enum=fapi2,enum=fapi2-message-signing" jsonschema_description:"Security profile. Default: oauth21."`
	Offline    bool            `json:"offline,omitempty" jsonschema_description:"Whether they may have offline_access."`
	Format     string          `json:"token_format,omitempty" jsonschema:"enum=opaque,enum=jwt" jsonschema_description:"Form of their access tokens. Default: opaque."`
	Resources  []string        `json:"resources,omitempty" jsonschema_description:"Audiences that their tokens may be for."`
	Details    []string        `json:"authorization_details_types,omitempty" jsonschema_description:"Types of authorization details they may ask for."`
	Theme      string          `json:"theme,omitempty" jsonschema_description:"Look of the pages people see."`
	Lifetimes  oauth.Lifetimes `json:"lifetimes,omitzero" jsonschema_description:"How long things last."`
	Consent    string          `json:"consent,omitempty" jsonschema:"enum=ask,enum=skip" jsonschema_description:"Whether people are asked what a client may have. skip is for kinds that nobody registers without a token. Default: ask."`
	Statement  bool            `json:"statement,omitempty" jsonschema_description:"They must bring a software statement."`
	Unused     action.Duration `json:"unused_for,omitempty" jsonschema_description:"A client that registered itself and was never given a token is removed so long after its registration or last change; at least 1d. Those that your own programs registered stay. Default: none is."`
	Private    bool            `json:"allow_private,omitempty" jsonschema_description:"Their jwks_uri, request_uris, sector_identifier_uri and back-channel logout address may lie at private addresses; all are https still. For kinds that only your own apps are registered as."`
}

// Issuer signs software statements.
type Issuer struct {
	Issuer     string         `json:"issuer" jsonschema:"required" jsonschema_description:"Its iss, exactly."`
	JWKS       oauth.Document `json:"jwks,omitempty" jsonschema:"type=object" jsonschema_description:"Its public keys, written out."`
	JWKSURI    string         `json:"jwks_uri,omitempty" jsonschema_description:"Where they are fetched, over https."`
	Private    bool           `json:"allow-private,omitempty" jsonschema_description:"jwks_uri may lie at a private address."`
	Algorithms []string       `json:"algorithms,omitempty" jsonschema:"enum=ES256,enum=RS256,enum=PS256,enum=EdDSA" jsonschema_description:"Signatures it makes. Default: all of them."`
}

// profile is the kind's profile; a name that is not known was refused when the settings were read.
func (k Kind) profile() oauth.Profile {
	p, _ := oauth.ProfileOf(k.Profile)
	return p
}

func (k Kind) grants() []string {
	if len(k.GrantTypes) > 0 {
		return k.GrantTypes
	}
	return []string{oauth.GrantCode, oauth.GrantRefresh}
}

func (k Kind) scopes() []string {
	out := slices.Clone(k.Scopes)
	if len(out) == 0 {
		out = []string{"openid"}
	}
	if k.Offline {
		out = append(out, "offline_access")
	}
	return out
}

func (k Kind) auth(o Offers) []string {
	out := k.Auth
	if len(out) == 0 {
		out = k.profile().Methods
	}
	if len(out) == 0 {
		out = []string{oauth.AuthBasic, oauth.AuthPost, oauth.AuthKey, oauth.AuthTLS, oauth.AuthSelfSigned, oauth.AuthNone}
	}
	return slices.DeleteFunc(slices.Clone(out), func(m string) bool {
		return m == oauth.AuthTLS && !o.Authorities || m == oauth.AuthSelfSigned && !o.Certificates
	})
}

// Sample is a client as those of the kind are at most, for judging the kind before anybody registers.
func (k Kind) Sample(name string) oauth.Client {
	m := &Metadata{RedirectURIs: []string{"https://app.example/callback"}, GrantTypes: k.grants(), Scope: strings.Join(k.scopes(), " "), Details: k.Details, JWKSURI: "https://app.example/jwks"}
	if slices.Contains(m.GrantTypes, oauth.GrantCode) {
		m.ResponseTypes = []string{"code"}
	}
	m.Auth = oauth.AuthKey // for kinds that take nothing but certificates, too: they are not what is judged here
	if ways := k.auth(Offers{}); len(ways) > 0 {
		m.Auth = ways[0]
	}
	var secrets []string
	if m.Auth == oauth.AuthBasic || m.Auth == oauth.AuthPost {
		secrets = []string{client.Kept(name)}
	}
	return m.client("kind-"+name, k, secrets)
}

// Problem is one thing wrong with the settings; Path is where, below registration.
type Problem struct {
	Path        []string
	Hint, Cause string
}

// Check tells what is wrong with the settings.
func Check(s *Settings) (out []Problem) {
	add := func(path []string, hint, format string, args ...any) {
		out = append(out, Problem{Path: path, Hint: hint, Cause: fmt.Sprintf(format, args...)})
	}
	if _, ok := s.Kinds[s.Open]; s.Open != "" && !ok {
		add([]string{"open"}, "name one of the kinds", "there is no kind %q", s.Open)
	}
	if s.Kinds[s.Open].Consent == oauth.ConsentSkip {
		add([]string{"kinds", s.Open, "consent"}, "remove it, or let only tokens register this kind", "anybody may register as kind %s, so people are asked", s.Open)
	}
	names := map[string]bool{}
	for i, t := range s.Tokens {
		at := []string{"tokens", fmt.Sprint(i)}
		if _, ok := s.Kinds[t.Kind]; !ok {
			add(append(at, "kind"), "name one of the kinds", "there is no kind %q", t.Kind)
		}
		if b, err := hex.DecodeString(t.Secret); err != nil || len(b) != 32 {
			add(append(at, "secret"), "make one with `stile client token`", "the secret is not a SHA-256 in hex; settings never hold the token itself")
		}
		if t.Name == "" || len(t.Name) > 100 || names[t.Name] {
			add(append(at, "name"), "give each a name of its own", "two tokens are called %q, or one has no name or a long one", t.Name)
		}
		names[t.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(s.Kinds)) {
		k, at := s.Kinds[name], []string{"kinds", name}
		for _, scope := range k.Scopes {
			if strings.HasPrefix(scope, oauth.ScopeOurs) {
				add(append(at, "scopes"), "leave it to clients of the settings", "what manages clients (%s) is for no client that registers", scope)
			}
		}
		if d := time.Duration(k.Unused); d != 0 && (d < 24*time.Hour || d > 3660*24*time.Hour) {
			add(append(at, "unused_for"), "write 30d, or leave it out", "unused_for of kind %s is shorter than 1d, or longer than 3660d", name)
		}
		for _, a := range k.Auth {
			if !slices.Contains(Kind{}.auth(Offers{Certificates: true, Authorities: true}), a) {
				add(append(at, "auth"), "see docs/guides/apps.md", "%q is no way to authenticate", a)
			}
		}
		_, problems := client.Check(k.Sample(name))
		for _, err := range problems {
			add(at, "see docs/guides/registration.md", "kind %s: %s", name, strings.TrimPrefix(err.Error(), fmt.Sprintf("client %q: ", "kind-"+name)))
		}
	}
	issuers := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(s.Issuers)) {
		i, at := s.Issuers[name], []string{"statement-issuers", name}
		if i.Issuer == "" || issuers[i.Issuer] {
			add(append(at, "issuer"), "write its iss, each once", "issuer %s is no other than one known already", name)
		}
		issuers[i.Issuer] = true
		u, err := url.Parse(i.JWKSURI)
		switch {
		case (len(i.JWKS) == 0) == (i.JWKSURI == ""):
			add(at, "write one of jwks and jwks_uri", "issuer %s has no keys, or two sets of them", name)
		case i.JWKSURI != "" && (err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && !i.Private):
			add(append(at, "jwks_uri"), "write https://federation.example/jwks", "the jwks_uri of issuer %s is no https address", name)
		case i.JWKSURI == "":
			if _, err := foreign.ReadKeys(i.JWKS, true); err != nil {
				add(append(at, "jwks"), "write public keys only", "the keys of issuer %s cannot be read: %v", name, err)
			}
		}
	}
	return out
}
