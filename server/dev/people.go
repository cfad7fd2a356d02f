package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/server/app"
	"github.com/stile-id/stile/server/dev/crm"
	"github.com/stile-id/stile/server/dev/idp"
)

// Password is the password of both seeded customers.
const Password = "correct-horse-battery"

// customer is a seeded account. Its id never changes, so that the CRM knows it.
type customer struct{ id, email, name, tier string }

func seeded() []customer {
	return []customer{
		{"01890a5d-ac96-774b-bcce-b302099a8057", "ann@example.com", "Ann Archer", "gold"},
		{"01890a5d-ac96-774b-bcce-b302099a8058", "bob@example.com", "Bob Baker", "silver"},
	}
}

func customers() []crm.Customer {
	var out []crm.Customer
	for _, c := range seeded() {
		out = append(out, crm.Customer{ID: c.id, Name: c.name, Tier: c.tier})
	}
	return out
}

// staff are the employer's people offered when the request names nobody.
func staff() []string { return []string{"carol@" + idp.Domain, "dave@" + idp.Domain} }

// Seed adds the accounts that are not there yet. One that is stays as it is, a changed password included.
func Seed(ctx context.Context, s *app.Server) error {
	for _, c := range seeded() {
		_, err := s.Store.Account(ctx, c.id)
		if err == nil {
			continue
		}
		if !errors.Is(err, identity.ErrNotFound) {
			return fmt.Errorf("seed %s: %w", c.email, err)
		}
		name, err := json.Marshal(c.name)
		if err != nil {
			return fmt.Errorf("seed %s: %w", c.email, err)
		}
		_, err = s.AddAccount(ctx, app.NewAccount{ID: c.id, Email: c.email, Password: Password, Attributes: map[string][]byte{"name": name}})
		if err != nil && !errors.Is(err, identity.ErrConflict) { // conflict: somebody signed up with that address before
			return fmt.Errorf("seed %s: %w", c.email, err)
		}
	}
	return nil
}
