// Package gateway answers gateways that ask about each request (nginx auth_request, Traefik ForwardAuth, Envoy ext_authz over HTTP): an
// access token that is good enough for the resource becomes a short-lived JWT for that resource alone, in the header Authorization. The
// services behind the gateway never see what the caller holds, and no caller writes what they believe.
package gateway

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/maypok86/otter/v2"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/foreign"
	"github.com/stile-id/stile/server/oauth/introspect"
	"github.com/stile-id/stile/server/oauth/live"
	"github.com/stile-id/stile/server/oauth/sender"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Path is below the issuer; the resource's name follows, and after it whatever the gateway appends.
const Path = "/gateway/"

// Header carries the gateway's own id and secret, as HTTP Basic would.
const Header = "Stile-Gateway"

// Handler serves the forward-auth endpoint.
type Handler struct {
	issuer     oauth.Issuer
	resources  Settings
	clients    *authentication.Authenticator
	introspect *introspect.Handler
	sender     *sender.Sender
	now        func() time.Time
	log        *slog.Logger
	made       *otter.Cache[question, string] // JWTs by token, so that a busy caller costs one signature in live.Age
}

type question struct {
	resource string
	token    [sha256.Size]byte
}

// New makes the handler.
func New(issuer oauth.Issuer, resources Settings, clients *authentication.Authenticator, i *introspect.Handler, from *sender.Sender, now func() time.Time, log *slog.Logger) (*Handler, error) {
	made, err := otter.New(&otter.Options[question, string]{MaximumSize: 20_000, ExpiryCalculator: otter.ExpiryWriting[question, string](live.Age)})
	if err != nil {
		return nil, err
	}
	return &Handler{issuer: issuer, resources: resources, clients: clients, introspect: i, sender: from, now: now, log: log, made: made}, nil
}

// Mount adds the endpoint to the host's router, when there is a resource at all.
func (h *Handler) Mount(r *mux.Router) {
	if len(h.resources) > 0 {
		r.PathPrefix(h.issuer.Path(Path)).Handler(h)
	}
}

var (
	errGateway = &oauth.Error{Code: oauth.AccessDenied, Description: "The gateway must authenticate."}
	errToken   = oauth.Fail(oauth.InvalidToken, "The access token is not valid, has expired, or is for something else.")
	errBound   = oauth.Fail(oauth.InvalidToken, "The access token is bound to a key that cannot be proved through this gateway.") // RFC 9449 §7.2: never taken as Bearer
	errTold    = oauth.Fail(oauth.InvalidProof, "The gateway does not tell which request the proof is for.")
	errScope   = oauth.Fail(oauth.InsufficientScope, "The access token lacks a scope that is needed here.")
	errUser    = oauth.Fail("insufficient_user_authentication", "A stronger or more recent sign-in is needed here.") // RFC 9470 §3
)

// ServeHTTP answers one question, whatever its method: gateways repeat the caller's.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	wire.NoStore(w)
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, h.issuer.Path(Path)), "/")
	resource, known := h.resources[name]
	if !known {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	caller, err := h.gateway(r, resource)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	for _, header := range resource.Blank {
		w.Header().Set(header, "")
	}
	token, dpop, err := sender.Shown(r)
	if err != nil {
		h.challenge(w, r, resource, nil)
		return
	}
	jwt, refused, err := h.answer(r, name, resource, caller, token, dpop)
	if resource.Proofs != nil {
		h.sender.Answer(w, r)
	}
	switch {
	case err != nil:
		h.fail(w, r, err)
	case refused != nil:
		h.challenge(w, r, resource, refused)
	default:
		w.Header().Set("Authorization", "Bearer "+jwt)
		w.WriteHeader(http.StatusOK)
	}
}

// gateway authenticates who asks. Whoever could ask without would turn any token into a text that says whose it is.
func (h *Handler) gateway(r *http.Request, resource Resource) (*oauth.Client, error) {
	shown := r.Header.Values(Header)
	if len(shown) != 1 {
		return nil, errGateway
	}
	as := r.Clone(r.Context())
	as.Header = http.Header{"Authorization": shown}
	c, err := h.clients.Authenticate(r.Context(), as, wire.Params{})
	if err != nil {
		return nil, err
	}
	if c.ID != resource.Client || !c.Confidential() {
		return nil, errGateway
	}
	return c, nil
}

