package passkey

import (
	"context"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/verdict"
)

// VerifySettings of passkey.verify.
type VerifySettings struct {
	For          string       `json:"for,omitempty" jsonschema:"enum=anyone,enum=subject,default=anyone,description=anyone: any account's passkey; the outcome sets the subject. subject: only the account already proved; its passkeys are listed to the browser."`
	Verification string       `json:"verification,omitempty" jsonschema:"enum=required,enum=preferred,default=required,description=Whether the device must check who holds it."`
	Title        action.Words `json:"title,omitempty" jsonschema:"description=Headline of the page."`
}

// Defaults fills in what is left out.
func (VerifySettings) Defaults() VerifySettings {
	return VerifySettings{For: "anyone", Verification: "required"}
}

// Verify makes the action passkey.verify.
func Verify(r *Relying) action.Action {
	return action.Define(action.Spec{Name: "passkey.verify", Title: "Check a passkey", SilentCode: "login_required",
		About: "Asks for a passkey. A cancelled dialog stays on the page, with another way on. Elsewhere: WebAuthn Passwordless Authenticator (Keycloak), WebAuthn Authentication (PingAM), Passkeys (Curity)."},
		func(c VerifySettings) action.Contract {
			contract := action.Contract{Browser: true, Outcomes: []action.OutcomeSpec{
				{Name: "ok", About: "a passkey was used", Gives: []verdict.FactSet{gives(c.Verification == "required")}, Sets: c.For != "subject"},
				{Name: "other", About: "the person wants another way, or has no passkey"}}}
			if c.For == "subject" {
				contract.Needs = verdict.Formula{verdict.Set(verdict.Identified)}
				contract.Outcomes[1].Silent, contract.Outcomes[1].Tells = true, true
				contract.Reveals = true
			}
			if r.web == nil {
				contract.Outcomes[1].Silent = true
			}
			return contract
		}, r.verify)
}

func (r *Relying) verify(ctx context.Context, c VerifySettings, t *action.Turn) (action.Result, error) {
	if r.web == nil {
		return action.Result{Outcome: "other"}, nil
	}
	var want *identity.Account
	if c.For == "subject" {
		a, err := t.View.Subject(ctx)
		if err != nil {
			return action.Result{}, err
		}
		if want = a; len(newPerson(a).credentials) == 0 {
			return action.Result{Outcome: "other"}, nil
		}
	}
	switch {
	case t.Input == nil:
		return r.ask(c, want, nil)
	case t.Input.Action == "other":
		return action.Result{Outcome: "other"}, nil
	case t.Input.Fields["passkey"] == "":
		return r.ask(c, want, &action.Notice{Kind: "info", Text: action.T("passkey.cancelled")})
	}
	res, problem, err := r.prove(ctx, t, want, t.Box, t.Input.Fields["passkey"])
	if err != nil {
		return action.Result{}, err
	}
	if problem != "" {
		asked, err := r.ask(c, want, &action.Notice{Kind: "warn", Text: action.T(problem)})
		asked.Audit = res.Audit
		if err == nil {
			asked.Prompt.Signal = carried(res)
		}
		return asked, err
	}
	res.Outcome = "ok"
	if c.For == "subject" {
		res.Subject = ""
	}
	return res, nil
}

func (r *Relying) ask(c VerifySettings, want *identity.Account, notice *action.Notice) (action.Result, error) {
	options, box, err := r.assertion(want, protocol.UserVerificationRequirement(c.Verification))
	if err != nil {
		return action.Result{}, err
	}
	p := &action.Prompt{Title: c.Title.Or("passkey.title"), Body: []action.Text{action.T("passkey.body")}, Notice: notice,
		Passkey: &action.Ceremony{Mode: "get", Options: options, Action: "passkey"},
		Others: []action.Button{{Name: "passkey", Label: action.T("identifier.passkey"), Style: "passkey"},
			{Name: "other", Label: action.T("another")}}}
	if want != nil {
		p.Account = name(want)
	}
	return action.Result{Prompt: p, Box: box}, nil
}
