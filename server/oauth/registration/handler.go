// Package registration lets clients register themselves and manage what they registered (RFC 7591, RFC 7592, OpenID Connect Dynamic Client
// Registration 1.0). Everything a client says of itself is a stranger's: what it may do is decided by the kind of client that the settings say it is.
package registration

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/foreign"
	"github.com/stile-id/stile/server/oauth/kind"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Ledger is what registration needs of the ledger. Apply makes its writes together or not at all.
type Ledger interface {
	Registration(ctx context.Context, id string) (*identity.Registration, error)
	Apply(ctx context.Context, writes []identity.Write, audit []journey.Audit) error
}

// Handler serves the registration endpoint and each client's own place below it.
type Handler struct {
	Issuer   oauth.Issuer
	Settings kind.Settings
	Offers   kind.Offers
	Ledger   Ledger
	Limits   transient.Store
	Open     transient.Limit // of registrations without a token, per address; Burst 0: no limit
	Address  func(*http.Request) string
	Remote   *foreign.Remote
	// Calls fetch sector_identifier_uris: guarded, to public addresses alone unless the kind allows private ones.
	Calls   func(private bool) *http.Client
	Judge   Hook // nil: the kind alone decides
	Changed func(id string, removed bool)
	// Sign publishes a key of each algorithm ("" is none) before a client is told that it is signed for with it; nil: they are there.
	Sign   func(ctx context.Context, algs ...string) error
	Random io.Reader
	Now    func() time.Time
	Log    *slog.Logger

	trusted map[string]*trusted
}

// Mount adds the endpoints to the host's router.
func (h *Handler) Mount(r *mux.Router) error {
	var err error
	if h.trusted, err = trust(h.Settings.Issuers); err != nil {
		return err
	}
	r.Path(h.Issuer.Path(oauth.RegisterPath)).HandlerFunc(h.register)
	r.Path(h.Issuer.Path(oauth.RegisterPath) + "/{client}").HandlerFunc(h.manage)
	return nil
}

var (
	errToken    = oauth.Fail(oauth.InvalidToken, "The access token is not one that is good here.")
	errNone     = oauth.Fail(oauth.InvalidToken, "An access token is needed.")
	errMany     = oauth.Fail(oauth.TooManyRequests, "Too many registrations from this address. Try again later.")
	errMedia    = oauth.Fail(oauth.InvalidRequest, "The body must be application/json.")
	errTooLarge = oauth.Fail(oauth.InvalidRequest, "The body is too large.")
	errMeantime = oauth.Fail(oauth.Unavailable, "The registration changed in the meantime. Try again.")
)

// Wrong tokens allowed per address. They have 260 random bits: nobody may try at all.
const (
	failures       = 20
	failuresWithin = 5 * time.Minute
)

// register is the registration endpoint (RFC 7591 §3).
func (h *Handler) register(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		wire.Method(w, "POST")
		return
	}
	status, body, err := h.create(w, r)
	h.answer(w, r, status, body, err)
}

// answer writes the outcome; a failure of the token says how to bring one (RFC 6750 §3).
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, status int, body []byte, err error) {
	var told *oauth.Error
	switch {
	case errors.Is(err, errTooLarge):
		wire.NoStore(w)
		wire.JSON(w, http.StatusRequestEntityTooLarge, wire.Body(errTooLarge))
	case errors.Is(err, errNone):
		w.Header().Set("WWW-Authenticate", "Bearer")
		wire.Failure(w, r, h.Log, err)
	case errors.As(err, &told) && told.Code == oauth.InvalidToken:
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		wire.Failure(w, r, h.Log, err)
	case errors.Is(err, identity.ErrConflict): // two changes at once: nothing of ours is broken, so nobody is woken
		wire.NoStore(w)
		w.Header().Set("Retry-After", "1")
		wire.JSON(w, errMeantime.Status(), wire.Body(errMeantime))
	case err != nil:
		wire.Failure(w, r, h.Log, err)
	default:
		wire.NoStore(w)
		if body == nil {
			w.WriteHeader(status)
			return
		}
		wire.JSON(w, status, body)
	}
}

