package client

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/seal"
)

// Registry is the list of clients from the settings. Replace swaps it whole when settings change; a client that is no longer
// in it stops at every door from then on.
type Registry struct{ now atomic.Pointer[list] }

type list struct {
	clients map[string]*oauth.Client
	origins map[string]bool
}

// NewRegistry checks the clients and makes a registry of them; a repeated id is an error.
func NewRegistry(clients []oauth.Client) (*Registry, error) {
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
		checked, errs := Check(c)
		problems = append(problems, errs...)
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
func (r *Registry) Client(_ context.Context, id string) (*oauth.Client, error) {
	if c := r.now.Load().clients[id]; c != nil {
		return c, nil
	}
	return nil, oauth.ErrNoClient
}

// Origin reports whether any client registered the web origin.
func (r *Registry) Origin(_ context.Context, origin string) bool { return r.now.Load().origins[origin] }

// All lists the clients' ids.
func (r *Registry) All() []string {
	var out []string
	for id := range r.now.Load().clients {
		out = append(out, id)
	}
	return out
}

// NewSecret generates a client secret of 256 bits and the form in which settings keep it (SHA-256 in hex).
func NewSecret(random io.Reader) (secret seal.Secret, kept string, err error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(random, b); err != nil {
		return seal.Secret{}, "", fmt.Errorf("make a client secret: %w", err)
	}
	text := base64.RawURLEncoding.EncodeToString(b)
	return seal.NewSecret(text), Kept(text), nil
}

// Kept is the form in which settings keep a secret.
func Kept(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
