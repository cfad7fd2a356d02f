package otp

import (
	"context"
	"errors"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/transient"
	"github.com/stile-id/stile/engine/verdict"
)

// EmailSettings of otp.email.
type EmailSettings struct {
	Purpose string       `json:"purpose" jsonschema:"required,enum=sign-up,enum=recovery,description=sign-up: proves the address given\\, which must be nobody's yet\\; whoever has an account with it gets another mail. recovery: proves the stored address of the account that was named; the outcome sets the subject."`
	To      string       `json:"to,omitempty" jsonschema:"description=The address; by default the identifier given last in the journey."`
	Title   action.Words `json:"title,omitempty" jsonschema:"description=Headline of the page."`
}

// Email is what otp.email needs.
type Email struct {
	Directory identity.Directory
	Limit     Limiter
	// PerNetwork bounds the mails one network address may cause; a zero limit allows any number.
	PerNetwork transient.Limit
	Pseudonym  func(string) string
}

// Code makes the action otp.email.
func (e Email) Code() action.Action {
	proved := action.Produce[Proved]() // made once, whatever the number of steps
	return action.Define(action.Spec{Name: "otp.email", Title: "Send a code by e-mail", SilentCode: "login_required",
		About: "Sends a six-digit code, lets it be sent again a few times, and checks it. A code lives ten minutes and works once; guesses count with all others of that person. Strangers see the same page for every address. An e-mail code is no factor. Elsewhere: OTP Email Sender and Collector (PingAM), Email authenticator (Curity)."},
		func(c EmailSettings) action.Contract {
			ok := action.OutcomeSpec{Name: "ok", About: "the code is right", Gives: []verdict.FactSet{verdict.Set(verdict.EmailProved)}, Apart: true, Output: proved}
			if c.Purpose == "recovery" {
				ok.Apart = false
				ok.Gives, ok.Sets = []verdict.FactSet{verdict.Set(verdict.Identified, verdict.EmailProved, verdict.RecoveryProved)}, true
			}
			return action.Contract{Outcomes: []action.OutcomeSpec{ok, {Name: "failed", About: "too many codes were sent; or nobody was named", Silent: true}}}
		}, e.run)
}

// Proved is the output of otp.email.
type Proved struct {
	Email string `json:"email"`
}

func (e Email) run(ctx context.Context, c EmailSettings, t *action.Turn) (action.Result, error) {
	ch := challenge{e.Limit, e.PerNetwork, e.Pseudonym}
	typed := c.To
	if n, ok := t.View.Named(); ok && typed == "" {
		typed = n.Identifier
	}
	to, err := identity.Canonical(identity.Email, typed, "")
	if err != nil {
		return action.Result{Outcome: "failed"}, nil
	}
	s, began := unbox(t.Box)
	if t.Input == nil && !began {
		if t.Silent {
			return action.Result{Prompt: e.page(c, typed)}, nil
		}
		return e.start(ctx, ch, c, t, sent{To: to}, typed, nil)
	}
	switch {
	case t.Input == nil:
		return asked(e.page(c, typed), s, nil, nil)
	case t.Input.Action == "resend":
		return e.resend(ctx, ch, c, t, s, typed)
	case t.Input.Fields["code"] == "":
		return asked(e.page(c, typed), s, &action.Problem{Field: "code", ID: "required", Text: action.T("code.required")}, nil)
	}
	// Tries at a code that was sent count apart from tries at a password: whoever guesses the one for somebody else must not
	// close the way that leads out of it. Both are bounded alike.
	key, known := "code:unknown:"+e.Pseudonym("email:"+s.To), s.Account != ""
	if known {
		key = identity.RecoveryAttempts(s.Account)
	}
	count, wait := attempt(t, key, known)
	if count != nil {
		return action.Result{Attempt: count}, nil
	}
	if wait != nil {
		return asked(e.page(c, typed), s, wait, nil)
	}
	if !s.matches(t.Input.Fields["code"], t.Now) || c.Purpose == "recovery" && !known {
		return asked(e.page(c, typed), s, &action.Problem{Field: "code", ID: "mismatch", Text: action.T("code.mismatch")}, nil)
	}
	res := action.Result{Outcome: "ok", Output: Proved{Email: typed}, Writes: []identity.Write{s.once(t.Now), identity.ClearAttempts{Key: key}}}
	ev := verdict.Evidence{Method: "otp.email", Facts: verdict.Set(verdict.EmailProved), AMR: []string{"otp"}, Address: s.To, At: t.Now}
	if c.Purpose == "recovery" {
		a, err := e.Directory.Account(ctx, s.Account)
		if err != nil || a.Status != identity.Active {
			if err != nil && !errors.Is(err, identity.ErrNotFound) {
				return action.Result{}, err
			}
			return asked(e.page(c, typed), s, &action.Problem{Field: "code", ID: "mismatch", Text: action.T("code.mismatch")}, nil)
		}
		ev.Facts, ev.Subject = verdict.Set(verdict.EmailProved, verdict.RecoveryProved), a.ID
		res.Subject, res.Account = a.ID, a
	}
	res.Evidence = []verdict.Evidence{ev}
	return res, nil
}

