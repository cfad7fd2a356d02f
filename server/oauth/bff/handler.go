// Package bff is the token handler for single-page apps (the backend for frontend of OAuth 2.0 for Browser-Based Applications §6.1): it is
// the confidential client, keeps the tokens in a sealed cookie that no script can read, and calls the APIs that are listed with the access
// token in the cookie's place. The app in the browser never sees a token.
package bff

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/oauth/wire"
	"github.com/stile-id/stile/server/seal"
)

// Path is below the issuer; the client's id follows.
const Path = "/bff/"

// Header must be on every call of a script: no page of another origin can set it without being asked first (S-076).
const Header = "Stile-BFF"

// Options of New.
type Options struct {
	Issuer  oauth.Issuer
	Apps    Settings
	Clients oauth.Clients
	Secrets map[string]seal.Secret // of the clients, known in this process alone
	Server  http.Handler           // where the token endpoint is
	Calls   func(private bool) *http.Client
	Master  seal.Master
	Random  io.Reader
	Now     func() time.Time
	Log     *slog.Logger
}

// Handler serves the token handler.
type Handler struct {
	Options
	kept, begun *seal.Box
}

// New makes the handler.
func New(o Options) *Handler {
	return &Handler{Options: o, kept: o.Master.Box("bff-session", "stb_", 400), begun: o.Master.Box("bff-login", "stg_", 1)}
}

// app is one request's app.
type app struct {
	App
	id     string
	client *oauth.Client
}

