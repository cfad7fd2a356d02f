package registry

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/recent"
)

// Age is how old a remembered registration may be: what another node changed counts here no later.
const Age = recent.Age

// Bounds of what is remembered: bytes of clients, and ids that nobody has. Strangers choose the latter, so they never push a client out.
const (
	maxKnown   = 32 << 20
	maxUnknown = 10_000
	clientSize = 4 << 10 // bytes of a client beside its metadata
)

// Ledger is where registrations are kept.
type Ledger interface {
	// Registration finds one; identity.ErrNotFound.
	Registration(ctx context.Context, id string) (*identity.Registration, error)
}

// Registered finds the clients that registered themselves, with a short memory of what the ledger said.
type Registered struct {
	// Pages: some of them may be pages of any https origin (decision 130). It is set before the registry is used.
	Pages   bool
	ledger  Ledger
	build   func(*identity.Registration) (*oauth.Client, error)
	now     func() time.Time
	log     *slog.Logger
	known   *otter.Cache[string, answer]
	unknown *otter.Cache[string, answer]
	changes *recent.Changes[string] // of clients
}

type answer struct {
	client *oauth.Client // nil: there is none
	size   uint32
	asked  recent.Asked
}

// NewRegistered makes a Registered. build makes a client of a registration; its error means that the settings as they are now do not let it be one.
func NewRegistered(l Ledger, build func(*identity.Registration) (*oauth.Client, error), now func() time.Time, log *slog.Logger) (*Registered, error) {
	known, err := otter.New(&otter.Options[string, answer]{MaximumWeight: maxKnown, Weigher: func(_ string, a answer) uint32 { return a.size },
		ExpiryCalculator: otter.ExpiryWriting[string, answer](recent.Kept)})
	if err != nil {
		return nil, err
	}
	unknown, err := otter.New(&otter.Options[string, answer]{MaximumSize: maxUnknown, ExpiryCalculator: otter.ExpiryWriting[string, answer](recent.Kept)})
	if err != nil {
		return nil, err
	}
	changes, err := recent.New[string]()
	if err != nil {
		return nil, err
	}
	return &Registered{ledger: l, build: build, now: now, log: log, known: known, unknown: unknown, changes: changes}, nil
}

// Client finds a client; oauth.ErrNoClient. Any other error says that the ledger did not answer, which is no answer about the client.
func (r *Registered) Client(ctx context.Context, id string) (*oauth.Client, error) {
	now := r.now()
	for _, c := range []*otter.Cache[string, answer]{r.known, r.unknown} {
		if a, ok := c.GetIfPresent(id); ok && r.changes.Holds(a.asked, id, now) {
			return a.told()
		}
	}
	a := answer{asked: r.changes.Ask(now)}
	reg, err := r.ledger.Registration(ctx, id)
	switch {
	case errors.Is(err, identity.ErrNotFound):
	case err != nil:
		return nil, err
	default:
		if a.client, err = r.build(reg); err != nil {
			r.log.LogAttrs(ctx, slog.LevelWarn, "a registered client does not fit the settings", slog.String("client", id), slog.String("kind", reg.Kind), slog.String("cause", err.Error()))
			a.client = nil
		}
		a.size = uint32(clientSize + 4*len(reg.Metadata)) //nolint:gosec // metadata has at most 64 KiB
	}
	if a.client == nil {
		r.known.Invalidate(id)
		r.unknown.Set(id, a)
	} else {
		r.known.Set(id, a)
	}
	return a.told()
}

func (a answer) told() (*oauth.Client, error) {
	if a.client == nil {
		return nil, oauth.ErrNoClient
	}
	return a.client, nil
}

// Drop forgets a client. Call it after the ledger's change, so that no answer slips in between.
func (r *Registered) Drop(id string) { r.changes.Drop(id) }
