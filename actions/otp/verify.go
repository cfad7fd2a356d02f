package otp

import (
	"context"
	"errors"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// VerifySettings of account.verify-email.
type VerifySettings struct {
	Address string       `json:"address,omitempty" jsonschema:"description=A new address to prove and keep; by default the account's own that is not verified yet."`
	Skip    bool         `json:"skip,omitempty" jsonschema:"description=Offer a way past the step; its outcome is later."`
	Title   action.Words `json:"title,omitempty" jsonschema:"description=Headline of the page."`
}

// Verify makes the action account.verify-email.
func (e Email) Verify() action.Action {
	return action.Define(action.Spec{Name: "account.verify-email", Title: "Prove the account's e-mail address",
		About: "Sends a code to an address of the account just proved, or to a new one, and marks it verified. An address that another account has verified looks the same and never matches. Elsewhere: Verify Email (Keycloak), Email Suspend (PingAM)."},
		func(c VerifySettings) action.Contract {
			contract := action.Contract{Needs: verdict.Manage(), Manages: "a verified address", Reveals: true, Outcomes: []action.OutcomeSpec{
				{Name: "ok", About: "the address is verified", Gives: []verdict.FactSet{verdict.Set(verdict.EmailProved)}, Silent: true},
				{Name: "failed", About: "there is no address to prove, or too many codes were sent", Silent: true}}}
			if c.Skip {
				contract.Outcomes = append(contract.Outcomes, action.OutcomeSpec{Name: "later", About: "the person passed on"})
			}
			return contract
		}, e.verify)
}

func (e Email) verify(ctx context.Context, c VerifySettings, t *action.Turn) (action.Result, error) {
	account, err := t.View.Subject(ctx)
	if err != nil {
		return action.Result{}, err
	}
	typed, done := target(c, account)
	if done {
		return action.Result{Outcome: "ok", Evidence: []verdict.Evidence{{Method: "account", Facts: verdict.Set(verdict.EmailProved), Subject: account.ID, At: account.Created}}}, nil
	}
	to, err := identity.Canonical(identity.Email, typed, "")
	if err != nil {
		return action.Result{Outcome: "failed"}, nil
	}
	ch := challenge{e.Limit, e.PerNetwork, e.Pseudonym}
	s, began := unbox(t.Box)
	p := page(c.Title.Or("code.title"), typed, action.T("code.sent", "identifier", typed))
	if c.Skip {
		p.Others = append(p.Others, action.Button{Name: "later", Label: action.T("later"), Style: "link"})
	}
	resend := t.Input != nil && t.Input.Action == "resend"
	switch {
	case t.Input != nil && t.Input.Action == "later":
		return action.Result{Outcome: "later"}, nil
	case resend && s.Times >= maxSent:
		return action.Result{Outcome: "failed"}, nil
	case resend && t.Now.Sub(s.At) < resendAfter:
		return asked(p, s, nil, &action.Notice{Kind: "info", Text: action.T("code.resend-wait", "n", int(resendAfter.Seconds()))})
	case t.Input == nil && t.Silent:
		return action.Result{Prompt: p}, nil
	case resend, t.Input == nil && !began:
		return e.verifySend(ctx, ch, t, p, sent{To: to, Account: account.ID, Times: s.Times, At: s.At}, typed, resend)
	case t.Input == nil:
		return asked(p, s, nil, nil)
	}
	count, wait := attempt(t, identity.Attempts(account.ID), true)
	if count != nil {
		return action.Result{Attempt: count}, nil
	}
	if wait != nil {
		return asked(p, s, wait, nil)
	}
	if !s.matches(t.Input.Fields["code"], t.Now) {
		return asked(p, s, &action.Problem{Field: "code", ID: "mismatch", Text: action.T("code.mismatch")}, nil)
	}
	return action.Result{Outcome: "ok", Audit: []journey.Audit{{Event: "email.verified", Account: account.ID}},
		Writes: []identity.Write{s.once(t.Now), identity.ClearAttempts{Key: identity.Attempts(account.ID)},
			identity.PutIdentifier{Account: account.ID, Identifier: identity.Identifier{Kind: identity.Email, Canonical: s.To, Typed: typed, Verified: true}, At: t.Now}},
		Evidence: []verdict.Evidence{{Method: "otp.email", Facts: verdict.Set(verdict.EmailProved), AMR: []string{"otp"}, Subject: account.ID, Address: s.To, At: t.Now}}}, nil
}

// verifySend sends a code unless another account holds the address: then nothing is sent and nothing will match.
func (e Email) verifySend(ctx context.Context, ch challenge, t *action.Turn, p *action.Prompt, before sent, typed string, again bool) (action.Result, error) {
	holder, err := e.Directory.AccountBy(ctx, identity.Email, before.To)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return action.Result{}, err
	}
	s, code, ok, err := ch.send(ctx, t, before, err != nil || holder.ID == before.Account)
	if err != nil {
		return action.Result{}, err
	}
	var notice *action.Notice
	if again {
		notice = &action.Notice{Kind: "ok", Text: action.T("code.resent")}
	}
	res, err := asked(p, s, nil, notice)
	if err == nil && ok {
		res.Then = []action.Effect{{Mail: &action.Mail{To: typed, Template: "mail.code", Expires: t.Now.Add(codeLife),
			Args: map[string]string{"code": code, "minutes": "10", "when": t.Now.UTC().Format(time.RFC3339), "address": t.View.Request().IP}}}}
	}
	return res, err
}

// target is the address to prove; done when there is nothing left to prove.
func target(c VerifySettings, a *identity.Account) (typed string, done bool) {
	if c.Address != "" {
		return c.Address, false
	}
	i, ok := a.Identifier(identity.Email)
	return i.Typed, ok && i.Verified
}
