package account

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// ConsentsSettings of consent.manage.
type ConsentsSettings struct {
	Title action.Words `json:"title,omitempty" jsonschema:"description=Headline of the page."`
}

// Consents makes the action consent.manage. named gives the name of a client; "" when it is not there any more.
func Consents(d identity.Directory, named func(ctx context.Context, client string) string) action.Action {
	return action.Define(action.Spec{Name: "consent.manage", Title: "List and withdraw consents",
		About: "Lists the apps that the person allowed something, and withdraws what they like: the app is asked about again, and its tokens end, those for offline use too. The person is told by mail. Elsewhere: Applications (Keycloak account console), User consents (Curity)."},
		func(ConsentsSettings) action.Contract {
			return action.Contract{Needs: verdict.Manage(), Manages: "consents", Outcomes: []action.OutcomeSpec{{Name: "back", About: "the person has finished here"}}}
		},
		func(ctx context.Context, c ConsentsSettings, t *action.Turn) (action.Result, error) {
			account, err := t.View.Subject(ctx)
			if err != nil {
				return action.Result{}, err
			}
			all, err := d.Consents(ctx, account.ID)
			if err != nil {
				return action.Result{}, err
			}
			page := func(all []identity.Consent, notice *action.Notice) *action.Prompt {
				p := &action.Prompt{Title: c.Title.Or("consents.title"), Notice: notice, Others: []action.Button{{Name: "back", Label: action.T("finish"), Style: "link"}}}
				if len(all) == 0 {
					p.Body = []action.Text{action.T("consents.none")}
				}
				for _, x := range all {
					p.Rows = append(p.Rows, allowed(x, named(ctx, x.Client)))
				}
				return p
			}
			switch {
			case t.Input == nil:
				return action.Result{Prompt: page(all, nil)}, nil
			case t.Input.Action != "withdraw":
				return action.Result{Outcome: "back"}, nil
			}
			// What is not in the list any more was withdrawn a moment ago, in another window: that is what the person wants.
			client := t.Input.Fields["value"]
			var left []identity.Consent
			for _, x := range all {
				if x.Client != client {
					left = append(left, x)
				}
			}
			res := action.Result{Prompt: page(left, &action.Notice{Kind: "ok", Text: action.T("consents.withdrawn")})}
			if len(left) == len(all) {
				return res, nil
			}
			res.Writes = []identity.Write{identity.EndConsent{Account: account.ID, Client: client, Reason: "withdrawn by the person", At: t.Now}}
			res.Audit = []journey.Audit{{Event: "consent.withdrawn", Account: account.ID, Client: client}}
			if e, ok := account.Identifier(identity.Email); ok && e.Verified {
				title := named(ctx, client)
				if title == "" {
					title = client
				}
				res.Then = []action.Effect{{Mail: &action.Mail{To: e.Typed, Template: "mail.consent-withdrawn", App: client,
					Args: map[string]string{"when": t.Now.UTC().Format(time.RFC3339), "address": t.View.Request().IP, "client": title}}}}
			}
			return res, nil
		})
}

func allowed(c identity.Consent, title string) action.Row {
	row := action.Row{Title: title, App: c.Client, Buttons: []action.Button{{Name: "withdraw", Value: c.Client, Label: action.T("consents.withdraw"), Style: "danger"}}}
	if title == "" {
		row.Title = c.Client
	}
	scopes := slices.DeleteFunc(slices.Clone(c.Scope), func(s string) bool { return strings.HasPrefix(s, identity.ConsentToDetails) })
	if len(scopes) < len(c.Scope) {
		row.Lines = append(row.Lines, action.T("consents.details"))
	}
	for _, s := range scopes {
		row.Lines = append(row.Lines, action.ScopeText(s))
	}
	row.Lines = append(row.Lines, action.T("consents.since", "date", c.At.UTC().Format("2006-01-02")))
	return row
}
