// Package device is the device authorization grant (RFC 8628): a device without a browser shows a code, a person types it in on a page of ours and decides
// in a journey, and the device, which keeps asking, gets its tokens.
package device

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/pending"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Handler serves the device authorization endpoint and the page where codes are typed in.
type Handler struct {
	pending.Desk
	// Ask shows the page with the field for the code.
	Ask func(w http.ResponseWriter, r *http.Request, q Question)
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

// Mount adds the endpoints to the host's router.
func (h *Handler) Mount(r *mux.Router) {
	r.Path(h.Issuer.Path(oauth.DeviceAuthorizationPath)).HandlerFunc(h.Endpoint(h.begin))
	r.Path(h.Issuer.Path(oauth.DevicePath)).Handler(h.Page(h.page))
	h.MountDone(r, pending.Device)
}

var (
	errUnauthorized = oauth.Fail(oauth.UnauthorizedClient, "The client may not use this grant type.")
	errTooMany      = oauth.Fail(oauth.TooManyRequests, "Too many codes were asked for from this network.")
)

// begin makes the two codes (RFC 8628 §3.2).
func (h *Handler) begin(_ http.ResponseWriter, r *http.Request, c *oauth.Client, p wire.Params) (map[string]any, error) {
	ctx, now := r.Context(), h.Now()
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
	if err := h.Want(rec, c, p); err != nil {
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
	return map[string]any{"device_code": secret, "user_code": rec.Code, "verification_uri": page, "verification_uri_complete": page + "?user_code=" + rec.Code,
		"expires_in": int(lives.Seconds()), "interval": interval}, nil
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
		h.Method(w, r)
		return
	}
	p, err := wire.Form(w, r)
	if err != nil {
		h.Problem(w, r, http.StatusBadRequest, "bad-request", err)
		return
	}
	switch err := h.start(w, r, p.Get("user_code")); {
	case errors.Is(err, errTries):
		h.Problem(w, r, http.StatusTooManyRequests, "too-many", err)
	case errors.Is(err, pending.ErrGone):
		q.Wrong = true
		h.Ask(w, r, q)
	case err != nil:
		h.Broken(w, r, err)
	}
}

var errTries = errors.New("device: too many codes tried from one address")

// start begins the journey of whoever typed a code in. Each try is counted before it is looked at; a right one begins a few journeys at most.
func (h *Handler) start(w http.ResponseWriter, r *http.Request, typed string) error {
	ctx, now := r.Context(), h.Now()
	ok, _, err := h.Transient.Take(ctx, "oauth/device/try/"+h.Address(r), transient.Limit{Burst: tries, Per: triesPer}, now)
	if err != nil {
		return err
	}
	if !ok {
		return errTries
	}
	code := normal(typed)
	if code == "" {
		return pending.ErrGone
	}
	item, err := h.Transient.Get(ctx, named(code), now)
	if errors.Is(err, transient.ErrAbsent) {
		return pending.ErrGone
	}
	if err != nil {
		return err
	}
	key := string(item.Value)
	rec, err := h.Pending.Begin(ctx, key, now)
	if err != nil {
		return err
	}
	c, err := h.Clients.Clients.Client(ctx, rec.Client)
	if errors.Is(err, oauth.ErrNoClient) || err == nil && (!slices.Contains(c.GrantTypes, oauth.GrantDevice) || c.Flows.Device != rec.Flow) {
		return pending.ErrGone
	}
	if err != nil {
		return err
	}
	return h.Start(w, r, rec, key, c)
}
