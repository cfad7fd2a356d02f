package bff

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/wire"
)

// begun is a login under way, in a cookie of its own.
type begun struct {
	Client   string `json:"c"`
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	Return   string `json:"r"`
}

const loginFor = 30 * time.Minute

var (
	errLarge = errors.New("bff: the tokens are too large for a cookie")
	errAgain = errors.New("bff: the refresh token is spent")
)

// login leads the person to the authorization endpoint.
func (h *Handler) login(w http.ResponseWriter, r *http.Request, a *app) {
	raw := make([]byte, 96)
	if _, err := io.ReadFull(h.Random, raw); err != nil {
		h.refuse(w, http.StatusServiceUnavailable, oauth.Unavailable)
		return
	}
	text := func(n int) string { return base64.RawURLEncoding.EncodeToString(raw[n : n+32]) }
	p, err := wire.Parse(r.URL.RawQuery)
	if err != nil {
		h.refuse(w, http.StatusBadRequest, oauth.InvalidRequest)
		return
	}
	b := begun{Client: a.id, State: text(0), Nonce: text(32), Verifier: text(64), Return: path(p.Get("return_to"))}
	sealed, err := json.Marshal(b)
	if err != nil {
		h.refuse(w, http.StatusServiceUnavailable, oauth.Unavailable)
		return
	}
	sum := sha256.Sum256([]byte(b.Verifier))
	scopes := a.Scopes
	if len(scopes) == 0 {
		scopes = a.client.Scopes
	}
	v := url.Values{"client_id": {a.id}, "response_type": {"code"}, "redirect_uri": {h.redirect(a)}, "scope": {strings.Join(scopes, " ")}, "state": {b.State}, "nonce": {b.Nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	for _, name := range []string{"prompt", "acr_values", "max_age", "ui_locales", "login_hint"} { // what an app may wish; the rest is ours
		if p.Has(name) {
			v.Set(name, p.Get(name))
		}
	}
	http.SetCookie(w, h.cookie(a.id, "-login", h.begun.Seal(sealed, h.Now()), loginFor, http.SameSiteLaxMode))
	h.see(w, h.Issuer.Path(oauth.AuthorizePath)+"?"+v.Encode())
}

func (h *Handler) redirect(a *app) string { return h.Issuer.URL(Path + a.id + "/callback") }

func (h *Handler) see(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// path is where in the app the person goes on: a path of its origin and nothing else.
func path(text string) string {
	u, err := url.Parse(text)
	if err != nil || len(text) > 1000 || !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") || u.Host != "" || u.Scheme != "" ||
		strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return ""
	}
	return text
}

// home is an address of the app.
func (a *app) home(back, failure string) string {
	to := a.Home
	if back != "" {
		to = client.Origin(a.Home) + back
	}
	if failure == "" {
		return to
	}
	to, _, _ = strings.Cut(to, "#")
	mark := "?"
	if strings.Contains(to, "?") {
		mark = "&"
	}
	return to + mark + "login_error=" + url.QueryEscape(failure)
}

// callback ends a login: state, issuer and nonce must be those it was begun with in this browser.
func (h *Handler) callback(w http.ResponseWriter, r *http.Request, a *app) {
	var b begun
	ok := h.open(r, a.id, "-login", h.begun, &b) && b.Client == a.id
	p, err := wire.Parse(r.URL.RawQuery)
	if !ok || err != nil || !same(b.State, p.Get("state")) || p.Get("iss") != string(h.Issuer) {
		h.see(w, a.home("", "invalid_state")) // another browser's, or an old one; whatever it says, nobody is signed in by it
		return
	}
	http.SetCookie(w, h.cookie(a.id, "-login", "", 0, http.SameSiteLaxMode))
	if p.Get("code") == "" {
		h.see(w, a.home(b.Return, word(p.Get("error"))))
		return
	}
	k, err := h.tokens(r, a, url.Values{"grant_type": {oauth.GrantCode}, "code": {p.Get("code")}, "redirect_uri": {h.redirect(a)}, "code_verifier": {b.Verifier}})
	if err == nil {
		var c struct {
			Nonce string `json:"nonce"`
		}
		if json.Unmarshal(payload(k.ID), &c) != nil || !same(b.Nonce, c.Nonce) {
			err = errors.New("bff: the ID token is of another login")
		}
	}
	if err == nil {
		err = h.keep(w, a, k)
	}
	if err != nil {
		h.Log.LogAttrs(r.Context(), slog.LevelWarn, "a login ended without tokens", slog.String("client", a.id), slog.String("cause", err.Error()))
		h.see(w, a.home(b.Return, oauth.ServerError))
		return
	}
	h.see(w, a.home(b.Return, ""))
}

// word passes on what has the form of an error code.
func word(text string) string {
	if text == "" || len(text) > 60 || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return oauth.ServerError
	}
	return text
}

// tokens asks the token endpoint.
func (h *Handler) tokens(r *http.Request, a *app, form url.Values) (held, error) {
	status, body := h.post(r, a, oauth.TokenPath, form)
	var t struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		ID      string `json:"id_token"`
		Expires int64  `json:"expires_in"`
		Error   string `json:"error"`
	}
	if err := json.Unmarshal(body, &t); err != nil {
		return held{}, fmt.Errorf("bff: the token endpoint answered %d", status)
	}
	switch {
	case t.Error == oauth.InvalidGrant:
		return held{}, errAgain
	case status != http.StatusOK || t.Access == "":
		return held{}, fmt.Errorf("bff: the token endpoint answered %d %s", status, t.Error)
	}
	return held{Access: t.Access, Refresh: t.Refresh, ID: t.ID, Expires: h.Now().Unix() + t.Expires}, nil
}

// payload reads what an ID token says that came from our own token endpoint.
func payload(token string) []byte {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	return b
}
