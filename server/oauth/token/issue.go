package token

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/claims"
	"github.com/stile-id/stile/server/oauth/details"
	"github.com/stile-id/stile/server/oauth/tokens"
)

var errTarget = oauth.Fail(oauth.InvalidTarget, "The resource is not one that tokens of this client may be for.")

// audiences says what the token is for (RFC 8707 §2): the resources asked for now, within those of the authorization, within those
// of the client. Our own userinfo endpoint is an audience of every openid token; a token for nothing else is for us.
func (h *Handler) audiences(q *request, g *granted) ([]string, error) {
	allowed := q.client.Resources
	out := allowed
	if len(g.asked.Resources) > 0 {
		out = within(g.asked.Resources, allowed)
		if len(out) == 0 {
			return nil, errTarget
		}
	}
	if now := q.params.All("resource"); len(now) > 0 {
		picked := within(now, out)
		if len(picked) != len(now) {
			return nil, errTarget
		}
		out = picked
	}
	out = slices.Clone(out)
	if len(out) == 0 || slices.Contains(g.scopes, "openid") {
		out = append(out, string(h.Issuer))
	}
	return out, nil
}

// peek looks at a grant before anything of it is used up: asking for too much must not cost a code or a refresh token. Most requests
// ask for nothing beyond the grant and do without.
func (h *Handler) peek(ctx context.Context, q *request, id string) (*identity.Grant, error) {
	g, err := h.Grants.Grant(ctx, id)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return nil, errGrant
	case err != nil:
		return nil, err
	case g.Client != q.client.ID:
		return nil, errGrant
	}
	asked, _, err := oauth.ReadRecords(g.Request, nil)
	if err != nil {
		return nil, err
	}
	if now := q.params.All("resource"); len(asked.Resources) > 0 && len(within(now, asked.Resources)) != len(now) {
		return nil, errTarget
	}
	if q.details != nil && !details.Within(q.details, asked.Details) {
		return nil, errDetails
	}
	return g, nil
}

