// Package introspect tells resource servers what a token is worth (RFC 7662): as JSON, as a signed answer (RFC 9701), or as the JWT
// that a gateway passes on in place of the opaque token.
package introspect

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/claims"
	"github.com/stile-id/stile/server/oauth/live"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Handler serves the introspection endpoint.
type Handler struct {
	Issuer  oauth.Issuer
	Clients *authentication.Authenticator
	Grants  *live.Grants
	Tokens  *tokens.Tokens
	Claims  *claims.Sources
	Now     func() time.Time
	Log     *slog.Logger
}

// Mount adds the endpoint to the host's router.
func (h *Handler) Mount(r *mux.Router) { r.Path(h.Issuer.Path(oauth.IntrospectPath)).Handler(h) }

// Media types of the answers.
const (
	asJSON    = "application/json"
	asAnswer  = "application/token-introspection+jwt"
	asPhantom = "application/jwt"
)

const inactive = `{"active":false}`

// ServeHTTP answers one question. Unknown, expired, revoked and foreign tokens look alike (S-032).
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		wire.Method(w, "POST")
		return
	}
	if err := h.serve(w, r); err != nil {
		wire.Failure(w, r, h.Log, err)
	}
}

var (
	errCaller = oauth.Fail(oauth.InvalidClient, "The caller must authenticate.")
	errToken  = oauth.Fail(oauth.InvalidRequest, "The token is missing.")
)

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) error {
	if err := wire.NoQuery(r); err != nil {
		return err
	}
	p, err := wire.Form(w, r)
	if err != nil {
		return err
	}
	ctx, now := r.Context(), h.Now()
	caller, err := h.Clients.Authenticate(ctx, r, p)
	if err != nil {
		return err
	}
	if !caller.Confidential() {
		return errCaller
	}
	token := p.Get("token")
	if token == "" {
		return errToken
	}
	form := wanted(r.Header.Get("Accept"), caller)
	s, err := h.look(ctx, caller, token, now)
	if err != nil {
		return err
	}
	wire.NoStore(w)
	return h.write(ctx, w, caller, form, s, now)
}

// wanted is the form of the answer: what Accept names, else what the caller's settings say.
func wanted(accept string, caller *oauth.Client) string {
	for part := range strings.SplitSeq(accept, ",") {
		t, _, _ := strings.Cut(part, ";")
		switch t = strings.ToLower(strings.TrimSpace(t)); t {
		case asAnswer, asPhantom, asJSON:
			return t
		}
	}
	switch caller.Answer {
	case "token-introspection+jwt":
		return asAnswer
	case "jwt":
		return asPhantom
	}
	return asJSON
}

// state is a token that holds: what it says, and whom it is about.
type state struct {
	access *tokens.Access
	owner  *oauth.Client
	live   *identity.Live // nil for a client's own token
	proved oauth.Proved
	by     string // grant type
}

