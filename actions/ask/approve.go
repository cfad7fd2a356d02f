package ask

import (
	"context"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// ApproveSettings of ask.approve: none; what is asked comes with the request.
type ApproveSettings struct{}

// Approve makes the action ask.approve.
func Approve() action.Action {
	return action.Define(action.Spec{Name: "ask.approve", Title: "Ask whether something elsewhere is meant",
		About: "Asks the person whether they want what is waiting elsewhere: a device that shows a code, or an app that asked for them by name. It names the app, what it would have, authorization details in full, the code or message it shows, and the network it asks from; nothing is remembered, so it is asked each time. Flows for devices and backchannel requests end behind it. Elsewhere: Device Authorization Grant approval (Keycloak, Curity), Push Sender (PingAM)."},
		func(ApproveSettings) action.Contract {
			return action.Contract{Needs: verdict.Formula{verdict.Set(verdict.Identified)}, Outcomes: []action.OutcomeSpec{
				{Name: "approved", Gives: []verdict.FactSet{verdict.Set(verdict.Identified, verdict.Approved)}, About: "the person said yes, here and now"},
				{Name: "refused", About: "they did not mean it"}}}
		},
		func(_ context.Context, _ ApproveSettings, t *action.Turn) (action.Result, error) {
			if who := t.View.Request().Subject; who != "" && who != t.View.SubjectID() { // its message is for one person's eyes; it goes on waiting for them
				return action.Result{Deny: &journey.Denial{Code: "login_required", Reason: "somebody else is asked"}}, nil
			}
			if t.Input == nil {
				p := approvePrompt(t.View)
				rows, err := detailRows(t.View.Request().Details)
				p.Rows = append(p.Rows, rows...)
				return action.Result{Prompt: p}, err
			}
			if t.Input.Action == "refuse" {
				return action.Result{Outcome: "refused"}, nil
			}
			return action.Result{Outcome: "approved", Evidence: []verdict.Evidence{{Method: "approval", Facts: verdict.Set(verdict.Approved),
				Subject: t.View.SubjectID(), At: t.Now}}}, nil
		})
}

func approvePrompt(v action.View) *action.Prompt {
	r := v.Request()
	yes := action.T("approve.yes")
	p := &action.Prompt{Title: action.T("approve.title", "client", r.ClientName), Submit: &yes, Browser: true, Equal: &action.Button{Name: "refuse", Label: action.T("approve.no")}}
	if a := r.Approve; a != nil {
		switch {
		case a.Code != "":
			p.Body = append(p.Body, action.T("approve.code", "code", a.Code))
		case a.Message != "":
			p.Body = append(p.Body, action.T("approve.message", "message", a.Message))
		}
		if a.Place != "" {
			p.Body = append(p.Body, action.T("approve.place", "address", a.Place))
		}
	}
	p.Body = append(p.Body, action.T("approve.unsure"))
	for _, s := range r.Scopes {
		p.Rows = append(p.Rows, action.Row{Lines: []action.Text{action.ScopeText(s)}})
	}
	p.Links = links(r)
	return p
}
