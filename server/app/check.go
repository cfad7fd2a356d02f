package app

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"time"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/scripts/host"
	"github.com/stile-id/stile/server/app/certificates"
	"github.com/stile-id/stile/server/app/demands"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/oauth/claims"
	"github.com/stile-id/stile/server/oauth/registry"
	"github.com/stile-id/stile/server/watch"
	"github.com/stile-id/stile/server/web"
)

// Checked is what a check found: every problem, the texts they are about, and the flows as far as they compiled, with what was proved of them.
type Checked struct {
	Problems diag.Problems
	Sources  diag.Sources
	Flows    watch.Compiled
}

// Check reads all that a server of these settings would read at start, and opens no store.
func Check(ctx context.Context, f *config.File, log *slog.Logger) (found Checked, err error) {
	found.Sources = diag.Sources{}
	s := &Server{file: f, log: log, now: time.Now}
	defer func() { err = errors.Join(err, s.Close()) }()
	if s.Cookies, err = web.NewCookies(f.Issuer, ""); err != nil {
		return found, err
	}
	if s.hooks, err = host.New(host.Options{Logger: log}); err != nil {
		return found, err
	}
	s.closers = append(s.closers, s.hooks.Close)
	collect := func(ps diag.Problems, src diag.Sources) {
		found.Problems = append(found.Problems, ps...)
		maps.Copy(found.Sources, src)
	}
	_, ps, src, err := s.newPages()
	collect(ps, src)
	if err != nil {
		return found, err
	}
	folder, err := s.flowFolder(Options{File: f})
	if err != nil {
		return found, err
	}
	world, err := s.world()
	if err != nil {
		return found, err
	}
	text, err := watch.ReadFolder(folder)
	if err != nil {
		return found, err
	}
	found.Flows = watch.Compile(text, world)
	collect(found.Flows.Problems, found.Flows.Sources)
	if found.Flows.Programs != nil {
		ps, src, err := demands.Tests(f, folder, found.Flows.Programs)
		collect(ps, src)
		if err != nil {
			return found, err
		}
		collect(demands.Check(f, found.Flows), f.Sources())
	}
	ps, src, err = s.newScripts()
	collect(ps, src)
	if err != nil {
		return found, err
	}
	if _, err := certificates.Own(f); err != nil {
		return found, err
	}
	if _, err := certificates.Authorities(f); err != nil {
		return found, err
	}
	_, badClaims := claims.New(f.Claims, s.scripts.Claims())
	_, badClients := registry.New(f.Clients)
	return found, errors.Join(badClaims, badClients)
}
