package passkey

import (
	"context"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// ManageSettings of passkey.manage.
type ManageSettings struct {
	Fresh action.Duration `json:"fresh,omitempty" jsonschema:"description=How old the proof that allows a removal may be. By default 15m."`
	Title action.Words    `json:"title,omitempty" jsonschema:"description=Headline of the page."`
}

// Defaults fills in what is left out.
func (ManageSettings) Defaults() ManageSettings {
	return ManageSettings{Fresh: action.Duration(15 * time.Minute)}
}

// Manage makes the action passkey.manage.
func Manage(r *Relying) action.Action {
	return action.Define(action.Spec{Name: "passkey.manage", Title: "List and remove passkeys",
		About: "Lists the account's passkeys, with a way to remove each and to add one. A removal needs as much as the account can prove, recently: outcome stale. The last way in cannot go. Every removal is told by mail. Elsewhere: Signing in (Keycloak account console)."},
		func(ManageSettings) action.Contract {
			return action.Contract{Needs: verdict.Manage(), Manages: "passkeys", Outcomes: []action.OutcomeSpec{
				{Name: "add", About: "the person wants to add one"},
				{Name: "back", About: "the person has finished here"},
				{Name: "stale", About: "the proof is too old, or less than the account can give", Silent: true}}}
		}, r.manage)
}

func (r *Relying) manage(ctx context.Context, c ManageSettings, t *action.Turn) (action.Result, error) {
	account, err := t.View.Subject(ctx)
	if err != nil {
		return action.Result{}, err
	}
	if !mayManage(t, account, time.Duration(c.Fresh)) {
		return action.Result{Outcome: "stale"}, nil
	}
	if t.Input == nil {
		return action.Result{Prompt: r.list(c, account, nil)}, nil
	}
	switch t.Input.Action {
	case "add":
		return action.Result{Outcome: "add"}, nil
	case "remove":
		return r.remove(c, t, account, t.Input.Fields["value"])
	}
	return action.Result{Outcome: "back"}, nil
}

func (r *Relying) remove(c ManageSettings, t *action.Turn, account *identity.Account, id string) (action.Result, error) {
	for _, k := range account.CredentialsOf(identity.PasskeyCredential) {
		if k.ID != id {
			continue
		}
		if len(account.Credentials) == 1 {
			return action.Result{Prompt: r.list(c, account, &action.Notice{Kind: "warn", Text: action.T("passkey.last")})}, nil
		}
		w := identity.RemoveCredential{Account: account.ID, ID: id, At: t.Now}
		after := identity.Apply(account, account.ID, []identity.Write{w})
		res := action.Result{Prompt: r.list(c, after, &action.Notice{Kind: "ok", Text: action.T("passkey.removed")}),
			Writes: []identity.Write{w}, Audit: []journey.Audit{{Event: "passkey.removed", Account: account.ID}}}
		if e, ok := account.Identifier(identity.Email); ok && e.Verified {
			res.Then = []action.Effect{told(t, e.Typed, "mail.passkey-removed")}
		}
		return res, nil
	}
	return action.Result{Prompt: r.list(c, account, nil)}, nil
}

func (r *Relying) list(c ManageSettings, a *identity.Account, notice *action.Notice) *action.Prompt {
	p := &action.Prompt{Title: c.Title.Or("passkeys.title"), Notice: notice, Signal: r.accepted(a), Others: []action.Button{
		{Name: "add", Label: action.T("passkeys.add")}, {Name: "back", Label: action.T("finish"), Style: "link"}}}
	keys := a.CredentialsOf(identity.PasskeyCredential)
	if len(keys) == 0 {
		p.Body = []action.Text{action.T("passkeys.none")}
	}
	for _, k := range keys {
		title := k.Label
		if title == "" {
			title = "Passkey"
		}
		row := action.Row{Title: title, Lines: []action.Text{action.T("passkeys.made", "date", k.Created.UTC().Format("2006-01-02"))},
			Buttons: []action.Button{{Name: "remove", Value: k.ID, Label: action.T("remove"), Style: "danger"}}}
		if !k.LastUsed.IsZero() {
			row.Lines = append(row.Lines, action.T("passkeys.used", "date", k.LastUsed.UTC().Format("2006-01-02")))
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}
