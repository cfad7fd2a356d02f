package password

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// VerifySettings of password.verify.
type VerifySettings struct {
	For        string       `json:"for,omitempty" jsonschema:"enum=anyone,enum=subject,default=anyone,description=anyone: whoever was named or is asked for; the outcome sets the subject. subject: only the account already proved; adds to it."`
	Identifier string       `json:"identifier,omitempty" jsonschema:"description=Whom to check; by default the identifier given last in the journey."`
	Label      action.Words `json:"label,omitempty" jsonschema:"description=What the identifier is called on the page. By default E-mail."`
	Title      action.Words `json:"title,omitempty" jsonschema:"description=Headline of the page."`
}

// Defaults fills in what is left out.
func (VerifySettings) Defaults() VerifySettings { return VerifySettings{For: "anyone"} }

// Verifier is what password.verify needs.
type Verifier struct {
	Directory identity.Directory
	Hasher    Hasher
	Region    string                         // of phone numbers without a prefix
	Pseudonym func(identifier string) string // keyed hash under which tries at unknown people are counted
}

// Verify makes the action password.verify.
func Verify(v Verifier) action.Action {
	return action.Define(action.Spec{Name: "password.verify", Title: "Check a password", SilentCode: "login_required",
		About: "Asks for a password and checks it. An unknown person and a wrong password look, cost and take the same. A mismatch asks again; tries are counted over all steps and servers. Elsewhere: Username Password Form (Keycloak), Data Store Decision (PingAM), HTML Form authenticator (Curity)."},
		func(c VerifySettings) action.Contract {
			ok := action.OutcomeSpec{Name: "ok", About: "the password is right", Gives: []verdict.FactSet{verdict.Set(verdict.Identified, verdict.Knowledge)}, Sets: c.For != "subject"}
			contract := action.Contract{Outcomes: []action.OutcomeSpec{ok,
				{Name: "forgot", About: "the person asked to reset it"},
				{Name: "must-change", About: "it is right, but was chosen by somebody else; nothing is proved until it is changed"},
				{Name: "locked", About: "too many tries; only a reset or an operator opens it again"}}}
			if c.For == "subject" {
				contract.Needs = verdict.Formula{verdict.Set(verdict.Identified)}
				contract.Reveals = true
			}
			return contract
		}, v.run)
}

func (v Verifier) run(ctx context.Context, c VerifySettings, t *action.Turn) (action.Result, error) {
	named, account, err := v.whom(ctx, c, t)
	if err != nil {
		return action.Result{}, err
	}
	p := prompt(c, named, c.For != "subject" && !given(c, t))
	switch {
	case t.Input == nil:
		return action.Result{Prompt: p}, nil
	case t.Input.Action == "forgot":
		return action.Result{Outcome: "forgot"}, nil
	case named == "":
		return problem(p, "identifier", "required", action.T("identifier.required")), nil
	case t.Input.Fields["password"] == "":
		return problem(p, "password", "required", action.T("password.required")), nil
	}
	key := v.key(named, account)
	if t.Attempted == nil {
		a := journey.Attempt{Key: key, At: t.Now}
		if account == nil {
			a.Expires = t.Now.Add(24 * time.Hour)
		}
		return action.Result{Attempt: &a, Carry: found{named, account}}, nil
	}
	if !t.Attempted.Allowed {
		if t.Attempted.Until.Sub(t.Now) > 24*time.Hour {
			return action.Result{Outcome: "locked", Audit: []journey.Audit{event("password.locked", account)}}, nil
		}
		n := max(1, int(math.Ceil(t.Attempted.Until.Sub(t.Now).Minutes())))
		return problem(p, "password", "wait", action.T("wait", "n", n)), nil
	}
	return v.compare(ctx, c, t, p, account, key)
}