// start sends a code, or what the person it belongs to should get instead, and shows the same page either way.
func (e Email) start(ctx context.Context, ch challenge, c EmailSettings, t *action.Turn, before sent, typed string, notice *action.Notice) (action.Result, error) {
	a, err := e.Directory.AccountBy(ctx, identity.Email, before.To)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return action.Result{}, err
	}
	known := err == nil
	mail := action.Mail{To: typed, Template: "mail.code"}
	deliver := !known
	if c.Purpose == "recovery" {
		deliver = known && a.Status == identity.Active
		mail.Template = "mail.recovery-code"
		if deliver {
			before.Account = a.ID
			mail.To = stored(a, before.To) // the stored address, never the typed one
		}
	}
	s, code, ok, err := ch.send(ctx, t, before, deliver)
	if err != nil {
		return action.Result{}, err
	}
	res, err := asked(e.page(c, typed), s, nil, notice)
	if err != nil {
		return res, err
	}
	mail.Args = map[string]string{"code": code, "minutes": "10", "when": t.Now.UTC().Format(time.RFC3339), "address": t.View.Request().IP}
	mail.Expires = t.Now.Add(codeLife)
	// Either way the turn is written to the ledger: one that were not would be faster, and tell whose address it is.
	sent := journey.Audit{Event: "code.sent"}
	if known {
		sent.Account = a.ID
	}
	switch {
	case ok:
		res.Then = []action.Effect{{Mail: &mail}}
	case known && c.Purpose == "sign-up" && a.Status == identity.Active && s.Times == 1:
		delete(mail.Args, "code")
		mail.To, mail.Template = stored(a, before.To), "mail.known"
		res.Then = []action.Effect{{Mail: &mail}}
		sent.Event = "code.withheld"
	default:
		sent.Event = "code.withheld"
	}
	res.Audit = []journey.Audit{sent}
	return res, nil
}

// stored is the account's verified address of this canonical form, as it was written when it was proved.
func stored(a *identity.Account, canonical string) string {
	for _, i := range a.Identifiers {
		if i.Kind == identity.Email && i.Canonical == canonical && i.Verified {
			return i.Typed
		}
	}
	return canonical
}

func (e Email) resend(ctx context.Context, ch challenge, c EmailSettings, t *action.Turn, s sent, typed string) (action.Result, error) {
	if s.Times >= maxSent {
		return action.Result{Outcome: "failed"}, nil
	}
	if wait := s.At.Add(resendAfter).Sub(t.Now); wait > 0 {
		return asked(e.page(c, typed), s, nil, &action.Notice{Kind: "info", Text: action.T("code.resend-wait", "n", int(wait.Seconds())+1)})
	}
	return e.start(ctx, ch, c, t, s, typed, &action.Notice{Kind: "ok", Text: action.T("code.resent")})
}

func (e Email) page(c EmailSettings, typed string) *action.Prompt {
	body := action.T("signup.sent", "identifier", typed)
	if c.Purpose == "recovery" {
		body = action.T("recover.sent", "identifier", typed, "n", 10)
	}
	p := page(c.Title.Or("code.title"), typed, body)
	p.Account = typed
	return p
}
