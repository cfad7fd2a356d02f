// Package rehearsal is the composition root of tests: the real engine with real actions, hooks and an embedded store, and around it
// virtual time, authenticators and mail, scripted connectors and providers. A case costs a few milliseconds.
package rehearsal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/stile-id/stile/actions/federate"
	"github.com/stile-id/stile/actions/password"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/diag"
	"github.com/stile-id/stile/engine/rehearse"
	"github.com/stile-id/stile/engine/rehearse/cases"
	"github.com/stile-id/stile/server/seal"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/store/sql/database"
	"github.com/stile-id/stile/server/watch"
)

// Options say what is rehearsed, and in which world.
type Options struct {
	Flows  fs.FS  // the folder: flows, hooks and test files
	Path   string // of the folder, for names in messages; "" for names alone
	Hooks  check.Hooks
	Issuer string // "": http://localhost:8080
	Name   string // "": Stile
	Region string // of phone numbers
	// Providers and Connectors are those of the settings; Redirect and Client of a provider are filled in. Undeclared: there are no
	// settings, and what test files name counts as declared.
	Providers  []federate.Provider
	Connectors []string
	Undeclared bool
	// Lifetimes of journeys and sessions; 0: the product's own.
	Journey, Idle, Absolute time.Duration
	// Parallel is how many cases are played at once; at least one.
	Parallel int
}

// Theatre is where cases are played. It implements rehearse.Theatre.
type Theatre struct {
	Files    []*cases.File // by name
	Programs map[string]*check.Program

	o      Options
	folder watch.Folder
	hasher password.Hasher
	master seal.Master
	dir    string // of the stores
	empty  []byte // a store with its tables and nothing in them
	houses chan *house
}

var _ rehearse.Theatre = (*Theatre)(nil)

// Open reads a folder's flows and test files and makes ready to play them. With errors among the problems there is no theatre. The
// error is for a folder or a machine that does not work.
func Open(ctx context.Context, o Options) (t *Theatre, problems diag.Problems, sources diag.Sources, err error) {
	if o.Issuer == "" {
		o.Issuer = "http://localhost:8080"
	}
	if o.Name == "" {
		o.Name = "Stile"
	}
	o.Parallel = max(1, o.Parallel)
	t = &Theatre{o: o, houses: make(chan *house, o.Parallel)}
	defer func() {
		if err != nil || problems.Failed() {
			err = errors.Join(err, t.Close())
			t = nil
		}
	}()
	if t.folder, err = watch.ReadFolder(o.Flows); err != nil {
		return t, nil, nil, err
	}
	if problems, sources, err = t.read(); err != nil || problems.Failed() && o.Undeclared {
		return t, problems, sources, err // what is declared is not known
	}
	if o.Undeclared {
		t.declare()
	}
	if t.hasher, err = password.NewArgon2(password.Cost{Memory: 8, Iterations: 1, Parallelism: 1}, o.Parallel, 64); err != nil {
		return t, problems, sources, err
	}
	if t.master, _, err = seal.Generate(rand.Reader); err != nil {
		return t, problems, sources, err
	}
	h, made, err := newHouse(t)
	if err != nil {
		return t, problems, sources, err
	}
	problems = append(problems, t.placed(made.Problems)...)
	for name, text := range made.Sources {
		sources[t.shown(name)] = text
	}
	if made.Programs == nil {
		return t, problems, sources, nil
	}
	t.Programs = made.Programs
	problems = append(problems, t.fit()...)
	if problems.Failed() {
		return t, problems, sources, nil
	}
	if err := t.stores(ctx); err != nil {
		return t, problems, sources, err
	}
	t.houses <- h
	for range o.Parallel - 1 {
		t.houses <- nil // made by whoever enters first
	}
	return t, problems, sources, nil
}

func (t *Theatre) shown(name string) string { return filepath.Join(t.o.Path, filepath.FromSlash(name)) }

// placed names the files of problems as the author finds them.
func (t *Theatre) placed(ps diag.Problems) diag.Problems {
	out := make(diag.Problems, 0, len(ps))
	for _, p := range ps {
		if p.At.File != "" {
			p.At.File = t.shown(p.At.File)
		}
		out = append(out, p)
	}
	return out
}

// declare takes what test files name for declared.
func (t *Theatre) declare() {
	connectors, providers := map[string]bool{}, map[string]bool{}
	note := func(g cases.Given) {
		for name := range g.Connectors {
			if !connectors[name] {
				connectors[name] = true
				t.o.Connectors = append(t.o.Connectors, name)
			}
		}
		for name, p := range g.Providers {
			if providers[name] {
				continue
			}
			providers[name] = true
			title := p.Title
			if title == "" {
				title = name
			}
			t.o.Providers = append(t.o.Providers, federate.Provider{Name: name, Title: title, Issuer: "https://login." + name + ".example", ClientID: "stile", Vouches: p.Vouches})
		}
	}
	for _, f := range t.Files {
		note(f.Before(nil))
		for i := range f.Cases {
			note(f.Before(&f.Cases[i]))
		}
	}
}

func (t *Theatre) fit() (ps diag.Problems) {
	d := cases.Declared{Programs: t.Programs, Connectors: t.o.Connectors}
	for _, p := range t.o.Providers {
		d.Providers = append(d.Providers, p.Name)
	}
	for _, f := range t.Files {
		ps = append(ps, f.Fit(d)...)
	}
	return ps
}

// stores makes the place for stores, in memory where the machine has such a place, and the empty one each case begins with.
func (t *Theatre) stores(ctx context.Context) error {
	parent := ""
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		parent = "/dev/shm"
	}
	var err error
	if t.dir, err = os.MkdirTemp(parent, "stile-test-"); err != nil && parent != "" {
		t.dir, err = os.MkdirTemp("", "stile-test-")
	}
	if err != nil {
		return fmt.Errorf("stores: %w", err)
	}
	file := filepath.Join(t.dir, "empty.db")
	s, err := sql.Open(ctx, database.Options{URL: "sqlite:" + file, Sealer: t.master.Sealer("outbox"), Connections: 1})
	if err != nil {
		return fmt.Errorf("stores: %w", err)
	}
	if err := s.Close(); err != nil {
		return fmt.Errorf("stores: %w", err)
	}
	t.empty, err = os.ReadFile(file)
	return err
}

// enter takes a house nobody plays in.
func (t *Theatre) enter(ctx context.Context) (*house, error) {
	select {
	case h := <-t.houses:
		if h != nil {
			return h, nil
		}
		h, _, err := newHouse(t)
		if err != nil {
			t.leave(nil)
		}
		return h, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (t *Theatre) leave(h *house) { t.houses <- h }

// Close removes what the theatre put on the machine.
func (t *Theatre) Close() error {
	if t.dir == "" {
		return nil
	}
	return os.RemoveAll(t.dir)
}
