package app

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/app/certificates"
	"github.com/stile-id/stile/server/app/leaving"
	"github.com/stile-id/stile/server/app/native"
	"github.com/stile-id/stile/server/app/outgoing"
	"github.com/stile-id/stile/server/app/parts"
	"github.com/stile-id/stile/server/app/registering"
	"github.com/stile-id/stile/server/app/waiting"
	"github.com/stile-id/stile/server/config"
	connect "github.com/stile-id/stile/server/connect/http"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/assertion"
	"github.com/stile-id/stile/server/oauth/authentication"
	"github.com/stile-id/stile/server/oauth/authorize"
	"github.com/stile-id/stile/server/oauth/backchannel"
	"github.com/stile-id/stile/server/oauth/bff"
	"github.com/stile-id/stile/server/oauth/challenge"
	"github.com/stile-id/stile/server/oauth/claims"
	"github.com/stile-id/stile/server/oauth/details"
	"github.com/stile-id/stile/server/oauth/device"
	"github.com/stile-id/stile/server/oauth/encrypt"
	"github.com/stile-id/stile/server/oauth/foreign"
	"github.com/stile-id/stile/server/oauth/gateway"
	"github.com/stile-id/stile/server/oauth/introspect"
	"github.com/stile-id/stile/server/oauth/keys"
	"github.com/stile-id/stile/server/oauth/live"
	"github.com/stile-id/stile/server/oauth/logo"
	"github.com/stile-id/stile/server/oauth/logout"
	"github.com/stile-id/stile/server/oauth/metadata"
	"github.com/stile-id/stile/server/oauth/object"
	"github.com/stile-id/stile/server/oauth/pending"
	"github.com/stile-id/stile/server/oauth/pushed"
	"github.com/stile-id/stile/server/oauth/registration"
	"github.com/stile-id/stile/server/oauth/registry"
	"github.com/stile-id/stile/server/oauth/reply"
	"github.com/stile-id/stile/server/oauth/revoke"
	"github.com/stile-id/stile/server/oauth/sender"
	"github.com/stile-id/stile/server/oauth/token"
	"github.com/stile-id/stile/server/oauth/tokens"
	"github.com/stile-id/stile/server/oauth/userinfo"
	"github.com/stile-id/stile/server/web"
)

