// Package token is the token endpoint (OAuth 2.1 §3.2). What every grant type shares — reading the form, authenticating the
// client, whether it may use the grant type, scopes, audiences, making and writing the answer — happens here, once; a grant type
// supplies only what is its own and cannot forget the rest.
package token

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/assertion"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/claims"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/details"
	"github.com/stile-id/stile/server/oauth/pending"
	"github.com/stile-id/stile/server/oauth/sender"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Handler serves the token endpoint.
type Handler struct {
	Issuer  oauth.Issuer
	Clients *authentication.Authenticator
	Grants  oauth.Grants
	Tokens  *tokens.Tokens
	Claims  *claims.Sources
	Sender  *sender.Sender
	Details *details.Types
	Judge   ExchangeHook // of token exchanges; nil: the settings alone decide

	Assertions *assertion.Issuers // nil: nobody's are trusted
	Pending    *pending.Store

	Issued func(client string) // hears of each token; nil: nobody wants to know. No request waits for what it does
	Now    func() time.Time
	Log    *slog.Logger
}

// Mount adds the endpoint to the host's router. Register it before others: routes are tried in order.
func (h *Handler) Mount(r *mux.Router) { r.Path(h.Issuer.Path(oauth.TokenPath)).Handler(h) }

// request is one request after everything that grant types share was checked.
type request struct {
	client  *oauth.Client
	params  wire.Params
	scopes  []string        // asked for; nil when the request names none
	details json.RawMessage // asked for; nil when the request names none
	sender  oauth.Confirm   // the keys the request came with
	now     time.Time
}

// granted is what a grant type allows.
type granted struct {
	live    *identity.Live // nil for a client's own token
	asked   oauth.Asked
	proved  oauth.Proved
	scopes  []string
	refresh int64 // generation of the refresh token to hand out, 0 for none
	nonce   string
	kind    string
	pushed  string   // auth_req_id of a request whose tokens are pushed
	swapped *swapped // what a token exchange decided, nil for other grant types
}

// grant is one grant type's own part.
type grant func(h *Handler, ctx context.Context, q *request) (*granted, error)

// grantOf is the list of grant types.
func grantOf(name string) grant {
	switch name {
	case oauth.GrantCredentials:
		return clientCredentials
	case oauth.GrantRefresh:
		return refresh
	case oauth.GrantCode:
		return code
	case oauth.GrantExchange:
		return exchange
	case oauth.GrantAssertion:
		return assert
	case oauth.GrantDevice:
		return waiting(pending.Device, "device_code")
	case oauth.GrantBackchannel:
		return waiting(pending.Backchannel, "auth_req_id")
	}
	return nil
}

// GrantTypes lists what grantOf knows, for the metadata.
func GrantTypes() []string {
	return []string{oauth.GrantCode, oauth.GrantRefresh, oauth.GrantCredentials, oauth.GrantExchange, oauth.GrantAssertion, oauth.GrantDevice, oauth.GrantBackchannel}
}

// ServeHTTP answers a token request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if wire.Preflight(w, r, h.Clients.Clients, "POST") {
		return
	}
	if r.Method != http.MethodPost {
		wire.Method(w, "POST, OPTIONS")
		return
	}
	body, c, err := h.answer(w, r)
	wire.Origin(w, r, h.Clients.Clients, c)
	h.Sender.Answer(w, r)
	if sender.NeedsNonce(err) {
		h.Sender.Challenge(w)
	}
	if err != nil {
		wire.Failure(w, r, h.Log, err)
		return
	}
	if h.Issued != nil {
		h.Issued(c.ID)
	}
	wire.NoStore(w)
	wire.JSON(w, http.StatusOK, body)
}

