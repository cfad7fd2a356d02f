package config

import (
	"slices"
	"strconv"

	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/kind"
)

// registration resolves references among the initial access tokens to what is kept of them, and judges the kinds of clients that may register.
func (c *checker) registration() {
	r := c.Registered
	if r == nil {
		if c.Register != "" {
			c.add("STILE-C21", at("registration-hook"), "add `registration:`, or remove it", "nobody can register, so the hook is never asked")
		}
		return
	}
	for i := range r.Tokens {
		ref := Ref{r.Tokens[i].Secret}
		if !ref.Refers() {
			continue
		}
		v, err := ref.Resolve(c.Dir)
		if err != nil {
			c.add("STILE-C09", at("registration", "tokens", strconv.Itoa(i), "secret"), "a reference leads to a value before anything starts", "%v", err)
			return
		}
		r.Tokens[i].Secret = client.Kept(v.Reveal())
	}
	for _, p := range kind.Check(r) {
		c.add("STILE-C21", append(at("registration"), p.Path...), p.Hint, "registration: %s", p.Cause)
	}
	for _, name := range r.Names() {
		for n, d := range r.Kinds[name].Details {
			if _, declared := c.Details[d]; !declared {
				c.add("STILE-C18", append(at("registration", "kinds", name), "authorization_details_types", strconv.Itoa(n)), "declare it under authorization-details", "there is no type %q of authorization details", d)
			}
		}
	}
	if slices.Contains(r.Names(), "") {
		c.add("STILE-C21", at("registration", "kinds"), "name it", "a kind has no name")
	}
}
