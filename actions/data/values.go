// Package data holds the steps that fetch business facts and pass them on.
package data

import (
	"context"
	"encoding/json"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/verdict"
)

// Values are settings that are a map of any names to any values.
type Values map[string]json.RawMessage

// Published is Values whose names are claims.
type Published map[string]json.RawMessage

// Check refuses reserved names.
func (p Published) Check() []action.SettingProblem {
	var out []action.SettingProblem
	for name := range p {
		if verdict.Reserved(name) {
			out = append(out, action.SettingProblem{Setting: name, Message: "the claim " + name + " is written by Stile alone", Hint: "publish it under another name", OfKey: true})
		}
	}
	return out
}

// ClaimsSet makes the action claims.set.
func ClaimsSet() action.Action {
	return action.Define(action.Spec{Name: "claims.set", Title: "Publish claims",
		About: "Publishes values to tokens; which token carries which is the scope mapping's affair. Names that Stile writes itself are refused. Elsewhere: Set Session Properties (PingAM), protocol mappers (Keycloak), Attribute Transformer (Curity)."},
		func(Published) action.Contract {
			return action.Contract{Outcomes: []action.OutcomeSpec{{Name: "ok", Silent: true}}}
		},
		func(_ context.Context, c Published, _ *action.Turn) (action.Result, error) {
			return action.Result{Outcome: "ok", Claims: c}, nil
		})
}

// VarsSet makes the action vars.set.
func VarsSet() action.Action {
	return action.Define(action.Spec{Name: "vars.set", Title: "Set vars",
		About: "Copies values into vars that the flow declares; a value of another type takes the error edge. Elsewhere: Set State (PingAM)."},
		func(c Values) action.Contract {
			contract := action.Contract{Outcomes: []action.OutcomeSpec{{Name: "ok", Silent: true}}}
			for name := range c {
				contract.Uses = append(contract.Uses, action.Use{Kind: action.UseVar, Name: name, Setting: name, OfKey: true})
			}
			return contract
		},
		func(_ context.Context, c Values, _ *action.Turn) (action.Result, error) {
			return action.Result{Outcome: "ok", Vars: c}, nil
		})
}
