// Package device is the device authorization grant (RFC 8628): a device without a browser shows a code, a person types it in on a page of ours and decides
// in a journey, and the device, which keeps asking, gets its tokens.
package device

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/pending"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Handler serves the device authorization endpoint and the page where codes are typed in.
type Handler struct {
	Issuer        oauth.Issuer
	Clients       *authentication.Authenticator
	Authenticator oauth.Authenticator
	Pending       *pending.Store
	Transient     transient.Store
	Random        io.Reader
	Session       func(r *http.Request) string // public id of the browser's session, "" for none
	Address       func(r *http.Request) string // network address, as limits count it
	// Ask shows the page with the field for the code, Done what became of it.
	Ask     func(w http.ResponseWriter, r *http.Request, q Question)
	Done    func(w http.ResponseWriter, r *http.Request, state string)
	Problem func(w http.ResponseWriter, r *http.Request, status int, id string, cause error)
	Now     func() time.Time
	Log     *slog.Logger
}

// Question is what the page needs: its form posts the field `user_code` to Action.
type Question struct {
	Action string
	Code   string // typed or brought along already
	Wrong  bool   // no device waits with the code given
}

const (
	lives    = 10 * time.Minute
	interval = 5 // seconds
	tries    = 10
	triesPer = 10 * time.Minute
	asksPer  = 10 * time.Minute
	asks     = 60                     // codes one address may ask for
	letters  = "BCDFGHJKLMNPQRSTVWXZ" // RFC 8628 §6.1: no vowels, nothing to confuse; eight of them are 34 bits
	length   = 8
)

// What Done is told besides the states of pending.
const Expired = "expired"

// Mount adds the endpoints to the host's router.
func (h *Handler) Mount(r *mux.Router) {
	r.Path(h.Issuer.Path(oauth.DeviceAuthorizationPath)).HandlerFunc(h.authorize)
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.Problem(w, r, http.StatusForbidden, "cross-site", nil)
	}))
	r.Path(h.Issuer.Path(oauth.DevicePath)).Handler(guard.Handler(http.HandlerFunc(h.page)))
	r.Path(h.Issuer.Path(oauth.DevicePath+"/done")).Methods(http.MethodGet, http.MethodHead).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.Done(w, r, State(r))
	})
}

// Location is where the browser goes when the person has decided.
func Location(i oauth.Issuer, kind, state string, err error) string {
	if err != nil || state == pending.Open {
		state = Expired
	}
	path := oauth.DevicePath
	if kind == pending.Backchannel {
		path = oauth.ApprovePath
	}
	return i.Path(path) + "/done?state=" + state
}

// State is what such an address says.
func State(r *http.Request) string {
	if state := r.URL.Query().Get("state"); state == pending.Approved || state == pending.Refused {
		return state
	}
	return Expired
}

func (h *Handler) authorize(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		wire.Method(w, "POST")
		return
	}
	body, err := h.begin(w, r)
	if err != nil {
		wire.Failure(w, r, h.Log, err)
		return
	}
	wire.NoStore(w)
	wire.JSON(w, http.StatusOK, body)
}

var (
	errUnauthorized = oauth.Fail(oauth.UnauthorizedClient, "The client may not use this grant type.")
	errScope        = oauth.Fail(oauth.InvalidScope, "The scope is malformed, or the client may have none of it.")
	errTarget       = oauth.Fail(oauth.InvalidTarget, "The resource is not one that tokens of this client may be for.")
	errTooMany      = oauth.Fail(oauth.TooManyRequests, "Too many codes were asked for from this network.")
)

// begin makes the two codes (RFC 8628 §3.2).
func (h *Handler) begin(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if err := wire.NoQuery(r); err != nil {
		return nil, err
	}
	p, err := wire.Form(w, r)
	if err != nil {
		return nil, err
	}
	ctx, now := r.Context(), h.Now()
	c, err := h.Clients.Authenticate(ctx, r, p)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(c.GrantTypes, oauth.GrantDevice) {
		return nil, errUnauthorized
	}
	ok, _, err := h.Transient.Take(ctx, "oauth/device/ask/"+h.Address(r), transient.Limit{Burst: asks, Per: asksPer}, now)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errTooMany
	}
	rec := &pending.Record{Kind: pending.Device, Client: c.ID, Flow: c.Flows.Device, Essential: c.ACR, Place: h.Address(r), Interval: interval, Expires: now.Add(lives).Unix()}
	if rec.Scope, rec.Resources, err = Wanted(c, p); err != nil {
		return nil, err
	}
	code, err := h.code(ctx, now)
	if err != nil {
		return nil, err
	}
	rec.Code = shown(code)
	secret, key, err := h.Pending.Add(ctx, rec, now)
	if err != nil {
		return nil, err
	}
	if _, err := h.Transient.Put(ctx, named(code), []byte(key), 1, now, now.Add(lives)); err != nil {
		return nil, err
	}
	page := h.Issuer.URL(oauth.DevicePath)
	return json.Marshal(map[string]any{"device_code": secret, "user_code": rec.Code, "verification_uri": page, "verification_uri_complete": page + "?user_code=" + rec.Code,
		"expires_in": int(lives.Seconds()), "interval": interval})
}

