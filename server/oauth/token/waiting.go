package token

import (
	"context"
	"errors"
	"slices"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/pending"
)

var errPushed = oauth.Fail(oauth.UnauthorizedClient, "The client is sent its tokens and may not ask for them.")

// waiting answers a client that asks what became of a request that a person decides elsewhere (RFC 8628 §3.4, CIBA §10.1). Whether the grant was
// redeemed before, the ledger decides: it is bound to the secret that only this client was given.
func waiting(kind, param string) grant {
	return func(h *Handler, ctx context.Context, q *request) (*granted, error) {
		text := q.params.Get(param)
		if text == "" {
			return nil, oauth.Fail(oauth.InvalidRequest, "The "+param+" is missing.")
		}
		if h.Pending == nil {
			return nil, errGrant
		}
		if kind == pending.Backchannel && q.client.Backchannel.Delivers() == oauth.DeliverPush {
			return nil, errPushed
		}
		id, key, err := h.Pending.Poll(ctx, kind, text, q.client.ID, q.now)
		if err != nil {
			return nil, err
		}
		if q.params.Has("resource") {
			if _, err := h.peek(ctx, q, id); err != nil {
				return nil, err
			}
		}
		live, err := h.Grants.Redeem(ctx, identity.Redemption{Grant: id, Client: q.client.ID, Redirect: pending.Redirect(key),
			Refresh: slices.Contains(q.client.GrantTypes, oauth.GrantRefresh), At: q.now, Idle: q.now.Add(q.client.IdleFor())})
		switch {
		case errors.Is(err, identity.ErrRepeated):
			h.repeated(ctx, param, q, id)
			return nil, errGrant.With(err)
		case errors.Is(err, identity.ErrRefused), errors.Is(err, identity.ErrNotFound):
			return nil, errGrant.With(err)
		case err != nil:
			return nil, err
		}
		g := &granted{live: &live, scopes: live.Grant.Scope}
		if live.Grant.Offline {
			g.refresh = live.Grant.Generation
		}
		g.asked, g.proved, err = oauth.ReadRecords(live.Grant.Request, live.Grant.Verdict)
		return g, err
	}
}
