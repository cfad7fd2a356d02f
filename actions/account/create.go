package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// CreateSettings of account.create.
type CreateSettings struct {
	Identifier string                     `json:"identifier,omitempty" jsonschema:"description=E-mail address\\, phone number or username. By default the identifier given last in the journey."`
	Attributes map[string]json.RawMessage `json:"attributes,omitempty" jsonschema:"description=What else is known\\, by attribute name."`
}

// Create makes the action account.create.
func Create(d identity.Directory, region string) action.Action {
	return action.Define(action.Spec{Name: "account.create", Title: "Make an account",
		About: "Makes an account for the identifier given and makes it the subject. The identifier counts as verified only if this journey proved that very address; an unverified one reserves nothing. Fails if somebody is the subject already. Elsewhere: Registration User Creation (Keycloak), Create Object (PingAM)."},
		func(CreateSettings) action.Contract {
			return action.Contract{Outcomes: []action.OutcomeSpec{
				{Name: "created", Gives: []verdict.FactSet{verdict.Set(verdict.Identified, verdict.NewAccount)}, Sets: true, Silent: true, Tells: true},
				{Name: "exists", About: "the identifier belongs to an account already, or is none", Silent: true, Tells: true}}}
		},
		func(ctx context.Context, c CreateSettings, t *action.Turn) (action.Result, error) {
			if t.View.SubjectID() != "" {
				return action.Result{Outcome: "exists"}, nil
			}
			typed := c.Identifier
			if n, ok := t.View.Named(); ok && typed == "" {
				typed = n.Identifier
			}
			kind := identity.Kind(typed)
			canonical, err := identity.Canonical(kind, typed, region)
			if err != nil {
				return action.Result{Outcome: "exists"}, nil
			}
			_, err = d.AccountBy(ctx, kind, canonical)
			if err == nil {
				return action.Result{Outcome: "exists"}, nil
			}
			if !errors.Is(err, identity.ErrNotFound) {
				return action.Result{}, err
			}
			return made(t, identity.Identifier{Kind: kind, Canonical: canonical, Typed: typed}, c.Attributes)
		})
}

// made is a new account as the subject, with the evidence about its own address carried over.
func made(t *action.Turn, i identity.Identifier, attributes map[string]json.RawMessage) (action.Result, error) {
	id, err := uuid.NewV7FromReader(t.Random)
	if err != nil {
		return action.Result{}, fmt.Errorf("account id: %w", err)
	}
	kept := map[string]json.RawMessage{}
	for name, v := range attributes {
		if s := string(v); s != "null" && s != `""` {
			kept[name] = v
		}
	}
	a := identity.Account{ID: id.String(), Status: identity.Active, Attributes: kept, Created: t.Now, Updated: t.Now, Version: 1}
	evidence := []verdict.Evidence{{Method: "account.create", Facts: verdict.Set(verdict.NewAccount), Subject: a.ID, At: t.Now}}
	for _, e := range t.View.Evidence() {
		if e.Subject == "" && e.Address != "" && e.Address == i.Canonical {
			e.Subject, i.Verified = a.ID, true
			evidence = append(evidence, e)
		}
	}
	if i.Canonical != "" {
		a.Identifiers = []identity.Identifier{i}
	}
	return action.Result{Outcome: "created", Subject: a.ID, Evidence: evidence, Writes: []identity.Write{identity.CreateAccount{Account: a}},
		Audit: []journey.Audit{{Event: "account.created", Account: a.ID}}}, nil
}
