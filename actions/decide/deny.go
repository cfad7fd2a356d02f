package decide

import (
	"context"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/journey"
)

// DenySettings of deny.
type DenySettings struct {
	Code    string       `json:"code,omitempty" jsonschema:"enum=access_denied,enum=login_required,enum=interaction_required,enum=account_selection_required,enum=unmet_authentication_requirements,default=access_denied,description=The error the client gets."`
	Message action.Words `json:"message,omitempty" jsonschema:"description=A sentence for the person\\, shown before going back to the app."`
}

// Defaults fills in what is left out.
func (DenySettings) Defaults() DenySettings { return DenySettings{Code: "access_denied"} }

// Deny makes the action deny.
func Deny() action.Action {
	return action.Define(action.Spec{Name: "deny", Title: "End with a message",
		About: "Ends the journey. With a message, the person reads it first and goes back to the app by a button; the client gets the code. Elsewhere: Failure URL (PingAM), Deny Access (Keycloak)."},
		func(DenySettings) action.Contract { return action.Contract{} },
		func(_ context.Context, c DenySettings, t *action.Turn) (action.Result, error) {
			end := action.Result{Deny: &journey.Denial{Code: c.Code, Reason: "step " + t.Step}}
			if len(c.Message) == 0 || t.Silent || t.Input != nil {
				return end, nil
			}
			next := action.T("deny.continue", "client", t.View.Request().ClientName)
			return action.Result{Prompt: &action.Prompt{Title: action.T("deny.title"), Body: []action.Text{c.Message.Or("")}, Submit: &next}}, nil
		})
}
