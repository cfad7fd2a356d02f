// Package decide holds the steps that decide where a journey goes.
package decide

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
)

// Settings of decide.
type Settings struct {
	Call string `json:"call" jsonschema:"required,description=The exported hook function that returns the outcome."`
}

// Decide makes the action decide: a hook returns the outcome.
func Decide() action.Action {
	return action.Define(action.Spec{Name: "decide", Title: "Let a hook decide",
		About: "Calls a hook; the text it returns is the outcome and must be one that next names. It may also return { outcome, vars, require }. Elsewhere: Scripted Decision (PingAM), Script authenticator (Keycloak), Switch (Curity)."},
		func(c Settings) action.Contract {
			return action.Contract{Open: true, Uses: []action.Use{{Kind: action.UseHook, Name: c.Call, Setting: "call", Outcomes: true}}}
		}, run)
}

func run(ctx context.Context, c Settings, t *action.Turn) (action.Result, error) {
	raw, err := t.Script.Call(ctx, c.Call, nil)
	if err != nil {
		return action.Result{}, err
	}
	var answer struct {
		Outcome string                     `json:"outcome"`
		Vars    map[string]json.RawMessage `json:"vars"`
		Require string                     `json:"require"`
	}
	if json.Unmarshal(raw, &answer.Outcome) != nil && json.Unmarshal(raw, &answer) != nil || answer.Outcome == "" {
		return action.Result{}, fmt.Errorf("%w: %s returned no outcome", check.ErrHook, c.Call)
	}
	res := action.Result{Outcome: action.Outcome(answer.Outcome), Vars: answer.Vars}
	if answer.Require != "" {
		res.Require = []string{answer.Require}
	}
	return res, nil
}
