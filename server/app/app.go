// Package app is the composition root: it wires the rooms together and holds no logic of its own.
package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/run"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/scripts/host"
	"github.com/stile-id/stile/server/app/hooks"
	"github.com/stile-id/stile/server/app/outgoing"
	"github.com/stile-id/stile/server/app/stores"
	"github.com/stile-id/stile/server/app/waiting"
	"github.com/stile-id/stile/server/config"
	connect "github.com/stile-id/stile/server/connect/http"
	"github.com/stile-id/stile/server/connect/mail"
	"github.com/stile-id/stile/server/delivery"
	"github.com/stile-id/stile/server/journeys"
	"github.com/stile-id/stile/server/meter"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/backchannel"
	"github.com/stile-id/stile/server/oauth/keys"
	"github.com/stile-id/stile/server/oauth/live"
	"github.com/stile-id/stile/server/oauth/logout"
	"github.com/stile-id/stile/server/pages"
	"github.com/stile-id/stile/server/seal"
	"github.com/stile-id/stile/server/session"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/trails"
	"github.com/stile-id/stile/server/watch"
	"github.com/stile-id/stile/server/web"
)

// Options say what to build a server of.
type Options struct {
	File *config.File
	Log  *slog.Logger
	Now  func() time.Time // nil: time.Now
	// Flows is read instead of the folder that the settings name, and not watched.
	Flows fs.FS
	// Mail takes letters instead of the settings' SMTP server.
	Mail mail.Sender
	// Mount adds routes of its own, after the server's. Its error stops the start.
	Mount func(r *mux.Router, s *Server) error
	// Notice is how long /readyz fails, when the server is told to stop, before it takes no more connections.
	Notice time.Duration
	// HookCommand starts a hook worker; nil: this program.
	HookCommand []string
}

// Server is a server that has been put together and is not listening yet.
type Server struct {
	Handler http.Handler
	Store   *sql.Store
	Keys    *keys.Ring
	Flows   *watch.Flows
	Engine  *run.Engine
	Cookies web.Cookies
	Hasher  Hasher

	file      *config.File
	log       *slog.Logger
	now       func() time.Time
	master    seal.Master
	transient transient.Store
	vault     keys.Vault
	hooks     *host.Pool
	connect   *connect.Connectors
	sessions  *session.Sessions
	journeys  *journeys.Journeys
	pages     *pages.Pages
	grants    *live.Grants
	clients   oauth.Clients
	delivery  *delivery.Delivery
	teller    *logout.Teller
	notifier  *backchannel.Notifier
	meter     *meter.Meter
	scripts   *hooks.Hooks
	waiting   *waiting.Room
	sweep     func(context.Context) error // of registered clients
	trails    *trails.Trails              // nil when none are kept
	draining  draining
	notice    time.Duration
	closers   []func() error
}

// New opens the stores, loads the flows and wires everything. Problems are what is wrong with texts that were read (flows, themes,
// the claims hook); with errors among them there is no server.
func New(ctx context.Context, o Options) (s *Server, problems diag.Problems, sources diag.Sources, err error) {
	s = &Server{file: o.File, log: o.Log, now: o.Now, notice: o.Notice}
	if s.now == nil {
		s.now = time.Now
	}
	defer func() {
		if err != nil || problems.Failed() {
			err = errors.Join(err, s.Close())
			s = nil
		}
	}()
	if s.Cookies, err = web.NewCookies(o.File.Issuer, ""); err != nil {
		return s, nil, nil, err
	}
	if err := s.openStores(ctx); err != nil {
		return s, nil, nil, err
	}
	if s.hooks, err = host.New(hookOptions(o)); err != nil {
		return s, nil, nil, fmt.Errorf("hooks: %w", err)
	}
	s.closers = append(s.closers, s.hooks.Close)
	s.meter = meter.New()
	if s.pages, problems, sources, err = s.newPages(); err != nil || problems.Failed() {
		return s, problems, sources, err
	}
	folder, err := s.flowFolder(o)
	if err != nil {
		return s, nil, nil, err
	}
	problems, sources, err = s.newEngine(ctx, folder)
	if err != nil || problems.Failed() {
		return s, problems, sources, err
	}
	if ps, src, err := s.newScripts(); err != nil || ps.Failed() {
		return s, ps, src, err
	}
	if err := s.newHandler(ctx, o.Mount); err != nil {
		return s, problems, sources, err
	}
	s.delivery = outgoing.Delivery(s.file, s.Store, o.Mail, s.word, s.teller, s.notifier, waiting.Caller{Connectors: s.outside()}, s.now, s.log)
	return s, problems, sources, nil
}

// newScripts compiles the scripts that the settings name, claims and exchanges alike.
func (s *Server) newScripts() (diag.Problems, diag.Sources, error) {
	s.scripts = &hooks.Hooks{Pool: s.hooks, File: s.file, Connect: s.connect, Log: s.log}
	return s.scripts.Load()
}

func hookOptions(o Options) host.Options {
	h := o.File.Hooks
	return host.Options{Command: o.HookCommand, Workers: h.Workers, Deadline: time.Duration(h.Deadline), Memory: uint64(h.Memory) << 20,
		Isolation: h.Isolation, Logger: o.Log}
}

// beside resolves a path of the settings against their directory.
func (s *Server) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.file.Dir, path)
}

func (s *Server) openStores(ctx context.Context) error {
	open, err := stores.Open(ctx, s.file, s.now)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, open.Close)
	s.master, s.Store, s.transient, s.vault = open.Master, open.Ledger, open.Transient, open.Vault
	return nil
}

func (s *Server) flowFolder(o Options) (fs.FS, error) {
	if o.Flows != nil {
		return o.Flows, nil
	}
	dir := s.FlowsDir()
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("flows: there is no folder %s; name one with `flows:`, or let `stile init DIR` write some to begin with", dir)
	}
	return os.DirFS(dir), nil
}

// FlowsDir is the folder of flows the settings name.
func (s *Server) FlowsDir() string { return s.file.FlowsDir() }

// Close ends everything that New opened, last first.
func (s *Server) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}
