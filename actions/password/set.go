package password

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// SetSettings of password.set.
type SetSettings struct {
	Min    int             `json:"min,omitempty" jsonschema:"minimum=8,maximum=64,default=15,description=Fewest characters. 15 where a password alone signs in (NIST SP 800-63B-4); at least 8."`
	Max    int             `json:"max,omitempty" jsonschema:"minimum=64,maximum=1024,default=128,description=Most characters."`
	Fresh  action.Duration `json:"fresh,omitempty" jsonschema:"description=How old the proof that allows it may be. By default 15m."`
	Skip   bool            `json:"skip,omitempty" jsonschema:"description=Offer a way past the step; its outcome is later."`
	Notify bool            `json:"notify,omitempty" jsonschema:"description=Tell the person by mail; on by default, off only where there was no password before."`
	Title  action.Words    `json:"title,omitempty" jsonschema:"description=Headline of the page."`
}

// Defaults fills in what is left out.
func (SetSettings) Defaults() SetSettings {
	return SetSettings{Min: 15, Max: 128, Fresh: action.Duration(15 * time.Minute), Notify: true}
}

// Setter is what password.set needs.
type Setter struct{ Hasher Hasher }

// Set makes the action password.set.
func Set(s Setter) action.Action {
	return action.Define(action.Spec{Name: "password.set", Title: "Choose a password",
		About: "Lets a person choose or change the password of the account just proved. Length counts in characters; passwords from lists of stolen ones, or close to the person's own data, are refused with the reason. Ends the account's other sessions and tells the person by mail. Elsewhere: Update Password (Keycloak), Reset Password (PingAM)."},
		func(c SetSettings) action.Contract {
			contract := action.Contract{
				Needs: verdict.Manage(), Manages: "the password",
				Outcomes: []action.OutcomeSpec{
					{Name: "ok", About: "the password is set", Gives: []verdict.FactSet{verdict.Set(verdict.Identified, verdict.Knowledge)}},
					{Name: "stale", About: "the proof that would allow it is too old", Silent: true}}}
			if c.Skip {
				contract.Outcomes = append(contract.Outcomes, action.OutcomeSpec{Name: "later", About: "the person passed on"})
			}
			return contract
		}, s.run)
}

func (s Setter) run(ctx context.Context, c SetSettings, t *action.Turn) (action.Result, error) {
	account, err := t.View.Subject(ctx)
	if err != nil {
		return action.Result{}, err
	}
	if !fresh(t, time.Duration(c.Fresh)) {
		return action.Result{Outcome: "stale"}, nil
	}
	p := s.prompt(c, account)
	switch {
	case t.Input == nil:
		return action.Result{Prompt: p}, nil
	case t.Input.Action == "later":
		return action.Result{Outcome: "later"}, nil
	}
	chosen := t.Input.Fields["new_password"]
	length := utf8.RuneCountInString(normal(chosen))
	switch {
	case chosen == "":
		return problem(p, "new_password", "required", action.T("password.required")), nil
	case length < c.Min:
		return problem(p, "new_password", "short", action.T("password.rule", "n", c.Min)), nil
	case length > c.Max:
		return problem(p, "new_password", "long", action.T("password.long", "n", c.Max)), nil
	case guessable(chosen, account, t.View.Request().ClientName):
		return problem(p, "new_password", "known", action.T("password.known")), nil
	}
	hash, err := s.Hasher.Hash(ctx, chosen)
	if err != nil {
		return action.Result{}, err
	}
	id, err := uuid.NewV7FromReader(t.Random)
	if err != nil {
		return action.Result{}, err
	}
	credential, err := Credential(id.String(), account.ID, hash, false, t.Now)
	if err != nil {
		return action.Result{}, err
	}
	_, _, had := stored(account)
	return s.changed(c, t, account, credential, had), nil
}

// changed is all that follows from a new password: tries are forgotten, other sessions end, the person is told.
func (s Setter) changed(c SetSettings, t *action.Turn, account *identity.Account, credential identity.Credential, had bool) action.Result {
	res := action.Result{Outcome: "ok", Audit: []journey.Audit{{Event: "password.set", Account: account.ID}},
		Writes: []identity.Write{identity.PutCredential{Credential: credential}, identity.ClearAttempts{Key: identity.Attempts(account.ID)}},
		Evidence: []verdict.Evidence{{Method: "password", Facts: verdict.Set(verdict.Knowledge), AMR: []string{"pwd"}, Subject: account.ID,
			Credential: credential.ID, Stamp: credential.Stamp, At: t.Now}}}
	if t.View.Facts().Has(verdict.NewAccount) {
		return res
	}
	keep := t.View.Request().Session
	res.Writes = append(res.Writes,
		identity.EndSessions{Account: account.ID, Except: keep, Reason: "password changed", At: t.Now},
		identity.RevokeGrants{Account: account.ID, Except: keep, Reason: "password changed", At: t.Now})
	if to, ok := account.Identifier(identity.Email); ok && to.Verified && (c.Notify || had) {
		res.Then = []action.Effect{{Mail: &action.Mail{To: to.Typed, Template: "mail.password-changed", Args: map[string]string{"when": t.Now.UTC().Format(time.RFC3339), "address": t.View.Request().IP}}}}
	}
	return res
}

func (s Setter) prompt(c SetSettings, a *identity.Account) *action.Prompt {
	submit, rule := action.T("password.save"), action.T("password.rule", "n", c.Min)
	id, ok := a.Identifier(identity.Email)
	if !ok && len(a.Identifiers) > 0 {
		id = a.Identifiers[0]
	}
	p := &action.Prompt{Title: c.Title.Or("password.new-title"), Submit: &submit, Policy: &action.PasswordUI{Min: c.Min, Max: c.Max},
		Fields: []action.Field{
			{Name: "username", Type: action.FieldUsername, Label: action.T("identifier.label"), Value: id.Typed},
			{Name: "new_password", Type: action.FieldNewPassword, Label: action.T("password.new-label"), Hint: &rule}}}
	if c.Skip {
		p.Others = []action.Button{{Name: "later", Label: action.T("later")}}
	}
	return p
}

// fresh reports whether something was proved about the subject recently enough to change how it is proved.
func fresh(t *action.Turn, within time.Duration) bool {
	for _, e := range t.View.Evidence() {
		if e.Subject == t.View.SubjectID() && t.Now.Sub(e.At) <= within {
			return true
		}
	}
	return false
}
