package sample

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/stile-id/stile/server/dev/page"
	"github.com/stile-id/stile/server/web"
)

// signIn leaves for the issuer. The field `way` says what for: sign-in, create, account, partner.
func (a *App) signIn(w http.ResponseWriter, r *http.Request) {
	f, err := web.Form(w, r)
	if err != nil {
		a.Pages.Problem(w, http.StatusBadRequest, "This form cannot be read", "Nothing was sent.", "/dev/app")
		return
	}
	found, _, err := a.provider(r.Context())
	if err != nil {
		a.trouble(w, r, "Signing in could not begin", err)
		return
	}
	p := pending{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier(), client: OwnClient}
	options := []oauth2.AuthCodeOption{oidc.Nonce(p.nonce), oauth2.S256ChallengeOption(p.verifier)}
	switch f["way"] {
	case "sign-in":
	case "create":
		options = append(options, oauth2.SetAuthURLParam("prompt", "create"))
	case "account":
		p.account = true
		options = append(options, oauth2.SetAuthURLParam("claims", `{"id_token":{"acr":{"essential":true,"value":"`+AccountACR+`"}}}`))
	case "partner":
		p.client = PartnerClient
	default:
		a.Pages.Problem(w, http.StatusBadRequest, "There is no such way", "Nothing was sent.", "/dev/app")
		return
	}
	if hint := f["login_hint"]; hint != "" {
		options = append(options, oauth2.SetAuthURLParam("login_hint", hint))
	}
	a.sessions.change(w, r, func(s *session) {
		if s.pending = append(s.pending, p); len(s.pending) > maxPending {
			s.pending = s.pending[len(s.pending)-maxPending:]
		}
	})
	config := a.config(found, p.client)
	page.See(w, config.AuthCodeURL(p.state, options...))
}

// callback takes the issuer's answer. Everything in it is a stranger's until the ID token has been checked.
func (a *App) callback(client string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		values, err := url.ParseQuery(r.URL.RawQuery)
		f := map[string]string{}
		if err == nil {
			f, err = web.Single(values)
		}
		if err != nil {
			a.say(w, r, notice{Kind: "danger", Title: "The answer cannot be read", Text: "Sign in again."})
			return
		}
		p := a.sessions.collect(r, f["state"])
		switch {
		case p == nil || p.client != client:
			a.say(w, r, notice{Kind: "warn", Title: "This sign-in was not begun here", Text: "Or it was finished before. Sign in again."})
			return
		case f["iss"] != a.Issuer: // RFC 9207 §2.4: another server's answer
			a.say(w, r, notice{Kind: "danger", Title: "The answer is not the issuer's", Text: "Sign in again."})
			return
		case f["error"] != "":
			a.say(w, r, notice{Kind: "warn", Title: "Not signed in", Text: short("The answer was " + f["error"] + ". " + f["error_description"])})
			return
		}
		t, err := a.exchange(r.Context(), p, f["code"])
		if err != nil {
			a.trouble(w, r, "Not signed in", err)
			return
		}
		a.sessions.renew(w, r, func(s *session) {
			s.signed = t
			if p.account {
				s.notice = &notice{Kind: "ok", Title: "Back from the account", Text: "You are signed in as before."}
			}
		})
		page.See(w, "/dev/app")
	}
}

var errToken = errors.New("the ID token is not as it should be")

// exchange redeems a code and checks the ID token (OpenID Connect Core §3.1.3.7).
func (a *App) exchange(ctx context.Context, p *pending, code string) (*signed, error) {
	found, _, err := a.provider(ctx)
	if err != nil {
		return nil, err
	}
	config := a.config(found, p.client)
	token, err := config.Exchange(a.context(ctx), code, oauth2.VerifierOption(p.verifier))
	if err != nil {
		return nil, fmt.Errorf("exchange the code: %w", err)
	}
	t, id, err := a.checked(ctx, p.client, token)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(p.nonce)) != 1 {
		return nil, fmt.Errorf("%w: another nonce", errToken)
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, fmt.Errorf("%w: %w", errToken, err)
		}
	}
	var c struct {
		ACR string `json:"acr"`
	}
	if err := id.Claims(&c); err != nil {
		return nil, fmt.Errorf("%w: %w", errToken, err)
	}
	if p.account && c.ACR != AccountACR {
		return nil, fmt.Errorf("%w: its acr is not the one asked for", errToken)
	}
	return t, nil
}

// checked verifies the ID token beside a token answer and makes of it what the app keeps.
func (a *App) checked(ctx context.Context, client string, token *oauth2.Token) (*signed, *oidc.IDToken, error) {
	found, _, err := a.provider(ctx)
	if err != nil {
		return nil, nil, err
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, nil, fmt.Errorf("%w: it is missing", errToken)
	}
	id, err := found.Verifier(&oidc.Config{ClientID: client, Now: a.Now}).Verify(a.context(ctx), raw)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errToken, err)
	}
	var all json.RawMessage
	var c struct{ Name, Email string }
	if err := errors.Join(id.Claims(&all), id.Claims(&c)); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errToken, err)
	}
	name := c.Name
	for _, other := range []string{c.Email, id.Subject} {
		if name == "" {
			name = other
		}
	}
	return &signed{client: client, subject: id.Subject, name: name, claims: pretty(all), id: raw, token: token}, id, nil
}

// signOut forgets the person here, and goes on to sign out at the issuer (OpenID Connect RP-Initiated Logout 1.0).
func (a *App) signOut(w http.ResponseWriter, r *http.Request) {
	t := a.sessions.read(r).signed
	_, e, err := a.provider(r.Context())
	if err != nil {
		a.trouble(w, r, "Signing out at the issuer failed", err)
		return
	}
	a.sessions.renew(w, r, func(s *session) {
		s.pending = nil
		s.notice = &notice{Kind: "ok", Title: "Signed out", Text: "This app has forgotten you."}
	})
	if t == nil {
		page.See(w, "/dev/app")
		return
	}
	page.See(w, e.Logout+"?"+url.Values{"id_token_hint": {t.id}, "client_id": {t.client}, "post_logout_redirect_uri": {a.Issuer + "/dev/app"}}.Encode())
}