// Wanted reads scopes and resources as the authorization endpoint does: what the client may not have is left out, unless nothing is left.
func Wanted(c *oauth.Client, p wire.Params) (scopes, resources []string, err error) {
	asked := p.Words("scope")
	for _, s := range asked {
		if !client.Scope(s) {
			return nil, nil, errScope
		}
		if c.May(s) {
			scopes = append(scopes, s)
		}
	}
	if len(asked) > 0 && len(scopes) == 0 {
		return nil, nil, errScope
	}
	for _, r := range p.All("resource") {
		if !slices.Contains(c.Resources, r) {
			return nil, nil, errTarget
		}
		resources = append(resources, r)
	}
	return scopes, resources, nil
}

func named(code string) string { return "oauth/device/code/" + code }

// code makes a code that no waiting device has.
func (h *Handler) code(ctx context.Context, now time.Time) (string, error) {
	for try := 0; ; try++ {
		code, err := h.random()
		if err != nil {
			return "", err
		}
		_, err = h.Transient.Put(ctx, named(code), []byte("-"), 0, now, now.Add(lives))
		if err == nil || !errors.Is(err, transient.ErrChanged) || try == 5 {
			return code, err
		}
	}
}

// random draws letters without a bias: bytes beyond the last whole multiple of their number are thrown away.
func (h *Handler) random() (string, error) {
	var out []byte
	b := make([]byte, 1)
	for len(out) < length {
		if _, err := io.ReadFull(h.Random, b); err != nil {
			return "", err
		}
		if int(b[0]) < 256-256%len(letters) {
			out = append(out, letters[int(b[0])%len(letters)])
		}
	}
	return string(out), nil
}

// shown is a code as people read it.
func shown(code string) string { return code[:length/2] + "-" + code[length/2:] }

// normal is a code as it was made, whatever case and separators it was typed with (§6.1); "" when it cannot be one.
func normal(typed string) string {
	if len(typed) > 40 {
		return ""
	}
	var b strings.Builder
	for _, c := range strings.ToUpper(typed) {
		if strings.ContainsRune(letters, c) {
			b.WriteRune(c)
		} else if !strings.ContainsRune("- ._\t", c) {
			return ""
		}
	}
	if b.Len() != length {
		return ""
	}
	return b.String()
}

// page shows the field, and takes the code. A code in the address is only filled in: somebody else may have made the link.
func (h *Handler) page(w http.ResponseWriter, r *http.Request) {
	wire.NoStore(w)
	q := Question{Action: h.Issuer.Path(oauth.DevicePath)}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		p, err := url.ParseQuery(r.URL.RawQuery)
		if err == nil && normal(p.Get("user_code")) != "" {
			q.Code = shown(normal(p.Get("user_code")))
		}
		h.Ask(w, r, q)
		return
	case http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		h.Problem(w, r, http.StatusMethodNotAllowed, "method", nil)
		return
	}
	p, err := wire.Form(w, r)
	if err != nil {
		h.Problem(w, r, http.StatusBadRequest, "bad-request", err)
		return
	}
	location, cookies, err := h.start(r, p.Get("user_code"))
	switch {
	case errors.Is(err, errTries):
		h.Problem(w, r, http.StatusTooManyRequests, "too-many", err)
		return
	case errors.Is(err, pending.ErrGone):
		q.Wrong = true
		h.Ask(w, r, q)
		return
	case err != nil:
		wire.Report(r, h.Log, wire.Told(err))
		h.Problem(w, r, http.StatusServiceUnavailable, "broken", err)
		return
	}
	for _, c := range cookies {
		w.Header().Add("Set-Cookie", c)
	}
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}

var errTries = errors.New("device: too many codes tried from one address")

// start begins the journey of whoever typed a code in. Each try is counted before it is looked at; a right one begins a few journeys at most.
func (h *Handler) start(r *http.Request, typed string) (location string, cookies []string, err error) {
	ctx, now := r.Context(), h.Now()
	ok, _, err := h.Transient.Take(ctx, "oauth/device/try/"+h.Address(r), transient.Limit{Burst: tries, Per: triesPer}, now)
	if err != nil {
		return "", nil, err
	}
	if !ok {
		return "", nil, errTries
	}
	code := normal(typed)
	if code == "" {
		return "", nil, pending.ErrGone
	}
	item, err := h.Transient.Get(ctx, named(code), now)
	if errors.Is(err, transient.ErrAbsent) {
		return "", nil, pending.ErrGone
	}
	if err != nil {
		return "", nil, err
	}
	key := string(item.Value)
	rec, err := h.Pending.Begin(ctx, key, now)
	if err != nil {
		return "", nil, err
	}
	c, err := h.Clients.Clients.Client(ctx, rec.Client)
	if errors.Is(err, oauth.ErrNoClient) || err == nil && (!slices.Contains(c.GrantTypes, oauth.GrantDevice) || c.Flows.Device != rec.Flow) {
		return "", nil, pending.ErrGone
	}
	if err != nil {
		return "", nil, err
	}
	ask, err := pending.Journey(rec, key, c)
	if err != nil {
		return "", nil, err
	}
	Browser(&ask.Journey, r, h.Address, h.Session)
	started, err := h.Authenticator.Begin(ctx, ask)
	if err != nil {
		return "", nil, err
	}
	if started.Ending == nil {
		return started.URL, started.Cookies, nil
	}
	state, _, err := h.Pending.Finish(ctx, h.Clients.Clients, *started.Ending, started.Journey, ask.Journey.Context, now)
	return Location(h.Issuer, pending.Device, state, err), started.Cookies, nil
}
