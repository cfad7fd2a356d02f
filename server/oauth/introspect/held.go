package introspect

import (
	"context"
	"time"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/claims"
)

// Held is a token that holds, for rooms that judge it further.
type Held struct{ s *state }

// Look returns the token as far as the caller may know it; nil for one that does not hold or is not the caller's affair.
func (h *Handler) Look(ctx context.Context, caller *oauth.Client, token string, now time.Time) (*Held, error) {
	s, err := h.look(ctx, caller, token, now)
	if s == nil || err != nil {
		return nil, err
	}
	return &Held{s}, nil
}

// Audience, Scope and ACR are what the token says.
func (x *Held) Audience() []string { return x.s.access.Audience }
func (x *Held) Scope() []string    { return x.s.access.Scope }
func (x *Held) ACR() string        { return x.s.proved.ACR }

// Owner is the client it was issued to.
func (x *Held) Owner() *oauth.Client { return x.s.owner }

// Confirm is the key or certificate without which the token is worth nothing; the zero value for a bearer token.
func (x *Held) Confirm() oauth.Confirm { return x.s.access.Confirm }

// AuthTime is when the person proved who they are; the zero time for a client's own token.
func (x *Held) AuthTime() time.Time {
	if x.s.proved.AuthTime == 0 {
		return time.Time{}
	}
	return time.Unix(x.s.proved.AuthTime, 0)
}

// For signs the token as a JWT for one audience alone (RFC 9068) that ends at expires, or with the token when that ends sooner. What it was
// bound to was proved to whoever asks, and is left out: behind a gateway nobody could prove it again.
func (h *Handler) For(ctx context.Context, x *Held, audience string, now, expires time.Time) (string, error) {
	values, err := h.collect(ctx, x.s, claims.AccessToken)
	if err != nil {
		return "", err
	}
	a := *x.s.access
	a.Confirm = oauth.Confirm{}
	a.Audience, a.Issued, a.Acting = []string{audience}, now, h.Tokens.ActingFor(x.s.owner, a.Acting)
	if expires.Before(a.Expires) {
		a.Expires = expires
	}
	return h.Tokens.SignAccess(ctx, x.s.owner.TokenAlg, &a, h.subject(x.s), x.s.auth(), values)
}
