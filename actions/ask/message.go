package ask

import (
	"context"

	"github.com/stile-id/stile/engine/action"
)

// MessageSettings of ask.message.
type MessageSettings struct {
	Title  action.Words `json:"title" jsonschema:"required,description=Headline."`
	Text   action.Words `json:"text,omitempty" jsonschema:"description=What to say."`
	Yes    action.Words `json:"yes,omitempty" jsonschema:"description=With no: ask a question with two answers; outcomes yes and no."`
	No     action.Words `json:"no,omitempty" jsonschema:"description=See yes."`
	Button action.Words `json:"button,omitempty" jsonschema:"description=Label of the button of a plain message. By default Continue."`
}

// Check wants both answers or none.
func (c MessageSettings) Check() []action.SettingProblem {
	if (len(c.Yes) > 0) != (len(c.No) > 0) {
		given := "yes"
		if len(c.No) > 0 {
			given = "no"
		}
		return []action.SettingProblem{{Setting: given, OfKey: true, Message: "yes and no come together", Hint: "set both, or neither"}}
	}
	return nil
}

// Message makes the action ask.message.
func Message() action.Action {
	return action.Define(action.Spec{Name: "ask.message", Title: "Say something",
		About: "Shows a text with one button, outcome ok, or with two answers, outcomes yes and no. Elsewhere: Message Node (PingAM), information page (Keycloak)."},
		func(c MessageSettings) action.Contract {
			if len(c.Yes) > 0 {
				return action.Contract{Outcomes: []action.OutcomeSpec{{Name: "yes"}, {Name: "no"}}}
			}
			return action.Contract{Outcomes: []action.OutcomeSpec{{Name: "ok"}}}
		},
		func(_ context.Context, c MessageSettings, t *action.Turn) (action.Result, error) {
			question := len(c.Yes) > 0
			if t.Input != nil {
				switch {
				case !question:
					return action.Result{Outcome: "ok"}, nil
				case t.Input.Action == "no":
					return action.Result{Outcome: "no"}, nil
				}
				return action.Result{Outcome: "yes"}, nil
			}
			submit := c.Button.Or("continue")
			p := &action.Prompt{Title: c.Title.Or(""), Submit: &submit}
			if len(c.Text) > 0 {
				p.Body = []action.Text{c.Text.Or("")}
			}
			if question {
				yes := c.Yes.Or("")
				p.Submit, p.Equal = &yes, &action.Button{Name: "no", Label: c.No.Or("")}
			}
			return action.Result{Prompt: p}, nil
		})
}
