// Package registering wires clients that register themselves: the settings' kinds, the ledger, and what this server remembers of both.
package registering

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/server/app/parts"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/oauth"
	"github.com/stile-id/stile/server/oauth/foreign"
	"github.com/stile-id/stile/server/oauth/kind"
	"github.com/stile-id/stile/server/oauth/registration"
	"github.com/stile-id/stile/server/oauth/registry"
)

// Room is what registration needs of the server around it.
type Room struct {
	File    *config.File
	Ledger  registration.Ledger
	Clients *registry.Registry
	Sign    func(ctx context.Context, algs ...string) error // see registration.Handler
	Marks   *registry.Marks
	Now     func() time.Time
	Log     *slog.Logger
}

// Unused is what upkeep needs of the ledger.
type Unused interface {
	registry.Marker
	RemoveUnused(ctx context.Context, kind string, since, now time.Time) ([]string, error)
}

// batches bounds how many hundreds of clients of a kind are removed at once; the rest waits for the next time.
const batches = 100

// Sweep removes clients that nobody ever used, of kinds that say after how long. What this server noticed of clients in use is written first.
func (r Room) Sweep(ctx context.Context, l Unused) error {
	err := r.Marks.Write(ctx, l)
	if r.File.Registered == nil || err != nil {
		return err
	}
	for _, name := range r.File.Registered.Names() {
		after := time.Duration(r.File.Registered.Kinds[name].Unused)
		for n := 0; after > 0 && n < batches; n++ {
			now := r.Now()
			gone, err := l.RemoveUnused(ctx, name, now.Add(-after), now)
			for _, id := range gone {
				r.Clients.Registered.Drop(id)
			}
			if len(gone) > 0 {
				r.Log.LogAttrs(ctx, slog.LevelInfo, "clients that nobody used are removed", slog.String("kind", name), slog.Int("clients", len(gone)))
			}
			if err != nil {
				return err
			}
			if len(gone) == 0 {
				break
			}
		}
	}
	return nil
}

func (r Room) offers() kind.Offers {
	m := r.File.MutualTLS
	return kind.Offers{Certificates: m != nil, Authorities: m != nil && m.Authorities != ""}
}

// Find lets the doors find registered clients. Without registration in the settings there are none, whatever the ledger holds.
func (r Room) Find() error {
	s := r.File.Registered
	if s == nil {
		return nil
	}
	var err error
	r.Clients.Registered, err = registry.NewRegistered(r.Ledger, func(g *identity.Registration) (*oauth.Client, error) { return s.Client(g, r.offers()) }, r.Now, r.Log)
	if err != nil {
		return fmt.Errorf("registered clients: %w", err)
	}
	r.Clients.Registered.Pages = s.Pages()
	return nil
}

// Mount adds the endpoints, also those for the operator's programs. forget is called when what rests on grants has changed.
func (r Room) Mount(to *mux.Router, limits transient.Store, address func(*http.Request) string, remote *foreign.Remote, calls func(bool) *http.Client, judge registration.Hook, manage *registration.Operators, forget func()) error {
	s := r.File.Registered
	if s == nil {
		return nil
	}
	h := &registration.Handler{Issuer: oauth.Issuer(r.File.Issuer), Settings: *s, Offers: r.offers(), Ledger: r.Ledger, Limits: limits, Address: address, Remote: remote, Calls: calls,
		Open: parts.Limit(r.File.Limits.Registrations, 10, time.Hour), Judge: judge, Sign: r.Sign, Random: rand.Reader, Now: r.Now, Log: r.Log,
		Changed: func(id string, removed bool) {
			r.Clients.Registered.Drop(id)
			if removed {
				forget()
			}
		}}
	manage.Handler, manage.Clients = h, r.Clients
	manage.Mount(to)
	return h.Mount(to)
}
