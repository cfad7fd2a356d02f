package federate

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/stile-id/stile/engine/action"
	"github.com/stile-id/stile/engine/identity"
	"github.com/stile-id/stile/engine/journey"
	"github.com/stile-id/stile/engine/verdict"
)

// Settings of federate.oidc.
type Settings struct {
	Provider  string `json:"provider" jsonschema:"required,description=A provider of the settings file."`
	LoginHint string `json:"login_hint,omitempty" jsonschema:"description=Whom the provider should expect."`
	Prompt    string `json:"prompt,omitempty" jsonschema:"enum=login,enum=select_account,enum=consent,description=Passed on to the provider."`
}

// Answer is the output of federate.oidc.
type Answer struct {
	Issuer        string `json:"issuer"`
	Subject       string `json:"subject"`
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
	Name          string `json:"name"`
	GivenName     string `json:"given_name"`
	FamilyName    string `json:"family_name"`
	Locale        string `json:"locale"`
}

// pending is what the step remembers while the person is away.
type pending struct {
	State, Nonce, Verifier, URL string
}

// OIDC makes the action federate.oidc.
func OIDC(p *Providers) action.Action {
	answer := action.Produce[Answer]() // made once, whatever the number of steps
	return action.Define(action.Spec{Name: "federate.oidc", Title: "Sign in with another provider", SilentCode: "login_required",
		About: "Sends the person to an OpenID provider and checks what comes back: code flow with PKCE, state, nonce, issuer and signature. It proves an outside identity and sets no subject; account.link decides whose it is. Elsewhere: Identity Provider Redirector (Keycloak), Social Provider Handler (PingAM), OIDC authenticator (Curity)."},
		func(c Settings) action.Contract {
			facts := verdict.Set(verdict.Upstream(c.Provider))
			if d, ok := p.declared[c.Provider]; ok {
				facts = facts.Union(d.Worth())
			}
			return action.Contract{Browser: true, Uses: []action.Use{{Kind: action.UseProvider, Name: c.Provider, Setting: "provider"}},
				Outcomes: []action.OutcomeSpec{
					{Name: "ok", About: "the provider answered", Gives: []verdict.FactSet{facts}, Apart: true, Output: answer},
					{Name: "cancelled", About: "the person came back without"},
					{Name: "unavailable", About: "the provider does not answer, or not as it should", Silent: true}}}
		}, p.run)
}

func (p *Providers) run(ctx context.Context, c Settings, t *action.Turn) (action.Result, error) {
	d, ok := p.declared[c.Provider]
	if !ok {
		return action.Result{Outcome: "unavailable"}, nil
	}
	title := action.T("federate.title", "provider", d.Title)
	var away pending
	if len(t.Box) > 0 && json.Unmarshal(t.Box, &away) != nil {
		return action.Result{}, errors.New("federate.oidc: memory cannot be read")
	}
	switch {
	case t.Silent:
		return action.Result{Prompt: &action.Prompt{Title: title}}, nil
	case t.Input == nil:
		return p.leave(ctx, c, d, t, title)
	case t.Input.Action == "cancel":
		return action.Result{Outcome: "cancelled"}, nil
	case t.Input.Action != "callback" || len(t.Input.Fields["state"]) != len(away.State) || away.State == "" ||
		subtle.ConstantTimeCompare([]byte(t.Input.Fields["state"]), []byte(away.State)) != 1:
		return p.stay(d, t, title, away.URL, t.Box), nil // not an answer to our question: the person is still away
	}
	once := []identity.Write{identity.Consume{Space: "state", ID: away.State, Expires: t.Now.Add(24 * time.Hour)}}
	if code := t.Input.Fields["error"]; code != "" {
		switch code {
		case "access_denied", "login_required", "interaction_required", "consent_required", "account_selection_required":
			return action.Result{Outcome: "cancelled", Writes: once}, nil
		}
		return action.Result{Outcome: "unavailable", Writes: once, Audit: []journey.Audit{{Event: "provider.refused"}}}, nil
	}
	answer, err := p.redeem(ctx, d, t, away)
	if ctx.Err() != nil {
		return action.Result{}, ctx.Err()
	}
	if err != nil {
		detail, _ := json.Marshal(map[string]string{"provider": d.Name, "cause": clean(err)})
		return action.Result{Outcome: "unavailable", Writes: once, Audit: []journey.Audit{{Event: "provider.failed", Detail: detail}}}, nil
	}
	return action.Result{Outcome: "ok", Output: answer, Writes: once, Evidence: []verdict.Evidence{{Method: "provider",
		Facts: verdict.Set(verdict.Upstream(d.Name)).Union(d.Worth()), At: t.Now,
		Outside: &verdict.Outside{Provider: d.Name, Issuer: answer.Issuer, Subject: answer.Subject}}}}, nil
}

