package bff

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/wire"
)

// early is how long before its end an access token is exchanged.
const early = 10 * time.Second

// said is what a script may know of the session: whom it is about, never a token.
type said struct {
	SignedIn bool           `json:"signed_in"`
	Claims   map[string]any `json:"claims,omitempty"`
	Expires  int64          `json:"expires_in,omitempty"` // of the access token
}

func (h *Handler) say(w http.ResponseWriter, k held) {
	s := said{SignedIn: true, Expires: max(k.Expires-h.Now().Unix(), 0)}
	if json.Unmarshal(payload(k.ID), &s.Claims) == nil {
		for _, ours := range []string{"nonce", "at_hash", "iat", "exp", "aud"} { // of the token, not of the person
			delete(s.Claims, ours)
		}
	}
	b, err := json.Marshal(s)
	if err != nil {
		h.refuse(w, http.StatusServiceUnavailable, oauth.Unavailable)
		return
	}
	wire.JSON(w, http.StatusOK, b)
}

// session says who is signed in. A session whose access token has ended is refreshed first: it may have been ended elsewhere.
func (h *Handler) session(w http.ResponseWriter, r *http.Request, a *app) {
	k, ok := h.of(r, a)
	if !ok {
		wire.JSON(w, http.StatusOK, []byte(`{"signed_in":false}`))
		return
	}
	k, err := h.fresh(w, r, a, k, false)
	switch {
	case errors.Is(err, errAgain):
		wire.JSON(w, http.StatusOK, []byte(`{"signed_in":false}`))
	case err != nil:
		h.refuse(w, http.StatusServiceUnavailable, oauth.Unavailable)
	default:
		h.say(w, k)
	}
}

func (h *Handler) refresh(w http.ResponseWriter, r *http.Request, a *app) {
	k, ok := h.of(r, a)
	if !ok {
		h.refuse(w, http.StatusUnauthorized, oauth.LoginRequired)
		return
	}
	k, err := h.fresh(w, r, a, k, true)
	switch {
	case errors.Is(err, errAgain):
		h.refuse(w, http.StatusUnauthorized, oauth.LoginRequired)
	case err != nil:
		h.refuse(w, http.StatusServiceUnavailable, oauth.Unavailable)
	default:
		h.say(w, k)
	}
}

// fresh exchanges an access token that ends soon, or any when asked to. With errAgain the session is over and its cookie gone. Two
// calls at once both get through: the token endpoint answers the previous refresh token once more for ten seconds.
func (h *Handler) fresh(w http.ResponseWriter, r *http.Request, a *app, k held, always bool) (held, error) {
	if !always && h.Now().Add(early).Unix() < k.Expires {
		return k, nil
	}
	if k.Refresh == "" {
		h.drop(w, a)
		return held{}, errAgain
	}
	next, err := h.tokens(r, a, url.Values{"grant_type": {oauth.GrantRefresh}, "refresh_token": {k.Refresh}})
	if errors.Is(err, errAgain) {
		h.drop(w, a)
	}
	if err != nil {
		return held{}, err
	}
	if next.Refresh == "" {
		next.Refresh = k.Refresh
	}
	if next.ID == "" {
		next.ID = k.ID
	}
	return next, h.keep(w, a, next)
}

// logout ends the app's session: its grant is revoked and its cookie is gone. The page it names ends the person's session here too.
func (h *Handler) logout(w http.ResponseWriter, r *http.Request, a *app) {
	k, ok := h.of(r, a)
	if ok {
		token := k.Refresh
		if token == "" {
			token = k.Access
		}
		if status, _ := h.post(r, a, oauth.RevokePath, url.Values{"token": {token}}); status != http.StatusOK {
			h.refuse(w, http.StatusServiceUnavailable, oauth.Unavailable) // the cookie stays, so that it can be tried again
			return
		}
		h.drop(w, a)
		if b, err := json.Marshal(k.ID); err == nil && k.ID != "" {
			http.SetCookie(w, h.cookie(a.id, "-leave", h.begun.Seal(b, h.Now()), time.Minute, http.SameSiteStrictMode))
		}
	}
	b, err := json.Marshal(map[string]string{"logout_url": h.Issuer.URL(Path + a.id + "/logout")})
	if err != nil {
		h.refuse(w, http.StatusServiceUnavailable, oauth.Unavailable)
		return
	}
	wire.JSON(w, http.StatusOK, b)
}

// leave leads the browser to the end of the person's session (RP-Initiated Logout). The hint goes from cookie to address on our side.
func (h *Handler) leave(w http.ResponseWriter, r *http.Request, a *app) {
	v := url.Values{"client_id": {a.id}}
	var hint string
	if h.open(r, a.id, "-leave", h.begun, &hint) && hint != "" {
		v.Set("id_token_hint", hint)
	}
	for _, u := range a.client.LogoutURIs {
		if u == a.Home {
			v.Set("post_logout_redirect_uri", u)
		}
	}
	http.SetCookie(w, h.cookie(a.id, "-leave", "", 0, http.SameSiteStrictMode))
	h.see(w, h.Issuer.Path(oauth.LogoutPath)+"?"+v.Encode())
}