// Mount adds the endpoints to the host's router.
func (h *Handler) Mount(r *mux.Router) {
	for id, a := range h.Apps {
		at := h.Issuer.Path(Path + id)
		page := func(path string, serve func(http.ResponseWriter, *http.Request, *app)) {
			r.Path(at + path).Methods(http.MethodGet).HandlerFunc(func(w http.ResponseWriter, q *http.Request) { h.serve(w, q, id, a, serve) })
		}
		call := func(path, method string, serve func(http.ResponseWriter, *http.Request, *app)) {
			r.Path(at+path).Methods(method, http.MethodOptions).HandlerFunc(func(w http.ResponseWriter, q *http.Request) { h.call(w, q, id, a, serve) })
		}
		page("/login", h.login)
		page("/callback", h.callback)
		page("/logout", h.leave)
		call("/session", http.MethodGet, h.session)
		call("/refresh", http.MethodPost, h.refresh)
		call("/logout", http.MethodPost, h.logout)
		r.PathPrefix(at + "/api/").Methods(append(methods(), http.MethodOptions)...).HandlerFunc(func(w http.ResponseWriter, q *http.Request) { h.call(w, q, id, a, h.proxy) })
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, id string, a App, serve func(http.ResponseWriter, *http.Request, *app)) {
	wire.NoStore(w)
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	c, err := h.Clients.Client(r.Context(), id)
	if err != nil {
		h.refuse(w, http.StatusServiceUnavailable, "temporarily_unavailable")
		return
	}
	serve(w, r, &app{App: a, id: id, client: c})
}

// methods are those an API is called with. TRACE is none: its answer would show the script the token.
func methods() []string {
	return []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
}

// call lets scripts of the app's origin in, and of our own. What a script may read of another origin it may only with our word for it,
// and what changes anything needs the header, which a form cannot send.
func (h *Handler) call(w http.ResponseWriter, r *http.Request, id string, a App, serve func(http.ResponseWriter, *http.Request, *app)) {
	home, origin := client.Origin(a.Home), r.Header.Get("Origin")
	head := w.Header()
	head.Set("Vary", "Origin")
	head.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'") // an API's answer is data, never a page of ours
	head.Set("Cross-Origin-Resource-Policy", "same-site")
	if origin != "" && origin != home && origin != client.Origin(string(h.Issuer)) {
		h.refuse(w, http.StatusForbidden, "origin")
		return
	}
	if origin == home {
		head.Set("Access-Control-Allow-Origin", origin)
		head.Set("Access-Control-Allow-Credentials", "true")
	}
	if r.Method == http.MethodOptions {
		head.Set("Access-Control-Allow-Methods", strings.Join(methods(), ", "))
		head.Set("Access-Control-Allow-Headers", Header+", Accept, Content-Type, If-Match, If-None-Match")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if r.Header.Get(Header) != "1" {
		h.refuse(w, http.StatusForbidden, "header")
		return
	}
	h.serve(w, r, id, a, serve)
}

func (h *Handler) refuse(w http.ResponseWriter, status int, code string) {
	wire.JSON(w, status, wire.Body(&oauth.Error{Code: code}))
}

// held is what the session's cookie keeps.
type held struct {
	Access  string `json:"a"`
	Refresh string `json:"r,omitempty"`
	ID      string `json:"i,omitempty"`
	Expires int64  `json:"e"` // of the access token, seconds since 1970
}

// maxCookie is what browsers take of one cookie, name and attributes included.
const maxCookie = 3900

func (h *Handler) name(id, what string) string {
	if strings.HasPrefix(string(h.Issuer), "https:") {
		return "__Host-stile-bff-" + id + what
	}
	return "stile-bff-" + id + what // on a loopback http issuer alone
}

// cookie is one that no script reads and no request of another site carries. Only the begun login's is lax: a provider of another site may
// be the last place before the person comes back.
func (h *Handler) cookie(id, what, value string, age time.Duration, mode http.SameSite) *http.Cookie {
	c := &http.Cookie{Name: h.name(id, what), Value: value, Path: "/", HttpOnly: true, SameSite: mode, MaxAge: int(age.Seconds()), //nolint:gosec // not Secure only on a loopback http issuer
		Secure: strings.HasPrefix(string(h.Issuer), "https:")}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// open reads a cookie that came once.
func (h *Handler) open(r *http.Request, id, what string, box *seal.Box, into any) bool {
	found := r.CookiesNamed(h.name(id, what))
	if len(found) != 1 || len(found[0].Value) > maxCookie {
		return false
	}
	b, err := box.Open(found[0].Value, h.Now())
	return err == nil && json.Unmarshal(b, into) == nil
}

// of is the session a request came with; its cookie must be of this client.
func (h *Handler) of(r *http.Request, a *app) (held, bool) {
	var k struct {
		Client string `json:"c"`
		held
	}
	ok := h.open(r, a.id, "", h.kept, &k) && k.Client == a.id && k.Access != ""
	return k.held, ok
}

// keep sets the session's cookie. It lives as long as refresh tokens may.
func (h *Handler) keep(w http.ResponseWriter, a *app, k held) error {
	for {
		b, err := json.Marshal(struct {
			Client string `json:"c"`
			held
		}{a.id, k})
		if err != nil {
			return err
		}
		text := h.kept.Seal(b, h.Now())
		if len(text) <= maxCookie-300 {
			http.SetCookie(w, h.cookie(a.id, "", text, a.client.AbsoluteFor(), http.SameSiteStrictMode))
			return nil
		}
		if k.ID == "" {
			return errLarge
		}
		k.ID = "" // without it the person is asked before signing out, and the app learns no claims
	}
}

func (h *Handler) drop(w http.ResponseWriter, a *app) {
	http.SetCookie(w, h.cookie(a.id, "", "", 0, http.SameSiteStrictMode))
}

// post asks one of our own endpoints as the client, without a way over the network.
func (h *Handler) post(r *http.Request, a *app, path string, form url.Values) (status int, body []byte) {
	q, err := http.NewRequestWithContext(r.Context(), http.MethodPost, h.Issuer.URL(path), strings.NewReader(form.Encode()))
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	q.RemoteAddr = r.RemoteAddr
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.SetBasicAuth(url.QueryEscape(a.id), url.QueryEscape(h.Secrets[a.id].Reveal()))
	w := &answer{head: http.Header{}, status: http.StatusOK}
	h.Server.ServeHTTP(w, q)
	return w.status, w.body
}

// answer keeps what an endpoint of ours writes.
type answer struct {
	head   http.Header
	status int
	body   []byte
}

func (a *answer) Header() http.Header         { return a.head }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { a.body = append(a.body, b...); return len(b), nil }

func same(a, b string) bool { return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
