// Package registry finds clients: those of the settings, and those that registered themselves. Their ids can never be the same: what registers gets
// an id of a form that the settings may not use.
package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
)

// Registry is the list of clients from the settings. Replace swaps it whole when settings change; a client that is no longer
// in it stops at every door from then on.
type Registry struct {
	now atomic.Pointer[list]
	// Registered finds the others; nil: nobody may register. It is set before the registry is used.
	Registered *Registered
}

type list struct {
	clients map[string]*oauth.Client
	origins map[string]bool
}

// New checks the clients and makes a registry of them; a repeated id is an error.
func New(clients []oauth.Client) (*Registry, error) {
	r := &Registry{}
	if err := r.Replace(clients); err != nil {
		return nil, err
	}
	return r, nil
}

// Replace checks the clients and serves them from now on; with any problem everything stays as it was.
func (r *Registry) Replace(clients []oauth.Client) error {
	l := &list{clients: map[string]*oauth.Client{}, origins: map[string]bool{}}
	var problems []error
	for _, c := range clients {
		checked, errs := client.Check(c)
		problems = append(problems, errs...)
		if identity.Registered(c.ID) {
			problems = append(problems, fmt.Errorf("client %q: ids of this form are given to clients that register", c.ID))
		}
		if l.clients[c.ID] != nil {
			problems = append(problems, fmt.Errorf("client %q is there twice", c.ID))
		}
		l.clients[c.ID] = &checked
		for _, o := range checked.Origins {
			l.origins[o] = true
		}
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	r.now.Store(l)
	return nil
}

// Client finds a client; oauth.ErrNoClient.
func (r *Registry) Client(ctx context.Context, id string) (*oauth.Client, error) {
	if c := r.now.Load().clients[id]; c != nil {
		return c, nil
	}
	if r.Registered != nil && identity.Registered(id) {
		return r.Registered.Client(ctx, id)
	}
	return nil, oauth.ErrNoClient
}

// Origin reports whether some client may have the web origin: it stands in the settings, or pages may register, which come from anywhere by https. Which client
// it is shows only when the client is known; then its own origins decide (wire.Origin).
func (r *Registry) Origin(_ context.Context, origin string) bool {
	return r.now.Load().origins[origin] || r.Registered != nil && r.Registered.Pages && strings.HasPrefix(origin, "https://") && client.Origin(origin) == origin
}

// All lists the clients' ids.
func (r *Registry) All() []string {
	var out []string
	for id := range r.now.Load().clients {
		out = append(out, id)
	}
	return out
}
