package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/stile-id/stile/actions/password"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
)

// NewAccount is an account to be added. ID may be empty; Password too.
type NewAccount struct {
	ID, Email, Password string
	Attributes          map[string][]byte
	MustChange          bool
}

// AddAccount adds an account whose address counts as verified: an operator vouches for it.
func (s *Server) AddAccount(ctx context.Context, n NewAccount) (string, error) {
	canonical, err := identity.Canonical(identity.Email, n.Email, "")
	if err != nil {
		return "", fmt.Errorf("%q is no e-mail address", n.Email)
	}
	now := s.now()
	id := n.ID
	if id == "" {
		v, err := uuid.NewV7()
		if err != nil {
			return "", fmt.Errorf("account id: %w", err)
		}
		id = v.String()
	}
	a := identity.Account{ID: id, Status: identity.Active, Created: now, Updated: now, Version: 1,
		Identifiers: []identity.Identifier{{Kind: identity.Email, Canonical: canonical, Typed: n.Email, Verified: true}}}
	a.Attributes = raw(n.Attributes)
	if n.Password != "" {
		hash, err := s.Hasher.Hash(ctx, n.Password)
		if err != nil {
			return "", err
		}
		c, err := password.Credential(uuid.NewString(), id, hash, n.MustChange, now)
		if err != nil {
			return "", fmt.Errorf("credential: %w", err)
		}
		a.Credentials = []identity.Credential{c}
	}
	err = s.Store.Apply(ctx, []identity.Write{identity.CreateAccount{Account: a}}, []journey.Audit{{At: now, Event: "account.created", Account: id}})
	if errors.Is(err, identity.ErrConflict) {
		return "", fmt.Errorf("an account with %s exists already: %w", n.Email, err)
	}
	return id, err
}

func raw(attributes map[string][]byte) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for k, v := range attributes {
		out[k] = v
	}
	return out
}
