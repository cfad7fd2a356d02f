package config

import (
	"maps"
	"slices"

	"github.com/stile-id/stile/server/oauth/bff"
	"github.com/stile-id/stile/server/oauth/gateway"
)

// handlers comes after the clients too.
func (c *checker) handlers() {
	for _, id := range slices.Sorted(maps.Keys(c.Handlers)) {
		for _, err := range bff.Check(c.Issuer, id, c.Handlers[id], c.Clients) {
			where := append(at("token-handlers", id), c.meant(err.Error(), "token-handlers", id)...)
			c.add("STILE-C20", where, "see docs/guides/single-page-apps.md", "token handler %s: %v", id, err)
		}
	}
}

// gateways comes after the clients: what a gateway may ask about is its client's affair.
func (c *checker) gateways() {
	for _, name := range slices.Sorted(maps.Keys(c.Gateways)) {
		for _, err := range gateway.Check(name, c.Gateways[name], c.Clients) {
			where := append(at("gateways", name), c.meant(err.Error(), "gateways", name)...)
			c.add("STILE-C19", where, "see docs/guides/zero-trust-api.md", "gateway %s: %v", name, err)
		}
	}
}
