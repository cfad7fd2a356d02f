package config

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/assertion"
	"github.com/stile-id/stile/server/web"
)

// assertions judges the trusted issuers: each can be checked, and says whom and what it may speak for.
func (c *checker) assertions() {
	issuers := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Assertions)) {
		a, here := c.Assertions[name], at("assertion-issuers", name)
		below := func(key string) []string { return append(slices.Clone(here), key) }
		if a.Issuer == "" || a.Issuer == c.Issuer || issuers[a.Issuer] != "" {
			c.add("STILE-C17", below("issuer"), "write the iss of its tokens; each issuer once, and not this server", "issuer %s is no other than one known already", name)
		}
		issuers[a.Issuer] = name
		u, err := url.Parse(a.URI)
		switch {
		case a.Keys.Empty() == (a.URI == ""):
			c.add("STILE-C17", here, "write one of jwks and jwks_uri", "issuer %s has no keys, or two sets of them", name)
		case a.URI != "" && (err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !web.Loopback(u.Hostname()))):
			c.add("STILE-C17", below("jwks_uri"), "write https://login.example.com/jwks", "the jwks_uri of issuer %s is no https address", name)
		case a.URI == "":
			v, err := a.Keys.Resolve(c.Dir)
			if err == nil {
				_, err = assertion.ReadKeys([]byte(v.Reveal()))
			}
			if err != nil {
				c.add("STILE-C17", below("jwks"), "write file:keys.json with { \"keys\": [ … ] }", "the keys of issuer %s cannot be read: %v", name, err)
			}
		}
		if !a.Links && len(a.Accounts) == 0 {
			c.add("STILE-C17", here, "write `links: true` or list accounts; an e-mail address identifies nobody", "issuer %s speaks for nobody here", name)
		}
		if d := time.Duration(a.Lifetime); d < 0 || d > time.Hour {
			c.add("STILE-C17", below("lifetime"), "choose at most 1h", "a statement of issuer %s would be good too long", name)
		}
		for i, id := range a.Clients {
			k := slices.IndexFunc(c.Clients, func(k oauth.Client) bool { return k.ID == id })
			if k < 0 || !slices.Contains(c.Clients[k].GrantTypes, oauth.GrantAssertion) {
				c.add("STILE-C17", append(below("clients"), strconv.Itoa(i)), "declare the client, with grant type "+oauth.GrantAssertion, "client %s cannot bring statements of issuer %s", id, name)
			}
		}
	}
}