func within(names, allowed []string) []string {
	var out []string
	for _, n := range names {
		if slices.Contains(allowed, n) && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// issue makes the tokens and writes the answer (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).
func (h *Handler) issue(ctx context.Context, q *request, g *granted) ([]byte, error) {
	aud, err := h.audiences(q, g)
	if g.swapped != nil {
		aud, err = g.swapped.audience, nil
	}
	if err != nil {
		return nil, err
	}
	id, err := h.Tokens.NewID()
	if err != nil {
		return nil, err
	}
	c := q.client
	a := &tokens.Access{ID: id, Client: c.ID, Audience: aud, Scope: g.scopes, Issued: q.now, Expires: q.now.Add(c.AccessFor()), Confirm: q.sender}
	if g.live != nil {
		a.Grant = g.live.Grant.ID
		if g.live.Grant.Expires.Before(a.Expires) {
			a.Expires = g.live.Grant.Expires
		}
		a.MayAct = c.MayAct
	}
	granted := q.details // narrowed, or a client's own
	if granted == nil {
		granted = g.asked.Details
	}
	if q.details != nil || c.Format == oauth.FormatJWT {
		a.Details = string(granted) // else introspection finds them in the grant
	}
	if g.swapped != nil {
		g.swapped.shape(a)
		granted, a.Details = nil, "[]" // details were granted to the app whose token it was, and go no further
	}
	openid := g.live != nil && g.swapped == nil && slices.Contains(g.scopes, "openid")
	ask := &claims.Ask{Client: c, Live: g.live, Scopes: g.scopes, GrantType: g.kind, Journey: g.proved.Claims, NamedID: g.asked.IDTokenClaims}
	var targets []string
	if c.Format == oauth.FormatJWT {
		targets = append(targets, claims.AccessToken)
	}
	if openid {
		targets = append(targets, claims.IDToken)
	}
	var values claims.Values
	if len(targets) > 0 {
		if values, err = h.Claims.Collect(ctx, ask, targets...); err != nil {
			return nil, err
		}
	}
	var access, idToken, refresh string
	if c.Format == oauth.FormatJWT {
		told := *a
		told.Acting = h.Tokens.ActingFor(c, a.Acting)
		access, err = h.Tokens.SignAccess(ctx, c.TokenAlg, &told, h.Tokens.Subject(c, ask.Subject()), auth(g), values[claims.AccessToken])
	} else {
		access, err = h.Tokens.SealAccess(a, q.now)
	}
	if err != nil {
		return nil, err
	}
	if g.refresh > 0 {
		t := tokens.Refresh{Grant: g.live.Grant.ID, Generation: g.refresh}
		if !c.Confidential() {
			t.Confirm = q.sender // a client that authenticates is bound by that (RFC 9449 §5)
		}
		refresh = h.Tokens.SealRefresh(t, q.now)
	}
	if openid {
		if idToken, err = h.idToken(ctx, q, g, access, refresh, values[claims.IDToken]); err != nil {
			return nil, err
		}
	}
	b := answer(access, a.Confirm.Type(), idToken, refresh, a.Expires.Sub(q.now), g.scopes, granted)
	if g.swapped != nil {
		b = append(append(append(b[:len(b)-1], `,"issued_token_type":"`...), g.swapped.issued...), `"}`...)
	}
	if g.pushed != "" {
		b = append(append(append(b[:len(b)-1], `,"auth_req_id":"`...), g.pushed...), `"}`...) // base64url, as we made it
	}
	return b, nil
}

// auth is how and when the person was authenticated; a client's own token says nothing of it.
func auth(g *granted) map[string]any {
	out := map[string]any{}
	if g.live != nil {
		g.proved.Say(out)
	}
	return out
}

// idToken makes the ID token that goes with an access token. A refreshed one has no nonce (OpenID Connect Core §12.2) and keeps auth_time.
func (h *Handler) idToken(ctx context.Context, q *request, g *granted, access, refresh string, values map[string]json.RawMessage) (string, error) {
	number, err := h.Tokens.IDNumber(g.live.Grant.ID)
	if err != nil {
		return "", err
	}
	own := map[string]any{"jti": number, "at_hash": tokens.HalfHash(q.client.IDTokenAlg, access)}
	h.Tokens.ActingFor(q.client, tokens.Acting{MayAct: q.client.MayAct}).Say(own)
	g.vouch(own, q.client.IDTokenAlg, refresh)
	return h.Tokens.SignID(ctx, q.client, tokens.ID{Live: g.live, Proved: g.proved, Nonce: g.nonce, Issued: q.now, Own: own, Claims: values})
}

// answer writes the JSON by hand: tokens are base64url and dots, scopes were checked to hold neither quote nor backslash.
func answer(access, kind, idToken, refresh string, life time.Duration, scopes []string, granted json.RawMessage) []byte {
	b := make([]byte, 0, 160+len(access)+len(idToken)+len(refresh))
	b = append(b, `{"access_token":"`...)
	b = append(b, access...)
	b = append(b, `","token_type":"`...)
	b = append(b, kind...)
	b = append(b, `","expires_in":`...)
	b = strconv.AppendInt(b, int64(life/time.Second), 10)
	if refresh != "" {
		b = append(append(append(b, `,"refresh_token":"`...), refresh...), '"')
	}
	if idToken != "" {
		b = append(append(append(b, `,"id_token":"`...), idToken...), '"')
	}
	if len(granted) > 0 {
		b = append(append(b, `,"authorization_details":`...), granted...)
	}
	for i, s := range scopes {
		if i == 0 {
			b = append(b, `,"scope":"`...)
		} else {
			b = append(b, ' ')
		}
		b = append(b, s...)
	}
	if len(scopes) > 0 {
		b = append(b, '"')
	}
	return append(b, '}')
}