func (h *Handler) create(w http.ResponseWriter, r *http.Request) (int, []byte, error) {
	ctx, now := r.Context(), h.Now()
	entry, err := h.enters(ctx, r, now)
	if err != nil {
		return 0, nil, err
	}
	o, err := body(w, r)
	if err != nil {
		return 0, nil, err
	}
	m, of, err := h.settle(ctx, o, Asked{Action: "register", Kind: entry.Kind, Token: entry.Name, Address: h.Address(r)}, now)
	if err != nil {
		return 0, nil, err
	}
	id, err := random(h.Random, 26)
	if err != nil {
		return 0, nil, err
	}
	reg := identity.Registration{ID: identity.RegisteredPrefix + id, Kind: of, Via: entry.Name, Revision: 1, Created: now, Changed: now}
	issued, err := h.issue(ctx, &reg, m)
	if err != nil {
		return 0, nil, err
	}
	if err := h.Ledger.Apply(ctx, []identity.Write{identity.CreateClient{Registration: reg}}, h.audit(r, "client.registered", reg, now)); err != nil {
		return 0, nil, err
	}
	h.Changed(reg.ID, false)
	out, err := h.told(&reg, m, issued)
	return http.StatusCreated, out, err
}

// enters finds out by what right somebody registers: an initial access token, or none where that is enough.
func (h *Handler) enters(ctx context.Context, r *http.Request, now time.Time) (kind.Token, error) {
	if err := wire.NoQuery(r); err != nil {
		return kind.Token{}, err
	}
	token, err := bearer(r)
	if err != nil {
		return kind.Token{}, err
	}
	if token == "" {
		if h.Settings.Open == "" {
			return kind.Token{}, errNone
		}
		if h.Open.Burst > 0 {
			ok, _, err := h.Limits.Take(ctx, "oauth/register/"+h.Address(r), h.Open, now)
			if err != nil {
				return kind.Token{}, err
			}
			if !ok {
				return kind.Token{}, errMany
			}
		}
		return kind.Token{Kind: h.Settings.Open}, nil
	}
	sum, found := client.Kept(token), kind.Token{}
	for _, t := range h.Settings.Tokens {
		if same(sum, t.Secret) {
			found = t
		}
	}
	if found.Name == "" {
		return kind.Token{}, h.failed(ctx, r, now)
	}
	return found, nil
}

// failed counts a wrong token.
func (h *Handler) failed(ctx context.Context, r *http.Request, now time.Time) error {
	ok, _, err := h.Limits.Take(ctx, "oauth/register/failed/"+h.Address(r), transient.Limit{Burst: failures, Per: failuresWithin}, now)
	switch {
	case err != nil:
		return err
	case !ok:
		return errMany
	}
	return errToken
}

// same compares two SHA-256 in hex; one that is none equals nothing.
func same(a, b string) bool {
	x, err := hex.DecodeString(a)
	y, err2 := hex.DecodeString(b)
	return err == nil && err2 == nil && len(x) == sha256.Size && subtle.ConstantTimeCompare(x, y) == 1
}

// bearer reads the one Authorization header, "" when there is none.
func bearer(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		return "", nil
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > 500 || strings.ContainsAny(token, " ,\"") {
		return "", errToken
	}
	return token, nil
}

// body reads a JSON object of bounded size.
func body(w http.ResponseWriter, r *http.Request) (foreign.Object, error) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return nil, errMedia
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, kind.MaxBody+1))
	if len(b) > kind.MaxBody {
		w.Header().Set("Connection", "close")
		return nil, errTooLarge
	}
	if err != nil {
		return nil, kind.ErrBody.With(err)
	}
	return kind.ReadObject(b)
}

func (h *Handler) audit(r *http.Request, event string, reg identity.Registration, now time.Time) []journey.Audit {
	detail := []byte(`{}`)
	if b, err := detailOf(reg); err == nil {
		detail = b
	}
	return []journey.Audit{{At: now, Event: event, Client: reg.ID, Address: h.Address(r), Detail: detail}}
}
