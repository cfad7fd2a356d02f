package registration

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/kind"
	"github.com/stile-id/stile/server/oauth/wire"
)

// manage is a client's own place (RFC 7592): it reads, replaces or removes its registration with the token that only it has.
func (h *Handler) manage(w http.ResponseWriter, r *http.Request) {
	work := map[string]func(http.ResponseWriter, *http.Request, *identity.Registration, time.Time) (int, []byte, error){http.MethodGet: h.read, http.MethodPut: h.replace, http.MethodDelete: h.remove}[r.Method]
	if work == nil {
		wire.Method(w, "GET, PUT, DELETE")
		return
	}
	now := h.Now()
	reg, err := h.owner(r.Context(), r, mux.Vars(r)["client"], now)
	if err != nil {
		h.answer(w, r, 0, nil, err)
		return
	}
	status, body, err := work(w, r, reg, now)
	if errors.Is(err, identity.ErrConflict) {
		err = errMeantime.With(err)
	}
	h.answer(w, r, status, body, err)
}

// owner finds the registration that the token is for. Unknown clients and wrong tokens look alike. The token before the last change is good until the
// new one has been seen, so that an answer that was lost shuts nobody out.
func (h *Handler) owner(ctx context.Context, r *http.Request, id string, now time.Time) (*identity.Registration, error) {
	if err := wire.NoQuery(r); err != nil {
		return nil, err
	}
	token, err := bearer(r)
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, errNone
	}
	reg := &identity.Registration{}
	if identity.Registered(id) {
		reg, err = h.Ledger.Registration(ctx, id)
		if errors.Is(err, identity.ErrNotFound) {
			reg, err = &identity.Registration{}, nil
		}
		if err != nil {
			return nil, err
		}
	}
	sum := client.Kept(token)
	current, before := same(sum, reg.Token), same(sum, reg.Previous)
	if !current && !before {
		return nil, h.failed(ctx, r, now)
	}
	if before { // the newer one never arrived: a change goes on from the token that is held, however many answers are lost
		reg.Token = reg.Previous
	}
	if current && reg.Previous != "" {
		reg.Previous = ""
		switch err := h.Ledger.Apply(ctx, []identity.Write{identity.ChangeClient{Registration: *reg}}, nil); {
		case errors.Is(err, identity.ErrConflict):
			return nil, errMeantime.With(err)
		case err != nil:
			return nil, err
		}
		reg.Revision++
	}
	return reg, nil
}

// read tells what is registered. Neither the secret nor the token is in it: both are kept as hashes alone.
func (h *Handler) read(_ http.ResponseWriter, _ *http.Request, reg *identity.Registration, _ time.Time) (int, []byte, error) {
	m, err := kind.Stored(reg)
	if err != nil {
		return 0, nil, err
	}
	out, err := h.told(reg, m, issued{})
	return http.StatusOK, out, err
}

// replace takes new metadata in place of all the old ones (RFC 7592 §2.2). The client names itself and may show its secret; it can choose neither.
func (h *Handler) replace(w http.ResponseWriter, r *http.Request, reg *identity.Registration, now time.Time) (int, []byte, error) {
	ctx := r.Context()
	o, err := body(w, r)
	if err != nil {
		return 0, nil, err
	}
	if o.Text("client_id") != reg.ID {
		return 0, nil, oauth.Fail(oauth.InvalidRequest, "The client_id is not that of this registration.")
	}
	for _, name := range []string{"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"} {
		if o.Has(name) {
			return 0, nil, oauth.Fail(oauth.InvalidRequest, "What the server chose is not sent back: registration_access_token, registration_client_uri, client_secret_expires_at, client_id_issued_at.")
		}
	}
	if o.Has("client_secret") && !same(client.Kept(o.Text("client_secret")), reg.Secret) {
		return 0, nil, oauth.Fail(oauth.InvalidRequest, "The client_secret is not the client's.")
	}
	m, of, err := h.settle(ctx, o, Asked{Action: "update", Client: reg.ID, Kind: reg.Kind, Token: reg.Via, Address: h.Address(r)}, now)
	if err != nil {
		return 0, nil, err
	}
	next := *reg
	next.Kind, next.Changed = of, now
	given, err := h.issue(ctx, &next, m)
	if err != nil {
		return 0, nil, err
	}
	if err := h.Ledger.Apply(ctx, []identity.Write{identity.ChangeClient{Registration: next}}, h.audit(r, "client.changed", next, now)); err != nil {
		return 0, nil, err
	}
	h.Changed(reg.ID, false)
	out, err := h.told(&next, m, given)
	return http.StatusOK, out, err
}

// remove ends the client: its grants are revoked in the same transaction, and no door knows it any more.
func (h *Handler) remove(_ http.ResponseWriter, r *http.Request, reg *identity.Registration, now time.Time) (int, []byte, error) {
	err := h.Ledger.Apply(r.Context(), []identity.Write{identity.RemoveClient{ID: reg.ID, At: now}}, h.audit(r, "client.removed", *reg, now))
	if err != nil {
		return 0, nil, err
	}
	h.Changed(reg.ID, true)
	return http.StatusNoContent, nil, nil
}
