package backchannel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/pending"
	"github.com/stile-id/stile/server/oauth/wire"
)

// None is what Done is told when nothing waits for whoever is signed in, or nobody is.
const None = "none"

// found bounds how many requests a person finds when signed in: as many as they can be asked at once.
const found = perPerson

func waits(account string) string { return "oauth/ciba/for/" + account }

// find lets whoever is signed in find the request. It is a convenience beside the link: when many ask at once, some are not found so.
func (h *Handler) find(ctx context.Context, account, link string, now, expires time.Time) error {
	for range 3 {
		links, version, err := h.links(ctx, account, now)
		if err != nil {
			return err
		}
		links = append(links, link)
		raw, err := json.Marshal(links[max(0, len(links)-found):])
		if err != nil {
			return fmt.Errorf("write what waits: %w", err)
		}
		_, err = h.Transient.Put(ctx, waits(account), raw, version, now, expires.Add(livesMost*time.Second))
		if !errors.Is(err, transient.ErrChanged) {
			return err
		}
	}
	return nil
}

func (h *Handler) links(ctx context.Context, account string, now time.Time) (links []string, version int64, err error) {
	item, err := h.Transient.Get(ctx, waits(account), now)
	if errors.Is(err, transient.ErrAbsent) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	if err := json.Unmarshal(item.Value, &links); err != nil {
		return nil, item.Version, nil //nolint:nilerr // what cannot be read is written anew
	}
	return links, item.Version, nil
}

// mine leads whoever is signed in to the latest request that waits for them. Like the link it decides nothing.
func (h *Handler) mine(w http.ResponseWriter, r *http.Request) {
	wire.NoStore(w)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Method(w, r)
		return
	}
	account := ""
	if h.Account != nil {
		account = h.Account(r)
	}
	if account == "" {
		h.Done(w, r, None)
		return
	}
	ctx, now := r.Context(), h.Now()
	links, _, err := h.links(ctx, account, now)
	for i := len(links) - 1; i >= 0 && err == nil; i-- {
		var item transient.Item
		item, err = h.Transient.Get(ctx, linked(links[i]), now)
		if err == nil {
			_, err = h.Pending.Look(ctx, string(item.Value), now)
		}
		if err == nil {
			w.Header().Set("Location", h.Issuer.Path(oauth.ApprovePath+"/"+links[i]))
			w.WriteHeader(http.StatusSeeOther)
			return
		}
		if errors.Is(err, transient.ErrAbsent) || errors.Is(err, pending.ErrGone) {
			err = nil
		}
	}
	if err != nil {
		h.Broken(w, r, err)
		return
	}
	h.Done(w, r, None)
}
