package account

import (
	"context"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// SessionsSettings of session.manage.
type SessionsSettings struct {
	Title action.Words `json:"title,omitempty" jsonschema:"description=Headline of the page."`
}

// Sessions makes the action session.manage.
func Sessions(d identity.Directory) action.Action {
	return action.Define(action.Spec{Name: "session.manage", Title: "List and end sessions",
		About: "Lists where the account is signed in and ends any of these sessions, or all others; what rests on them ends too. The person is told by mail. Elsewhere: Device activity (Keycloak account console)."},
		func(SessionsSettings) action.Contract {
			return action.Contract{Needs: verdict.Manage(), Manages: "sessions", Outcomes: []action.OutcomeSpec{{Name: "back", About: "the person has finished here"}}}
		},
		func(ctx context.Context, c SessionsSettings, t *action.Turn) (action.Result, error) {
			account, err := t.View.Subject(ctx)
			if err != nil {
				return action.Result{}, err
			}
			all, err := d.Sessions(ctx, account.ID)
			if err != nil {
				return action.Result{}, err
			}
			here := t.View.Request().Session
			if t.Input == nil {
				return action.Result{Prompt: sessions(c, all, here, nil)}, nil
			}
			end := identity.EndSessions{Account: account.ID, Reason: "ended by the person", At: t.Now}
			switch t.Input.Action {
			case "end":
				end.ID = t.Input.Fields["value"]
			case "end-others":
				end.Except = here
			default:
				return action.Result{Outcome: "back"}, nil
			}
			var left []identity.Session
			for _, s := range all {
				if end.ID != "" && s.ID != end.ID || end.ID == "" && s.ID == end.Except {
					left = append(left, s)
				}
			}
			res := action.Result{Prompt: sessions(c, left, here, &action.Notice{Kind: "ok", Text: action.T("sessions.ended")}),
				Writes: []identity.Write{end}, Audit: []journey.Audit{{Event: "session.ended", Account: account.ID}}}
			if e, ok := account.Identifier(identity.Email); ok && e.Verified {
				res.Then = []action.Effect{{Mail: &action.Mail{To: e.Typed, Template: "mail.sessions-ended",
					Args: map[string]string{"when": t.Now.UTC().Format(time.RFC3339), "address": t.View.Request().IP}}}}
			}
			return res, nil
		})
}

func sessions(c SessionsSettings, all []identity.Session, here string, notice *action.Notice) *action.Prompt {
	p := &action.Prompt{Title: c.Title.Or("sessions.title"), Notice: notice}
	others := false
	for _, s := range all {
		row := action.Row{Title: s.Agent, Lines: []action.Text{action.T("sessions.since", "date", s.Created.UTC().Format("2006-01-02 15:04"), "address", s.Address)}}
		if row.Title == "" {
			row.Title = s.Address
		}
		if s.ID == here {
			row.Lines = append(row.Lines, action.T("sessions.here"))
		} else {
			others = true
			row.Buttons = []action.Button{{Name: "end", Value: s.ID, Label: action.T("sessions.end"), Style: "danger"}}
		}
		p.Rows = append(p.Rows, row)
	}
	if others {
		p.Others = append(p.Others, action.Button{Name: "end-others", Label: action.T("sessions.end-others"), Style: "danger"})
	}
	p.Others = append(p.Others, action.Button{Name: "back", Label: action.T("finish"), Style: "link"})
	return p
}
