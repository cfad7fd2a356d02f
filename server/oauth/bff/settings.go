package bff

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/reply"
)

// App is a single-page app whose tokens are kept here.
type App struct {
	Home   string         `json:"app" jsonschema:"required" jsonschema_description:"Address of the app. People come back to it, and pages of its origin may call; it must be of the same site as the issuer."`
	Scopes []string       `json:"scopes,omitempty" jsonschema_description:"Scopes to ask for. Default: all of the client."`
	APIs   map[string]API `json:"apis,omitempty" jsonschema_description:"APIs the app may call, by name: /bff/CLIENT/api/NAME/… Nothing else is ever called."`
}

// API is one that an app may call with its access token.
type API struct {
	Base    string `json:"base" jsonschema:"required" jsonschema_description:"Address that paths are appended to."`
	Private bool   `json:"allow-private,omitempty" jsonschema_description:"It may lie at a private address."`
}

// Settings are the apps by client id.
type Settings map[string]App

// Check returns what is wrong with one app's settings, given the clients as they are checked.
func Check(issuer, id string, a App, clients []oauth.Client) []error {
	var out []error
	problem := func(format string, args ...any) { out = append(out, fmt.Errorf(format, args...)) }
	if u, err := url.Parse(a.Home); err != nil || client.CheckRedirect(a.Home, true) != nil || u.RawQuery != "" {
		problem("app %q is no https address", a.Home)
	}
	i := slices.IndexFunc(clients, func(c oauth.Client) bool { return c.ID == id })
	if i < 0 {
		problem("client %q is not declared", id)
		return out
	}
	c := clients[i]
	if back := oauth.Issuer(issuer).URL(Path + id + "/callback"); !slices.Contains(c.Redirects, back) {
		problem("client %q needs %s among its redirect_uris", id, back)
	}
	if c.Auth != "" && c.Auth != oauth.AuthBasic {
		problem("client %q must have auth: client_secret_basic, or none written", id)
	}
	c.Auth = oauth.AuthBasic
	for _, bad := range unfit(c) {
		problem("client %q %s", id, bad)
	}
	for _, s := range a.Scopes {
		if !c.May(s) {
			problem("scopes: client %q may not have %q", id, s)
		}
	}
	for name, api := range a.APIs {
		u, err := url.Parse(api.Base)
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" || err != nil || u.Hostname() == "" || u.User != nil ||
			u.Scheme != "https" && u.Scheme != "http" || strings.ContainsAny(api.Base, "?#") || strings.HasSuffix(api.Base, "/") {
			problem("the API %q: a name has small letters, digits, - and _; a base is an address without query and last slash", name)
		}
	}
	return out
}

// unfit says what of a client's settings the handler cannot do, so that its every login would fail: it brings no proof and no certificate, signs and
// pushes nothing, takes its answer from the query and reads the ID token.
func unfit(c oauth.Client) []string {
	c, _ = client.Check(c) // with defaults and what the profile says; what is wrong with it is told elsewhere
	var out []string
	say := func(bad bool, what string) {
		if bad {
			out = append(out, what)
		}
	}
	say(!c.May("openid"), "needs the scope openid")
	say(!slices.Contains(c.GrantTypes, oauth.GrantCode), "needs the grant type "+oauth.GrantCode)
	say(c.DPoP == oauth.Required || c.TLSBound, "has tokens that are bound to a key (dpop, tls_bound, or its profile), and the token handler has none")
	say(c.PAR == oauth.Required || c.SignedRequests == oauth.Required, "must push or sign its requests (par, signed_requests, or its profile), and the token handler does neither")
	say(len(c.Modes) > 0 && c.Modes[0] != reply.Query, "must have query as the first of its response_modes")
	say(c.IDTokenEncAlg != "", "has ID tokens that are encrypted, and the token handler has no key")
	return out
}
