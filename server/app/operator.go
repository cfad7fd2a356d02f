package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/stile-id/stile/engine/check"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/scripts/host"
	"github.com/stile-id/stile/server/app/outgoing"
	"github.com/stile-id/stile/server/app/parts"
	"github.com/stile-id/stile/server/config"
	"github.com/stile-id/stile/server/oauth/keys"
	"github.com/stile-id/stile/server/oauth/registry"
	"github.com/stile-id/stile/server/watch"
)

// Operator is what the command line may do with a deployment's stores.
type Operator struct {
	*Server
	World check.World // what flows may refer to; OpenHistory sets it
}

// OpenOperator opens the stores alone: no flows, no pages, nothing listens.
func OpenOperator(ctx context.Context, f *config.File, log *slog.Logger) (*Operator, error) {
	s := &Server{file: f, log: log, now: time.Now}
	if err := s.openStores(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	var err error
	if s.Hasher, err = parts.Hasher(f.Password); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Keys = &keys.Ring{Store: s.Store, Vault: s.vault, Now: s.now, Log: log,
		Schedule: keys.Schedule{Every: config.Or(f.Lifetimes.KeyRotation, 0)}}
	clients, err := registry.New(f.Clients)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Store.Hears = outgoing.Hears(clients)
	return &Operator{Server: s}, nil
}

// OpenHistory opens what looking back at journeys takes: the stores, and what the versions of flows are compiled with. Nothing listens.
func OpenHistory(ctx context.Context, f *config.File, log *slog.Logger) (*Operator, error) {
	o, err := OpenOperator(ctx, f, log)
	if err != nil {
		return nil, err
	}
	if o.hooks, err = host.New(hookOptions(Options{File: f, Log: log})); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	o.closers = append(o.closers, o.hooks.Close)
	world, err := o.world()
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	o.World, o.Flows = world, watch.New(world, o.Store, o.now, log)
	return o, nil
}

// Lifetime is how long a journey may take.
func (o *Operator) Lifetime() time.Duration {
	return config.Or(o.file.Lifetimes.Journey, 30*time.Minute)
}

// Find returns the account that an id or any identifier names.
func (o *Operator) Find(ctx context.Context, who string) (*identity.Account, error) {
	a, err := o.Store.Account(ctx, who)
	if errors.Is(err, identity.ErrNotFound) {
		kind := identity.Kind(who)
		canonical, bad := identity.Canonical(kind, who, o.file.Region)
		if bad != nil {
			canonical = who
		}
		a, err = o.Store.AccountByAny(ctx, canonical)
	}
	if errors.Is(err, identity.ErrNotFound) {
		return nil, fmt.Errorf("there is no account %q", who)
	}
	return a, err
}

// SetStatus enables or disables an account; disabling ends its sessions and revokes its grants.
func (o *Operator) SetStatus(ctx context.Context, id string, status identity.Status) error {
	event := map[identity.Status]string{identity.Active: "account.enabled", identity.Disabled: "account.disabled"}[status]
	return o.Store.Apply(ctx, []identity.Write{identity.SetStatus{Account: id, Status: status, At: o.now()}},
		[]journey.Audit{{At: o.now(), Event: event, Account: id}})
}

// Unlock forgets the counted tries of an account.
func (o *Operator) Unlock(ctx context.Context, id string) error {
	return o.Store.Apply(ctx, []identity.Write{identity.ClearAttempts{Key: identity.Attempts(id)}, identity.ClearAttempts{Key: identity.RecoveryAttempts(id)}}, []journey.Audit{{At: o.now(), Event: "account.unlocked", Account: id}})
}

// RemoveKey takes a signing key out at once and says so in the audit trail.
func (o *Operator) RemoveKey(ctx context.Context, id string) error {
	if err := o.Keys.Remove(ctx, id); err != nil {
		return err
	}
	return o.Store.Apply(ctx, nil, []journey.Audit{{At: o.now(), Event: "key.removed", Detail: json.RawMessage(strconv.Quote(id))}})
}

// RemoveClient removes a client that registered itself; its grants are revoked in the same transaction.
func (o *Operator) RemoveClient(ctx context.Context, id string) error {
	if !identity.Registered(id) {
		return fmt.Errorf("%q is no client that registered itself; those of the settings are removed there", id)
	}
	err := o.Store.Apply(ctx, []identity.Write{identity.RemoveClient{ID: id, At: o.now()}}, []journey.Audit{{At: o.now(), Event: "client.removed", Client: id}})
	if errors.Is(err, identity.ErrConflict) {
		return fmt.Errorf("there is no client %q", id)
	}
	return err
}

// SignOut ends an account's sessions, or the one named, and returns how many there were.
func (o *Operator) SignOut(ctx context.Context, account, session string) (int, error) {
	list, err := o.Store.Sessions(ctx, account)
	if err != nil {
		return 0, err
	}
	if session != "" {
		list = slices.DeleteFunc(list, func(s identity.Session) bool { return s.ID != session })
		if len(list) == 0 {
			return 0, fmt.Errorf("the account has no session %q", session)
		}
	}
	return len(list), o.Store.Apply(ctx, []identity.Write{identity.EndSessions{Account: account, ID: session, Reason: "ended by an operator", At: o.now()}},
		[]journey.Audit{{At: o.now(), Event: "session.ended", Account: account}})
}
