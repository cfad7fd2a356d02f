// Package workshop is what tools for authors of flows work with: the actions and the names that settings declare, without a store or a secret.
package workshop

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/stile-id/stile/actions/all"
	"github.com/stile-id/stile/actions/federate"
	"github.com/stile-id/stile/actions/passkey"
	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/flow"
	"github.com/stile-id/stile/scripts/host"
	"github.com/stile-id/stile/server/app/demands"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/watch"
)

// Workshop is what tools for authors of flows know: the actions, and the names that settings declare. It opens no store and no secret,
// and nothing in it runs.
type Workshop struct {
	World      check.World
	Connectors []string // declared; nil without settings
	Providers  []string
	Declared   bool // there are settings: names they do not declare are wrong

	file    *config.File
	hooks   *host.Pool
	actions func(*federate.Providers) (action.Registry, error)
}

// absent answers for the outside systems of a workshop.
type absent struct{}

// Call implements action.Connectors.
func (absent) Call(context.Context, string, action.ConnectorRequest) (action.ConnectorReply, error) {
	return action.ConnectorReply{}, fmt.Errorf("%w: nothing runs here", action.ErrConnector)
}

// New makes one for the flows of a deployment. Without settings any connector and provider is taken to be declared, and a provider to vouch for
// one factor.
func New(f *config.File, log *slog.Logger) (*Workshop, error) {
	w := &Workshop{Declared: f != nil, file: f}
	issuer, region := "http://localhost", ""
	var providers []federate.Provider
	if f != nil {
		issuer, region = f.Issuer, f.Region
		w.Connectors, w.Providers = slices.Sorted(maps.Keys(f.Connectors)), slices.Sorted(maps.Keys(f.Providers))
		for _, name := range w.Providers {
			providers = append(providers, federate.Provider{Name: name, Title: name, Vouches: f.Providers[name].Vouches})
		}
	}
	keys, err := passkey.New(issuer, "Stile", nil)
	if err != nil { // an address that is still being written
		if keys, err = passkey.New("http://localhost", "Stile", nil); err != nil {
			return nil, err
		}
	}
	w.actions = func(p *federate.Providers) (action.Registry, error) {
		return all.Actions(all.Needs{Passkeys: keys, Providers: p, Connectors: absent{}, Region: region})
	}
	known := federate.NewProviders(providers...)
	registry, err := w.actions(known)
	if err != nil {
		return nil, err
	}
	if w.hooks, err = host.New(host.Options{Logger: log}); err != nil {
		return nil, err
	}
	w.World = check.World{Registry: registry, Hooks: w.hooks, Consent: all.Consent}
	if w.Declared {
		w.World.Connector = func(name string) bool { return slices.Contains(w.Connectors, name) }
		w.World.Provider = known.Has
	}
	return w, nil
}

// Compile checks a folder of flows.
func (w *Workshop) Compile(folder watch.Folder) watch.Compiled {
	return watch.Compile(folder, w.world(folder))
}

// world is what flows of a folder may refer to.
func (w *Workshop) world(folder watch.Folder) check.World {
	world := w.World
	if !w.Declared {
		if registry, err := w.actions(providers(folder)); err == nil { // else the one without providers tells the same
			world.Registry = registry
		}
	}
	return world
}

// providers are those that flows of a folder speak of.
func providers(folder watch.Folder) *federate.Providers {
	var list []federate.Provider
	for file, text := range folder {
		if !watch.IsFlow(file) {
			continue
		}
		f, _ := flow.Read(file, text)
		if f == nil {
			continue
		}
		for _, s := range f.Steps {
			if name := s.With.Get("provider"); name != nil && name.Kind == flow.String && strings.HasPrefix(s.Use, "federate.") {
				list = append(list, federate.Provider{Name: name.Text, Title: name.Text, Vouches: "one-factor"})
			}
		}
	}
	return federate.NewProviders(list...)
}

// Check is Compile, and what settings say of flows besides.
func (w *Workshop) Check(folder watch.Folder) watch.Compiled {
	set := w.Compile(folder)
	if w.file != nil && set.Programs != nil {
		set.Problems = append(set.Problems, demands.Check(w.file, set)...)
	}
	return set
}

// Draft checks a folder without judging what hooks do: for texts that are being written.
func (w *Workshop) Draft(folder watch.Folder) watch.Compiled {
	world := w.world(folder)
	named, whole := promised(folder)
	world.Hooks = unjudged{named}
	return watch.Compile(whole, world)
}

// Close ends what New began.
func (w *Workshop) Close() error { return w.hooks.Close() }