// look returns nil for anything the caller shall learn nothing about.
func (h *Handler) look(ctx context.Context, caller *oauth.Client, token string, now time.Time) (*state, error) {
	a, err := h.Tokens.ParseAccess(ctx, token, now)
	if errors.Is(err, tokens.ErrToken) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !may(caller, a) {
		return nil, nil
	}
	s := &state{access: a}
	if s.owner, err = h.Clients.Clients.Client(ctx, a.Client); err != nil {
		if errors.Is(err, oauth.ErrNoClient) {
			return nil, nil
		}
		return nil, err
	}
	if a.Grant == "" {
		revoked, err := h.Grants.OwnRevoked(ctx, a.ID, now)
		if err != nil || revoked {
			return nil, err
		}
		s.by = oauth.GrantCredentials
		return s, nil
	}
	l, err := h.Grants.Status(ctx, a.Grant, a.ID, now)
	if errors.Is(err, identity.ErrRefused) || errors.Is(err, identity.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if ok, err := oauth.Stands(ctx, h.Clients.Clients, s.owner, &l); err != nil || !ok {
		return nil, err
	}
	s.live = &l
	var asked oauth.Asked
	if asked, s.proved, err = oauth.ReadRecords(l.Grant.Request, l.Grant.Verdict); err != nil {
		return nil, err
	}
	if s.by = asked.By(); len(a.Actors) > 0 || a.Client != l.Grant.Client {
		s.by = oauth.GrantExchange
	}
	if a.Details == "" && len(asked.Details) > 0 {
		whole := *a
		whole.Details = string(asked.Details)
		s.access = &whole
	}
	return s, nil
}

// may says who may ask about a token: a client it is for, or one that may ask about any.
func may(caller *oauth.Client, a *tokens.Access) bool {
	switch caller.Introspect {
	case oauth.IntrospectAny:
		return true
	case oauth.IntrospectSelf:
		return slices.Contains(a.Audience, caller.ID) || slices.ContainsFunc(caller.Audience, func(n string) bool { return slices.Contains(a.Audience, n) })
	}
	return false
}

func (h *Handler) subject(s *state) string {
	if s.live != nil {
		return h.Tokens.Subject(s.owner, s.live.Account.ID)
	}
	return s.access.Client
}

func (h *Handler) collect(ctx context.Context, s *state, target string) (map[string]json.RawMessage, error) {
	v, err := h.Claims.Collect(ctx, &claims.Ask{Client: s.owner, Live: s.live, Scopes: s.access.Scope, GrantType: s.by, Journey: s.proved.Claims}, target)
	return v[target], err
}

// own is what we say of a token whatever the sources say (RFC 7662 §2.2).
func (h *Handler) own(s *state) map[string]any {
	a := s.access
	out := map[string]any{"active": true, "iss": string(h.Issuer), "sub": h.subject(s), "client_id": a.Client, "aud": tokens.Audience(a.Audience),
		"iat": a.Issued.Unix(), "exp": a.Expires.Unix(), "jti": a.ID, "token_type": a.Confirm.Type()}
	if len(a.Scope) > 0 {
		out["scope"] = strings.Join(a.Scope, " ")
	}
	if a.Details != "" {
		out["authorization_details"] = json.RawMessage(a.Details)
	}
	if a.Confirm != (oauth.Confirm{}) {
		out["cnf"] = a.Confirm
	}
	maps.Copy(out, s.auth())
	h.Tokens.ActingFor(s.owner, a.Acting).Say(out)
	return out
}

func (s *state) auth() map[string]any {
	out := map[string]any{}
	if s.proved.ACR != "" {
		out["acr"] = s.proved.ACR
	}
	if len(s.proved.AMR) > 0 {
		out["amr"] = s.proved.AMR
	}
	if s.proved.AuthTime > 0 {
		out["auth_time"] = s.proved.AuthTime
	}
	return out
}

func (h *Handler) write(ctx context.Context, w http.ResponseWriter, caller *oauth.Client, form string, s *state, now time.Time) error {
	if form == asPhantom {
		return h.phantom(ctx, w, s)
	}
	body := []byte(inactive)
	if s != nil {
		values, err := h.collect(ctx, s, claims.Introspection)
		if err != nil {
			return err
		}
		if body, err = tokens.Marshal(values, h.own(s)); err != nil {
			return err
		}
	}
	if form == asJSON {
		wire.JSON(w, http.StatusOK, body)
		return nil
	}
	// RFC 9701 §5: the answer lies in one claim, so that it cannot pass for an access token or an ID token.
	signed, err := json.Marshal(map[string]any{"iss": string(h.Issuer), "aud": caller.ID, "iat": now.Unix(), "token_introspection": json.RawMessage(body)})
	if err != nil {
		return err
	}
	jwt, err := h.Tokens.Signer.Sign(ctx, caller.AnswerAlg, tokens.TypeIntrospection, signed)
	if err != nil {
		return err
	}
	wire.Text(w, http.StatusOK, asAnswer, jwt)
	return nil
}

// phantom answers with the token as a JWT that resource servers behind a gateway can check by themselves (RFC 9068). For a token that
// does not hold there is none: 204, so that no gateway passes an error text on as a token.
func (h *Handler) phantom(ctx context.Context, w http.ResponseWriter, s *state) error {
	if s == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	values, err := h.collect(ctx, s, claims.AccessToken)
	if err != nil {
		return err
	}
	a := *s.access
	a.Acting = h.Tokens.ActingFor(s.owner, a.Acting)
	jwt, err := h.Tokens.SignAccess(ctx, s.owner.TokenAlg, &a, h.subject(s), s.auth(), values)
	if err != nil {
		return err
	}
	wire.Text(w, http.StatusOK, asPhantom, jwt)
	return nil
}
