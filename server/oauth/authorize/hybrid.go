package authorize

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/claims"
	"github.com/stile-id/stile/server/oauth/tokens"
)

// maxBeside bounds an ID token that travels through the browser, in bytes: signed once more, with the longest state, and sealed in the
// address of a form that posts itself, it must still fit into the head of a request.
const maxBeside = 6 << 10

var errGone = oauth.Fail(oauth.AccessDenied, "What was granted does not hold any more.")

// beside makes the ID token that goes with a code through the browser (OpenID Connect Core §3.3.2.11). It says of the person what the one of
// the token endpoint says, c_hash binds the code to it and s_hash the state, and grant and account are asked for in the ledger, as at that door.
//
// Browsers keep it, and whatever runs in them may read it. So its jti names no grant: it is a statement to the client and can be exchanged
// for nothing (tokens.ParseID), while the code needs the client's authentication, and PKCE where that was asked for.
func (h *Handler) beside(ctx context.Context, c *oauth.Client, n *Note, grant, code string, now time.Time) (string, error) {
	live, err := h.Grants.Status(ctx, grant, "", now)
	switch {
	case errors.Is(err, identity.ErrRefused):
		return "", errGone.With(err)
	case err != nil:
		return "", err
	case !c.Holds(&live):
		return "", errGone
	}
	scopes := slices.DeleteFunc(slices.Clone(live.Grant.Scope), func(s string) bool { return !c.May(s) })
	if !slices.Contains(scopes, "openid") {
		return "", oauth.Fail(oauth.AccessDenied, "The person did not allow the scope openid.")
	}
	asked, proved, err := oauth.ReadRecords(live.Grant.Request, live.Grant.Verdict)
	if err != nil {
		return "", err
	}
	values, err := h.Claims.Collect(ctx, &claims.Ask{Client: c, Live: &live, Scopes: scopes, GrantType: oauth.GrantCode, Journey: proved.Claims, NamedID: asked.IDTokenClaims}, claims.IDToken)
	if err != nil {
		return "", err
	}
	number, err := h.Tokens.NewID()
	if err != nil {
		return "", err
	}
	own := map[string]any{"jti": number, "c_hash": tokens.HalfHash(c.IDTokenAlg, code)}
	if n.State != "" {
		own["s_hash"] = tokens.HalfHash(c.IDTokenAlg, n.State)
	}
	idToken, err := h.Tokens.SignID(ctx, c, tokens.ID{Live: &live, Proved: proved, Nonce: asked.Nonce, Issued: now, Own: own, Claims: values[claims.IDToken]})
	if err == nil && len(idToken) > maxBeside {
		return "", oauth.Fail(oauth.ServerError, "The ID token is too long to travel with a code. Ask for the claims at userinfo.")
	}
	return idToken, err
}

// report logs why an answer has no ID token: the client is told a code and a sentence.
func (h *Handler) report(ctx context.Context, c *oauth.Client, e *oauth.Error) {
	if h.Log != nil {
		h.Log.LogAttrs(ctx, slog.LevelWarn, "no ID token for an authorization answer", slog.String("client", c.ID), slog.String("code", e.Code), slog.Any("cause", e.Cause))
	}
}
