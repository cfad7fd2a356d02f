package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
)

var (
	errNoCode   = oauth.Fail(oauth.InvalidRequest, "The code is missing.")
	errVerifier = oauth.Fail(oauth.InvalidGrant, "The code_verifier has 43 to 128 letters, digits or - . _ ~ only.")
)

// code redeems an authorization code (OAuth 2.1 §4.1.3, RFC 7636 §4.6). One conditional statement in the ledger compares client,
// redirect URI and challenge and uses the code up: however many callers race, one wins. A second redemption that passes every
// check revokes the grant; one that fails a check changes nothing, so a thief cannot take away what the owner has.
func code(h *Handler, ctx context.Context, q *request) (*granted, error) {
	text := q.params.Get("code")
	if text == "" {
		return nil, errNoCode
	}
	c, err := h.Tokens.OpenCode(text, q.now)
	if err != nil || c.JKT != "" && c.JKT != q.sender.JKT { // asked for with a key: of no use without it, and unharmed by the try
		return nil, errGrant
	}
	id := c.Grant
	verifier, challenge := q.params.Get("code_verifier"), ""
	if verifier != "" {
		if !wellFormed(verifier) {
			return nil, errVerifier
		}
		sum := sha256.Sum256([]byte(verifier))
		challenge = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	redirect := q.params.Get("redirect_uri")
	if redirect == "" && challenge != "" || q.params.Has("resource") || q.details != nil {
		g, err := h.peek(ctx, q, id)
		if err != nil {
			return nil, err
		}
		if redirect == "" && challenge != "" {
			redirect = g.Redirect // OAuth 2.1 clients leave it out: the verifier already binds the code to who asked for it
		}
	}
	live, err := h.Grants.Redeem(ctx, identity.Redemption{Grant: id, Client: q.client.ID, Redirect: redirect, Challenge: challenge,
		Refresh: slices.Contains(q.client.GrantTypes, oauth.GrantRefresh), At: q.now, Idle: q.now.Add(q.client.IdleFor())})
	switch {
	case errors.Is(err, identity.ErrRepeated):
		h.repeated(ctx, "code", q, id)
		return nil, errGrant.With(err)
	case errors.Is(err, identity.ErrRefused), errors.Is(err, identity.ErrNotFound):
		return nil, errGrant.With(err)
	case err != nil:
		return nil, err
	}
	g := &granted{live: &live, scopes: live.Grant.Scope}
	if g.asked, g.proved, err = oauth.ReadRecords(live.Grant.Request, live.Grant.Verdict); err != nil {
		return nil, err
	}
	g.nonce = g.asked.Nonce
	// Without offline access a refresh token lives as long as the session; where there is none, there is nothing to live with.
	if live.Grant.Offline || live.Grant.Session != "" {
		g.refresh = live.Grant.Generation
	}
	return g, nil
}

// wellFormed checks a code_verifier's form (RFC 7636 §4.1).
func wellFormed(verifier string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	for _, c := range []byte(verifier) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}
