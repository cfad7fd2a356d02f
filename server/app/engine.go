package app

import (
	"context"
	"crypto/rand"
	"io/fs"
	"time"

	"github.com/stile-id/stile/actions/all"
	"github.com/stile-id/stile/actions/passkey"
	"github.com/stile-id/stile/actions/password"
	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/run"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/server/app/demands"
	"github.com/stile-id/stile/server/app/outgoing"
	"github.com/stile-id/stile/server/app/parts"
	"github.com/stile-id/stile/server/journeys"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/logo"
	"github.com/stile-id/stile/server/session"
	"github.com/stile-id/stile/server/trails"
	"github.com/stile-id/stile/server/watch"
	"github.com/stile-id/stile/server/web"
)

// Hasher hashes passwords; the command line uses it too.
type Hasher = password.Hasher

// newEngine makes the wing that asks people, from connectors up to the journeys' pages.
func (s *Server) newEngine(ctx context.Context, folder fs.FS) (diag.Problems, diag.Sources, error) {
	world, err := s.world()
	if err != nil {
		return nil, nil, err
	}
	s.Flows = watch.New(world, s.Store, s.now, s.log)
	s.Flows.Fits = func(set watch.Compiled) (diag.Problems, diag.Sources) {
		return demands.Check(s.file, set), s.file.Sources()
	}
	s.Flows.Keyed = s.master.Pseudonym
	problems, sources, err := s.Flows.Load(ctx, folder)
	if err != nil || problems.Failed() {
		return problems, sources, err
	}
	if err := s.guard(ctx); err != nil {
		return problems, sources, err
	}
	s.sessions = &session.Sessions{Ledger: s.Store, Cookies: s.Cookies, Now: s.now, Random: rand.Reader,
		Idle: time.Duration(s.file.Lifetimes.SessionIdle), Absolute: time.Duration(s.file.Lifetimes.SessionAbsolute)}
	s.Engine = &run.Engine{Programs: s.Flows, Transient: s.transient, Ledger: outgoing.Waking{Ledger: s.Store, Wake: s.wake, Drop: s.drop}, Directory: s.Store, Connectors: s.outside(),
		Ender: ender{s}, Now: s.now, Random: rand.Reader, Log: s.log, Lifetime: time.Duration(s.file.Lifetimes.Journey), Observe: s.meter.Step, Reference: web.RequestID}
	if !s.file.Trails.Off {
		s.trails = trails.New(s.Store, s.meter.Dropped, s.log)
		s.Engine.Trail = s.trails.Hand
	}
	failures, err := journeys.NewFailures(s.transient, parts.Limit(s.file.Limits.Failures, 60, 10*time.Minute), s.log)
	if err != nil {
		return nil, nil, err
	}
	s.journeys = &journeys.Journeys{Engine: s.Engine, Cookies: s.Cookies, Pages: s.pages, Log: s.log, Session: s.sessions.Cookie, Failures: failures}
	return problems, sources, nil
}

// world is what flows may refer to: actions, connectors, providers, hooks.
func (s *Server) world() (check.World, error) {
	var err error
	if s.Hasher, err = parts.Hasher(s.file.Password); err != nil {
		return check.World{}, err
	}
	if s.connect, err = parts.Connectors(s.file); err != nil {
		return check.World{}, err
	}
	providers, err := parts.Providers(s.file)
	if err != nil {
		return check.World{}, err
	}
	keys, err := passkey.New(s.file.Issuer, s.file.Name, s.Store)
	if err != nil {
		return check.World{}, err
	}
	registry, err := all.Actions(all.Needs{Directory: s.Store, Attributes: s.Store, Connectors: s.outside(), Hasher: s.Hasher, Passkeys: keys,
		Providers: providers, Limit: s.transient, MailLimit: parts.Limit(s.file.Limits.Mail, 30, time.Hour), Pseudonym: s.master.Pseudonym, Client: s.clientName, Region: s.file.Region})
	return check.World{Registry: registry, Hooks: s.hooks, Connector: s.connect.Has, Provider: providers.Has, Consent: all.Consent}, err
}

// outside is the connectors as steps and hooks call them.
func (s *Server) outside() action.Connectors { return trail.Connectors{Inner: s.connect, Now: s.now} }

// clientName is what people call a client; "" when it is not there any more.
func (s *Server) clientName(ctx context.Context, id string) string {
	if s.clients == nil {
		return ""
	}
	c, err := s.clients.Client(ctx, id)
	if err != nil {
		return ""
	}
	return c.Name
}

// app is what a client shows of itself to people who read a language; nothing when it is not there any more.
func (s *Server) app(ctx context.Context, id, language string) web.App {
	if s.clients == nil {
		return web.App{}
	}
	c, err := s.clients.Client(ctx, id)
	if err != nil {
		return web.App{}
	}
	in := c.In(language)
	return web.App{Name: in.Name, Policy: in.PolicyURI, Terms: in.TosURI, Logo: logo.Path(oauth.Issuer(s.file.Issuer), c, language)}
}

// drop forgets what is remembered about grants.
func (s *Server) drop() {
	if s.grants != nil {
		s.grants.DropAll()
	}
}

// guard rolls back candidates that fare badly here or were rolled back elsewhere.
func (s *Server) guard(ctx context.Context) error {
	err := s.Flows.Guard(ctx, s.Store)
	s.meter.RolledBack(s.Flows.TakenBack())
	return err
}

func (s *Server) wake() {
	if s.delivery != nil {
		s.delivery.Wake()
	}
}