// mountOAuth makes the wing that serves clients. The token, introspection and userinfo endpoints come first: routes are
// tried in order, and these are the busy ones.
func (s *Server) mountOAuth(ctx context.Context, r *mux.Router) error {
	clients, err := registry.New(s.file.Clients)
	if err != nil {
		return err
	}
	marks, err := registry.NewMarks(s.now)
	if err != nil {
		return fmt.Errorf("registered clients: %w", err)
	}
	registering := registering.Room{File: s.file, Ledger: s.Store, Clients: clients, Marks: marks, Now: s.now, Log: s.log}
	s.sweep = func(ctx context.Context) error { return registering.Sweep(ctx, s.Store) }
	if err := registering.Find(); err != nil {
		return err
	}
	if s.grants, err = live.New(s.Store); err != nil {
		return fmt.Errorf("grants: %w", err)
	}
	sources, err := claims.New(s.file.Claims, s.scripts.Claims())
	if err != nil {
		return err
	}
	calls := parts.Calls()
	if err := outgoing.Sectors(ctx, s.file.Clients, calls, s.log); err != nil {
		return err
	}
	s.Store.Hears, s.clients = outgoing.Hears(clients), clients
	issuer := oauth.Issuer(s.file.Issuer)
	s.Keys = &keys.Ring{Store: s.Store, Vault: s.vault, Now: s.now, Log: s.log,
		Schedule: keys.Schedule{Every: config.Or(s.file.Lifetimes.KeyRotation, 0)}}
	if err := s.Keys.Start(ctx, parts.Signatures(s.file)...); err != nil {
		return fmt.Errorf("signing keys: %w", err)
	}
	registering.Sign = s.Keys.Start
	made := tokens.New(issuer, s.master, s.Keys, rand.Reader)
	fetcher := connect.NewFetcher(5 * time.Second)
	remote := &foreign.Remote{Now: s.now, Fetch: func(ctx context.Context, address string, private bool) ([]byte, error) {
		return fetcher.Fetch(ctx, address, "application/jwk-set+json, application/json", private, foreign.MaxKeySet)
	}}
	auth := &authentication.Authenticator{Clients: clients, Limits: s.transient, Pseudonym: s.master.Pseudonym, Address: address, Now: s.now, Log: s.log,
		Issuer: issuer, Alias: s.mutual(), Remote: remote, Certificates: shown}
	made.Recipients = &encrypt.Recipients{Issuer: issuer, Keys: auth.Keys}
	if auth.Authorities, err = certificates.Authorities(s.file); err != nil {
		return err
	}

	types, err := details.New(s.file.Details)
	if err != nil {
		return err
	}
	from := &sender.Sender{Proofs: sender.New(issuer, s.mutual(), s.master, s.transient, s.now), Certificates: shown}
	trusted, err := parts.Assertions(s.file)
	if err != nil {
		return err
	}
	assertions, err := assertion.New(issuer, s.Store, remote, trusted)
	if err != nil {
		return err
	}
	s.waiting = &waiting.Room{Pending: &pending.Store{Transient: s.transient, Random: rand.Reader, Sealer: s.master.Sealer("backchannel")}, Pages: s.pages, Ledger: outgoing.Waking{Ledger: s.Store, Wake: s.wake, Drop: s.drop}, Now: s.now}
	tokenDoor := &token.Handler{Issuer: issuer, Details: types, Sender: from, Clients: auth, Grants: s.grants, Tokens: made, Claims: sources, Judge: s.scripts.Exchange, Assertions: assertions, Pending: s.waiting.Pending, Issued: marks.Used, Now: s.now, Log: s.log}
	tokenDoor.Mount(r)
	asked := &introspect.Handler{Issuer: issuer, Clients: auth, Grants: s.grants, Tokens: made, Claims: sources, Now: s.now, Log: s.log}
	asked.Mount(r)
	forward, err := gateway.New(issuer, s.file.Gateways, auth, asked, from, s.now, s.log)
	if err != nil {
		return err
	}
	forward.Mount(r)
	(&userinfo.Handler{Issuer: issuer, Sender: from, Clients: clients, Grants: s.grants, Tokens: made, Claims: sources, Now: s.now, Log: s.log}).Mount(r)
	objects := &object.Opener{Issuer: issuer, Remote: remote, Limits: s.transient, Fetch: func(ctx context.Context, address string, private bool) ([]byte, error) {
		return fetcher.Fetch(ctx, address, "application/oauth-authz-req+jwt, application/jwt", private, object.MaxObject)
	}}
	front := &authorize.Handler{Details: types, Pushed: &pushed.Requests{Store: s.transient}, Replies: reply.New(issuer, s.Keys, s.master, s.now),
		Objects: objects, Issuer: issuer, Clients: clients, Authenticator: authenticator{s}, Tokens: made, Grants: s.Store, Claims: sources, Accepts: s.Flows.Accepts,
		Session: s.session, Address: address, Problem: s.problem, Now: s.now, Log: s.log}
	front.Mount(r)
	(&authorize.Push{Handler: front, Authenticator: auth, Sender: from, Limits: s.transient}).Mount(r)
	(&challenge.Handler{Issuer: issuer, Clients: auth, Requests: front, Sender: from, Sessions: challenge.NewSessions(s.master), Limits: s.transient, Address: address, Now: s.now, Log: s.log,
		Journeys: &native.Room{Start: authenticator{s}.start, Journeys: s.journeys, Pages: s.pages}}).Mount(r)
	s.journeys.Finish = s.waiting.Finish(front, clients)
	desk := pending.Desk{Issuer: issuer, Details: types, Clients: auth, Authenticator: authenticator{s}, Transient: s.transient, Session: s.session, Address: address, Problem: s.problem, Log: s.log}
	perPerson := parts.Limit(s.file.Limits.Asked, 5, 10*time.Minute)
	s.waiting.Mount(r, device.Handler{Desk: desk}, backchannel.Handler{Desk: desk, Directory: s.Store, Tokens: made, Objects: objects, Sender: from, Accepts: s.Flows.Accepts, Pseudonym: s.master.Pseudonym, PerPerson: &perPerson, Account: s.account})
	s.journeys.Base = issuer.Path("")
	s.journeys.Mount(r)
	(&revoke.Handler{Issuer: issuer, Clients: auth, Grants: s.grants, Tokens: made, Now: s.now, Log: s.log}).Mount(r)
	pictures, err := logo.New(func(ctx context.Context, address string, private bool) ([]byte, error) {
		return fetcher.Picture(ctx, address, private, logo.MaxFile)
	}, s.transient, s.now, s.log)
	if err != nil {
		return err
	}
	(&logo.Handler{Issuer: issuer, Clients: clients, Pictures: pictures}).Mount(r)
	bye := &leaving.Room{Pages: s.pages}
	(&logout.Handler{Issuer: issuer, Clients: clients, Tokens: made, Session: s.sessions.Of, End: s.signOut, Visits: s.Store.Visits, Ask: bye.Ask, Done: bye.Done,
		Problem: s.problem, Now: s.now, Log: s.log}).Mount(r)
	if err := registering.Mount(r, s.transient, address, remote, calls, s.scripts.Register,
		&registration.Operators{List: s.Store.Registrations, Grants: s.grants, Tokens: made, Sender: from}, s.grants.DropAll); err != nil {
		return err
	}
	s.notifier = &backchannel.Notifier{Clients: clients, Pending: s.waiting.Pending, Ledger: s.Store, Push: tokenDoor.Push, HTTP: calls, Now: s.now}
	s.teller = &logout.Teller{Issuer: issuer, Clients: clients, Tokens: made, HTTP: calls, Now: s.now}
	bff.New(bff.Options{Issuer: issuer, Apps: s.file.Handlers, Clients: clients, Secrets: s.file.Inner, Server: r, Calls: parts.APIs(), Master: s.master,
		Random: rand.Reader, Now: s.now, Log: s.log}).Mount(r)
	(&metadata.Handler{Issuer: issuer, Clients: clients, Keys: s.Keys, ACRs: s.acrs(), Scopes: s.scopes(), Locales: s.pages.Languages(),
		Claims: sources.Names(), Create: s.creates(), Hybrid: s.hybrid(), MTLS: s.mutual(), Details: types.Names(), Register: s.file.Registered != nil, Log: s.log}).Mount(r)
	return nil
}

