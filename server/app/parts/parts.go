// Package parts makes what the settings alone describe: no store, nothing that runs.
package parts

import (
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/stile-id/stile/actions/federate"
	"github.com/stile-id/stile/actions/password"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/config"
	connect "github.com/stile-id/stile/server/connect/http"
	"github.com/stile-id/stile/server/oauth/assertion"
)

// Hasher makes the hasher of the password settings.
func Hasher(p config.Password) (*password.Argon2, error) {
	c := password.DefaultCost()
	if p.Memory > 0 {
		c.Memory = p.Memory
	}
	if p.Iterations > 0 {
		c.Iterations = p.Iterations
	}
	if p.Parallelism > 0 {
		c.Parallelism = p.Parallelism
	}
	at, waiting := p.AtOnce, p.Waiting
	if at == 0 {
		at = runtime.GOMAXPROCS(0)
	}
	if waiting == 0 {
		waiting = 64
	}
	return password.NewArgon2(c, at, waiting)
}

// Limit is a limit of the settings, or the one they have when they say nothing.
func Limit(l *config.Limit, burst int, per time.Duration) transient.Limit {
	if l == nil {
		return transient.Limit{Burst: burst, Per: per}
	}
	return transient.Limit{Burst: l.Burst, Per: time.Duration(l.Per)}
}

// Connectors makes the connectors of the settings.
func Connectors(f *config.File) (*connect.Connectors, error) {
	var list []connect.Connector
	for name, c := range f.Connectors {
		k := connect.Connector{Name: name, Base: c.Base, Headers: c.Headers, Timeout: min(time.Duration(c.Timeout), 10*time.Second), Cache: time.Duration(c.Cache),
			Retries: 1, Private: c.Private}
		if c.Retries != nil {
			k.Retries = *c.Retries
		}
		bearer, err := c.Bearer.Resolve(f.Dir)
		if err != nil {
			return nil, fmt.Errorf("connector %s: %w", name, err)
		}
		k.Bearer = bearer
		if c.Basic != nil {
			k.Username = c.Basic.Username
			if k.Password, err = c.Basic.Password.Resolve(f.Dir); err != nil {
				return nil, fmt.Errorf("connector %s: %w", name, err)
			}
		}
		list = append(list, k)
	}
	return connect.New(list...)
}

// Assertions makes the trusted issuers of the settings.
func Assertions(f *config.File) ([]assertion.Issuer, error) {
	var list []assertion.Issuer
	for name, a := range f.Assertions {
		keys, err := a.Keys.Resolve(f.Dir)
		if err != nil {
			return nil, fmt.Errorf("assertion issuer %s: %w", name, err)
		}
		list = append(list, assertion.Issuer{Issuer: a.Issuer, Keys: []byte(keys.Reveal()), URI: a.URI, Private: a.Private, Algorithms: a.Algorithms,
			Clients: a.Clients, Scopes: a.Scopes, Links: a.Links, Accounts: a.Accounts, Lifetime: time.Duration(a.Lifetime)})
	}
	return list, nil
}

// Providers makes the outside identity providers of the settings.
func Providers(f *config.File) (*federate.Providers, error) {
	var list []federate.Provider
	for name, p := range f.Providers {
		secret, err := p.ClientSecret.Resolve(f.Dir)
		if err != nil {
			return nil, fmt.Errorf("provider %s: %w", name, err)
		}
		title := p.Title
		if title == "" {
			title = name
		}
		list = append(list, federate.Provider{Name: name, Title: title, Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: secret.Reveal(), Scopes: p.Scopes,
			Vouches: p.Vouches, Redirect: f.Issuer + "/federate/callback", Client: connect.Guarded(p.Private, 10*time.Second)})
	}
	return federate.NewProviders(list...), nil
}

// Signatures are the algorithms that the clients of the settings are signed for with.
func Signatures(f *config.File) (algs []string) {
	for _, c := range f.Clients {
		algs = append(algs, c.TokenAlg, c.IDTokenAlg, c.UserinfoAlg, c.AnswerAlg, c.ResponseAlg)
	}
	return algs
}

// Calls makes the clients for addresses that OAuth clients registered: guarded, and for those whose settings allow it, to private addresses too.
func Calls() func(private bool) *http.Client { return guarded(10 * time.Second) }

// APIs makes the clients that token handlers call APIs with.
func APIs() func(private bool) *http.Client { return guarded(25 * time.Second) }

func guarded(timeout time.Duration) func(private bool) *http.Client {
	public, private := connect.Guarded(false, timeout), connect.Guarded(true, timeout)
	return func(allowed bool) *http.Client {
		if allowed {
			return private
		}
		return public
	}
}
