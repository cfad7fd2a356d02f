package token

import (
	"context"
	"errors"
	"slices"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/pending"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// Claims by which an ID token that is pushed vouches for what lies beside it (CIBA §10.3.1).
const (
	claimRequest = "urn:openid:params:jwt:claim:auth_req_id"
	claimRefresh = "urn:openid:params:jwt:claim:rt_hash"
)

// ErrNoGrant: the account was disabled or the grant revoked after the person said yes, or the client may not have it any more.
var ErrNoGrant = errors.New("token: the grant does not stand")

// Push makes the answer that a client is sent in place of one it asks for (CIBA §10.3.1). It may be made again while the first was not delivered:
// only this server redeems the grant, since the token endpoint refuses clients that are pushed to.
func (h *Handler) Push(ctx context.Context, c *oauth.Client, n *pending.Notification, name string) ([]byte, error) {
	q := &request{client: c, sender: n.Confirm, now: h.Now()}
	live, err := h.collect(ctx, q, n)
	switch {
	case errors.Is(err, identity.ErrRefused), errors.Is(err, identity.ErrRepeated), errors.Is(err, identity.ErrNotFound):
		return nil, ErrNoGrant
	case err != nil:
		return nil, err
	case !slices.Contains(c.GrantTypes, oauth.GrantBackchannel), (c.DPoP == oauth.Required) && n.Confirm.JKT == "", c.TLSBound && n.Confirm.X5T == "":
		return nil, ErrNoGrant // the client's settings have changed meanwhile
	}
	g := &granted{live: &live, scopes: live.Grant.Scope, pushed: name}
	if live.Grant.Offline {
		g.refresh = live.Grant.Generation
	}
	if g.asked, g.proved, err = oauth.ReadRecords(live.Grant.Request, live.Grant.Verdict); err != nil {
		return nil, err
	}
	body, err := h.hand(ctx, q, g, oauth.GrantBackchannel)
	if errors.Is(err, errGrant) {
		return nil, ErrNoGrant
	}
	return body, err
}

// collect redeems the grant, or finds it redeemed by an earlier try.
func (h *Handler) collect(ctx context.Context, q *request, n *pending.Notification) (identity.Live, error) {
	g, err := h.Grants.Grant(ctx, n.Grant)
	if err != nil {
		return identity.Live{}, err
	}
	if g.Client != q.client.ID || g.Redirect != pending.Redirect(n.Key) {
		return identity.Live{}, identity.ErrRefused
	}
	if !g.Redeemed.IsZero() {
		return h.Grants.Status(ctx, n.Grant, "", q.now)
	}
	return h.Grants.Redeem(ctx, identity.Redemption{Grant: n.Grant, Client: q.client.ID, Redirect: g.Redirect,
		Refresh: slices.Contains(q.client.GrantTypes, oauth.GrantRefresh), At: q.now, Idle: q.now.Add(q.client.IdleFor())})
}

// vouch adds to an ID token what it says of the things pushed beside it.
func (g *granted) vouch(own map[string]any, alg, refresh string) {
	if g.pushed == "" {
		return
	}
	own[claimRequest] = g.pushed
	if refresh != "" {
		own[claimRefresh] = tokens.HalfHash(alg, refresh)
	}
}
