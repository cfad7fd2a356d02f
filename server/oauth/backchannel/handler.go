// Package backchannel is Client-Initiated Backchannel Authentication (OpenID CIBA Core 1.0) an app asks for a person by name, the person is told, opens a
// link in a browser of their own, proves who they are and says yes or no in a journey, and the app gets its tokens: it keeps asking for them (poll), is told when to
// ask (ping), or is sent them (push).
// Whether there is such a person an app cannot tell: a request for nobody waits like one that nobody answers.
package backchannel

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/object"
	"github.com/stile-id/stile/server/oauth/pending"
	"github.com/stile-id/stile/server/oauth/sender"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/oauth/wire"
)

// Directory finds people.
type Directory interface {
	Account(ctx context.Context, id string) (*identity.Account, error)
	AccountBy(ctx context.Context, kind identity.IdentifierKind, canonical string) (*identity.Account, error)
}

// Notice is what the person is told. To is "" when nobody is to be told; it costs the same.
type Notice struct {
	To, Account string
	Phone       string // verified; "" for none
	Client      *oauth.Client
	Link        string
	Message     string
	Place       string
	Key         string
	Expires     time.Time
	Late        []journey.Message // tells the client when its time is over; written together
}

// Handler serves the backchannel authentication endpoint and the pages that links lead to.
type Handler struct {
	pending.Desk
	Directory Directory
	Tokens    *tokens.Tokens
	Objects   *object.Opener
	Sender    *sender.Sender
	Accepts   func(flow string) []string
	Pseudonym func(string) string
	// Tell writes the notice to the ledger, which sends it.
	Tell func(ctx context.Context, n Notice) error
	// PerPerson bounds how often anybody is asked, by all clients. nil: five times in ten minutes; a Burst of 0: as often as they like.
	PerPerson *transient.Limit
	// Account is whose session the browser has, "" for nobody's.
	Account func(r *http.Request) string
	// Ask shows whose request it is; its form posts to where it is.
	Ask func(w http.ResponseWriter, r *http.Request, c *oauth.Client)
}

// Mount adds the endpoints to the host's router.
func (h *Handler) Mount(r *mux.Router) {
	r.Path(h.Issuer.Path(oauth.BackchannelPath)).HandlerFunc(h.Endpoint(h.begin))
	h.MountDone(r, pending.Backchannel)
	r.Path(h.Issuer.Path(oauth.ApprovePath)).Handler(h.Page(h.mine))
	r.Path(h.Issuer.Path(oauth.ApprovePath + "/{link:[A-Za-z0-9_-]{22}}")).Handler(h.Page(h.open))
}

func (h *Handler) begin(w http.ResponseWriter, r *http.Request, c *oauth.Client, p wire.Params) (map[string]any, error) {
	ctx, now := r.Context(), h.Now()
	a, err := h.read(ctx, c, p, now)
	if err != nil {
		return nil, err
	}
	if err := h.limited(ctx, a, now); err != nil {
		return nil, err
	}
	answer := map[string]any{"expires_in": a.record.Expires - now.Unix()}
	if a.record.Delivery == oauth.DeliverPush {
		if a.record.Confirm, err = h.bound(w, r, c); err != nil {
			return nil, err
		}
	} else {
		answer["interval"] = interval
	}
	a.record.Place = h.Address(r)
	answer["auth_req_id"], err = h.ask(ctx, a, now)
	return answer, err
}

// bound is what pushed tokens are bound to: nobody brings a key when they are sent, so it is the one that the request came with.
func (h *Handler) bound(w http.ResponseWriter, r *http.Request, c *oauth.Client) (oauth.Confirm, error) {
	out, err := h.Sender.Of(r.Context(), r, c, oauth.BackchannelPath)
	h.Sender.Answer(w, r)
	if sender.NeedsNonce(err) {
		h.Sender.Challenge(w)
	}
	return out, err
}

// ask keeps the request and tells the person. For nobody all is done the same, but the link, which nobody is sent, leads nowhere.
func (h *Handler) ask(ctx context.Context, a *asked, now time.Time) (secret string, err error) {
	person, err := a.find(ctx)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return "", err
	}
	n := Notice{Client: a.client, Message: a.record.Message, Place: a.record.Place, Expires: time.Unix(a.record.Expires, 0)}
	a.record.Subject = "nobody"
	if err == nil && person.Status == identity.Active {
		if to, ok := person.Identifier(identity.Email); ok && to.Verified {
			n.To, n.Account, a.record.Subject = to.Canonical, person.ID, person.ID
			if phone, ok := person.Identifier(identity.Phone); ok && phone.Verified {
				n.Phone = phone.Canonical
			}
		}
	}
	secret, key, err := h.Pending.Add(ctx, a.record, now)
	if err != nil {
		return "", err
	}
	raw := make([]byte, 16)
	if _, err := io.ReadFull(h.Random, raw); err != nil {
		return "", fmt.Errorf("make a link: %w", err)
	}
	link := base64.RawURLEncoding.EncodeToString(raw)
	if _, err := h.Transient.Put(ctx, linked(link), []byte(key), 0, now, n.Expires); err != nil {
		return "", err
	}
	if err := h.find(ctx, cmp.Or(n.Account, h.Pseudonym(a.hint)), link, now, n.Expires); err != nil {
		return "", err
	}
	if n.Late, err = a.record.Late(key, now); err != nil {
		return "", err
	}
	n.Link, n.Key = h.Issuer.URL(oauth.ApprovePath+"/"+link), key
	return secret, h.Tell(ctx, n)
}

func linked(link string) string { return "oauth/ciba/link/" + link }

// open is where the link leads. Looking at it does nothing, since programs that read mail do so too; the button begins the journey. The link proves nothing:
// whoever opens it has to prove in the journey that they are the person asked for.
func (h *Handler) open(w http.ResponseWriter, r *http.Request) {
	wire.NoStore(w)
	ctx, now := r.Context(), h.Now()
	item, err := h.Transient.Get(ctx, linked(mux.Vars(r)["link"]), now)
	if err != nil {
		h.gone(w, r, err, errors.Is(err, transient.ErrAbsent))
		return
	}
	key := string(item.Value)
	var rec *pending.Record
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		rec, err = h.Pending.Look(ctx, key, now)
	case http.MethodPost:
		rec, err = h.Pending.Begin(ctx, key, now)
	default:
		h.Method(w, r)
		return
	}
	if err != nil {
		h.gone(w, r, err, errors.Is(err, pending.ErrGone))
		return
	}
	c, err := h.Clients.Clients.Client(ctx, rec.Client)
	if err != nil || c.Flows.Backchannel != rec.Flow {
		h.gone(w, r, err, err == nil || errors.Is(err, oauth.ErrNoClient))
		return
	}
	if r.Method != http.MethodPost {
		h.Ask(w, r, c)
		return
	}
	if err := h.Start(w, r, rec, key, c); err != nil {
		h.Broken(w, r, err)
	}
}

// gone says that there is nothing to decide any more, or that our side is broken.
func (h *Handler) gone(w http.ResponseWriter, r *http.Request, err error, gone bool) {
	if gone {
		h.Done(w, r, pending.Expired)
		return
	}
	h.Broken(w, r, err)
}
