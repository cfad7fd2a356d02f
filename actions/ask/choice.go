package ask

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/check"
)

// ChoiceSettings of ask.choice.
type ChoiceSettings struct {
	Title   action.Words   `json:"title" jsonschema:"required,description=The question."`
	Text    action.Words   `json:"text,omitempty" jsonschema:"description=A paragraph under it."`
	Choices []ChoiceOption `json:"choices" jsonschema:"required,minItems=1,maxItems=20,description=Each is an outcome\\, shown as a button\\, most used first."`
	Options string         `json:"options,omitempty" jsonschema:"description=A hook that is given options (the outcomes' names) and returns those to show. Showing none takes the error edge."`
}

// ChoiceOption is one button.
type ChoiceOption struct {
	Outcome string       `json:"outcome" jsonschema:"required,pattern=^[a-zA-Z][a-zA-Z0-9_-]*$,description=The outcome when it is pressed."`
	Label   action.Words `json:"label" jsonschema:"required,description=What it says."`
}

// Check refuses doubles and the name error.
func (c ChoiceSettings) Check() []action.SettingProblem {
	var out []action.SettingProblem
	seen := map[string]bool{}
	for i, o := range c.Choices {
		at := fmt.Sprintf("choices/%d/outcome", i)
		switch {
		case o.Outcome == string(action.Failed):
			out = append(out, action.SettingProblem{Setting: at, Message: "error is every action's own outcome", Hint: "choose another name"})
		case seen[o.Outcome]:
			out = append(out, action.SettingProblem{Setting: at, Message: "two choices have the outcome " + o.Outcome, Hint: "give each an outcome of its own"})
		}
		seen[o.Outcome] = true
	}
	return out
}

// Choice makes the action ask.choice.
func Choice() action.Action {
	return action.Define(action.Spec{Name: "ask.choice", Title: "Let the person choose",
		About: "Shows a button for each outcome; an options hook may filter them. Elsewhere: Choice Collector (PingAM), Selector (Curity)."},
		func(c ChoiceSettings) action.Contract {
			contract := action.Contract{}
			for _, o := range c.Choices {
				contract.Outcomes = append(contract.Outcomes, action.OutcomeSpec{Name: action.Outcome(o.Outcome)})
			}
			if c.Options != "" {
				contract.Uses = []action.Use{{Kind: action.UseHook, Name: c.Options, Setting: "options"}}
			}
			return contract
		},
		func(ctx context.Context, c ChoiceSettings, t *action.Turn) (action.Result, error) {
			if t.Input != nil && slices.ContainsFunc(c.Choices, func(o ChoiceOption) bool { return o.Outcome == t.Input.Action }) {
				return action.Result{Outcome: action.Outcome(t.Input.Action)}, nil // the engine refused what was not shown
			}
			shown, err := c.shown(ctx, t)
			if err != nil {
				return action.Result{}, err
			}
			p := &action.Prompt{Title: c.Title.Or("")}
			if len(c.Text) > 0 {
				p.Body = []action.Text{c.Text.Or("")}
			}
			for _, o := range c.Choices {
				if slices.Contains(shown, o.Outcome) {
					p.Others = append(p.Others, action.Button{Name: o.Outcome, Label: o.Label.Or(""), Style: "choice"})
				}
			}
			if len(p.Others) == 0 {
				return action.Result{}, fmt.Errorf("%w: %s left nothing to choose", check.ErrHook, c.Options)
			}
			return action.Result{Prompt: p}, nil
		})
}

func (c ChoiceSettings) shown(ctx context.Context, t *action.Turn) ([]string, error) {
	var all []string
	for _, o := range c.Choices {
		all = append(all, o.Outcome)
	}
	if c.Options == "" {
		return all, nil
	}
	raw, err := t.Script.Call(ctx, c.Options, map[string]any{"options": all})
	if err != nil {
		return nil, err
	}
	var kept []string
	if json.Unmarshal(raw, &kept) != nil {
		return nil, fmt.Errorf("%w: %s returns a list of outcomes", check.ErrHook, c.Options)
	}
	return kept, nil
}
