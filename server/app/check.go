package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/scripts/host"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/oauth/claims"
	"github.com/stile-id/stile/server/oauth/client"
	"github.com/stile-id/stile/server/watch"
	"github.com/stile-id/stile/server/web"
)

// Check reads all that a server of these settings would read at start, and opens no store.
func Check(ctx context.Context, f *config.File, log *slog.Logger) (problems diag.Problems, sources diag.Sources, err error) {
	s := &Server{file: f, log: log, now: time.Now}
	defer func() { err = errors.Join(err, s.Close()) }()
	if s.Cookies, err = web.NewCookies(f.Issuer, ""); err != nil {
		return nil, nil, err
	}
	if s.hooks, err = host.New(host.Options{Logger: log}); err != nil {
		return nil, nil, err
	}
	s.closers = append(s.closers, s.hooks.Close)
	sources = diag.Sources{}
	collect := func(ps diag.Problems, src diag.Sources) {
		problems = append(problems, ps...)
		for name, text := range src {
			sources[name] = text
		}
	}
	_, ps, src, err := s.newPages()
	collect(ps, src)
	if err != nil {
		return problems, sources, err
	}
	folder, err := s.flowFolder(Options{File: f})
	if err != nil {
		return problems, sources, err
	}
	world, err := s.world()
	if err != nil {
		return problems, sources, err
	}
	text, err := watch.ReadFolder(folder)
	if err != nil {
		return problems, sources, err
	}
	set := watch.Compile(text, world)
	collect(set.Problems, set.Sources)
	if set.Programs != nil {
		collect(checkClients(f, set), f.Sources())
	}
	ps, src, err = s.newClaims()
	collect(ps, src)
	if err != nil {
		return problems, sources, err
	}
	if _, err := s.certificate(); err != nil {
		return problems, sources, err
	}
	_, badClaims := claims.New(f.Claims, s.claimPorts())
	_, badClients := client.NewRegistry(f.Clients)
	return problems, sources, errors.Join(badClaims, badClients)
}