// leave makes the request and the page that leads to it.
func (p *Providers) leave(ctx context.Context, c Settings, d Provider, t *action.Turn, title action.Text) (action.Result, error) {
	found, err := p.discovered(ctx, d)
	if ctx.Err() != nil {
		return action.Result{}, ctx.Err()
	}
	if err != nil {
		detail, _ := json.Marshal(map[string]string{"provider": d.Name, "cause": clean(err)})
		return action.Result{Outcome: "unavailable", Audit: []journey.Audit{{Event: "provider.failed", Detail: detail}}}, nil
	}
	var raw [64]byte
	if _, err := io.ReadFull(t.Random, raw[:]); err != nil {
		return action.Result{}, fmt.Errorf("random: %w", err)
	}
	// The callback finds the journey by what precedes the dot; the rest is the secret.
	away := pending{State: t.View.Journey() + "." + base64.RawURLEncoding.EncodeToString(raw[:16]), Nonce: base64.RawURLEncoding.EncodeToString(raw[16:32]),
		Verifier: base64.RawURLEncoding.EncodeToString(raw[32:])}
	options := []oauth2.AuthCodeOption{oidc.Nonce(away.Nonce), oauth2.S256ChallengeOption(away.Verifier)}
	if c.LoginHint != "" {
		options = append(options, oauth2.SetAuthURLParam("login_hint", c.LoginHint))
	}
	r := t.View.Request()
	switch {
	case c.Prompt != "":
		options = append(options, oauth2.SetAuthURLParam("prompt", c.Prompt))
	case r.Login:
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
	}
	if r.MaxAge != nil {
		options = append(options, oauth2.SetAuthURLParam("max_age", fmt.Sprint(*r.MaxAge)))
	}
	config := d.config(found)
	away.URL = config.AuthCodeURL(away.State, options...)
	box, err := json.Marshal(away)
	if err != nil {
		return action.Result{}, fmt.Errorf("remember request: %w", err)
	}
	return p.stay(d, t, title, away.URL, box), nil
}

func (p *Providers) stay(d Provider, _ *action.Turn, title action.Text, url string, box json.RawMessage) action.Result {
	return action.Result{Box: box, Prompt: &action.Prompt{Title: title, Body: []action.Text{action.T("federate.body", "provider", d.Title)},
		Leave: &action.Leave{URL: url, Name: d.Title}, Others: []action.Button{{Name: "cancel", Label: action.T("another")}}}}
}

// redeem exchanges the code and checks the id_token: signature by the provider's keys, issuer, audience, times, nonce.
func (p *Providers) redeem(ctx context.Context, d Provider, t *action.Turn, away pending) (Answer, error) {
	found, err := p.discovered(ctx, d)
	if err != nil {
		return Answer{}, err
	}
	if iss := t.Input.Fields["iss"]; iss != d.Issuer && (iss != "" || named(found)) {
		return Answer{}, errors.New("the answer names another issuer, or none") // RFC 9207 §2.4: mix-up
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, d.Client), 10*time.Second)
	defer cancel()
	config := d.config(found)
	token, err := config.Exchange(ctx, t.Input.Fields["code"], oauth2.VerifierOption(away.Verifier))
	if err != nil {
		return Answer{}, fmt.Errorf("exchange code: %w", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Answer{}, errors.New("the provider sent no id_token")
	}
	id, err := found.VerifierContext(context.WithoutCancel(ctx), &oidc.Config{ClientID: d.ClientID, Now: func() time.Time { return t.Now }}).Verify(ctx, raw)
	if err != nil {
		return Answer{}, fmt.Errorf("id_token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(away.Nonce)) != 1 {
		return Answer{}, errors.New("id_token: another nonce")
	}
	if err := party(id, d.ClientID); err != nil {
		return Answer{}, err
	}
	if id.Subject == "" || len(id.Subject) > 255 {
		return Answer{}, errors.New("id_token: no usable subject")
	}
	if r := t.View.Request(); r.MaxAge != nil || r.Login {
		if err := recent(id, r.MaxAge, t.Now); err != nil {
			return Answer{}, err
		}
	}
	answer := Answer{}
	if err := id.Claims(&answer); err != nil {
		return Answer{}, fmt.Errorf("id_token claims: %w", err)
	}
	answer.Issuer, answer.Subject = id.Issuer, id.Subject
	return answer, nil
}

// named reports whether the provider says that its answers name it (RFC 9207 §3).
func named(found *oidc.Provider) bool {
	var m struct {
		Named bool `json:"authorization_response_iss_parameter_supported"`
	}
	return found.Claims(&m) == nil && m.Named
}

// party refuses a token made for another client that merely lists us (OpenID Connect Core §3.1.3.7, 4 and 5).
func party(id *oidc.IDToken, client string) error {
	var c struct {
		AZP string `json:"azp"`
	}
	if err := id.Claims(&c); err != nil {
		return fmt.Errorf("id_token claims: %w", err)
	}
	if c.AZP != "" && c.AZP != client || c.AZP == "" && len(id.Audience) > 1 {
		return errors.New("id_token: made for another client")
	}
	return nil
}

// recent refuses an upstream sign-in older than what was asked for (OpenID Connect Core §3.1.3.7, 13).
func recent(id *oidc.IDToken, maxAge *int, now time.Time) error {
	var c struct {
		AuthTime int64 `json:"auth_time"`
	}
	if err := id.Claims(&c); err != nil {
		return fmt.Errorf("id_token claims: %w", err)
	}
	if maxAge != nil && (c.AuthTime == 0 || now.Unix()-c.AuthTime > int64(*maxAge)+60) {
		return errors.New("id_token: the sign-in there is older than asked for")
	}
	return nil
}

// clean keeps an outside system's words short and on one line.
func clean(err error) string {
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, err.Error())
	if len(s) > 300 {
		s = s[:300]
	}
	return s
}
