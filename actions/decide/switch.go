package decide

import (
	"context"
	"fmt"
	"slices"

	"github.com/stile-id/stile/engine/action"
)

// SwitchSettings of switch.
type SwitchSettings struct {
	Cases   []Case `json:"cases" jsonschema:"required,minItems=1,description=Tried in order; the first that holds wins."`
	Default string `json:"default" jsonschema:"required,description=The outcome when no case holds."`
}

// Case is one condition of a switch.
type Case struct {
	When string `json:"when" jsonschema:"required,description=A JavaScript expression over request\\, subject\\, steps\\, vars\\, inputs\\, evidence and claims."`
	Then string `json:"then" jsonschema:"required,pattern=^[a-zA-Z][a-zA-Z0-9_-]*$,description=The outcome when it holds."`
}

// Check refuses an outcome called error.
func (c SwitchSettings) Check() []action.SettingProblem {
	var out []action.SettingProblem
	for i, k := range c.Cases {
		if k.Then == string(action.Failed) {
			out = append(out, action.SettingProblem{Setting: fmt.Sprintf("cases/%d/then", i), Message: "error is every action's own outcome", Hint: "choose another name"})
		}
	}
	return out
}

// Switch makes the action switch.
func Switch() action.Action {
	return action.Define(action.Spec{Name: "switch", Title: "Choose by conditions",
		About: "Evaluates conditions in order and takes the outcome of the first that holds, else the default. Elsewhere: conditional sub-flow (Keycloak), Scripted Decision (PingAM), Switch (Curity)."},
		func(c SwitchSettings) action.Contract {
			contract := action.Contract{}
			var names []string
			for _, k := range c.Cases {
				contract.Expressions = append(contract.Expressions, k.When)
				names = append(names, k.Then)
			}
			for _, n := range append(names, c.Default) {
				if n != "" && !slices.ContainsFunc(contract.Outcomes, func(o action.OutcomeSpec) bool { return string(o.Name) == n }) {
					contract.Outcomes = append(contract.Outcomes, action.OutcomeSpec{Name: action.Outcome(n), Silent: true})
				}
			}
			return contract
		},
		func(ctx context.Context, c SwitchSettings, t *action.Turn) (action.Result, error) {
			i, err := t.Script.First(ctx)
			if err != nil {
				return action.Result{}, err
			}
			if i < 0 || i >= len(c.Cases) {
				return action.Result{Outcome: action.Outcome(c.Default)}, nil
			}
			return action.Result{Outcome: action.Outcome(c.Cases[i].Then)}, nil
		})
}
