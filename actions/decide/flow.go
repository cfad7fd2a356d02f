package decide

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/stile-id/stile/engine/action"
)

// FlowSettings of flow.
type FlowSettings struct {
	Flow   string                     `json:"flow" jsonschema:"required,description=The flow to run."`
	Inputs map[string]json.RawMessage `json:"inputs,omitempty" jsonschema:"description=Values for the inputs it declares."`
}

// Check wants a flow that can be looked into before anything runs.
func (c FlowSettings) Check() []action.SettingProblem {
	if c.Flow == "" {
		return []action.SettingProblem{{Setting: "flow", Message: "which flow this is must be known before the flow runs", Hint: "write the name itself"}}
	}
	return nil
}

// Flow makes the action flow: another flow is walked in this step's place, with the facts and evidence of the caller.
func Flow() action.Action {
	return action.Define(action.Spec{Name: "flow", Title: "Run another flow",
		About: "Runs another flow and comes back when it ends. Its steps, vars and outputs are its own; facts and evidence are the journey's. Elsewhere: Inner Tree (PingAM), sub-flow (Keycloak)."},
		func(c FlowSettings) action.Contract {
			return action.Contract{Calls: c.Flow, Inputs: c.Inputs, Outcomes: []action.OutcomeSpec{
				{Name: "done", About: "it ended done", Silent: true}, {Name: "denied", About: "it ended denied", Silent: true}}}
		},
		func(context.Context, FlowSettings, *action.Turn) (action.Result, error) {
			return action.Result{}, errors.New("a called flow is walked, not run")
		})
}
