package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"runtime"
	"time"

	"github.com/stile-id/stile/actions/all"
	"github.com/stile-id/stile/actions/federate"
	"github.com/stile-id/stile/actions/passkey"
	"github.com/stile-id/stile/actions/password"
	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/run"
	"github.com/stile-id/stile/engine/trail"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/app/demands"
	"github.com/stile-id/stile/server/config"
	connect "github.com/stile-id/stile/server/connect/http"
	"github.com/stile-id/stile/server/connect/mail"
	"github.com/stile-id/stile/server/journeys"
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
	problems, sources, err := s.Flows.Load(ctx, folder)
	if err != nil || problems.Failed() {
		return problems, sources, err
	}
	s.sessions = &session.Sessions{Ledger: s.Store, Cookies: s.Cookies, Now: s.now, Random: rand.Reader,
		Idle: time.Duration(s.file.Lifetimes.SessionIdle), Absolute: time.Duration(s.file.Lifetimes.SessionAbsolute)}
	s.Engine = &run.Engine{Programs: s.Flows, Transient: s.transient, Ledger: waking{s.Store, s.wake}, Directory: s.Store, Connectors: s.outside(),
		Ender: ender{s}, Now: s.now, Random: rand.Reader, Log: s.log, Lifetime: time.Duration(s.file.Lifetimes.Journey), Observe: s.meter.Step, Reference: web.RequestID}
	if !s.file.Trails.Off {
		s.trails = trails.New(s.Store, s.meter.Dropped, s.log)
		s.Engine.Trail = s.trails.Hand
	}
	failures, err := journeys.NewFailures(s.transient, limit(s.file.Limits.Failures, 60, 10*time.Minute), s.log)
	if err != nil {
		return nil, nil, err
	}
	s.journeys = &journeys.Journeys{Engine: s.Engine, Cookies: s.Cookies, Pages: s.pages, Log: s.log, Session: s.sessions.Cookie, Failures: failures}
	return problems, sources, nil
}

// world is what flows may refer to: actions, connectors, providers, hooks.
func (s *Server) world() (check.World, error) {
	var err error
	if s.Hasher, err = NewHasher(s.file.Password); err != nil {
		return check.World{}, err
	}
	if s.connect, err = s.connectors(); err != nil {
		return check.World{}, err
	}
	providers, err := s.providers()
	if err != nil {
		return check.World{}, err
	}
	name := s.file.Name
	if name == "" {
		name = "Stile"
	}
	keys, err := passkey.New(s.file.Issuer, name, s.Store)
	if err != nil {
		return check.World{}, err
	}
	registry, err := all.Actions(all.Needs{Directory: s.Store, Attributes: s.Store, Connectors: s.outside(), Hasher: s.Hasher, Passkeys: keys,
		Providers: providers, Limit: s.transient, MailLimit: limit(s.file.Limits.Mail, 30, time.Hour), Pseudonym: s.master.Pseudonym, Region: s.file.Region})
	return check.World{Registry: registry, Hooks: s.hooks, Connector: s.connect.Has, Provider: providers.Has, Consent: all.Consent}, err
}

// outside is the connectors as steps and hooks call them.
func (s *Server) outside() action.Connectors { return trail.Connectors{Inner: s.connect, Now: s.now} }

// NewHasher makes the hasher of the password settings.
func NewHasher(p config.Password) (*password.Argon2, error) {
	c := password.DefaultCost()
	if p.Memory > 0 {
		c.Memory = p.Memory
	}
	if p.Iterations > 0 {
		c.Iterations = p.Iterations
	}
	if p.Parallelism > 0 {
		c.Parallelism = p.Parallelism
	}
	at, waiting := p.AtOnce, p.Waiting
	if at == 0 {
		at = runtime.GOMAXPROCS(0)
	}
	if waiting == 0 {
		waiting = 64
	}
	return password.NewArgon2(c, at, waiting)
}

func limit(l *config.Limit, burst int, per time.Duration) transient.Limit {
	if l == nil {
		return transient.Limit{Burst: burst, Per: per}
	}
	return transient.Limit{Burst: l.Burst, Per: time.Duration(l.Per)}
}

func (s *Server) connectors() (*connect.Connectors, error) {
	var list []connect.Connector
	for name, c := range s.file.Connectors {
		k := connect.Connector{Name: name, Base: c.Base, Headers: c.Headers, Timeout: min(time.Duration(c.Timeout), 10*time.Second), Cache: time.Duration(c.Cache),
			Retries: 1, Private: c.Private}
		if c.Retries != nil {
			k.Retries = *c.Retries
		}
		bearer, err := c.Bearer.Resolve(s.file.Dir)
		if err != nil {
			return nil, fmt.Errorf("connector %s: %w", name, err)
		}
		k.Bearer = bearer
		if c.Basic != nil {
			k.Username = c.Basic.Username
			if k.Password, err = c.Basic.Password.Resolve(s.file.Dir); err != nil {
				return nil, fmt.Errorf("connector %s: %w", name, err)
			}
		}
		list = append(list, k)
	}
	return connect.New(list...)
}

func (s *Server) providers() (*federate.Providers, error) {
	var list []federate.Provider
	for name, p := range s.file.Providers {
		secret, err := p.ClientSecret.Resolve(s.file.Dir)
		if err != nil {
			return nil, fmt.Errorf("provider %s: %w", name, err)
		}
		title := p.Title
		if title == "" {
			title = name
		}
		list = append(list, federate.Provider{Name: name, Title: title, Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: secret.Reveal(), Scopes: p.Scopes,
			Vouches: p.Vouches, Redirect: s.file.Issuer + "/federate/callback", Client: connect.Guarded(p.Private, 10*time.Second)})
	}
	return federate.NewProviders(list...), nil
}

// waking tells the delivery as soon as a turn has left something in the outbox.
type waking struct {
	journey.Ledger
	wake func()
}

// Commit implements journey.Ledger.
func (w waking) Commit(ctx context.Context, t journey.Turn) error {
	err := w.Ledger.Commit(ctx, t)
	if err == nil && len(t.Outbox) > 0 {
		w.wake()
	}
	return err
}

func (s *Server) wake() {
	if s.delivery != nil {
		s.delivery.Wake()
	}
}

func (s *Server) newDelivery(sender mail.Sender) {
	if sender == nil {
		m := s.file.Mail
		if m.SMTP == "" {
			sender = nowhere{s.log}
		} else {
			password, err := m.Password.Resolve(s.file.Dir)
			if err != nil {
				s.log.Error("mail cannot be sent", "cause", err.Error())
			}
			sender = mail.SMTP{Server: m.SMTP, From: m.From, Username: m.Username, Password: password, TLS: m.TLS}
		}
	}
	s.delivery = mail.NewDelivery(outboxed{s.Store}, sender, s.word, s.now, s.log)
}