// compare does one hash's work whoever was named.
func (v Verifier) compare(ctx context.Context, c VerifySettings, t *action.Turn, p *action.Prompt, account *identity.Account, key string) (action.Result, error) {
	credential, r, has := stored(account)
	ok, stale, err := v.Hasher.Verify(ctx, r.Hash, t.Input.Fields["password"])
	if err != nil {
		return action.Result{}, err
	}
	if !ok || !has || account.Status != identity.Active {
		res := problem(p, "password", "mismatch", action.T("password.mismatch"))
		res.Prompt.Problem[0].Text.Args = map[string]any{"label": p.Fields[0].Label}
		res.Audit = []journey.Audit{event("password.mismatch", account)}
		return res, nil
	}
	clear := identity.ClearAttempts{Key: key}
	if r.MustChange {
		return action.Result{Outcome: "must-change", Writes: []identity.Write{clear}}, nil
	}
	res := action.Result{Outcome: "ok", Subject: account.ID, Account: account, Writes: []identity.Write{clear},
		Evidence: []verdict.Evidence{{Method: "password", Facts: verdict.Set(verdict.Knowledge), AMR: []string{"pwd"},
			Subject: account.ID, Credential: credential.ID, Stamp: credential.Stamp, At: t.Now}}}
	if c.For == "subject" {
		res.Subject = ""
	}
	if stale {
		hash, err := v.Hasher.Hash(ctx, t.Input.Fields["password"])
		if err != nil {
			return action.Result{}, err
		}
		data, err := json.Marshal(record{Hash: hash})
		if err != nil {
			return action.Result{}, err
		}
		res.Writes = append(res.Writes, identity.TouchCredential{Account: account.ID, ID: credential.ID, Stamp: credential.Stamp, Data: data, At: t.Now})
	}
	return res, nil
}

// given reports whether the person was named before this step; else it asks for the identifier too, each time.
func given(c VerifySettings, t *action.Turn) bool {
	_, named := t.View.Named()
	return named || c.Identifier != ""
}

// found is whom the first run of a turn found, for the second.
type found struct {
	named   string
	account *identity.Account
}

// whom finds the account to check, nil for nobody, and the identifier as typed.
func (v Verifier) whom(ctx context.Context, c VerifySettings, t *action.Turn) (string, *identity.Account, error) {
	if f, ok := t.Carry.(found); ok {
		return f.named, f.account, nil
	}
	if c.For == "subject" {
		a, err := t.View.Subject(ctx)
		if err != nil {
			return "", nil, err
		}
		id, _ := a.Identifier(identity.Email)
		return id.Typed, a, nil
	}
	typed := c.Identifier
	if n, ok := t.View.Named(); ok && typed == "" {
		typed = n.Identifier
	}
	if typed == "" && t.Input != nil {
		typed = t.Input.Fields["identifier"]
	}
	if typed == "" || t.Input == nil || t.Input.Action != "" {
		return typed, nil, nil
	}
	kind := identity.Kind(typed)
	canonical, err := identity.Canonical(kind, typed, v.Region)
	if err != nil {
		return typed, nil, nil // nobody has it; the same work follows
	}
	a, err := v.Directory.AccountBy(ctx, kind, canonical)
	if errors.Is(err, identity.ErrNotFound) {
		return typed, nil, nil
	}
	return typed, a, err
}

func (v Verifier) key(typed string, a *identity.Account) string {
	if a != nil {
		return identity.Attempts(a.ID)
	}
	kind := identity.Kind(typed)
	canonical, err := identity.Canonical(kind, typed, v.Region)
	if err != nil {
		canonical = typed
	}
	return "unknown:" + v.Pseudonym(string(kind)+":"+canonical)
}

func prompt(c VerifySettings, named string, asked bool) *action.Prompt {
	submit := action.T("password.submit")
	p := &action.Prompt{Title: c.Title.Or("password.title"), Submit: &submit,
		Others: []action.Button{{Name: "forgot", Label: action.T("password.forgot"), Style: "link"}}}
	label := c.Label.Or("identifier.label")
	if asked {
		p.Fields = append(p.Fields, action.Field{Name: "identifier", Type: action.FieldIdentifier, Label: label, Value: named})
	} else {
		p.Account = named
		p.Fields = append(p.Fields, action.Field{Name: "username", Type: action.FieldUsername, Label: label, Value: named})
	}
	p.Fields = append(p.Fields, action.Field{Name: "password", Type: action.FieldPassword, Label: action.T("password.label")})
	return p
}

func problem(p *action.Prompt, field, id string, text action.Text) action.Result {
	p.Problem = []action.Problem{{Field: field, ID: id, Text: text}}
	return action.Result{Prompt: p}
}

func event(name string, a *identity.Account) journey.Audit {
	e := journey.Audit{Event: name}
	if a != nil {
		e.Account = a.ID
	}
	return e
}
