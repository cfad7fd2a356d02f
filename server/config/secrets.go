package config

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth/claims"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/details"
	"github.com/stile-id/stile/server/seal"
)

// references refuses secrets that are written out and references that lead nowhere.
func (c *checker) references() {
	secret := func(r Ref, path ...string) {
		switch {
		case r.Empty():
		case !r.Refers():
			c.add("STILE-C07", path, "write env:NAME or file:PATH", "a secret is written out; anybody who reads the settings would know it")
		default:
			c.resolves(r, path...)
		}
	}
	secret(c.MasterKey, "master-key")
	secret(c.Mail.Password, "mail", "password")
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		secret(c.Providers[name].ClientSecret, "providers", name, "client_secret")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Connectors)) {
		k := c.Connectors[name]
		secret(k.Bearer, "connectors", name, "bearer")
		if k.Basic != nil {
			secret(k.Basic.Password, "connectors", name, "basic", "password")
		}
	}
	for _, store := range []struct {
		ref Ref
		key string
	}{{c.Ledger, "ledger"}, {c.Transient, "transient"}} {
		switch {
		case store.ref.Refers():
			c.resolves(store.ref, store.key)
		case holdsPassword(store.ref.text):
			secret(store.ref, store.key)
		}
	}
}

func (c *checker) resolves(r Ref, path ...string) {
	if _, err := r.Resolve(c.Dir); err != nil {
		c.add("STILE-C09", path, "a reference leads to a value before anything starts", "%v", err)
	}
}

// holdsPassword reports whether a store's address brings its password along, in any way drivers read one.
func holdsPassword(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return strings.Contains(address, "@") || strings.Contains(strings.ToLower(address), "password")
	}
	_, has := u.User.Password()
	return has || strings.Contains(strings.ToLower(address), "password=")
}

// clients checks each client and resolves references among its secrets to what is kept of them.
func (c *checker) clients() {
	seen := map[string]bool{}
	for i := range c.Clients {
		index := strconv.Itoa(i)
		k := &c.Clients[i]
		if k.ID != "" && seen[k.ID] {
			c.add("STILE-C08", at("clients", index, "id"), "rename or remove one of them", "client %q is here twice", k.ID)
		}
		seen[k.ID] = true
		if identity.Registered(k.ID) {
			c.add("STILE-C08", at("clients", index, "id"), "rename it", "client %q has an id of the form that clients get which register themselves", k.ID)
		}
		secrets, missing := slices.Clone(k.Secrets), false
		for n, s := range secrets {
			r := Ref{s}
			if !r.Refers() {
				continue
			}
			v, err := r.Resolve(c.Dir)
			if err != nil {
				c.add("STILE-C09", at("clients", index, "secrets", strconv.Itoa(n)), "a reference leads to a value before anything starts", "%v", err)
				missing = true
				continue
			}
			secrets[n] = client.Kept(v.Reveal())
		}
		if missing {
			continue
		}
		if _, handled := c.Handlers[k.ID]; handled {
			inner := rand.Text() + rand.Text()
			if c.Inner == nil {
				c.Inner = map[string]seal.Secret{}
			}
			c.Inner[k.ID] = seal.NewSecret(inner)
			secrets = append(secrets, client.Kept(inner))
		}
		k.Secrets = secrets
		checked, errs := client.Check(*k)
		for _, err := range errs {
			where := append(at("clients", index), c.meant(strings.TrimPrefix(err.Error(), fmt.Sprintf("client %q: ", k.ID)), "clients", index)...)
			hint := "see docs/reference/settings.md"
			var p *client.Problem
			if errors.As(err, &p) && p.Field != "" {
				where, hint = at("clients", index, p.Field), p.Hint
			}
			c.add("STILE-C08", where, hint, "%v", err)
		}
		if len(errs) == 0 {
			*k = checked
		}
	}
}

// meant finds what a sentence is about below a place: the value it quotes, else the setting it begins with.
func (c *checker) meant(sentence string, below ...string) []string {
	n, _ := c.root.Path(below...)
	var found []string
	var walk func(n *flow.Node, path []string)
	walk = func(n *flow.Node, path []string) {
		for i, v := range n.Items {
			walk(v, append(slices.Clone(path), strconv.Itoa(i)))
		}
		for _, m := range n.Members {
			walk(m.Value, append(slices.Clone(path), m.Key))
		}
		if n.Kind == flow.String && found == nil && strings.Contains(sentence, strconv.Quote(n.Text)) {
			found = path
		}
	}
	walk(n, nil)
	if found != nil {
		return found
	}
	word, _, _ := strings.Cut(sentence, " ")
	return strings.Split(strings.TrimRight(word, ":"), ".")
}

// details checks the types of authorization details, and that clients name declared ones.
func (c *checker) details() {
	for _, name := range slices.Sorted(maps.Keys(c.Details)) {
		if _, err := details.New(details.Settings{name: c.Details[name]}); err != nil {
			c.add("STILE-C18", at("authorization-details", name), "write a JSON Schema of type object that refers to nothing outside", "%v", err)
		}
	}
	for i, k := range c.Clients {
		for n, name := range k.Details {
			if _, declared := c.Details[name]; !declared {
				c.add("STILE-C18", at("clients", strconv.Itoa(i), "authorization_details_types", strconv.Itoa(n)), "declare it under authorization-details", "there is no type %q of authorization details", name)
			}
		}
	}
}

// claims checks each claim and what it comes from.
func (c *checker) claims() {
	for _, name := range slices.Sorted(maps.Keys(c.Claims)) {
		r := c.Claims[name]
		if _, err := claims.New(claims.Settings{name: r}, claims.Ports{}); err != nil {
			for _, e := range causes(err) {
				c.add("STILE-C12", at("claims", name), "see docs/reference/settings.md", "claim %s", strings.TrimPrefix(e.Error(), claims.ErrSettings.Error()+": "))
			}
			continue
		}
		_, declared := c.Connectors[r.Connector]
		switch {
		case r.From == claims.FromConnector && !declared:
			c.add("STILE-C12", at("claims", name, "connector"), "declare it under connectors", "there is no connector %q", r.Connector)
		case r.Transform != "" && c.ClaimsHook == "":
			c.add("STILE-C12", at("claims", name), "name the file: `claims-hook: claims.ts`", "claim %q is transformed by a hook, and there is no claims-hook", name)
		case r.From == claims.FromHook && c.ClaimsHook == "":
			c.add("STILE-C12", at("claims", name), "name the file: `claims-hook: claims.ts`", "claim %q comes from a hook, and there is no claims-hook", name)
		}
	}
}
