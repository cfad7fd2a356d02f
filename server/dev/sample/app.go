// Package sample is an app for people to sign in to: a real OpenID client that talks to the issuer over HTTP as any other would, with code
// flow, PKCE, state and nonce. It stands for two apps, one of the house and one of a partner.
package sample

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gorilla/mux"
	"golang.org/x/oauth2"

	"github.com/stile-id/stile/server/dev/page"
	"github.com/stile-id/stile/server/web"
	files "github.com/stile-id/stile/ui/dev"
)

// Ids of the two clients the app stands for.
const (
	OwnClient     = "dev-app"
	PartnerClient = "partner"
)

// AccountACR is what the app asks for when the person wants to manage the account.
const AccountACR = "urn:stile:account"

// Options say whose app it is.
type Options struct {
	Issuer string
	// Prober is a confidential client that may introspect any token, and its secret.
	Prober, Secret string
	Pages          *page.Pages
	Now            func() time.Time
	Log            *slog.Logger
}

// App is the sample app. Its sessions lie in memory and are bounded.
type App struct {
	Options
	client   *http.Client
	sessions *sessions
	mu       sync.Mutex
	found    *oidc.Provider
	ends     ends
}

// ends are the endpoints that the OpenID library does not know.
type ends struct {
	Introspect string `json:"introspection_endpoint"`
	Logout     string `json:"end_session_endpoint"`
}

// callTimeout bounds each call to the issuer.
const callTimeout = 10 * time.Second

// New makes an app. Nothing is called before somebody signs in.
func New(o Options) (*App, error) {
	cookies, err := web.NewCookies(o.Issuer, "")
	if err != nil {
		return nil, fmt.Errorf("sample app: %w", err)
	}
	// The issuer is this machine: no proxy, and nothing redirects between the two.
	client := &http.Client{Timeout: callTimeout, Transport: &http.Transport{MaxIdleConns: 8, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &App{Options: o, client: client, sessions: &sessions{by: map[string]*session{}, now: o.Now, cookies: cookies}}, nil
}

// Mount adds the routes.
func (a *App) Mount(r *mux.Router) {
	r.HandleFunc("/dev/app", a.show).Methods(http.MethodGet)
	r.HandleFunc("/dev/app/sign-in", a.signIn).Methods(http.MethodPost)
	r.HandleFunc("/dev/app/callback", a.callback(OwnClient)).Methods(http.MethodGet)
	r.HandleFunc("/dev/app/partner/callback", a.callback(PartnerClient)).Methods(http.MethodGet)
	r.HandleFunc("/dev/app/partner/logo.png", logo).Methods(http.MethodGet)
	r.HandleFunc("/dev/app/userinfo", a.call("What userinfo answers", a.userinfo)).Methods(http.MethodPost)
	r.HandleFunc("/dev/app/introspect", a.call("What introspection answers", a.introspect)).Methods(http.MethodPost)
	r.HandleFunc("/dev/app/refresh", a.call("What the refresh brought", a.refresh)).Methods(http.MethodPost)
	r.HandleFunc("/dev/app/sign-out", a.signOut).Methods(http.MethodPost)
}

// Redirect is where the issuer sends people of a client back to.
func (a *App) Redirect(client string) string {
	if client == PartnerClient {
		return a.Issuer + "/dev/app/partner/callback"
	}
	return a.Issuer + "/dev/app/callback"
}

var errIssuer = errors.New("the issuer does not answer as an OpenID provider")

// provider discovers the issuer once.
func (a *App) provider(ctx context.Context) (*oidc.Provider, ends, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.found != nil {
		return a.found, a.ends, nil
	}
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), a.client), a.Issuer)
	if err != nil {
		return nil, ends{}, fmt.Errorf("%w: %w", errIssuer, err)
	}
	var e ends
	if err := found.Claims(&e); err != nil || e.Introspect == "" || e.Logout == "" {
		return nil, ends{}, fmt.Errorf("%w: no introspection or sign-out", errIssuer)
	}
	a.found, a.ends = found, e
	return found, e, nil
}

func (a *App) config(p *oidc.Provider, client string) oauth2.Config {
	c := oauth2.Config{ClientID: client, Endpoint: p.Endpoint(), RedirectURL: a.Redirect(client), Scopes: []string{oidc.ScopeOpenID, "profile", "email"}}
	c.Endpoint.AuthStyle = oauth2.AuthStyleInParams // a public client has no secret to put into a header
	if client == OwnClient {
		c.Scopes = append(c.Scopes, oidc.ScopeOfflineAccess)
	}
	return c
}

// context carries the app's HTTP client to the libraries.
func (a *App) context(ctx context.Context) context.Context { return oidc.ClientContext(ctx, a.client) }

type view struct {
	Notice *notice
	Signed *signedView
}

type signedView struct {
	Name, Claims, Access, Refresh, ID, Expires string
	Partner                                    bool
	Result                                     *result
}

func (a *App) show(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.take(r)
	v := view{Notice: s.notice}
	if t := s.signed; t != nil {
		v.Signed = &signedView{Name: t.name, Claims: t.claims, Access: t.token.AccessToken, Refresh: t.token.RefreshToken, ID: t.id, Partner: t.client == PartnerClient, Result: s.result}
		if !t.token.Expiry.IsZero() {
			v.Signed.Expires = t.token.Expiry.Format("15:04:05")
		}
	}
	a.Pages.Show(w, page.Page{Name: "sample", Title: "Sample app", Here: "/dev/app", Data: v})
}

// say keeps a notice for the next page and goes there.
func (a *App) say(w http.ResponseWriter, r *http.Request, n notice) {
	a.sessions.change(w, r, func(s *session) { s.notice = &n })
	page.See(w, "/dev/app")
}

// trouble tells the person that a call failed, and the log why.
func (a *App) trouble(w http.ResponseWriter, r *http.Request, what string, err error) {
	a.Log.Warn("sample app", "what", what, "cause", err.Error())
	a.say(w, r, notice{Kind: "danger", Title: what, Text: short(err.Error())})
}

// short cuts what another side said to what fits a page.
func short(s string) string {
	if r := []rune(s); len(r) > 500 {
		return string(r[:500]) + "…"
	}
	return s
}

// logo is the partner's, where a partner would have it; people see it from the server's own address.
func logo(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files.Files, "partner.png") }
