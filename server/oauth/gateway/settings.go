package gateway

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/live"
)

// Resource is an API behind a gateway that asks for each request.
type Resource struct {
	Client   string          `json:"client" jsonschema:"required" jsonschema_description:"The gateway's own client, with auth: client_secret_basic. It shows its id and secret in the header Stile-Gateway."`
	Audience string          `json:"audience" jsonschema:"required" jsonschema_description:"Tokens must be for it, and so is the JWT that is passed on."`
	Scopes   []string        `json:"scopes,omitempty" jsonschema_description:"Scopes a token needs, all of them."`
	ACR      []string        `json:"acr,omitempty" jsonschema_description:"Assurances of which the person must have reached one."`
	MaxAge   action.Duration `json:"max-age,omitempty" jsonschema_description:"How long ago the person may have proved who they are. Default: any time."`
	Lifetime action.Duration `json:"lifetime,omitempty" jsonschema_description:"Of the JWT that is passed on. Default 1m, at most 10m; never longer than the token."`
	Proofs   *Proofs         `json:"proofs,omitempty" jsonschema_description:"How tokens that are bound to a key (DPoP, mutual TLS) pass this gateway. Without it they do not."`
	Blank    []string        `json:"blank,omitempty" jsonschema_description:"Headers that services behind the gateway believe. They are answered empty, so that the gateway overwrites what a caller wrote there."`
}

// Proofs says where the gateway tells what the caller asked for, which is what a DPoP proof is about (RFC 9449 §4.3).
type Proofs struct {
	Origin string `json:"origin" jsonschema:"required" jsonschema_description:"Of the API as callers write it: scheme, host and port, such as https://api.example.com."`
	From   string `json:"from,omitempty" jsonschema:"enum=forwarded,enum=path" jsonschema_description:"forwarded (the default): the gateway writes X-Forwarded-Method and X-Forwarded-Uri over whatever the caller wrote there. path: it repeats the caller's method and appends the path to its question, as Envoy does."`
}

const (
	fromHeaders = "forwarded"
	fromPath    = "path"
)

// Settings are the resources by name; the name is part of the address the gateway asks.
type Settings map[string]Resource

const (
	standard = time.Minute
	longest  = 10 * time.Minute
)

func (r *Resource) lifetime() time.Duration {
	if r.Lifetime > 0 {
		return time.Duration(r.Lifetime)
	}
	return standard
}

// Check returns what is wrong with one resource's settings, given the clients.
func Check(name string, r Resource, clients []oauth.Client) []error {
	var out []error
	problem := func(format string, args ...any) { out = append(out, fmt.Errorf(format, args...)) }
	if name == "" || len(name) > 100 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		problem("the name of a gateway has small letters, digits, - and _")
	}
	i := slices.IndexFunc(clients, func(c oauth.Client) bool { return c.ID == r.Client })
	switch {
	case i < 0:
		problem("client %q is not declared", r.Client)
	case clients[i].Auth != oauth.AuthBasic && (clients[i].Auth != "" || len(clients[i].Secrets) == 0):
		problem("client %q must authenticate by client_secret_basic", r.Client)
	case clients[i].Introspect == oauth.IntrospectNone,
		clients[i].Introspect != oauth.IntrospectAny && r.Audience != r.Client && !slices.Contains(clients[i].Audience, r.Audience):
		problem("client %q may not ask about tokens for %q; name it under the client's audience", r.Client, r.Audience)
	}
	for _, s := range r.Scopes {
		if !client.Scope(s) {
			problem("scopes: %q is no scope", s)
		}
	}
	for _, a := range r.ACR {
		if a == "" || strings.ContainsAny(a, "\" \\") {
			problem("acr: %q is no assurance", a)
		}
	}
	for _, h := range r.Blank {
		if h == "" || strings.Trim(strings.ToLower(h), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.EqualFold(h, "Authorization") {
			problem("blank: %q is no header to blank", h)
		}
	}
	if p := r.Proofs; p != nil {
		if u, err := url.Parse(p.Origin); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || p.Origin != u.Scheme+"://"+u.Host {
			problem("proofs: origin is scheme, host and port of the API as callers write it, and nothing else")
		}
		if p.From != "" && p.From != fromHeaders && p.From != fromPath {
			problem("proofs: from is forwarded or path")
		}
	}
	if l := time.Duration(r.Lifetime); l != 0 && (l < 2*live.Age || l > longest) {
		problem("lifetime must lie between %s and %s", 2*live.Age, longest)
	}
	return out
}
