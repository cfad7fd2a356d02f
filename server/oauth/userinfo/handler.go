// Package userinfo answers what a client may know about the person who signed in (OpenID Connect Core §5.3). The access token comes
// in the Authorization header and nowhere else (RFC 6750 §2.1).
package userinfo

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/claims"
	"github.com/stile-id/stile/server/oauth/live"
	"github.com/stile-id/stile/server/oauth/sender"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Handler serves the userinfo endpoint.
type Handler struct {
	Issuer  oauth.Issuer
	Clients oauth.Clients
	Grants  *live.Grants
	Tokens  *tokens.Tokens
	Claims  *claims.Sources
	Sender  *sender.Sender
	Now     func() time.Time
	Log     *slog.Logger
}

// Mount adds the endpoint to the host's router.
func (h *Handler) Mount(r *mux.Router) { r.Path(h.Issuer.Path(oauth.UserinfoPath)).Handler(h) }

var (
	errPlace = oauth.Fail(oauth.InvalidRequest, "The access token belongs into the Authorization header, once.")
	errToken = oauth.Fail(oauth.InvalidToken, "The access token is not valid or has expired.")
	errScope = &oauth.Error{Code: oauth.InsufficientScope, Description: "The access token needs the scope openid."}
)

// ServeHTTP answers GET and POST alike.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if wire.Preflight(w, r, h.Clients, "GET, POST") {
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		wire.Method(w, "GET, POST, OPTIONS")
		return
	}
	body, mediaType, c, err := h.answer(w, r)
	interaction(w, r, c)
	wire.Origin(w, r, h.Clients, c)
	wire.NoStore(w)
	h.Sender.Answer(w, r)
	if err != nil {
		h.Sender.Refuse(w, r, h.Log, err)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) //nolint:gosec // JSON or a JWT, served with its own media type and nosniff
}

// interaction names the call for the logs of both sides (FAPI 1.0 Part 1 §6.2.1, which FAPI-CIBA rests on): by the UUID that the client gives, else
// by one of ours where the client's profile wants it. What is no UUID is not repeated.
func interaction(w http.ResponseWriter, r *http.Request, c *oauth.Client) {
	const header = "X-Fapi-Interaction-Id"
	given := r.Header.Values(header)
	if len(given) == 1 && len(given[0]) == 36 && uuid.Validate(given[0]) == nil {
		w.Header().Set(header, given[0])
		return
	}
	if c != nil && c.Profile == oauth.ProfileCIBA {
		w.Header().Set(header, uuid.NewString())
	}
}

// bearer finds the one access token of a request. A token in the address would end in logs; one in a body is not offered either.
func bearer(w http.ResponseWriter, r *http.Request) (token string, dpop bool, err error) {
	p, err := wire.Parse(r.URL.RawQuery)
	if err != nil || p.Has("access_token") {
		return "", false, errPlace
	}
	if r.Method == http.MethodPost && r.ContentLength != 0 && r.Header.Get("Content-Type") != "" {
		if p, err = wire.Form(w, r); err != nil {
			return "", false, err
		}
		if p.Has("access_token") {
			return "", false, errPlace
		}
	}
	if len(r.Header.Values("Authorization")) > 1 {
		return "", false, errPlace
	}
	return sender.Shown(r)
}

func (h *Handler) answer(w http.ResponseWriter, r *http.Request) (body []byte, mediaType string, c *oauth.Client, err error) {
	token, dpop, err := bearer(w, r)
	if err != nil {
		return nil, "", nil, err
	}
	ctx, now := r.Context(), h.Now()
	a, l, c, err := h.open(ctx, token, now)
	if err != nil {
		return nil, "", nil, err
	}
	if err := h.Sender.Holds(ctx, r, c, a.Confirm, sender.Wanted{Path: oauth.UserinfoPath, Token: token}, dpop); err != nil {
		return nil, "", c, err
	}
	asked, proved, err := oauth.ReadRecords(l.Grant.Request, l.Grant.Verdict)
	if err != nil {
		return nil, "", c, err
	}
	v, err := h.Claims.Collect(ctx, &claims.Ask{Client: c, Live: l, Scopes: a.Scope, GrantType: asked.By(), Journey: proved.Claims, NamedUserinfo: asked.UserinfoClaims}, claims.Userinfo)
	if err != nil {
		return nil, "", c, err
	}
	own := map[string]any{"sub": h.Tokens.Subject(c, l.Account.ID)}
	if c.UserinfoAlg == "" {
		body, err = tokens.Marshal(v[claims.Userinfo], own)
		return body, "application/json", c, err
	}
	own["iss"], own["aud"] = string(h.Issuer), c.ID
	if body, err = tokens.Marshal(v[claims.Userinfo], own); err != nil {
		return nil, "", c, err
	}
	jwt, err := h.Tokens.SignFor(ctx, c, tokens.TypeUserinfo, body)
	return []byte(jwt), "application/jwt", c, err
}

// open returns what a token says when everything it rests on still holds.
func (h *Handler) open(ctx context.Context, token string, now time.Time) (*tokens.Access, *identity.Live, *oauth.Client, error) {
	a, err := h.Tokens.ParseAccess(ctx, token, now)
	if errors.Is(err, tokens.ErrToken) {
		return nil, nil, nil, errToken
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if a.Grant == "" || !slices.Contains(a.Audience, string(h.Issuer)) { // a client's own token, or one for somebody else
		return nil, nil, nil, errToken
	}
	c, err := h.Clients.Client(ctx, a.Client)
	if errors.Is(err, oauth.ErrNoClient) {
		return nil, nil, nil, errToken
	}
	if err != nil {
		return nil, nil, nil, err
	}
	l, err := h.Grants.Status(ctx, a.Grant, a.ID, now)
	if errors.Is(err, identity.ErrRefused) || errors.Is(err, identity.ErrNotFound) {
		return nil, nil, nil, errToken
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if ok, err := oauth.Stands(ctx, h.Clients, c, &l); err != nil {
		return nil, nil, nil, err
	} else if !ok {
		return nil, nil, nil, errToken
	}
	if !slices.Contains(a.Scope, "openid") {
		return nil, nil, nil, errScope
	}
	return a, &l, c, nil
}
