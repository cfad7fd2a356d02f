package config

import (
	"maps"
	"slices"

	"github.com/stile-id/stile/server/oauth/gateway"
)

// gateways comes after the clients: what a gateway may ask about is its client's affair.
func (c *checker) gateways() {
	for _, name := range slices.Sorted(maps.Keys(c.Gateways)) {
		for _, err := range gateway.Check(name, c.Gateways[name], c.Clients) {
			where := append(at("gateways", name), c.meant(err.Error(), "gateways", name)...)
			c.add("STILE-C19", where, "see docs/guides/zero-trust-api.md", "gateway %s: %v", name, err)
		}
	}
}