func shown(r *http.Request) []*x509.Certificate { return web.ClientCertificates(r.Context()) }

func address(r *http.Request) string { return web.Network(web.Address(r.Context())) }

// account is whose session the browser has, "" for nobody's.
func (s *Server) account(r *http.Request) string {
	if found := s.session(r); found != nil {
		return found.Account
	}
	return ""
}

// session is the browser's session. A store that does not answer is no session: the person signs in.
func (s *Server) session(r *http.Request) *identity.Session {
	found, err := s.sessions.Of(r)
	if err != nil {
		s.log.Error("session not read", "cause", err.Error())
		return nil
	}
	return found
}

func (s *Server) problem(w http.ResponseWriter, r *http.Request, status int, id string, cause error) {
	ids := map[string]string{authorize.ProblemRequest: "bad-request", authorize.ProblemClient: "client-unknown", authorize.ProblemRedirect: "redirect-mismatch",
		authorize.ProblemServer: "broken"}
	level := slog.LevelInfo
	if status >= 500 {
		level = slog.LevelError
	}
	reference := web.RequestID(r.Context())
	cut := ""
	if cause != nil {
		cut = cause.Error()
	}
	s.log.LogAttrs(r.Context(), level, "request refused", slog.String("request", reference), slog.String("id", id), slog.String("cause", cut))
	page := ids[id]
	if page == "" {
		page = id
	}
	s.pages.Problem(w, r, web.Problem{Status: status, ID: page, Reference: reference})
}

// signOut ends a session here and now: in the ledger, in this browser, and in what this server remembers of grants.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request, found *identity.Session) error {
	if err := s.sessions.SignOut(r.Context(), found); err != nil {
		return err
	}
	s.grants.DropAll()
	s.wake()
	http.SetCookie(w, s.sessions.Forget())
	return nil
}

func (s *Server) acrs() []string {
	var out []string
	for _, f := range s.Flows.Names() {
		for _, a := range s.Flows.Accepts(f) {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (s *Server) scopes() []string {
	out := []string{"openid"}
	for _, c := range s.asking() {
		for _, x := range c.Scopes {
			if !slices.Contains(out, x) && !oauth.Starred(x) {
				out = append(out, x)
			}
		}
		if c.Offline && !slices.Contains(out, "offline_access") {
			out = append(out, "offline_access") // apps look for it here before they ask for it
		}
	}
	slices.Sort(out[1:])
	return out
}

// asking are the clients of the settings, and one of each kind that may register.
func (s *Server) asking() []oauth.Client {
	out := slices.Clone(s.file.Clients)
	if r := s.file.Registered; r != nil {
		for _, name := range r.Names() {
			out = append(out, r.Kinds[name].Sample(name))
		}
	}
	return out
}

func (s *Server) creates() bool {
	return slices.ContainsFunc(s.asking(), func(c oauth.Client) bool { return c.Flows.Create != "" })
}

func (s *Server) hybrid() bool {
	return slices.ContainsFunc(s.asking(), func(c oauth.Client) bool { return slices.Contains(c.Responses, oauth.ResponseHybrid) })
}

// mutual is where clients with certificates call; "" when nobody is asked for one.
func (s *Server) mutual() oauth.Issuer {
	switch m := s.file.MutualTLS; {
	case m == nil:
		return ""
	case m.URL != "":
		return oauth.Issuer(m.URL)
	}
	return oauth.Issuer(s.file.Issuer)
}
