// Package ask holds the steps that ask a person something.
package ask

import (
	"context"
	"encoding/json"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/verdict"
)

// IdentifierSettings of ask.identifier.
type IdentifierSettings struct {
	Label   action.Words `json:"label,omitempty" jsonschema:"description=What the identifier is called on the page. By default E-mail."`
	Title   action.Words `json:"title,omitempty" jsonschema:"description=Headline of the page."`
	Takes   string       `json:"takes,omitempty" jsonschema:"enum=email,enum=any,default=email,description=email: only e-mail addresses; any: phone numbers and usernames as well."`
	Passkey string       `json:"passkey,omitempty" jsonschema:"enum=autofill,enum=off,default=off,description=autofill: passkeys of this device are offered in the field\\, and by a button; outcome passkey."`
	Create  string       `json:"create,omitempty" jsonschema:"description=Any text: show a way to create an account; outcome create."`
}

// Defaults fills in what is left out.
func (IdentifierSettings) Defaults() IdentifierSettings {
	return IdentifierSettings{Takes: "email", Passkey: "off"}
}

// Passkeys is how the page of ask.identifier signs people in with a passkey of the device.
type Passkeys interface {
	// Offer returns the options of a ceremony for anyone, and what to remember of it.
	Offer(t *action.Turn) (options, box json.RawMessage, err error)
	// Prove checks an answer. problem is a wording key when it proves nothing; else the result holds the subject and evidence.
	Prove(ctx context.Context, t *action.Turn, box json.RawMessage, answer string) (res action.Result, problem string, err error)
	// Gives is what a proof gives.
	Gives() verdict.FactSet
}

// Identifier makes the action ask.identifier. region is the country of phone numbers without a prefix.
func Identifier(p Passkeys, region string) action.Action {
	named := action.Produce[action.Named]() // made once, whatever the number of steps
	return action.Define(action.Spec{Name: "ask.identifier", Title: "Ask who it is", SilentCode: "login_required",
		About: "Asks for an e-mail address, phone number or username. Naming somebody proves nothing and looks nothing up, so that a stranger learns nothing. With passkeys, the same page signs in by autofill. Elsewhere: Username Form (Keycloak), Username Collector (PingAM), Username authenticator (Curity)."},
		func(c IdentifierSettings) action.Contract {
			contract := action.Contract{Outcomes: []action.OutcomeSpec{{Name: "given", About: "an identifier was typed", Output: named}}}
			if c.Passkey == "autofill" {
				contract.Outcomes = append(contract.Outcomes, action.OutcomeSpec{Name: "passkey", About: "a passkey was used", Gives: []verdict.FactSet{p.Gives()}, Sets: true})
			}
			if c.Create != "" {
				contract.Outcomes = append(contract.Outcomes, action.OutcomeSpec{Name: "create", About: "the person has no account yet"})
			}
			return contract
		},
		func(ctx context.Context, c IdentifierSettings, t *action.Turn) (action.Result, error) {
			s := identifier{c: c, p: p, region: region}
			return s.run(ctx, t)
		})
}

type identifier struct {
	c      IdentifierSettings
	p      Passkeys
	region string
}

func (s identifier) run(ctx context.Context, t *action.Turn) (action.Result, error) {
	in := t.Input
	switch {
	case in == nil:
		typed := t.View.Request().LoginHint
		if n, ok := t.View.Named(); ok {
			typed = n.Identifier
		}
		return s.ask(t, typed, nil, nil)
	case in.Action == "create":
		return action.Result{Outcome: "create"}, nil
	case in.Action == "passkey":
		return s.passkey(ctx, t)
	}
	typed := in.Fields["identifier"]
	kind := identity.Email
	if s.c.Takes == "any" {
		kind = identity.Kind(typed)
	}
	if typed == "" {
		return s.ask(t, "", &action.Problem{Field: "identifier", ID: "required", Text: action.T("identifier.required")}, nil)
	}
	canonical, err := identity.Canonical(kind, typed, s.region)
	if err != nil {
		return s.ask(t, typed, &action.Problem{Field: "identifier", ID: "form", Text: action.T("identifier.form")}, nil)
	}
	return action.Result{Outcome: "given", Output: action.Named{Identifier: typed, Kind: kind, Canonical: canonical, Domain: identity.Domain(canonical),
		CanPasskey: in.Fields["can_passkey"] == "yes"}}, nil
}

func (s identifier) passkey(ctx context.Context, t *action.Turn) (action.Result, error) {
	if t.Input.Fields["passkey"] == "" {
		return s.ask(t, "", nil, &action.Notice{Kind: "info", Text: action.T("passkey.cancelled")})
	}
	res, problem, err := s.p.Prove(ctx, t, t.Box, t.Input.Fields["passkey"])
	if err != nil {
		return action.Result{}, err
	}
	if problem != "" {
		asked, err := s.ask(t, "", nil, &action.Notice{Kind: "warn", Text: action.T(problem)})
		if err == nil && res.Prompt != nil {
			asked.Prompt.Signal = res.Prompt.Signal
		}
		return asked, err
	}
	res.Outcome = "passkey"
	return res, nil
}

func (s identifier) ask(t *action.Turn, typed string, problem *action.Problem, notice *action.Notice) (action.Result, error) {
	submit := action.T("continue")
	f := action.Field{Name: "identifier", Type: action.FieldEmail, Label: s.c.Label.Or("identifier.label"), Value: typed, Passkey: s.c.Passkey == "autofill"}
	if s.c.Takes == "any" {
		f.Type, f.Label = action.FieldIdentifier, s.c.Label.Or("identifier.any-label")
	}
	p := &action.Prompt{Title: s.c.Title.Or("identifier.title", "client", t.View.Request().ClientName), Fields: []action.Field{f}, Submit: &submit, Notice: notice}
	if problem != nil {
		p.Problem = []action.Problem{*problem}
	}
	res := action.Result{Prompt: p}
	if s.c.Passkey == "autofill" && !t.Silent {
		options, box, err := s.p.Offer(t)
		if err != nil {
			return action.Result{}, err
		}
		if len(options) == 0 {
			return s.others(res), nil // no browser makes passkeys here
		}
		res.Box = box
		p.Passkey = &action.Ceremony{Mode: "autofill", Options: options, Action: "passkey"}
		p.Others = append(p.Others, action.Button{Name: "passkey", Label: action.T("identifier.passkey"), Style: "passkey"})
		p.Fields = append(p.Fields, action.Field{Name: "can_passkey", Type: action.FieldHidden})
	}
	return s.others(res), nil
}

func (s identifier) others(res action.Result) action.Result {
	if s.c.Create != "" {
		res.Prompt.Others = append(res.Prompt.Others, action.Button{Name: "create", Label: action.T("identifier.create"), Style: "link"})
	}
	return res
}
