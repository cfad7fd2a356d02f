// Package account holds the steps that find, make and tie accounts.
package account

import (
	"context"
	"errors"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/verdict"
)

// FindSettings of account.find.
type FindSettings struct {
	Identifier string `json:"identifier,omitempty" jsonschema:"description=E-mail address\\, phone number or username. By default the identifier given last in the journey."`
	Attribute  string `json:"attribute,omitempty" jsonschema:"description=Instead: the name of an attribute."`
	Equals     string `json:"equals,omitempty" jsonschema:"description=With attribute: the text it must equal."`
}

// Check wants one way of finding.
func (c FindSettings) Check() []action.SettingProblem {
	if c.Attribute != "" && c.Identifier != "" {
		return []action.SettingProblem{{Setting: "attribute", Message: "an account is found by identifier or by attribute, not both", Hint: "remove one"}}
	}
	return nil
}

// Attributes finds accounts by attribute: the ids of at most limit of them.
type Attributes interface {
	AccountsByAttribute(ctx context.Context, name, value string, limit int) ([]string, error)
}

// Find makes the action account.find.
func Find(d identity.Directory, by Attributes, region string) action.Action {
	return action.Define(action.Spec{Name: "account.find", Title: "Find an account",
		About: "Finds an account by verified identifier or by attribute. found sets the subject, which proves nothing about who is there; showing anything that depends on the outcome tells strangers who has an account. Elsewhere: Identify Existing User (PingAM)."},
		func(FindSettings) action.Contract {
			return action.Contract{Outcomes: []action.OutcomeSpec{
				{Name: "found", Gives: []verdict.FactSet{verdict.Set(verdict.Identified)}, Sets: true, Silent: true, Tells: true},
				{Name: "none", Silent: true, Tells: true}, {Name: "several", Silent: true, Tells: true}}}
		},
		func(ctx context.Context, c FindSettings, t *action.Turn) (action.Result, error) {
			if c.Attribute != "" {
				ids, err := by.AccountsByAttribute(ctx, c.Attribute, c.Equals, 2)
				switch {
				case err != nil:
					return action.Result{}, err
				case len(ids) == 1 && c.Equals != "":
					return action.Result{Outcome: "found", Subject: ids[0]}, nil
				case len(ids) > 1:
					return action.Result{Outcome: "several"}, nil
				}
				return action.Result{Outcome: "none"}, nil
			}
			typed := c.Identifier
			if n, ok := t.View.Named(); ok && typed == "" {
				typed = n.Identifier
			}
			kind := identity.Kind(typed)
			canonical, err := identity.Canonical(kind, typed, region)
			if err != nil {
				return action.Result{Outcome: "none"}, nil
			}
			a, err := d.AccountBy(ctx, kind, canonical)
			if errors.Is(err, identity.ErrNotFound) {
				return action.Result{Outcome: "none"}, nil
			}
			if err != nil {
				return action.Result{}, err
			}
			return action.Result{Outcome: "found", Subject: a.ID, Account: a}, nil
		})
}
