package rehearsal

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/stile-id/stile/actions/all"
	"github.com/stile-id/stile/actions/federate"
	"github.com/stile-id/stile/actions/passkey"
	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/store/sql"
	"github.com/stile-id/stile/server/watch"
)

// house is what many cases are played in, one after the other: the flows compiled against real actions. Actions keep the ports they
// were made with, so the stores behind these are changed from case to case.
type house struct {
	programs map[string]*check.Program
	rooms    rooms
	limits   limits
	wires    wires
	idp      *idp
	federate *federate.Providers
	keys     *passkey.Relying
}

// rooms, limits and wires are the ports whose insides belong to one case.
type rooms struct{ *sql.Store }
type limits struct{ transient.Store }
type wires struct{ action.Connectors }

// newHouse makes a house and compiles the flows in it.
func newHouse(t *Theatre) (*house, watch.Compiled, error) {
	h := &house{}
	issuers := map[string]string{}
	for _, p := range t.o.Providers {
		issuers[p.Name] = p.Issuer
	}
	var err error
	if h.idp, err = newIDP(issuers); err != nil {
		return nil, watch.Compiled{}, err
	}
	list := make([]federate.Provider, 0, len(t.o.Providers))
	for _, p := range t.o.Providers {
		p.Redirect, p.Client = t.o.Issuer+"/federate/callback", &http.Client{Transport: h.idp, Timeout: 10 * time.Second}
		list = append(list, p)
	}
	h.federate = federate.NewProviders(list...)
	if h.keys, err = passkey.New(t.o.Issuer, t.o.Name, &h.rooms); err != nil {
		return nil, watch.Compiled{}, err
	}
	registry, err := all.Actions(all.Needs{Directory: &h.rooms, Attributes: &h.rooms, Connectors: &h.wires, Hasher: t.hasher, Passkeys: h.keys,
		Providers: h.federate, Limit: &h.limits, MailLimit: transient.Limit{Burst: 30, Per: time.Hour}, Pseudonym: t.master.Pseudonym, Client: func(_ context.Context, id string) string { return id }, Region: t.o.Region})
	if err != nil {
		return nil, watch.Compiled{}, err
	}
	made := watch.Compile(t.folder, check.World{Registry: registry, Hooks: t.o.Hooks, Connector: named(t.o.Connectors), Provider: h.federate.Has, Consent: all.Consent})
	h.programs = made.Programs
	return h, made, nil
}

func named(names []string) func(string) bool {
	known := map[string]bool{}
	for _, n := range names {
		known[n] = true
	}
	return func(name string) bool { return known[name] }
}

// Current implements run.Programs.
func (h *house) Current(flow string) (*check.Program, bool) {
	p, ok := h.programs[flow]
	return p, ok
}

// Version implements run.Programs: there is one of each.
func (h *house) Version(_ context.Context, flow, hash string) (*check.Program, error) {
	if p := h.programs[flow]; p != nil && p.Hash == hash {
		return p, nil
	}
	return nil, fmt.Errorf("flow %s has no version %s here", flow, hash)
}