// holds checks that the caller holds what the token is bound to, for the request that the gateway says was made. Only the resource's own
// gateway is asked: whoever else could say which request it was could use a proof for another.
func (h *Handler) holds(r *http.Request, name string, resource Resource, held *introspect.Held, token string, dpop bool) error {
	to := held.Confirm()
	if resource.Proofs == nil && to != (oauth.Confirm{}) {
		return errBound
	}
	at := sender.Wanted{Token: token}
	if resource.Proofs != nil && to.JKT != "" && dpop {
		target, err := h.told(r, name, resource.Proofs)
		if err != nil {
			return err
		}
		at.Elsewhere = target
	}
	return h.sender.Holds(r.Context(), r, held.Owner(), to, at, dpop)
}

// told is the caller's request as the gateway tells it.
func (h *Handler) told(r *http.Request, name string, p *Proofs) (*sender.Target, error) {
	if p.From == fromPath {
		path := strings.TrimPrefix(r.URL.EscapedPath(), h.issuer.Path(Path)+name)
		return &sender.Target{Method: r.Method, Address: p.Origin + cmp.Or(path, "/")}, nil
	}
	methods, paths := r.Header.Values("X-Forwarded-Method"), r.Header.Values("X-Forwarded-Uri")
	if len(methods) != 1 || methods[0] == "" || len(paths) != 1 || !strings.HasPrefix(paths[0], "/") {
		return nil, errTold
	}
	return &sender.Target{Method: methods[0], Address: p.Origin + paths[0]}, nil
}

func (h *Handler) answer(r *http.Request, name string, resource Resource, caller *oauth.Client, token string, dpop bool) (jwt string, refused *oauth.Error, err error) {
	ctx, now := r.Context(), h.now()
	held, err := h.introspect.Look(ctx, caller, token, now)
	if err != nil {
		return "", nil, err
	}
	switch {
	case held == nil || !slices.Contains(held.Audience(), resource.Audience):
		return "", errToken, nil
	}
	if err := h.holds(r, name, resource, held, token, dpop); err != nil {
		if told := (*oauth.Error)(nil); errors.As(err, &told) && told.Status() < http.StatusInternalServerError {
			return "", told, nil
		}
		return "", nil, err
	}
	switch {
	case slices.ContainsFunc(resource.Scopes, func(s string) bool { return !oauth.Granted(held.Scope(), s) }):
		return "", errScope, nil
	case len(resource.ACR) > 0 && !slices.Contains(resource.ACR, held.ACR()),
		resource.MaxAge > 0 && now.Sub(held.AuthTime()) > time.Duration(resource.MaxAge):
		return "", errUser, nil
	}
	q := question{name, sha256.Sum256([]byte(token))}
	if jwt, ok := h.made.GetIfPresent(q); ok {
		return jwt, nil, nil
	}
	if jwt, err = h.introspect.For(ctx, held, resource.Audience, now, now.Add(resource.lifetime())); err != nil {
		return "", nil, err
	}
	h.made.Set(q, jwt)
	return jwt, nil, nil
}

// challenge tells the caller, through the gateway, what is missing (RFC 6750 §3, RFC 9470 §3). Settings hold no quotes.
func (h *Handler) challenge(w http.ResponseWriter, r *http.Request, resource Resource, e *oauth.Error) {
	status, text := http.StatusUnauthorized, `Bearer realm="stile"`
	if _, dpop, _ := sender.Shown(r); dpop && resource.Proofs != nil { // RFC 9449 §7.1
		text = `DPoP algs="` + strings.Join(foreign.Names(), " ") + `"`
	}
	if e != nil && sender.NeedsNonce(e) {
		h.sender.Challenge(w)
	}
	if e != nil {
		text += `, error="` + e.Code + `", error_description="` + e.Description + `"`
		switch e {
		case errScope:
			status = http.StatusForbidden
			text += `, scope="` + strings.Join(resource.Scopes, " ") + `"`
		case errUser:
			if len(resource.ACR) > 0 {
				text += `, acr_values="` + strings.Join(resource.ACR, " ") + `"`
			}
			if resource.MaxAge > 0 {
				text += `, max_age="` + strconv.Itoa(int(time.Duration(resource.MaxAge).Seconds())) + `"`
			}
		}
	}
	w.Header().Set("WWW-Authenticate", text)
	w.WriteHeader(status)
}

// fail is what is wrong between the gateway and us; the caller of the gateway can mend none of it.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := wire.Told(err)
	wire.Report(r, h.log, e)
	status := e.Status()
	if status < http.StatusInternalServerError {
		status = http.StatusForbidden
		if h.log != nil {
			h.log.LogAttrs(r.Context(), slog.LevelWarn, "a gateway was refused", slog.String("path", r.URL.Path), slog.String("code", e.Code))
		}
	}
	wire.JSON(w, status, wire.Body(e))
}
