// Package federate holds the steps that prove an outside identity, workforce or social.
package federate

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/stile-id/stile/engine/verdict"
)

// Provider is an outside OpenID provider as declared in the settings.
type Provider struct {
	Name         string // in settings
	Title        string // for people
	Issuer       string
	ClientID     string
	ClientSecret string
	Scopes       []string // openid is added
	Redirect     string   // our callback URL
	Vouches      string   // "", one-factor, two-factor: what its answer is worth here
	Client       *http.Client
}

// Worth is which facts the provider's answer gives besides that it answered.
func (p Provider) Worth() verdict.FactSet {
	switch p.Vouches {
	case "one-factor":
		return verdict.Set(verdict.VouchedOne)
	case "two-factor":
		return verdict.Set(verdict.VouchedOne, verdict.VouchedTwo)
	}
	return nil
}

// Providers holds the declared providers and what discovery told of them. Safe for use by several goroutines.
type Providers struct {
	declared map[string]Provider
	mu       sync.Mutex
	found    map[string]*oidc.Provider
}

// NewProviders takes the declared ones. Nothing is fetched until a provider is needed.
func NewProviders(list ...Provider) *Providers {
	p := &Providers{declared: map[string]Provider{}, found: map[string]*oidc.Provider{}}
	for _, d := range list {
		p.declared[d.Name] = d
	}
	return p
}

// Has reports whether a provider is declared.
func (p *Providers) Has(name string) bool { _, ok := p.declared[name]; return ok }

// Vouching tells for each provider which facts its answer is worth.
func (p *Providers) Vouching() map[string]verdict.FactSet {
	out := map[string]verdict.FactSet{}
	for name, d := range p.declared {
		out[name] = d.Worth()
	}
	return out
}

// Forget drops what discovery told: the next person's step asks anew.
func (p *Providers) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.found)
}

// discovered fetches the provider's metadata once. A failure is not remembered: the next person tries again.
func (p *Providers) discovered(ctx context.Context, d Provider) (*oidc.Provider, error) {
	p.mu.Lock()
	found := p.found[d.Name]
	p.mu.Unlock()
	if found != nil {
		return found, nil
	}
	// Keys are fetched in the background of later requests too, so the context of this one must not bind them.
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), d.Client), d.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover provider %s: %w", d.Name, err)
	}
	// People are sent there by us: to a page of the web, by the transport the issuer itself has, and to nothing else.
	if at, err := url.Parse(found.Endpoint().AuthURL); err != nil || at.Host == "" || at.User != nil ||
		at.Scheme != "https" && !(at.Scheme == "http" && strings.HasPrefix(d.Issuer, "http://")) {
		return nil, fmt.Errorf("discover provider %s: no usable authorization endpoint", d.Name)
	}
	p.mu.Lock()
	p.found[d.Name] = found
	p.mu.Unlock()
	return found, nil
}

func (d Provider) config(found *oidc.Provider) oauth2.Config {
	scopes := slices.Clone(d.Scopes)
	if !slices.Contains(scopes, oidc.ScopeOpenID) {
		scopes = append([]string{oidc.ScopeOpenID}, scopes...)
	}
	return oauth2.Config{ClientID: d.ClientID, ClientSecret: d.ClientSecret, Endpoint: found.Endpoint(), RedirectURL: d.Redirect, Scopes: scopes}
}
