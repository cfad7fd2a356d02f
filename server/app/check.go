package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/rehearse/cases"
	"github.com/stile-id/stile/scripts/host"
	"github.com/stile-id/stile/server/app/demands"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/oauth/claims"
	"github.com/stile-id/stile/server/oauth/client"
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
		ps, src, err := s.checkTests(folder, found.Flows.Programs)
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
	if _, err := s.certificate(); err != nil {
		return found, err
	}
	_, badClaims := claims.New(f.Claims, s.scripts.Claims())
	_, badClients := client.NewRegistry(f.Clients)
	return found, errors.Join(badClaims, badClients)
}

// checkTests reads the test files beside the flows: that they speak of flows, steps and outcomes that are there. stile test plays them.
func (s *Server) checkTests(folder fs.FS, programs map[string]*check.Program) (problems diag.Problems, sources diag.Sources, err error) {
	sources = diag.Sources{}
	names, err := cases.Files(folder)
	if err != nil {
		return nil, nil, fmt.Errorf("test files: %w", err)
	}
	declared := cases.Declared{Programs: programs, Connectors: slices.Sorted(maps.Keys(s.file.Connectors)), Providers: slices.Sorted(maps.Keys(s.file.Providers))}
	for _, name := range names {
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return problems, sources, fmt.Errorf("test files: %w", err)
		}
		sources[name] = text
		f, ps := cases.Read(name, text)
		problems = append(problems, ps...)
		if f != nil && !ps.Failed() {
			problems = append(problems, f.Fit(declared)...)
		}
	}
	for i := range problems { // no server reads them: what is wrong with them refuses nothing
		if problems[i].Severity == diag.Error {
			problems[i].Severity = diag.Warning
		}
	}
	return problems, sources, nil
}
