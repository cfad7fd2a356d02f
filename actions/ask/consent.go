package ask

import (
	"context"
	"errors"
	"slices"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// ConsentSettings of ask.consent: none; the client's settings and request say what is asked.
type ConsentSettings struct{}

// Consented is the output of ask.consent.
type Consented struct {
	Scope []string `json:"scope"`
}

// Consent makes the action ask.consent. It is walked behind the end of a flow for clients that ask for consent.
func Consent(d identity.Directory) action.Action {
	return action.Define(action.Spec{Name: "ask.consent", Title: "Ask for consent", SilentCode: "consent_required",
		About: "Asks whether the client may have what it wants. What was allowed before, by account and client, is not asked again unless the client asks for it (prompt=consent); details and scopes with values are asked about each time. Elsewhere: Consent (Keycloak), Consentor (Curity)."},
		func(ConsentSettings) action.Contract {
			return action.Contract{Needs: verdict.Formula{verdict.Set(verdict.Identified)}, Outcomes: []action.OutcomeSpec{
				{Name: "allowed", Gives: []verdict.FactSet{verdict.Set(verdict.Identified, verdict.Consented)}, Output: action.Produce[Consented](), Silent: true},
				{Name: "refused"}}}
		},
		func(ctx context.Context, _ ConsentSettings, t *action.Turn) (action.Result, error) {
			r := t.View.Request()
			allowed := action.Result{Outcome: "allowed", Output: Consented{Scope: r.Scopes}, Evidence: []verdict.Evidence{{
				Method: "consent", Facts: verdict.Set(verdict.Consented), Subject: t.View.SubjectID(), At: t.Now}}}
			// Details are asked about each time unless their types are remembered, and so is a scope that holds once.
			if t.Input == nil && r.Consent != "always" && (len(r.Details) == 0 || len(r.Remembered) > 0) && len(r.Once) == 0 {
				before, err := d.Consent(ctx, t.View.SubjectID(), r.Client)
				if err != nil && !errors.Is(err, identity.ErrNotFound) {
					return action.Result{}, err
				}
				if err == nil && !slices.ContainsFunc(slices.Concat(r.Scopes, r.Remembered), func(s string) bool { return !slices.Contains(before.Scope, s) }) {
					return allowed, nil
				}
			}
			if t.Input == nil {
				p := consentPrompt(r)
				rows, err := detailRows(r.Details)
				p.Rows = append(p.Rows, rows...)
				return action.Result{Prompt: p}, err
			}
			if t.Input.Action == "refuse" {
				return action.Result{Outcome: "refused"}, nil
			}
			lasting := slices.DeleteFunc(slices.Clone(r.Scopes), func(s string) bool { return slices.Contains(r.Once, s) })
			allowed.Writes = []identity.Write{identity.PutConsent{Consent: identity.Consent{Account: t.View.SubjectID(), Client: r.Client, Scope: append(lasting, r.Remembered...), At: t.Now}}}
			return allowed, nil
		})
}

func consentPrompt(r journey.Request) *action.Prompt {
	yes := action.T("consent.allow")
	p := &action.Prompt{Title: action.T("consent.title", "client", r.ClientName), Submit: &yes, Browser: true,
		Equal: &action.Button{Name: "refuse", Label: action.T("consent.refuse")}}
	for _, s := range r.Scopes {
		p.Rows = append(p.Rows, action.Row{Lines: []action.Text{action.ScopeText(s)}})
	}
	p.Body = []action.Text{action.T("consent.stop")}
	p.Links = links(r)
	return p
}

// links are what the client says of itself, to be read before an answer.
func links(r journey.Request) (out []action.Link) {
	if r.PolicyURI != "" {
		out = append(out, action.Link{URL: r.PolicyURI, Label: action.T("consent.policy")})
	}
	if r.TosURI != "" {
		out = append(out, action.Link{URL: r.TosURI, Label: action.T("consent.terms")})
	}
	return out
}