var (
	errNoGrant      = oauth.Fail(oauth.InvalidRequest, "The grant_type is missing.")
	errUnsupported  = oauth.Fail(oauth.UnsupportedGrant, "This grant type is not offered.")
	errUnauthorized = oauth.Fail(oauth.UnauthorizedClient, "The client may not use this grant type.")
	errDetails      = oauth.Fail(oauth.InvalidDetails, "The authorization_details are more than what was granted, or too long for a token.")
	errUnseen       = oauth.Fail(oauth.InvalidDetails, "Authorization details are not offered with this grant type.")
	errScope        = oauth.Fail(oauth.InvalidScope, "The scope is malformed or more than what is allowed.")
)

func (h *Handler) answer(w http.ResponseWriter, r *http.Request) ([]byte, *oauth.Client, error) {
	if err := wire.NoQuery(r); err != nil {
		return nil, nil, err
	}
	p, err := wire.Form(w, r)
	if err != nil {
		return nil, nil, err
	}
	ctx := r.Context()
	c, err := h.Clients.Authenticate(ctx, r, p)
	if err != nil {
		return nil, nil, err
	}
	q := &request{client: c, params: p, now: h.Now()}
	name := p.Get("grant_type")
	if name == "" {
		return nil, c, errNoGrant
	}
	run := grantOf(name)
	if run == nil {
		return nil, c, errUnsupported
	}
	if !slices.Contains(c.GrantTypes, name) {
		return nil, c, errUnauthorized
	}
	if q.scopes = p.Words("scope"); slices.ContainsFunc(q.scopes, func(s string) bool { return !client.Scope(s) }) {
		return nil, c, errScope
	}
	if _, _, err := c.Pick(q.scopes); err != nil {
		return nil, c, err
	}
	if now := p.All("resource"); len(now) > 20 || len(within(now, c.Resources)) != len(now) {
		return nil, c, errTarget // before anything is used up
	}
	if text := p.Get("authorization_details"); text != "" {
		if !detailed(name) {
			return nil, c, errUnseen
		}
		if q.details, err = h.Details.Read(text, c.Details); err != nil {
			return nil, c, err
		}
		if len(q.details) > tokens.MaxDetails {
			return nil, c, errDetails
		}
	}
	if name != oauth.GrantCredentials && name != oauth.GrantExchange { // the others may end in an ID token
		if err := h.Tokens.Ready(ctx, c); err != nil {
			return nil, c, err
		}
	}
	if q.sender, err = h.Sender.Of(ctx, r, c, oauth.TokenPath); err != nil {
		return nil, c, err
	}
	g, err := run(h, ctx, q)
	if err != nil {
		return nil, c, err
	}
	body, err := h.hand(ctx, q, g, name)
	return body, c, err
}

// detailed reports whether authorization details may be named with a grant type: those of a grant, to have fewer of them, or a client's own, which its
// settings allow. With the others nobody was shown any.
func detailed(grantType string) bool {
	return grantType == oauth.GrantCode || grantType == oauth.GrantRefresh || grantType == oauth.GrantCredentials
}

// hand gives out what a grant type allowed, if that still holds at this door.
func (h *Handler) hand(ctx context.Context, q *request, g *granted, kind string) ([]byte, error) {
	g.kind = kind
	if g.live != nil {
		if ok, err := oauth.Stands(ctx, h.Clients.Clients, q.client, g.live); err != nil || !ok {
			return nil, cmp.Or(err, error(errGrant))
		}
		g.scopes = slices.DeleteFunc(slices.Clone(g.scopes), func(s string) bool { return !q.client.May(s) })
	}
	return h.issue(ctx, q, g)
}

var errGrant = oauth.Fail(oauth.InvalidGrant, "The code or token is not valid, has expired, or was issued to another client.")

// repeated tells the log that somebody used a thing a second time: the grant is revoked, and one of the two was not its owner.
func (h *Handler) repeated(ctx context.Context, what string, q *request, grant string) {
	if h.Log != nil {
		h.Log.LogAttrs(ctx, slog.LevelWarn, "used twice, its grant is revoked", slog.String("what", what), slog.String("client", q.client.ID), slog.String("grant", grant))
	}
}
