package token

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
)

// grace is how long the previous refresh token is answered with the present one again: an answer lost on the way costs no
// sign-in, and two parallel refreshes of one app agree.
const grace = 10 * time.Second

var errNoRefresh = oauth.Fail(oauth.InvalidRequest, "The refresh_token is missing.")

// refresh moves the head of a grant's refresh tokens and gives a new access token (OAuth 2.1 §4.3). The ledger decides, in one
// conditional statement; a token older than the previous one revokes the whole family.
func refresh(h *Handler, ctx context.Context, q *request) (*granted, error) {
	text := q.params.Get("refresh_token")
	if text == "" {
		return nil, errNoRefresh
	}
	t, err := h.Tokens.OpenRefresh(text, q.now)
	if err != nil || !q.sender.Has(t.Confirm) {
		return nil, errGrant
	}
	keep := q.client.Rotation == oauth.Never
	if q.scopes != nil || q.params.Has("resource") || q.details != nil {
		g, err := h.peek(ctx, q, t.Grant)
		if err != nil {
			return nil, err
		}
		if !subset(q.scopes, g.Scope) {
			return nil, errScope
		}
	}
	live, err := h.Grants.Rotate(ctx, identity.Rotation{Grant: t.Grant, Client: q.client.ID, Generation: t.Generation, Grace: grace, Keep: keep,
		At: q.now, Idle: q.now.Add(q.client.IdleFor())})
	switch {
	case errors.Is(err, identity.ErrRepeated):
		h.repeated(ctx, "refresh token", q, t.Grant)
		return nil, errGrant.With(err)
	case errors.Is(err, identity.ErrRefused), errors.Is(err, identity.ErrNotFound):
		return nil, errGrant.With(err)
	case err != nil:
		return nil, err
	}
	g := &granted{live: &live, scopes: live.Grant.Scope, refresh: live.Grant.Generation}
	if keep {
		g.refresh = 0 // the one it has stays good
	}
	if q.scopes != nil {
		g.scopes = q.scopes
	}
	if g.asked, g.proved, err = oauth.ReadRecords(live.Grant.Request, live.Grant.Verdict); err != nil {
		return nil, err
	}
	return g, nil
}

func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
